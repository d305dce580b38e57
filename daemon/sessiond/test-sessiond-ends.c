/*
 * What ends a session from outside, and what its client is told: a table, for one whose line is
 * there and for one whose line has dropped, whose key is over then, and that on record. A session
 * rests on what made it and on what has renewed it last.
 */
#include "test-key.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Whose keys; OWN: the session's, to come back by. */
enum who { MADE, RENEWED, LATER, OWN, KEYS };

struct stage {
        struct rig g;
        struct rig_worker w;
        struct key keys[KEYS];
        char id[33];
};

/* ---- what is done --------------------------------------------------------------------------- */

static void account_goes(struct stage *t)
{
        capnp_question *q = admin_account_remove(rig_admin(&t->g));

        admin_account_remove_set_name(q, "alice");
        capnp_question_free(rig_good(q));
}

static void account_is_locked(struct stage *t)
{
        capnp_question *q = admin_account_lock(rig_admin(&t->g));

        admin_account_lock_set_name(q, "alice");
        capnp_question_free(rig_good(q));
}

static void account_expires(struct stage *t, uint64_t at_ms)
{
        capnp_question *q = admin_account_expire(rig_admin(&t->g));

        admin_account_expire_set_name(q, "alice");
        admin_account_expire_set_at_ms(q, at_ms);
        capnp_question_free(rig_good(q));
}

static void account_is_over(struct stage *t)
{
        account_expires(t, 1);
}

/* Whatever was said of it before. The session has ended just now, and nobody has been told yet. */
static void account_ends_soon(struct stage *t)
{
        uint64_t at_ms;

        account_expires(t, clock_wall_ms() + 3600 * 1000);
        account_expires(t, 0);
        at_ms = clock_wall_ms() + 5000; /* so that it is said before */
        account_expires(t, at_ms);
        while (clock_wall_ms() <= at_ms)
                rig_pause(&t->g, 10);
}

static void account_goes_on(struct stage *t)
{
        account_expires(t, 1000 * ((uint64_t)time(NULL) + 3600));
}

static void password_changes(struct stage *t)
{
        capnp_question *q = admin_passwd(rig_admin(&t->g));

        admin_passwd_set_name(q, "alice");
        admin_passwd_set_password(q, (capnp_data){(const uint8_t *)"another one", 11});
        capnp_question_free(rig_good(q));
}

static void maker_goes(struct stage *t)
{
        key_remove(&t->g, "alice", &t->keys[MADE]);
}

static void renewer_goes(struct stage *t)
{
        key_remove(&t->g, "alice", &t->keys[RENEWED]);
}

static void later_goes(struct stage *t)
{
        key_remove(&t->g, "alice", &t->keys[LATER]);
}

static void it_is_revoked(struct stage *t)
{
        capnp_question *q = admin_session_revoke(rig_admin(&t->g));

        admin_session_revoke_set_id(q, t->id);
        capnp_question_free(rig_good(q));
}

