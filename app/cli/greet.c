/*
 * The first words with an instance: its ways to log in. They are asked for before anything else,
 * because an address is typed by a person and may lead anywhere: to an sshd, to a web server, to
 * something that never says a word. Whoever answers this question is an instance; who does not is
 * given no password, and the person is told what was found there instead.
 */
#include "greet.h"

#include "local.h"
#include "via.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* No Cap'n Proto RPC, or a server of another program's that has no such method. One that hangs up
 * without an answer may be anything. */
static int greet_fail(struct cli *c, const char *address, const struct capos_error *e)
{
        char what[700];

        via_hear_out(c);
        if (c->via && e->code == CAPNP_E_DISCONNECTED)
                return cli_fail(c, EXIT_NO_CONNECTION, "ssh",
                                "%s: ssh has ended, or `capos pipe` there, before the instance "
                                "answered (--via %s)",
                                address, c->via);
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
        return cli_fail_error(c, e, address);
}

int greet_connect(struct cli *c, const struct greet_place *p)
{
        char local[LOCAL_ADDRESS];

        c->client = capos_client_free(c->client);
        if (c->via)
                return via_connect(c, p);
        return capos_client_new(
                c->vat, p->at.named ? p->text : local_address(p->text, local, sizeof(local)), NULL,
                &c->client);
}

int greet(struct cli *c, const struct greet_place *p)
{
        const char *address = p->text;
        struct capos_method m;
        int r;

        r = via_check(c, p);
        if (r)
                return r;
        if (p->at.transport == CAPOS_TRANSPORT_TLS)
                return cli_fail(c, EXIT_NO_CONNECTION, "no-tls",
                                "%s: this command speaks no TLS yet", address);
        r = c->vat ? 0 : capnp_vat_new(&c->vat);
        if (!r)
                r = greet_connect(c, p);
        if (r)
                return cli_fail_code(c, r, address);

        capos_client_set_timeout(c->client, cli_timeout(c, c->via ? SSH_MS : CLI_ANSWER_MS));
        r = capos_client_wait(c->client, capos_client_fetch_methods(c->client, NULL, NULL));
        if (r)
                return greet_fail(c, address, capos_client_error_peek(c->client));
        if (!capos_client_method(c->client, 0, &m))
                return greet_fail_other(c, address, "it names no way to log in");
        return EXIT_OK;
}

/* ---- capos methods ------------------------------------------------------------------------ */

static json_t *methods_json(capos_client *client)
{
        json_t *all = json_array();
        struct capos_method m;

        for (uint32_t i = 0; capos_client_method(client, i, &m); i++)
                (void)json_array_append_new(
                        all, json_pack("{s:s,s:b,s:b,s:o,s:o}", "kind", capos_auth_name(m.kind),
                                       "enabled", m.enabled, "interactive", m.interactive, "label",
                                       cli_json_text(m.label), "reason", cli_json_text(m.reason)));
        return json_pack("{s:o}", "methods", all);
}

static void methods_print(capos_client *client)
{
        struct capos_method m;

        for (uint32_t i = 0; capos_client_method(client, i, &m); i++) {
                printf("%-26s %-9s", capos_auth_name(m.kind), m.enabled ? "enabled" : "disabled");
                if (!m.enabled && *m.reason)
                        cli_print_safe(m.reason);
                printf("\n");
        }
}

int cmd_methods(struct cli *c)
{
        struct greet_place p;
        int r = greet_place_read(c, c->words[0], &p);

        if (!r)
                r = greet(c, &p);
        if (r)
                return r;
        if (c->json)
                return cli_print_json(c, methods_json(c->client));
        methods_print(c->client);
        return EXIT_OK;
}
