/*
 * The session and its bundle. Both are handed on as the instance has said them; what is added is
 * what only this side knows: the interface's name, whether it composes panes, how it is with it.
 *
 * While there is a session, one question at the instance waits for its bundle to be another: so
 * pages show at once that a capability was taken back, and that the session is over.
 */
#include "holdings.h"

#include "client.h"
#include "records.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 15 * 1000, ASKS = 16 };

/* Whether an interface is UiComposer's, or extends it: has its method. */
static bool interface_composes(const capnp_schema *s, uint64_t interface)
{
        struct capnp_method_info m;

        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, &m); i++)
                if (m.interface == UI_COMPOSER_ID)
                        return true;
        return false;
}

static void session_write(const struct bridge *b, web_down_builder d)
{
        web_down_set_session(d, remote_session_info_info(b->client->info));
}

static void caps_write(const struct bridge *b, web_down_builder d)
{
        remote_cap_entry_list l = remote_cap_set_list_entries(b->client->list);
        const capnp_schema *s = capos_client_schema_peek(b->client);
        uint32_t n = remote_cap_entry_list_len(l);
        web_down_cap_list_builder to = web_down_init_caps(d, n);

        for (uint32_t i = 0; i < n; i++) {
                web_down_cap_builder c = web_down_cap_list_builder_get(to, i);
                remote_cap_entry_reader e = remote_cap_entry_list_get(l, i);
                const capnp_decl *decl = capnp_schema_find(s, remote_cap_entry_interface_id(e));

                web_down_cap_set_entry(c, e);
                web_down_cap_set_state(c, b->is_in ? "ready" : "ended");
                if (!decl)
                        continue;
                web_down_cap_set_interface(c, capnp_decl_short_name(decl));
                web_down_cap_set_composes(c,
                                          interface_composes(s, remote_cap_entry_interface_id(e)));
        }
}

static bool holdings_are_there(const struct bridge *b)
{
        return b->client && b->client->info && b->client->list;
}

void holdings_tell(struct bridge *b, const struct bridge_tab *t)
{
        struct down d;

        if (!holdings_are_there(b))
                return;
        d = down_new(0);
        if (d.m)
                session_write(b, d.d);
        down_tell(b, t, &d);
        d = down_new(0);
        if (d.m)
                caps_write(b, d.d);
        down_tell(b, t, &d);
}

void holdings_answer(struct bridge *b, struct asker a)
{
        struct down d;

        holdings_tell(b, NULL);
        if (!holdings_are_there(b) || !a.id)
                return;
        d = down_new(a.id);
        if (d.m)
                session_write(b, d.d);
        down_answer(b, a, &d);
}

/* ---- asking anew ---------------------------------------------------------------------------- */

/* One question of a page's to the instance, through the client or beside it. */
struct ask {
        struct bridge *b;
        struct asker a;
};

static struct ask *ask_new(struct bridge *b, struct asker a)
{
        struct ask *k = b->asks < ASKS ? malloc(sizeof(*k)) : NULL;

        if (!k) {
                if (b->asks < ASKS)
                        bridge_fail(b, a, "bridge.failed", "no memory");
                else
                        bridge_fail(b, a, "bridge.busy", "too much is under way");
                return NULL;
        }
        *k = (struct ask){b, a};
        b->asks++;
        return k;
}

/* Ends it: what there was to know of it. */
static struct ask ask_end(void *arg)
{
        struct ask k = *(struct ask *)arg;

        k.b->asks--;
        free(arg);
        return k;
}

static void refresh_on_done(capos_client *c, int r, void *arg)
{
        struct ask k = ask_end(arg);

        if (r)
                bridge_fail_error(k.b, k.a, capos_client_error_peek(c));
        else
                holdings_answer(k.b, k.a);
        bridge_idle(k.b);
}

void holdings_refresh(struct bridge *b, struct asker a)
{
        struct ask *k;
        int r;

        if (!b->is_in) {
                bridge_fail(b, a, "bridge.no-session", "there is no session");
                return;
        }
        k = ask_new(b, a);
        if (!k)
                return;
        capos_client_set_timeout(b->client, ANSWER_MS);
        b->busy = true;
        r = capos_client_fetch(b->client, refresh_on_done, k);
        if (!r)
                return;
        (void)ask_end(k);
        bridge_fail_code(b, a, r);
        bridge_idle(b);
}

