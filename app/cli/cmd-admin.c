/*
 * Administration of the instance on this machine: accounts, keys, sessions. All of it is the Admin
 * interface over the socket in the state folder; nothing is read or written here besides.
 */
#include "admin.capnp-c.h"
#include "state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_ROOM = 1040, PASSWORD_BYTES = 1024, KEY_LINE_BYTES = 16 * 1024 };

static admin_client admin_of(const struct cli *c)
{
        return (admin_client){c->remote};
}

/* Sends, waits and says that it is done, for commands that have nothing to show. Takes q. */
static int admin_do(struct cli *c, capnp_question *q, const char *done)
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

/* ---- accounts ----------------------------------------------------------------------------- */

int cmd_account_add(struct cli *c)
{
        char password[PASSWORD_ROOM] = {0}, prompt[160];
        bool ask = c->password || c->password_stdin || isatty(STDIN_FILENO);
        capnp_question *q;
        int r;

        cli_protect();
        r = state_open_admin(c);
        (void)snprintf(prompt, sizeof(prompt), "Password for %.100s (empty: none)", c->words[0]);
        if (!r && ask)
                r = cli_read_password(c, prompt, c->password_stdin, true, password,
                                      PASSWORD_BYTES + 1);
        if (r)
                return r;

        if (!c->nprofiles)
                c->profiles[c->nprofiles++] = "operator";
        q = admin_account_add(admin_of(c));
        admin_account_add_set_name(q, c->words[0]);
        (void)admin_account_add_init_profiles(q, c->nprofiles);
        for (unsigned i = 0; i < c->nprofiles; i++)
                admin_account_add_in_set_profiles_at(
                        admin_account_add_in_build_profiles(admin_account_add_params(q)), i,
                        c->profiles[i]);
        admin_account_add_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        explicit_bzero(password, sizeof(password));
        return admin_do(c, q, "The account is there.");
}

int cmd_account_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_account_remove(admin_of(c));
        admin_account_remove_set_name(q, c->words[0]);
        return admin_do(c, q, "The account is gone, and its sessions have ended.");
}

static json_t *texts_json(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < l.len; i++)
                (void)json_array_append_new(all, cli_json_text(at(l, i).p));
        return all;
}

static void texts_print(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        for (uint32_t i = 0; i < l.len; i++) {
                printf("%s", i ? ", " : "");
                cli_print_safe(at(l, i).p);
        }
}

static json_t *account_json(account_reader a)
{
        return json_pack("{s:o,s:o,s:b,s:o}", "name", cli_json_text(account_name(a).p), "profiles",
                         texts_json(account_profiles(a), account_profiles_at), "hasPassword",
                         account_has_password(a), "keys",
                         texts_json(account_keys(a), account_keys_at));
}

static void account_print(account_reader a)
{
        cli_print_padded(account_name(a).p, 16);
        printf(" ");
        texts_print(account_profiles(a), account_profiles_at);
        printf("%s\n", account_has_password(a) ? " (password)" : "");
        for (uint32_t i = 0; i < account_keys(a).len; i++) {
                printf("%-16s key ", "");
                cli_print_safe(account_keys_at(account_keys(a), i).p);
                printf("\n");
        }
}

int cmd_account_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        account_list l;
        json_t *all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_account_list(admin_of(c));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);

        l = admin_account_list_accounts(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < account_list_len(l); i++) {
                if (c->json)
                        (void)json_array_append_new(all, account_json(account_list_get(l, i)));
                else
                        account_print(account_list_get(l, i));
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "accounts", all)) : EXIT_OK;
}

int cmd_account_passwd(struct cli *c)
{
        char password[PASSWORD_ROOM] = {0}, prompt[160];
        capnp_question *q;
        int r;

        cli_protect();
        r = state_open_admin(c);
        (void)snprintf(prompt, sizeof(prompt), "New password of %.100s (empty: none)", c->words[0]);
        if (!r)
                r = cli_read_password(c, prompt, c->password_stdin, true, password,
                                      PASSWORD_BYTES + 1);
        if (r)
                return r;

        q = admin_passwd(admin_of(c));
        admin_passwd_set_name(q, c->words[0]);
        admin_passwd_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        explicit_bzero(password, sizeof(password));
        return admin_do(c, q, "The password is set, and sessions of the old one have ended.");
}

/* ---- keys --------------------------------------------------------------------------------- */

