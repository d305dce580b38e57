/*
 * A model holds no reference: it is given a word, which means something in this process alone and
 * only while the reference is good. What nobody uses for ten minutes is let go, for models forget;
 * so is what came from a capability that was taken away, and everything when the session ends.
 */
#include "mcp-handles.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

bool mcp_word_make(char kind, char to[static MCP_WORD])
{
        uint8_t b[16];
        size_t len = 0;

        if (RAND_bytes(b, sizeof(b)) != 1)
                return false;
        to[len++] = kind;
        for (unsigned i = 0; i < sizeof(b); i++, len += 2)
                (void)snprintf(to + len, MCP_WORD - len, "%02x", b[i]);
        return true;
}

static void handle_drop(struct mcp_handle *h)
{
        capnp_cap_unref(h->cap);
        *h = (struct mcp_handle){.cap = NULL};
}

const struct mcp_handle *mcp_handles_add(struct mcp_handles *h, capnp_cap *c, uint64_t interface,
                                         const char *root, uint64_t now_ms)
{
        struct mcp_handle *place = &h->all[0];

        for (unsigned i = 0; i < MCP_HANDLES && *place->word; i++)
                if (!*h->all[i].word || h->all[i].used_ms < place->used_ms)
                        place = &h->all[i];
        handle_drop(place);
        if (!mcp_word_make('h', place->word)) {
                *place->word = 0;
                return NULL;
        }
        place->cap = capnp_cap_ref(c);
        place->interface = interface;
        place->used_ms = now_ms;
        (void)snprintf(place->root, sizeof(place->root), "%s", root);
        return place;
}

static struct mcp_handle *handle_find(struct mcp_handles *h, const char *word)
{
        for (unsigned i = 0; *word && i < MCP_HANDLES; i++)
                if (!strcmp(h->all[i].word, word))
                        return &h->all[i];
        return NULL;
}

const struct mcp_handle *mcp_handles_find(struct mcp_handles *h, const char *word, uint64_t now_ms)
{
        struct mcp_handle *k;

        mcp_handles_expire(h, now_ms);
        k = handle_find(h, word);
        if (k)
                k->used_ms = now_ms;
        return k;
}

bool mcp_handles_release(struct mcp_handles *h, const char *word)
{
        struct mcp_handle *k = handle_find(h, word);

        if (k)
                handle_drop(k);
        return k;
}

void mcp_handles_expire(struct mcp_handles *h, uint64_t now_ms)
{
        for (unsigned i = 0; i < MCP_HANDLES; i++)
                if (*h->all[i].word && now_ms - h->all[i].used_ms >= MCP_IDLE_MS)
                        handle_drop(&h->all[i]);
}

void mcp_handles_drop(struct mcp_handles *h, const char *root)
{
        for (unsigned i = 0; i < MCP_HANDLES; i++)
                if (*h->all[i].word && (!root || !strcmp(h->all[i].root, root)))
                        handle_drop(&h->all[i]);
}
