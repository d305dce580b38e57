/*
 * The end of a session, which is not yet the end of its worker.
 *
 * Everything that came from the session is cut at once and let go; so is the session manager. The
 * process then lingers, holding nothing, to tell a slow client why.
 */
#include "worker-end.h"
#include "worker-grant.h"
#include "worker-offer.h"
#include "worker-pending.h"
#include "worker-tally.h"
#include "worker-trace.h"
#include "worker-watch.h"

enum { LINGER_MS = 60 * 1000 };

static void worker_lingered(void *arg)
{
        capnp_vat_stop(((struct worker *)arg)->vat);
}

void worker_cut(struct worker *w, const char *reason)
{
        capos_i_refusal(w->ended, capos_denial_code(CAPOS_DENIED_STALE_SESSION), reason);
        pending_fail_all(w, w->ended);
        watch_fail_all(w, w->ended);
        offers_end_all(w, w->ended);
        grant_end_all(w);
}

void worker_end(struct worker *w, const char *reason)
{
        if (w->state == WORKER_ENDED)
                return;

        worker_move(w, WORKER_ENDED);
        worker_cut(w, reason);
        tally_report(w);
        trace_report(w);
        w->admission = capnp_cap_unref(w->admission);
        capnp_conn_on_close(w->sessiond, NULL, NULL);
        capnp_conn_close(w->sessiond, (capnp_exception){CAPNP_DISCONNECTED, "over"});
        w->sessiond = capnp_conn_unref(w->sessiond);
        if (capnp_timer_new(w->vat, LINGER_MS, worker_lingered, w, &w->linger))
                worker_lingered(w);
}
