/* Handles: words for references that calls have returned. */
#ifndef CAPOS_MCP_HANDLES_H
#define CAPOS_MCP_HANDLES_H

#include <capos/capnp-rpc.h>

#include <stdbool.h>
#include <stdint.h>

enum {
        MCP_WORD = 40, /* of a handle or mailbox, with its NUL */
        MCP_HANDLES = 64,
        MCP_ROOT = 96,
        MCP_IDLE_MS = 10 * 60 * 1000,
};

struct mcp_handle {
        char word[MCP_WORD]; /* "": this place is free */
        capnp_cap *cap;
        uint64_t interface;
        char root[MCP_ROOT]; /* the capability of the bundle that it came from */
        uint64_t used_ms;
};

/* Zeroed: there are none. */
struct mcp_handles {
        struct mcp_handle all[MCP_HANDLES];
};

/* A word that nobody guesses: kind, and 128 random bits. false: there are no random numbers. */
bool mcp_word_make(char kind, char to[static MCP_WORD]);

/* One more, for a reference that is taken another time; the one that was idle longest gives way.
 * NULL: there are no random numbers. */
const struct mcp_handle *mcp_handles_add(struct mcp_handles *h, capnp_cap *c, uint64_t interface,
                                         const char *root, uint64_t now_ms);
/* The one with a word, which is used by that. NULL: there is none. */
const struct mcp_handle *mcp_handles_find(struct mcp_handles *h, const char *word, uint64_t now_ms);
bool mcp_handles_release(struct mcp_handles *h, const char *word);
/* Lets go of those that nobody has used for long. */
void mcp_handles_expire(struct mcp_handles *h, uint64_t now_ms);
/* … of those that came from a capability; NULL: from any. */
void mcp_handles_drop(struct mcp_handles *h, const char *root);

#endif
