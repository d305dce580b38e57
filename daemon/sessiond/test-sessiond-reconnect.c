/*
 * Clients whose line drops: what an enrolled key lets in to, and everything that it does not.
 */
#include "test-key.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 19, TIMES = 20, MANY = 40, WAITING = 16, TRIES = 16 };

static const uint8_t head[HEAD] = {0,   0,   0,   11,  's', 's', 'h', '-', 'e', 'd',
                                   '2', '5', '5', '1', '9', 0,   0,   0,   32};

static void refused(struct rig *g, const struct key *k, struct back b, const char *code)
{
        struct rig_worker w;

        rig_refused(key_come_back(g, &w, k, &b), code);
        rig_worker_end(&w);
}

static void start(struct rig *g, const struct rig_options *o)
{
        CHECK(sodium_init() >= 0);
        rig_start(g, o);
        rig_account(g, "alice", KEY_PASSWORD);
}

static void stop(struct rig *g)
{
        rig_stop(g, false);
        rig_remove(g->dir);
}

/* ---- coming back ---------------------------------------------------------------------------- */

TEST_T(a_line_drops_twenty_times, 120)
{
        struct rig_worker w;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        uint64_t until_ms;
        session_info_reader i;
        capnp_question *q;
        capnp_conn *c;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB), "denied.already-bound");
        capnp_cap_unref(rig_open(&w, &c));
        CHECK_MEM(g.callers[0].origin, g.callers[0].reference, 16);
        capnp_conn_unref(c);
        key_drop(&g, &w);
        q = rig_good(key_come_back(&g, &w, &k, &b));
        until_ms = session_info_expires_at_ms(bound_info(admission_next_bound(q)));
        capnp_question_free(q);
        capnp_cap_unref(rig_open(&w, &c));
        CHECK_MEM(g.callers[1].origin, g.callers[0].reference, 16);
        CHECK(memcmp(g.callers[1].reference, g.callers[0].reference, 16) != 0);
        capnp_conn_unref(c);
        for (unsigned n = 1; n < TIMES; n++) {
                key_drop(&g, &w);
                q = rig_good(key_come_back(&g, &w, &k, &b));
                i = bound_info(admission_next_bound(q));
                CHECK_STR(session_info_account(i).p, "alice");
                CHECK_STR(session_info_profile(i).p, "operator");
                CHECK_STR(session_info_kind(i).p, "password");
                CHECK_EQ(session_info_expires_at_ms(i), until_ms);
                CHECK(bundle_entry_list_len(bound_bundle(admission_next_bound(q))) > 0);
                capnp_question_free(q);
        }
        CHECK_EQ(rig_audited(&g, "reconnect: enrolled by session"), TIMES);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"password, reconnect of "), TIMES);
        CHECK_EQ(rig_audited(&g, "\"what\":\"enrol\",\"outcome\":\"ok\""), 1);
        rig_worker_end(&w);
        stop(&g);
}

/* The old connection is there for hours yet, for all that its end knows. */
TEST_T(who_comes_back_ends_what_he_left, 60)
{
        struct rig_worker w, again;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        unsigned sessions, descriptors;
        uint64_t until_ms, back_ms;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        rig_attend(&w);
        capnp_question_free(rig_good(key_come_back(&g, &again, &k, &b)));
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(sessions, 1);
        rig_refused(rig_ask_open(&w), "denied.stale-session: its client has come back");
        CHECK_EQ(rig_audited(&g, "\"what\":\"displacement\""), 1);
        rig_worker_end(&w);

        /* A renewal takes the key's time along: back then, when the first would have ended. */
        q = admission_renew(again.ask);
        admission_renew_set_proof(
                q, (capnp_data){(const uint8_t *)KEY_PASSWORD, strlen(KEY_PASSWORD)});
        admission_renew_set_duration_ms(q, 3600000);
        q = rig_good(q);
        until_ms = session_info_expires_at_ms(bound_info(admission_renew_bound(q)));
        capnp_question_free(q);
        key_drop(&g, &again);
        q = rig_good(key_come_back(&g, &w, &k, &b));
        back_ms = session_info_expires_at_ms(bound_info(admission_next_bound(q)));
        CHECK_EQ(back_ms, until_ms);
        capnp_question_free(q);
        rig_worker_end(&w);
        stop(&g);
}

