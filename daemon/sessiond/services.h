/* The services of the instance, as the session manager knows them: a control connection each. */
#ifndef SESSIOND_SERVICES_H
#define SESSIOND_SERVICES_H

#include "base-list.h"
#include "policy.h"

struct grant;
struct session;
struct sessiond;

struct service {
        struct sessiond *s;
        const struct policy_service *policy;
        capnp_conn *conn;   /* NULL: not running */
        capnp_cap *control; /* its ServiceControl */
        uint8_t *schema;    /* what it said of itself, once asked; NULL: not yet */
        uint32_t schema_len;
        struct capnp_i_list grants; /* that have a socket to it */
};

/* Makes one for each of the policy. 0 or -ENOMEM. */
int services_init(struct sessiond *s) CAPNP_MUST_USE;
void services_deinit(struct sessiond *s);

/* A service was started; fd is taken. What belonged to an earlier run of it ends. */
void service_start(struct sessiond *s, uint32_t index, int fd);
/*
 * Hands a service its end of a grant's socket (taken) and says who is calling. When the service
 * refuses, the grant is closed. 0; CAPNP_E_DISCONNECTED: it is not running; -ENOMEM.
 */
int service_open(struct service *v, struct grant *g, int end) CAPNP_MUST_USE;
/* Ends an answer to Admission.schema with what the service says. Takes a. */
int service_describe(struct service *v, capnp_answer *a);
/* The schema of the capability `session`: a CodeGeneratorRequest. Takes a. */
int service_describe_session(struct sessiond *s, capnp_answer *a);

#endif
