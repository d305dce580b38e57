/* The instance that is administered: the state folder of this machine's and its admin socket, or a
 * login. */
#ifndef CAPOS_CLI_STATE_H
#define CAPOS_CLI_STATE_H

#include "cli.h"

/* The folder: --state, or where an instance of this user keeps it. An exit code. */
int state_folder(const struct cli *c, char *to, size_t room) CAPNP_MUST_USE;
/* Whether it is another instance that is meant, that of a login: --remote, or --session, where a
 * command can do without being on the machine. */
bool state_is_far(const struct cli *c);
/* Connects to the running instance, or that of a login; c->remote is its Admin then. An exit code.
 */
int state_open_admin(struct cli *c) CAPNP_MUST_USE;
/* Likewise, for who can do without, and says nothing. */
bool state_has_admin(struct cli *c) CAPNP_MUST_USE;
/* Likewise, but that none runs is no error: ret_runs says so. */
int state_try_admin(struct cli *c, bool *ret_runs) CAPNP_MUST_USE;

#endif