/* An account's key that is good from one place, and for one profile. */
static void register_restricted(struct rig *g, const struct key *k, uint64_t expires_ms)
{
        char blob[128], line[192];
        capnp_question *q = admin_key_add(rig_admin(g));
        key_options_builder b = admin_key_add_init_options(q);

        sodium_bin2base64(blob, sizeof(blob), k->blob, sizeof(k->blob),
                          sodium_base64_VARIANT_ORIGINAL);
        snprintf(line, sizeof(line), "ssh-ed25519 %s", blob);
        admin_key_add_set_name(q, "alice");
        admin_key_add_set_key(q, line);
        key_options_set_from(b, "192.0.2.0/24,!192.0.2.66");
        key_options_set_expires_at_ms(b, expires_ms);
        key_options_set_profile(b, "operator");
        capnp_question_free(rig_good(q));
}

/* Whoever comes back rests on the key that his session rests on. */
TEST_T(what_a_key_is_restricted_to_holds_for_who_comes_back, 60)
{
        static const char *const elsewhere[] = {"198.51.100.7:1", "192.0.2.66:1",
                                                "[2001:db8::7]:1"};
        uint64_t until_ms = ((uint64_t)time(NULL) + 300) * 1000;
        struct back b = key_alice();
        struct rig_worker w, other;
        struct key made, own;
        capnp_question *q;
        struct rig g;

        start(&g, NULL);
        key_make(&made);
        key_make(&own);
        register_restricted(&g, &made, until_ms);
        b.from = elsewhere[0];
        rig_refused(key_come_back(&g, &other, &made, &b), "denied.credentials");
        rig_worker_end(&other);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"key not from here\""), 1);

        b.from = "[::ffff:192.0.2.7]:1";
        q = rig_good(key_come_back(&g, &w, &made, &b));
        CHECK(session_info_expires_at_ms(bound_info(admission_next_bound(q))) <= until_ms + 1);
        capnp_question_free(q);
        capnp_question_free(rig_good(key_enrol(&w, own.blob, KEY_BLOB)));
        key_drop(&g, &w);
        for (unsigned i = 0; i < 3; i++) {
                b.from = elsewhere[i];
                rig_refused(key_come_back(&g, &other, &own, &b), "denied.credentials");
                rig_worker_end(&other);
        }
        b.from = "192.0.2.9:1";
        q = rig_good(key_come_back(&g, &w, &own, &b));
        CHECK(session_info_expires_at_ms(bound_info(admission_next_bound(q))) <= until_ms + 1);
        capnp_question_free(q);
        rig_worker_end(&w);
        stop(&g);
}

/* ---- not any more --------------------------------------------------------------------------- */

static capnp_question *by_id(struct rig *g, const char *id)
{
        capnp_question *q = admin_session_revoke(rig_admin(g));

        admin_session_revoke_set_id(q, id);
        return q;
}

TEST_T(over_is_over, 120)
{
        struct rig_worker w;
        struct rig g;
        struct key k;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        refused(&g, &k, key_alice(), "denied.credentials");

        key_begin(&g, &w, "alice", &k, id);
        capnp_question_free(rig_good(admission_logout(w.ask)));
        rig_worker_end(&w);
        refused(&g, &k, key_alice(), "denied.credentials");

        key_begin(&g, &w, "alice", &k, id);
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_worker_end(&w);
        refused(&g, &k, key_alice(), "denied.credentials");

        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_refused(by_id(&g, id), "there is no such session");
        CHECK_EQ(rig_audited(&g, "its line had dropped"), 1);
        refused(&g, &k, key_alice(), "denied.credentials");

        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        q = admin_passwd(rig_admin(&g));
        admin_passwd_set_name(q, "alice");
        admin_passwd_set_password(
                q, (capnp_data){(const uint8_t *)KEY_PASSWORD, strlen(KEY_PASSWORD)});
        capnp_question_free(rig_good(q));
        refused(&g, &k, key_alice(), "denied.credentials");

        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        q = admin_account_remove(rig_admin(&g));
        admin_account_remove_set_name(q, "alice");
        capnp_question_free(rig_good(q));
        rig_account(&g, "alice", KEY_PASSWORD);
        refused(&g, &k, key_alice(), "denied.credentials");

        /* A worker that has to be killed may have enrolled a key of its own. */
        key_begin(&g, &w, "alice", &k, id);
        for (unsigned i = 0; i < 16; i++)
                rig_refused(admission_secured(w.ask), "secured is illegal now");
        rig_until(&g, &w.closed);
        rig_worker_end(&w);
        refused(&g, &k, key_alice(), "denied.credentials");
        stop(&g);
}

