/* What a command says and hears, without its content, in a file: --transcript. Without that all of
 * this does nothing. */
#ifndef CAPOS_CLI_TRANSCRIPT_H
#define CAPOS_CLI_TRANSCRIPT_H

#include "cli.h"

/* A call or an answer, by its envelope. What is not said of either is 0. */
struct transcript_said {
        bool in, is_call;
        uint32_t question;
        size_t bytes;
        /* Of a call: the reference that it is made on, or, on_answer, the question whose results
         * have it; and what is called, with the names that this program has, or NULL. */
        bool on_answer;
        uint32_t on;
        uint64_t interface;
        uint16_t ordinal;
        const char *interface_name, *method_name;
        /* Of an answer: "results", "failed", …; the denial that it is, if it is one. */
        const char *outcome;
        enum capos_denial denial;
};

/* Makes the file, which must not be there. An exit code. */
int transcript_open(const struct cli *c) CAPNP_MUST_USE;
/* From now on what goes over a connection is noted; to: "agent", "admin". */
void transcript_watch(const struct cli *c, capnp_conn *conn, const char *to);
/* … and over a client's, to an instance. */
void transcript_watch_client(const struct cli *c, capos_client *client);
/* Has fn told of each call and each answer on the connection to the agent, from inside of what
 * sends and receives; NULL: no more. Whether or not they are noted in a file. */
void transcript_tell(const struct cli *c, void (*fn)(void *arg, const struct transcript_said *s),
                     void *arg);
/* Writes the last line; connections that go on are not noted any more. Says when the file is not
 * whole: r, or EXIT_FAILED in place of EXIT_OK. */
int transcript_end(const struct cli *c, int r) CAPNP_MUST_USE;

#endif
