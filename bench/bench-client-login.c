/*
 * bench-client-login: logs in and out again and again, by the client library, and says what one
 * costs.
 *
 * The program is there already and so is its key: what is measured is connection, handshake,
 * proof, and the session's description, then the logout and the end of the connection. `--way
 * handshake` asks, instead of logging in, what ways there are: a handshake and one call.
 *
 * Usage: bench-client-login --way WAY [--count N] --expect FINGERPRINT [--account NAME] [OPTION…]
 *                    ADDRESS
 *
 *     handshake, guest, anonymous
 *     password   --password TEXT
 *     key        --key FILE or --agent-key FILE.pub; and --certified FILE, its certificate
 *     service    --key FILE, of a service account
 *     passkey    --passkey FILE --passkey-id ID --passkey-user USER --origin ORIGIN
 *                --relying-party DOMAIN
 *     token      --token-file FILE, read anew each time
 *     oidc       --issuer NAME: where whoever opens the page has said yes, and is sent back
 *     oidc-device  --issuer NAME --profile NAME: where nobody has to be waited for
 *     mtls       --certificate FILE --key FILE; also for handshake
 */
#include <capos/capos-browser.h>
#include <capos/capos-client.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench-clock.h"
#include "bench-page.h"
#include "bench-passkey.h"

struct options {
        const char *way, *expect, *account, *password, *key, *agent_key, *certified, *certificate,
                *token, *issuer, *profile, *relying_party, *address;
        struct bench_passkey passkey;
        unsigned long count;
};

static char pem[2][16384];

static capnp_data file_read(const char *path, char *to)
{
        FILE *f = path ? fopen(path, "r") : NULL;
        size_t n = f ? fread(to, 1, sizeof(pem[0]), f) : 0;

        if (f)
                fclose(f);
        return (capnp_data){(const uint8_t *)to, (uint32_t)n};
}

static bool options_parse(struct options *o, int argc, char **argv)
{
        const struct {
                const char *name;
                const char **to;
        } known[] = {
                {"--way", &o->way},
                {"--expect", &o->expect},
                {"--account", &o->account},
                {"--password", &o->password},
                {"--key", &o->key},
                {"--agent-key", &o->agent_key},
                {"--certified", &o->certified},
                {"--certificate", &o->certificate},
                {"--token-file", &o->token},
                {"--passkey", &o->passkey.key},
                {"--passkey-id", &o->passkey.id},
                {"--passkey-user", &o->passkey.user},
                {"--origin", &o->passkey.origin},
                {"--relying-party", &o->relying_party},
                {"--issuer", &o->issuer},
                {"--profile", &o->profile},
        };
        const size_t n = sizeof(known) / sizeof(known[0]);

        for (int i = 1; i < argc; i++) {
                size_t k = 0;

                while (k < n && strcmp(argv[i], known[k].name))
                        k++;
                if (k < n && i + 1 < argc)
                        *known[k].to = argv[++i];
                else if (!strcmp(argv[i], "--count") && i + 1 < argc)
                        o->count = strtoul(argv[++i], NULL, 10);
                else
                        o->address = argv[i];
        }
        return o->way && o->expect && o->address && o->count;
}

static int step(capos_client *c, int begun)
{
        int r = capos_client_wait(c, begun);

        if (r)
                fprintf(stderr, "bench-client-login: %s\n", capos_client_error_peek(c)->text);
        return r;
}

/* A token or a passkey's answer; whatever else the instance shows, somebody has answered it
 * elsewhere. */
static void on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        const struct options *o = arg;
        size_t n;

        if (!o->passkey.key) {
                (void)!capos_client_answer(c, file_read(o->token, pem[0]));
                return;
        }
        n = bench_passkey_answer(&o->passkey, s, pem[0], sizeof(pem[0]));
        (void)!capos_client_answer(c, (capnp_data){(const uint8_t *)pem[0], (uint32_t)n});
}

static int on_page(const struct capos_step *s, void *arg)
{
        int *visit = arg;

        *visit = bench_page_visit(s->url);
        return *visit < 0 ? -EIO : 0;
}

