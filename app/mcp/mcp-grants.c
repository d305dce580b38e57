/*
 * An approval is {tool, perhaps one call alone, calls left, end}. `once` is for the call that was
 * shown, by its digest; what is longer is for the tool. All of them end with the session.
 */
#include "mcp-grants.h"

#include "mcp-policy.h"

#include <string.h>

uint32_t mcp_grants_add(struct mcp_grants *g, const struct mcp_grant *what)
{
        struct mcp_grant *place = &g->all[0];

        for (unsigned i = 0; i < MCP_GRANTS; i++)
                if (g->all[i].number < place->number)
                        place = &g->all[i];
        *place = *what;
        place->number = ++g->last;
        return place->number;
}

void mcp_grants_expire(struct mcp_grants *g, uint64_t now_ms)
{
        for (unsigned i = 0; i < MCP_GRANTS; i++)
                if (g->all[i].until_ms && now_ms >= g->all[i].until_ms)
                        g->all[i] = (struct mcp_grant){0};
}

/* Exact ones first: they are for nothing else. */
static struct mcp_grant *grant_find(struct mcp_grants *g, const char *tool, const uint8_t *digest)
{
        struct mcp_grant *found = NULL;

        for (unsigned i = 0; i < MCP_GRANTS; i++) {
                struct mcp_grant *k = &g->all[i];

                if (!k->number || strcmp(k->tool, tool) != 0 ||
                    (k->is_exact && memcmp(k->digest, digest, MCP_DIGEST) != 0))
                        continue;
                if (!found || k->is_exact)
                        found = k;
        }
        return found;
}

bool mcp_grants_use(struct mcp_grants *g, const char *tool, const uint8_t digest[static MCP_DIGEST],
                    uint64_t now_ms, struct mcp_grant *ret)
{
        struct mcp_grant *k;

        mcp_grants_expire(g, now_ms);
        k = grant_find(g, tool, digest);
        if (!k)
                return false;
        *ret = *k;
        if (k->left && !--k->left)
                *k = (struct mcp_grant){0};
        return true;
}

unsigned mcp_grants_end(struct mcp_grants *g, const char *pattern)
{
        unsigned n = 0;

        for (unsigned i = 0; i < MCP_GRANTS; i++) {
                if (!g->all[i].number || !mcp_pattern_fits(pattern, g->all[i].tool))
                        continue;
                g->all[i] = (struct mcp_grant){0};
                n++;
        }
        return n;
}
