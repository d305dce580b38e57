/*
 * The whole: what comes from the host, what the session becomes, and when what happens.
 *
 * Nothing is done before the first request for tools: a client that only looks what we speak costs
 * no login, no file and no socket. Then the session is opened, outside of any callback, while the
 * loop goes on: requests that need it wait, others are answered.
 *
 * While there is a session one question waits at the instance for its bundle to be another. What
 * is no longer there takes its tools and handles with it; when the session is over there are only
 * the tools about it, and the next request for tools tries to open one again.
 */
#include "mcp.h"

#include "mcp-builtin.h"
#include "mcp-call.h"
#include "mcp-desk.h"
#include "mcp-events.h"
#include "mcp-pipe.h"
#include "mcp-text.h"
#include "mcp-words.h"
#include "remote_session.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
        AGAIN_MS = 2000, /* before another try to open a session, after one has failed */
        LOOK_MS =
                10 * 1000, /* between two looks at what the session holds, where nobody tells us */
        LATE_MS = 500,     /* what runs with the instance when the host has gone is waited for */
        LEASE_SLACK_MS = 50,
        LEASE_FAR_MS = 24 * 60 * 60 * 1000, /* what is fetched anew before that looks again */
};

struct mcp_run {
        struct mcp m;
        struct mcp_options o;
        struct mcp_pipe pipe;
        struct mcp_desk desk;
        capnp_timer *tick;
        capnp_timer *late;       /* the host has gone while something is waited for */
        capnp_timer *lease;      /* the next capability ends alone */
        capnp_question *changed; /* waits for the bundle to be another */
        struct mcp_words event;  /* what an event that comes is written by */
        uint64_t since;          /* which bundle was fetched */
        uint64_t failed_ms;      /* when no session could be opened; 0: it was not tried */
        bool wanted, stale, over;
        bool opening; /* the session is asked what it is and has, in a loop of its own */
        bool down;    /* the line to the instance has dropped */
};

static void tick_soon(struct mcp_run *r);

/* ---- the protocol's side --------------------------------------------------------------------- */

static void on_send(void *arg, json_t *message)
{
        struct mcp_run *r = arg;
        char *line;

        if (mcp_pipe_is_full(&r->pipe) && !json_object_get(message, "id"))
                return;
        line = mcp_text_json(message);
        if (line)
                mcp_pipe_send(&r->pipe, line);
        free(line);
}

static bool on_ready(void *arg)
{
        struct mcp_run *r = arg;

        if (r->wanted)
                return false;
        if (r->m.client || r->over || (r->failed_ms && mcp_now_ms() - r->failed_ms < AGAIN_MS))
                return true;
        r->wanted = true;
        capnp_vat_stop(r->m.vat);
        return false;
}

static json_t *on_tools(void *arg)
{
        return mcp_builtin_list(&((struct mcp_run *)arg)->m);
}

static void on_call(void *arg, struct mcp_request *q, enum mcp_answer a)
{
        struct mcp_run *r = arg;

        if (mcp_builtin_is(q->tool))
                mcp_builtin_begin(&r->m, q);
        else
                mcp_call_begin(&r->m, q, a);
        tick_soon(r);
}

static void on_cancel(void *arg, struct mcp_request *q)
{
        struct mcp_run *r = arg;

        mcp_events_cancel(&r->m, q);
        mcp_call_cancel(&r->m, q);
}

static void on_client(void *arg, const char *name, const char *version)
{
        struct mcp_run *r = arg;
        char said[sizeof(r->m.log.client)];

        (void)snprintf(said, sizeof(said), "%.60s %.30s", name, version);
        mcp_text_plain(said, r->m.log.client, sizeof(r->m.log.client));
}

static const struct mcp_serve_ops serve_ops = {.send = on_send,
                                               .ready = on_ready,
                                               .tools = on_tools,
                                               .call = on_call,
                                               .cancel = on_cancel,
                                               .client = on_client};

/* ---- the host's side ------------------------------------------------------------------------- */

static void on_line(void *arg, capnp_text line)
{
        struct mcp_run *r = arg;

        mcp_serve_line(&r->m.serve, line, mcp_now_ms());
}

static void on_lost_line(void *arg)
{
        struct mcp_run *r = arg;

        mcp_serve_lost(&r->m.serve, mcp_now_ms());
}

static void on_late(void *arg)
{
        struct mcp_run *r = arg;

        mcp_desk_end(&r->desk);
        _exit(EXIT_SUCCESS);
}