/* As a browser comes back to a port that is this login's alone. */
static int login_by_browser(capnp_vat *vat, capos_client *c, struct capos_login how)
{
        CAPNP_AUTO(capos_browser_freep) capos_browser *b = NULL;
        int visit = -1, r = capos_browser_new(vat, on_page, &visit, &b);

        if (r)
                return r;

        how.first = capos_browser_first_peek(b);
        how.step = capos_browser_step;
        how.step_arg = b;
        r = step(c, capos_client_login(c, &how, NULL, NULL));
        if (visit >= 0)
                (void)close(visit);
        return r;
}

static int once(capnp_vat *vat, const struct options *o, const struct capos_trust *trust,
                const struct capos_login *login)
{
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        int r = capos_client_connect(vat, o->address, trust, NULL, &c);

        if (r)
                return r;
        if (!strcmp(o->way, "handshake"))
                return step(c, capos_client_fetch_methods(c, NULL, NULL));

        r = login->kind == CAPOS_AUTH_OIDC_PKCE ? login_by_browser(vat, c, *login)
                                                : step(c, capos_client_login(c, login, NULL, NULL));
        return r ? r : step(c, capos_client_logout(c, NULL, NULL));
}

/* The key of the options. 0, or what the library says. */
static int key_open(const struct options *o, capos_key **ret)
{
        CAPNP_AUTO(capos_key_freep) capos_key *bare = NULL;
        int r = o->agent_key ? capos_key_of_agent_file(NULL, o->agent_key, &bare, NULL)
                             : capos_key_load(o->key, &bare, NULL);

        if (r || !o->certified) {
                *ret = bare;
                bare = NULL;
                return r;
        }
        return capos_key_certify(bare, o->certified, ret, NULL);
}

/* By which way; handshakes log in by none. -1: there is no such one. */
static int way_kind(const char *way)
{
        static const struct {
                const char *name;
                enum capos_auth kind;
        } ways[] = {
                {"handshake", CAPOS_AUTH_ANONYMOUS}, {"guest", CAPOS_AUTH_GUEST},
                {"anonymous", CAPOS_AUTH_ANONYMOUS}, {"password", CAPOS_AUTH_PASSWORD},
                {"key", CAPOS_AUTH_PUBLIC_KEY},      {"mtls", CAPOS_AUTH_MTLS},
                {"service", CAPOS_AUTH_SERVICE},     {"token", CAPOS_AUTH_SERVICE},
                {"oidc", CAPOS_AUTH_OIDC_PKCE},      {"oidc-device", CAPOS_AUTH_OIDC_DEVICE_CODE},
                {"passkey", CAPOS_AUTH_PASSKEY},
        };

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
                if (!strcmp(way, ways[i].name))
                        return (int)ways[i].kind;
        return -1;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        struct options o = {.count = 20};
        struct capos_login login = {0};
        struct capos_trust trust = {0};
        struct bench_clock before;
        int r = 0, kind = options_parse(&o, argc, argv) ? way_kind(o.way) : -1;

        if (kind < 0) {
                fprintf(stderr, "bench-client-login: --way, --expect and an address are needed\n");
                return 2;
        }

        trust.expect = o.expect;
        login.kind = (enum capos_auth)kind;
        login.account = o.account;
        login.profile = o.profile;
        login.issuer = o.issuer;
        login.relying_party = o.relying_party;
        login.step = on_step;
        login.step_arg = &o;
        if (o.password)
                login.password =
                        (capnp_data){(const uint8_t *)o.password, (uint32_t)strlen(o.password)};
        if ((kind == CAPOS_AUTH_PUBLIC_KEY || kind == CAPOS_AUTH_SERVICE) && !o.token &&
            key_open(&o, &key))
                return 1;
        if (o.certificate) {
                trust.certificates = file_read(o.certificate, pem[0]);
                trust.key = file_read(o.key, pem[1]);
        }
        login.key = key;
        if (capnp_vat_new(&vat) || once(vat, &o, &trust, &login))
                return 1;

        before = bench_clock_now();
        for (unsigned long i = 0; !r && i < o.count; i++)
                r = once(vat, &o, &trust, &login);
        bench_clock_print(before, o.count);
        return r != 0;
}
