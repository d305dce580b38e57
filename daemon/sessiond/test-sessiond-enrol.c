/*
 * A passkey that the owner of an account registers himself (R13, R20): by a code, which is good
 * once and for its account; or from a session, which gives nothing by it that it does not have.
 * What is refused is on record.
 */
#include "test-authenticator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_CODE  "denied.credentials: there is no such code, or it is used up or over"
#define NOTHING  "denied.flow: nothing was begun, or it is over: begin again"
#define PASSWORD "correct horse battery"

static void start(struct rig *g)
{
        rig_start(g, &(struct rig_options){.passkeys = true, .service = true});
        rig_account(g, "ada", PASSWORD);
        rig_account(g, "bob", "");
}

static void stop(struct rig *g)
{
        rig_stop(g, false);
        rig_remove(g->dir);
}

/* ---- what is asked -------------------------------------------------------------------------- */

static void code_make(struct rig *g, const char *account, char ret[32])
{
        capnp_question *q = admin_passkey_code(rig_admin(g));

        admin_passkey_code_set_name(q, account);
        snprintf(ret, 32, "%s", admin_passkey_code_code(rig_good(q)).p);
        capnp_question_free(q);
}

static capnp_question *begin(struct rig_worker *w, const char *code)
{
        capnp_question *q = admission_passkey_begin(w->ask);

        admission_passkey_begin_set_code(q, code);
        return q;
}

/* Begins, and has an authenticator answer. */
static void begin_good(struct rig_worker *w, const char *code, const char *account,
                       struct response *r)
{
        capnp_question *q = rig_good(begin(w, code));
        passkey_options_reader o = admission_passkey_begin_options(q);

        CHECK_STR(passkey_options_account(o).p, account);
        CHECK_STR(passkey_options_relying_party(o).p, RIG_PARTY);
        response_make(r, passkey_options_challenge(o));
        capnp_question_free(q);
}

static capnp_question *add(struct rig_worker *w, const struct response *r)
{
        capnp_question *q = admission_passkey_add(w->ask);

        admission_passkey_add_set_label(q, "a phone");
        admission_passkey_add_set_response(q, r->text);
        return q;
}

static unsigned passkeys(struct rig *g, const char *account)
{
        capnp_question *q = admin_passkey_list(rig_admin(g));
        passkey_list l;
        unsigned n;

        admin_passkey_list_set_name(q, account);
        l = admin_passkey_list_passkeys(rig_good(q));
        n = passkey_list_len(l);
        for (unsigned i = 0; i < n; i++)
                CHECK_STR(passkey_label(passkey_list_get(l, i)).p, "a phone");
        capnp_question_free(q);
        return n;
}

static void account_remove(struct rig *g, const char *name)
{
        capnp_question *q = admin_account_remove(rig_admin(g));

        admin_account_remove_set_name(q, name);
        capnp_question_free(rig_good(q));
}

static void account_lock(struct rig *g, const char *name)
{
        capnp_question *q = admin_account_lock(rig_admin(g));

        admin_account_lock_set_name(q, name);
        capnp_question_free(rig_good(q));
}

static unsigned recorded(struct rig *g, const char *what, const char *outcome, const char *detail)
{
        char head[128];
        char *all, *line, *rest;
        unsigned n = 0;
        size_t len;

        snprintf(head, sizeof(head), "\"what\":\"%s\",\"outcome\":\"%s\"", what, outcome);
        all = rig_file(g, "audit.log", &len);
        for (line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                n += strstr(line, head) && strstr(line, detail);
        free(all);
        return n;
}

/* ---- by a code ------------------------------------------------------------------------------ */

TEST_T(a_code_makes_one_passkey, 60)
{
        struct rig_worker w, other;
        struct response r;
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "ada", code);
        rig_worker(&g, RIG_AWAY, &w);
        begin_good(&w, code, "ada", &r);
        begin_good(&w, code, "ada", &r); /* not used up yet */
        capnp_question_free(rig_good(add(&w, &r)));
        CHECK_EQ(passkeys(&g, "ada"), 1);
        CHECK_EQ(recorded(&g, "passkey-add", "ok", "\"source\":\"" RIG_AWAY "\""), 1);
        CHECK_EQ(recorded(&g, "passkey-add", "ok", "\"account\":\"ada\""), 1);
        CHECK_EQ(rig_audited(&g, code), 0);

        rig_refused(add(&w, &r), NOTHING);
        rig_refused(begin(&w, code), NO_CODE);
        rig_worker(&g, RIG_HOME, &other);
        rig_refused(begin(&other, code), NO_CODE);
        CHECK_EQ(recorded(&g, "passkey-begin", "denied.credentials", "no such code"), 2);
        CHECK_EQ(passkeys(&g, "ada"), 1);
        rig_worker_end(&other);
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(two_have_one_code, 60)
{
        struct response r, second;
        struct rig_worker a, b;
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "ada", code);
        rig_worker(&g, RIG_HOME, &a);
        rig_worker(&g, RIG_AWAY, &b);
        begin_good(&a, code, "ada", &r);
        begin_good(&b, code, "ada", &second);
        rig_refused(add(&b, &r), "denied.credentials: for another challenge");
        rig_refused(add(&a, &r), "denied.credentials: the code is used up or over");
        CHECK_EQ(passkeys(&g, "ada"), 0);
        CHECK_EQ(recorded(&g, "passkey-add", "denied.credentials", "for another challenge"), 1);
        CHECK_EQ(recorded(&g, "passkey-add", "denied.credentials", "used up"), 1);
        rig_worker_end(&a);
        rig_worker_end(&b);
        stop(&g);
}