/* … or one that breaks the protocol: Release of an export that there is not. */
TEST_T(a_breach_of_the_protocol_ends_it, 60)
{
        static const uint64_t release[] = {4ull << 32, 1ull << 48 | 1ull << 32, 6, 1ull << 32,
                                           1ull << 32 | 99};
        struct rig_worker w;
        struct rig g;
        struct key k;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        CHECK_EQ(write(w.fd, release, sizeof(release)), (ssize_t)sizeof(release));
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(g.killed[0], w.event);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 1);
        refused(&g, &k, key_alice(), "denied.credentials");
        stop(&g);
}

/* An administrator has read its id; meanwhile it was come back to. */
TEST_T(revoked_by_an_id_of_before, 60)
{
        struct rig_worker w, again;
        struct rig g;
        struct key k;
        struct back b = key_alice();
        char id[33];

        start(&g, NULL);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        for (unsigned i = 0; i < 3; i++) {
                capnp_question_free(rig_good(key_come_back(&g, &again, &k, &b)));
                if (i < 2)
                        key_drop(&g, &again);
        }
        rig_attend(&again);
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_refused(rig_ask_open(&again), "denied.stale-session: revoked");
        rig_worker_end(&again);
        refused(&g, &k, key_alice(), "denied.credentials");
        stop(&g);
}

/* Waits until a session has expired. */
static void expire(struct rig_worker *w)
{
        capnp_question *q = rig_good(admission_watch(w->ask));

        CHECK_STR(notice_ended(admission_watch_notice(q)).p, "expired");
        capnp_question_free(q);
        rig_worker_end(w);
}

/* Neither of a session that is there nor of one that is not; coming back makes it no longer. */
TEST_T(not_after_the_lease, 60)
{
        enum { LEASE_MS = 20 * 1000 }; /* in which two log in, and one comes back */
        struct rig_worker w, other;
        struct rig g;
        struct key k, waits;
        struct back b = key_alice();
        char id[33];

        start(&g, &(struct rig_options){.lease_ms = LEASE_MS, .max_lease_ms = LEASE_MS});
        key_make(&waits);
        key_begin(&g, &w, "alice", &waits, id);
        key_drop(&g, &w);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        rig_worker(&g, RIG_HOME, &other);
        capnp_question_free(rig_good(rig_password(&other, "alice", "", KEY_PASSWORD)));
        capnp_question_free(rig_good(key_come_back(&g, &w, &k, &b)));
        expire(&w);
        CHECK(rig_audited(&g, "\"what\":\"expiry\"") >= 1);
        expire(&other); /* which began after both */
        refused(&g, &k, b, "denied.credentials");
        refused(&g, &waits, b, "denied.credentials");
        stop(&g);
}

TEST_T(not_after_the_session_manager, 60)
{
        struct rig_worker w;
        struct rig g, again;
        struct key k;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        key_begin(&g, &w, "alice", &k, id);
        rig_kill(&g, &w);
        rig_start(&again, &(struct rig_options){.dir = g.dir});
        refused(&again, &k, key_alice(), "denied.credentials");
        stop(&again);
}

/* ---- nothing else --------------------------------------------------------------------------- */

TEST_T(it_is_good_for_nothing_else, 90)
{
        static const struct {
                struct back as;
                const char *code;
        } rows[] = {
                {{.account = "alice", .profile = ""}, "denied.profile"},
                {{.account = "alice", .profile = "second"}, "denied.profile"},
                {{.account = "alice", .profile = "visitor"}, "denied.profile"},
                {{.account = "bob", .profile = "operator"}, "denied.credentials"},
                {{.account = "", .profile = "operator"}, "denied.credentials"},
                {{.account = "alice", .profile = "operator", .end_others = true}, "denied.flow"},
        };
        struct rig_worker w, other;
        struct rig g;
        struct key k, stray;
        struct back b = key_alice();
        struct capos_proof p = {
                .transport = "plain", .account = {"alice", 5}, .profile = {"operator", 8}};
        struct out sig;
        uint8_t challenge[32], nonce[32];
        uint32_t flow;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        rig_account(&g, "bob", KEY_PASSWORD);
        key_make(&k);
        key_make(&stray);
        key_begin(&g, &w, "alice", &k, id);
        key_drop(&g, &w);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                refused(&g, &k, rows[i].as, rows[i].code);
        memcpy(stray.blob, k.blob, KEY_BLOB); /* her key's name, another's signature */
        refused(&g, &stray, key_alice(), "denied.credentials");

        /* The same signature again. */
        q = rig_good(key_come_back(&g, &w, &k, &b));
        memcpy(challenge, session_info_renew_challenge(bound_info(admission_next_bound(q))).p, 32);
        capnp_question_free(q);
        flow = key_ask(&g, &other, &b, nonce);
        rig_refused(key_next(&other, flow, b.sig.p, b.sig.n), "denied.credentials");
        rig_worker_end(&other);

        /* It renews nothing. */
        p.nonce = (capnp_data){challenge, sizeof(challenge)};
        key_sign(&k, &p, &sig);
        q = admission_renew(w.ask);
        admission_renew_set_proof(q, (capnp_data){sig.p, (uint32_t)sig.n});
        rig_refused(q, "denied.credentials");
        CHECK_EQ(rig_audited(&g, "renewal by an enrolled key"), 1);
        rig_worker_end(&w);
        stop(&g);
}

