/*
 * The eight probes of `capos probe` (client-probe.h), without a wait: each is a few questions and
 * what has to come of the last.
 *
 * The session that is looked at is not put at risk. On it only what cannot change it is asked; what
 * begins, fills or ends a session does so on a connection of the probe's own, as nobody where the
 * instance lets nobody in. What cannot be tried is said to be skipped, with what it would need.
 */
#include "probes.h"

#include "client-probe.h"
#include "client.h"
#include "entry.h"
#include "places.h"
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        PROBES = 8,
        ANSWER_MS = 15 * 1000,
        AT_ONCE = 16, /* questions of one probe */
};

struct probe {
        struct bridge *b; /* NULL: this place is free */
        struct asker a;
        enum client_probe which;
        struct client_probe_row row;
        capos_client *own; /* a connection of its own; NULL: none */
        struct capos_login how;
        capnp_cap *session; /* kept over a logout */
        struct client_probe_transfer transfer;
        capnp_question *got; /* what is transferred */
        capnp_question **q;
        uint32_t n, sent_n, open; /* questions, those sent, and those of them without an answer */
        bool refused;             /* one of them came back as it must */
};

/* What is under way, of this process's one browser. */
static struct probe probes[PROBES];

static void probe_end(struct probe *p)
{
        const struct client_probe_row *r = &p->row;
        bool tried = *r->came, good = client_probe_is_good(r);
        struct down d = down_new(p->a.id);

        if (d.m) {
                web_down_probed_builder w = web_down_init_probed(d.d);

                web_down_probed_set_probe(w, (enum web_up_probe)p->which);
                web_down_probed_set_sent(w, r->sent);
                web_down_probed_set_expected(w, r->expected);
                web_down_probed_set_came(w, tried ? r->came : r->why);
                web_down_probed_set_state(w, !tried ? WEB_DOWN_PROBED_STATE_SKIPPED
                                             : good ? WEB_DOWN_PROBED_STATE_PASSED
                                                    : WEB_DOWN_PROBED_STATE_FAILED);
        }
        record_add(p->b, "probe", client_probe_name(p->which),
                   !tried ? "skipped"
                   : good ? NULL
                          : "failed",
                   "");
        down_answer(p->b, p->a, &d);
        for (uint32_t i = 0; i < p->n; i++)
                capnp_question_free(p->q[i]);
        free(p->q);
        capnp_question_free(p->got);
        p->session = capnp_cap_unref(p->session);
        p->own = capos_client_free(p->own);
        *p = (struct probe){0};
}

