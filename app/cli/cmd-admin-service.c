/*
 * Service accounts: those of programs, and the public keys that they sign their assertions with.
 * A key's file goes to the instance as it is, PEM or a JSON Web Key, and is read there by a prover;
 * what is wrong with it is the prover's word. Several keys are good at once, so that a program can
 * be given its new one before the old one is removed.
 */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { KEY_FILE_BYTES = 16 * 1024 };

/* Whether the account that a command is about is a program's. An exit code. */
static int service_find(struct cli *c)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        account_list l;
        int r = state_open_admin(c);

        if (r)
                return r;

        while (admin_accounts_next(&p, &l))
                for (uint32_t i = 0; i < account_list_len(l); i++)
                        if (account_service(account_list_get(l, i)) &&
                            !strcmp(account_name(account_list_get(l, i)).p, c->words[0]))
                                return EXIT_OK;
        r = admin_pages_end(&p);
        return r ? r
                 : cli_fail(c, EXIT_FAILED, "failed",
                            "%s: there is no such service account (`capos service-account list` "
                            "has them)",
                            c->words[0]);
}

/* ---- accounts ----------------------------------------------------------------------------- */

int cmd_service_add(struct cli *c)
{
        capnp_lbuilder list;
        capnp_question *q;
        char done[512];
        int r;

        if (!c->nprofiles)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--profile P: one that the manifest has for service accounts "
                                "(service = true)");
        r = state_open_admin(c);
        if (r)
                return r;

        q = admin_service_account_add(admin_of(c));
        admin_service_account_add_set_name(q, c->words[0]);
        list = admin_service_account_add_init_profiles(q, c->nprofiles);
        for (unsigned i = 0; i < c->nprofiles; i++)
                admin_service_account_add_in_set_profiles_at(list, i, c->profiles[i]);
        (void)snprintf(done, sizeof(done),
                       "The service account is there. It logs in by a key of its own, or by the "
                       "access tokens\nof an identity provider (or by both); say which:\n"
                       "  capos service-account key add %.100s FILE\n"
                       "  capos account identity add %.100s PROVIDER SUBJECT",
                       c->words[0], c->words[0]);
        return admin_do(c, q, done);
}

static json_t *identities_json(identity_list l)
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < identity_list_len(l); i++)
                (void)json_array_append_new(
                        all, json_pack("{s:o,s:o}", "issuer",
                                       cli_json_text(identity_issuer(identity_list_get(l, i)).p),
                                       "subject",
                                       cli_json_text(identity_subject(identity_list_get(l, i)).p)));
        return all;
}

static json_t *service_json(account_reader a, identity_list l)
{
        json_t *o =
                json_pack("{s:o,s:o,s:o,s:o}", "name", cli_json_text(account_name(a).p), "profiles",
                          admin_texts_json(account_profiles(a), account_profiles_at), "keys",
                          admin_texts_json(account_service_keys(a), account_service_keys_at),
                          "identities", identities_json(l));

        admin_lock_json(o, a);
        return o;
}

static void service_print(account_reader a, identity_list l)
{
        bool has_none = !account_service_keys(a).len && !identity_list_len(l);

        cli_print_padded(account_name(a).p, 16);
        printf(" ");
        admin_texts_print(account_profiles(a), account_profiles_at);
        printf("%s\n", has_none ? " (neither a key nor an identity: it cannot log in)" : "");
        for (uint32_t i = 0; i < identity_list_len(l); i++) {
                printf("%-16s identity ", "");
                cli_print_safe(identity_issuer(identity_list_get(l, i)).p);
                printf(" ");
                cli_print_safe(identity_subject(identity_list_get(l, i)).p);
                printf("\n");
        }
        for (uint32_t i = 0; i < account_service_keys(a).len; i++) {
                printf("%-16s key ", "");
                cli_print_safe(account_service_keys_at(account_service_keys(a), i).p);
                printf("\n");
        }
        admin_lock_print(a);
}

