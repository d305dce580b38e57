/*
 * One browser's process: its tabs, and what they ask.
 *
 * A tab is heard when it has signed with the browser's key, and before that only for that. Each
 * message is looked at in the same order: whether the session is over, by the time without an act
 * of a person's or by its whole time; whether it is a frame at all; then what it asks.
 *
 * The library does one thing at a time with an instance. What would be a second waits here, as it
 * came, until the first is done; what answers the first does not wait.
 *
 * A window's session (app/desktop/) is the same, but that its tabs come by a socket that only that
 * window has: it is the window's word whose they are. A browser may come beside it, by a front that
 * takes this process for its starter: for what only a browser can do, as to use a passkey. When the
 * login that was begun there is done, the browser is sent away, and all goes on in the window.
 */
#include "session.h"

#include "agents.h"
#include "base-list.h"
#include "bridge.h"
#include "calls.h"
#include "client-known.h"
#include "complete.h"
#include "confine.h"
#include "enrol.h"
#include "entry.h"
#include "holdings.h"
#include "io-packet.h"
#include "panes.h"
#include "places.h"
#include "probes.h"
#include "protect.h"
#include "records.h"
#include "schemas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
        WAITING = 32,
        TICK_MS = 500,
        DEPTH = 32,
        LAST_MS = 3000,
        HELLO_MS = 10 * 1000,
        FOLDER = 4096
};

struct waiting {
        struct asker a;
        capnp_msg *m; /* the WebUp */
};

/* Where tabs come to. */
struct door {
        struct session *s;
        int fd; /* -1: it is shut */
        bool is_window;
        capnp_watch *watch;
};

struct session {
        struct bridge b;
        struct door front, window;
        int starts; /* by which a front may come; -1 but in a window's session */
        capnp_watch *word_watch, *start_watch;
        capnp_timer *tick, *soon, *stale;
        struct capos_error why; /* of stale */
        int failed;             /* why it cannot go on, if that is not its end as it should be */
        struct waiting waiting[WAITING];
        unsigned nwaiting;
};

static struct session *session_of(struct bridge *b)
{
        return CAPNP_I_OF(b, struct session, b);
}

static void session_end(struct bridge *b, unsigned code, const char *why)
{
        if (b->over)
                return;
        b->over = true;
        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (b->tabs[i].tab)
                        tab_close(b->tabs[i].tab, code, why);
        capnp_vat_stop(b->vat);
}

/* ---- the time of a session ------------------------------------------------------------------ */

static bool session_is_late(struct bridge *b)
{
        uint64_t now = bridge_now_ms();

        if (now - b->began_ms > b->o->life_ms)
                session_end(b, TAB_ENDED, "its time is over");
        else if (now - b->acted_ms > b->o->idle_ms)
                session_end(b, TAB_ENDED, "nobody has done anything for long");
        return b->over;
}

static void session_on_tick(void *arg)
{
        struct session *s = arg;

        s->tick = NULL;
        for (unsigned i = 0; i < BRIDGE_TABS; i++) {
                struct bridge_tab *t = &s->b.tabs[i];

                if (t->tab && !t->is_in && bridge_now_ms() - t->since_ms > HELLO_MS)
                        tab_close(t->tab, TAB_POLICY, "no hello");
        }
        agents_look(&s->b);
        if (session_is_late(&s->b))
                return;
        s->failed = capnp_timer_new(s->b.vat, TICK_MS, session_on_tick, s, &s->tick);
        if (s->failed)
                session_end(&s->b, TAB_GOING, "no memory");
}

/* ---- what there is, for a tab that is new --------------------------------------------------- */

static void tab_greet(struct bridge *b, struct bridge_tab *t)
{
        struct down d;

        if (token_random(t->nonce, sizeof(t->nonce))) {
                tab_close(t->tab, TAB_GOING, "no random numbers");
                return;
        }
        d = down_new(0);
        if (d.m) {
                web_down_greet_builder g = web_down_init_greet(d.d);

                web_down_greet_set_nonce(g, (capnp_data){t->nonce, sizeof(t->nonce)});
                web_down_greet_set_bridge(g, t->is_window ? "capos desktop" : "capos web");
                web_down_greet_set_version(g, CAPOS_VERSION);
                web_down_greet_set_csrf(g, b->start.csrf);
                web_down_greet_set_cookie(g, (capnp_data){tab_cookie(t->tab), TOKEN_HASH});
                web_down_greet_set_adds(g, b->o->nallows);
                web_down_greet_set_idle_ms(g, (uint32_t)b->o->idle_ms);
                web_down_greet_set_ends_at_ms(g, bridge_time_ms() + b->o->life_ms -
                                                         (bridge_now_ms() - b->began_ms));
        }
        down_tell(b, t, &d);
}

