/*
 * A form, filled in a line at a time: each field is asked for by the frame, its service is told
 * what was typed (capos_ui_edit()), and after the last one the form's command is run with all of
 * it. A line without anything keeps what is there. What was not typed is the service's word, and
 * counts so when it is judged whether to ask.
 *
 * The form may change under a person's hands: fields are found anew by their paths, and a pane that
 * is gone ends it.
 */
#include "ui-screen.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The form that is filled in, or ends that. */
static capos_ui_surface *filling_pane(struct screen *s, ui_form_reader *ret_form)
{
        capos_ui_surface *pane = screen_pane(s, s->filling.pane);
        struct capos_ui_pane p;

        if (!pane)
                return NULL;
        capos_ui_surface_info(pane, &p);
        if (p.kind != UI_SURFACE_KIND_FORM)
                return NULL;
        *ret_form = (ui_form_reader){capos_ui_model_head(pane)};
        return pane;
}

static void value_print(char *to, size_t room, command_value_reader v)
{
        switch (command_value_which(v)) {
        case COMMAND_VALUE_TEXT:
                (void)snprintf(to, room, "%s", command_value_text(v).p);
                return;
        case COMMAND_VALUE_INT:
                (void)snprintf(to, room, "%" PRId64, command_value_int(v));
                return;
        case COMMAND_VALUE_UINT:
                (void)snprintf(to, room, "%" PRIu64, command_value_uint(v));
                return;
        case COMMAND_VALUE_NUMBER:
                (void)snprintf(to, room, "%.17g", command_value_number(v));
                return;
        case COMMAND_VALUE_FLAG:
                (void)snprintf(to, room, "%s", command_value_flag(v) ? "true" : "false");
                return;
        default:
                *to = 0;
        }
}

/* What stands in a field by now: as its service has it. */
static void value_of(ui_form_reader form, command_field_reader f, char *to, size_t room)
{
        command_binding_list values = ui_form_values(form);

        value_print(to, room, command_field_initial(f));
        for (uint32_t i = 0; i < command_binding_list_len(values); i++) {
                command_binding_reader b = command_binding_list_get(values, i);

                if (!strcmp(command_binding_path(b).p, command_field_path(f).p))
                        value_print(to, room, command_binding_value(b));
        }
}

/* `[2] Name (who it is for) now: Alice; nothing keeps it` */
static void field_ask(struct screen *s, ui_form_reader form)
{
        command_field_reader f = command_field_list_get(ui_form_fields(form), s->filling.field);
        const char *label = command_field_label(f).p, *help = command_field_help(f).p;
        char now[200];

        value_of(form, f, now, sizeof(now));
        ui_show_frame(&s->view, "[%u] %s%s%s%s%s%s%s%s", s->filling.pane,
                      *label ? label : command_field_path(f).p, *help ? " (" : "", help,
                      *help ? ")" : "", *now ? ", now: " : "", now,
                      command_field_required(f) ? ", required" : "", ":");
}

void filling_end(struct screen *s)
{
        for (uint32_t i = 0; i < s->filling.n; i++) {
                free(s->filling.texts[i]);
                free(s->filling.paths[i]);
        }
        s->filling = (struct ui_filling){.pane = 0};
}

/* The values that were typed; ret has room for all. */
static uint32_t values_typed(const struct ui_filling *f, struct capos_ui_value *ret)
{
        for (uint32_t i = 0; i < f->n; i++)
                ret[i] = (struct capos_ui_value){
                        .path = f->paths[i], .text = capnp_text_of(f->texts[i]), .typed = true};
        return f->n;
}

static bool is_typed(const struct ui_filling *f, const char *path)
{
        for (uint32_t i = 0; i < f->n; i++)
                if (!strcmp(f->paths[i], path))
                        return true;
        return false;
}

static capnp_reader command_find(const capos_ui_surface *pane, const char *id)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(pane, &p);
        for (uint32_t i = 0; i < p.commands; i++)
                if (!strcmp(command_id((command_reader){capos_ui_command_at(pane, i)}).p, id))
                        return capos_ui_command_at(pane, i);
        return (capnp_reader){0};
}

