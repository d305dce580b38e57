/* What a command says and hears, without its content, in a file: --transcript. Without that all of
 * this does nothing. */
#ifndef CAPOS_CLI_TRANSCRIPT_H
#define CAPOS_CLI_TRANSCRIPT_H

#include "cli.h"

/* Makes the file, which must not be there. An exit code. */
int transcript_open(const struct cli *c) CAPNP_MUST_USE;
/* From now on what goes over a connection is noted; to: "agent", "admin". */
void transcript_watch(const struct cli *c, capnp_conn *conn, const char *to);
/* … and over a client's, to an instance. */
void transcript_watch_client(const struct cli *c, capos_client *client);
/* Writes the last line; connections that go on are not noted any more. Says when the file is not
 * whole: r, or EXIT_FAILED in place of EXIT_OK. */
int transcript_end(const struct cli *c, int r) CAPNP_MUST_USE;

#endif