/* Whatever has come of its account since. */
TEST_T(a_code_ends_with_its_account, 60)
{
        struct rig_worker w;
        struct response r;
        char code[3][32];
        struct rig g;

        start(&g);
        rig_account(&g, "eve", "");
        code_make(&g, "ada", code[0]);
        code_make(&g, "bob", code[1]);
        code_make(&g, "eve", code[2]);
        rig_worker(&g, RIG_HOME, &w);
        begin_good(&w, code[2], "eve", &r);
        account_lock(&g, "eve");
        rig_refused(add(&w, &r), "denied.credentials: the code is used up or over");
        account_remove(&g, "ada");
        rig_account(&g, "ada", "");
        rig_refused(begin(&w, code[0]), NO_CODE);
        account_lock(&g, "bob");
        rig_refused(begin(&w, code[1]), NO_CODE);
        CHECK_EQ(passkeys(&g, "ada") + passkeys(&g, "eve"), 0);
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(what_is_no_code, 60)
{
        static const char *const none[] = {"", "AAAAA-AAAAA-AAAAA-AAAAA", "ada", "\x01"};
        struct rig_worker w;
        struct response r = {"{}"};
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "ada", code);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(add(&w, &r), NOTHING);
        for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                rig_refused(begin(&w, none[i]), NO_CODE);
        begin_good(&w, code, "ada", &r);
        snprintf(r.text, sizeof(r.text), "{}");
        rig_refused(add(&w, &r), "denied.credentials: no response of an authenticator");
        rig_refused(begin(&w, code), NO_CODE);
        rig_worker_end(&w);
        stop(&g);
}

/* While a prover looks at it: whoever waits goes, and nothing comes of it; the account goes. */
TEST_T(what_is_judged_may_be_given_up, 60)
{
        struct rig_worker w;
        struct response r;
        capnp_question *q;
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "ada", code);
        rig_worker(&g, RIG_HOME, &w);
        begin_good(&w, code, "ada", &r);
        g.hold_provers = true;
        q = add(&w, &r);
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nheld, 1);
        rig_refused(begin(&w, code), "denied.flow: one is being judged");
        capnp_question_free(q);
        rig_refused(begin(&w, code), NO_CODE); /* by then it is given up */
        rig_release_provers(&g);

        code_make(&g, "ada", code);
        begin_good(&w, code, "ada", &r);
        g.hold_provers = true;
        q = add(&w, &r);
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nheld, 1);
        account_remove(&g, "ada");
        rig_release_provers(&g);
        rig_refused(q, "denied.credentials: the account is gone");
        CHECK_EQ(recorded(&g, "passkey-add", "ok", ""), 0);
        rig_worker_end(&w);
        stop(&g);
}

/* ---- from a session ------------------------------------------------------------------------- */

TEST_T(a_session_adds_one, 60)
{
        struct rig_worker w;
        struct response r;
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "ada", code);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "ada", "", PASSWORD)));
        rig_refused(begin(&w, code), "denied.already-bound");
        begin_good(&w, "", "ada", &r);
        capnp_question_free(rig_good(add(&w, &r)));
        CHECK_EQ(passkeys(&g, "ada"), 1);
        begin_good(&w, "", "ada", &r);
        snprintf(r.text, sizeof(r.text), "{}");
        rig_refused(add(&w, &r), "denied.credentials: no response of an authenticator");
        CHECK_EQ(passkeys(&g, "ada"), 1);
        rig_worker_end(&w);
        stop(&g);
}

