/*
 * Accounts that an administrator has shut: nobody gets in, and nobody can tell.
 */
#include "test-rig.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECRET "correct horse battery"
#define WRONG  "horse battery correct"

static capnp_question *lock(struct rig *g, const char *name, const char *reason)
{
        capnp_question *q = admin_account_lock(rig_admin(g));

        admin_account_lock_set_name(q, name);
        admin_account_lock_set_reason(q, reason);
        return q;
}

static capnp_question *unlock(struct rig *g, const char *name)
{
        capnp_question *q = admin_account_unlock(rig_admin(g));

        admin_account_unlock_set_name(q, name);
        return q;
}

/* What somebody is told who shows this, on a connection of his own; empty: he is let in. */
static void told(struct rig *g, const char *password, char ret[256])
{
        struct rig_worker w;
        capnp_question *q;
        int r;

        rig_worker(g, RIG_AWAY, &w);
        q = rig_password(&w, "alice", "operator", password);
        r = capnp_question_wait(q);
        snprintf(ret, 256, "%s", r ? capnp_question_exception(q).reason : "");
        capnp_question_free(q);
        rig_worker_end(&w);
}

static void shown(struct rig *g, bool locked, const char *reason)
{
        capnp_question *q = rig_good(admin_account_list(rig_admin(g)));
        account_reader a = account_list_get(admin_account_list_accounts(q), 0);

        CHECK_EQ(account_locked(a), locked);
        CHECK_STR(account_lock_reason(a).p, reason);
        capnp_question_free(q);
}

TEST_T(a_locked_account_is_a_wrong_proof, 90)
{
        struct rig_options again = {0};
        char dir[64], wrong[256], right[256];
        unsigned failures = 0;
        struct rig g;

        rig_start(&g, &again);
        snprintf(dir, sizeof(dir), "%s", g.dir);
        again.dir = dir;
        rig_account(&g, "alice", SECRET);
        rig_refused(lock(&g, "nobody", ""), "there is none such");
        rig_refused(unlock(&g, "nobody"), "there is none such");
        capnp_question_free(rig_good(lock(&g, "alice", "on holiday")));
        capnp_question_free(rig_good(lock(&g, "alice", "laptop stolen")));
        shown(&g, true, "laptop stolen");
        told(&g, WRONG, wrong);
        told(&g, SECRET, right);
        CHECK(!strncmp(wrong, "denied.credentials", 18));
        CHECK_STR(right, wrong);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"locked\""), 1);

        /* Also after a restart; and it counts as a wrong one does: from the third on it makes wait,
         * twice as long each time, until one comes before that. */
        rig_stop(&g, false);
        rig_start(&g, &again);
        shown(&g, true, "laptop stolen");
        for (told(&g, SECRET, right); !strcmp(right, wrong) && failures < 19; failures++)
                told(&g, SECRET, right);
        CHECK(failures >= 3);
        CHECK(!strncmp(right, "denied.backoff", 14));
        rig_stop(&g, false);

        rig_start(&g, &again);
        capnp_question_free(rig_good(unlock(&g, "alice")));
        capnp_question_free(rig_good(unlock(&g, "alice")));
        shown(&g, false, "");
        told(&g, SECRET, right);
        CHECK_STR(right, "");
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-lock\""), 2);
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-unlock\""), 2);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static void expire(struct rig *g, const char *name, uint64_t at_ms)
{
        capnp_question *q = admin_account_expire(rig_admin(g));

        admin_account_expire_set_name(q, name);
        admin_account_expire_set_at_ms(q, at_ms);
        capnp_question_free(rig_good(q));
}

/* The end of a session that has just begun, at most that of its account. */
static uint64_t until(struct rig *g)
{
        struct rig_worker w;
        capnp_question *q;
        uint64_t ms;

        rig_worker(g, RIG_AWAY, &w);
        q = rig_good(rig_password(&w, "alice", "operator", SECRET));
        ms = session_info_expires_at_ms(bound_info(admission_next_bound(q)));
        capnp_question_free(q);
        rig_worker_end(&w);
        return ms;
}

TEST_T(an_account_that_has_expired_is_a_wrong_proof, 90)
{
        uint64_t soon = ((uint64_t)time(NULL) + 600) * 1000;
        struct rig_options again = {0};
        char dir[64], wrong[256], right[256];
        capnp_question *q;
        struct rig g;

        rig_start(&g, &again);
        snprintf(dir, sizeof(dir), "%s", g.dir);
        again.dir = dir;
        rig_account(&g, "alice", SECRET);
        q = admin_account_expire(rig_admin(&g));
        admin_account_expire_set_name(q, "nobody");
        rig_refused(q, "there is none such");
        q = admin_account_expire(rig_admin(&g));
        admin_account_expire_set_name(q, "alice");
        admin_account_expire_set_at_ms(q, UINT64_MAX);
        rig_refused(q, "there is no such date");
        expire(&g, "alice", soon);
        CHECK(until(&g) <= soon + 1);

        /* Also after a restart. */
        rig_stop(&g, false);
        rig_start(&g, &again);
        CHECK(until(&g) <= soon + 1);
        expire(&g, "alice", (uint64_t)time(NULL) * 1000);
        told(&g, WRONG, wrong);
        told(&g, SECRET, right);
        CHECK(!strncmp(wrong, "denied.credentials", 18));
        CHECK_STR(right, wrong);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"account expired\""), 1);
        expire(&g, "alice", 0);
        CHECK(until(&g) > soon + 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-expire\""), 3);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"never\""), 1);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_reason_is_a_text_of_some_length)
{
        char reason[122];
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        memset(reason, 'a', sizeof(reason) - 1);
        reason[121] = 0;
        rig_refused(lock(&g, "alice", reason), "a reason has at most 120 bytes");
        shown(&g, false, "");
        reason[120] = 0;
        capnp_question_free(rig_good(lock(&g, "alice", reason)));
        shown(&g, true, reason);
        rig_stop(&g, false);
        rig_remove(g.dir);
}
