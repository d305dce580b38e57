/*
 * What a login would come to, told without one.
 *
 * No instance has to run, and none is asked: the manifest is the one that is given, and what is
 * known of the account is read where it is stored, or said on the command line. Who decides is
 * whoever decides about logins: the methods' own table says whether one is offered, and broker.c
 * what a good proof comes to. What is written here is only what could be proved by whom.
 *
 * Nothing is proved, so a proof that rests on what only a client has (a certificate, a provider's
 * token) is taken for one that meets the manifest's rule; each rule is a case of its own.
 */
#include "explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "credential.h"
#include "daemon-source.h"
#include "daemon-strength.h"
#include "daemon-text.h"
#include "methods.h"
#include "networks.h"
#include "sessiond.h"
#include "store-look.h"
#include "store-passkey.h"

enum { GRANTED = 0, FAILED = 1, USAGE = 2, DENIED = 3 };

struct ask {
        const char *file, *account, *method, *profile, *from, *state, *profiles;
        bool service, server_key, touched, json;
};

/* Everything that is at work, once. */
struct explain {
        struct ask ask;
        struct sessiond s; /* as much of one as is asked: policy, issuers, store */
        struct origin origin;
        const struct method *method;
        bool supposed; /* the account is one that could be */
        int failed;    /* something cannot be read, which was said; 0: nothing */
        struct explanation e;
};

/* ---- ways ----------------------------------------------------------------------------------- */

/* Adds something that could be proved. only: the one profile that it gives; NULL: any. stored: what
 * the account has it as; NULL: it is no account's. */
static struct explain_way *way_add(struct explain *x, const char *by, const char *only,
                                   const char *stored)
{
        struct explanation *e = &x->e;
        struct explain_way *w;

        if (e->nways == EXPLAIN_WAYS)
                return NULL;

        w = &e->ways[e->nways++];
        *w = (struct explain_way){.c = {.policy = e->policy,
                                        .method = x->method->ops,
                                        .account = &e->about,
                                        .only = only,
                                        .wanted = e->wanted,
                                        .local = origin_is_local(&x->origin),
                                        .host = x->origin.host}};
        (void)snprintf(w->by, sizeof(w->by), "%s", by);
        (void)snprintf(w->who.account, sizeof(w->who.account), "%s", e->account);
        (void)snprintf(w->who.credential, sizeof(w->who.credential), "%s", stored ? stored : "");
        w->who.profile = only;
        w->c.proof.kind = e->kind;
        w->c.proof.touched = x->ask.touched;
        w->c.proof.unbound = x->method->ops->unbound;
        w->c.proof.binding = x->method->ops->binding;
        if (x->method->ops->binds && x->origin.transport == TRANSPORT_TLS)
                w->c.proof.binding = x->ask.server_key ? BINDING_SERVER_KEY : BINDING_EXPORTER;
        return w;
}

static void ways_of_keys(struct explain *x)
{
        const struct authorities *a = &x->e.policy->authorities;
        char by[EXPLAIN_TEXT];

        for (unsigned i = 0; i < x->e.about.nkeys; i++) {
                const struct store_key *k = &x->e.about.keys[i];

                (void)snprintf(by, sizeof(by), "its key %s%s%s", k->fingerprint,
                               k->comment[0] ? ", " : "", k->comment);
                (void)way_add(x, by, NULL, k->fingerprint);
        }
        if (x->supposed)
                (void)way_add(x, "a key of its own", NULL, NULL);
        for (unsigned i = 0; i < a->n; i++) {
                struct explain_way *w;

                (void)snprintf(by, sizeof(by), "a key that authority %s has certified for it",
                               a->name[i]);
                w = way_add(x, by, a->profile[i], NULL);
                if (w)
                        memcpy(w->who.authority, a->fingerprint[i], sizeof(w->who.authority));
        }
}