/* The front is told when there is no tab any more, and when there is one again. */
static void session_count_tabs(struct bridge *b)
{
        bool any = false;

        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                any |= b->tabs[i].tab && b->tabs[i].is_in;
        if (any != b->has_tabs && b->words >= 0)
                bridge_word(b, WORD_TABS, any ? "1" : "");
        b->has_tabs = any;
}

/* The proof of the browser's key, which may be tried once. */
static void tab_hello(struct bridge *b, struct bridge_tab *t, web_up_reader up)
{
        struct token_proof p = {.port = b->start.port};
        capnp_data sign = web_up_hello(up);

        memcpy(p.nonce, t->nonce, sizeof(p.nonce));
        memcpy(p.cookie, tab_cookie(t->tab), sizeof(p.cookie));
        if (!t->is_window && !token_proof_is_good(&p, b->start.key, sign.p, sign.len)) {
                tab_close(t->tab, TAB_POLICY, "this is not the browser's key");
                return;
        }
        t->is_in = true;
        session_count_tabs(b); /* before it is told so: then its place is its own */
        bridge_done(b, (struct asker){t->number, web_up_id(up)});
        places_tell(b, t);
        entry_tell(b, t);
        records_tell(b, t);
        holdings_tell(b, t);
        calls_tell(b, t);
        panes_tell(b, t);
        agents_tell(b, t);
}

/* ---- a browser beside a window --------------------------------------------------------------- */

/* Its front is gone, or is to go. */
static void browser_part(struct session *s)
{
        struct bridge *b = &s->b;

        s->front.watch = capnp_watch_free(s->front.watch);
        s->word_watch = capnp_watch_free(s->word_watch);
        if (s->front.fd >= 0)
                (void)close(s->front.fd);
        if (b->words >= 0)
                (void)close(b->words);
        s->front.fd = b->words = -1;
        b->start = (struct packet_start){.port = 0};
        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (b->tabs[i].tab && !b->tabs[i].is_window)
                        tab_close(b->tabs[i].tab, TAB_BACK, "it goes on in the window");
}

/* Without a front there is no browser: it is the end of what is a browser's alone. */
static void browser_lost(struct session *s)
{
        if (s->b.is_window)
                browser_part(s);
        else
                session_end(&s->b, TAB_GOING, "the bridge has ended");
}

/* A login that was begun in a browser is done: all goes on in the window. */
static void browser_done(struct bridge *b, struct asker a)
{
        const struct bridge_tab *t = bridge_tab_of(b, a);

        if (b->is_window && t && !t->is_window)
                browser_part(session_of(b));
}

/* ---- tickets -------------------------------------------------------------------------------- */

/* The cookie changes when what it opens does. */
static void session_rotate(struct bridge *b, struct asker a)
{
        char ticket[TOKEN_TEXT];
        struct down d;

        if (b->is_window || !a.tab || token_make(ticket, sizeof(ticket)))
                return;
        bridge_word(b, WORD_TICKET, ticket);
        d = down_new(0);
        if (d.m)
                web_down_set_rotate(d.d, ticket);
        down_answer(b, a, &d);
        explicit_bzero(ticket, sizeof(ticket));
}

static void on_in(struct bridge *b, struct asker a, bool renewed)
{
        holdings_answer(b, a);
        session_rotate(b, a);
        browser_done(b, a);
        if (renewed)
                return;
        calls_begin(b);
        holdings_watch(b);
        holdings_learn(b, panes_begin);
}

static void on_out(struct bridge *b, const struct capos_error *e)
{
        struct down d = down_new(0);

        b->is_in = false;
        holdings_unwatch(b);
        panes_end(b);
        if (d.m)
                failure_write(web_down_init_ended(d.d), e);
        down_tell(b, NULL, &d);
        holdings_tell(b, NULL);
}

static void session_on_stale(void *arg)
{
        struct session *s = arg;

        s->stale = NULL;
        if (!s->b.is_in || s->b.logging_out)
                return;
        record_error(&s->b, "session", "", &s->why);
        on_out(&s->b, &s->why);
}