/* An account with all that it logs in by. An exit code. */
static int service_show(struct cli *c, account_reader a, json_t *all)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_identity_list(admin_of(c));
        identity_list l;

        admin_identity_list_set_name(q, account_name(a).p);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, account_name(a).p);

        l = admin_identity_list_identities(q);
        if (c->json)
                (void)json_array_append_new(all, service_json(a, l));
        else
                service_print(a, l);
        return EXIT_OK;
}

int cmd_service_list(struct cli *c)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        account_list l;
        json_t *all = NULL;
        int r = state_open_admin(c);

        if (r)
                return r;

        all = c->json ? json_array() : NULL;
        while (!r && admin_accounts_next(&p, &l))
                for (uint32_t i = 0; !r && i < account_list_len(l); i++)
                        if (account_service(account_list_get(l, i)))
                                r = service_show(c, account_list_get(l, i), all);
        if (!r)
                r = admin_pages_end(&p);
        if (r || !c->json) {
                json_decref(all);
                return r;
        }
        return cli_print_json(c, json_pack("{s:o}", "serviceAccounts", all));
}

int cmd_service_remove(struct cli *c)
{
        capnp_question *remove;
        int r = service_find(c);

        if (r)
                return r;

        remove = admin_account_remove(admin_of(c));
        admin_account_remove_set_name(remove, c->words[0]);
        return admin_do(c, remove, "The service account is gone, and its sessions have ended.");
}

/* ---- keys --------------------------------------------------------------------------------- */

/* A file whole; `-` is standard input. An exit code. */
static int key_read(struct cli *c, char to[KEY_FILE_BYTES + 1])
{
        const char *path = c->words[1];
        FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
        size_t n;
        int failed;

        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        errno = 0;
        n = fread(to, 1, KEY_FILE_BYTES + 1, f);
        failed = ferror(f) ? errno : 0;
        if (f != stdin)
                (void)fclose(f);
        if (failed)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(failed));
        if (n > KEY_FILE_BYTES || memchr(to, 0, n))
                return cli_fail(c, EXIT_FAILED, "failed", "%s: this is no public key", path);

        to[n] = 0;
        return EXIT_OK;
}

int cmd_service_key_add(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        char key[KEY_FILE_BYTES + 1];
        struct key_limits limits;
        const char *id;
        int r = admin_key_limits(c, &limits);

        if (!r)
                r = key_read(c, key);

        /* Before it leaves this process. */
        if (!r && strstr(key, "PRIVATE KEY"))
                r = cli_fail(c, EXIT_USAGE, "usage",
                             "%s is a private key: openssl pkey -in FILE -pubout makes its public "
                             "half",
                             c->words[1]);
        if (!r)
                r = state_open_admin(c);
        if (!r) {
                q = admin_service_key_add(admin_of(c));
                admin_service_key_add_set_name(q, c->words[0]);
                admin_service_key_add_set_key(q, key);
                admin_key_limits_set(&limits, admin_service_key_add_init_options(q));
                if (c->key_id)
                        admin_service_key_add_set_id(q, c->key_id);
                if (cli_wait(c, q, CLI_LOGIN_MS))
                        r = cli_fail_question(c, q, c->words[1]);
        }
        explicit_bzero(key, sizeof(key));
        if (r)
                return r;

        id = admin_service_key_add_id(q).p;
        if (c->json)
                return cli_print_json(c, json_pack("{s:o}", "id", cli_json_text(id)));
        cli_print_safe(id);
        printf("\n");
        return EXIT_OK;
}

int cmd_service_key_list(struct cli *c)
{
        return admin_keys_list(c);
}

int cmd_service_key_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_service_key_remove(admin_of(c));
        admin_service_key_remove_set_name(q, c->words[0]);
        admin_service_key_remove_set_id(q, c->words[1]);
        return admin_do(c, q, "The key is gone, and its sessions have ended.");
}
