/* The process that keeps a login. */
#ifndef CAPOS_CLI_AGENT_H
#define CAPOS_CLI_AGENT_H

#include "cli.h"

/* What the agent is made of; put together by `capos login`. */
struct agent_seed {
        capnp_vat *vat;
        capos_client *client; /* logged in */
        int listener;         /* listening already */
        const char *path;     /* the listener's */
        const char *alias, *address;
        const char *key, *identity; /* as in AgentInfo */
        const char *relying_party;  /* whose passkeys may be asked for; NULL: the host's */
        const char *witnesses;      /* the file of this instance (witness.h); NULL: none */
        const char *issuer;         /* by whom renewals are, too; NULL: the first */
        uint32_t timeout_ms;        /* of what the agent asks the instance */
        int *inherited; /* descriptors that are the caller's, and will not be the agent's */
        unsigned ninherited;
};

enum { AGENT_QUEUE = 64 }; /* callers that have not been accepted */

/* Notes which descriptors are open; to be called before any is opened here. 0; -errno. */
int agent_note_inherited(struct agent_seed *s) CAPNP_MUST_USE;

/*
 * Forks. In the parent: 0 and the agent's process id, or -errno; the parent must then end by
 * _exit(), because it shares the connection with its child. The child does not return.
 */
int agent_start(const struct agent_seed *s, pid_t *ret_pid) CAPNP_MUST_USE;

#endif
