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

/* All accounts of the instance. An exit code; on success *ret_q owns them. */
static int accounts_ask(struct cli *c, capnp_question **ret_q)
{
        int r = state_open_admin(c);

        if (r)
                return r;

        *ret_q = admin_account_list(admin_of(c));
        return cli_wait(c, *ret_q, CLI_LOGIN_MS) ? cli_fail_question(c, *ret_q, NULL) : EXIT_OK;
}

/* The service account that a command is about. An exit code. */
static int service_find(struct cli *c, capnp_question *q, account_reader *ret)
{
        account_list l = admin_account_list_accounts(q);

        for (uint32_t i = 0; i < account_list_len(l); i++) {
                account_reader a = account_list_get(l, i);

                if (account_service(a) && !strcmp(account_name(a).p, c->words[0])) {
                        *ret = a;
                        return EXIT_OK;
                }
        }
        return cli_fail(c, EXIT_FAILED, "failed", "%s: there is no such service account",
                        c->words[0]);
}

/* ---- accounts ----------------------------------------------------------------------------- */

int cmd_service_add(struct cli *c)
{
        capnp_lbuilder list;
        capnp_question *q;
        char done[256];
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
                       "The service account is there. It needs a key:\n"
                       "  capos service-account key add %.100s FILE",
                       c->words[0]);
        return admin_do(c, q, done);
}

static json_t *service_json(account_reader a)
{
        json_t *o = json_pack("{s:o,s:o,s:o}", "name", cli_json_text(account_name(a).p), "profiles",
                              admin_texts_json(account_profiles(a), account_profiles_at), "keys",
                              admin_texts_json(account_service_keys(a), account_service_keys_at));

        admin_lock_json(o, a);
        return o;
}

static void service_print(account_reader a)
{
        cli_print_padded(account_name(a).p, 16);
        printf(" ");
        admin_texts_print(account_profiles(a), account_profiles_at);
        printf("%s\n", account_service_keys(a).len ? "" : " (no key)");
        for (uint32_t i = 0; i < account_service_keys(a).len; i++) {
                printf("%-16s key ", "");
                cli_print_safe(account_service_keys_at(account_service_keys(a), i).p);
                printf("\n");
        }
        admin_lock_print(a);
}

int cmd_service_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = accounts_ask(c, &q);
        account_list l;
        json_t *all;

        if (r)
                return r;

        l = admin_account_list_accounts(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < account_list_len(l); i++) {
                account_reader a = account_list_get(l, i);

                if (account_service(a) && c->json)
                        (void)json_array_append_new(all, service_json(a));
                else if (account_service(a))
                        service_print(a);
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "serviceAccounts", all)) : EXIT_OK;
}

int cmd_service_remove(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_question *remove;
        account_reader a;
        int r = accounts_ask(c, &q);

        if (!r)
                r = service_find(c, q, &a);
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
        const char *id;
        int r = key_read(c, key);

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
