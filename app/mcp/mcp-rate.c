/*
 * A rate is held exactly, by the times of the last calls: one more may be when the oldest of them
 * is long enough ago. So there is no border between two windows at which twice as many go through.
 */
#include "mcp-rate.h"

#include <errno.h>
#include <stdlib.h>

int mcp_rate_init(struct mcp_rate *r, uint32_t most, uint64_t in_ms)
{
        *r = (struct mcp_rate){.most = most, .in_ms = in_ms};
        if (!most)
                return 0;
        r->at_ms = calloc(most, sizeof(*r->at_ms));
        return r->at_ms ? 0 : -ENOMEM;
}

void mcp_rate_deinit(struct mcp_rate *r)
{
        free(r->at_ms);
        *r = (struct mcp_rate){0};
}

bool mcp_rate_has_room(const struct mcp_rate *r, uint64_t now_ms)
{
        return !r->most || !r->at_ms[r->next] || now_ms - r->at_ms[r->next] >= r->in_ms;
}

void mcp_rate_count(struct mcp_rate *r, uint64_t now_ms)
{
        if (!r->most)
                return;
        r->at_ms[r->next] = now_ms;
        r->next = (r->next + 1) % r->most;
}
