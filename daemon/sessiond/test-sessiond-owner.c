/*
 * What the owner of an account may do about its other sessions, and that what is not the account's
 * is not there for him.
 */
#include "test-key.h"

#include <stdio.h>
#include <string.h>

#define UNKNOWN "denied.unknown-name: the account has no other session of this id"
#define ENDED   "denied.stale-session: revoked: its owner has ended it from another session"

static void begin(struct rig *g, struct rig_worker *w, const char *account, const char *from,
                  char id[33])
{
        capnp_question *q;

        rig_worker(g, from, w);
        q = rig_good(rig_password(w, account, "", KEY_PASSWORD));
        snprintf(id, 33, "%s", session_info_id(bound_info(admission_next_bound(q))).p);
        capnp_question_free(q);
}

static capnp_question *ask_end(struct rig_worker *w, const char *id)
{
        capnp_question *q = admission_end_account_session(w->ask);

        admission_end_account_session_set_id(q, id);
        return q;
}

static void ends(struct rig_worker *w, const char *id, unsigned n)
{
        capnp_question *q = rig_good(ask_end(w, id));

        CHECK_EQ(admission_end_account_session_ended(q), n);
        capnp_question_free(q);
}

static void start(struct rig *g)
{
        rig_start(g, NULL);
        rig_account(g, "alice", KEY_PASSWORD);
        rig_account(g, "bob", KEY_PASSWORD);
}

static void stop(struct rig *g)
{
        rig_stop(g, false);
        rig_remove(g->dir);
}

/* Ids in the order of the list, with a + for this one and a - for one whose line has dropped. */
static void listed(struct rig_worker *w, const char *wanted)
{
        capnp_question *q = rig_good(admission_account_sessions(w->ask));
        account_session_list l = admission_account_sessions_sessions(q);
        char text[256] = "";
        size_t at = 0;

        for (uint32_t i = 0; i < account_session_list_len(l); i++) {
                account_session_reader s = account_session_list_get(l, i);

                at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s ",
                                       account_session_id(s).p,
                                       account_session_current(s)         ? "+"
                                       : account_session_dropped_at_ms(s) ? "-"
                                                                          : "");
                CHECK_STR(account_session_kind(s).p, "password");
                CHECK_STR(account_session_profile(s).p, "operator");
                CHECK(account_session_expires_at_ms(s) > account_session_started_at_ms(s));
        }
        CHECK_STR(text, wanted);
        CHECK_EQ(admission_account_sessions_more(q), 0);
        capnp_question_free(q);
}

TEST_T(an_owner_sees_his_own, 60)
{
        struct rig_worker a, b, c, d;
        char ids[4][33], text[256];
        struct key k;
        struct rig g;

        start(&g);
        key_make(&k);
        begin(&g, &a, "alice", RIG_HOME, ids[0]);
        begin(&g, &b, "bob", RIG_AWAY, ids[1]);
        begin(&g, &c, "alice", RIG_AWAY, ids[2]);
        key_begin(&g, &d, "alice", &k, ids[3]);
        snprintf(text, sizeof(text), "%s+ %s %s ", ids[0], ids[3], ids[2]);
        listed(&a, text);
        key_drop(&g, &d);
        snprintf(text, sizeof(text), "%s+ %s %s- ", ids[2], ids[0], ids[3]);
        listed(&c, text);
        snprintf(text, sizeof(text), "%s+ ", ids[1]);
        listed(&b, text);
        rig_worker_end(&a);
        rig_worker_end(&b);
        rig_worker_end(&c);
        stop(&g);
}

