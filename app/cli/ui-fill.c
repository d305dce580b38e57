/*
 * A form, filled in a line at a time: each field is asked for by the frame, its service is told
 * what was typed (capos_ui_edit()), and after the last one the form's command is run with all of
 * it. A line without anything keeps what is there. What was not typed is the service's word, and
 * counts so when it is judged whether to ask.
 *
 * The form may change under a person's hands, and then what was typed for one thing must not go to
 * another. What it asks for and what it runs is noted at the beginning; once that is not what it
 * was, or the pane is gone, nothing is sent. Values, choices and help may change meanwhile.
 */
#include "ui-screen.h"

#include "command-fields.h"
#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 32, SHOWN_BYTES = 200 };

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

static capnp_reader command_find(const capos_ui_surface *pane, const char *id)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(pane, &p);
        for (uint32_t i = 0; i < p.commands; i++)
                if (!strcmp(command_id((command_reader){capos_ui_command_at(pane, i)}).p, id))
                        return capos_ui_command_at(pane, i);
        return (capnp_reader){0};
}

/* What a form asks for, and what it runs; no text of a service's has a line's end in it. The
 * caller's; NULL: no memory. */
static char *form_shape(const capos_ui_surface *pane, ui_form_reader form)
{
        command_field_list fields = ui_form_fields(form);
        command_reader c = {command_find(pane, ui_form_submit(form).p)};
        command_call_reader call = command_run_call(command_run(c));
        char *shape = NULL;
        size_t len;
        FILE *to = open_memstream(&shape, &len);

        if (!to)
                return NULL;
        (void)fprintf(to, "%s\n%s\n%" PRIx64 " %u\n", ui_form_submit(form).p,
                      command_call_capability(call).p, command_call_interface_id(call),
                      (unsigned)command_call_method_id(call));
        for (uint32_t i = 0; i < command_field_list_len(fields); i++) {
                command_field_reader f = command_field_list_get(fields, i);

                (void)fprintf(to, "%s\n%s\n%u\n", command_field_path(f).p, command_field_label(f).p,
                              (unsigned)command_field_kind(f));
        }
        if (fclose(to)) {
                free(shape);
                return NULL;
        }
        return shape;
}

/* A value as somebody would type it: the service's own text, borrowed, or a number in `number`. */
static capnp_text value_text(command_value_reader v, char number[static NUMBER_BYTES])
{
        switch (command_value_which(v)) {
        case COMMAND_VALUE_TEXT:
                return command_value_text(v);
        case COMMAND_VALUE_INT:
                (void)snprintf(number, NUMBER_BYTES, "%" PRId64, command_value_int(v));
                return capnp_text_of(number);
        case COMMAND_VALUE_UINT:
                (void)snprintf(number, NUMBER_BYTES, "%" PRIu64, command_value_uint(v));
                return capnp_text_of(number);
        case COMMAND_VALUE_NUMBER:
                (void)snprintf(number, NUMBER_BYTES, "%.17g", command_value_number(v));
                return capnp_text_of(number);
        case COMMAND_VALUE_FLAG:
                return capnp_text_of(command_value_flag(v) ? "true" : "false");
        default:
                return capnp_text_of("");
        }
}

/* What stands in a field by now: as its service has it. */
static capnp_text value_of(ui_form_reader form, command_field_reader f,
                           char number[static NUMBER_BYTES])
{
        command_binding_list values = ui_form_values(form);
        command_value_reader v = command_field_initial(f);

        for (uint32_t i = 0; i < command_binding_list_len(values); i++) {
                command_binding_reader b = command_binding_list_get(values, i);

                if (!strcmp(command_binding_path(b).p, command_field_path(f).p))
                        v = command_binding_value(b);
        }
        return value_text(v, number);
}

/* `, "TEXT"`, which cannot end its own quotes, and is cut to what can be shown; nothing of nothing.
 * Returns to. */
