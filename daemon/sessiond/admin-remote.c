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
#include <unistd.h>

#include "admin-calls.h"
#include "asker.h"
#include "daemon-admin.h"
#include "grant.h"
#include "session.h"
#include "sessiond.h"

enum { MESSAGE_BYTES = 64 * 1024, SEGMENTS = 8, ANSWERS = 16, REFS = 64 };

/* Serves it on our end, which is taken. */
static int admin_serve_grant(struct grant *g, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = MESSAGE_BYTES,
                .segments = SEGMENTS,
                .answers = ANSWERS,
                .refs = REFS,
                .held_bytes = (uint64_t)4 * MESSAGE_BYTES,
                .data_only = true,
                .wipe = true,
        };
        const char *facet = g->policy->facet;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        int r = asker_new(g->session,
                          daemon_admin_facets((capnp_text){facet, (uint32_t)strlen(facet)}),
                          &g->asker);

        if (!r)
                r = admin_calls_serve(g->session->s, asker_ref(g->asker), &root);
        if (r) {
                close(fd);
                return r;
        }
        return capnp_conn_new(g->session->s->vat, fd, &limits, root, &g->own);
}

int admin_open(struct grant *g, int *ret_fd)
{
        int ends[2], r;

        if (grant_is_open(g))
                return CAPNP_E_LIMIT;

        grant_close(g); /* what is left in the last one */
        r = grant_make(g, &ends[0], &ends[1]);
        if (r)
                return r;

        r = admin_serve_grant(g, ends[1]);
        if (r) {
                grant_close(g);
                close(ends[0]);
                return r;
        }
        *ret_fd = ends[0];
        return 0;
}
