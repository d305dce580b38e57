/* --via ssh: the way to an instance through the user's own ssh. */
#ifndef CAPOS_CLI_VIA_H
#define CAPOS_CLI_VIA_H

#include "greet.h"

/* Whether ssh is the way, and --via is written rightly and goes with the address. An exit code. */
int via_check(const struct cli *c, const struct greet_place *p) CAPNP_MUST_USE;
/* Starts ssh and connects through it, c->client; what ssh says on standard error is shown from
 * then on. 0, or -errno. */
int via_connect(struct cli *c, const struct greet_place *p) CAPNP_MUST_USE;
/* Shows what ssh has still to say, after something went wrong. */
void via_hear_out(struct cli *c);
/* No more of its words; it goes on for whoever has the connection. */
void via_leave(struct cli *c);
/* Ends it. */
void via_end(struct cli *c);

#endif
