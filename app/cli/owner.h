/* The sessions of a login's account, at its instance. */
#ifndef CAPOS_CLI_OWNER_H
#define CAPOS_CLI_OWNER_H

#include "cli.h"

/* Lists those of the login that is chosen. An exit code. */
int owner_show(struct cli *c) CAPNP_MUST_USE;
/* Ends another one, whose id begins so; the login that is chosen asks. An exit code. */
int owner_end_other(struct cli *c, const char *begin) CAPNP_MUST_USE;
/* Ends all others of the account of c->client. *ret_n: how many; none of one who has no account.
 * *ret_over: it was over itself. An exit code. */
int owner_end_others(struct cli *c, uint32_t *ret_n, bool *ret_over) CAPNP_MUST_USE;

#endif
