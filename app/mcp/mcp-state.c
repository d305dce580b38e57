/* What is needed everywhere: the clock, and a line for the log. */
#include "mcp-state.h"

#include <time.h>

uint64_t mcp_now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

void mcp_note(struct mcp *m, const char *event, const struct mcp_request *r, const char *tool,
              const char *by, const char *code)
{
        const struct mcp_record what = {.event = event,
                                        .tool = tool ? tool
                                                : r  ? r->tool
                                                     : NULL,
                                        .digest = r ? r->digest : NULL,
                                        .by = by,
                                        .code = code};

        mcp_log_write(&m->log, &what);
}