/* The first line of a public key's file; `-` is standard input. An exit code. */
static int key_line_read(struct cli *c, const char *path, char *to, size_t room)
{
        FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
        bool ok;

        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: cannot be read", path);

        ok = fgets(to, (int)room, f) != NULL;
        if (f != stdin)
                (void)fclose(f);
        to[ok ? strcspn(to, "\r\n") : 0] = 0;
        if (strstr(to, "PRIVATE KEY"))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s is a private key: give its public half, %s.pub", path, path);
        if (!*to)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: there is no key in it", path);
        return EXIT_OK;
}

int cmd_account_key_add(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        char line[KEY_LINE_BYTES];
        const char *print;
        int r = key_line_read(c, c->words[1], line, sizeof(line));

        if (!r)
                r = state_open_admin(c);
        if (r)
                return r;

        q = admin_key_add(admin_of(c));
        admin_key_add_set_name(q, c->words[0]);
        admin_key_add_set_key(q, line);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);

        print = admin_key_add_fingerprint(q).p;
        if (c->json)
                return cli_print_json(c, json_pack("{s:o}", "fingerprint", cli_json_text(print)));
        cli_print_safe(print);
        printf("\n");
        return EXIT_OK;
}

int cmd_account_key_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_key_remove(admin_of(c));
        admin_key_remove_set_name(q, c->words[0]);
        admin_key_remove_set_fingerprint(q, c->words[1]);
        return admin_do(c, q, "The key is gone, and its sessions have ended.");
}

/* ---- sessions ----------------------------------------------------------------------------- */

static json_t *live_json(live_session_reader s)
{
        return json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:o}", "id",
                         cli_json_text(live_session_id(s).p), "account",
                         cli_json_text(live_session_account(s).p), "profile",
                         cli_json_text(live_session_profile(s).p), "kind",
                         cli_json_text(live_session_kind(s).p), "source",
                         cli_json_text(live_session_source(s).p), "startedAtMs",
                         (json_int_t)live_session_started_at_ms(s), "expiresAtMs",
                         (json_int_t)live_session_expires_at_ms(s), "grants",
                         texts_json(live_session_grants(s), live_session_grants_at));
}

static void live_print(live_session_reader s)
{
        char until[64];

        cli_print_safe(live_session_id(s).p);
        printf("  ");
        cli_print_safe(live_session_account(s).len ? live_session_account(s).p
                                                   : live_session_kind(s).p);
        printf(" (");
        cli_print_safe(live_session_profile(s).p);
        printf(") from ");
        cli_print_safe(live_session_source(s).p);
        cli_format_until(live_session_expires_at_ms(s), until, sizeof(until));
        printf(", ends %s: ", until);
        texts_print(live_session_grants(s), live_session_grants_at);
        printf("\n");
}

int cmd_session_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        live_session_list l;
        json_t *all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_session_list(admin_of(c));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);

        l = admin_session_list_sessions(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < live_session_list_len(l); i++) {
                if (c->json)
                        (void)json_array_append_new(all, live_json(live_session_list_get(l, i)));
                else
                        live_print(live_session_list_get(l, i));
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "sessions", all)) : EXIT_OK;
}

int cmd_session_revoke(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_session_revoke(admin_of(c));
        admin_session_revoke_set_id(q, c->words[0]);
        if (c->nwords == 2)
                admin_session_revoke_set_cap(q, c->words[1]);
        return admin_do(c, q,
                        c->nwords == 2 ? "The capability is revoked." : "The session has ended.");
}

int cmd_status(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_status(admin_of(c));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);
        if (c->json)
                return cli_print_json(c,
                                      json_pack("{s:i,s:i,s:i,s:o,s:o}", "sessions",
                                                (int)admin_status_sessions(q), "workers",
                                                (int)admin_status_workers(q), "descriptors",
                                                (int)admin_status_descriptors(q), "version",
                                                cli_json_text(admin_status_version(q).p), "address",
                                                cli_json_text(admin_status_address(q).p)));
        printf("address  ");
        cli_print_safe(admin_status_address(q).p);
        printf("\nversion  ");
        cli_print_safe(admin_status_version(q).p);
        printf("\nsessions %" PRIu32 "\nworkers  %" PRIu32 "\n", admin_status_sessions(q),
               admin_status_workers(q));
        return EXIT_OK;
}
