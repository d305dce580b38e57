/*
 * A form: what a person is asked for, and what is wrong with what was given so far. A delta changes
 * values, each by its field, and says all complaints anew: one that is not repeated is settled.
 * Fields change only with the whole. What a person is typing at the moment is the host's to keep.
 */
#include "ui-field.h"
#include "ui-kind.h"
#include "ui-pen.h"

static const struct ui_field complaint_fields[] = {
        UI_F_TEXT("path", 0, UI_TEXT_PATH_IF),
        UI_F_TEXT("text", 1, UI_TEXT_SUMMARY),
};

static const struct ui_shape shape_complaint = {
        .id = UI_FORM_COMPLAINT_ID,
        .words = UI_FORM_COMPLAINT_WORDS,
        .ptrs = UI_FORM_COMPLAINT_PTRS,
        UI_SHAPE_FIELDS(complaint_fields),
};

static const struct ui_field form_fields[] = {
        UI_F_STRUCTS("fields", 0, ui_shape_field, UI_ASKED_FIELDS),
        UI_F_STRUCTS("values", 1, ui_shape_binding, UI_ASKED_FIELDS),
        UI_F_STRUCTS("complaints", 2, shape_complaint, UI_ASKED_FIELDS),
        UI_F_TEXT("submit", 3, UI_TEXT_COMMAND_IF),
};

const struct ui_shape ui_shape_form = {
        .id = UI_FORM_ID,
        .words = UI_FORM_WORDS,
        .ptrs = UI_FORM_PTRS,
        UI_SHAPE_FIELDS(form_fields),
};

/* The place of the value with a path; UINT32_MAX: there is none. */
static uint32_t values_find(command_binding_list l, capnp_text path)
{
        for (uint32_t i = 0; i < command_binding_list_len(l); i++)
                if (ui_text_is(command_binding_path(command_binding_list_get(l, i)), path))
                        return i;
        return UINT32_MAX;
}

static int values_check(command_field_list fields, command_binding_list values,
                        struct ui_refused *ret_why)
{
        for (uint32_t i = 0; i < command_binding_list_len(values); i++) {
                command_binding_reader v = command_binding_list_get(values, i);
                uint32_t f = ui_fields_find(fields, command_binding_path(v));
                const char *wrong;

                if (f == UINT32_MAX)
                        return UI_WRONG(ret_why, "values[%u].path: not a field", i);
                if (values_find(values, command_binding_path(v)) != i)
                        return UI_WRONG(ret_why, "values[%u].path: there twice", i);

                wrong = ui_value_wrong(command_field_list_get(fields, f), command_binding_value(v));
                if (wrong)
                        return UI_WRONG(ret_why, "values[%u]: %s", i, wrong);
        }
        return 0;
}

static int form_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        ui_form_reader form = {ui_model_head(m)};
        command_field_list fields = ui_form_fields(form);
        ui_form_complaint_list complaints = ui_form_complaints(form);
        int r = ui_fields_check(fields, UI_REFUSAL_MODEL, ret_why);

        if (r)
                return r;
        r = values_check(fields, ui_form_values(form), ret_why);
        if (r)
                return r;

        for (uint32_t i = 0; i < ui_form_complaint_list_len(complaints); i++) {
                capnp_text path = ui_form_complaint_path(ui_form_complaint_list_get(complaints, i));

                if (path.len && ui_fields_find(fields, path) == UINT32_MAX)
                        return UI_WRONG(ret_why, "complaints[%u].path: not a field", i);
        }
        return 0;
}

/* The values there were, each replaced if there is a newer one, and then those that are new. */
static void values_merge(ui_form_builder to, command_binding_list was, command_binding_list given)
{
        uint32_t n = command_binding_list_len(was), at = n;
        capnp_lbuilder l;

        for (uint32_t i = 0; i < command_binding_list_len(given); i++)
                n += values_find(was, command_binding_path(command_binding_list_get(given, i))) ==
                     UINT32_MAX;
        l = ui_form_init_values(to, n).l;
        for (uint32_t i = 0; i < command_binding_list_len(was); i++)
                capnp_builder_copy(capnp_lbuilder_struct(l, i), capnp_list_struct(was.l, i));
        for (uint32_t i = 0; i < command_binding_list_len(given); i++) {
                capnp_reader v = capnp_list_struct(given.l, i);
                uint32_t old = values_find(was, command_binding_path((command_binding_reader){v}));

                capnp_builder_copy(capnp_lbuilder_struct(l, old == UINT32_MAX ? at++ : old), v);
        }
}

/* What there was, with other values and complaints. Both are blocks: what came in a message is
 * copied by its shape before anything is made of it. */
static int form_join(ui_form_reader was, ui_form_reader given, struct ui_block **ret_b)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *msg = NULL;
        ui_form_builder b;
        int r = capnp_msg_new(&msg);

        if (r)
                return r;

        b = ui_form_build(msg);
        ui_form_set_fields(b, ui_form_fields(was));
        ui_form_set_complaints(b, ui_form_complaints(given));
        ui_form_set_submit_n(b, ui_form_submit(was));
        values_merge(b, ui_form_values(was), ui_form_values(given));
        r = capnp_msg_check(msg);
        return r ? r : ui_block_new(&ui_shape_form, ui_form_as_reader(b).r, UINT16_MAX, ret_b);
}