static void on_ended(void *arg)
{
        struct mcp_run *r = arg;

        r->over = true;
        capnp_vat_stop(r->m.vat);
        /* What waits for the instance now may take as long as that likes; our host does not. But
         * mostly it is done in a moment, and a session of our own is logged out then. */
        if (r->opening && !r->late && capnp_timer_new(r->m.vat, LATE_MS, on_late, r, &r->late))
                on_late(r);
}

static const struct mcp_pipe_ops pipe_ops = {
        .line = on_line, .lost = on_lost_line, .ended = on_ended};

/* ---- time ------------------------------------------------------------------------------------ */

static void on_tick(void *arg)
{
        struct mcp_run *r = arg;
        uint64_t now_ms = mcp_now_ms();
        bool again;

        r->tick = NULL;
        mcp_calls_tick(&r->m, now_ms);
        again = mcp_events_look(&r->m, now_ms);
        again |= mcp_serve_tick(&r->m.serve, now_ms) != 0;
        mcp_handles_expire(&r->m.handles, now_ms);
        mcp_mailboxes_expire(&r->m.boxes, now_ms);
        if (again)
                tick_soon(r);
}

/* Each second while anything waits for time to pass. */
static void tick_soon(struct mcp_run *r)
{
        if (!r->tick)
                (void)!capnp_timer_new(r->m.vat, MCP_PROGRESS_MS, on_tick, r, &r->tick);
}

/* ---- mailboxes ------------------------------------------------------------------------------- */

static void on_woken(void *arg, struct mcp_mailbox *b)
{
        struct mcp_run *r = arg;

        (void)b;
        (void)mcp_events_look(&r->m, mcp_now_ms());
}

static struct capnp_dynamic_opts on_opts(void *arg, const char *root)
{
        struct mcp_run *r = arg;

        mcp_words_init(&r->event, &r->m, root);
        return mcp_words_opts(&r->event);
}

static uint64_t on_now(void *arg)
{
        (void)arg;
        return mcp_now_ms();
}

/* ---- the session ----------------------------------------------------------------------------- */

/* As leases are told, by the clock on the wall. */
static uint64_t time_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void why_set(struct mcp_run *r, const char *code, const char *why)
{
        (void)snprintf(r->m.why_code, sizeof(r->m.why_code), "%s", code);
        mcp_text_plain(why, r->m.why, sizeof(r->m.why));
}

/* What the session holds no more takes its handles with it. */
static void holdings_drop(struct mcp_run *r)
{
        for (unsigned i = 0; i < MCP_HANDLES; i++) {
                const struct mcp_handle *h = &r->m.handles.all[i];

                if (*h->word && !mcp_entry_is_held(r->m.client, h->root, NULL))
                        mcp_handles_drop(&r->m.handles, h->root);
        }
        for (unsigned i = 0; i < MCP_MAILBOXES; i++) {
                const struct mcp_mailbox *b = &r->m.boxes.all[i];

                if (*b->word && !mcp_entry_is_held(r->m.client, b->root, NULL))
                        mcp_mailboxes_drop(&r->m.boxes, b->root);
        }
        (void)mcp_events_look(&r->m, mcp_now_ms());
}

static void on_lease(void *arg)
{
        struct mcp_run *r = arg;

        r->lease = NULL;
        r->stale = true;
        capnp_vat_stop(r->m.vat);
}

static void look_later(struct mcp_run *r, uint32_t ms)
{
        r->lease = capnp_timer_free(r->lease);
        (void)!capnp_timer_new(r->m.vat, ms, on_lease, r, &r->lease);
}

/* Looks again when the next capability ends alone: the instance tells of it by its own clock. */
static void lease_watch(struct mcp_run *r)
{
        uint64_t next_ms = UINT64_MAX, now_ms = time_ms();
        struct capos_cap_entry e;

        r->lease = capnp_timer_free(r->lease);
        for (uint32_t i = 0; r->m.client && capos_client_entry(r->m.client, i, &e); i++)
                if (e.lease_expires_ms > now_ms && e.lease_expires_ms < next_ms)
                        next_ms = e.lease_expires_ms;
        if (next_ms < UINT64_MAX && next_ms - now_ms < LEASE_FAR_MS)
                look_later(r, (uint32_t)(next_ms - now_ms) + LEASE_SLACK_MS);
}

