/*
 * Registering a passkey, and what the account has of them. The bridge carries what the instance
 * asks the browser for, and what the browser has made of it; neither is looked at here. The
 * challenge is the instance's, good once and on this connection; what comes back is judged by a
 * prover of the instance's, and by nobody else.
 *
 * The code goes to the instance and is kept nowhere. Its records have no more than what came of it.
 */
#include "enrol.h"

#include "client.h"
#include "records.h"

#include <stdlib.h>

enum { RESPONSE_BYTES = 16 * 1024, CODE_BYTES = 64 };

struct enrolling {
        struct bridge *b;
        struct asker a;
        bool in_session;
};

/* The object that is asked: the session, or without one the gateway. NULL: there is none, or no
 * memory; that was said. */
static struct enrolling *enrolling_new(struct bridge *b, struct asker a)
{
        struct enrolling *g;

        if (!b->is_connected || !b->client) {
                bridge_fail(b, a, "bridge.not-connected", "connect to an instance first");
                return NULL;
        }
        g = malloc(sizeof(*g));
        if (!g) {
                bridge_fail(b, a, "bridge.full", "no memory");
                return NULL;
        }
        *g = (struct enrolling){b, a, b->is_in};
        return g;
}

static remote_session_client session_of(const struct bridge *b)
{
        return (remote_session_client){capos_client_session_peek(b->client)};
}

static remote_session_gateway_client gateway_of(const struct bridge *b)
{
        return (remote_session_gateway_client){b->client->gateway};
}

/* Sends it, or says that there is no memory for it. */
static void enrolling_send(struct enrolling *g, capnp_question *q,
                           void (*done)(capnp_question *q, int r, void *arg))
{
        if (q) {
                capnp_question_send(q, done, g);
                return;
        }
        bridge_fail(g->b, g->a, "bridge.full", "no memory");
        free(g);
}

/* ---- beginning ------------------------------------------------------------------------------ */

static void begin_on_answer(capnp_question *q, int r, void *arg)
{
        struct enrolling g = *(struct enrolling *)arg;
        struct capos_error e;
        struct down d;

        (void)r;
        free(arg);
        if (capos_error_of_question(q, &e)) {
                record_error(g.b, "passkey-begin", "", &e);
                bridge_fail_error(g.b, g.a, &e);
        } else {
                d = down_new(g.a.id);
                if (d.m)
                        web_down_set_enrolment(
                                d.d, g.in_session
                                             ? remote_session_passkey_begin_options(q)
                                             : remote_session_gateway_passkey_begin_options(q));
                down_answer(g.b, g.a, &d);
        }
        capnp_question_free(q);
}

void enrol_begin(struct bridge *b, struct asker a, web_up_enrol_reader e)
{
        capnp_text code = web_up_enrol_code(e);
        struct enrolling *g = enrolling_new(b, a);
        capnp_question *q;

        if (!g)
                return;
        text_copy(web_up_enrol_label(e), b->passkey_label, sizeof(b->passkey_label));
        if (g->in_session) {
                q = remote_session_passkey_begin(session_of(b));
        } else {
                q = remote_session_gateway_passkey_begin(gateway_of(b));
                if (code.len <= CODE_BYTES)
                        remote_session_gateway_passkey_begin_set_code_n(q, code);
        }
        enrolling_send(g, q, begin_on_answer);
}

/* ---- what the browser has made -------------------------------------------------------------- */

/* Done or refused: goes on record, and is answered. */
static void change_end(capnp_question *q, void *arg, const char *what)
{
        struct enrolling g = *(struct enrolling *)arg;
        struct capos_error e;

        free(arg);
        (void)capos_error_of_question(q, &e);
        record_error(g.b, what, "", &e);
        if (e.code)
                bridge_fail_error(g.b, g.a, &e);
        else
                bridge_done(g.b, g.a);
        capnp_question_free(q);
}

static void add_on_answer(capnp_question *q, int r, void *arg)
{
        (void)r;
        change_end(q, arg, "passkey-add");
}

void enrol_add(struct bridge *b, struct asker a, capnp_text response)
{
        struct enrolling *g;
        capnp_question *q;

        if (response.len > RESPONSE_BYTES) {
                bridge_fail(b, a, "bridge.params", "it is too long");
                return;
        }
        g = enrolling_new(b, a);
        if (!g)
                return;
        if (g->in_session) {
                q = remote_session_passkey_add(session_of(b));
                remote_session_passkey_add_set_label(q, b->passkey_label);
                remote_session_passkey_add_set_response_n(q, response);
        } else {
                q = remote_session_gateway_passkey_add(gateway_of(b));
                remote_session_gateway_passkey_add_set_label(q, b->passkey_label);
                remote_session_gateway_passkey_add_set_response_n(q, response);
        }
        enrolling_send(g, q, add_on_answer);
}

/* ---- what there is -------------------------------------------------------------------------- */

/* NULL: there is no session, or no memory; that was said. */
static struct enrolling *owning_new(struct bridge *b, struct asker a)
{
        if (b->is_in)
                return enrolling_new(b, a);
        bridge_fail(b, a, "bridge.no-session", "there is no session");
        return NULL;
}

static void list_on_answer(capnp_question *q, int r, void *arg)
{
        struct enrolling g = *(struct enrolling *)arg;
        struct capos_error e;
        struct down d;

        (void)r;
        free(arg);
        if (capos_error_of_question(q, &e)) {
                bridge_fail_error(g.b, g.a, &e);
        } else {
                d = down_new(g.a.id);
                if (d.m)
                        web_down_set_passkeys(d.d, remote_session_passkeys_passkeys(q));
                down_answer(g.b, g.a, &d);
        }
        capnp_question_free(q);
}

void enrol_list(struct bridge *b, struct asker a)
{
        struct enrolling *g = owning_new(b, a);

        if (g)
                enrolling_send(g, remote_session_passkeys(session_of(b)), list_on_answer);
}

static void remove_on_answer(capnp_question *q, int r, void *arg)
{
        (void)r;
        change_end(q, arg, "passkey-remove");
}

void enrol_remove(struct bridge *b, struct asker a, capnp_text id)
{
        struct enrolling *g = owning_new(b, a);
        capnp_question *q;

        if (!g)
                return;
        q = remote_session_passkey_remove(session_of(b));
        remote_session_passkey_remove_set_id_n(q, id);
        enrolling_send(g, q, remove_on_answer);
}
