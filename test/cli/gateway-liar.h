/* For the gateway that clients are tested against: an `admin` that lies. */
#ifndef CAPOS_GATEWAY_LIAR_H
#define CAPOS_GATEWAY_LIAR_H

#include <capos/capnp.h>

/* how: see gateway-liar.c. 0; -ENOMEM */
int liar_new(capnp_vat *v, const char *how, capnp_cap **ret_admin) CAPNP_MUST_USE;

#endif
