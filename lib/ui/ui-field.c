/*
 * Values are numbers, texts and flags, and a field says which of them a person may give. A host
 * asks for what is here and for nothing else, so a field has to make sense before it is shown: a
 * bound that nothing can meet, or a first value that would be refused, is the service's fault, and
 * told to it.
 *
 * There is no kind for secrets, and a text is a line or some lines of what anybody may read.
 */
#include "ui-field.h"

#define INFINITY_BITS 0x7ff0000000000000
#define SIGN_BIT      0x8000000000000000

#define MEMBER(n_, type_, slot_, place_, which_)                                                  \
        {                                                                                         \
                .name = n_, .type = type_, .slot = slot_, .place = place_, .member = (which_) + 1 \
        }

static const struct ui_field cell_fields[] = {
        MEMBER("text", UI_FIELD_TEXT, 0, UI_TEXT_CELL, COMMAND_VALUE_TEXT),
        MEMBER("int", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_INT),
        MEMBER("uint", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_UINT),
        MEMBER("number", UI_FIELD_DOUBLE, 8, UI_NUMBERS_FINITE, COMMAND_VALUE_NUMBER),
        MEMBER("flag", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_FLAG),
};

const struct ui_shape ui_shape_cell = {
        .id = COMMAND_VALUE_ID,
        .words = COMMAND_VALUE_WORDS,
        .ptrs = COMMAND_VALUE_PTRS,
        .tag = 0,
        .tags = COMMAND_VALUE_FLAG + 1,
        UI_SHAPE_FIELDS(cell_fields),
};

static const struct ui_field value_fields[] = {
        MEMBER("text", UI_FIELD_TEXT, 0, UI_TEXT_MESSAGE, COMMAND_VALUE_TEXT),
        MEMBER("int", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_INT),
        MEMBER("uint", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_UINT),
        MEMBER("number", UI_FIELD_DOUBLE, 8, UI_NUMBERS_FINITE, COMMAND_VALUE_NUMBER),
        MEMBER("flag", UI_FIELD_PLAIN, 8, 0, COMMAND_VALUE_FLAG),
};

const struct ui_shape ui_shape_value = {
        .id = COMMAND_VALUE_ID,
        .words = COMMAND_VALUE_WORDS,
        .ptrs = COMMAND_VALUE_PTRS,
        .tag = 0,
        .tags = COMMAND_VALUE_FLAG + 1,
        UI_SHAPE_FIELDS(value_fields),
};

static const struct ui_field binding_fields[] = {
        UI_F_TEXT("path", 0, UI_TEXT_PATH),
        UI_F_STRUCT("value", 1, ui_shape_value),
};

const struct ui_shape ui_shape_binding = {
        .id = COMMAND_BINDING_ID,
        .words = COMMAND_BINDING_WORDS,
        .ptrs = COMMAND_BINDING_PTRS,
        UI_SHAPE_FIELDS(binding_fields),
};

static const struct ui_field choice_fields[] = {
        UI_F_STRUCT("value", 0, ui_shape_cell),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_TEXT("detail", 2, UI_TEXT_SUMMARY),
};

static const struct ui_shape shape_choice = {
        .id = COMMAND_CHOICE_ID,
        .words = COMMAND_CHOICE_WORDS,
        .ptrs = COMMAND_CHOICE_PTRS,
        UI_SHAPE_FIELDS(choice_fields),
};

static const struct ui_field field_fields[] = {
        UI_F_TEXT("path", 0, UI_TEXT_PATH),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_TEXT("help", 2, UI_TEXT_SUMMARY),
        UI_F_ENUM_ONLY("kind", 0, COMMAND_FIELD_KIND_BYTES),
        UI_F_PLAIN("required", 2),
        UI_F_STRUCT("initial", 3, ui_shape_value),
        UI_F_STRUCTS("choices", 4, shape_choice, UI_ASKED_CHOICES),
        {.name = "min",
         .type = UI_FIELD_DOUBLE,
         .slot = 8,
         .place = UI_NUMBERS_INFINITE,
         .dflt = SIGN_BIT | INFINITY_BITS},
        {.name = "max",
         .type = UI_FIELD_DOUBLE,
         .slot = 16,
         .place = UI_NUMBERS_INFINITE,
         .dflt = INFINITY_BITS},
        UI_F_PLAIN("maxBytes", 4),
        UI_F_PLAIN("lines", 3),
};

const struct ui_shape ui_shape_field = {
        .id = COMMAND_FIELD_ID,
        .words = COMMAND_FIELD_WORDS,
        .ptrs = COMMAND_FIELD_PTRS,
        UI_SHAPE_FIELDS(field_fields),
};

static const struct ui_field call_fields[] = {
        UI_F_TEXT("capability", 0, UI_TEXT_CAPABILITY),
        UI_F_PLAIN("interfaceId", 0),
        UI_F_PLAIN("methodId", 8),
        UI_F_STRUCTS("constants", 1, ui_shape_binding, UI_ASKED_FIELDS),
};

static const struct ui_shape shape_call = {
        .id = COMMAND_CALL_ID,
        .words = COMMAND_CALL_WORDS,
        .ptrs = COMMAND_CALL_PTRS,
        UI_SHAPE_FIELDS(call_fields),
};