static void way_of_passkey(void *arg, const struct store_passkey *k)
{
        char by[EXPLAIN_TEXT];

        (void)snprintf(by, sizeof(by), "its passkey %s%s%s", k->fingerprint,
                       k->label[0] ? ", " : "", k->label);
        (void)way_add(arg, by, NULL, k->fingerprint);
}

static void ways_of_rules(struct explain *x)
{
        const struct policy *p = x->e.policy;
        char by[EXPLAIN_TEXT];

        for (unsigned i = 0; i < p->nrules; i++) {
                if (!p->rules[i].account_from_name &&
                    strcmp(p->rules[i].account, x->e.account) != 0)
                        continue;
                (void)snprintf(by, sizeof(by),
                               "a certificate that meets authentication.certificates.rules[%u]%s",
                               i, p->rules[i].account_from_name ? ", with its name" : "");
                (void)way_add(x, by, p->rules[i].profile, NULL);
        }
}

/* Whose identities are looked at. */
struct identities {
        struct explain *x;
        const struct issuer *i;
        bool access; /* by access tokens, which are bound to no channel */
};

static void way_of_issuer(const struct identities *who, const char *by, const char *only)
{
        struct explain_way *w = way_add(who->x, by, only, NULL);

        if (w && who->access)
                w->c.proof.unbound = true;
}

static void way_of_identity(void *arg, const struct store_identity *id)
{
        const struct identities *who = arg;
        char by[EXPLAIN_TEXT];

        if (strcmp(id->issuer, who->i->issuer) != 0)
                return;
        (void)snprintf(by, sizeof(by), "%s of %s as %.80s, who is it",
                       who->access ? "an access token" : "a token", who->i->name, id->subject);
        way_of_issuer(who, by, NULL);
}

static void ways_of_issuers(struct explain *x, bool access)
{
        struct issuers *is = &x->s.issuers;
        char by[EXPLAIN_TEXT];

        for (unsigned n = 0; n < is->n; n++) {
                struct issuer *i = &is->all[n];
                struct identities who = {.x = x, .i = i, .access = access};
                const char *token = access ? "an access token" : "a token";

                if (access && !i->audience[0])
                        continue;
                if (x->supposed) {
                        (void)snprintf(by, sizeof(by), "%s of %s, as an identity of its own", token,
                                       i->name);
                        way_of_issuer(&who, by, NULL);
                } else if (store_each_identity(&x->s.store, x->e.account, way_of_identity, &who)) {
                        x->failed = -EIO;
                }
                for (unsigned k = 0; k < i->nrules; k++) {
                        if (!i->rules[k].account || strcmp(i->rules[k].account, x->e.account) != 0)
                                continue;
                        (void)snprintf(by, sizeof(by),
                                       "%s of %s that meets authentication.oidc[%u].rules[%u]",
                                       token, i->name, n, k);
                        way_of_issuer(&who, by, i->rules[k].profile);
                }
        }
}

static void ways_of_service(struct explain *x)
{
        char by[EXPLAIN_TEXT];

        for (unsigned i = 0; i < x->e.about.nservice_keys; i++) {
                (void)snprintf(by, sizeof(by), "an assertion by its key %s",
                               x->e.about.service_keys[i].id);
                (void)way_add(x, by, NULL, x->e.about.service_keys[i].fingerprint);
        }
        if (x->supposed && x->e.about.service)
                (void)way_add(x, "an assertion by a key of its own", NULL, NULL);
        ways_of_issuers(x, true);
}

static void ways_find(struct explain *x)
{
        switch (x->e.kind) {
        case CAPOS_AUTH_PASSWORD:
                if (x->e.about.verifier[0] || (x->supposed && !x->e.about.service))
                        (void)way_add(x, "its password", NULL, NULL);
                break;
        case CAPOS_AUTH_PUBLIC_KEY:
                ways_of_keys(x);
                break;
        case CAPOS_AUTH_PASSKEY:
                if (x->supposed)
                        (void)way_add(x, "a passkey of its own", NULL, NULL);
                else
                        x->failed =
                                store_each_passkey(&x->s.store, x->e.account, way_of_passkey, x);
                break;
        case CAPOS_AUTH_MTLS:
                ways_of_rules(x);
                break;
        case CAPOS_AUTH_OIDC_DEVICE_CODE:
        case CAPOS_AUTH_OIDC_PKCE:
                ways_of_issuers(x, false);
                break;
        case CAPOS_AUTH_SERVICE:
                ways_of_service(x);
                break;
        default:
                break;
        }
}