/* Makes the tools anew, and says so when they are others. */
static void tools_make(struct mcp_run *r)
{
        struct mcp_source from = {
                .client = r->m.client, .policy = &r->m.policy, .builtins = mcp_builtin_count()};
        struct mcp_tools old = r->m.tools;
        struct mcp_words w;
        struct capnp_dynamic_opts o;
        bool same;

        mcp_words_init(&w, &r->m, "");
        o = mcp_words_opts(&w);
        r->m.tools = (struct mcp_tools){.n = 0};
        if (r->m.client && !mcp_tools_make(&r->m.tools, &from) &&
            mcp_tools_describe(&r->m.tools, &from, &o))
                mcp_tools_deinit(&r->m.tools);
        lease_watch(r);
        same = mcp_tools_equal(&old, &r->m.tools);
        mcp_tools_deinit(&old);
        if (!same)
                mcp_serve_changed(&r->m.serve);
}

static void session_end(struct mcp_run *r)
{
        r->lease = capnp_timer_free(r->lease);
        r->changed = capnp_question_free(r->changed);
        mcp_calls_end(&r->m, r->m.why_code, r->m.why);
        r->m.client = NULL;
        mcp_handles_drop(&r->m.handles, NULL);
        mcp_mailboxes_drop(&r->m.boxes, NULL);
        (void)mcp_events_look(&r->m, mcp_now_ms());
        mcp_gate_clear(&r->m.gate);
        mcp_note(&r->m, "ended", NULL, NULL, NULL, r->m.why_code);
        *r->m.log.session = 0;
        tools_make(r);
}

void mcp_run_ended(struct mcp_run *r, const char *code, const char *why)
{
        if (!r->m.client)
                return;
        why_set(r, code, why);
        session_end(r);
}

static void on_changed(capnp_question *q, int e, void *arg)
{
        struct mcp_run *r = arg;
        struct capos_error why;

        r->changed = NULL;
        (void)capos_error_of_question(q, &why);
        if (!e && !why.code) {
                r->stale = true;
                r->since = remote_cap_set_changed_now(q);
        }
        if (why.code == CAPOS_E_DENIED)
                mcp_run_ended(r, capos_denial_code(why.denial), why.text);
        else if (why.code == CAPOS_E_QUOTA)
                look_later(r, LOOK_MS); /* others of this session wait for the same */
        capnp_question_free(q);
        capnp_vat_stop(r->m.vat);
}

/* Has us told when the bundle is another than it was when it was fetched. */
static void bundle_watch(struct mcp_run *r, uint64_t since)
{
        remote_session_client s = {capos_client_session_peek(r->m.client)};
        CAPNP_AUTO(capnp_question_freep) capnp_question *caps = remote_session_cap_set(s);

        capnp_question_free(r->changed);
        r->changed = remote_cap_set_changed(remote_session_cap_set_caps(caps));
        remote_cap_set_changed_set_since(r->changed, since);
        capnp_question_send(r->changed, on_changed, r);
}

/* The schemas of all that is held; what cannot be had is no tool. */
static void schemas_fetch(struct mcp_run *r)
{
        struct capos_cap_entry e;

        for (uint32_t i = 0; r->m.client && capos_client_entry(r->m.client, i, &e); i++)
                (void)!capos_client_wait(
                        r->m.client,
                        capos_client_fetch_schema(r->m.client, e.interface, NULL, NULL));
}

/* Without it nobody can approve anything elsewhere, and nothing else is wrong. */
static void desk_open(struct mcp_run *r)
{
        int e = r->desk.root || !*r->o.desk ? 0 : mcp_desk_begin(&r->desk, &r->m, r->o.desk);

        r->m.has_desk = r->desk.listener;
        if (e)
                (void)fprintf(stderr, "capos mcp: %s: %s: nothing can be approved there\n",
                              r->o.desk, capnp_strerror(e));
}