/* ---- schemas -------------------------------------------------------------------------------- */

struct learn {
        struct bridge *b;
        uint32_t next;
        void (*done)(struct bridge *b);
};

static void learn_next(struct learn *l);

static void learn_on_schema(capos_client *c, int r, void *arg)
{
        (void)c;
        (void)r; /* what it does not tell stays unknown */
        learn_next(arg);
}

static void learn_next(struct learn *l)
{
        struct bridge *b = l->b;
        struct capos_cap_entry e;

        while (b->is_in && capos_client_entry(b->client, l->next, &e)) {
                l->next++;
                if (!capos_client_fetch_schema(b->client, e.interface, learn_on_schema, l))
                        return;
        }
        b->learning = false;
        holdings_tell(b, NULL);
        if (b->is_in)
                l->done(b);
        free(l);
        bridge_idle(b);
}

void holdings_learn(struct bridge *b, void (*done)(struct bridge *b))
{
        struct learn *l = calloc(1, sizeof(*l));

        if (!l)
                return;
        *l = (struct learn){.b = b, .done = done};
        capos_client_set_timeout(b->client, ANSWER_MS);
        b->busy = b->learning = true;
        learn_next(l);
}

/* ---- what changes ---------------------------------------------------------------------------- */

static void watch_ask(struct bridge *b, uint64_t since);

static void learned(struct bridge *b)
{
        (void)b; /* holdings_learn() has said it */
}

/* Whether something was granted whose interface nobody here has seen. */
static bool bundle_is_strange(const struct bridge *b)
{
        struct capos_cap_entry e;

        for (uint32_t i = 0; capos_client_entry(b->client, i, &e); i++)
                if (!capnp_schema_find(capos_client_schema_peek(b->client), e.interface))
                        return true;
        return false;
}

static uint64_t lease_of(remote_cap_entry_list l, capnp_text name)
{
        for (uint32_t i = 0; i < remote_cap_entry_list_len(l); i++) {
                remote_cap_entry_reader e = remote_cap_entry_list_get(l, i);

                if (remote_cap_entry_name(e).len == name.len &&
                    !memcmp(remote_cap_entry_name(e).p, name.p, name.len))
                        return remote_cap_entry_lease_expires_at_ms(e);
        }
        return 0;
}

/* A lease that is shorter than it was, and over, was taken back. */
static void taken_record(struct bridge *b, capnp_question *before, capnp_question *now)
{
        remote_cap_entry_list was = remote_cap_set_list_entries(before);
        remote_cap_entry_list is = remote_cap_set_list_entries(now);

        for (uint32_t i = 0; i < remote_cap_entry_list_len(is); i++) {
                remote_cap_entry_reader e = remote_cap_entry_list_get(is, i);
                uint64_t ends_ms = remote_cap_entry_lease_expires_at_ms(e);

                if (ends_ms < lease_of(was, remote_cap_entry_name(e)) &&
                    ends_ms <= bridge_time_ms())
                        record_add(b, "capability", remote_cap_entry_name(e).p, "revoked", "");
        }
}

static void keep(capnp_question **from, capnp_question **to)
{
        capnp_question_free(*to);
        *to = *from;
        *from = NULL;
}

/* The list comes behind the session: both are here. The session's own reference may have been
 * replaced meanwhile; then it is said by whoever has renewed it. */
static void now_on_list(capnp_question *q, int r, void *arg)
{
        struct bridge *b = arg;
        struct capos_error e;

        (void)q;
        if (!r && !capos_error_of_question(b->now_info, &e))
                keep(&b->now_info, &b->client->info);
        b->now_info = capnp_question_free(b->now_info);
        if (r) {
                b->now_list = capnp_question_free(b->now_list);
                return;
        }
        if (b->client->list)
                taken_record(b, b->client->list, b->now_list);
        keep(&b->now_list, &b->client->list);
        holdings_tell(b, NULL);
        if (!b->busy && bundle_is_strange(b))
                holdings_learn(b, learned);
}