/* What the account lacks to log in so, and what to do. */
static const char *lacks(const struct explanation *e)
{
        switch (e->kind) {
        case CAPOS_AUTH_PASSWORD:
                return e->about.service ? "a service account has no password"
                                        : "the account has no password: `capos account passwd`";
        case CAPOS_AUTH_PUBLIC_KEY:
                return "the account has no key, and no authority certifies one: `capos account key "
                       "add`";
        case CAPOS_AUTH_PASSKEY:
                return "the account has no passkey: `capos account passkey add`";
        case CAPOS_AUTH_MTLS:
                return "no rule for certificates is for this account "
                       "(authentication.certificates.rules)";
        case CAPOS_AUTH_SERVICE:
                return "the account has no key for assertions, and no rule for access tokens: "
                       "`capos service-account key add`";
        default:
                return "the account has no identity, and no rule is for it: `capos account "
                       "identity add`";
        }
}

/* ---- deciding ------------------------------------------------------------------------------- */

static void way_deny(struct explain_way *w, enum capos_denial d, const char *why)
{
        w->denial = d;
        (void)snprintf(w->why, sizeof(w->why), "%s", why);
}

/* As login.c goes about it, once a proof was good. */
static void way_decide(struct explain *x, struct explain_way *w)
{
        const struct store_door door = {.locked = x->e.about.locked,
                                        .expires_ms = x->e.about.expires_ms};
        char text[STRENGTH_TEXT];
        const char *why;

        w->strength = strength_made(&w->c.proof);
        why = broker_shut(&door, clock_wall_ms());
        if (!why && (w->who.credential[0] || w->who.authority[0]) &&
            credential_judge(&x->origin, w->who.credential, &w->who, &why))
                x->failed = -EIO;
        w->c.only = w->who.profile;
        if (why) {
                way_deny(w, CAPOS_DENIED_CREDENTIALS, why);
                return;
        }

        w->to = broker_profile(&w->c, &why);
        if (w->to)
                why = broker_weak(&w->c, w->to, text);
        if (why)
                way_deny(w, CAPOS_DENIED_PROFILE, why);
}

/* One that stands for all, where nothing can be proved at all. */
static void way_for_nothing(struct explain *x, enum capos_denial d, const char *why)
{
        struct explain_way *w = &x->e.ways[0];

        x->e.nways = 1;
        *w = (struct explain_way){.c = {.wanted = x->e.wanted}};
        way_deny(w, d, why);
}

/* Guests, and nobody in particular. */
static void decide_entry(struct explain *x)
{
        const struct policy_profile *p = x->method->entry(x->e.policy)->profile;

        way_for_nothing(x, CAPOS_DENIED_NONE, "");
        if (x->e.wanted[0] && strcmp(x->e.wanted, p->name) != 0)
                way_deny(&x->e.ways[0], CAPOS_DENIED_PROFILE,
                         "whoever comes in this way has another profile");
        else
                x->e.ways[0].to = p;
}

static void decide(struct explain *x)
{
        const char *off = method_off(&x->origin, x->e.kind);

        if (!networks_admit(x->e.policy->admission, x->origin.host)) {
                way_for_nothing(x, CAPOS_DENIED_PROFILE,
                                "the manifest takes no connections from there (`admission`)");
                x->e.ways[0].closed = true;
        } else if (*off) {
                way_for_nothing(x, CAPOS_DENIED_METHOD_DISABLED, off);
        } else if (x->method->entry) {
                decide_entry(x);
        } else if (!x->e.there) {
                way_for_nothing(x, CAPOS_DENIED_CREDENTIALS,
                                "there is no account of this name: `capos account add`");
        } else {
                ways_find(x);
                if (!x->e.nways)
                        way_for_nothing(x, CAPOS_DENIED_CREDENTIALS, lacks(&x->e));
                else
                        for (unsigned i = 0; i < x->e.nways; i++)
                                way_decide(x, &x->e.ways[i]);
        }
}

