/*
 * By an assertion: a service account's key, from the file that --identity names, signs who it is.
 * It is a program's way in, so it is taken only where it is asked for, and nobody is asked for
 * anything but the passphrase of the file.
 */
#include "login-ways.h"

#include <stdio.h>
#include <stdlib.h>

static bool service_ready(const struct login *l, char *why)
{
        (void)snprintf(why, LOGIN_WHY, "%.300s",
                       l->c->identity ? l->c->identity
                                      : "it needs the key of a service account: --identity FILE");
        return l->c->identity != NULL;
}

static enum way_end service_run(struct login *l)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        int r;

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
                                .is_asked_for = true,
                                .ready = service_ready,
                                .run = service_run};
