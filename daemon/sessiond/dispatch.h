/* The one gate to Admission: every call a worker makes comes through here. */
#ifndef SESSIOND_DISPATCH_H
#define SESSIOND_DISPATCH_H

#include <capos/capnp-base.h>

struct admission;
struct packet;
struct sessiond;

/*
 * A connection has come in: it gets its admission, and may call. freed: its place is free again. 0;
 * -errno. ret_ad may be NULL.
 */
int dispatch_open(struct sessiond *s, const struct packet *event, void (*freed)(struct sessiond *s),
                  struct admission **ret_ad) CAPNP_MUST_USE;

#endif
