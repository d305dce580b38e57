/* A capability of a session's bundle, or what a service holds of another, and the socket behind it
 * while there is one. */
#ifndef SESSIOND_GRANT_H
#define SESSIOND_GRANT_H

#include "base-list.h"
#include "policy.h"

struct asker;
struct service;
struct session;

enum { CALLER_BYTES = 16 };

struct grant {
        struct session *session;      /* whose it is; NULL: … */
        const struct service *holder; /* … this service's */
        struct capnp_i_list of_holder;
        const struct policy_grant *policy; /* NULL: it has none any more, and is revoked */
        char name[POLICY_NAME_BYTES + 1];
        uint64_t interface_id;
        capnp_vat *vat;
        struct capnp_i_list of_service;  /* while it has a socket */
        struct capnp_i_list openings;    /* what the service was sent of it and has not taken */
        uint32_t socket;                 /* counts those that it has had */
        uint8_t reference[CALLER_BYTES]; /* what the service calls it by, while it has a socket */
        uint32_t disclosed;              /* what the service was told of it: on record */
        capnp_timer *patience;           /* for the service to answer, or to read what is left */
        capnp_watch *watch;              /* tells when the worker has closed its end */
        struct asker *asker;             /* of `admin`: who is behind the socket … */
        capnp_conn *own;                 /* … whose service's end is ours */
        int dup;                         /* our duplicate of the service's end; -1: no socket */
        bool hung_up;                    /* the worker has closed it: nothing more comes in */
        bool opened;                     /* once, which is on record */
        bool revoked;
        const char *why; /* … for people; NULL: an administrator has */
        bool by_policy;  /* … which can give it again */
        bool notice;     /* the worker has not been told yet */
};

/* The interface of what is granted. */
uint64_t grant_interface(const struct policy_grant *p);
/* Makes one, without a socket. e: NULL, and the holder is filled in then. NULL: there is no memory.
 */
struct grant *grant_new(capnp_vat *v, struct session *e, const struct policy_grant *p);
/* Nothing of the grant is left anywhere. */
void grant_free(struct grant *g);

/* Whether it has a socket that its worker can use. */
bool grant_is_open(struct grant *g);
/* Makes its socket; it has none: *ret_worker and *ret_service are the ends, the
 * caller's. 0, or -errno. */
int grant_make(struct grant *g, int *ret_worker, int *ret_service) CAPNP_MUST_USE;
/* Likewise, of something that we serve ourselves: root, on our end, whose messages are as an
 * admission's: small, without references and descriptors. 0, *ret_fd is the other one's end, the
 * caller's; -errno. */
int grant_serve(struct grant *g, capnp_cap *root, int *ret_fd) CAPNP_MUST_USE;
/* Shuts the socket, and throws away what is queued in it: a call is through only if the service had
 * read it before. Nothing happens when there is none. */
void grant_close(struct grant *g);

#endif
