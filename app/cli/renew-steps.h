/* `capos renew` by what is proved in steps: a passkey, an identity provider, an access token. */
#ifndef CAPOS_CLI_RENEW_STEPS_H
#define CAPOS_CLI_RENEW_STEPS_H

#include "cli.h"

/* What `capos renew --method` has, from 0. NULL: past the last. */
const char *renew_method(unsigned i);
/* Has the agent raise its session to --profile, by this key, or by a password that is asked for. An
 * exit code. */
int raise_by_key(struct cli *c, const capos_key *key) CAPNP_MUST_USE;
int raise_by_password(struct cli *c, const char *account) CAPNP_MUST_USE;
/* Has the agent renew its session by what --passkey-command answers. An exit code. */
int renew_by_passkey(struct cli *c) CAPNP_MUST_USE;
/* … by an identity provider, with a browser here or with a code for one elsewhere. */
int renew_by_page(struct cli *c, bool device) CAPNP_MUST_USE;
/* … by the access token in --token-file. */
int renew_by_token(struct cli *c) CAPNP_MUST_USE;

#endif
