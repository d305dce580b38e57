/* Where the sockets of agents are, and which there are. */
#ifndef CAPOS_CLI_RUNTIME_H
#define CAPOS_CLI_RUNTIME_H

#include "cli.h"

enum {
        RUNTIME_PATH = 108,   /* of a socket: what the kernel takes */
        RUNTIME_ALIASES = 64, /* logins that are looked at */
        RUNTIME_WHY = 512,    /* of a note */
};

/* Makes a folder that is to last, and those above it that are not there, for their user alone.
 * 0; -errno. */
int runtime_make_folders(const char *path) CAPNP_MUST_USE;
/* The socket of an alias. An exit code. */
int runtime_socket(const struct cli *c, const char *alias, bool create, char *to,
                   size_t room) CAPNP_MUST_USE;
/* The folder of such sockets as the next one's. An exit code. */
int runtime_desk_folder(const struct cli *c, bool create, char *to, size_t room) CAPNP_MUST_USE;
/* The socket of a process of `capos mcp`, for who approves its calls. An exit code. */
int runtime_desk(const struct cli *c, pid_t pid, char *to, size_t room) CAPNP_MUST_USE;
/* Which there are, alive or not: as many as there is room for. */
struct runtime_desks {
        char path[RUNTIME_ALIASES][RUNTIME_PATH];
        unsigned n;
};
int runtime_desks(const struct cli *c, struct runtime_desks *ret) CAPNP_MUST_USE;
/* The aliases there are sockets of, sorted; alive or not. */
struct runtime_aliases {
        char name[RUNTIME_ALIASES][RUNTIME_PATH];
        unsigned n;
};
int runtime_list(const struct cli *c, struct runtime_aliases *ret) CAPNP_MUST_USE;
/*
 * Why a login is over, for who asks later: a line in a folder beside the one of the sockets. path
 * is the socket that was. Writing "" removes it. What fails is let go: it is only a courtesy.
 */
void runtime_note_write(const char *path, const char *why);
/* The line of an alias, or with NULL the latest of all; ret_alias and ret_why hold RUNTIME_PATH and
 * RUNTIME_WHY bytes. false: there is none. */
bool runtime_note_read(const struct cli *c, const char *alias, char *ret_alias, char *ret_why,
                       uint64_t *ret_at_ms);

/*
 * Connects to a socket. Who may be there depends on what it is for:
 *
 * RUNTIME_AGENT: this user's own agent, nobody else's, whoever we are: it will act as us. One that
 * nobody listens on any more is removed.
 * RUNTIME_INSTANCE: an instance of this user's; for root also one that another user runs, when that
 * user owns the folder the socket is in: it is administered, and told nothing that is not for it.
 *
 * 0, the descriptor, and the process that listens; -errno (-EPERM: somebody else's).
 */
enum runtime_trust { RUNTIME_AGENT, RUNTIME_INSTANCE };
/* Of a connection to one of these, at both ends: a proof may go through, and so it wipes what it
 * has used. */
extern const struct capnp_limits runtime_limits;
int runtime_connect(const char *path, enum runtime_trust trust, int *ret_fd,
                    pid_t *ret_pid) CAPNP_MUST_USE;
/* Whether the other end of a socket is a process of this user's. */
bool runtime_peer_is_us(int fd);

#endif
