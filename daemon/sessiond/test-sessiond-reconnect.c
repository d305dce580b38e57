/*
 * Clients whose line drops: what an enrolled key lets in to, and everything that it does not.
 */
#include "test-rig.h"

#include "session-proof.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET "correct horse battery"

enum { BLOB = 51, HEAD = 19, TIMES = 20, MANY = 40, WAITING = 16 };

static const uint8_t head[HEAD] = {0,   0,   0,   11,  's', 's', 'h', '-', 'e', 'd',
                                   '2', '5', '5', '1', '9', 0,   0,   0,   32};

/* A client's own key. */
struct key {
        uint8_t blob[BLOB], secret[crypto_sign_SECRETKEYBYTES];
};

static void key_make(struct key *k)
{
        memcpy(k->blob, head, HEAD);
        crypto_sign_keypair(k->blob + HEAD, k->secret);
}

/* ---- signatures ----------------------------------------------------------------------------- */

struct out {
        uint8_t p[1024];
        size_t n;
};

static void out_string(struct out *o, const void *p, size_t len)
{
        const uint8_t be[] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

        memcpy(o->p + o->n, be, 4);
        memcpy(o->p + o->n + 4, p, len);
        o->n += 4 + len;
}

static void out_text(struct out *o, const char *s)
{
        out_string(o, s, strlen(s));
}

/* As `ssh-keygen -Y sign` does it. */
static void sign(const struct key *k, const struct capos_proof *p, struct out *ret)
{
        uint8_t transcript[CAPOS_PROOF_BYTES], hash[crypto_hash_sha512_BYTES];
        struct out what = {.n = 6}, sig = {.n = 0};
        uint8_t bytes[crypto_sign_BYTES];
        size_t len;

        CHECK_OK(capos_proof_write(p, transcript, sizeof(transcript), &len));
        crypto_hash_sha512(hash, transcript, len);
        memcpy(what.p, "SSHSIG", 6);
        out_text(&what, CAPOS_PROOF_NAMESPACE);
        out_text(&what, "");
        out_text(&what, "sha512");
        out_string(&what, hash, sizeof(hash));
        crypto_sign_detached(bytes, NULL, what.p, what.n, k->secret);
        out_text(&sig, "ssh-ed25519");
        out_string(&sig, bytes, sizeof(bytes));

        *ret = (struct out){.n = 10};
        memcpy(ret->p, "SSHSIG\0\0\0\1", 10);
        out_string(ret, k->blob, BLOB);
        out_text(ret, CAPOS_PROOF_NAMESPACE);
        out_text(ret, "");
        out_text(ret, "sha512");
        out_string(ret, sig.p, sig.n);
}

/* ---- what clients do ------------------------------------------------------------------------ */

static capnp_question *enrol(struct rig_worker *w, const uint8_t *blob, uint32_t len)
{
        capnp_question *q = admission_enrol(w->ask);

        admission_enrol_set_key(q, (capnp_data){blob, len});
        return q;
}

/* Logs in by password and enrols; the session's id. */
static void begin(struct rig *g, struct rig_worker *w, const char *account, const struct key *k,
                  char id[33])
{
        capnp_question *q;

        rig_worker(g, RIG_HOME, w);
        q = rig_good(rig_password(w, account, "", SECRET));
        snprintf(id, 33, "%s", session_info_id(bound_info(admission_next_bound(q))).p);
        capnp_question_free(q);
        q = rig_good(enrol(w, k->blob, BLOB));
        CHECK(admission_enrol_until_ms(q) > 0);
        capnp_question_free(q);
}

/* Its line drops, and the session manager has seen it. */
static void drop(struct rig *g, struct rig_worker *w)
{
        unsigned sessions, descriptors, before;

        rig_status(g, &before, &descriptors);
        rig_worker_end(w);
        for (sessions = before; sessions == before;)
                rig_status(g, &sessions, &descriptors);
}

