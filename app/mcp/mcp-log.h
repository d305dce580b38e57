/* The local record of what a model's calls came to. */
#ifndef CAPOS_MCP_LOG_H
#define CAPOS_MCP_LOG_H

#include "mcp-seal.h"

struct mcp_log {
        char path[512];  /* "": there is none */
        char client[96]; /* who the client says that it is */
        char session[64];
};

/* What happened to one call. */
struct mcp_record {
        const char *event;     /* "refused", "asked", "waits", "called", "returned", … */
        const char *tool;      /* NULL: it is about no call */
        const uint8_t *digest; /* likewise */
        const char *by;        /* who has decided; NULL: nobody had to */
        const char *code;      /* how it ended; NULL: well */
};

/* Appends a line to the file, which is made for its owner alone. What fails is said once, on
 * standard error. */
void mcp_log_write(struct mcp_log *l, const struct mcp_record *r);

#endif
