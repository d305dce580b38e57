/* Places for sessions. */
#ifndef SESSIOND_PLACES_H
#define SESSIOND_PLACES_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

struct admission;
struct session;

/* What a session is counted as. */
enum conn_class session_class(const struct session *e);
/* Asks for a place for a session of this class; may end another one for it. 0; CAPNP_E_LIMIT. */
int places_take(struct admission *ad, enum conn_class conn_class) CAPNP_MUST_USE;

/* Why there was none, for people. */
const char *places_why(struct admission *ad, enum conn_class conn_class);

#endif