static void another_is_alone(struct stage *t)
{
        struct back b = {.account = "alice", .profile = "operator", .end_others = true};
        struct rig_worker w;

        capnp_question_free(rig_good(key_come_back(&t->g, &w, &t->keys[MADE], &b)));
        rig_worker_end(&w);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define ACCOUNT    "revoked: the account was removed"
#define LOCKED     "revoked: the account is locked"
#define EXPIRED    "revoked: the account has expired"
#define CREDENTIAL "revoked: what it was proved by was taken away"

static const struct {
        unsigned renewals; /* by RENEWED, then by LATER */
        void (*act)(struct stage *t);
        const char *why; /* NULL: it goes on */
} rows[] = {
        {0, it_is_revoked, "revoked"},
        {0, account_goes, ACCOUNT},
        {0, account_is_locked, LOCKED},
        {0, account_is_over, EXPIRED},
        {1, account_ends_soon, EXPIRED},
        {0, account_goes_on, NULL},
        {0, another_is_alone, "ended by a newer login of the account"},
        {0, password_changes, NULL},
        {0, maker_goes, CREDENTIAL},
        {0, renewer_goes, NULL},
        {1, maker_goes, CREDENTIAL},
        {1, renewer_goes, CREDENTIAL},
        {2, maker_goes, CREDENTIAL},
        {2, renewer_goes, NULL}, /* nothing of it is left */
        {2, later_goes, CREDENTIAL},
};

/* The challenge of a session, and its end. */
struct lease {
        uint8_t challenge[32];
        uint64_t until_ms;
};

static void lease_read(bound_reader b, struct lease *ret)
{
        session_info_reader i = bound_info(b);

        CHECK_EQ(session_info_renew_challenge(i).len, sizeof(ret->challenge));
        memcpy(ret->challenge, session_info_renew_challenge(i).p, sizeof(ret->challenge));
        ret->until_ms = session_info_expires_at_ms(i);
}

static void renew(struct stage *t, enum who by, struct lease *l)
{
        struct capos_proof p = {.transport = "plain",
                                .nonce = {l->challenge, sizeof(l->challenge)},
                                .account = {"alice", 5},
                                .profile = {"operator", 8}};
        capnp_question *q = admission_renew(t->w.ask);
        struct out sig;

        key_sign(&t->keys[by], &p, &sig);
        admission_renew_set_proof(q, (capnp_data){sig.p, (uint32_t)sig.n});
        lease_read(admission_renew_bound(rig_good(q)), l);
        capnp_question_free(q);
}

/* A session that a key has made and others have renewed, and its client can come back to it. */
static void stage_begin(struct stage *t, unsigned renewals)
{
        struct back b = key_alice();
        struct lease l;
        capnp_question *q;

        CHECK(sodium_init() >= 0);
        rig_start(&t->g, NULL);
        rig_account(&t->g, "alice", KEY_PASSWORD);
        for (unsigned i = 0; i < KEYS; i++) {
                key_make(&t->keys[i]);
                if (i != OWN)
                        key_register(&t->g, "alice", &t->keys[i]);
        }
        q = rig_good(key_come_back(&t->g, &t->w, &t->keys[MADE], &b));
        lease_read(admission_next_bound(q), &l);
        snprintf(t->id, sizeof(t->id), "%s",
                 session_info_id(bound_info(admission_next_bound(q))).p);
        capnp_question_free(q);
        capnp_question_free(rig_good(key_enrol(&t->w, t->keys[OWN].blob, KEY_BLOB)));
        for (unsigned i = 0; i < renewals; i++)
                renew(t, RENEWED + i, &l);
        rig_attend(&t->w);
}

static void stage_end(struct stage *t)
{
        rig_stop(&t->g, false);
        rig_remove(t->g.dir);
}

/* Its client's key. */
static void come_back(struct stage *t, bool good)
{
        struct back b = key_alice();
        struct rig_worker w;
        capnp_question *q = key_come_back(&t->g, &w, &t->keys[OWN], &b);

        if (good)
                capnp_question_free(rig_good(q));
        else
                rig_refused(q, "denied.credentials");
        rig_worker_end(&w);
}

TEST_T(a_client_is_told_why_its_session_has_ended, 120)
{
        char text[256];

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct stage t;

                stage_begin(&t, rows[i].renewals);
                rows[i].act(&t);
                if (rows[i].why) {
                        rig_until(&t.g, &t.w.told);
                        CHECK_STR(t.w.ended, rows[i].why);
                        snprintf(text, sizeof(text), "denied.stale-session: %s", rows[i].why);
                        rig_refused(rig_ask_open(&t.w), text);
                        snprintf(text, sizeof(text), "\"detail\":\"%s\"", rows[i].why);
                        CHECK_EQ(rig_audited(&t.g, text), 1);
                } else {
                        capnp_question_free(rig_good(admission_logout(t.w.ask)));
                        rig_refused(rig_ask_open(&t.w), "denied.stale-session: logout");
                }
                rig_worker_end(&t.w);
                come_back(&t, false);
                stage_end(&t);
        }
}

/* One whose lease has ended is gone, and no record says so, whatever has cut the lease. */
TEST_T(a_line_that_has_dropped_is_not_come_back_to, 120)
{
        char text[256];

        for (unsigned i = 1; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct stage t;

                stage_begin(&t, rows[i].renewals);
                key_drop(&t.g, &t.w);
                rows[i].act(&t);
                snprintf(text, sizeof(text),
                         "\"what\":\"revocation\",\"outcome\":\"ok\",\"source\":\"local\","
                         "\"account\":\"alice\",\"profile\":\"operator\",\"session\":\"%s\","
                         "\"detail\":\"%s; its line had dropped\"",
                         t.id, rows[i].why);
                CHECK_EQ(rig_audited(&t.g, text), rows[i].why && rows[i].act != account_ends_soon);
                come_back(&t, !rows[i].why);
                stage_end(&t);
        }
}

