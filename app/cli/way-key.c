/*
 * By a key: the one that --identity names and no other, or all that there are, in ssh's order. A
 * refused one costs nothing but a try, and the instance begins to slow down who has failed twenty
 * times, so keys.h stops before that, and leaves some for a password.
 */
#include "login-ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two ways have a key in a file; the other one has to be asked for by its name. */
static bool key_asked(const struct cli *c)
{
        return c->identity && !(c->method && !strcmp(c->method, way_service.name));
}

static bool key_ready(const struct login *l, char *why)
{
        const char *agent = secure_getenv("SSH_AUTH_SOCK");
        char files[LOGIN_WHY / 2];

        if (l->c->identity) {
                (void)snprintf(why, LOGIN_WHY, "%s", l->c->identity);
                return true;
        }
        keys_files(files, sizeof(files));
        if (agent && *agent) {
                (void)snprintf(why, LOGIN_WHY, "the ssh-agent at %.100s%s%s", agent,
                               *files ? ", " : "", files);
                return true;
        }
        (void)snprintf(why, LOGIN_WHY, "%s",
                       *files ? files
                              : "there is no ssh-agent and no key in ~/.ssh: `ssh-keygen -t "
                                "ed25519` makes one, whose public half the account needs");
        return *files;
}

static int key_try(struct login *l, capos_key *key)
{
        int r;

        login_tell(l, "by key: %s%s", capos_key_fingerprint_peek(key),
                   capos_key_is_certified(key) ? ", certified" : "");
        if (capos_key_needs_touch(key))
                login_say(l, "touch the security key %s", capos_key_fingerprint_peek(key));
        l->how.kind = CAPOS_AUTH_PUBLIC_KEY;
        l->how.key = key;
        r = login_try(l);
        l->how.key = NULL;
        if (!r)
                keys_print(key, l->key);
        return r;
}

static enum way_end key_run_identity(struct login *l)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;

        l->exit = keys_of_identity(l->c, l->c->identity, &key);
        if (l->exit)
                return WAY_OVER;

        if (key_try(l, key))
                return WAY_REFUSED;

        if (!realpath(l->c->identity, l->identity))
                l->identity[0] = 0;
        return WAY_IN;
}

static enum way_end key_run(struct login *l)
{
        CAPNP_AUTO(keys_deinit) struct keys keys = {0};
        capos_key *key = NULL;
        unsigned left, tried = 0;
        int r = CAPOS_E_METHOD;

        if (l->c->identity)
                return key_run_identity(l);

        while (keys_next(l->c, &keys, &key)) {
                r = key_try(l, key);
                key = capos_key_free(key);
                tried++;
                if (!r)
                        return WAY_IN;
                if (r != CAPOS_E_DENIED && r != CAPOS_E_AGENT && r != CAPOS_E_METHOD)
                        break;
                if (r == CAPOS_E_DENIED && l->error.denial != CAPOS_DENIED_CREDENTIALS)
                        break;
        }
        left = keys_left(&keys);
        if (left)
                login_say(l,
                          "%u %s of the ssh-agent not tried: name the right one by "
                          "--identity FILE.pub",
                          left, left == 1 ? "key was" : "keys were");
        if (tried)
                return WAY_REFUSED;
        (void)snprintf(l->why, sizeof(l->why),
                       "no key here can be used: `ssh-add` gives one to the ssh-agent, --identity "
                       "FILE names one");
        return WAY_EMPTY;
}

const struct way way_key = {.name = "key",
                            .kind = CAPOS_AUTH_PUBLIC_KEY,
                            .option = "--identity",
                            .asked = key_asked,
                            .ready = key_ready,
                            .run = key_run};
