/*
 * By a passkey, of whatever can speak to an authenticator: a program that --passkey-command names.
 * It is given the options for one login on this one connection, and what it answers is passed on.
 */
#include "login-ways.h"

#include "passkey-command.h"

#include <stdio.h>
#include <string.h>

enum { OPTIONS_ROOM = 1024 };

static bool passkey_asked(const struct cli *c)
{
        return c->passkey_command != NULL;
}

static bool passkey_ready(const struct login *l, char *why)
{
        (void)snprintf(why, LOGIN_WHY, "%.300s",
                       l->c->passkey_command
                               ? l->c->passkey_command
                               : "it takes an authenticator: --passkey-command COMMAND");
        return l->c->passkey_command != NULL;
}

static void passkey_on_step(capos_client *client, const struct capos_step *s, void *arg)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf options = {0};
        const struct login *l = arg;
        char answer[PASSKEY_ANSWER_BYTES];
        struct capos_error e;
        const char *wrong;
        size_t len;

        capnp_buf_init(&options, OPTIONS_ROOM);
        if (capos_passkey_options(s, &options, &e)) {
                (void)!capos_client_give_up(client, e.text);
                return;
        }
        login_tell(l, "by passkey of %s: %s", s->relying_party, l->c->passkey_command);
        wrong = passkey_command_run(
                l->c->passkey_command,
                &(struct passkey_asked){options.p, options.len, s->expires_at_ms}, answer, &len);
        if (wrong)
                (void)!capos_client_give_up(client, wrong);
        else
                (void)!capos_client_answer(client,
                                           (capnp_data){(const uint8_t *)answer, (uint32_t)len});
        explicit_bzero(answer, sizeof(answer));
}

static enum way_end passkey_run(struct login *l)
{
        int r;

        l->how.kind = CAPOS_AUTH_PASSKEY;
        l->how.relying_party = l->c->relying_party;
        l->how.step = passkey_on_step;
        l->how.step_arg = l;
        l->patience_ms = CLI_PERSON_MS;
        r = login_try(l);
        l->patience_ms = 0;
        l->how.relying_party = NULL;
        l->how.step = NULL;
        l->how.step_arg = NULL;
        return r ? WAY_REFUSED : WAY_IN;
}

const struct way way_passkey = {.name = "passkey",
                                .kind = CAPOS_AUTH_PASSKEY,
                                .option = "--passkey-command",
                                .asks_no_name = true,
                                .asked = passkey_asked,
                                .ready = passkey_ready,
                                .run = passkey_run};
