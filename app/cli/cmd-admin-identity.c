/*
 * `capos account identity …`: what identity providers call the owners of accounts.
 */
#include "admin.h"

#include <stdio.h>

int cmd_account_identity_add(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_identity_add(admin_of(c));
        admin_identity_add_set_name(q, c->words[0]);
        admin_identity_add_set_issuer(q, c->words[1]);
        admin_identity_add_set_subject(q, c->words[2]);
        return admin_do(c, q, "The identity is the account's.");
}

int cmd_account_identity_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        identity_list l;
        json_t *all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_identity_list(admin_of(c));
        admin_identity_list_set_name(q, c->words[0]);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, c->words[0]);

        l = admin_identity_list_identities(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < identity_list_len(l); i++) {
                identity_reader id = identity_list_get(l, i);

                if (c->json) {
                        (void)json_array_append_new(
                                all, json_pack("{s:o,s:o}", "issuer",
                                               cli_json_text(identity_issuer(id).p), "subject",
                                               cli_json_text(identity_subject(id).p)));
                        continue;
                }
                cli_print_safe(identity_issuer(id).p);
                printf(" ");
                cli_print_safe(identity_subject(id).p);
                printf("\n");
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "identities", all)) : EXIT_OK;
}

int cmd_account_identity_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_identity_remove(admin_of(c));
        admin_identity_remove_set_name(q, c->words[0]);
        admin_identity_remove_set_issuer(q, c->words[1]);
        admin_identity_remove_set_subject(q, c->words[2]);
        return admin_do(c, q, "The identity is nobody's, and its sessions have ended.");
}
