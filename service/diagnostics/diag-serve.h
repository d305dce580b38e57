/* Diagnostics as callers see it. */
#ifndef DIAG_SERVE_H
#define DIAG_SERVE_H

#include "diag-feed.h"

/* One socket. */
struct diag_guest;

/* Somebody has come: *ret_cap is what he gets, a reference of his. 0 or -ENOMEM. */
int diag_guest_enter(struct feed *f, struct diag_guest **ret_guest,
                     capnp_cap **ret_cap) CAPNP_MUST_USE;
/* … and has gone: his panes end. */
void diag_guest_leave(struct diag_guest *g);

#endif
