/*
 * Ends sessions over the admin socket, or takes a capability from one, by its id: those that live,
 * and those whose line has dropped and whose client may come back.
 */
#include "admin-session.h"

#include "admin.capnp-c.h"
#include "admit.h"
#include "enrolment.h"
#include "origin.h"
#include "session.h"
#include "sessiond.h"

static const char NO_CAP[] = "the session has no such capability: `capos manifest explain` has "
                             "those of its profile";

int admin_on_session_revoke(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct session *e = sessions_find(s, admin_session_revoke_param_id(a));
        capnp_text cap = admin_session_revoke_param_cap(a);
        struct enrolment *n = NULL;

        if (!e)
                n = enrolments_of(s, admin_session_revoke_param_id(a));
        if (n && n->session) {
                e = n->session; /* it has been come back to, under another id */
                n = NULL;
        }
        if (capnp_answer_check(a) || (!e && !n))
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "there is no such session: `capos session list` has them");
        if (n && enrolment_revoke(n, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, NO_CAP);
        if (n)
                return admissions_return(s, a);
        if (!cap.len)
                session_end(e, SESSION_REVOCATION, "revoked");
        else if (session_revoke(e, cap))
                return capnp_answer_fail(a, CAPNP_FAILED, NO_CAP);

        return admissions_return(s, a);
}
