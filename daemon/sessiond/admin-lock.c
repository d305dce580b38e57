/*
 * Accounts are locked and unlocked, and expire, over the admin socket. What is locked keeps its
 * profiles, keys and identities; its sessions end, and login.c refuses whoever proves to be its
 * owner. Flows under way need not be ended: each meets that when its proof turns out to be good.
 */
#include "admin-lock.h"

#include <stdio.h>
#include <time.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "daemon-text.h"
#include "expiry.h"
#include "session.h"
#include "sessiond.h"

static int apply_lock(struct change *c, const struct proof_verdict *v)
{
        int r = store_lock(&c->s->store, c->name, c->reason);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "account-lock", c->name, c->reason[0] ? c->reason : NULL);
        sessions_end(c->s, c->name, NULL, REVOKED_LOCKED);
        return 0;
}

int admin_on_account_lock(void *self, capnp_answer *a)
{
        capnp_text reason = admin_account_lock_param_reason(a);
        struct change *c = change_new(self, a, admin_account_lock_param_name(a));

        if (!c)
                return 0;
        if (!text_is_plain(reason) || reason.len > STORE_REASON_BYTES)
                return change_fail(c, "a reason has at most 120 bytes of text");

        snprintf(c->reason, sizeof(c->reason), "%s", reason.p);
        c->apply = apply_lock;
        return change_now(c);
}

static int apply_unlock(struct change *c, const struct proof_verdict *v)
{
        int r = store_unlock(&c->s->store, c->name);

        (void)v;
        if (!r)
                admin_audit(c->s, "account-unlock", c->name, NULL);
        return r;
}

int admin_on_account_unlock(void *self, capnp_answer *a)
{
        struct change *c = change_new(self, a, admin_account_unlock_param_name(a));

        if (!c)
                return 0;

        c->apply = apply_unlock;
        return change_now(c);
}

/* Nothing waits for the date: a login is refused then, and sessions have it for their end. */
static int apply_expire(struct change *c, const struct proof_verdict *v)
{
        int r = store_set_expiry(&c->s->store, c->name, c->at_ms);
        time_t t = (time_t)(c->at_ms / 1000);
        char at[32] = "never";
        struct tm tm;

        (void)v;
        if (r)
                return r;

        if (c->at_ms && gmtime_r(&t, &tm))
                (void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
        admin_audit(c->s, "account-expire", c->name, at);
        expiry_of_account(c->s, c->name, c->at_ms);
        return 0;
}

int admin_on_account_expire(void *self, capnp_answer *a)
{
        uint64_t at_ms = admin_account_expire_param_at_ms(a);
        struct change *c = change_new(self, a, admin_account_expire_param_name(a));

        if (!c)
                return 0;
        if (at_ms > DATES_MOST_MS)
                return change_fail(c, "there is no such date");

        c->at_ms = at_ms;
        c->apply = apply_expire;
        return change_now(c);
}
