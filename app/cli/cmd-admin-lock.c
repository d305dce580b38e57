/*
 * `capos account lock` and `unlock`: nobody gets into an account, and all that it has stays.
 */
#include "admin.h"

int cmd_account_lock(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_account_lock(admin_of(c));
        admin_account_lock_set_name(q, c->words[0]);
        admin_account_lock_set_reason(q, c->reason ? c->reason : "");
        return admin_do(c, q, "The account is locked, and its sessions have ended.");
}

int cmd_account_unlock(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_account_unlock(admin_of(c));
        admin_account_unlock_set_name(q, c->words[0]);
        return admin_do(c, q, "The account is open again.");
}
