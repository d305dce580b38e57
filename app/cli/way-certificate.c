/*
 * By a client certificate: the one that --certificate and --key name, or the one that lies in
 * ~/.config/capos. It is shown in the handshake, so trying it takes a connection of its own, and an
 * instance is shown none before it has said that it takes them.
 */
#include "login-ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

static const char certificate_file[] = "client.pem", key_file[] = "client.key";

static bool certificate_asked(const struct cli *c)
{
        return c->certificate != NULL;
}

/* The files in the user's own folder. false: they are not there. */
static bool certificate_find(char *certificate, char *key)
{
        const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
        const char *below = config && *config == '/' ? "" : "/.config";

        if (!*below)
                home = config;
        if (!home || *home != '/')
                return false;
        (void)snprintf(certificate, PATH_BYTES, "%s%s/capos/%s", home, below, certificate_file);
        (void)snprintf(key, PATH_BYTES, "%s%s/capos/%s", home, below, key_file);
        return !access(certificate, R_OK) && !access(key, R_OK);
}

static bool certificate_ready(const struct login *l, char *why)
{
        char certificate[PATH_BYTES], key[PATH_BYTES];
        bool found = l->c->certificate || certificate_find(certificate, key);

        if (l->place.at.transport != CAPOS_TRANSPORT_TLS || l->c->via) {
                (void)snprintf(why, LOGIN_WHY,
                               "a certificate is shown over TLS: tls:HOST:PORT, without --via");
                return false;
        }
        (void)snprintf(why, LOGIN_WHY, "%.300s",
                       l->c->certificate ? l->c->certificate
                       : found           ? certificate
                                         : "there is none: --certificate FILE --key FILE, or "
                                           "client.pem and client.key in ~/.config/capos");
        return found;
}

static enum way_end certificate_run(struct login *l)
{
        char certificate[PATH_BYTES], key[PATH_BYTES];
        bool given = l->c->certificate != NULL;
        int r;

        if (!given && !certificate_find(certificate, key))
                return WAY_EMPTY;
        if (!given) {
                l->c->certificate = certificate;
                l->c->key = key;
                login_reconnect(l);
        }
        login_tell(l, "by certificate: %s", l->c->certificate);
        l->how.kind = CAPOS_AUTH_MTLS;
        r = login_try(l);
        if (!given)
                l->c->certificate = l->c->key = NULL;
        if (!given && r)
                login_reconnect(l);
        return r ? WAY_REFUSED : WAY_IN;
}

const struct way way_certificate = {.name = "certificate",
                                    .kind = CAPOS_AUTH_MTLS,
                                    .option = "--certificate",
                                    .asks_no_name = true,
                                    .asked = certificate_asked,
                                    .ready = certificate_ready,
                                    .run = certificate_run};
