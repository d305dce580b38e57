/*
 * Another manifest while sessions live, as the session manager sees it: the test is caposd, and the
 * workers. What a whole instance does is in test/e2e/reload.py.
 */
#include "test-key.h"

#include "io-packet.h"

#include <stdlib.h>
#include <string.h>

static const struct rig_options usual = {0};

static void start(struct rig *g)
{
        CHECK(sodium_init() >= 0);
        rig_start(g, NULL);
        rig_account(g, "alice", KEY_PASSWORD);
}

static void stop(struct rig *g)
{
        CHECK_EQ(g->nkilled, 0);
        rig_stop(g, false);
        rig_remove(g->dir);
}

static void login(struct rig *g, struct rig_worker *w)
{
        rig_worker(g, RIG_HOME, w);
        capnp_question_free(rig_good(rig_password(w, "alice", "", KEY_PASSWORD)));
}

static capnp_question *watch(struct rig_worker *w)
{
        capnp_question *q = admission_watch(w->ask);

        capnp_question_send(q, NULL, NULL);
        return q;
}

/* What a worker is told; it asks again, which acknowledges it. */
static notice_reader told(struct rig_worker *w, capnp_question **q, capnp_question **ret_said)
{
        *ret_said = rig_good(*q);
        *q = watch(w);
        return admission_watch_notice(*ret_said);
}

/* Its capability is gone, then it is told what it has now. */
static void told_taken(struct rig_worker *w, capnp_question **q, uint32_t entries)
{
        capnp_question *said;
        notice_reader n = told(w, q, &said);

        CHECK_EQ(notice_which(n), NOTICE_REVOKED);
        CHECK_STR(notice_revoked(n).p, "echo");
        CHECK_STR(notice_why(n).p, "policy");
        capnp_question_free(said);
        n = told(w, q, &said);
        CHECK_EQ(notice_which(n), NOTICE_RENEWED);
        CHECK_EQ(bundle_entry_list_len(bound_bundle(notice_renewed(n))), entries);
        capnp_question_free(said);
}

static void told_given(struct rig_worker *w, capnp_question **q)
{
        capnp_question *said;
        notice_reader n = told(w, q, &said);

        CHECK_EQ(notice_which(n), NOTICE_RENEWED);
        CHECK_EQ(bundle_entry_list_len(bound_bundle(notice_renewed(n))), 2);
        capnp_question_free(said);
}

/* ---- living sessions ------------------------------------------------------------------------ */

TEST_T(what_the_policy_takes_and_gives_again, 60)
{
        const struct rig_options less = {.no_echo = true};
        capnp_question *q;
        struct rig_worker w;
        struct rig g;
        capnp_conn *c, *again;
        capnp_cap *echo, *other;

        start(&g);
        login(&g, &w);
        q = watch(&w);
        echo = rig_open(&w, &c);
        CHECK_OK(rig_echo(&g, echo, 1));

        rig_change(&g, &less);
        told_taken(&w, &q, 1);
        CHECK_EQ(rig_echo(&g, echo, 1), CAPNP_E_DISCONNECTED);
        rig_refused(rig_ask_open(&w), "denied.revoked-lease: policy");
        CHECK_EQ(rig_audited(&g, "\"capability\":\"echo\",\"detail\":\"policy\""), 1);

        rig_change(&g, &usual);
        told_given(&w, &q);
        other = rig_open(&w, &again);
        CHECK_OK(rig_echo(&g, other, 1));
        CHECK(rig_echo(&g, echo, 1) != 0);

        capnp_question_free(q);
        capnp_cap_unref(echo);
        capnp_cap_unref(other);
        capnp_conn_unref(c);
        capnp_conn_unref(again);
        rig_worker_end(&w);
        stop(&g);
}

/* The same name, and another thing: what there was is taken, what there is can be had. */
TEST_T(another_facet_is_another_capability, 60)
{
        const struct rig_options other = {.facet = "other"};
        capnp_question *q;
        struct rig_worker w;
        struct rig g;
        capnp_conn *c, *again;
        capnp_cap *echo, *fresh;

        start(&g);
        login(&g, &w);
        echo = rig_open(&w, &c);
        CHECK_STR(g.callers[0].facet, "operator");
        rig_change(&g, &other);
        /* Its worker would cut the new one, not knowing that it is meant the old one. */
        rig_refused(rig_ask_open(&w), "denied.revoked-lease: policy");
        q = watch(&w);
        told_taken(&w, &q, 2);
        CHECK_EQ(rig_echo(&g, echo, 1), CAPNP_E_DISCONNECTED);
        fresh = rig_open(&w, &again);
        CHECK_OK(rig_echo(&g, fresh, 1));
        CHECK_STR(g.callers[1].facet, "other");

        capnp_question_free(q);
        capnp_cap_unref(echo);
        capnp_cap_unref(fresh);
        capnp_conn_unref(c);
        capnp_conn_unref(again);
        rig_worker_end(&w);
        stop(&g);
}

