/*
 * The capability `admin` of a session.
 *
 * To its worker it is one more service: a socket, behind a membrane that counts and revokes. At the
 * other end is the session manager itself, which knows whose socket it is because it has made it:
 * for the grant of that session, by what its profile says. So there is nothing that a worker could
 * claim. The socket's end takes what a worker's admission takes: small messages, no references, no
 * descriptors.
 */
#include "admin-remote.h"

#include <string.h>

#include "admin-calls.h"
#include "asker.h"
#include "daemon-admin.h"
#include "grant.h"
#include "session.h"
#include "sessiond.h"

int admin_open(struct grant *g, int *ret_fd)
{
        const char *facet = g->policy->facet;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        int r;

        if (grant_is_open(g))
                return CAPNP_E_LIMIT;

        grant_close(g); /* what is left in the last one */
        r = asker_new(g->session, daemon_admin_facets((capnp_text){facet, (uint32_t)strlen(facet)}),
                      &g->asker);
        if (!r)
                r = admin_calls_serve(g->session->s, asker_ref(g->asker), &root);
        if (!r)
                r = grant_serve(g, root, ret_fd);
        if (r)
                grant_close(g);
        return r;
}
