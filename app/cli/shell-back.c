/*
 * A line that drops under `capos shell`. It is the agent's, which makes it again where no person is
 * needed (capos_client_reconnect()), and tells us of both. What was got of the session before is
 * dead then: references that somebody has named are gone, and he is told which; what is a
 * capability of the bundle is taken anew, under its name. Data that has come stays.
 *
 * Nothing is called again. Whether a call has happened that was under way when the line dropped,
 * nobody knows, and so it is said.
 */
#include "agent.capnp-c.h"
#include "client.h"
#include "shell.h"

#include <stdio.h>
#include <string.h>

enum { BASE_INTERFACE = 17, AGAIN_MS = 100 };

static void back_watch(struct shell *s);

/* Names that a sentence ends with: `$m, $n`. */
struct names {
        char text[SHELL_REFS * (SHELL_NAME + 3)];
        size_t len;
};

static void names_add(struct names *n, const char *name)
{
        size_t room = sizeof(n->text) - n->len;
        int len = snprintf(n->text + n->len, room, "%s$%s", n->len ? ", " : "", name);

        n->len += len > 0 && (size_t)len < room ? (size_t)len : 0;
}

static void back_say(struct shell *s, const char *code, const char *text, const struct names *n)
{
        shell_input_hide(s->input);
        if (s->c->json)
                (void)cli_print_json(s->c, json_pack("{s:s,s:s}", "line", code, "names", n->text));
        else
                (void)fprintf(stderr, "capos: %s%s%s\n", text, n->text, n->len ? "." : "");
        shell_input_show(s->input);
}

/* ---- what is gone ---------------------------------------------------------------------------- */

static bool ref_has_references(const struct shell *s, const struct shell_ref *r)
{
        const capnp_decl *d =
                capnp_schema_find(capos_client_schema_peek(s->c->client), r->m.results);
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (f.base_type == BASE_INTERFACE)
                        return true;
        return false;
}

/* What has not returned fails by itself, and is told then. */
static bool ref_is_gone(const struct shell *s, const struct shell_ref *r)
{
        if (!r->q)
                return !*r->from;
        return capnp_question_is_done(r->q) && !capnp_question_result(r->q) &&
               ref_has_references(s, r);
}

static void back_lost(struct shell *s)
{
        struct names gone = {.len = 0};

        s->back.down = true;
        shell_held_drop(s);
        shell_asks_drop(s);
        for (unsigned i = 0; i < s->nrefs;) {
                struct shell_ref *r = s->refs[i];

                if (!ref_is_gone(s, r)) {
                        i++;
                        continue;
                }
                names_add(&gone, r->name);
                shell_ref_drop(s, r);
        }
        back_say(s, "dropped",
                 gone.len ? "the line to the instance has dropped, and is being made again. Gone "
                            "with it: "
                          : "the line to the instance has dropped, and is being made again.",
                 &gone);
}

/* ---- coming back ----------------------------------------------------------------------------- */

static void back_fetch(void *arg);

/* Takes anew what was named. What the session has no more is gone. */
static void back_take(struct shell *s)
{
        struct names taken = {.len = 0}, gone = {.len = 0};
        struct capos_cap_entry e;

        for (unsigned i = 0; i < s->nrefs;) {
                struct shell_ref *r = s->refs[i];

                if (!*r->from) {
                        i++;
                        continue;
                }
                r->cap = capnp_cap_unref(r->cap);
                if (capos_client_find(s->c->client, r->from, &e))
                        r->cap = shell_cap_get(s, &e);
                names_add(r->cap ? &taken : &gone, r->name);
                if (r->cap)
                        i++;
                else
                        shell_ref_drop(s, r);
        }
        back_say(s, "back",
                 taken.len ? "the line is there again. Taken anew: " : "the line is there again.",
                 &taken);
        if (gone.len)
                back_say(s, "gone", "the session has no more what these were: ", &gone);
}

static void back_on_fetched(capos_client *c, int r, void *arg)
{
        struct shell *s = arg;

        (void)c;
        capnp_vat_stop(s->c->vat);
        if (r) /* dropped once more, and told; or over */
                return;
        s->back.down = false;
        back_take(s);
}

/* What the session is and has; when what ran on the one before has failed. */
static void back_fetch(void *arg)
{
        struct shell *s = arg;

        s->back.again = NULL;
        if (capos_client_fetch(s->c->client, back_on_fetched, s))
                (void)!capnp_timer_new(s->c->vat, AGAIN_MS, back_fetch, s, &s->back.again);
}

static void back_again(struct shell *s)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_session((session_agent_client){s->c->remote});

        if (client_take_session(s->c->client, session_agent_session_session(q).c))
                return;
        capnp_question_send(q, NULL, NULL);
        s->back.again = capnp_timer_free(s->back.again);
        back_fetch(s);
}

/* ---- being told ------------------------------------------------------------------------------ */

static void back_on_change(capnp_question *q, int r, void *arg)
{
        struct shell *s = arg;
        struct shell_back *b = &s->back;
        agent_info_reader i = session_agent_watch_info(q);
        bool came = agent_info_reconnects(i) != b->reconnects && b->told;

        b->watch = NULL;
        if (r) { /* an agent that cannot tell, or that has ended */
                capnp_question_free(q);
                return;
        }
        b->told = true;
        b->dropped_at_ms = agent_info_dropped_at_ms(i);
        b->reconnects = agent_info_reconnects(i);
        capnp_question_free(q);
        if (!b->down && (came || b->dropped_at_ms))
                back_lost(s);
        if (b->down && !b->dropped_at_ms)
                back_again(s);
        back_watch(s);
        capnp_vat_stop(s->c->vat);
}

static void back_watch(struct shell *s)
{
        capnp_question *q = session_agent_watch((session_agent_client){s->c->remote});

        session_agent_watch_set_dropped_at_ms(q, s->back.dropped_at_ms);
        /* At first whatever it says is news. */
        session_agent_watch_set_reconnects(q, s->back.told ? s->back.reconnects : UINT32_MAX);
        s->back.watch = q;
        capnp_question_send(q, back_on_change, s);
}

void shell_back_begin(struct shell *s)
{
        back_watch(s);
}

void shell_back_end(struct shell *s)
{
        s->back.watch = capnp_question_free(s->back.watch);
        s->back.again = capnp_timer_free(s->back.again);
}
