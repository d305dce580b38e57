/* What every program that probes an instance asks, and how it names what comes. */
#ifndef CAPOS_CLIENT_PROBE_H
#define CAPOS_CLIENT_PROBE_H

#include <capos/capos-client.h>

/* A name that no bundle has and no profile. */
#define CLIENT_PROBE_UNKNOWN "capos-probe-unknown"

/* The most references that a probe fills a session with. */
enum { CLIENT_PROBE_REFERENCES = 4096 };

/* What has come, as a row says it: a code, "results", or a text that is cut to fit. */
void client_probe_name(const struct capos_error *e, char *to, size_t room);
/* Asks the bundle for a name. NULL: no memory. */
capnp_question *client_probe_get(const capos_client *c, const char *name, uint64_t interface);
/* Begins to log in as anybody, or nobody; profile NULL: whichever. NULL: no memory. */
capnp_question *client_probe_login(const capos_client *c, enum capos_auth kind,
                                   const char *profile);
/* A way to log in that is, or is not, enabled; with nobody: as nobody. */
bool client_probe_method(const capos_client *c, bool enabled, bool nobody, enum capos_auth *ret);
/* A method of an interface that takes a reference, and its parameter. */
bool client_probe_taker(const capnp_schema *s, uint64_t interface, struct capnp_method_info *ret_m,
                        struct capnp_field_info *ret_f);

#endif
