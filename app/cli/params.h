/* The parameters of a call, as they are typed. */
#ifndef CAPOS_CLI_PARAMS_H
#define CAPOS_CLI_PARAMS_H

#include "cli.h"

/*
 * Reads the words behind CAP and METHOD into JSON: one object, `-` (it is on standard input),
 * @FILE, or FIELD=VALUE, FIELD=@FILE (@-: standard input), FIELD:=JSON. The text is to be freed;
 * *ret_typed: it was one object, so that places in it mean something. An exit code.
 */
int params_read(struct cli *c, const struct capnp_method_info *m, char **ret_text,
                bool *ret_typed) CAPNP_MUST_USE;
/* Whether a value stands for what is elsewhere: `@FILE`, and `<<END` where lines can follow. */
bool params_names_file(const struct cli *c, const char *value);
/* Reads all of that, with a NUL behind it; to be freed. An exit code. */
int params_file(struct cli *c, const char *value, char **ret_p, size_t *ret_len) CAPNP_MUST_USE;
/* Whether a text can end the lines that `<<` begins: letters, digits, _. */
bool params_block_name(const char *end);

#endif