static bool command_asks_for(command_reader c, const char *path)
{
        command_field_list fields = command_fields(c);

        for (uint32_t i = 0; i < command_field_list_len(fields); i++)
                if (!strcmp(command_field_path(command_field_list_get(fields, i)).p, path))
                        return true;
        return false;
}

/* Runs the form's command with those of the fields that it asks for. */
static void form_send(struct screen *s, capos_ui_surface *pane, ui_form_reader form)
{
        struct capos_ui_value typed[UI_FIELDS], values[UI_FIELDS];
        struct capos_ui_act act = {.values = values, .trusted = true};
        command_field_list fields = ui_form_fields(form);
        command_reader c = {command_find(pane, ui_form_submit(form).p)};
        uint32_t n = values_typed(&s->filling, typed);
        char kept[UI_FIELDS][200];

        for (uint32_t i = 0; i < n; i++)
                if (command_asks_for(c, typed[i].path))
                        values[act.nvalues++] = typed[i];
        for (uint32_t i = 0; i < command_field_list_len(fields) && act.nvalues < UI_FIELDS; i++) {
                command_field_reader f = command_field_list_get(fields, i);
                char *text = kept[act.nvalues];

                value_of(form, f, text, sizeof(kept[0]));
                if (!*text || is_typed(&s->filling, command_field_path(f).p) ||
                    !command_asks_for(c, command_field_path(f).p))
                        continue;
                values[act.nvalues++] = (struct capos_ui_value){.path = command_field_path(f).p,
                                                                .text = capnp_text_of(text)};
        }
        act.command = ui_form_submit(form).p;
        screen_activate(s, pane, &act);
}

/* Notes what was typed in a field, and tells its service. false: it is not taken. */
static bool field_take(struct screen *s, capos_ui_surface *pane, command_field_reader f,
                       const char *line)
{
        struct ui_filling *fill = &s->filling;
        struct capos_ui_value values[UI_FIELDS];
        struct capos_ui_why why = {.text = ""};
        int r;

        fill->paths[fill->n] = strdup(command_field_path(f).p);
        fill->texts[fill->n] = strdup(line);
        if (fill->paths[fill->n] && fill->texts[fill->n])
                fill->n++;
        r = capos_ui_edit(pane, values, values_typed(fill, values), &why);
        if (!r)
                return true;
        if (r == CAPNP_E_EXCEPTION)
                (void)cli_fail(s->c, EXIT_USAGE, "refused", "%s: %s", why.path, why.text);
        else
                (void)cli_fail_code(s->c, r, "form");
        if (fill->n) {
                fill->n--;
                free(fill->paths[fill->n]);
                free(fill->texts[fill->n]);
        }
        return false;
}

void filling_begin(struct screen *s, capos_ui_surface *pane)
{
        ui_form_reader form;

        filling_end(s);
        s->filling.pane = ui_show_number(pane);
        if (!filling_pane(s, &form) || !command_field_list_len(ui_form_fields(form))) {
                s->filling.pane = 0;
                (void)cli_fail(s->c, EXIT_USAGE, "usage", "that is no form");
                return;
        }
        ui_show_frame(&s->view,
                      "[%u] a line for each field; nothing keeps what is there, Ctrl-C "
                      "ends it",
                      s->filling.pane);
        field_ask(s, form);
}

void filling_line(struct screen *s, const char *line)
{
        ui_form_reader form;
        capos_ui_surface *pane = filling_pane(s, &form);
        uint32_t fields = pane ? command_field_list_len(ui_form_fields(form)) : 0;

        if (s->lines.given_up || s->filling.field >= fields || s->filling.n == UI_FIELDS) {
                ui_show_frame(&s->view, "the form is not sent");
                filling_end(s);
                return;
        }
        if (*line &&
            !field_take(s, pane, command_field_list_get(ui_form_fields(form), s->filling.field),
                        line)) {
                field_ask(s, form);
                return;
        }
        if (++s->filling.field < fields) {
                field_ask(s, form);
                return;
        }
        if (*ui_form_submit(form).p)
                form_send(s, pane, form);
        filling_end(s);
}
