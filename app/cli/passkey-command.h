/* An authenticator that is a program: --passkey-command. */
#ifndef CAPOS_CLI_PASSKEY_COMMAND_H
#define CAPOS_CLI_PASSKEY_COMMAND_H

#include "cli.h"

enum { PASSKEY_ANSWER_BYTES = 16 * 1024 };

/* What it is asked: options of WebAuthn as JSON, and until when somebody waits for the answer, in
 * ms since 1970 by that one's clock. */
struct passkey_asked {
        const char *options;
        size_t len;
        uint64_t expires_at_ms;
};

/*
 * Runs a command of the shell, gives it the options on standard input, and reads the response from
 * its standard output. It is ended, with all that it has started, when nobody waits any more. NULL:
 * to has *ret_len bytes of it; else why not, in words.
 */
const char *passkey_command_run(const char *command, const struct passkey_asked *asked,
                                char to[PASSKEY_ANSWER_BYTES], size_t *ret_len) CAPNP_MUST_USE;

#endif