/* Beside what the client does, which may wait for a person. */
static void now_ask(struct bridge *b)
{
        if (b->now_list)
                return;
        capnp_question_free(b->now_info);
        b->now_info = remote_session_info((remote_session_client){b->client->session});
        b->now_list = remote_cap_set_list((remote_cap_set_client){b->client->caps});
        capnp_question_send(b->now_info, NULL, NULL);
        capnp_question_send(b->now_list, now_on_list, b);
}

static void watch_on_answer(capnp_question *q, int r, void *arg)
{
        struct bridge *b = arg;
        struct capos_error e;

        b->changed = NULL;
        if (capos_error_of_question(q, &e)) {
                if (b->is_in && e.code == CAPOS_E_DENIED && e.denial == CAPOS_DENIED_STALE_SESSION)
                        b->stale(b, &e);
        } else if (!r && b->is_in) {
                watch_ask(b, remote_cap_set_changed_now(q));
                now_ask(b);
        }
        capnp_question_free(q);
}

/* An instance that has no such call is asked at each act, as before. */
static void watch_ask(struct bridge *b, uint64_t since)
{
        b->changed = remote_cap_set_changed((remote_cap_set_client){b->client->caps});
        remote_cap_set_changed_set_since(b->changed, since);
        capnp_question_send(b->changed, watch_on_answer, b);
}

void holdings_watch(struct bridge *b)
{
        holdings_unwatch(b);
        watch_ask(b, 0);
}

void holdings_unwatch(struct bridge *b)
{
        b->changed = capnp_question_free(b->changed);
        b->now_info = capnp_question_free(b->now_info);
        b->now_list = capnp_question_free(b->now_list);
}

/* ---- the account's sessions ----------------------------------------------------------------- */

static void sessions_on_answer(capnp_question *q, int r, void *arg)
{
        struct ask k = ask_end(arg);
        struct capos_error e;
        struct down d;

        if (r || capos_error_of_question(q, &e)) {
                (void)capos_error_of_question(q, &e);
                bridge_fail_error(k.b, k.a, &e);
        } else {
                d = down_new(k.a.id);
                if (d.m)
                        web_down_set_sessions(d.d, remote_session_account_sessions_sessions(q));
                down_answer(k.b, k.a, &d);
        }
        capnp_question_free(q);
}

static void ended_on_answer(capnp_question *q, int r, void *arg)
{
        struct ask k = ask_end(arg);
        struct capos_error e;

        (void)r;
        if (capos_error_of_question(q, &e))
                bridge_fail_error(k.b, k.a, &e);
        else
                bridge_done(k.b, k.a);
        record_error(k.b, "end-session", "", &e);
        capnp_question_free(q);
}

/* Sends it, or says that there is no memory for it. */
static void ask_send(struct ask *k, capnp_question *q,
                     void (*done)(capnp_question *q, int r, void *arg))
{
        struct ask gone;

        if (q) {
                capnp_question_send(q, done, k);
                return;
        }
        gone = ask_end(k);
        bridge_fail_code(gone.b, gone.a, -ENOMEM);
}

/* A question about the session that there is. NULL: there is none, or no memory; that was said. */
static struct ask *session_ask(struct bridge *b, struct asker a, capnp_cap **ret_session)
{
        *ret_session = b->client ? capos_client_session_peek(b->client) : NULL;
        if (*ret_session)
                return ask_new(b, a);
        bridge_fail(b, a, "bridge.no-session", "there is no session");
        return NULL;
}

void holdings_sessions(struct bridge *b, struct asker a)
{
        capnp_cap *session;
        struct ask *k = session_ask(b, a, &session);

        if (!k)
                return;
        ask_send(k, remote_session_account_sessions((remote_session_client){session}),
                 sessions_on_answer);
}

void holdings_end_session(struct bridge *b, struct asker a, capnp_text id)
{
        capnp_cap *session;
        struct ask *k = session_ask(b, a, &session);
        capnp_question *q;

        if (!k)
                return;
        q = remote_session_end_account_session((remote_session_client){session});
        if (q)
                remote_session_end_account_session_set_id_n(q, id);
        ask_send(k, q, ended_on_answer);
}