/* Nothing of it is touched, so nothing is said, and nothing has to be acknowledged. */
TEST_T(who_is_not_concerned_is_told_nothing, 60)
{
        capnp_question *q;
        struct rig_worker w;
        struct rig g;
        capnp_conn *c;
        capnp_cap *echo;

        start(&g);
        login(&g, &w);
        echo = rig_open(&w, &c);
        q = watch(&w);
        for (unsigned n = 0; n < 20; n++)
                rig_change(&g, &usual);
        CHECK_OK(rig_echo(&g, echo, 1));
        capnp_question_free(rig_good(rig_ask_open(&w))); /* behind what it would be told */
        CHECK(!capnp_question_is_done(q));

        capnp_question_free(q);
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(what_cannot_be_read_changes_nothing, 60)
{
        const struct rig_options wrong = {.no_operator = true, .no_echo = true};
        static const char bytes[64] = "this is no manifest";
        const struct packet drop = {.type = PACKET_DROP};
        struct rig_worker w;
        struct rig g;
        capnp_conn *c;
        capnp_cap *echo;

        start(&g);
        login(&g, &w);
        echo = rig_open(&w, &c);
        CHECK(rig_next_bytes(&g, bytes, sizeof(bytes)) != 0);
        CHECK(rig_next_bytes(&g, bytes, 0) != 0);
        /* One that is good, and is not wanted. */
        CHECK_OK(rig_next(&g, &wrong));
        CHECK_OK(capos_io_packet_send(g.up, &drop, sizeof(drop), NULL, 0));
        CHECK_OK(rig_echo(&g, echo, 1));
        capnp_question_free(rig_good(rig_ask_open(&w)));

        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        stop(&g);
}

static void revoke_echo(struct rig *g, const char *id)
{
        capnp_question *q = admin_session_revoke(rig_admin(g));

        admin_session_revoke_set_id(q, id);
        admin_session_revoke_set_cap(q, "echo");
        capnp_question_free(rig_good(q));
}

/* What the policy had taken before, too: else the policy would bring it back. */
TEST_T(what_somebody_takes_stays_away_whatever_the_policy_does, 60)
{
        const struct rig_options less = {.no_echo = true};
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        char id[33];

        start(&g);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        rig_attend(&w);
        rig_change(&g, &less);
        revoke_echo(&g, id);
        CHECK_EQ(rig_audited(&g, "\"what\":\"revocation\""), 2);
        rig_change(&g, &usual);
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");

        /* Nor does it come back with a client whose line has dropped while there was none. */
        rig_change(&g, &less);
        key_drop(&g, &w);
        capnp_question_free(rig_good(key_come_back(&g, &w, &k, &b)));
        rig_attend(&w);
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");
        rig_change(&g, &usual);
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");
        rig_worker_end(&w);
        stop(&g);
}

/* ---- who is on his way ---------------------------------------------------------------------- */

TEST_T(a_proof_under_way_is_judged_by_what_counts_then, 60)
{
        const struct rig_options off = {.no_password = true};
        capnp_question *q;
        struct rig_worker w;
        struct rig g;

        start(&g);
        g.hold_provers = true;
        rig_worker(&g, RIG_HOME, &w);
        q = rig_password(&w, "alice", "", KEY_PASSWORD);
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nheld, 1);
        rig_change(&g, &off);
        rig_release_provers(&g);
        rig_refused(q, "denied.method-disabled");
        rig_worker_end(&w);
        stop(&g);
}

/* ---- who is away ---------------------------------------------------------------------------- */

TEST_T(who_is_away_comes_back_to_what_there_is_now, 60)
{
        const struct rig_options less = {.no_echo = true};
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        capnp_question *q;
        char id[33];

        start(&g);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        rig_change(&g, &less);
        q = rig_good(key_come_back(&g, &w, &k, &b));
        CHECK_EQ(bundle_entry_list_len(bound_bundle(admission_next_bound(q))), 1);
        capnp_question_free(q);
        key_drop(&g, &w);
        rig_change(&g, &usual);
        q = rig_good(key_come_back(&g, &w, &k, &b));
        CHECK_EQ(bundle_entry_list_len(bound_bundle(admission_next_bound(q))), 2);
        capnp_question_free(q);
        rig_worker_end(&w);
        stop(&g);
}

