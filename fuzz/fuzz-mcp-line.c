/*
 * Any bytes from a model's host: the lines in them are the same however they come in pieces, and
 * each is a message or is refused. Then the protocol reads them, where tools echo, ask, or wait;
 * whatever it sends is a message, and what it was asked it answers once.
 */
#include "mcp-line.h"
#include "mcp-serve.h"

#include <stdlib.h>
#include <string.h>

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
        uint64_t hash;
        unsigned lines, lost;
};

static void seen_line(struct seen *s, capnp_text line)
{
        for (uint32_t i = 0; i < line.len; i++)
                s->hash = (s->hash ^ (uint8_t)line.p[i]) * UINT64_C(0x100000001b3);
        s->hash = (s->hash ^ 0x100) * UINT64_C(0x100000001b3);
        s->lines++;
}

static struct seen read_all(const char *p, size_t size, size_t piece, struct mcp_serve *serve)
{
        struct mcp_line l = {.len = 0};
        struct seen s = {.hash = 7};
        capnp_text line;

        for (size_t i = 0; i < size; i += piece) {
                size_t at = 0, some = size - i < piece ? size - i : piece;

                while (at < some) {
                        enum mcp_line_end end = mcp_line_take(&l, p + i, some, &at, &line);

                        check(at <= some);
                        if (end == MCP_LINE_ONE) {
                                check(line.len <= MCP_LINE_BYTES && !line.p[line.len]);
                                check(!memchr(line.p, '\n', line.len));
                                seen_line(&s, line);
                                if (serve)
                                        mcp_serve_line(serve, line, 1000 + s.lines);
                        }
                        s.lost += end == MCP_LINE_LOST;
                }
        }
        mcp_line_deinit(&l);
        return s;
}

/* ---- the protocol ---------------------------------------------------------------------------- */

static void on_send(void *arg, json_t *message)
{
        char *text = json_dumps(message, JSON_COMPACT);

        (void)arg;
        check(text != NULL);
        check(!strchr(text, '\n'));
        check(json_object_get(message, "method") || json_object_get(message, "id"));
        free(text);
}

static bool on_ready(void *arg)
{
        (void)arg;
        return true;
}

static json_t *on_tools(void *arg)
{
        (void)arg;
        return json_array();
}

static void on_call(void *arg, struct mcp_request *r, enum mcp_answer a)
{
        (void)arg;
        if (*r->tool == 'w')
                return;
        if (*r->tool == 'a' && a == MCP_UNASKED && r->can_ask)
                mcp_request_ask(r, "?", true);
        else if (*r->tool == 'e')
                mcp_request_result(r, json_incref(r->arguments));
        else
                mcp_request_wrong(r, "none");
}

static void on_cancel(void *arg, struct mcp_request *r)
{
        (void)arg;
        check(r->state != MCP_FREE);
}

static void on_client(void *arg, const char *name, const char *version)
{
        (void)arg;
        check(name && version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct mcp_serve_ops ops = {.send = on_send,
                                                 .ready = on_ready,
                                                 .tools = on_tools,
                                                 .call = on_call,
                                                 .cancel = on_cancel,
                                                 .client = on_client};
        static struct mcp_serve serve;
        size_t piece = size ? data[0] % 31 + 1 : 1;
        char *p = malloc(size + 1);
        struct seen whole, pieces;

        check(p != NULL);
        memcpy(p, data, size);
        check(mcp_serve_init(&serve, &ops, NULL, "0"));
        whole = read_all(p, size, size + 1, NULL);
        pieces = read_all(p, size, piece, &serve);
        check(whole.hash == pieces.hash && whole.lines == pieces.lines &&
              whole.lost == pieces.lost);
        (void)mcp_serve_tick(&serve, UINT64_C(1) << 40);
        mcp_serve_changed(&serve);
        mcp_serve_deinit(&serve);
        free(p);
        return 0;
}
