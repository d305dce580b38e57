/* The flows of a connection: what Admission asks of them. */
#ifndef SESSIOND_FLOWS_H
#define SESSIOND_FLOWS_H

#include "flow.h"

/* How many logins may be under way, on all connections. */
uint64_t flows_limit(const struct policy *p);

void flows_init(struct flows *fs, const struct origin *o, const struct flow_ops *ops, void *arg);
/* Ends every flow; nobody hears of them any more. */
void flows_end(struct flows *fs);

/* Ends those of a set of kinds, a bit for each enum capos_auth: whoever is at it begins anew. */
void flows_abandon(struct flows *fs, uint32_t kinds);
/* The connection has a session: logins that are under way can come to nothing, so nothing is asked
 * of others for them any more, and none takes a place. */
void flows_bound(struct flows *fs);

/* Admission.start. renewed: the session that is to be renewed; NULL: for a login. Takes a. */
int flows_start(struct flows *fs, capnp_answer *a, const struct session *renewed);
/* Admission.next. may_login: the connection has no session yet. Takes a. */
int flows_next(struct flows *fs, capnp_answer *a, bool may_login);
/* Admission.cancel. Takes a. */
int flows_cancel(struct flows *fs, capnp_answer *a);
/* Admission.renew of a session. Takes a. */
int flows_renew(struct flows *fs, capnp_answer *a, const struct session *e);

#endif
