/*
 * By an assertion: a service account's key, from the file that --identity names, signs who it is.
 * Or by an access token of an identity provider's, which is passed on as it is and says whose it
 * is. It is a program's way in, so it is taken only where it is asked for, and nobody is asked for
 * anything but the passphrase of the file.
 */
#include "login-ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_ROOM = 16 * 1024 + 1 };

static bool service_asked(const struct cli *c)
{
        return c->token_file != NULL;
}

static bool service_ready(const struct login *l, char *why)
{
        const char *file = l->c->token_file ? l->c->token_file : l->c->identity;

        (void)snprintf(why, LOGIN_WHY, "%.300s",
                       file ? file
                            : "it needs the key of a service account, --method service --identity "
                              "FILE, or a token, --token-file FILE");
        if (!l->c->token_file && file && !*l->account)
                (void)snprintf(why, LOGIN_WHY, "it needs a name: NAME@%s", l->place.text);
        return l->c->token_file || (file && *l->account);
}

/* ---- by a token ----------------------------------------------------------------------------- */

static void token_on_step(capos_client *client, const struct capos_step *s, void *arg)
{
        const char *token = arg;

        (void)s;
        (void)!capos_client_answer(client,
                                   (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
}

static enum way_end token_run(struct login *l)
{
        char token[TOKEN_ROOM];
        int r;

        l->exit = cli_read_secret_file(l->c, l->c->token_file, "token", token, sizeof(token));
        if (l->exit)
                return WAY_OVER;

        l->how.kind = CAPOS_AUTH_SERVICE;
        l->how.step = token_on_step;
        l->how.step_arg = token;
        r = login_try(l);
        l->how.step = NULL;
        l->how.step_arg = NULL;
        explicit_bzero(token, sizeof(token));
        return r ? WAY_REFUSED : WAY_IN;
}

/* ---- by a key ------------------------------------------------------------------------------- */

static enum way_end service_run(struct login *l)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        int r;

        if (l->c->token_file)
                return token_run(l);

        l->exit = keys_of_file(l->c, l->c->identity, &key);
        if (l->exit)
                return WAY_OVER;

        l->how.kind = CAPOS_AUTH_SERVICE;
        l->how.key = key;
        l->how.key_id = l->c->key_id;
        r = login_try(l);
        l->how.key = NULL;
        if (r)
                return WAY_REFUSED;

        if (!realpath(l->c->identity, l->identity))
                l->identity[0] = 0;
        return WAY_IN;
}

const struct way way_service = {.name = "service",
                                .kind = CAPOS_AUTH_SERVICE,
                                .option = "--token-file",
                                .asks_no_name = true,
                                .is_asked_for = true,
                                .asked = service_asked,
                                .ready = service_ready,
                                .run = service_run};