/* The line may stay up for a while, and whoever hears of the end is in the midst of something. */
static void on_stale(struct bridge *b, const struct capos_error *e)
{
        struct session *s = session_of(b);

        s->why = *e;
        if (!s->stale)
                (void)!capnp_timer_new(b->vat, 0, session_on_stale, s, &s->stale);
}

/* The client goes, and what stands on it. */
static void on_leave(struct bridge *b, bool dropped)
{
        holdings_unwatch(b);
        if (dropped)
                panes_drop(b);
        else
                panes_end(b);
        probes_end(b);
        calls_clear(b);
}

static const struct entry_ops entry_ops = {.in = on_in, .out = on_out, .leave = on_leave};

/* ---- what a tab asks ------------------------------------------------------------------------ */

/* What only a person causes, as far as a page can be believed. */
static bool up_is_an_act(web_up_reader up)
{
        switch (web_up_which(up)) {
        case WEB_UP_HELLO:
        case WEB_UP_INSTANCES:
        case WEB_UP_REFRESH:
        case WEB_UP_SCHEMA:
        case WEB_UP_CANCEL:
        case WEB_UP_FORGET:
        case WEB_UP_SIZE:
        case WEB_UP_SEEN:
        case WEB_UP_SESSIONS:
        case WEB_UP_PASSKEYS:
        case WEB_UP_COMPLETE:
                return false;
        case WEB_UP_RUN:
                return web_up_run_trusted(web_up_run(up));
        default:
                return true;
        }
}

/* What the library has to be free for. */
static bool up_waits(const struct bridge *b, web_up_reader up)
{
        switch (web_up_which(up)) {
        case WEB_UP_CONNECT:
        case WEB_UP_DISCONNECT:
        case WEB_UP_LOGIN:
        case WEB_UP_RENEW:
        case WEB_UP_REFRESH:
        case WEB_UP_SCHEMA:
        case WEB_UP_PROBE:
        case WEB_UP_OFFER:
                return true;
        case WEB_UP_CALL:
                return b->learning;
        case WEB_UP_LOGOUT: /* gives up a renewal, which may wait for a person */
                return !entry_runs(b);
        default:
                return false;
        }
}

/* Instances, and the way in. Whether it was one of these. */
static bool up_enter(struct bridge *b, struct asker a, web_up_reader up)
{
        switch (web_up_which(up)) {
        case WEB_UP_INSTANCES:
                places_list(b, a);
                return true;
        case WEB_UP_ADD:
                places_add(b, a, web_up_add(up));
                return true;
        case WEB_UP_RENAME:
                places_rename(b, a, web_up_rename(up));
                return true;
        case WEB_UP_REMOVE:
                places_remove(b, a, web_up_remove(up));
                return true;
        case WEB_UP_CONNECT:
                entry_connect(b, a, web_up_connect(up));
                return true;
        case WEB_UP_TRUST:
                entry_trust(b, a, web_up_trust(up));
                return true;
        case WEB_UP_DISCONNECT:
                entry_disconnect(b, a);
                return true;
        case WEB_UP_LOGIN:
                entry_login(b, a, web_up_login(up), false);
                return true;
        case WEB_UP_RENEW:
                entry_login(b, a, web_up_renew(up), true);
                return true;
        case WEB_UP_ANSWER:
                entry_answer(b, a, web_up_answer(up));
                return true;
        case WEB_UP_PASSKEY:
                entry_passkey(b, a, web_up_passkey(up));
                return true;
        case WEB_UP_GIVE_UP:
                entry_give_up(b, a);
                return true;
        case WEB_UP_LOGOUT:
                entry_logout(b, a);
                return true;
        case WEB_UP_AGAIN:
                entry_again(b, a);
                return true;
        default:
                return false;
        }
}

