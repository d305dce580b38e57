/* JSON-RPC 2.0: what a line is, and the lines that answer. */
#ifndef CAPOS_MCP_RPC_H
#define CAPOS_MCP_RPC_H

#include <capos/capnp-base.h>

#include <jansson.h>

enum { MCP_JSON_DEPTH = 32 };

/* JSON-RPC's codes of errors, and MCP's. */
enum mcp_code {
        MCP_NO_ERROR = 0,
        MCP_PARSE = -32700,
        MCP_INVALID_REQUEST = -32600,
        MCP_NO_METHOD = -32601,
        MCP_INVALID_PARAMS = -32602,
        MCP_INTERNAL = -32603,
        MCP_VERSION = -32022,
};

enum mcp_kind {
        MCP_BAD, /* no message: code and why say what to answer, with id */
        MCP_REQUEST,
        MCP_NOTIFICATION,
        MCP_RESPONSE, /* to a request of ours, or what claims to be one */
};

/* One message. All of it is borrowed from root. */
struct mcp_message {
        enum mcp_kind kind;
        json_t *root;
        json_t *id;         /* a text or a number; NULL: there is none, or it is not known */
        const char *method; /* of a request or notification */
        json_t *params;     /* an object; NULL: none */
        json_t *result;     /* of a response; NULL: it is an error */
        enum mcp_code code;
        const char *why;
};

/* Reads a line. What it is not is said in m; to be freed in any case. */
void mcp_message_read(struct mcp_message *m, capnp_text line);
void mcp_message_deinit(struct mcp_message *m);

/* Whether a text nests no deeper than MCP_JSON_DEPTH, strings left out. */
bool mcp_json_is_flat(capnp_text text);

/* Messages to be sent; each is the caller's, NULL: no memory. id is borrowed, NULL: null; result,
 * params and data are taken. */
json_t *mcp_result_new(json_t *id, json_t *result);
json_t *mcp_error_new(json_t *id, enum mcp_code code, const char *why, json_t *data);
json_t *mcp_notification_new(const char *method, json_t *params);
json_t *mcp_request_new(const char *id, const char *method, json_t *params);

#endif
