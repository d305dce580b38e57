/* The services of the instance, as the session manager knows them: a control connection each. */
#ifndef SESSIOND_SERVICES_H
#define SESSIOND_SERVICES_H

#include "base-list.h"
#include "policy.h"

struct grant;
struct session;
struct sessiond;

enum {
        SERVICE_MS = 5000,      /* for a service to answer what the session manager asks */
        SERVICE_WAITERS = 64,   /* who want to know what it is, until it has said so once */
        SERVICE_OPENINGS = 256, /* sockets on their way to it */
        GRANT_OPENINGS = 4,     /* … of one grant */
        SERVICE_SCHEMA_BYTES = 4 * 1024 * 1024,
};

struct service {
        struct sessiond *s;
        const struct policy_service *policy;
        capnp_conn *conn;   /* NULL: not running */
        capnp_cap *control; /* its ServiceControl */
        uint8_t *schema;    /* what it said of itself, once asked; NULL: not yet */
        uint32_t schema_len;
        struct capnp_i_list grants;   /* that have a socket to it */
        struct capnp_i_list openings; /* struct opening: it has not said that it has the socket */
        unsigned nopenings;
        struct capnp_i_list waiters; /* struct waiter */
        unsigned nwaiters;
        capnp_question *describing; /* one for all of them */
        capnp_timer *describing_deadline;
};

/* A service has been asked to take a socket. Outlives the grant: what it waits with stays open
 * until the service has read it. */
struct opening {
        struct capnp_i_list link; /* service.openings */
        struct service *v;
        struct grant *g; /* whose; NULL: it is no more */
        bool current;    /* it is about the socket that the grant has now */
        capnp_question *q;
        capnp_timer *deadline;
};

/* Makes one for each of the policy. 0 or -ENOMEM. */
int services_init(struct sessiond *s) CAPNP_MUST_USE;
void services_deinit(struct sessiond *s);

/* A service was started; fd is taken. What belonged to an earlier run of it ends. */
void service_start(struct sessiond *s, uint32_t index, int fd);
/*
 * Hands a service its end of a grant's socket (taken) and says who is calling. When the service
 * refuses, or does not answer in time, the grant is closed. 0; CAPNP_E_DISCONNECTED: it is not
 * running; -EBUSY: it has not taken earlier ones yet; -ENOMEM.
 */
int service_open(struct service *v, struct grant *g, int end) CAPNP_MUST_USE;
/* The grant's socket is not that of its last opening any more; gone: nor is there a grant. */
void service_forget(struct service *v, struct grant *g, bool gone);

/* describe.c */

/* Nobody will hear what the service is: it has gone. */
void service_describe_end(struct service *v);
/* Ends an answer to Admission.schema with what the service says. Takes a. */
int service_describe(struct service *v, capnp_answer *a);
/* The schema of the capability `session`: a CodeGeneratorRequest. Takes a. */
int service_describe_session(struct sessiond *s, capnp_answer *a);

#endif