static capnp_question *next(struct rig_worker *w, uint32_t flow, const void *p, size_t len)
{
        capnp_question *q = admission_next(w->ask);

        admission_next_set_flow(q, flow);
        admission_next_set_response(q, (capnp_data){p, (uint32_t)len});
        return q;
}

/* What somebody comes back as. */
struct back {
        const char *account, *profile;
        bool end_others;
        struct out sig; /* the last one */
};

/* On a connection of its own: a flow that waits for its proof, and its nonce. */
static uint32_t ask(struct rig *g, struct rig_worker *w, const struct back *b, uint8_t nonce[32])
{
        remote_auth_start_builder s;
        capnp_question *q;
        uint32_t flow;

        rig_worker(g, RIG_HOME, w);
        q = admission_start(w->ask);
        s = admission_start_init_request(q);
        remote_auth_start_set_kind(s, REMOTE_AUTH_KIND_PUBLIC_KEY);
        login_selector_set_account(remote_auth_start_init_selector(s), b->account);
        remote_auth_start_set_requested_profile(s, b->profile);
        remote_auth_start_set_end_others(s, b->end_others);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = rig_good(next(w, flow, NULL, 0));
        memcpy(nonce, remote_auth_step_challenge(admission_next_step(q)).p, 32);
        capnp_question_free(q);
        return flow;
}

/* … and proves; not waited for. */
static capnp_question *come_back(struct rig *g, struct rig_worker *w, const struct key *k,
                                 struct back *b)
{
        uint8_t nonce[32];
        uint32_t flow = ask(g, w, b, nonce);
        struct capos_proof p = {.transport = "plain",
                                .nonce = {nonce, sizeof(nonce)},
                                .account = {b->account, (uint32_t)strlen(b->account)},
                                .profile = {b->profile, (uint32_t)strlen(b->profile)}};

        sign(k, &p, &b->sig);
        return next(w, flow, b->sig.p, b->sig.n);
}

static struct back alice(void)
{
        return (struct back){.account = "alice", .profile = "operator"};
}

static void refused(struct rig *g, const struct key *k, struct back b, const char *code)
{
        struct rig_worker w;

        rig_refused(come_back(g, &w, k, &b), code);
        rig_worker_end(&w);
}

