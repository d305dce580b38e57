/*
 * CAPNP_TRACE=1: one line on stderr for each message, both ways.
 *
 *     capnp 3 -> call 12 on import 0: @0xb2e1c5f3a7d40918 method 2, 1 cap, 96 bytes
 *
 * A line with `--` says what has become of the connection itself, as far as its filter knows more
 * than the messages tell.
 *
 * The first number counts the connections of the vat. Only the envelope is read, never the content:
 * a trace may be pasted into a bug report, and walking the content would use up the message's
 * traversal budget. Offsets are those of rpc.capnp.
 *
 * The environment is asked once, when the vat is made, and never in a program that runs with more
 * rights than its caller.
 */
#include "vat-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
        char text[512];
        size_t len;
};

static void CAPNP_PRINTF(2, 3) line_add(struct line *l, const char *fmt, ...)
{
        size_t room = sizeof(l->text) - l->len;
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(l->text + l->len, room, fmt, args);
        va_end(args);
        if (n > 0)
                l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* The text of a peer goes to a terminal: nothing but printable ASCII. */
static void line_add_foreign(struct line *l, capnp_text t)
{
        for (uint32_t i = 0; i < t.len && i < 200; i++)
                line_add(l, "%c", t.p[i] >= ' ' && t.p[i] <= '~' ? t.p[i] : '?');
}

static capnp_reader reader_struct(capnp_reader r, uint16_t i)
{
        return capnp_any_struct(capnp_reader_any(r, i), NULL);
}

static void line_add_promised(struct line *l, capnp_reader r)
{
        capnp_list ops = capnp_any_list(capnp_reader_any(r, 0), CAPNP_SIZE_COMPOSITE, NULL);

        line_add(l, "answer %u", capnp_reader_u32(r, 0, 0));
        for (uint32_t i = 0; i < ops.len && i < 8; i++)
                if (capnp_reader_u16(capnp_list_struct(ops, i), 0, 0) == 1)
                        line_add(l, ".%u", capnp_reader_u16(capnp_list_struct(ops, i), 2, 0));
}

static void line_add_target(struct line *l, capnp_reader r)
{
        if (capnp_reader_u16(r, 4, 0) == 1)
                line_add_promised(l, reader_struct(r, 0));
        else
                line_add(l, "object %u", capnp_reader_u32(r, 0, 0));
}

static void line_add_cap(struct line *l, capnp_reader r)
{
        static const char *const kinds[] = {"none",       "sender's",          "sender's promise",
                                            "receiver's", "receiver's answer", "third party's"};
        uint16_t kind = capnp_reader_u16(r, 0, 0);

        if (kind >= sizeof(kinds) / sizeof(*kinds)) {
                line_add(l, "kind %u", kind);
                return;
        }
        line_add(l, "%s %u", kinds[kind], capnp_reader_u32(r, 4, 0));
}

static void line_add_payload(struct line *l, capnp_reader r)
{
        capnp_list caps = capnp_any_list(capnp_reader_any(r, 1), CAPNP_SIZE_COMPOSITE, NULL);

        if (caps.len)
                line_add(l, ", %u cap%s", caps.len, caps.len == 1 ? "" : "s");
}

static void line_add_exception(struct line *l, capnp_reader r)
{
        static const char *const kinds[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};
        uint16_t kind = capnp_reader_u16(r, 4, 0);

        line_add(l, "%s \"", kind < 4 ? kinds[kind] : "exception");
        line_add_foreign(l, capnp_reader_text(r, 0));
        line_add(l, "\"");
}

/* ---- one function for each kind of message ------------------------------------------------- */

static void trace_id(struct line *l, capnp_reader r)
{
        line_add(l, " %u", capnp_reader_u32(r, 0, 0));
}

static void trace_abort(struct line *l, capnp_reader r)
{
        line_add(l, " ");
        line_add_exception(l, r);
}

static void trace_call(struct line *l, capnp_reader r)
{
        line_add(l, " %u on ", capnp_reader_u32(r, 0, 0));
        line_add_target(l, reader_struct(r, 0));
        line_add(l, ": @0x%016llx method %u", (unsigned long long)capnp_reader_u64(r, 8, 0),
                 capnp_reader_u16(r, 4, 0));
        if (capnp_reader_u16(r, 6, 0))
                line_add(l, ", results to %s",
                         capnp_reader_u16(r, 6, 0) == 1 ? "yourself" : "a third party");
        line_add_payload(l, reader_struct(r, 1));
}

static void trace_return(struct line *l, capnp_reader r)
{
        static const char *const kinds[] = {"results",
                                            "exception",
                                            "canceled",
                                            "results sent elsewhere",
                                            "take from other question",
                                            "accept from third party"};
        uint16_t kind = capnp_reader_u16(r, 6, 0);

        line_add(l, " %u: %s", capnp_reader_u32(r, 0, 0), kind < 6 ? kinds[kind] : "unknown");
        if (kind == 0)
                line_add_payload(l, reader_struct(r, 0));
        if (kind == 1) {
                line_add(l, " ");
                line_add_exception(l, reader_struct(r, 0));
        }
        if (kind == 4)
                line_add(l, " %u", capnp_reader_u32(r, 8, 0));
}

static void trace_finish(struct line *l, capnp_reader r)
{
        trace_id(l, r);
        if (capnp_reader_bool(r, 32, true))
                line_add(l, ", release result caps");
}

static void trace_resolve(struct line *l, capnp_reader r)
{
        line_add(l, " %u to ", capnp_reader_u32(r, 0, 0));
        if (capnp_reader_u16(r, 4, 0) == 1)
                line_add_exception(l, reader_struct(r, 0));
        else
                line_add_cap(l, reader_struct(r, 0));
}

static void trace_release(struct line *l, capnp_reader r)
{
        line_add(l, " %u by %u", capnp_reader_u32(r, 0, 0), capnp_reader_u32(r, 4, 0));
}

static void trace_disembargo(struct line *l, capnp_reader r)
{
        static const char *const kinds[] = {"sender loopback", "receiver loopback", "accept",
                                            "provide"};
        uint16_t kind = capnp_reader_u16(r, 4, 0);

        line_add(l, " ");
        line_add_target(l, reader_struct(r, 0));
        line_add(l, ", %s %u", kind < 4 ? kinds[kind] : "unknown", capnp_reader_u32(r, 0, 0));
}

static const struct {
        const char *name;
        void (*add)(struct line *l, capnp_reader r);
} kinds[] = {
        {"unimplemented", NULL},    {"abort", trace_abort},
        {"call", trace_call},       {"return", trace_return},
        {"finish", trace_finish},   {"resolve", trace_resolve},
        {"release", trace_release}, {"obsolete save", NULL},
        {"bootstrap", trace_id},    {"obsolete delete", NULL},
        {"provide", trace_id},      {"accept", trace_id},
        {"join", trace_id},         {"disembargo", trace_disembargo},
};

static void line_add_message(struct line *l, capnp_reader r)
{
        uint16_t kind = capnp_reader_u16(r, 0, 0);

        if (kind >= sizeof(kinds) / sizeof(*kinds)) {
                line_add(l, "message of kind %u", kind);
                return;
        }
        line_add(l, "%s", kinds[kind].name);
        if (kinds[kind].add)
                kinds[kind].add(l, reader_struct(r, 0));
}

/* One write a line: lines of several processes do not mix. */
static void line_write(struct line *l)
{
        if (l->len > sizeof(l->text) - 2)
                l->len = sizeof(l->text) - 2;
        l->text[l->len++] = '\n';
        if (write(STDERR_FILENO, l->text, l->len) < 0)
                return;
}

static void trace_message(void *arg, bool in, capnp_msg *m)
{
        const capnp_conn *c = arg;
        struct line l = {.len = 0};

        line_add(&l, "capnp %u %s ", c->number, in ? "<-" : "->");
        line_add_message(&l, capnp_any_struct(capnp_msg_root(m), NULL));
        line_add(&l, ", %zu bytes", capnp_msg_size(m));
        line_write(&l);
}

void capnp_i_trace_note(const capnp_conn *c, const char *what)
{
        struct line l = {.len = 0};

        if (!c->io->tracing)
                return;

        line_add(&l, "capnp %u -- %s", c->number, what);
        line_write(&l);
}

bool capnp_i_trace_is_wanted(void)
{
        const char *s = secure_getenv("CAPNP_TRACE");

        return s && !strcmp(s, "1");
}

void capnp_i_trace_start(capnp_conn *c)
{
        capnp_rpc_set_trace(c->rpc, trace_message, c);
}