/* What there is of a session. Likewise. */
static bool up_use(struct bridge *b, struct asker a, web_up_reader up)
{
        switch (web_up_which(up)) {
        case WEB_UP_REFRESH:
                holdings_refresh(b, a);
                return true;
        case WEB_UP_SCHEMA:
                schemas_answer(b, a, web_up_schema(up));
                return true;
        case WEB_UP_CALL:
                calls_call(b, a, web_up_call(up));
                return true;
        case WEB_UP_CANCEL:
                calls_cancel(b, a, web_up_cancel(up));
                return true;
        case WEB_UP_FORGET:
                calls_forget(b, a, web_up_forget(up));
                return true;
        case WEB_UP_SESSIONS:
                holdings_sessions(b, a);
                return true;
        case WEB_UP_END_SESSION:
                holdings_end_session(b, a, web_up_end_session(up));
                return true;
        case WEB_UP_PROBE:
                probes_probe(b, a, web_up_probe(up));
                return true;
        case WEB_UP_EXPORT:
                records_export(b, a);
                return true;
        case WEB_UP_DECIDE:
                agents_decide(b, a, web_up_decide(up));
                return true;
        case WEB_UP_ENROL:
                enrol_begin(b, a, web_up_enrol(up));
                return true;
        case WEB_UP_ENROLLED:
                enrol_add(b, a, web_up_enrolled(up));
                return true;
        case WEB_UP_PASSKEYS:
                enrol_list(b, a);
                return true;
        case WEB_UP_REMOVE_PASSKEY:
                enrol_remove(b, a, web_up_remove_passkey(up));
                return true;
        default:
                return false;
        }
}

/* Panes. Likewise. */
static bool up_compose(struct bridge *b, struct asker a, web_up_reader up)
{
        switch (web_up_which(up)) {
        case WEB_UP_OFFER:
                panes_offer(b, a, web_up_offer(up));
                return true;
        case WEB_UP_WITHDRAW:
                panes_withdraw(b, a, web_up_withdraw(up));
                return true;
        case WEB_UP_ACT:
                panes_act(b, a, web_up_act(up));
                return true;
        case WEB_UP_RUN:
                panes_run(b, a, web_up_run(up));
                return true;
        case WEB_UP_CONFIRM:
                panes_confirm(b, a, web_up_confirm(up));
                return true;
        case WEB_UP_RESET:
                panes_reset(b, a);
                return true;
        case WEB_UP_SIZE:
                panes_size(b, a, web_up_size(up));
                return true;
        case WEB_UP_SEEN:
                panes_seen(b, a, web_up_seen(up));
                return true;
        case WEB_UP_CONSENT:
                panes_consent(b, a, web_up_consent(up));
                return true;
        case WEB_UP_COMPLETE:
                complete_ask(b, a, web_up_complete(up));
                return true;
        default:
                return false;
        }
}

static void up_do(struct bridge *b, struct asker a, web_up_reader up)
{
        if (!up_enter(b, a, up) && !up_use(b, a, up) && !up_compose(b, a, up))
                bridge_fail(b, a, "bridge.not-here", "this bridge does not do that");
}

/* What has waited, once there is nothing to wait for. */
static void session_on_soon(void *arg)
{
        struct session *s = arg;
        struct waiting w;

        s->soon = NULL;
        while (s->nwaiting && !s->b.busy && !s->b.over) {
                w = s->waiting[0];
                s->nwaiting--;
                memmove(s->waiting, s->waiting + 1, s->nwaiting * sizeof(w));
                up_do(&s->b, w.a, web_up_root(w.m));
                capnp_msg_free(w.m);
        }
}

static void session_on_idle(struct bridge *b)
{
        struct session *s = session_of(b);

        if (s->nwaiting && !s->soon)
                (void)!capnp_timer_new(b->vat, 0, session_on_soon, s, &s->soon);
}

/* Takes m. */
static void session_take(struct bridge *b, struct bridge_tab *t, capnp_msg *m)
{
        struct session *s = session_of(b);
        web_up_reader up = web_up_root(m);
        struct asker a = {t->number, web_up_id(up)};

        if (up_is_an_act(up))
                b->acted_ms = bridge_now_ms();
        if (!b->busy || !up_waits(b, up))
                up_do(b, a, up);
        else if (s->nwaiting < WAITING) {
                s->waiting[s->nwaiting++] = (struct waiting){a, m};
                return;
        } else
                bridge_fail(b, a, "bridge.busy", "too much is under way");
        capnp_msg_free(m);
}

static struct bridge_tab *tab_find(struct bridge *b, const struct tab *tab)
{
        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (b->tabs[i].tab == tab)
                        return &b->tabs[i];
        return NULL;
}

