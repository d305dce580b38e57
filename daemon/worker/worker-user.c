/*
 * UserSession: what a session may show to others, for it tells who somebody is and gives nothing.
 */
#include "worker-user.h"
#include "worker-use.h"

static int user_info(void *self, capnp_answer *a)
{
        struct worker *w = self;

        if (worker_refuses_unbound(w, a))
                return 0;
        if (w->user_revoked)
                return capos_i_deny(a, CAPOS_DENIED_REVOKED_LEASE, NULL);

        user_session_info_results_set_info(a, bound_info(worker_bound(w)));
        use_fill(w, user_session_info_results_build_info(a));
        return capnp_answer_return(a);
}

static const struct user_session_ops user_ops = {.info = user_info};

int user_new(struct worker *w, capnp_cap **ret_c)
{
        return user_session_serve(w->vat, &user_ops, w, ret_c);
}

bool user_owns(const capnp_cap *c)
{
        return capnp_cap_self_peek(c, &user_ops) != NULL;
}
