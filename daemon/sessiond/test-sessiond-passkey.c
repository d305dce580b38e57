/*
 * Passkeys that are being made, while the account that they are for goes away, or somebody else
 * gets its name: nothing of the one account becomes the other's, and what fails is on record.
 */
#include "test-authenticator.h"

#include <stdio.h>

/* ---- an administrator ----------------------------------------------------------------------- */

static void begin(struct rig *g, const char *account, struct response *r)
{
        capnp_question *q = admin_passkey_begin(rig_admin(g));

        admin_passkey_begin_set_name(q, account);
        response_make(r, admin_passkey_begin_challenge(rig_good(q)));
        capnp_question_free(q);
}

static capnp_question *add(struct rig *g, const char *account, const struct response *r)
{
        capnp_question *q = admin_passkey_add(rig_admin(g));

        admin_passkey_add_set_name(q, account);
        admin_passkey_add_set_label(q, "of a test");
        admin_passkey_add_set_response(q, r->text);
        capnp_question_send(q, NULL, NULL);
        return q;
}

static void account_remove(struct rig *g, const char *name)
{
        capnp_question *q = admin_account_remove(rig_admin(g));

        admin_account_remove_set_name(q, name);
        capnp_question_free(rig_good(q));
}

static void service_add(struct rig *g, const char *name)
{
        capnp_question *q = admin_service_account_add(rig_admin(g));

        admin_service_account_add_set_name(q, name);
        admin_service_account_add_in_set_profiles_at(admin_service_account_add_init_profiles(q, 1),
                                                     0, "robot");
        capnp_question_free(rig_good(q));
}

static unsigned passkeys(struct rig *g, const char *account)
{
        capnp_question *q = admin_passkey_list(rig_admin(g));
        unsigned n;

        admin_passkey_list_set_name(q, account);
        n = passkey_list_len(admin_passkey_list_passkeys(rig_good(q)));
        capnp_question_free(q);
        return n;
}

static void start(struct rig *g)
{
        rig_start(g, &(struct rig_options){.passkeys = true, .service = true});
        rig_account(g, "ada", "");
}

static void stop(struct rig *g)
{
        rig_stop(g, false);
        rig_remove(g->dir);
}

static unsigned failures(struct rig *g, const char *outcome, const char *why)
{
        char text[256];

        snprintf(text, sizeof(text),
                 "\"what\":\"passkey-add\",\"outcome\":\"%s\",\"source\":\"local\","
                 "\"account\":\"ada\",\"detail\":\"%s",
                 outcome, why);
        return rig_audited(g, text);
}

/* ---- what becomes of it --------------------------------------------------------------------- */

TEST_T(one_is_made, 60)
{
        struct response r;
        struct rig g;

        start(&g);
        begin(&g, "ada", &r);
        capnp_question_free(rig_good(add(&g, "ada", &r)));
        CHECK_EQ(passkeys(&g, "ada"), 1);
        stop(&g);
}

enum after { GONE, REMADE, REMADE_FOR_A_PROGRAM };

static void account_change(struct rig *g, enum after what)
{
        account_remove(g, "ada");
        if (what == REMADE)
                rig_account(g, "ada", "");
        if (what == REMADE_FOR_A_PROGRAM)
                service_add(g, "ada");
}

/* Between the two steps. */
TEST_T(what_was_begun_ends_with_its_account, 60)
{
        static const char *const words[] = {[GONE] = "there is none such",
                                            [REMADE] = "nothing was begun for this account",
                                            [REMADE_FOR_A_PROGRAM] = "a service account has no"};
        struct response r;
        struct rig g;

        for (enum after what = GONE; what <= REMADE_FOR_A_PROGRAM; what++) {
                start(&g);
                begin(&g, "ada", &r);
                account_change(&g, what);
                rig_refused(add(&g, "ada", &r), words[what]);
                CHECK_EQ(failures(&g, "failed", words[what]), 1);
                if (what == REMADE)
                        CHECK_EQ(passkeys(&g, "ada"), 0);
                stop(&g);
        }
}

/* While a prover looks at what has come. */
TEST_T(what_is_judged_ends_with_its_account, 60)
{
        struct response r;
        capnp_question *q;
        struct rig g;

        for (enum after what = GONE; what <= REMADE_FOR_A_PROGRAM; what++) {
                start(&g);
                begin(&g, "ada", &r);
                g.hold_provers = true;
                q = add(&g, "ada", &r);
                rig_until_count(&g, &g.nheld, 1);
                account_change(&g, what);
                rig_release_provers(&g);
                rig_refused(q, "its account is gone");
                CHECK_EQ(failures(&g, "failed", "its account is gone"), 1);
                if (what == REMADE)
                        CHECK_EQ(passkeys(&g, "ada"), 0);
                stop(&g);
        }
}

/* Whatever it fails for, there is one record. */
TEST_T(what_fails_is_on_record, 60)
{
        struct response r, other;
        struct rig g;

        start(&g);
        begin(&g, "ada", &r);
        begin(&g, "ada", &other); /* in its place */
        rig_refused(add(&g, "ada", &r), "for another challenge");
        CHECK_EQ(failures(&g, "failed", "for another challenge"), 1);
        rig_refused(add(&g, "ada", &other), "nothing was begun for this account");
        CHECK_EQ(failures(&g, "failed", "nothing was begun"), 1);

        begin(&g, "ada", &r);
        capnp_question_free(rig_good(add(&g, "ada", &r)));
        begin(&g, "ada", &other);
        snprintf(other.text, sizeof(other.text), "{}");
        rig_refused(add(&g, "ada", &other), "no response of an authenticator");
        CHECK_EQ(failures(&g, "failed", "no response of an authenticator"), 1);
        stop(&g);
}