/* What somebody has taken stays away, wherever in the bundle it is by then. */
TEST_T(who_is_away_does_not_get_back_what_was_taken, 60)
{
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        char id[33];

        start(&g);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        revoke_echo(&g, id);
        rig_change(&g, &(struct rig_options){.facet = "other"});
        capnp_question_free(rig_good(key_come_back(&g, &w, &k, &b)));
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");
        key_drop(&g, &w);
        rig_change(&g, &(struct rig_options){.no_echo = true});
        rig_change(&g, &usual);
        capnp_question_free(rig_good(key_come_back(&g, &w, &k, &b)));
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(who_is_away_does_not_come_back_to_what_is_gone, 60)
{
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        char id[33];

        start(&g);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        rig_change(&g, &(struct rig_options){.no_operator = true});
        CHECK_EQ(rig_audited(&g, "policy; its line had dropped"), 1);
        rig_change(&g, &usual);
        rig_refused(key_come_back(&g, &w, &k, &b), "denied.credentials");
        rig_worker_end(&w);

        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        rig_change(&g, &(struct rig_options){.lease_ms = 1, .max_lease_ms = 1});
        rig_change(&g, &usual);
        rig_refused(key_come_back(&g, &w, &k, &b), "denied.credentials");
        rig_worker_end(&w);
        stop(&g);
}

/* Coming back proves nothing, so what a profile demands is asked of what has made the session. */
TEST_T(who_is_away_does_not_come_back_by_less_than_is_demanded, 60)
{
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        char id[33];

        start(&g);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        rig_change(&g, &(struct rig_options){.touched = true});
        CHECK_EQ(rig_audited(&g, "policy; its line had dropped"), 1);
        rig_refused(key_come_back(&g, &w, &k, &b), "denied.credentials");
        rig_worker_end(&w);
        stop(&g);
}

/* ---- what a worker says of calls ------------------------------------------------------------- */

/* How many of so many messages with as many rows as one may have are taken. */
static unsigned tallied(struct rig_worker *w, unsigned messages)
{
        unsigned good = 0;

        for (unsigned k = 0; k < messages; k++) {
                capnp_question *q = admission_tally(w->ask);
                call_tally_list_builder l = admission_tally_init_calls(q, 65);

                for (unsigned i = 0; i < 65; i++) {
                        call_tally_set_calls(call_tally_list_builder_get(l, i), 1);
                        call_tally_set_outcome(call_tally_list_builder_get(l, i), "ok");
                }
                good += !capnp_question_wait(q);
                capnp_question_free(q);
        }
        return good;
}

/* Where each call was recorded and no longer is: what was kept by then is, and no more than that,
 * though what is used up is more than one that never had this may have at once. */
TEST_T(a_worker_is_bounded_by_another_policy_as_well, 120)
{
        const struct rig_options each = {.audit_calls = true};
        capnp_question *q, *said;
        struct rig_worker w;
        struct rig g;

        start(&g);
        rig_change(&g, &each);
        login(&g, &w);
        q = watch(&w);
        CHECK_EQ(tallied(&w, 6), 6);
        rig_change(&g, &usual);
        CHECK_EQ(notice_which(told(&w, &q, &said)), NOTICE_RENEWED);
        capnp_question_free(said);
        CHECK_EQ(tallied(&w, 8), 8);
        CHECK(tallied(&w, 400) < 30);

        capnp_question_free(q);
        rig_worker_end(&w);
        stop(&g);
}

/* What was counted until each call was to be recorded by itself is a number still. */
TEST_T(what_was_counted_before_stays_a_count, 60)
{
        static const unsigned calls[] = {1000, 1};
        const struct rig_options each = {.audit_calls = true};
        capnp_question *q, *said, *told_of;
        call_tally_list_builder l;
        struct rig_worker w;
        struct rig g;

        start(&g);
        login(&g, &w);
        q = watch(&w);
        rig_change(&g, &each);
        CHECK_EQ(notice_which(told(&w, &q, &said)), NOTICE_RENEWED);
        capnp_question_free(said);

        told_of = admission_tally(w.ask);
        l = admission_tally_init_calls(told_of, 2);
        for (unsigned i = 0; i < 2; i++) {
                call_tally_set_calls(call_tally_list_builder_get(l, i), calls[i]);
                call_tally_set_outcome(call_tally_list_builder_get(l, i), "ok");
        }
        capnp_question_free(rig_good(told_of));
        CHECK_EQ(rig_audited(&g, "\"what\":\"calls\""), 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"call\""), 1);

        capnp_question_free(q);
        rig_worker_end(&w);
        stop(&g);
}