static void start(struct rig *g, const struct rig_options *o)
{
        CHECK(sodium_init() >= 0);
        rig_start(g, o);
        rig_account(g, "alice", SECRET);
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
        struct back b = alice();
        uint64_t until_ms;
        session_info_reader i;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        begin(&g, &w, "alice", &k, id);
        rig_refused(enrol(&w, k.blob, BLOB), "denied.already-bound");
        drop(&g, &w);
        q = rig_good(come_back(&g, &w, &k, &b));
        until_ms = session_info_expires_at_ms(bound_info(admission_next_bound(q)));
        capnp_question_free(q);
        for (unsigned n = 1; n < TIMES; n++) {
                drop(&g, &w);
                q = rig_good(come_back(&g, &w, &k, &b));
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
        struct back b = alice();
        unsigned sessions, descriptors;
        uint64_t until_ms, back_ms;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        key_make(&k);
        begin(&g, &w, "alice", &k, id);
        capnp_question_free(rig_good(come_back(&g, &again, &k, &b)));
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(sessions, 1);
        rig_refused(rig_ask_open(&w), "denied.stale-session: its client has come back");
        CHECK_EQ(rig_audited(&g, "\"what\":\"displacement\""), 1);
        rig_worker_end(&w);

        /* A renewal takes the key's time along: back then, when the first would have ended. */
        q = admission_renew(again.ask);
        admission_renew_set_proof(q, (capnp_data){(const uint8_t *)SECRET, strlen(SECRET)});
        admission_renew_set_duration_ms(q, 3600000);
        q = rig_good(q);
        until_ms = session_info_expires_at_ms(bound_info(admission_renew_bound(q)));
        capnp_question_free(q);
        drop(&g, &again);
        q = rig_good(come_back(&g, &w, &k, &b));
        back_ms = session_info_expires_at_ms(bound_info(admission_next_bound(q)));
        CHECK_EQ(back_ms, until_ms);
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
        refused(&g, &k, alice(), "denied.credentials");

        begin(&g, &w, "alice", &k, id);
        capnp_question_free(rig_good(admission_logout(w.ask)));
        rig_worker_end(&w);
        refused(&g, &k, alice(), "denied.credentials");

        begin(&g, &w, "alice", &k, id);
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_worker_end(&w);
        refused(&g, &k, alice(), "denied.credentials");

        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_refused(by_id(&g, id), "there is no such session");
        CHECK_EQ(rig_audited(&g, "its line had dropped"), 1);
        refused(&g, &k, alice(), "denied.credentials");

        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        q = admin_passwd(rig_admin(&g));
        admin_passwd_set_name(q, "alice");
        admin_passwd_set_password(q, (capnp_data){(const uint8_t *)SECRET, strlen(SECRET)});
        capnp_question_free(rig_good(q));
        refused(&g, &k, alice(), "denied.credentials");

        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        q = admin_account_remove(rig_admin(&g));
        admin_account_remove_set_name(q, "alice");
        capnp_question_free(rig_good(q));
        rig_account(&g, "alice", SECRET);
        refused(&g, &k, alice(), "denied.credentials");

        /* A worker that has to be killed may have enrolled a key of its own. */
        begin(&g, &w, "alice", &k, id);
        for (unsigned i = 0; i < 16; i++)
                rig_refused(admission_secured(w.ask), "secured is illegal now");
        rig_until(&g, &w.closed);
        rig_worker_end(&w);
        refused(&g, &k, alice(), "denied.credentials");
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
        begin(&g, &w, "alice", &k, id);
        CHECK_EQ(write(w.fd, release, sizeof(release)), (ssize_t)sizeof(release));
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(g.killed[0], w.event);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 1);
        refused(&g, &k, alice(), "denied.credentials");
        stop(&g);
}