/* ---- what is asked -------------------------------------------------------------------------- */

/* "a,b" as profiles of an account that could be. */
static int suppose(struct explain *x)
{
        struct store_account *a = &x->e.about;
        const char *at = x->ask.profiles;

        (void)snprintf(a->name, sizeof(a->name), "%s", x->ask.account);
        a->service = x->ask.service;
        while (*at) {
                size_t len = strcspn(at, ",");

                if (a->nprofiles == STORE_PROFILES || len >= sizeof(a->profiles[0])) {
                        fprintf(stderr, "--profiles: at most %d, of at most 64 bytes\n",
                                STORE_PROFILES);
                        return USAGE;
                }
                (void)snprintf(a->profiles[a->nprofiles++], sizeof(a->profiles[0]), "%.*s",
                               (int)len, at);
                at += len + (at[len] == ',');
        }
        x->supposed = x->e.there = true;
        x->e.facts = "supposed";
        return 0;
}

static int account_read(struct explain *x)
{
        int r = store_look(&x->s.store, x->ask.state);

        x->e.facts = x->ask.state;
        if (!r)
                r = store_load(&x->s.store, x->ask.account, &x->e.about);
        if (r == STORE_E_NONE)
                return 0;
        if (r) {
                fprintf(stderr,
                        "the accounts in %s cannot be read: %s; ask as the user who runs the "
                        "instance, or say what the account has: --profiles P,… "
                        "[--service-account]\n",
                        x->ask.state,
                        r == -EPROTO ? "they are of another version" : capnp_strerror(r));
                return FAILED;
        }

        x->e.there = true;
        return 0;
}

/* Names are not looked up: nobody is asked. */
static bool is_number(const char *host)
{
        uint8_t bytes[16];

        return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* `unix`, `unix:UID`, `plain`, `tls`, ADDRESS: that is by TLS from there. */
static int from_read(struct explain *x)
{
        static const char plain[] = "plain";
        struct packet p = {.transport = TRANSPORT_TLS};
        const char *from = x->ask.from;
        struct capos_io_addresses a;
        char text[sizeof(p.address)];
        int r = 0;

        if (!strncmp(from, plain, strlen(plain))) {
                p.transport = TRANSPORT_PLAIN;
                from += from[strlen(plain)] == ':' ? strlen(plain) + 1 : strlen(plain);
        }
        if (!*from || !strcmp(from, "tls"))
                from = "127.0.0.1";
        if (!strncmp(from, "unix", 4) && (!from[4] || from[4] == ':')) {
                p.transport = TRANSPORT_UNIX;
                p.source = source_of_uid(from[4] ? (uid_t)strtoul(from + 5, NULL, 10) : geteuid(),
                                         NULL);
        } else {
                (void)snprintf(text, sizeof(text), strchr(from, ':') ? "[%.100s]:1" : "%.100s:1",
                               from);
                r = is_number(from) ? capos_io_address_parse(text, false, &a) : -EINVAL;
                if (!r)
                        p.source = source_of_address(&a.a[0]);
                (void)snprintf(p.address, sizeof(p.address), "%s", text);
        }
        if (r) {
                fprintf(stderr,
                        "--from: tls, plain[:ADDRESS], unix[:UID] or an IP address, not %s\n",
                        from);
                return USAGE;
        }

        origin_init(&x->origin, &x->s, &p);
        return 0;
}

static int method_read(struct explain *x)
{
        const char *name = x->ask.method;

        x->e.kind = auth_of_word((capnp_text){name, (uint32_t)strlen(name)});
        x->method = method_of_kind(x->e.kind);
        if (x->e.kind < CAPOS_AUTH_KINDS && x->method)
                return 0;

        fprintf(stderr, "--method: there is no %s; there are", name);
        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++)
                fprintf(stderr, " %s", auth_word((enum capos_auth)i));
        fputs("\n", stderr);
        return USAGE;
}