/* ---- enrolling ------------------------------------------------------------------------------ */

TEST_T(what_can_be_enrolled, 60)
{
        static const uint8_t small[32] = {1}; /* the neutral element: signs everything */
        struct rig_worker w, other;
        struct rig g;
        struct key k, bad;
        char id[33];

        start(&g, NULL);
        rig_account(&g, "bob", KEY_PASSWORD);
        key_make(&k);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB), "enrol is illegal now");
        capnp_question_free(rig_enter(&w));
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB), "denied.method-disabled");
        rig_worker_end(&w);

        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", KEY_PASSWORD)));
        rig_refused(key_enrol(&w, k.blob, 0), "denied.credentials");
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB - 1), "denied.credentials");
        bad = k;
        bad.blob[4] = 'x';
        rig_refused(key_enrol(&w, bad.blob, KEY_BLOB), "denied.credentials");
        memcpy(bad.blob, head, HEAD);
        memcpy(bad.blob + HEAD, small, sizeof(small));
        rig_refused(key_enrol(&w, bad.blob, KEY_BLOB), "denied.credentials");

        /* Another session's, another account's. */
        key_begin(&g, &other, "bob", &k, id);
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB), "denied.credentials");
        rig_worker_end(&other);
        key_make(&bad);
        key_register(&g, "bob", &bad);
        rig_refused(key_enrol(&w, bad.blob, KEY_BLOB), "denied.credentials");
        CHECK(rig_audited(&g, "\"what\":\"enrol\",\"outcome\":\"denied.credentials\"") > 0);
        rig_worker_end(&w);
        stop(&g);
}

/* Each key that is refused was looked for: a session has so many tries. */
TEST_T(tries_to_enrol_are_bounded, 60)
{
        struct rig_worker w;
        struct rig g;
        struct key k, other;
        char id[33];

        start(&g, NULL);
        rig_account(&g, "bob", KEY_PASSWORD);
        key_make(&k);
        key_make(&other);
        key_register(&g, "bob", &other);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", KEY_PASSWORD)));
        for (unsigned i = 0; i < TRIES; i++)
                rig_refused(key_enrol(&w, other.blob, KEY_BLOB), "denied.credentials: only an");
        rig_refused(key_enrol(&w, k.blob, KEY_BLOB), "denied.credentials: too many keys");
        rig_worker_end(&w);
        key_begin(&g, &w, "alice", &k, id);
        rig_worker_end(&w);
        stop(&g);
}

/* Of those that wait for their clients an account has a few, and the oldest give way. */
TEST_T(those_that_wait_are_bounded, 120)
{
        static struct key keys[MANY];
        struct rig_worker w;
        struct rig g;
        struct back b = key_alice();
        char id[33];

        start(&g, NULL);
        for (unsigned i = 0; i < MANY; i++) {
                key_make(&keys[i]);
                key_begin(&g, &w, "alice", &keys[i], id);
                key_drop(&g, &w);
        }
        CHECK_EQ(rig_audited(&g, "\"what\":\"displacement\""), MANY - WAITING);
        refused(&g, &keys[0], b, "denied.credentials");
        refused(&g, &keys[MANY - WAITING - 1], b, "denied.credentials");
        capnp_question_free(rig_good(key_come_back(&g, &w, &keys[MANY - WAITING], &b)));
        rig_worker_end(&w);
        capnp_question_free(rig_good(key_come_back(&g, &w, &keys[MANY - 1], &b)));
        rig_worker_end(&w);
        stop(&g);
}
