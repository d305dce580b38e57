/*
 * Every message of a world as a line, when MODEL_VERBOSE is set: for reading a failing run.
 *
 * Offsets are those of rpc.capnp; what is not needed to follow an order of calls is left out.
 */
#include <stdio.h>

#include "model.h"

static const char *const MESSAGES[] = {
        "unimplemented", "abort",     "call",   "return",  "finish", "resolve", "release",
        "save",          "bootstrap", "delete", "provide", "accept", "join",    "disembargo",
};

static capnp_reader trace_struct(capnp_reader r, uint16_t i)
{
        return capnp_any_struct(capnp_reader_any(r, i), NULL);
}

static void trace_promised(capnp_reader r)
{
        capnp_list ops = capnp_any_list(capnp_reader_any(r, 0), CAPNP_SIZE_COMPOSITE, NULL);

        fprintf(stderr, "answer %u", capnp_reader_u32(r, 0, 0));
        for (uint32_t i = 0; i < ops.len; i++)
                fprintf(stderr, ".%u", capnp_reader_u16(capnp_list_struct(ops, i), 2, 0));
}

static void trace_target(capnp_reader t)
{
        fputs(" on ", stderr);
        if (capnp_reader_u16(t, 4, 0) == 0)
                fprintf(stderr, "export %u", capnp_reader_u32(t, 0, 0));
        else
                trace_promised(trace_struct(t, 0));
}

static void trace_desc(capnp_reader d)
{
        static const char *const KINDS[] = {"none",  "hosted",      "promise",
                                            "yours", "your-answer", "third"};
        uint16_t tag = capnp_reader_u16(d, 0, 0);

        fprintf(stderr, " %s:", tag < 6 ? KINDS[tag] : "?");
        if (tag == 4)
                trace_promised(trace_struct(d, 0));
        else
                fprintf(stderr, "%u", capnp_reader_u32(d, 4, 0));
}

static void trace_payload(capnp_reader p)
{
        capnp_list caps = capnp_any_list(capnp_reader_any(p, 1), CAPNP_SIZE_COMPOSITE, NULL);

        if (capnp_any_what(capnp_reader_any(p, 0)) == CAPNP_WHAT_STRUCT)
                fprintf(stderr, " [%u]", capnp_reader_u32(trace_struct(p, 0), 0, 0));
        for (uint32_t i = 0; i < caps.len; i++)
                trace_desc(capnp_list_struct(caps, i));
}

static void trace_return(capnp_reader b)
{
        static const char *const KINDS[] = {"results",   "exception", "canceled",
                                            "elsewhere", "take from", "third"};
        uint16_t tag = capnp_reader_u16(b, 6, 0);

        fprintf(stderr, " %s", tag < 6 ? KINDS[tag] : "?");
        if (tag == 4)
                fprintf(stderr, " %u", capnp_reader_u32(b, 8, 0));
        if (tag == 0)
                trace_payload(trace_struct(b, 0));
}

static void trace_body(uint16_t tag, capnp_reader b)
{
        switch (tag) {
        case 2:
                trace_target(trace_struct(b, 0));
                fputs(capnp_reader_u16(b, 6, 0) ? " yourself" : "", stderr);
                trace_payload(trace_struct(b, 1));
                break;
        case 3:
                trace_return(b);
                break;
        case 5:
                if (capnp_reader_u16(b, 4, 0) == 0)
                        trace_desc(trace_struct(b, 0));
                break;
        case 6:
                fprintf(stderr, " by %u", capnp_reader_u32(b, 4, 0));
                break;
        case 13:
                fputs(capnp_reader_u16(b, 4, 0) ? " back" : " there", stderr);
                trace_target(trace_struct(b, 0));
                break;
        default:
                break;
        }
}

void model_trace(void *arg, bool in, capnp_msg *m)
{
        const struct trace_line *line = arg;
        capnp_reader r = capnp_any_struct(capnp_msg_root(m), NULL), b = trace_struct(r, 0);
        uint16_t tag = capnp_reader_u16(r, 0, 0);

        fprintf(stderr, "    %u %s %u: %s %u", line->vat, in ? "<-" : "->", line->peer,
                tag < 14 ? MESSAGES[tag] : "?", capnp_reader_u32(b, 0, 0));
        trace_body(tag, b);
        fputc('\n', stderr);
}
