/*
 * The first words with an instance: its ways to log in. They are asked for before anything else,
 * because an address is typed by a person and may lead anywhere: to an sshd, to a web server, to
 * something that never says a word. Whoever answers this question is an instance; who does not is
 * given no password, and the person is told what was found there instead.
 */
#include "greet.h"

#include "client-local.h"
#include "client.h"
#include "tls-file.h"
#include "transcript.h"
#include "via.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char CHECK[] =
        "check host and port: `capos status` on its machine says where it listens";

int greet_place_read(const struct cli *c, const char *word, struct greet_place *ret)
{
        struct capos_address *a = &ret->at;
        const char *why;
        bool word_is_shown;

        if (capos_address_parse(word, CAPOS_ADDRESS_TYPED, a, &why))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: not an address: %s", word, why);

        word_is_shown = a->named && a->transport != CAPOS_TRANSPORT_UNIX;
        (void)snprintf(ret->text, sizeof(ret->text), "%s%s%s",
                       word_is_shown ? capos_transport_name(a->transport) : "",
                       word_is_shown ? ":" : "", a->where);
        return EXIT_OK;
}

/* How long ssh may take to be let in: somebody may be looking for a second factor. */
enum { SSH_MS = 5 * 60 * 1000 };

static int greet_fail_other(const struct cli *c, const char *address, const char *what)
{
        return cli_fail(c, EXIT_NO_CONNECTION, "not-capos",
                        "%s: this is not a capOS instance: %s (%s)", address, what, CHECK);
}

bool greet_is_here(const struct capos_address *a)
{
        static const char *const here[] = {"localhost:", "127.", "[::1]:"};

        for (unsigned i = 0; i < sizeof(here) / sizeof(here[0]); i++)
                if (!strncmp(a->where, here[i], strlen(here[i])))
                        return true;
        return false;
}

/* The port speaks, or may speak, the other transport of the two. It is named, and not tried. That
 * there is no TLS may be said by whoever is in between: nobody is sent over a network without it.
 */
static int greet_fail_transport(const struct cli *c, const struct greet_place *p,
                                const struct capos_error *e)
{
        if (p->at.transport == CAPOS_TRANSPORT_PLAIN)
                return cli_fail(c, EXIT_NO_CONNECTION, "transport", "%s: %s: write tls:%s", p->text,
                                e->text, p->at.where);
        if (!greet_is_here(&p->at))
                return cli_fail(c, EXIT_NO_CONNECTION, "transport",
                                "%s: %s: is this a capOS instance? (%s)", p->text, e->text, CHECK);
        return cli_fail(c, EXIT_NO_CONNECTION, "transport",
                        "%s: %s: is this a capOS instance? One without TLS is written plain:%s, "
                        "which is for this machine alone (%s)",
                        p->text, e->text, p->at.where, CHECK);
}

static bool greet_is_other_transport(const struct greet_place *p, const struct capos_error *e)
{
        bool tls = p->at.transport == CAPOS_TRANSPORT_TLS;

        return p->at.transport != CAPOS_TRANSPORT_UNIX &&
               strstr(e->text, tls ? "does not speak TLS" : "this port speaks TLS");
}

/* No Cap'n Proto RPC, or a server of another program's that has no such method. One that hangs up
 * without an answer may be anything. */
static int greet_fail(struct cli *c, const struct greet_place *p, const struct capos_error *e)
{
        const char *address = p->text;
        char what[700];

        via_hear_out(c);
        if (c->via && e->code == CAPNP_E_DISCONNECTED)
                return cli_fail(c, EXIT_NO_CONNECTION, "ssh",
                                "%s: ssh has ended, or `capos pipe` there, before the instance "
                                "answered (--via %s)",
                                address, c->via);
        if (!c->via && greet_is_other_transport(p, e))
                return greet_fail_transport(c, p, e);
        if (e->code == -ETIMEDOUT)
                return cli_fail(c, EXIT_NO_CONNECTION, "timeout",
                                "%s: %s: is there a capOS instance, and can it be reached from "
                                "here? (%s)",
                                address, e->text, CHECK);
        if (e->code == CAPNP_E_PROTOCOL) {
                (void)snprintf(what, sizeof(what), "it does not speak Cap'n Proto RPC: %s",
                               e->text);
                return greet_fail_other(c, address, what);
        }
        if (e->code == CAPNP_E_EXCEPTION && e->kind == CAPNP_UNIMPLEMENTED)
                return greet_fail_other(c, address, "it is a Cap'n Proto server of another kind");
        if (e->code == CAPNP_E_EXCEPTION || e->code == CAPNP_E_POISON)
                return greet_fail_other(c, address, e->text);
        if (e->code == CAPNP_E_DISCONNECTED && strstr(e->text, "closed"))
                return cli_fail(c, EXIT_NO_CONNECTION, "disconnected",
                                "%s: %s before it had answered: is this a capOS instance? (%s)",
                                address, e->text, CHECK);
        if (e->code == CAPNP_E_DISCONNECTED && strstr(e->text, "refused"))
                return cli_fail(c, EXIT_NO_CONNECTION, "disconnected",
                                "%s: %s: nothing listens there; `capos status` on that machine has "
                                "the addresses, `capos up` starts an instance",
                                address, e->text);
        return cli_fail_error(c, e, address);
}

