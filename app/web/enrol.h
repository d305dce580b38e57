/* Passkeys: registering one, by a code or from the session; those that the account has. */
#ifndef CAPOS_WEB_ENROL_H
#define CAPOS_WEB_ENROL_H

#include "bridge.h"

void enrol_begin(struct bridge *b, struct asker a, web_up_enrol_reader e);
/* response: RegistrationResponseJSON. */
void enrol_add(struct bridge *b, struct asker a, capnp_text response);
/* What the account has, and taking one away. */
void enrol_list(struct bridge *b, struct asker a);
void enrol_remove(struct bridge *b, struct asker a, capnp_text id);

#endif
