/*
 * One connection, from its first byte to its last.
 *
 * Two sockets and no more: the client's, where this process is a vat whose bootstrap object is a
 * RemoteSessionGateway, and the session manager's, where it may ask. Before a login it has no
 * authority. After one it holds the sockets of the services that were granted and asked for, each
 * behind a membrane. Nothing it says to the session manager is believed without being checked
 * there.
 *
 * When the session ends (logout, expiry, revocation) everything is cut at once and let go; the
 * process then lingers, holding nothing, to tell a slow client why, until it hangs up or a minute
 * has passed. When the session manager is gone, or the client is, the process is done.
 */
#include "worker-serve.h"
#include "worker-end.h"
#include "worker-flow.h"
#include "worker-gateway.h"
#include "worker-grant.h"
#include "worker-offer.h"
#include "worker-session.h"
#include "worker-tally.h"
#include "worker-tls.h"
#include "worker-trace.h"
#include "worker-user.h"
#include "worker-zygote.h"

static void worker_done(struct worker *w)
{
        capnp_vat_stop(w->vat);
}

/* ---- what the session manager has to say ---------------------------------------------------- */

static void worker_watch(struct worker *w);

static void worker_notice(struct worker *w, notice_reader n)
{
        switch (notice_which(n)) {
        case NOTICE_ENDED:
                worker_end(w, notice_ended(n).p);
                return;
        case NOTICE_REVOKED:
                offers_revoke(w, notice_revoked(n), notice_why(n));
                grant_revoke(w, notice_revoked(n), notice_why(n));
                break;
        case NOTICE_TRACED:
                trace_follow(w, notice_traced(n));
                break;
        case NOTICE_RENEWED:
                if (worker_rebind(w, notice_renewed(n)))
                        worker_end(w, "out of memory");
                else {
                        grants_follow(w);
                        offers_follow(w);
                }
                break;
        }
}

static void worker_noticed(capnp_question *q, int r, void *arg)
{
        struct worker *w = arg;

        if (!r)
                worker_notice(w, admission_watch_notice(q));
        capnp_question_free(q);
        if (!r && w->state != WORKER_ENDED)
                worker_watch(w);
}

/* Asking again also acknowledges the last notice. */
static void worker_watch(struct worker *w)
{
        capnp_question_send(admission_watch(worker_ask(w)), worker_noticed, w);
}

static void worker_client_closed(capnp_conn *c, void *arg)
{
        (void)c;
        tally_report(arg);
        trace_report(arg);
        worker_done(arg);
}

static void worker_flushed(capnp_conn *c, void *arg)
{
        (void)c;
        worker_done(arg);
}

/* Without the session manager there is no session: the client sees `disconnected`. */
static void worker_orphaned(capnp_conn *c, void *arg)
{
        struct worker *w = arg;

        (void)c;
        capnp_conn_on_close(w->client, worker_flushed, w);
        capnp_conn_close(w->client,
                         (capnp_exception){CAPNP_DISCONNECTED, "the instance has gone away"});
}

/* ---- life ----------------------------------------------------------------------------------- */

/* All that a client can hold of ours. */
static bool worker_owns(const capnp_cap *c)
{
        return gateway_owns(c) || flow_owns(c) || session_ref_owns(c) || user_owns(c) ||
               offer_owns(c);
}

static int worker_connect(struct worker *w, const struct worker_start *s)
{
        struct capnp_limits inner = {.fds = 1, .message_bytes = 1024 * 1024, .wipe = true},
                            l = worker_limits(w);
        capnp_cap *root = NULL;
        int r;

        r = capnp_conn_new(w->vat, s->sessiond_fd, &inner, NULL, &w->sessiond);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(w->sessiond), &w->admission);
        if (!r)
                r = gateway_new(w, &root);
        if (!r)
                r = capnp_conn_new(w->vat, s->client_fd, &l, root, &w->client);
        if (!r && s->tls)
                r = worker_tls_accept(s->tls, w, s->nonce);
        capnp_cap_unref(root);
        if (r)
                return r;

        capnp_conn_on_close(w->client, worker_client_closed, w);
        capnp_conn_on_close(w->sessiond, worker_orphaned, w);
        worker_watch(w);
        return 0;
}

int worker_open(struct worker *w, capnp_vat *vat, const struct worker_start *s)
{
        worker_init(w, vat);
        w->owns = worker_owns;
        return worker_connect(w, s);
}

static void worker_close(struct worker *w)
{
        if (w->client)
                capnp_conn_on_close(w->client, NULL, NULL);
        if (w->sessiond)
                capnp_conn_on_close(w->sessiond, NULL, NULL);
        if (w->state != WORKER_ENDED)
                worker_move(w, WORKER_ENDED);
        capos_i_refusal(w->ended, capos_denial_code(CAPOS_DENIED_STALE_SESSION),
                        "the connection is closing");
        offers_end_all(w, w->ended);
        grant_end_all(w);
        tally_deinit(&w->tally);
        trace_follow(w, false);
        w->admission = capnp_cap_unref(w->admission);
        w->client = capnp_conn_unref(w->client);
        if (w->sessiond)
                capnp_conn_close(w->sessiond, (capnp_exception){CAPNP_DISCONNECTED, "the end"});
        w->sessiond = capnp_conn_unref(w->sessiond);
        while (capnp_rpc_step(w->vat)) /* what ends because of that gives back what it has held */
                ;
}

bool worker_finish(struct worker *w)
{
        struct capnp_rpc_counts n;

        worker_close(w);
        capnp_vat_end(w->vat);
        grant_free_all(w);
        capnp_msg_free(w->bound);
        w->bound = NULL;
        return capnp_vat_count(w->vat, &n) == 0 && !w->calls.used && !w->bytes.used;
}

int worker_serve(const struct worker_start *s)
{
        struct worker w = {0};
        capnp_vat *vat = NULL;
        bool clean;
        int r;

        r = capnp_vat_new(&vat);
        if (r)
                return WORKER_EXIT_FAILED;

        r = worker_open(&w, vat, s);
        if (!r)
                r = capnp_vat_run(vat);
        clean = worker_finish(&w);
        capnp_vat_free(vat);
        if (r)
                return WORKER_EXIT_FAILED;

        return clean ? WORKER_EXIT_OK : WORKER_EXIT_LEDGER;
}
