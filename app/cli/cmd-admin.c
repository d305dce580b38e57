/* Accounts of the instance on this machine. */
#include "admin.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_ROOM = 1040, PASSWORD_BYTES = 1024 };

/* Whether something waits on standard input that nobody has asked for. */
static bool input_is_ignored(void)
{
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        struct stat st;

        return fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode)) &&
               poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* An account that nobody can log in to is no fault, but should be no surprise. */
static int account_add_say(struct cli *c, bool has_password, bool ignored)
{
        if (ignored)
                (void)fprintf(stderr, "capos: standard input was not read: --password-stdin takes "
                                      "a password from it\n");
        if (c->json)
                return cli_print_json(
                        c, json_pack("{s:b,s:b}", "done", 1, "hasPassword", has_password));
        printf("The account is there.\n");
        if (!has_password)
                printf("It has no password and no key: nobody can log in yet. Now\n"
                       "  capos account key add %s FILE    or    capos account passwd %s\n",
                       c->words[0], c->words[0]);
        return EXIT_OK;
}

int cmd_account_add(struct cli *c)
{
        char password[PASSWORD_ROOM] = {0}, prompt[160];
        bool ask = cli_has_password_option(c) || isatty(STDIN_FILENO), has_password;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r;

        cli_protect();
        r = state_open_admin(c);
        (void)snprintf(prompt, sizeof(prompt), "Password for %.100s (empty: none)", c->words[0]);
        if (!r && ask)
                r = cli_take_password(c, prompt, true, password, PASSWORD_BYTES + 1);
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
        has_password = *password != 0;
        explicit_bzero(password, sizeof(password));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);
        return account_add_say(c, has_password, !ask && input_is_ignored());
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

static json_t *account_json(account_reader a)
{
        json_t *o =
                json_pack("{s:o,s:o,s:b,s:o}", "name", cli_json_text(account_name(a).p), "profiles",
                          admin_texts_json(account_profiles(a), account_profiles_at), "hasPassword",
                          account_has_password(a), "keys",
                          admin_texts_json(account_keys(a), account_keys_at));

        admin_lock_json(o, a);
        return o;
}

static void account_print(account_reader a)
{
        cli_print_padded(account_name(a).p, 16);
        printf(" ");
        admin_texts_print(account_profiles(a), account_profiles_at);
        if (account_has_password(a))
                printf(" (password)\n");
        else
                printf(account_keys(a).len ? " (no password)\n" : " (no password, no key)\n");
        admin_lock_print(a);
        for (uint32_t i = 0; i < account_keys(a).len; i++) {
                printf("%-16s key ", "");
                cli_print_safe(account_keys_at(account_keys(a), i).p);
                printf("\n");
        }
}

static void accounts_show(account_list l, json_t *all)
{
        for (uint32_t i = 0; i < account_list_len(l); i++) {
                account_reader a = account_list_get(l, i);

                if (account_service(a))
                        continue;
                if (all)
                        (void)json_array_append_new(all, account_json(a));
                else
                        account_print(a);
        }
}

int cmd_account_list(struct cli *c)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        json_t *all = NULL;
        account_list l;
        int r = state_open_admin(c);

        if (r)
                return r;

        all = c->json ? json_array() : NULL;
        while (admin_accounts_next(&p, &l))
                accounts_show(l, all);
        r = admin_pages_end(&p);
        if (r || !c->json) {
                json_decref(all);
                return r;
        }
        return cli_print_json(c, json_pack("{s:o}", "accounts", all));
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
                r = cli_take_password(c, prompt, true, password, PASSWORD_BYTES + 1);
        if (r)
                return r;

        q = admin_passwd(admin_of(c));
        admin_passwd_set_name(q, c->words[0]);
        admin_passwd_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        explicit_bzero(password, sizeof(password));
        return admin_do(c, q, "The password is set, and sessions of the old one have ended.");
}
