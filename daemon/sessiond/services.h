/* The services of the instance, as the session manager knows them: a control connection each. */
#ifndef SESSIOND_SERVICES_H
#define SESSIOND_SERVICES_H

#include "base-list.h"
#include "daemon-log.h"
#include "policy.h"

#include <capos/capnp-dynamic.h>

struct grant;
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
        unsigned hosts;     /* of this and of earlier runs, that can still be called */
        bool over;          /* service_end() was called */
        capnp_conn *conn;   /* NULL: not running */
        capnp_cap *control; /* its ServiceControl */
        uint8_t *schema;    /* what it said of itself, once asked; NULL: not yet */
        uint32_t schema_len;
        capnp_schema *names;          /* … and what that says; NULL: nobody wanted to know … */
        bool asked, nameless;         /* … that; it was asked for it; in vain */
        struct capnp_i_list grants;   /* that have a socket to it */
        struct capnp_i_list held;     /* struct grant, of_holder: what it has of others, once asked
                                       * for */
        struct capnp_i_list openings; /* struct opening: it has not said that it has the socket */
        unsigned nopenings;
        struct daemon_log_rate refused; /* lines about those that it did not take */
        struct capnp_i_list waiters;    /* struct waiter */
        unsigned nwaiters;
        capnp_question *describing; /* one for all of them */
        capnp_timer *describing_deadline;
};

/* A service has been asked to take a socket. Outlives the grant: what it waits with stays open
 * until the service has read it. */
struct opening {
        struct capnp_i_list link;     /* service.openings */
        struct capnp_i_list of_grant; /* grant.openings; alone: the grant is no more */
        struct service *v;
        struct grant *g;
        uint32_t socket; /* the grant's number for it */
        capnp_question *q;
        capnp_timer *deadline;
};

/* Makes one for each of the policy. 0 or -ENOMEM. */
int services_init(struct sessiond *s) CAPNP_MUST_USE;
void services_deinit(struct sessiond *s);
/* Makes one that does not run. NULL: there is no memory. */
struct service *service_new(struct sessiond *s, const struct policy_service *p);
/* It is not the instance's any more: what belongs to it ends, and it is freed as soon as nobody can
 * call its host any more. NULL does nothing. */
void service_end(struct service *v);

/* A service was started; fd is taken. What belonged to an earlier run of it ends. */
void service_run(struct service *v, int fd);
/* The same, by its place in the policy. */
void service_start(struct sessiond *s, uint32_t index, int fd);

/* opening.c */

/* The service that the policy speaks of. */
struct service *service_of(struct sessiond *s, const struct policy_service *p);
/* Whether it is one of the present policy's: another is tried out, or over. */
bool service_is_present(const struct service *v);
/* What was sent to it, and it has not taken, is not waited for. */
void openings_end(struct service *v);
/*
 * Makes a socket to a grant's service, which is v, hands the service its end and says who is
 * calling. When the service refuses, or does not answer in time, the grant is closed. 0: *ret_fd is
 * the worker's end, the caller's; CAPNP_E_LIMIT: there is one already; CAPNP_E_DISCONNECTED: the
 * service is not running; -EBUSY: it has not taken the last ones yet; -errno.
 */
int service_open(struct service *v, struct grant *g, int *ret_fd) CAPNP_MUST_USE;

/* describe.c */

/* Nobody will hear what the service is: it has gone. */
void service_describe_end(struct service *v);
/* Ends an answer to Admission.schema with what the service says. Takes a. */
int service_describe(struct service *v, capnp_answer *a);
/* What it calls a method, `Chat.join`; false, and it is asked, if it has not said so yet. ret: the
 * beginning of a name that is longer. */
bool service_method_name(struct service *v, uint64_t interface_id, uint16_t method, char *ret,
                         size_t size);
/* That of a capability of the instance's own, whose schema is in this file: a CodeGeneratorRequest.
 * Takes a. */
int service_describe_own(const struct capnp_schema_file *f, capnp_answer *a);

#endif