static int form_head(const struct ui_model *m, ui_model_patch_reader p, struct ui_block **ret_b,
                     struct ui_refused *ret_why)
{
        ui_form_reader given = ui_model_patch_form(p);
        command_binding_list values = ui_form_values(given);
        struct ui_block *block;
        int r;

        if (ui_form_fields(given).l.len || ui_form_submit(given).len)
                return UI_WRONG(ret_why, "form: fields change only with the whole");
        for (uint32_t i = 0; i < command_binding_list_len(values); i++)
                if (values_find(values,
                                command_binding_path(command_binding_list_get(values, i))) != i)
                        return UI_WRONG(ret_why, "values[%u].path: there twice", i);

        r = ui_block_new(&ui_shape_form, given.r, UINT16_MAX, &block);
        if (r)
                return r;

        r = form_join((ui_form_reader){ui_model_head(m)}, (ui_form_reader){ui_block_reader(block)},
                      ret_b);
        ui_block_unref(block);
        return r;
}

static enum ui_unit unit_of(command_field_reader f)
{
        switch (command_field_kind(f)) {
        case COMMAND_FIELD_KIND_INSTANT:
                return UI_UNIT_INSTANT;
        case COMMAND_FIELD_KIND_DURATION:
                return UI_UNIT_MILLISECONDS;
        case COMMAND_FIELD_KIND_BYTES:
                return UI_UNIT_BYTES;
        default:
                return UI_UNIT_PLAIN;
        }
}

/* A value as a person would say it: a choice by its label. */
static capnp_text field_value(char out[UI_NUMBER_BYTES], command_field_reader f,
                              command_value_reader v, struct ui_pen *pen)
{
        command_choice_list choices = command_field_choices(f);

        for (uint32_t i = 0; i < command_choice_list_len(choices); i++) {
                command_choice_reader c = command_choice_list_get(choices, i);

                if (ui_value_is(command_choice_value(c), v) && command_choice_label(c).len)
                        return command_choice_label(c);
        }
        return ui_value_text(out, v, unit_of(f), pen);
}

static void field_draw(struct ui_pen *pen, ui_form_reader form, command_field_reader f)
{
        command_binding_list values = ui_form_values(form);
        uint32_t at = values_find(values, command_field_path(f));
        command_choice_list choices = command_field_choices(f);
        char out[UI_NUMBER_BYTES];

        ui_pen_add(pen, command_field_required(f) ? "* " : "  ");
        ui_pen_words(pen,
                     command_field_label(f).len ? command_field_label(f) : command_field_path(f),
                     2);
        ui_pen_words(pen, capnp_text_of(": ["), 4);
        ui_pen_words(pen,
                     field_value(out, f,
                                 at == UINT32_MAX ? command_field_initial(f)
                                                  : command_binding_value(
                                                            command_binding_list_get(values, at)),
                                 pen),
                     4);
        ui_pen_words(pen, capnp_text_of("]"), 4);
        ui_pen_line(pen);
        if (command_field_help(f).len) {
                ui_pen_to(pen, 4);
                ui_pen_words(pen, command_field_help(f), 4);
                ui_pen_line(pen);
        }
        for (uint32_t i = 0; i < command_choice_list_len(choices); i++) {
                ui_pen_to(pen, 4);
                ui_pen_words(pen, capnp_text_of("- "), 6);
                ui_pen_words(pen,
                             field_value(out, f,
                                         command_choice_value(command_choice_list_get(choices, i)),
                                         pen),
                             6);
                ui_pen_line(pen);
        }
}

static void complaints_draw(struct ui_pen *pen, ui_form_reader form, capnp_text path)
{
        ui_form_complaint_list all = ui_form_complaints(form);

        for (uint32_t i = 0; i < ui_form_complaint_list_len(all); i++) {
                ui_form_complaint_reader c = ui_form_complaint_list_get(all, i);

                if (!ui_text_is(ui_form_complaint_path(c), path))
                        continue;
                ui_pen_add(pen, path.len ? "  ! " : "! ");
                ui_pen_words(pen, ui_form_complaint_text(c), path.len ? 4 : 2);
                ui_pen_line(pen);
        }
}

static void form_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_form_reader form = {ui_model_head(m)};
        command_field_list fields = ui_form_fields(form);

        for (uint32_t i = 0; i < command_field_list_len(fields); i++) {
                command_field_reader f = command_field_list_get(fields, i);

                field_draw(pen, form, f);
                complaints_draw(pen, form, command_field_path(f));
        }
        complaints_draw(pen, form, capnp_text_of(""));
}

const struct ui_kind ui_kind_form = {
        .name = "form",
        .id = UI_SURFACE_KIND_FORM,
        .whole = &ui_shape_form,
        .deltas = 1 << UI_MODEL_PATCH_FORM,
        .head = form_head,
        .check = form_check,
        .draw = form_draw,
};
