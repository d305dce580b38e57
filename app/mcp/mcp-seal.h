/* The opaque state of an approval that a client carries from one request to the next. */
#ifndef CAPOS_MCP_SEAL_H
#define CAPOS_MCP_SEAL_H

#include <capos/capnp-base.h>

#include <jansson.h>

enum {
        MCP_DIGEST = 32,
        MCP_SEALS = 64,              /* that are out at once; then the oldest is good no more */
        MCP_SEAL_TEXT = 128,         /* of one, with its NUL */
        MCP_SEAL_MS = 2 * 60 * 1000, /* and so long at most */
};

/* A call, as it is approved: the SHA-256 of a tool's name and of its arguments in one form. false:
 * no memory. */
bool mcp_digest(const char *tool, json_t *arguments, uint8_t ret[static MCP_DIGEST]);

struct mcp_seals {
        uint8_t key[MCP_DIGEST];
        uint64_t life_ms; /* how long one is good; MCP_SEAL_MS to begin with */
        struct mcp_seal {
                uint8_t nonce[16];
                uint64_t until_ms; /* 0: this place is free */
        } out[MCP_SEALS];
};

/* With a key that nobody else has. false: there are no random numbers. */
bool mcp_seals_init(struct mcp_seals *s) CAPNP_MUST_USE;
void mcp_seals_deinit(struct mcp_seals *s);
/* A state for a call. false: there are no random numbers. */
bool mcp_seal_make(struct mcp_seals *s, const uint8_t digest[static MCP_DIGEST], uint64_t now_ms,
                   char ret[static MCP_SEAL_TEXT]) CAPNP_MUST_USE;
/* Whether a text is a state that was made for this very call, is not too old, and has not been
 * shown before. It is good no more afterwards. */
bool mcp_seal_open(struct mcp_seals *s, const char *text, const uint8_t digest[static MCP_DIGEST],
                   uint64_t now_ms) CAPNP_MUST_USE;

#endif
