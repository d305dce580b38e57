/* Registering a passkey, by a code or from the session. */
#ifndef CAPOS_WEB_ENROL_H
#define CAPOS_WEB_ENROL_H

#include "bridge.h"

void enrol_begin(struct bridge *b, struct asker a, web_up_enrol_reader e);
/* response: RegistrationResponseJSON. */
void enrol_add(struct bridge *b, struct asker a, capnp_text response);

#endif
