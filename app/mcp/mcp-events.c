/*
 * A model asks a mailbox for what has come, and may wait for it: less than a minute, for its client
 * waits no longer. Who waits is answered by the first event, and by the end of the mailbox.
 */
#include "mcp-events.h"

#include <stdio.h>
#include <string.h>

enum { WAIT_MOST_MS = 50 * 1000, ANSWER_BYTES = 60 * 1024, EVENTS_USUAL = 32 };

static const char NONE[] =
        "there is no such mailbox: it ends when it is not asked for ten minutes, "
        "and with the capability that it came from";

static void answer(struct mcp *m, struct mcp_request *r, struct mcp_mailbox *b, json_int_t max)
{
        json_t *events = json_array(), *event;
        size_t room = ANSWER_BYTES;
        uint64_t lost = b->lost;

        b->used_ms = mcp_now_ms();
        while (max-- > 0 && (event = mcp_mailbox_take(b, &room)))
                (void)json_array_append_new(events, event);
        b->lost = 0;
        mcp_note(m, "returned", r, NULL, NULL, NULL);
        mcp_request_result(r, json_pack("{s:o,s:I,s:b,s:b}", "events", events, "lost",
                                        (json_int_t)lost, "more", b->n > 0, "ended",
                                        !b->ear && !b->n));
}

static void answer_none(struct mcp *m, struct mcp_request *r)
{
        mcp_note(m, "failed", r, NULL, NULL, "unknown-mailbox");
        mcp_request_fail(r, "unknown-mailbox", NONE);
}

static json_int_t number_of(const json_t *arguments, const char *name, json_int_t usual,
                            json_int_t most)
{
        json_t *v = json_object_get(arguments, name);

        if (!json_is_integer(v) || json_integer_value(v) < 0)
                return usual;
        return json_integer_value(v) > most ? most : json_integer_value(v);
}

void mcp_events_begin(struct mcp *m, struct mcp_request *r)
{
        const char *word = json_string_value(json_object_get(r->arguments, "mailbox"));
        struct mcp_mailbox *b = word ? mcp_mailbox_find(&m->boxes, word) : NULL;
        json_int_t max = number_of(r->arguments, "max", EVENTS_USUAL, MCP_EVENTS);
        json_int_t wait_ms = number_of(r->arguments, "waitMs", 0, WAIT_MOST_MS);

        if (!b) {
                answer_none(m, r);
                return;
        }
        if (b->n || !b->ear || !wait_ms) {
                answer(m, r, b, max ? max : 1);
                return;
        }
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_waiter *w = &m->waiters[i];

                if (w->r)
                        continue;
                *w = (struct mcp_waiter){
                        .r = r, .until_ms = mcp_now_ms() + (uint64_t)wait_ms, .max = max ? max : 1};
                (void)snprintf(w->word, sizeof(w->word), "%s", b->word);
                return;
        }
}

void mcp_events_cancel(struct mcp *m, const struct mcp_request *r)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++)
                if (m->waiters[i].r == r)
                        m->waiters[i].r = NULL;
}

bool mcp_events_look(struct mcp *m, uint64_t now_ms)
{
        bool some = false;

        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_waiter *w = &m->waiters[i];
                struct mcp_mailbox *b = w->r ? mcp_mailbox_find(&m->boxes, w->word) : NULL;
                struct mcp_request *r = w->r;

                if (r && b && b->ear && !b->n && now_ms < w->until_ms) {
                        some = true;
                        continue;
                }
                w->r = NULL;
                if (r && b)
                        answer(m, r, b, w->max);
                else if (r)
                        answer_none(m, r);
        }
        return some;
}