static void session_open(struct mcp_run *r)
{
        struct capos_session_info i;
        struct capos_error e = {.code = 0};
        capos_client *c = r->o.session->open(r->o.arg, &e);

        r->failed_ms = c ? 0 : mcp_now_ms();
        if (c && (!capos_client_info(c, &i) || (!i.agent && !r->o.share))) {
                why_set(r, "refused.profile",
                        "this login is no agent's: its profile does not say so. Log in with a "
                        "profile for agents (`capos login … --profile agent --as NAME`), or share "
                        "the session that you have by --share-my-session");
                r->o.session->close(r->o.arg);
                r->failed_ms = mcp_now_ms();
        } else if (c) {
                r->m.client = c;
                (void)snprintf(r->m.log.path, sizeof(r->m.log.path), "%s", r->o.log);
                (void)snprintf(r->m.log.session, sizeof(r->m.log.session), "%s", i.id);
                mcp_note(&r->m, "opened", NULL, NULL, NULL, NULL);
                desk_open(r);
                schemas_fetch(r);
                if (r->m.client)
                        bundle_watch(r, 0);
        } else {
                why_set(r, "no-session", e.text);
        }
        if (!r->m.client)
                (void)fprintf(stderr, "capos mcp: %s\n", r->m.why);
        tools_make(r);
        r->wanted = false;
        mcp_serve_ready(&r->m.serve);
}

/* The bundle is another, or has come back. */
static void session_refresh(struct mcp_run *r)
{
        int e;

        r->stale = false;
        if (!r->m.client || r->down)
                return;
        e = capos_client_wait(r->m.client, capos_client_fetch(r->m.client, NULL, NULL));
        if (!e)
                schemas_fetch(r);
        if (!r->m.client || r->down)
                return;
        if (e) { /* it is told if it is over; else it did not answer in time */
                look_later(r, LOOK_MS);
                return;
        }
        holdings_drop(r);
        tools_make(r);
        if (!r->changed)
                bundle_watch(r, r->since);
}

void mcp_run_lost(struct mcp_run *r)
{
        r->down = true;
        mcp_handles_drop(&r->m.handles, NULL);
        mcp_mailboxes_drop(&r->m.boxes, NULL);
        (void)mcp_events_look(&r->m, mcp_now_ms());
}

void mcp_run_back(struct mcp_run *r)
{
        r->down = false;
        r->stale = true;
        r->since = 0;
        capnp_vat_stop(r->m.vat);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_fault(void *arg, const char *line)
{
        (void)arg;
        (void)fprintf(stderr, "capos mcp: %s\n", line);
}

static int run_init(struct mcp_run *r)
{
        struct mcp *m = &r->m;
        int e = r->o.policy ? mcp_policy_load(&m->policy, r->o.policy, on_fault, NULL)
                            : mcp_policy_init(&m->policy);

        if (!e)
                e = mcp_gate_init(&m->gate, &m->policy);
        if (!e && !mcp_serve_init(&m->serve, &serve_ops, r, r->o.version))
                e = -EIO;
        if (!e)
                m->serve.seals.life_ms = mcp_policy_answer_ms(&m->policy);
        return e ? e : mcp_pipe_begin(&r->pipe, m->vat, &pipe_ops, r);
}

int mcp_run_new(const struct mcp_options *o, struct mcp_run **ret_r)
{
        struct mcp_run *r = calloc(1, sizeof(*r));
        int e;

        if (!r)
                return -ENOMEM;
        r->o = *o;
        r->m.vat = o->vat;
        r->m.boxes = (struct mcp_mailboxes){
                .woken = on_woken, .opts = on_opts, .now_ms = on_now, .arg = r, .vat = o->vat};
        r->pipe.out = r->pipe.parent = -1;
        why_set(r, "no-session", "there is no session yet");
        e = run_init(r);
        if (e) {
                mcp_run_free(r);
                return e;
        }
        *ret_r = r;
        return 0;
}

int mcp_run(struct mcp_run *r)
{
        int e = 0;

        while (!r->over && !e) {
                if (!r->wanted && !r->stale) {
                        e = capnp_vat_run(r->m.vat);
                        continue;
                }
                r->opening = true;
                if (r->wanted)
                        session_open(r);
                else
                        session_refresh(r);
                r->opening = false;
        }
        return e;
}

struct mcp_run *mcp_run_free(struct mcp_run *r)
{
        if (!r)
                return NULL;

        mcp_pipe_end(&r->pipe);
        r->over = true;
        if (r->m.client)
                mcp_run_ended(r, "ended", "nobody speaks to this any more");
        mcp_desk_end(&r->desk);
        r->changed = capnp_question_free(r->changed);
        r->tick = capnp_timer_free(r->tick);
        r->late = capnp_timer_free(r->late);
        mcp_tools_deinit(&r->m.tools);
        mcp_serve_deinit(&r->m.serve);
        mcp_gate_deinit(&r->m.gate);
        mcp_policy_deinit(&r->m.policy);
        free(r);
        return NULL;
}
