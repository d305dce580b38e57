/* A capability of a session's bundle, and the socket behind it while there is one. */
#ifndef SESSIOND_GRANT_H
#define SESSIOND_GRANT_H

#include "base-list.h"
#include "policy.h"

struct service;
struct session;

struct grant {
        struct session *session;
        const struct policy_grant *policy;
        struct capnp_i_list of_service; /* while it has a socket */
        capnp_timer *patience;          /* for the service to answer, or to read what is left */
        capnp_watch *watch;             /* tells when the worker has closed its end */
        int dup;                        /* our duplicate of the service's end; -1: no socket */
        bool hung_up;                   /* the worker has closed it: nothing more comes in */
        bool revoked;
        bool notice; /* the worker has not been told yet */
};

void grant_init(struct grant *g, struct session *e, const struct policy_grant *p);

/*
 * Makes a socket to the grant's service. 0: *ret_fd is the worker's end, the caller's;
 * CAPNP_E_LIMIT: there is one already; CAPNP_E_DISCONNECTED: the service is not running; -EBUSY: it
 * has not taken the last ones yet; -errno.
 */
int grant_open(struct grant *g, int *ret_fd) CAPNP_MUST_USE;
/* Nothing of the grant is left anywhere. */
void grant_deinit(struct grant *g);
/* Shuts the socket, and throws away what is queued in it: a call is through only if the service had
 * read it before. Nothing happens when there is none. */
void grant_close(struct grant *g);

#endif