/* An administrator has read its id; meanwhile it was come back to. */
TEST_T(revoked_by_an_id_of_before, 60)
{
        struct rig_worker w, again;
        struct rig g;
        struct key k;
        struct back b = alice();
        char id[33];

        start(&g, NULL);
        key_make(&k);
        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        for (unsigned i = 0; i < 3; i++) {
                capnp_question_free(rig_good(come_back(&g, &again, &k, &b)));
                if (i < 2)
                        drop(&g, &again);
        }
        capnp_question_free(rig_good(by_id(&g, id)));
        rig_refused(rig_ask_open(&again), "denied.stale-session: revoked");
        rig_worker_end(&again);
        refused(&g, &k, alice(), "denied.credentials");
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
        struct rig_worker w, other;
        struct rig g;
        struct key k, waits;
        struct back b = alice();
        char id[33];

        start(&g, &(struct rig_options){.lease_ms = 3000, .max_lease_ms = 3000});
        key_make(&waits);
        begin(&g, &w, "alice", &waits, id);
        drop(&g, &w);
        key_make(&k);
        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        rig_worker(&g, RIG_HOME, &other);
        capnp_question_free(rig_good(rig_password(&other, "alice", "", SECRET)));
        capnp_question_free(rig_good(come_back(&g, &w, &k, &b)));
        expire(&w);
        CHECK(rig_audited(&g, "\"what\":\"expiry\"") == 1);
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
        begin(&g, &w, "alice", &k, id);
        rig_kill(&g, &w);
        rig_start(&again, &(struct rig_options){.dir = g.dir});
        refused(&again, &k, alice(), "denied.credentials");
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
        struct back b = alice();
        struct capos_proof p = {
                .transport = "plain", .account = {"alice", 5}, .profile = {"operator", 8}};
        struct out sig;
        uint8_t challenge[32], nonce[32];
        uint32_t flow;
        capnp_question *q;
        char id[33];

        start(&g, NULL);
        rig_account(&g, "bob", SECRET);
        key_make(&k);
        key_make(&stray);
        begin(&g, &w, "alice", &k, id);
        drop(&g, &w);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                refused(&g, &k, rows[i].as, rows[i].code);
        memcpy(stray.blob, k.blob, BLOB); /* her key's name, another's signature */
        refused(&g, &stray, alice(), "denied.credentials");

        /* The same signature again. */
        q = rig_good(come_back(&g, &w, &k, &b));
        memcpy(challenge, session_info_renew_challenge(bound_info(admission_next_bound(q))).p, 32);
        capnp_question_free(q);
        flow = ask(&g, &other, &b, nonce);
        rig_refused(next(&other, flow, b.sig.p, b.sig.n), "denied.credentials");
        rig_worker_end(&other);

        /* It renews nothing. */
        p.nonce = (capnp_data){challenge, sizeof(challenge)};
        sign(&k, &p, &sig);
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
        capnp_question *q;
        char id[33], line[160];

        start(&g, NULL);
        rig_account(&g, "bob", SECRET);
        key_make(&k);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(enrol(&w, k.blob, BLOB), "enrol is illegal now");
        capnp_question_free(rig_enter(&w));
        rig_refused(enrol(&w, k.blob, BLOB), "denied.method-disabled");
        rig_worker_end(&w);

        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        rig_refused(enrol(&w, k.blob, 0), "denied.credentials");
        rig_refused(enrol(&w, k.blob, BLOB - 1), "denied.credentials");
        bad = k;
        bad.blob[4] = 'x';
        rig_refused(enrol(&w, bad.blob, BLOB), "denied.credentials");
        memcpy(bad.blob, head, HEAD);
        memcpy(bad.blob + HEAD, small, sizeof(small));
        rig_refused(enrol(&w, bad.blob, BLOB), "denied.credentials");

        /* Another session's, another account's. */
        begin(&g, &other, "bob", &k, id);
        rig_refused(enrol(&w, k.blob, BLOB), "denied.credentials");
        rig_worker_end(&other);
        key_make(&bad);
        memcpy(line, "ssh-ed25519 ", 12);
        sodium_bin2base64(line + 12, sizeof(line) - 12, bad.blob, BLOB,
                          sodium_base64_VARIANT_ORIGINAL);
        q = admin_key_add(rig_admin(&g));
        admin_key_add_set_name(q, "bob");
        admin_key_add_set_key(q, line);
        capnp_question_free(rig_good(q));
        rig_refused(enrol(&w, bad.blob, BLOB), "denied.credentials");
        CHECK(rig_audited(&g, "\"what\":\"enrol\",\"outcome\":\"denied.credentials\"") > 0);
        rig_worker_end(&w);
        stop(&g);
}

/* Of those that wait for their clients an account has a few, and the oldest give way. */
TEST_T(those_that_wait_are_bounded, 120)
{
        static struct key keys[MANY];
        struct rig_worker w;
        struct rig g;
        struct back b = alice();
        char id[33];

        start(&g, NULL);
        for (unsigned i = 0; i < MANY; i++) {
                key_make(&keys[i]);
                begin(&g, &w, "alice", &keys[i], id);
                drop(&g, &w);
        }
        refused(&g, &keys[0], b, "denied.credentials");
        refused(&g, &keys[MANY - WAITING - 1], b, "denied.credentials");
        capnp_question_free(rig_good(come_back(&g, &w, &keys[MANY - WAITING], &b)));
        rig_worker_end(&w);
        capnp_question_free(rig_good(come_back(&g, &w, &keys[MANY - 1], &b)));
        rig_worker_end(&w);
        stop(&g);
}