static int ask_read(struct ask *a, int argc, char **argv)
{
        static const struct option options[] = {
                {"manifest", required_argument, NULL, 'm'},
                {"account", required_argument, NULL, 'a'},
                {"method", required_argument, NULL, 'w'},
                {"profile", required_argument, NULL, 'p'},
                {"from", required_argument, NULL, 'f'},
                {"state", required_argument, NULL, 's'},
                {"profiles", required_argument, NULL, 'P'},
                {"service-account", no_argument, NULL, 'S'},
                {"server-key", no_argument, NULL, 'K'},
                {"touched", no_argument, NULL, 'T'},
                {"json", no_argument, NULL, 'j'},
                {NULL, 0, NULL, 0},
        };
        int c;

        *a = (struct ask){.file = "", .profile = "", .from = "tls", .state = "."};
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'm':
                        a->file = optarg;
                        break;
                case 'a':
                        a->account = optarg;
                        break;
                case 'w':
                        a->method = optarg;
                        break;
                case 'p':
                        a->profile = optarg;
                        break;
                case 'f':
                        a->from = optarg;
                        break;
                case 's':
                        a->state = optarg;
                        break;
                case 'P':
                        a->profiles = optarg;
                        break;
                case 'S':
                        a->service = true;
                        break;
                case 'K':
                        a->server_key = true;
                        break;
                case 'T':
                        a->touched = true;
                        break;
                case 'j':
                        a->json = true;
                        break;
                default:
                        return USAGE;
                }
        }
        return 0;
}

/* Everything that decides, as an instance would have it. An exit code. */
static int begin(struct explain *x)
{
        int r = policy_init(&x->s.policy, FD_MANIFEST);

        x->s.issuers.now_ms = clock_boot_ms;
        if (!r)
                r = issuers_init(&x->s.issuers, &x->s.fetcher, x->s.policy.issuers);
        if (r) {
                fprintf(stderr, "%s: %s\n", x->ask.file, capnp_strerror(r));
                return FAILED;
        }

        x->e.file = x->ask.file;
        x->e.policy = &x->s.policy;
        x->e.wanted = x->ask.profile;
        x->e.from = &x->origin;
        r = method_read(x);
        return r ? r : from_read(x);
}

static int find_account(struct explain *x)
{
        if (x->method->entry)
                return 0;
        if (!x->ask.account) {
                fputs("--account NAME: who logs in by this method\n", stderr);
                return USAGE;
        }

        x->e.account = x->ask.account;
        return x->ask.profiles ? suppose(x) : account_read(x);
}

/* DENIED: nobody gets in by any of the ways. */
static int tell(const struct explain *x)
{
        int code = DENIED;

        if (x->failed)
                return FAILED;
        for (unsigned i = 0; i < x->e.nways; i++)
                if (!x->e.ways[i].denial)
                        code = GRANTED;
        if (x->ask.json)
                explain_print_json(&x->e);
        else
                explain_print(&x->e);
        return fflush(stdout) || ferror(stdout) ? FAILED : code;
}

int explain_main(int argc, char **argv)
{
        static struct explain x;
        int r = ask_read(&x.ask, argc, argv);

        daemon_log_to_somebody();
        if (!r)
                r = begin(&x);
        if (!r)
                r = find_account(&x);
        if (!r) {
                decide(&x);
                r = tell(&x);
        }
        store_account_deinit(&x.e.about);
        store_deinit(&x.s.store);
        issuers_deinit(&x.s.issuers);
        policy_deinit(&x.s.policy);
        return r;
}