static void on_message(void *arg, struct tab *tab, const char *text, size_t len)
{
        struct capnp_dynamic_opts opts = {
                .reject_unknown = true, .depth = DEPTH, .text_bytes = TAB_MESSAGE};
        struct bridge *b = arg;
        struct bridge_tab *t = tab_find(b, tab);
        capnp_msg *m = NULL;

        if (b->over || !t || session_is_late(b))
                return;
        if (capnp_msg_new(&m)) {
                tab_close(tab, TAB_SLOW, "no memory");
        } else if (capnp_json_parse(b->schema, WEB_UP_ID, (capnp_text){text, (uint32_t)len}, &opts,
                                    capnp_msg_build(m), NULL)) {
                tab_close(tab, TAB_POLICY, "this is no frame");
        } else if (t->is_in && web_up_which(web_up_root(m)) != WEB_UP_HELLO) {
                session_take(b, t, m);
                return;
        } else if (t->is_in || web_up_which(web_up_root(m)) != WEB_UP_HELLO) {
                tab_close(tab, TAB_POLICY, "hello comes first, and once");
        } else
                tab_hello(b, t, web_up_root(m));
        capnp_msg_free(m);
}

static void on_closed(void *arg, struct tab *tab)
{
        struct bridge_tab *t = tab_find(arg, tab);

        if (t)
                *t = (struct bridge_tab){0};
        session_count_tabs(arg);
}

static const struct tab_ops tab_ops = {.message = on_message, .closed = on_closed};

/* ---- what the front says -------------------------------------------------------------------- */

static void session_open_tab(struct bridge *b, int fd, const struct packet_socket *p, bool window)
{
        struct bridge_tab *t = NULL;

        for (unsigned i = 0; i < BRIDGE_TABS && !t; i++)
                if (!b->tabs[i].tab)
                        t = &b->tabs[i];
        for (unsigned i = 0; i < BRIDGE_TABS && !t; i++)
                if (!b->tabs[i].is_in) { /* who has shown no key gives way */
                        t = &b->tabs[i];
                        t->tab = tab_free(t->tab);
                }
        if (!t || p->len > sizeof(p->early)) {
                (void)close(fd);
                return;
        }
        *t = (struct bridge_tab){
                .number = ++b->last_tab, .since_ms = bridge_now_ms(), .is_window = window};
        if (tab_new(b->vat, fd, p, &tab_ops, b, &t->tab))
                t->tab = NULL;
        else
                tab_greet(b, t);
}

static void session_on_socket(void *arg, uint32_t events)
{
        struct door *d = arg;
        struct session *s = d->s;
        struct packet_socket p;
        int fd, r = capos_io_packet_recv(d->fd, &p, sizeof(p), &fd, 1);

        (void)events;
        if (!r && !session_is_late(&s->b))
                session_open_tab(&s->b, fd, &p, d->is_window);
        else if (!r)
                (void)close(fd);
        else if (r != CAPOS_IO_E_AGAIN && d->is_window)
                session_end(&s->b, TAB_GOING, "the window has ended");
        else if (r != CAPOS_IO_E_AGAIN)
                browser_lost(s);
}

static int door_open(struct session *s, struct door *d, int fd)
{
        *d = (struct door){.s = s, .fd = fd, .is_window = d == &s->window};
        return fd < 0 ? 0 : capnp_watch_new(s->b.vat, fd, EPOLLIN, session_on_socket, d, &d->watch);
}

static void session_on_word(void *arg, uint32_t events)
{
        struct session *s = arg;
        struct packet_word w;
        int r = capos_io_packet_recv(s->b.words, &w, sizeof(w), NULL, 0);

        (void)events;
        if (!r && w.what == WORD_BACK && w.len <= sizeof(w.text))
                entry_back(&s->b, w.text, w.len);
        else if (r != CAPOS_IO_E_AGAIN)
                browser_lost(s);
        explicit_bzero(&w, sizeof(w));
}

/* A front hands over a browser that has entered: the only one that there is beside a window. */
static void session_on_start(void *arg, uint32_t events)
{
        struct session *s = arg;
        struct packet_start p;
        int fds[2], r = capos_io_packet_recv(s->starts, &p, sizeof(p), fds, 2);

        (void)events;
        if (r == CAPOS_IO_E_AGAIN)
                return;
        if (r) {
                session_end(&s->b, TAB_GOING, "the window has ended");
                return;
        }
        browser_part(s);
        s->b.start = p;
        s->b.words = fds[1];
        if (door_open(s, &s->front, fds[0]) ||
            capnp_watch_new(s->b.vat, s->b.words, EPOLLIN, session_on_word, s, &s->word_watch))
                browser_part(s);
        explicit_bzero(&p, sizeof(p));
}

