/*
 * A line that drops under a command that goes on: a shell, a reader of a channel, a watched call.
 *
 * The line is the agent's, which makes it again where no person is needed
 * (capos_client_reconnect()), and tells us of both. What was got of the session before is dead
 * then; we take the session anew, and ask what it is and has, so that capabilities can be taken by
 * their names again. Nothing is called again here: whether a call has happened that was under way,
 * nobody knows.
 *
 * A call that fails since something is disconnected may have been the first to notice. What the
 * agent has to tell of that it has sent before it answers a question that is asked afterwards; so a
 * question, whatever it returns, decides whether it was the line.
 */
#include "back.h"

#include "agent.capnp-c.h"
#include "client.h"

#include <stdio.h>

enum { AGAIN_MS = 100 };

static void back_watch(struct back *b);

void back_say(const struct cli *c, const char *code, const char *text, const char *names)
{
        if (c->json)
                (void)cli_print_json(c, json_pack("{s:s,s:s}", "line", code, "names", names));
        else
                (void)fprintf(stderr, "capos: %s%s%s\n", text, names, *names ? "." : "");
        (void)fflush(stdout);
}

void back_say_dropped(const struct cli *c)
{
        back_say(c, "dropped", "the line to the instance has dropped, and is being made again.",
                 "");
}

void back_say_back(const struct cli *c)
{
        back_say(c, "back", "the line is there again.", "");
}

/* ---- coming back ----------------------------------------------------------------------------- */

static void back_fetch(void *arg);

static void back_on_fetched(capos_client *c, int r, void *arg)
{
        struct back *b = arg;

        (void)c;
        capnp_vat_stop(b->c->vat);
        if (r) /* dropped once more, and told; or over */
                return;
        b->down = false;
        if (b->on_back)
                b->on_back(b->arg);
}

/* What the session is and has; when what ran on the one before has failed. */
static void back_fetch(void *arg)
{
        struct back *b = arg;

        b->again = NULL;
        if (capos_client_fetch(b->c->client, back_on_fetched, b))
                (void)!capnp_timer_new(b->c->vat, AGAIN_MS, back_fetch, b, &b->again);
}

static void back_take(struct back *b)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = session_agent_session((session_agent_client){b->c->remote});

        if (client_take_session(b->c->client, session_agent_session_session(q).c))
                return;
        capnp_question_send(q, NULL, NULL);
        b->again = capnp_timer_free(b->again);
        back_fetch(b);
}

/* ---- being told ------------------------------------------------------------------------------ */

static void back_on_change(capnp_question *q, int r, void *arg)
{
        struct back *b = arg;
        agent_info_reader i = session_agent_watch_info(q);
        bool came = agent_info_reconnects(i) != b->reconnects && b->told;

        b->watch = NULL;
        capnp_vat_stop(b->c->vat);
        if (r) { /* an agent that cannot tell, or that has ended */
                capnp_question_free(q);
                return;
        }
        b->told = true;
        b->dropped_at_ms = agent_info_dropped_at_ms(i);
        b->reconnects = agent_info_reconnects(i);
        capnp_question_free(q);
        if (!b->down && (came || b->dropped_at_ms)) {
                b->down = true;
                b->drops++;
                if (b->on_lost)
                        b->on_lost(b->arg);
        }
        if (b->down && !b->dropped_at_ms)
                back_take(b);
        back_watch(b);
}

static void back_watch(struct back *b)
{
        capnp_question *q = session_agent_watch((session_agent_client){b->c->remote});

        session_agent_watch_set_dropped_at_ms(q, b->dropped_at_ms);
        /* At first whatever it says is news. */
        session_agent_watch_set_reconnects(q, b->told ? b->reconnects : UINT32_MAX);
        b->watch = q;
        capnp_question_send(q, back_on_change, b);
}

void back_begin(struct back *b)
{
        back_watch(b);
}

void back_end(struct back *b)
{
        b->watch = capnp_question_free(b->watch);
        b->asked = capnp_question_free(b->asked);
        b->again = capnp_timer_free(b->again);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static bool back_is_over(const struct back *b)
{
        return capnp_rpc_is_closed(capnp_conn_rpc(b->c->conn), NULL);
}

bool back_has_dropped(struct back *b, unsigned drops)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        if (b->drops == drops && b->watch && !back_is_over(b)) {
                q = session_agent_info((session_agent_client){b->c->remote});
                (void)!cli_wait(b->c, q, CLI_ANSWER_MS);
        }
        return b->drops != drops && !back_is_over(b);
}

static void back_on_asked(capnp_question *q, int r, void *arg)
{
        struct back *b = arg;

        (void)r;
        b->asked = capnp_question_free(q);
        b->on_asked(b->arg);
}

void back_ask(struct back *b, void (*fn)(void *arg))
{
        if (b->asked)
                return;
        b->on_asked = fn;
        b->asked = session_agent_info((session_agent_client){b->c->remote});
        capnp_question_send(b->asked, back_on_asked, b);
}

bool back_wait(struct back *b)
{
        while (b->down && b->watch && !back_is_over(b))
                if (capnp_vat_run(b->c->vat))
                        break;
        return !b->down && !back_is_over(b);
}
