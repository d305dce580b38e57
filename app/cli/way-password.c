/*
 * By a password: typed on the terminal, three times as ssh does it; or one line of standard input
 * or of a file, which is tried once.
 */
#include "login-ways.h"

#include <stdio.h>
#include <string.h>

enum { PASSWORD_ROOM = 1040, PASSWORD_BYTES = 1024, PASSWORD_TRIES = 3 };

static bool password_is_read(const struct cli *c)
{
        return c->password_stdin || c->password_file;
}

static bool password_ready(const struct login *l, char *why)
{
        bool is_read = password_is_read(l->c), ready = is_read || login_has_person(l);

        (void)snprintf(why, LOGIN_WHY, "%s",
                       is_read ? l->c->password_stdin ? "standard input" : l->c->password_file
                       : ready ? "the terminal"
                       : l->c->non_interactive
                               ? "nobody is asked (--non-interactive): --password-stdin, or "
                                 "--password-file FILE"
                               : "no terminal to ask for a password: use --password-stdin, or "
                                 "--password-file FILE");
        return ready;
}

static int password_try(struct login *l, const char *prompt)
{
        char password[PASSWORD_ROOM];
        int r;

        l->exit = cli_take_password(l->c, prompt, false, password, PASSWORD_BYTES + 1);
        if (l->exit)
                return 0;

        l->how.kind = CAPOS_AUTH_PASSWORD;
        l->how.password = (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)};
        r = login_try(l);
        l->how.password = (capnp_data){0};
        explicit_bzero(password, sizeof(password));
        return r;
}

static enum way_end password_run(struct login *l)
{
        unsigned tries = password_is_read(l->c) ? 1 : PASSWORD_TRIES;
        char prompt[512];
        int r;

        (void)snprintf(prompt, sizeof(prompt), "Password of %s at %s", l->account, l->place.text);
        for (;;) {
                r = password_try(l, prompt);
                if (l->exit)
                        return WAY_OVER;
                if (!r)
                        return WAY_IN;
                if (r != CAPOS_E_DENIED || l->error.denial != CAPOS_DENIED_CREDENTIALS || !--tries)
                        return WAY_REFUSED;
                (void)fprintf(stderr, "That is not right, try again.\n");
        }
}

const struct way way_password = {.name = "password",
                                 .kind = CAPOS_AUTH_PASSWORD,
                                 .option = "--password",
                                 .asked = cli_has_password_option,
                                 .ready = password_ready,
                                 .run = password_run};
