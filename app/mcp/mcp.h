/* `capos mcp`: the tools of a session for a model, over standard input and output. */
#ifndef CAPOS_MCP_H
#define CAPOS_MCP_H

#include "mcp-state.h"

/* What it needs of who runs it. */
struct mcp_session_ops {
        /* Opens a session and fetches what it is and has; takes as long as it takes, while the vat
         * runs. NULL: *ret_e says why there is none. The client stays the owner's. From then on the
         * paths in the options hold. */
        capos_client *(*open)(void *arg, struct capos_error *ret_e);
        /* The session is over; the client is not used any more. */
        void (*close)(void *arg);
};

struct mcp_options {
        capnp_vat *vat;
        const struct mcp_session_ops *session;
        void *arg;
        const char *version; /* of this program */
        const char *policy;  /* the file; NULL: none */
        const char *log;     /* likewise; "": none */
        const char *desk;    /* where approvals are given: a socket's path; "": nowhere */
        bool share;          /* also a session that is not of a profile for agents */
};

struct mcp_run;

/* Makes one. 0; -EINVAL: the policy is wrong, which was said on standard error; -errno. */
int mcp_run_new(const struct mcp_options *o, struct mcp_run **ret_r) CAPNP_MUST_USE;
/* Serves until there is nobody to speak to. 0; -errno. */
int mcp_run(struct mcp_run *r) CAPNP_MUST_USE;
struct mcp_run *mcp_run_free(struct mcp_run *r);

/* For the session's owner. Its line has dropped: what was got of it is dead. */
void mcp_run_lost(struct mcp_run *r);
/* … and is there again. */
void mcp_run_back(struct mcp_run *r);
/* It is over; why, for people. */
void mcp_run_ended(struct mcp_run *r, const char *code, const char *why);

#endif
