/* The question to a person, and his answer, as clients carry them (elicitation). */
#ifndef CAPOS_MCP_ASK_H
#define CAPOS_MCP_ASK_H

#include <jansson.h>

#include <stdbool.h>

/* What a person has answered. */
enum mcp_answer {
        MCP_UNASKED, /* nobody was asked yet, or what came is no answer to this call */
        MCP_NO,
        MCP_ONCE,
        MCP_MINUTES, /* for ten minutes */
        MCP_SESSION, /* until the session ends */
        MCP_LATE,    /* nobody has answered in time */
};

/* The parameters of an `elicitation/create`. lasting: whether more than `once` is offered. NULL: no
 * memory. */
json_t *mcp_ask_form(const char *question, bool lasting);
/* What an ElicitResult says; o may be NULL. Whatever is not a clear yes is a no. */
enum mcp_answer mcp_ask_read(const json_t *o);
/* Whether a client's capabilities have elicitation by a form. */
bool mcp_ask_can(const json_t *caps);

#endif