static void probe_skip(struct probe *p, const char *why)
{
        client_probe_skip(&p->row, "%s", why);
        p->row.came[0] = 0;
        probe_end(p);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void probe_send(struct probe *p);

static void probe_on_answer(capnp_question *q, int r, void *arg)
{
        struct probe *p = arg;

        (void)r;
        if (!p->refused)
                client_probe_came(&p->row, q);
        p->refused = client_probe_is_good(&p->row);
        p->open--;
        probe_send(p);
        if (!p->open)
                probe_end(p);
}

/* Sends what was asked, some at a time, until one is refused. The last answer ends it. */
static void probe_send(struct probe *p)
{
        while (!p->refused && p->open < AT_ONCE && p->sent_n < p->n) {
                p->open++;
                capnp_question_send(p->q[p->sent_n++], probe_on_answer, p);
        }
}

/* Asks what there is to be asked, so often; q: the first of them, NULL: the row says why not. */
static void probe_ask(struct probe *p, capnp_question *q, uint32_t n)
{
        if (q)
                p->q = calloc(n, sizeof(*p->q));
        if (!p->q) {
                capnp_question_free(q);
                if (q)
                        client_probe_skip(&p->row, "no memory");
                probe_end(p);
                return;
        }
        for (p->q[p->n++] = q; p->n < n; p->n++)
                p->q[p->n] = client_probe_ask(p->which, p->own, p->how.kind, NULL, &p->row);
        probe_send(p);
}

/* On a connection: the session that is looked at, or one of its own. */
static void probe_on(struct probe *p, capos_client *c)
{
        probe_ask(p, client_probe_ask(p->which, c, p->how.kind, p->session, &p->row), 1);
}

/* What is passed is known by now. */
static void transfer_on_got(capnp_question *got, int r, void *arg)
{
        struct probe *p = arg;

        client_probe_came(&p->row, got);
        if (r) {
                probe_end(p);
                return;
        }
        p->row.came[0] = 0;
        probe_ask(p, client_probe_pass(p->b->client, &p->transfer, got, &p->row), 1);
}

static void probe_transfer(struct probe *p)
{
        p->got = client_probe_get(p->b->client, &p->transfer, &p->row);
        if (p->got)
                capnp_question_send(p->got, transfer_on_got, p);
        else
                probe_end(p);
}

/* ---- on a connection of its own ------------------------------------------------------------- */

static void probe_on_logout(capos_client *c, int r, void *arg)
{
        struct probe *p = arg;

        if (!r) {
                probe_on(p, c);
                return;
        }
        (void)snprintf(p->row.came, sizeof(p->row.came), "%.*s", CLIENT_PROBE_WORDS - 1,
                       capos_client_error_peek(c)->text);
        probe_end(p);
}

static void probe_on_login(capos_client *c, int r, void *arg)
{
        struct probe *p = arg;
        uint32_t n;

        if (r)
                probe_skip(p, "it needs a session of its own, and got none");
        else if (p->which == CLIENT_PROBE_QUOTA) {
                n = client_probe_fill(c, &p->row);
                probe_ask(p, n ? client_probe_ask(p->which, c, p->how.kind, NULL, &p->row) : NULL,
                          n);
        } else {
                p->session = capnp_cap_ref(capos_client_session_peek(c));
                if (capos_client_logout(c, probe_on_logout, p))
                        probe_skip(p, "no memory");
        }
}

static void probe_on_methods(capos_client *c, int r, void *arg)
{
        struct probe *p = arg;

        if (r)
                probe_skip(p, "it needs a connection of its own, and got none");
        else if (p->which == CLIENT_PROBE_WRONG_PROFILE || p->which == CLIENT_PROBE_DISABLED_METHOD)
                probe_on(p, c);
        else if (!client_probe_method(c, true, true, &p->how.kind))
                probe_skip(p, "it needs an instance that lets nobody in: anonymous or guest "
                              "logins");
        else {
                p->how.client = "capos web, a probe";
                if (capos_client_login(c, &p->how, probe_on_login, p))
                        probe_skip(p, "no memory");
        }
}

static void probe_connect(struct probe *p)
{
        if (entry_dial(p->b, places_at(p->b, p->b->place), &p->own)) {
                probe_skip(p, "it needs a connection of its own, and got none");
                return;
        }
        capos_client_set_timeout(p->own, ANSWER_MS);
        if (capos_client_fetch_methods(p->own, probe_on_methods, p))
                probe_skip(p, "no memory");
}

/* ---- all of them ---------------------------------------------------------------------------- */

void probes_probe(struct bridge *b, struct asker a, enum web_up_probe which)
{
        struct probe *p = NULL;

        for (unsigned i = 0; i < PROBES && !p; i++)
                if (!probes[i].b)
                        p = &probes[i];
        if (!b->is_in) {
                bridge_fail(b, a, "bridge.no-session", "there is no session");
                return;
        }
        if (which > WEB_UP_PROBE_STALE_CALL) {
                bridge_fail(b, a, "bridge.failed", "there is no such probe");
                return;
        }
        if (!p) {
                bridge_fail(b, a, "bridge.busy", "too much is under way");
                return;
        }
        *p = (struct probe){.b = b, .a = a, .which = (enum client_probe)which};
        client_probe_begin(p->which, &p->row);
        p->how.kind = CAPOS_AUTH_PASSWORD; /* a second login would only begin one */
        if (p->which == CLIENT_PROBE_TRANSFER)
                probe_transfer(p);
        else if (p->which == CLIENT_PROBE_UNKNOWN_NAME ||
                 p->which == CLIENT_PROBE_WRONG_INTERFACE || p->which == CLIENT_PROBE_SECOND_LOGIN)
                probe_on(p, b->client);
        else
                probe_connect(p);
}

void probes_end(struct bridge *b)
{
        for (unsigned i = 0; i < PROBES; i++)
                if (probes[i].b == b)
                        probe_skip(&probes[i], "the session is over");
}