/* ---- life ----------------------------------------------------------------------------------- */

static int session_open(struct session *s, const int fds[2])
{
        struct bridge *b = &s->b;
        int r = capnp_vat_new(&b->vat);

        b->words = fds[1];
        b->is_window = b->o->sockets;
        s->starts = b->is_window ? b->o->starts : -1;
        b->idle = session_on_idle;
        b->stale = on_stale;
        b->began_ms = b->acted_ms = bridge_now_ms();
        if (!r)
                r = capnp_schema_new(&b->schema);
        if (!r)
                r = capnp_schema_add_file(b->schema, &web_capnp_schema);
        if (!r)
                r = records_new(b);
        if (!r)
                r = places_new(b);
        if (!r)
                r = entry_new(b, &entry_ops);
        if (!r)
                r = calls_new(b);
        if (!r)
                r = agents_new(b);
        if (!r)
                r = door_open(s, &s->front, fds[0]);
        if (!r)
                r = door_open(s, &s->window, b->is_window ? b->o->sockets : -1);
        if (!r && b->words >= 0)
                r = capnp_watch_new(b->vat, b->words, EPOLLIN, session_on_word, s, &s->word_watch);
        if (!r && b->is_window)
                r = capnp_watch_new(b->vat, s->starts, EPOLLIN, session_on_start, s,
                                    &s->start_watch);
        if (!r)
                r = capnp_timer_new(b->vat, TICK_MS, session_on_tick, s, &s->tick);
        return r;
}

static void session_on_last(void *arg)
{
        struct session *s = arg;

        s->tick = NULL;
        capnp_vat_stop(s->b.vat);
}

/* Last words go out, to tabs. An instance hears only that the line ends: nobody has what would
 * bring the session back, which was in this process alone. */
static void session_close(struct session *s)
{
        struct bridge *b = &s->b;

        s->tick = capnp_timer_free(s->tick);
        s->soon = capnp_timer_free(s->soon);
        s->stale = capnp_timer_free(s->stale);
        s->front.watch = capnp_watch_free(s->front.watch);
        s->window.watch = capnp_watch_free(s->window.watch);
        s->word_watch = capnp_watch_free(s->word_watch);
        s->start_watch = capnp_watch_free(s->start_watch);
        if (b->words >= 0)
                (void)close(b->words); /* from here on its cookie opens nothing */
        b->words = -1;
        entry_free(b);
        agents_free(b);
        calls_free(b);
        if (!capnp_timer_new(b->vat, LAST_MS, session_on_last, s, &s->tick))
                (void)!capnp_vat_run(b->vat);
        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                b->tabs[i].tab = tab_free(b->tabs[i].tab);
        while (s->nwaiting)
                capnp_msg_free(s->waiting[--s->nwaiting].m);
        places_free(b);
        records_free(b);
        b->schema = capnp_schema_free(b->schema);
        b->vat = capnp_vat_free(b->vat);
}

/* Its lists of instances and of their keys lie in one folder, which a new user has not, nor perhaps
 * those that it lies in: once it is confined it could make none. Without it nothing is kept. */
static int session_confine(const struct web_options *o)
{
        char folder[FOLDER], *slash;

        (void)snprintf(folder, sizeof(folder), "%s", o->places);
        slash = strrchr(folder, '/');
        if (!slash || client_known_make_folders(folder))
                return confine_session(NULL);
        *slash = 0;
        return confine_session(folder);
}

void session_run(const struct web_options *o, const struct packet_start *start, const int fds[2])
{
        struct session *s = calloc(1, sizeof(*s));
        int r = -ENOMEM;

        protect();
        if (s)
                r = session_confine(o);
        if (!r) {
                s->b.o = o;
                s->b.start = *start;
                r = session_open(s, fds);
        }
        if (!r)
                r = capnp_vat_run(s->b.vat);
        if (!r)
                r = s->failed;
        if (s && s->b.vat)
                session_close(s);
        if (r)
                (void)fprintf(stderr, "capos: a browser's process: %s\n", capos_strerror(r));
        if (s)
                explicit_bzero(s, sizeof(*s));
        free(s);
        _exit(r ? 1 : 0);
}