static const struct ui_field command_rows[] = {
        UI_F_TEXT("id", 0, UI_TEXT_COMMAND),
        UI_F_TEXT("title", 1, UI_TEXT_VERB),
        UI_F_TEXT("summary", 2, UI_TEXT_SENTENCE),
        UI_F_TEXT("group", 3, UI_TEXT_LABEL),
        UI_F_ENUM_ONLY("effect", 0, COMMAND_EFFECT_LASTING),
        UI_F_STRUCTS("fields", 4, ui_shape_field, UI_ASKED_FIELDS),
        UI_F_PLAIN("enabled", 2),
        UI_F_TEXT("reason", 5, UI_TEXT_SUMMARY),
        UI_F_TEXT("key", 6, UI_TEXT_GLYPH),
        {.name = "call",
         .type = UI_FIELD_STRUCT,
         .slot = 7,
         .member = COMMAND_RUN_CALL + 1,
         .shape = &shape_call},
};

const struct ui_shape ui_shape_command = {
        .id = COMMAND_ID,
        .words = COMMAND_WORDS,
        .ptrs = COMMAND_PTRS,
        .tag = 4,
        .tags = COMMAND_RUN_CALL + 1,
        .code = UI_REFUSAL_COMMAND,
        UI_SHAPE_FIELDS(command_rows),
};

/* ---- values ---- */

bool ui_value_is(command_value_reader a, command_value_reader b)
{
        if (command_value_which(a) != command_value_which(b))
                return false;

        switch (command_value_which(a)) {
        case COMMAND_VALUE_TEXT:
                return ui_text_is(command_value_text(a), command_value_text(b));
        case COMMAND_VALUE_INT:
        case COMMAND_VALUE_UINT:
                return command_value_int(a) == command_value_int(b);
        case COMMAND_VALUE_NUMBER:
                return command_value_number(a) == command_value_number(b);
        case COMMAND_VALUE_FLAG:
                return command_value_flag(a) == command_value_flag(b);
        default:
                return true;
        }
}

static const char *text_wrong(command_field_reader field, capnp_text t)
{
        if (t.len > command_field_max_bytes(field))
                return "too long";
        if (command_field_lines(field) <= 1 &&
            (memchr(t.p, '\n', t.len) || memchr(t.p, '\t', t.len)))
                return "more than a line";
        return NULL;
}

static const char *number_wrong(command_field_reader field, command_value_reader v)
{
        bool whole = command_field_kind(field) != COMMAND_FIELD_KIND_NUMBER;
        double x;

        switch (command_value_which(v)) {
        case COMMAND_VALUE_INT:
                x = (double)command_value_int(v);
                break;
        case COMMAND_VALUE_UINT:
                x = (double)command_value_uint(v);
                break;
        case COMMAND_VALUE_NUMBER:
                if (whole)
                        return "not a whole number";
                x = command_value_number(v);
                break;
        default:
                return "not a number";
        }
        if (command_field_kind(field) == COMMAND_FIELD_KIND_BYTES && x < 0)
                return "below 0";
        return x >= command_field_min(field) && x <= command_field_max(field) ? NULL
                                                                              : "out of bounds";
}

static const char *choice_wrong(command_field_reader field, command_value_reader v)
{
        command_choice_list choices = command_field_choices(field);

        for (uint32_t i = 0; i < command_choice_list_len(choices); i++)
                if (ui_value_is(command_choice_value(command_choice_list_get(choices, i)), v))
                        return NULL;
        return command_choice_list_len(choices) ? "none of the choices" : NULL;
}

const char *ui_value_wrong(command_field_reader field, command_value_reader v)
{
        if (command_value_which(v) == COMMAND_VALUE_NONE)
                return NULL;

        switch (command_field_kind(field)) {
        case COMMAND_FIELD_KIND_TEXT:
                return command_value_which(v) == COMMAND_VALUE_TEXT
                               ? text_wrong(field, command_value_text(v))
                               : "not a text";
        case COMMAND_FIELD_KIND_FLAG:
                return command_value_which(v) == COMMAND_VALUE_FLAG ? NULL : "not a flag";
        case COMMAND_FIELD_KIND_CHOICE:
                return choice_wrong(field, v);
        default:
                return number_wrong(field, v);
        }
}

/* ---- fields ---- */

uint32_t ui_fields_find(command_field_list fields, capnp_text path)
{
        for (uint32_t i = 0; i < command_field_list_len(fields); i++)
                if (ui_text_is(command_field_path(command_field_list_get(fields, i)), path))
                        return i;
        return UINT32_MAX;
}

static const char *field_wrong(command_field_reader f)
{
        if (!(command_field_min(f) <= command_field_max(f)))
                return "min is above max";
        if (command_field_kind(f) == COMMAND_FIELD_KIND_TEXT &&
            (!command_field_max_bytes(f) || command_field_max_bytes(f) > UI_ASKED_BYTES))
                return "maxBytes is not 1 to 4096";
        if (command_field_kind(f) == COMMAND_FIELD_KIND_TEXT &&
            (!command_field_lines(f) || command_field_lines(f) > UI_ASKED_LINES))
                return "lines is not 1 to 24";
        return ui_value_wrong(f, command_field_initial(f));
}

int ui_fields_check(command_field_list fields, enum ui_refusal code, struct ui_refused *ret_why)
{
        for (uint32_t i = 0; i < command_field_list_len(fields); i++) {
                command_field_reader f = command_field_list_get(fields, i);
                const char *wrong = field_wrong(f);

                if (ui_fields_find(fields, command_field_path(f)) != i)
                        return ui_refuse(ret_why, code, "fields[%u].path: there twice", i);
                if (wrong)
                        return ui_refuse(ret_why, code, "fields[%u]: %s", i, wrong);
        }
        return 0;
}
