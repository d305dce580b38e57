/* An authenticator that is a program: --passkey-command. */
#ifndef CAPOS_CLI_PASSKEY_COMMAND_H
#define CAPOS_CLI_PASSKEY_COMMAND_H

#include "cli.h"

enum { PASSKEY_ANSWER_BYTES = 16 * 1024 };

/*
 * Runs a command of the shell, gives it JSON on standard input, and reads JSON from its standard
 * output: options of WebAuthn, and the response to them. 0: to has *ret_len bytes of it; else why
 * not, in words.
 */
const char *passkey_command_run(const char *command, const char *options, size_t options_len,
                                char to[PASSKEY_ANSWER_BYTES], size_t *ret_len) CAPNP_MUST_USE;

#endif