/* All that the address says, for the library. */
static void greet_whole(const struct greet_place *p, char *to, size_t room)
{
        const struct capos_address *a = &p->at;

        if (a->transport == CAPOS_TRANSPORT_UNIX)
                (void)snprintf(to, room, "%s", a->where);
        else if (a->transport == CAPOS_TRANSPORT_PLAIN)
                (void)snprintf(to, room, "plain:%s", a->where);
        else
                (void)snprintf(to, room, "capos://%s/%s%s%s%s", a->where, *a->pin ? "#" : "",
                               a->pin, *a->ca ? "?ca=" : "", a->ca);
}

/* ---- a certificate of one's own ------------------------------------------------------------- */

static int greet_connect_showing(struct cli *c, const char *address, struct capos_trust *trust)
{
        int r = client_shown_read(c->certificate, false, &trust->certificates);

        if (!r)
                r = client_shown_read(c->key, true, &trust->key);
        if (!r)
                r = capos_client_connect(c->vat, address, trust, NULL, &c->client);
        capos_i_tls_bytes_free(&trust->certificates);
        capos_i_tls_bytes_free(&trust->key);
        return r;
}

/* ---- connecting ----------------------------------------------------------------------------- */

static int greet_dial(struct cli *c, const struct greet_place *p)
{
        char local[CLIENT_LOCAL_ADDRESS], whole[CAPOS_ADDRESS_WHERE + CAPOS_ADDRESS_CA + 64];
        struct capos_trust trust = {.expect = c->expect};
        const char *address = p->text;

        c->client = capos_client_free(c->client);
        if (c->via)
                return via_connect(c, p);
        if (!p->at.named && !c->certificate)
                address = client_local_address(p->text, local, sizeof(local));
        if (address == p->text) {
                greet_whole(p, whole, sizeof(whole));
                address = whole;
        }
        return c->certificate ? greet_connect_showing(c, address, &trust)
                              : capos_client_connect(c->vat, address, &trust, NULL, &c->client);
}

int greet_connect(struct cli *c, const struct greet_place *p)
{
        int r = greet_dial(c, p);

        if (!r)
                transcript_watch_client(c, c->client);
        return r;
}

/* Asks a person whether an instance that is not known is the one that was meant, and keeps that.
 * false: there is nobody to ask, or it is not. */
static bool greet_ask(const struct cli *c, const struct greet_place *p)
{
        const char *key = capos_client_key_peek(c->client);
        char answer[CAPOS_FINGERPRINT + 16], *end;

        if (c->json || c->non_interactive || c->expect || !*key || !isatty(STDIN_FILENO) ||
            !isatty(STDERR_FILENO))
                return false;

        (void)fprintf(stderr,
                      "%s is not known here. It has proved that it has the key\n  %s\nCompare that "
                      "with `capos cert show` on its machine, or enter what that shows. Is it the "
                      "same? [yes/no] ",
                      p->text, key);
        if (!fgets(answer, sizeof(answer), stdin))
                return false;
        end = strchr(answer, '\n');
        if (!end)
                return false; /* given up in the middle, or too long for either answer */
        *end = 0;
        if (strcmp(answer, "yes") != 0 && strcmp(answer, key) != 0)
                return false;
        return !capos_known_add(NULL, p->at.where, key);
}

/* Connects and asks for the methods. 0, or a code. */
static int greet_try(struct cli *c, const struct greet_place *p)
{
        int r = greet_connect(c, p);

        if (r)
                return r;

        capos_client_set_timeout(c->client, cli_timeout(c, c->via ? SSH_MS : CLI_ANSWER_MS));
        return capos_client_wait(c->client, capos_client_fetch_methods(c->client, NULL, NULL));
}

int greet(struct cli *c, const struct greet_place *p)
{
        const char *address = p->text;
        struct capos_method m;
        int r;

        r = via_check(c, p);
        if (r)
                return r;
        if (c->expect && (!capos_fingerprint_check(c->expect, strlen(c->expect)) ||
                          p->at.transport != CAPOS_TRANSPORT_TLS))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--expect %s, %s: a fingerprint, sha256: and 43 characters, for an "
                                "address behind TLS",
                                c->expect, address);
        r = c->vat ? 0 : capnp_vat_new(&c->vat);
        if (!r)
                r = greet_try(c, p);
        if (r == CAPOS_E_UNKNOWN_KEY && greet_ask(c, p))
                r = greet_try(c, p);
        if (r == -EPERM && !c->client && c->key)
                return cli_fail(c, EXIT_FAILED, "certificate", "%s: others can read it: chmod 600",
                                c->key);
        if (r && !c->client)
                return cli_fail_code(c, r, c->certificate ? c->certificate : address);
        if (r)
                return greet_fail(c, p, capos_client_error_peek(c->client));
        if (!capos_client_method(c->client, 0, &m))
                return greet_fail_other(c, address, "it names no way to log in");
        return EXIT_OK;
}
