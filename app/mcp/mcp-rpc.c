/*
 * JSON-RPC over lines. One line is one message: batches are gone from MCP since its revision of
 * June 2025, and an array is refused.
 *
 * An id is a text or a number and comes back as it was. Numbers that do not fit 64 bits are no ids
 * that could be echoed, and a line with one is refused by the parser. A key that is there twice is
 * refused, too: two readers of such a message could see two different ones.
 */
#include "mcp-rpc.h"

#include <string.h>

bool mcp_json_is_flat(capnp_text text)
{
        unsigned depth = 0;
        bool in_text = false;

        for (uint32_t i = 0; i < text.len; i++) {
                char ch = text.p[i];

                if (in_text && ch == '\\')
                        i++;
                else if (ch == '"')
                        in_text = !in_text;
                else if (!in_text && (ch == '[' || ch == '{') && ++depth > MCP_JSON_DEPTH)
                        return false;
                else if (!in_text && (ch == ']' || ch == '}') && depth)
                        depth--;
        }
        return true;
}

static void message_bad(struct mcp_message *m, enum mcp_code code, const char *why)
{
        m->kind = MCP_BAD;
        m->code = code;
        m->why = why;
}

static void message_read_object(struct mcp_message *m)
{
        json_t *id = json_object_get(m->root, "id"), *method = json_object_get(m->root, "method");
        json_t *version = json_object_get(m->root, "jsonrpc");
        json_t *error = json_object_get(m->root, "error");

        if (json_is_string(id) || json_is_number(id))
                m->id = id;
        m->params = json_object_get(m->root, "params");
        m->params = json_is_null(m->params) ? NULL : m->params;
        m->result = json_object_get(m->root, "result");
        m->method = json_string_value(method);
        if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
                message_bad(m, MCP_INVALID_REQUEST, "`jsonrpc` is not \"2.0\"");
        else if (id && !m->id && !m->result && !error)
                message_bad(m, MCP_INVALID_REQUEST, "`id` is neither a text nor a number");
        else if (method && !m->method)
                message_bad(m, MCP_INVALID_REQUEST, "`method` is no text");
        else if (m->method && m->params && !json_is_object(m->params))
                message_bad(m, MCP_INVALID_PARAMS, "`params` is no object");
        else if (m->method)
                m->kind = m->id ? MCP_REQUEST : MCP_NOTIFICATION;
        else if (m->result || error)
                m->kind = MCP_RESPONSE; /* never answered: the other side might answer that */
        else
                message_bad(m, MCP_INVALID_REQUEST, "neither a request nor an answer");
}

void mcp_message_read(struct mcp_message *m, capnp_text line)
{
        *m = (struct mcp_message){.kind = MCP_BAD};
        if (!mcp_json_is_flat(line)) {
                message_bad(m, MCP_PARSE, "nested too deeply");
                return;
        }
        m->root = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(m->root))
                message_read_object(m);
        else if (m->root)
                message_bad(m, MCP_INVALID_REQUEST, "not an object: batches are not taken");
        else
                message_bad(m, MCP_PARSE, "not JSON");
}

void mcp_message_deinit(struct mcp_message *m)
{
        json_decref(m->root);
        *m = (struct mcp_message){.kind = MCP_BAD};
}

json_t *mcp_result_new(json_t *id, json_t *result)
{
        return json_pack("{s:s,s:O?,s:o}", "jsonrpc", "2.0", "id", id, "result", result);
}

json_t *mcp_error_new(json_t *id, enum mcp_code code, const char *why, json_t *data)
{
        return json_pack("{s:s,s:O?,s:{s:i,s:s,s:o*}}", "jsonrpc", "2.0", "id", id, "error", "code",
                         (int)code, "message", why, "data", data);
}

json_t *mcp_notification_new(const char *method, json_t *params)
{
        return json_pack("{s:s,s:s,s:o*}", "jsonrpc", "2.0", "method", method, "params", params);
}

json_t *mcp_request_new(const char *id, const char *method, json_t *params)
{
        return json_pack("{s:s,s:s,s:s,s:o*}", "jsonrpc", "2.0", "id", id, "method", method,
                         "params", params);
}
