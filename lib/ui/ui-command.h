/* Commands that services offer: which are taken, what they cost, and how they become a call. */
#ifndef CAPOS_UI_COMMAND_H
#define CAPOS_UI_COMMAND_H

#include "remote_ui.capnp-c.h"
#include "ui-refuse.h"
#include "ui-value.h"

/* What the commands of one service are judged by. */
struct ui_judge {
        const capnp_schema *schema;
        const char *service; /* its name in the bundle */
        uint64_t interface;  /* of its own capability */
        const struct capos_ui_front_ops *ops;
        void *arg;
};

/* What a command calls. */
struct ui_target {
        struct capnp_method_info method;
        capnp_text capability; /* a name in the bundle; the service's own one when it names none */
        bool is_other;         /* it is not the service's own */
};

/* Whether a pane of that class may have it: texts, shape and fields (ui-field.h) have been checked.
 * 0; CAPNP_E_EXCEPTION; -ENOMEM. */
int ui_command_check(const struct ui_judge *j, enum ui_safety_class safety_class, command_reader c,
                     struct ui_refused *ret_why) CAPNP_MUST_USE;

/* What one that is no view calls. 0; CAPNP_E_EXCEPTION. */
int ui_command_target(const struct ui_judge *j, command_reader c, struct ui_target *ret_t,
                      struct ui_refused *ret_why) CAPNP_MUST_USE;

/* The worst of the service's word, the method's annotation and the host's policy. */
enum capos_ui_effect ui_command_effect(const struct ui_judge *j, command_reader c,
                                       const struct ui_target *t);

/* Whether a person is asked before it is run. is_other: not the service's own capability; typed: a
 * person has typed or picked all that is sent, in this act. */
bool ui_command_asks(enum capos_ui_effect effect, bool is_other, bool typed);

/* The parameters, read by the schema: what is wrong with them is found before anybody is asked.
 * 0; CAPNP_E_EXCEPTION; -ENOMEM. */
int ui_command_try(const struct ui_judge *j, const struct ui_target *t, const char *json,
                   struct capos_ui_why *ret_why) CAPNP_MUST_USE;

#endif
