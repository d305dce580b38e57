/*
 * `capos account expire`: from some time on nobody gets into an account, and all that it has stays.
 */
#include "admin.h"
#include "when.h"

#include <stdio.h>

int cmd_account_expire(struct cli *c)
{
        uint64_t at_ms, now_ms = cli_now_ms();
        char done[160], at[64];
        capnp_question *q;
        int r;

        if (!when_read(c->words[1], now_ms, &at_ms))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: this is not " WHEN_FORMS, c->words[1]);
        r = state_open_admin(c);
        if (r)
                return r;

        q = admin_account_expire(admin_of(c));
        admin_account_expire_set_name(q, c->words[0]);
        admin_account_expire_set_at_ms(q, at_ms);
        cli_format_time(at_ms, at, sizeof(at));
        if (!at_ms)
                (void)snprintf(done, sizeof(done), "The account does not expire.");
        else if (at_ms <= now_ms)
                (void)snprintf(done, sizeof(done),
                               "The account has expired, and its sessions have ended.");
        else
                (void)snprintf(done, sizeof(done),
                               "The account expires %s, and its sessions end no later.", at);
        return admin_do(c, q, done);
}