static const char *quoted(const char *lead, capnp_text text, char to[static SHOWN_BYTES])
{
        size_t n, most;

        to[0] = 0;
        if (!text.len)
                return to;
        n = (size_t)snprintf(to, SHOWN_BYTES, "%s\"", lead);
        most = SHOWN_BYTES - n - sizeof("…\"");
        for (uint32_t i = 0; i < text.len && i < most; i++)
                to[n++] = (char)(text.p[i] == '"' ? '\'' : text.p[i]);
        if (text.len > most)
                while (((unsigned char)text.p[most] & 0xc0) == 0x80 && most--)
                        n--;
        (void)snprintf(to + n, SHOWN_BYTES - n, text.len > most ? "…\"" : "\"");
        return to;
}

/* `[2] Chat asks for name, a text, required, "Name", "who it is for", now "Alice":` First what is
 * ours to say, then in quotes what the service says. */
static void field_ask(struct screen *s, capos_ui_surface *pane, ui_form_reader form)
{
        command_field_reader f = command_field_list_get(ui_form_fields(form), s->filling.field);
        char label[SHOWN_BYTES], help[SHOWN_BYTES], now[SHOWN_BYTES], number[NUMBER_BYTES];
        struct capos_ui_pane p;

        capos_ui_surface_info(pane, &p);
        ui_show_frame(&s->view, "[%u] %s asks for %.255s, %s%s%s%s%s:", s->filling.pane,
                      p.service_title, command_field_path(f).p,
                      command_kind_words(command_field_kind(f)),
                      command_field_required(f) ? ", required" : "",
                      quoted(", ", command_field_label(f), label),
                      quoted(", ", command_field_help(f), help),
                      quoted(", now ", value_of(form, f, number), now));
}

void filling_end(struct screen *s)
{
        for (uint32_t i = 0; i < s->filling.n; i++) {
                free(s->filling.texts[i]);
                free(s->filling.paths[i]);
        }
        free(s->filling.shape);
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
        char kept[UI_FIELDS][NUMBER_BYTES];

        for (uint32_t i = 0; i < n; i++)
                if (command_asks_for(c, typed[i].path))
                        values[act.nvalues++] = typed[i];
        for (uint32_t i = 0; i < command_field_list_len(fields) && act.nvalues < UI_FIELDS; i++) {
                command_field_reader f = command_field_list_get(fields, i);
                capnp_text text = value_of(form, f, kept[act.nvalues]);

                if (!text.len || is_typed(&s->filling, command_field_path(f).p) ||
                    !command_asks_for(c, command_field_path(f).p))
                        continue;
                values[act.nvalues++] =
                        (struct capos_ui_value){.path = command_field_path(f).p, .text = text};
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
        s->filling.shape = form_shape(pane, form);
        if (!s->filling.shape) {
                s->filling.pane = 0;
                (void)cli_fail_code(s->c, -ENOMEM, "form");
                return;
        }
        ui_show_frame(&s->view,
                      "[%u] a line for each field; nothing keeps what is there, Ctrl-C "
                      "ends it",
                      s->filling.pane);
        field_ask(s, pane, form);
}

/* Whether the form asks for what it did, and runs what it did. */
static bool filling_is_good(const struct screen *s, const capos_ui_surface *pane,
                            ui_form_reader form)
{
        char *now = form_shape(pane, form);
        bool same = now && !strcmp(now, s->filling.shape);

        free(now);
        return same;
}

void filling_line(struct screen *s, const char *line)
{
        ui_form_reader form;
        capos_ui_surface *pane = filling_pane(s, &form);
        uint32_t fields = pane ? command_field_list_len(ui_form_fields(form)) : 0;

        if (pane && !s->lines.given_up && !filling_is_good(s, pane, form)) {
                ui_show_frame(&s->view, "the form has changed, and is not sent: begin anew");
                filling_end(s);
                return;
        }
        if (s->lines.given_up || s->filling.field >= fields || s->filling.n == UI_FIELDS) {
                ui_show_frame(&s->view, "the form is not sent");
                filling_end(s);
                return;
        }
        if (*line &&
            !field_take(s, pane, command_field_list_get(ui_form_fields(form), s->filling.field),
                        line)) {
                field_ask(s, pane, form);
                return;
        }
        if (++s->filling.field < fields) {
                field_ask(s, pane, form);
                return;
        }
        if (*ui_form_submit(form).p)
                form_send(s, pane, form);
        filling_end(s);
}
