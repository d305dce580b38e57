/* How many calls there were lately. */
#ifndef CAPOS_MCP_RATE_H
#define CAPOS_MCP_RATE_H

#include <capos/capnp-base.h>

#include <stdbool.h>
#include <stdint.h>

enum { MCP_SECOND_MS = 1000, MCP_HOUR_MS = 60 * 60 * 1000 };

/* At most so many in any time of a length. Zeroed: any number. */
struct mcp_rate {
        uint64_t *at_ms; /* of the last `most`, round and round */
        uint32_t most, next;
        uint64_t in_ms;
};

/* most 0: any number. 0; -ENOMEM. */
int mcp_rate_init(struct mcp_rate *r, uint32_t most, uint64_t in_ms) CAPNP_MUST_USE;
void mcp_rate_deinit(struct mcp_rate *r);
/* Whether there may be one more, which is counted by mcp_rate_count(). */
bool mcp_rate_has_room(const struct mcp_rate *r, uint64_t now_ms);
void mcp_rate_count(struct mcp_rate *r, uint64_t now_ms);

#endif
