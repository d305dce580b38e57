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
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

enum { LINGER_MS = 60 * 1000 };

bound_reader worker_bound(const struct worker *w)
{
        return w->bound ? bound_root(w->bound) : (bound_reader){0};
}

/* What a client may use before and after it has become somebody. */
static struct capnp_limits worker_limits(const struct worker *w)
{
        session_quota_reader q = session_info_quota(bound_info(worker_bound(w)));

        if (!w->bound)
                return (struct capnp_limits){.message_bytes = 64 * 1024,
                                             .out_bytes = 256 * 1024,
                                             .held_bytes = 256 * 1024,
                                             .answers = 16,
                                             .refs = 32,
                                             .segments = 64,
                                             .wipe = true};

        return (struct capnp_limits){.message_bytes = session_quota_message_bytes(q),
                                     .out_bytes = session_quota_queued_bytes(q),
                                     .held_bytes = session_quota_queued_bytes(q),
                                     .answers = session_quota_calls(q),
                                     .refs = session_quota_references(q),
                                     .segments = 64,
                                     .wipe = true}; /* a renewal may come at any time */
}

int worker_bind(struct worker *w, bound_reader b)
{
        struct capnp_limits l;
        capnp_msg *m = NULL;
        int r = capnp_msg_new(&m);

        if (r)
                return r;

        capnp_abuilder_set_struct(capnp_msg_build(m), b.r);
        r = capnp_msg_check(m);
        if (r) {
                capnp_msg_free(m);
                return r;
        }

        capnp_msg_free(w->bound);
        w->bound = m;
        w->generation++;
        w->state = WORKER_BOUND;
        l = worker_limits(w);
        w->max_calls = l.answers;
        w->max_bytes = l.out_bytes;
        capnp_rpc_set_limits(capnp_conn_rpc(w->client), &l);
        return 0;
}

static void worker_done(void *arg)
{
        capnp_vat_stop(((struct worker *)arg)->vat);
}

void worker_cut(struct worker *w, const char *reason)
{
        capos_i_refusal(w->ended, capos_denial_code(CAPOS_DENIED_STALE_SESSION), reason);
        pending_fail_all(w, w->ended);
        grant_end_all(w);
}

void worker_end(struct worker *w, const char *reason)
{
        if (w->state == WORKER_ENDED)
                return;

        w->state = WORKER_ENDED;
        worker_cut(w, reason);
        w->admission = capnp_cap_unref(w->admission);
        capnp_conn_on_close(w->sessiond, NULL, NULL);
        capnp_conn_close(w->sessiond, (capnp_exception){CAPNP_DISCONNECTED, "over"});
        w->sessiond = capnp_conn_unref(w->sessiond);
        if (capnp_timer_new(w->vat, LINGER_MS, worker_done, w, &w->linger))
                worker_done(w);
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
                grant_revoke(w, notice_revoked(n));
                break;
        case NOTICE_RENEWED:
                if (worker_bind(w, notice_renewed(n)))
                        worker_end(w, "out of memory");
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
        capnp_question_send(admission_watch((admission_client){w->admission}), worker_noticed, w);
}

static void worker_client_closed(capnp_conn *c, void *arg)
{
        (void)c;
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

static int worker_open(struct worker *w, int client_fd, int sessiond_fd)
{
        struct capnp_limits inner = {.fds = 1, .message_bytes = 1024 * 1024, .wipe = true},
                            l = worker_limits(w);
        capnp_cap *root = NULL;
        int r;

        r = capnp_conn_new(w->vat, sessiond_fd, &inner, NULL, &w->sessiond);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(w->sessiond), &w->admission);
        if (!r)
                r = gateway_new(w, &root);
        if (!r)
                r = capnp_conn_new(w->vat, client_fd, &l, root, &w->client);
        capnp_cap_unref(root);
        if (r)
                return r;

        capnp_conn_on_close(w->client, worker_client_closed, w);
        capnp_conn_on_close(w->sessiond, worker_orphaned, w);
        worker_watch(w);
        return 0;
}

static void worker_deinit(struct worker *w)
{
        struct capnp_i_list *l;

        if (w->client)
                capnp_conn_on_close(w->client, NULL, NULL);
        if (w->sessiond)
                capnp_conn_on_close(w->sessiond, NULL, NULL);
        w->state = WORKER_ENDED;
        capos_i_refusal(w->ended, capos_denial_code(CAPOS_DENIED_STALE_SESSION),
                        "the connection is closing");
        grant_end_all(w);
        capnp_cap_unref(w->admission);
        capnp_conn_unref(w->client);
        capnp_conn_unref(w->sessiond);
        capnp_vat_free(w->vat);
        while ((l = capnp_i_list_pop(&w->grants))) {
                struct grant *g = CAPNP_I_OF(l, struct grant, link);

                capnp_membrane_unref(g->membrane);
                free(g);
        }
        while ((l = capnp_i_list_pop(&w->revoked)))
                free(CAPNP_I_OF(l, struct revoked, link));
        capnp_msg_free(w->bound);
}

int worker_serve(int client_fd, int sessiond_fd)
{
        struct worker w = {.max_calls = UINT32_MAX, .max_bytes = UINT64_MAX};
        int r;

        capnp_i_list_init(&w.pending);
        capnp_i_list_init(&w.grants);
        capnp_i_list_init(&w.revoked);
        r = capnp_vat_new(&w.vat);
        if (!r)
                r = worker_open(&w, client_fd, sessiond_fd);
        if (!r)
                r = capnp_vat_run(w.vat);
        worker_deinit(&w);
        return r ? 1 : 0;
}