/* What renewed a session does not come and go with its line. */
TEST_T(who_has_come_back_rests_on_the_same, 60)
{
        struct back b = key_alice();
        struct stage t;

        stage_begin(&t, 1);
        key_drop(&t.g, &t.w);
        capnp_question_free(rig_good(key_come_back(&t.g, &t.w, &t.keys[OWN], &b)));
        rig_attend(&t.w);
        renewer_goes(&t);
        rig_refused(rig_ask_open(&t.w), "denied.stale-session: " CREDENTIAL);
        rig_worker_end(&t.w);
        stage_end(&t);
}

/* ---- when it is said to be done ------------------------------------------------------------- */

static void set_on_answer(capnp_question *q, int r, void *arg)
{
        (void)q;
        CHECK_OK(r);
        *(bool *)arg = true;
}

/* A session, of a worker that has asked nothing, and two answers that are waited for: a capability
 * of it is taken, then the rest. */
struct wait {
        struct rig g;
        struct rig_worker w;
        capnp_question *q[2];
        bool done[2];
};

static void wait_begin(struct wait *t)
{
        static const char *const caps[] = {"echo", ""};
        char id[64];
        capnp_question *q;

        *t = (struct wait){0};
        rig_start(&t->g, NULL);
        rig_worker(&t->g, RIG_HOME, &t->w);
        q = rig_enter(&t->w);
        snprintf(id, sizeof(id), "%s", session_info_id(bound_info(admission_enter_bound(q))).p);
        capnp_question_free(q);
        for (unsigned i = 0; i < 2; i++) {
                t->q[i] = admin_session_revoke(rig_admin(&t->g));
                admin_session_revoke_set_id(t->q[i], id);
                admin_session_revoke_set_cap(t->q[i], caps[i]);
                capnp_question_send(t->q[i], set_on_answer, &t->done[i]);
        }
        rig_until_left(&t->g, 0, 0);
        CHECK((!t->done[0] && !t->done[1]) || t->g.nkilled);
}

static void wait_end(struct wait *t)
{
        for (unsigned i = 0; i < 2; i++)
                capnp_question_free(t->q[i]);
        rig_stop(&t->g, false);
        rig_remove(t->g.dir);
}

/* On a machine so busy that it does not get there in time it is killed: that is the end, too. */
TEST(who_ends_a_session_is_answered_when_its_worker_knows)
{
        struct wait t;
        capnp_question *q;

        wait_begin(&t);
        q = admission_watch(t.w.ask);
        if (!capnp_question_wait(q)) {
                CHECK_EQ(notice_which(admission_watch_notice(q)), NOTICE_ENDED);
                rig_until_seen(&t.g);
                CHECK((!t.done[0] && !t.done[1]) || t.g.nkilled);
        }
        capnp_question_free(q);
        rig_worker_end(&t.w);
        rig_until(&t.g, &t.done[0]);
        rig_until(&t.g, &t.done[1]);
        wait_end(&t);
}

TEST_T(who_ends_a_session_does_not_wait_for_ever, 120)
{
        struct wait t;

        wait_begin(&t);
        rig_until(&t.g, &t.done[0]);
        rig_until(&t.g, &t.done[1]);
        CHECK_EQ(t.g.nkilled, 1);
        CHECK_EQ(t.g.killed[0], t.w.event);
        rig_worker_end(&t.w);
        wait_end(&t);
}

/* Whoever has asked gives it up, and then the worker goes; or the instance does. */
TEST(an_answer_that_nobody_waits_for)
{
        for (unsigned i = 0; i < 2; i++) {
                struct wait t;

                wait_begin(&t);
                t.q[0] = capnp_question_free(t.q[0]);
                t.q[1] = capnp_question_free(t.q[1]);
                rig_until_seen(&t.g);
                if (i) {
                        t.g.up_watch = capnp_watch_free(t.g.up_watch);
                        CHECK(!shutdown(t.g.up, SHUT_RDWR));
                        rig_until(&t.g, &t.w.closed);
                }
                rig_worker_end(&t.w);
                wait_end(&t);
        }
}