static capnp_question *removal(struct rig_worker *w, const char *id)
{
        capnp_question *q = admission_passkey_remove(w->ask);

        admission_passkey_remove_set_id(q, id);
        return q;
}

/* How many a session is told of; the id of the first. */
static unsigned owned(struct rig_worker *w, char *ret_id, size_t room)
{
        capnp_question *q = rig_good(admission_passkeys(w->ask));
        account_passkey_list l = admission_passkeys_passkeys(q);
        unsigned n = account_passkey_list_len(l);

        for (unsigned i = 0; i < n; i++) {
                account_passkey_reader k = account_passkey_list_get(l, i);

                CHECK_STR(account_passkey_label(k).p, "a phone");
                CHECK(account_passkey_made_at_ms(k));
                CHECK_EQ(account_passkey_used_at_ms(k), 0);
                CHECK(!account_passkey_current(k));
        }
        if (n)
                (void)snprintf(ret_id, room, "%s",
                               account_passkey_id(account_passkey_list_get(l, 0)).p);
        capnp_question_free(q);
        return n;
}

TEST_T(an_owner_sees_and_removes_his_own, 60)
{
        struct rig_worker w, other;
        struct response r;
        char id[128] = "", code[32];
        struct rig g;

        start(&g);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "ada", "", PASSWORD)));
        CHECK_EQ(owned(&w, id, sizeof(id)), 0);
        begin_good(&w, "", "ada", &r);
        capnp_question_free(rig_good(add(&w, &r)));
        code_make(&g, "bob", code);
        rig_worker(&g, RIG_HOME, &other);
        begin_good(&other, code, "bob", &r);
        capnp_question_free(rig_good(add(&other, &r)));
        CHECK_EQ(owned(&w, id, sizeof(id)), 1);

        rig_refused(removal(&w, "SHA256:none"),
                    "denied.unknown-name: the account has no such passkey");
        rig_refused(removal(&w, ""), "denied.unknown-name: the account has no such passkey");
        CHECK_EQ(recorded(&g, "passkey-remove", "denied.unknown-name", "no such"), 1);
        capnp_question_free(rig_good(removal(&w, id)));
        CHECK_EQ(owned(&w, id, sizeof(id)), 0);
        CHECK_EQ(passkeys(&g, "ada"), 0);
        CHECK_EQ(passkeys(&g, "bob"), 1);
        CHECK_EQ(recorded(&g, "passkey-remove", "ok", id), 1);
        rig_refused(removal(&w, id), "denied.unknown-name: the account has no such passkey");
        rig_worker_end(&other);
        rig_worker_end(&w);
        stop(&g);
}

/* What was begun before there was one is not the session's. */
TEST_T(what_a_code_began_a_session_does_not_end, 60)
{
        struct rig_worker w;
        struct response r;
        char code[32];
        struct rig g;

        start(&g);
        code_make(&g, "bob", code);
        rig_worker(&g, RIG_HOME, &w);
        begin_good(&w, code, "bob", &r);
        capnp_question_free(rig_good(rig_password(&w, "ada", "", PASSWORD)));
        rig_refused(add(&w, &r), NOTHING);
        CHECK_EQ(passkeys(&g, "bob") + passkeys(&g, "ada"), 0);
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(nobody_has_no_passkey, 60)
{
        struct rig_worker w;
        struct rig g;

        start(&g);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_refused(begin(&w, ""),
                    "denied.profile: there is no person's account that it could be for");
        rig_refused(admission_passkeys(w.ask),
                    "denied.profile: there is no person's account whose they could be");
        rig_refused(removal(&w, "SHA256:none"),
                    "denied.profile: there is no person's account whose they could be");
        rig_worker_end(&w);
        stop(&g);
}

TEST_T(they_may_be_switched_off, 60)
{
        capnp_question *q;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "ada", PASSWORD);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(begin(&w, "AAAAA-AAAAA-AAAAA-AAAAA"), "denied.method-disabled");
        capnp_question_free(rig_good(rig_password(&w, "ada", "", PASSWORD)));
        rig_refused(begin(&w, ""), "denied.method-disabled");
        q = admin_passkey_code(rig_admin(&g));
        admin_passkey_code_set_name(q, "ada");
        rig_refused(q, "passkeys are switched off");
        rig_worker_end(&w);
        stop(&g);
}