TEST_T(an_owner_ends_his_own, 60)
{
        struct rig_worker a, b, c, d, again;
        struct back back = key_alice();
        char ids[4][33];
        struct key k;
        struct rig g;

        start(&g);
        key_make(&k);
        begin(&g, &a, "alice", RIG_HOME, ids[0]);
        begin(&g, &b, "bob", RIG_AWAY, ids[1]);
        begin(&g, &c, "alice", RIG_AWAY, ids[2]);
        rig_attend(&c);
        ends(&a, ids[2], 1);
        rig_refused(rig_ask_open(&c), ENDED);
        rig_refused(ask_end(&a, ids[2]), UNKNOWN);
        rig_worker_end(&c);

        /* One that is gone for the moment does not come back. */
        key_begin(&g, &d, "alice", &k, ids[3]);
        key_drop(&g, &d);
        ends(&a, ids[3], 1);
        rig_refused(key_come_back(&g, &again, &k, &back), "denied.credentials");
        rig_worker_end(&again);

        /* Each other one, whether its line is there or not. */
        begin(&g, &c, "alice", RIG_AWAY, ids[2]);
        key_begin(&g, &d, "alice", &k, ids[3]);
        key_drop(&g, &d);
        rig_attend(&c);
        ends(&a, "", 2);
        rig_refused(rig_ask_open(&c), ENDED);
        rig_refused(key_come_back(&g, &again, &k, &back), "denied.credentials");
        ends(&a, "", 0);
        capnp_question_free(rig_good(admission_account_sessions(a.ask)));
        capnp_question_free(rig_good(admission_account_sessions(b.ask)));
        CHECK_EQ(rig_audited(&g, "\"what\":\"end-account-session\",\"outcome\":\"ok\""), 4);
        CHECK_EQ(rig_audited(&g, ids[2]), 2); /* its grant and its end */
        rig_worker_end(&again);
        rig_worker_end(&a);
        rig_worker_end(&b);
        rig_worker_end(&c);
        stop(&g);
}

/* Of somebody else's session nothing tells that it is there, and it stays. */
TEST_T(what_is_not_his_is_not_there, 60)
{
        static const char *const none[] = {"0123456789abcdef0123456789abcdef", "x", "bob", " "};
        struct rig_worker a, b, d;
        char ids[3][33];
        struct key k;
        struct rig g;

        start(&g);
        key_make(&k);
        begin(&g, &a, "alice", RIG_HOME, ids[0]);
        begin(&g, &b, "bob", RIG_AWAY, ids[1]);
        key_begin(&g, &d, "bob", &k, ids[2]);
        key_drop(&g, &d);
        for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                rig_refused(ask_end(&a, none[i]), UNKNOWN);
        for (unsigned i = 0; i < 3; i++) /* his own, too: that is logged out of */
                rig_refused(ask_end(&a, ids[i]), UNKNOWN);
        ends(&a, "", 0);
        ends(&b, ids[2], 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"end-account-session\",\"outcome\":\"ok\""), 2);
        rig_worker_end(&a);
        rig_worker_end(&b);
        stop(&g);
}

TEST_T(nobody_owns_nothing, 60)
{
        static const char denied[] =
                "denied.profile: there is no account whose sessions these could be";
        struct rig_worker w, other;
        struct rig g;

        start(&g);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_worker(&g, RIG_AWAY, &other);
        capnp_question_free(rig_enter(&other));
        rig_refused(admission_account_sessions(w.ask), denied);
        rig_refused(ask_end(&w, ""), denied);
        rig_refused(ask_end(&w, "0123456789abcdef0123456789abcdef"), denied);
        rig_worker_end(&w);
        rig_worker_end(&other);
        stop(&g);
}

/* Whoever asks for what he has, again and again, is one record of its own, and a number: no client
 * makes the log as long as it likes. */
TEST_T(a_capability_that_is_asked_for_again_is_counted, 60)
{
        enum { TIMES = 300 };
        capnp_question *first;
        struct rig_worker w;
        unsigned lines;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", KEY_PASSWORD);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", KEY_PASSWORD)));
        first = rig_good(rig_ask_open(&w));
        for (unsigned i = 1; i < TIMES; i++)
                capnp_question_free(rig_good(rig_ask_open(&w)));
        capnp_question_free(first);
        rig_worker_end(&w);
        rig_stop(&g, false);
        lines = rig_audited(&g, "\"what\":\"open\",\"outcome\":\"ok\"");
        CHECK(lines >= 2 && lines < 10);
        rig_remove(g.dir);
}
