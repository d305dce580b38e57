/* Values, and what a person is asked for: the parts of command.capnp that models and commands
 * share. */
#ifndef CAPOS_UI_FIELD_H
#define CAPOS_UI_FIELD_H

#include "ui-shape.h"

enum {
        UI_ASKED_FIELDS = 32,  /* of a form or a command */
        UI_ASKED_CHOICES = 64, /* of a field */
        UI_ASKED_BYTES = 4096, /* of a text that somebody types */
        UI_ASKED_LINES = 24,
};

/* A cell is one line of 1 KiB at most; a value, which somebody may type, has lines and 4 KiB. */
extern const struct ui_shape ui_shape_cell, ui_shape_value, ui_shape_binding, ui_shape_field,
        ui_shape_command;

/* Whether what a command or a form asks for can be asked: paths differ, kinds are known, bounds
 * are in order, first values fit. The shape has been checked. code: what it is refused as.
 * 0 or CAPNP_E_EXCEPTION. */
int ui_fields_check(command_field_list fields, enum ui_refusal code,
                    struct ui_refused *ret_why) CAPNP_MUST_USE;
/* The place of the field with a path; UINT32_MAX: there is none. */
uint32_t ui_fields_find(command_field_list fields, capnp_text path);
/* What is wrong with a value for a field, in words; NULL: it fits. `none` fits any. */
const char *ui_value_wrong(command_field_reader field, command_value_reader value);

/* Whether two values are the same. */
bool ui_value_is(command_value_reader a, command_value_reader b);

/* Whether two texts are the same. */
static inline bool ui_text_is(capnp_text a, capnp_text b)
{
        return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

#endif
