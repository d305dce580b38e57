/*
 * The same arguments can be written in many ways: {"op": 3} is {"op": "divide"}, what is left out
 * is its default. A rule that looked at what a model has written would be a rule about spelling. So
 * arguments are read by the schema, into the call that they would make, and what that call says is
 * written in the one way that the dynamic layer writes it. It is never sent.
 *
 * References stand for what they are called: a handle, a capability, a mailbox that would be made.
 */
#include "mcp-shown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_REFERENCES = 32, SHOWN_BYTES = 16 * 1024 * 1024 };

struct shown {
        struct mcp *m;
        struct {
                capnp_cap *cap; /* in place of what is not got for this */
                char word[CAPNP_CAP_WORD];
        } refs[SHOWN_REFERENCES];
        unsigned n;
};

/* A reference that stands for a word. NULL: there are too many, or no memory. */
static capnp_cap *ref_new(struct shown *s, const char *word)
{
        capnp_cap *c;

        if (s->n == SHOWN_REFERENCES)
                return NULL;
        c = capnp_cap_new_broken(s->m->vat, (capnp_exception){CAPNP_FAILED, "it is only shown"});
        if (!c)
                return NULL;
        s->refs[s->n].cap = c;
        (void)snprintf(s->refs[s->n].word, CAPNP_CAP_WORD, "%s", word);
        s->n++;
        return c;
}

static capnp_cap *on_find(void *arg, capnp_text word, uint64_t interface)
{
        struct shown *s = arg;
        const capnp_schema *schema = capos_client_schema_peek(s->m->client);
        const struct mcp_handle *h;
        struct capos_cap_entry e;
        char text[CAPNP_CAP_WORD];
        uint64_t have;

        if (word.len >= sizeof(text))
                return NULL;
        (void)snprintf(text, sizeof(text), "%.*s", (int)word.len, word.p);
        h = mcp_handles_find(&s->m->handles, text, mcp_now_ms());
        if (!h && !mcp_entry_is_held(s->m->client, text, &e))
                return NULL;
        have = h ? h->interface : e.interface;
        return mcp_interface_fits(schema, have, interface) ? ref_new(s, text) : NULL;
}

static int on_mailbox(void *arg, uint64_t interface, capnp_cap **ret_c)
{
        struct shown *s = arg;
        capnp_cap *c;

        if (!mcp_tools_is_mailbox(&s->m->tools, capos_client_schema_peek(s->m->client), interface))
                return CAPNP_E_UNKNOWN;
        if (!ret_c)
                return 0;
        c = ref_new(s, "a new mailbox");
        *ret_c = capnp_cap_ref(c);
        return c ? 0 : -ENOMEM;
}

static int on_word(void *arg, capnp_cap *c, uint64_t interface, char word[CAPNP_CAP_WORD])
{
        const struct shown *s = arg;

        (void)interface;
        for (unsigned i = 0; i < s->n; i++)
                if (s->refs[i].cap == c) {
                        memcpy(word, s->refs[i].word, CAPNP_CAP_WORD);
                        return 0;
                }
        return CAPNP_E_UNKNOWN;
}

/* The call, which is not sent. */
static int shown_call(struct shown *s, const struct mcp_tool *tool, const char *text,
                      const struct capnp_dynamic_opts *o, capnp_question **ret_q,
                      struct capnp_fault *ret_f)
{
        struct capnp_dynamic_method dm = {
                .vat = s->m->vat, .target = ref_new(s, ""), .info = tool->m};

        if (!dm.target)
                return -ENOMEM;
        return capnp_dynamic_call(capos_client_schema_peek(s->m->client), &dm, capnp_text_of(text),
                                  o, ret_q, ret_f);
}

int mcp_shown_make(struct mcp *m, const struct mcp_tool *tool, const json_t *arguments,
                   json_t **ret_shown, struct capnp_fault *ret_f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = SHOWN_BYTES};
        struct shown *s = calloc(1, sizeof(*s));
        struct capnp_dynamic_opts o = {.word = on_word,
                                       .find_word = on_find,
                                       .mailbox = on_mailbox,
                                       .arg = s,
                                       .base64 = true,
                                       .reject_unknown = true,
                                       .depth = MCP_JSON_DEPTH};
        char *text = json_dumps(arguments, JSON_COMPACT);
        capnp_question *q = NULL;
        int r = -ENOMEM;

        *ret_shown = NULL;
        if (s)
                s->m = m;
        if (s && text)
                r = shown_call(s, tool, text, &o, &q, ret_f);
        if (!r)
                r = capnp_json_print(
                        capos_client_schema_peek(m->client), tool->m.params,
                        capnp_any_struct(capnp_abuilder_any(capnp_question_params_any(q)), NULL),
                        &o, &b);
        if (!r)
                *ret_shown = json_loadb(b.p, b.len, 0, NULL);
        capnp_question_free(q);
        while (s && s->n > 0)
                capnp_cap_unref(s->refs[--s->n].cap);
        free(s);
        free(text);
        return r || *ret_shown ? r : -ENOMEM;
}
