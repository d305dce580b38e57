/* Values of fields: what a person types, what a service fixes, and both as arguments of a call. */
#ifndef CAPOS_UI_VALUE_H
#define CAPOS_UI_VALUE_H

#include <capos/ui.h>

#include "command.capnp-c.h"
#include "ui-words.h"

enum { UI_ARGS = 64, UI_FIELDS = 32, UI_CONSTANTS = 32, UI_CHOICES = 64 };

struct ui_value {
        enum command_value_which which;
        capnp_text text; /* borrowed */
        int64_t i;
        uint64_t u;
        double number;
        bool flag;
};

/* One argument of a call, or of an event. */
struct ui_arg {
        capnp_text path; /* borrowed */
        struct ui_value value;
        bool constant; /* by the service */
        bool typed;    /* by a person, in this act, who saw what it is */
};

struct ui_args {
        struct ui_arg v[UI_ARGS];
        uint32_t n;
};

struct ui_value ui_value_of(command_value_reader r);
void ui_value_build(const struct ui_value *v, command_value_builder to);
/* As JSON, which is also how a person is shown it. */
void ui_value_put(const struct ui_value *v, struct ui_words *to);
/* What stands in a field, by the field's kind and bounds. 0; CAPNP_E_EXCEPTION: it says why. */
int ui_value_parse(command_field_reader f, capnp_text typed, struct ui_value *ret,
                   struct capos_ui_why *ret_why) CAPNP_MUST_USE;

/* All fields of a list: what was given, else what they begin with. `some`: only what was given.
 * Texts are borrowed from both. 0; CAPNP_E_EXCEPTION. */
int ui_args_fill(struct ui_args *a, command_field_list fields, const struct capos_ui_value *given,
                 uint32_t n, bool some, struct capos_ui_why *ret_why) CAPNP_MUST_USE;
/* Whether a person has typed or picked all of them, in this act. */
bool ui_args_typed(const struct ui_args *a);
/* What a service has fixed. False: there is no room. */
bool ui_args_fix(struct ui_args *a, command_binding_list constants);
/* The parameters of a call, as a JSON object. */
void ui_args_put(const struct ui_args *a, struct ui_words *to);
void ui_args_build(const struct ui_args *a, command_binding_list_builder to);

/* `refused.<code>: words`, about a field. Returns CAPNP_E_EXCEPTION. */
int ui_why(struct capos_ui_why *w, capnp_text path, const char *fmt, ...) CAPNP_PRINTF(3, 4);

#endif
