/* `capos renew` by a passkey. */
#ifndef CAPOS_CLI_RENEW_PASSKEY_H
#define CAPOS_CLI_RENEW_PASSKEY_H

#include "cli.h"

/* Has the agent renew its session by what --passkey-command answers. An exit code. */
int renew_by_passkey(struct cli *c) CAPNP_MUST_USE;

#endif
