/*
 * What the commands of administration share. All of them are the Admin interface over the socket in
 * the state folder; nothing is read or written here besides.
 */
#include "admin.h"

#include <stdio.h>

admin_client admin_of(const struct cli *c)
{
        return (admin_client){c->remote};
}

int admin_do(struct cli *c, capnp_question *q, const char *done)
{
        int r = EXIT_OK;

        if (cli_wait(c, q, CLI_LOGIN_MS))
                r = cli_fail_question(c, q, NULL);
        capnp_question_free(q);
        if (r)
                return r;
        if (c->json)
                return cli_print_json(c, json_pack("{s:b}", "done", 1));
        printf("%s\n", done);
        return EXIT_OK;
}

json_t *admin_texts_json(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < l.len; i++)
                (void)json_array_append_new(all, cli_json_text(at(l, i).p));
        return all;
}

void admin_texts_print(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        for (uint32_t i = 0; i < l.len; i++) {
                printf("%s", i ? ", " : "");
                cli_print_safe(at(l, i).p);
        }
}

static void expiry_print(account_reader a)
{
        uint64_t at_ms = account_expires_at_ms(a);
        char at[64];

        if (!at_ms)
                return;

        cli_format_time(at_ms, at, sizeof(at));
        printf("%-16s %s %s\n", "", at_ms > cli_now_ms() ? "expires" : "expired", at);
}

void admin_lock_print(account_reader a)
{
        expiry_print(a);
        if (!account_locked(a))
                return;
        printf("%-16s locked%s", "", account_lock_reason(a).len ? ": " : "");
        cli_print_safe(account_lock_reason(a).p);
        printf("\n");
}
