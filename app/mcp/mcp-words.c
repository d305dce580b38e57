/*
 * In the JSON of arguments and results a reference is {"$cap": WORD}: a handle, or in arguments
 * also the name of a capability that the session holds. {"$mailbox": true} in arguments makes a
 * listener. A word is good where a reference of its interface is wanted, and nowhere else.
 */
#include "mcp-words.h"

#include <stdio.h>
#include <string.h>

static int on_word(void *arg, capnp_cap *c, uint64_t interface, char word[CAPNP_CAP_WORD])
{
        struct mcp_words *w = arg;
        const struct mcp_handle *h;

        if (w->nhandles == MCP_HANDLES)
                return CAPNP_E_LIMIT;
        h = mcp_handles_add(&w->m->handles, c, interface, w->root, mcp_now_ms());
        if (!h)
                return CAPNP_E_LIMIT;
        (void)snprintf(w->handles[w->nhandles++], MCP_WORD, "%s", h->word);
        (void)snprintf(word, CAPNP_CAP_WORD, "%s", h->word);
        return 0;
}

static capnp_cap *on_find(void *arg, capnp_text word, uint64_t interface)
{
        struct mcp_words *w = arg;
        const capnp_schema *s = capos_client_schema_peek(w->m->client);
        const struct mcp_handle *h;
        struct capos_cap_entry e;
        char text[MCP_CAP_NAME];

        if (word.len >= sizeof(text))
                return NULL;
        (void)snprintf(text, sizeof(text), "%.*s", (int)word.len, word.p);
        h = mcp_handles_find(&w->m->handles, text, mcp_now_ms());
        if (h)
                return mcp_interface_fits(s, h->interface, interface) ? h->cap : NULL;
        if (w->ngiven == MCP_HANDLES || !mcp_entry_is_held(w->m->client, text, &e) ||
            !mcp_interface_fits(s, e.interface, interface))
                return NULL;
        w->given[w->ngiven] = capos_client_get(w->m->client, text, e.interface);
        return w->given[w->ngiven++];
}

static int on_mailbox(void *arg, uint64_t interface, capnp_cap **ret_c)
{
        struct mcp_words *w = arg;
        const capnp_schema *s = capos_client_schema_peek(w->m->client);
        struct mcp_mailbox *b;
        int r;

        if (!mcp_tools_is_mailbox(&w->m->tools, s, interface))
                return CAPNP_E_UNKNOWN;
        if (!ret_c)
                return 0;
        if (w->nboxes == MCP_MADE)
                return CAPNP_E_LIMIT;
        r = mcp_mailbox_new(&w->m->boxes, s, interface, w->root, &b, ret_c);
        if (r)
                return r;
        w->box_interfaces[w->nboxes] = interface;
        (void)snprintf(w->boxes[w->nboxes++], MCP_WORD, "%s", b->word);
        return 0;
}

void mcp_words_init(struct mcp_words *w, struct mcp *m, const char *root)
{
        *w = (struct mcp_words){.m = m};
        (void)snprintf(w->root, sizeof(w->root), "%s", root);
}

struct capnp_dynamic_opts mcp_words_opts(struct mcp_words *w)
{
        return (struct capnp_dynamic_opts){.word = on_word,
                                           .find_word = on_find,
                                           .mailbox = on_mailbox,
                                           .arg = w,
                                           .base64 = true,
                                           .reject_unknown = true,
                                           .depth = MCP_JSON_DEPTH};
}

void mcp_words_read(struct mcp_words *w)
{
        while (w->ngiven > 0)
                capnp_cap_unref(w->given[--w->ngiven]);
}

void mcp_words_undo(struct mcp_words *w)
{
        struct mcp_mailbox *b;

        mcp_words_read(w);
        while (w->nhandles > 0)
                (void)mcp_handles_release(&w->m->handles, w->handles[--w->nhandles]);
        while (w->nboxes > 0) {
                b = mcp_mailbox_find(&w->m->boxes, w->boxes[--w->nboxes]);
                if (b)
                        mcp_mailbox_drop(b);
        }
}
