/*
 * A listener of a model's is an object that is served by its schema: what is called on it is kept,
 * and answered at once, with nothing. The model asks when it likes; what did not fit until then is
 * counted, the oldest first.
 *
 * The object may outlive its mailbox, for it is the service's to let go of. Then it answers that
 * nobody listens.
 */
#include "mcp-mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mcp_ear {
        struct mcp_mailboxes *all;
        struct mcp_mailbox *box; /* NULL: nobody listens */
        const capnp_schema *schema;
};

static void event_drop(struct mcp_mailbox *b)
{
        struct mcp_event *e = &b->events[b->first];

        json_decref(e->json);
        b->bytes -= e->bytes;
        *e = (struct mcp_event){0};
        b->first = (b->first + 1) % MCP_EVENTS;
        b->n--;
}

/* Takes the event. */
static void event_add(struct mcp_mailbox *b, json_t *json, size_t bytes)
{
        while (b->n && (b->n == MCP_EVENTS || b->bytes + bytes > MCP_EVENTS_BYTES)) {
                event_drop(b);
                b->lost++;
        }
        b->events[(b->first + b->n) % MCP_EVENTS] = (struct mcp_event){json, bytes};
        b->n++;
        b->bytes += bytes;
}

static int ear_hear(struct mcp_ear *e, const struct capnp_method_info *m, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {.max = MCP_EVENT_BYTES};
        struct capnp_dynamic_opts o = e->all->opts(e->all->arg, e->box->root);
        char number[24];
        json_t *params, *json = NULL;
        int r = capnp_dynamic_params(e->schema, m, a, &o, &text);

        if (r && r != CAPNP_E_LIMIT)
                return r;
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)++e->box->sequence);
        params = r ? NULL : json_loadb(text.p, text.len, 0, NULL);
        if (params)
                json = json_pack("{s:s,s:s,s:o}", "sequence", number, "method", m->name, "params",
                                 params);
        if (json)
                event_add(e->box, json, text.len + 100);
        else
                e->box->lost++;
        e->all->woken(e->all->arg, e->box);
        return 0;
}

static int ear_on_call(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        struct mcp_ear *e = self;

        if (!e->box)
                return capnp_answer_fail(a, CAPNP_FAILED, "nobody listens any more");
        if (ear_hear(e, m, a) ||
            capnp_dynamic_answer(e->schema, m, a, (capnp_text){NULL, 0}, NULL, NULL))
                return capnp_answer_fail(a, CAPNP_FAILED, "what was said cannot be kept");
        return capnp_answer_return(a);
}

static void ear_on_gone(void *self)
{
        struct mcp_ear *e = self;

        if (e->box) {
                e->box->ear = NULL;
                e->all->woken(e->all->arg, e->box);
        }
        free(e);
}

int mcp_mailbox_new(struct mcp_mailboxes *m, const capnp_schema *s, uint64_t interface,
                    const char *root, struct mcp_mailbox **ret_b, capnp_cap **ret_c)
{
        static const struct capnp_dynamic_ops ops = {.call = ear_on_call, .gone = ear_on_gone};
        struct mcp_mailbox *b = NULL;
        struct mcp_ear *e;
        int r;

        for (unsigned i = 0; i < MCP_MAILBOXES; i++)
                if (!*m->all[i].word)
                        b = &m->all[i];
        if (!b)
                return CAPNP_E_LIMIT;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        *e = (struct mcp_ear){.all = m, .box = b, .schema = s};
        *b = (struct mcp_mailbox){.ear = e, .interface = interface, .used_ms = m->now_ms(m->arg)};
        (void)snprintf(b->root, sizeof(b->root), "%s", root);
        r = mcp_word_make('m', b->word) ? capnp_dynamic_serve(m->vat, s, interface, &ops, e, ret_c)
                                        : -EIO;
        if (r) {
                free(e);
                *b = (struct mcp_mailbox){.ear = NULL};
                return r;
        }
        *ret_b = b;
        return 0;
}

struct mcp_mailbox *mcp_mailbox_find(struct mcp_mailboxes *m, const char *word)
{
        for (unsigned i = 0; *word && i < MCP_MAILBOXES; i++)
                if (!strcmp(m->all[i].word, word))
                        return &m->all[i];
        return NULL;
}

json_t *mcp_mailbox_take(struct mcp_mailbox *b, size_t *room)
{
        json_t *json;

        if (!b->n || b->events[b->first].bytes > *room)
                return NULL;
        *room -= b->events[b->first].bytes;
        json = json_incref(b->events[b->first].json);
        event_drop(b);
        return json;
}

void mcp_mailbox_drop(struct mcp_mailbox *b)
{
        while (b->n)
                event_drop(b);
        if (b->ear)
                b->ear->box = NULL;
        *b = (struct mcp_mailbox){.ear = NULL};
}

void mcp_mailboxes_drop(struct mcp_mailboxes *m, const char *root)
{
        for (unsigned i = 0; i < MCP_MAILBOXES; i++)
                if (*m->all[i].word && (!root || !strcmp(m->all[i].root, root)))
                        mcp_mailbox_drop(&m->all[i]);
}

void mcp_mailboxes_expire(struct mcp_mailboxes *m, uint64_t now_ms)
{
        for (unsigned i = 0; i < MCP_MAILBOXES; i++)
                if (*m->all[i].word && now_ms - m->all[i].used_ms >= MCP_IDLE_MS)
                        mcp_mailbox_drop(&m->all[i]);
}
