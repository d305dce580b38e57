/* What somebody has approved. */
#ifndef CAPOS_MCP_GRANTS_H
#define CAPOS_MCP_GRANTS_H

#include "mcp-seal.h"

enum { MCP_TOOL_NAME = 64, MCP_GRANTS = 64, MCP_MINUTES_MS = 10 * 60 * 1000 };

struct mcp_grant {
        uint32_t number; /* 0: this place is free */
        char tool[MCP_TOOL_NAME];
        bool is_exact; /* for one call alone, with these arguments: … */
        uint8_t digest[MCP_DIGEST];
        uint32_t left;     /* calls; 0: any number */
        uint64_t until_ms; /* 0: until the session ends */
        const char *by;    /* who has approved: "client", "terminal", "page"; a constant */
};

/* Zeroed: nothing was approved. */
struct mcp_grants {
        struct mcp_grant all[MCP_GRANTS];
        uint32_t last;
};

/* One more, in place of the oldest when there is no room. Its number. */
uint32_t mcp_grants_add(struct mcp_grants *g, const struct mcp_grant *what);
/* Whether a call is approved, and by which, as it was before: `left` is one less now. */
bool mcp_grants_use(struct mcp_grants *g, const char *tool, const uint8_t digest[static MCP_DIGEST],
                    uint64_t now_ms, struct mcp_grant *ret);
/* Forgets what is over. */
void mcp_grants_expire(struct mcp_grants *g, uint64_t now_ms);
/* Ends those of tools that a pattern fits. How many. */
unsigned mcp_grants_end(struct mcp_grants *g, const char *pattern);

#endif
