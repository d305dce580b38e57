/*
 * Cap'n Proto text out, as `capnp decode` writes it: same words, same escapes, same layout.
 *
 * With one difference for safety: bytes that are not UTF-8 are escaped also in texts, so that the
 * output of a foreign message is always printable.
 */
#include "dynamic-float.h"
#include "dynamic-print.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* The reference lays items out in one line while each is this short, and a struct's are together.
 */
enum { TEXT_ITEM = 24, TEXT_RECORD = 64 };

static void text_key(struct dynamic_printer *p, capnp_text prefix, capnp_text name)
{
        (void)prefix;
        dynamic_out_add(&p->out, name.p, name.len);
        dynamic_out_str(&p->out, " = ");
}

static void text_float(struct dynamic_printer *p, double v, bool is_single)
{
        char text[DYNAMIC_FLOAT_ROOM] = "nan";

        if (isinf(v))
                dynamic_out_str(&p->out, v > 0 ? "inf" : "-inf");
        else if (!isnan(v))
                dynamic_float_print(v, is_single, text);
        if (!isinf(v))
                dynamic_out_str(&p->out, text);
        if (!text[0])
                dynamic_out_fail(&p->out, -ENOMEM);
}

static void text_enum(struct dynamic_printer *p, uint64_t id, uint16_t v)
{
        const capnp_decl *d = dynamic_enum(p->s, id);
        const char *name = d ? capnp_decl_enumerant(d, v) : NULL;

        if (name)
                dynamic_out_str(&p->out, name);
        else
                dynamic_out_fmt(&p->out, "(%u)", v);
}

static void text_number(struct dynamic_printer *p, const struct dynamic_type *t, uint64_t bits)
{
        uint32_t low = (uint32_t)bits;
        double wide;
        float narrow;

        switch (t->which) {
        case TYPE_BOOL:
                dynamic_out_str(&p->out, bits ? "true" : "false");
                break;
        case TYPE_INT8:
                dynamic_out_number(&p->out, (uint64_t)(int64_t)(int8_t)bits, true);
                break;
        case TYPE_INT16:
                dynamic_out_number(&p->out, (uint64_t)(int64_t)(int16_t)bits, true);
                break;
        case TYPE_INT32:
                dynamic_out_number(&p->out, (uint64_t)(int64_t)(int32_t)bits, true);
                break;
        case TYPE_INT64:
                dynamic_out_number(&p->out, bits, true);
                break;
        case TYPE_UINT8:
        case TYPE_UINT16:
        case TYPE_UINT32:
        case TYPE_UINT64:
                dynamic_out_number(&p->out, bits, false);
                break;
        case TYPE_FLOAT32:
                memcpy(&narrow, &low, sizeof(narrow));
                text_float(p, (double)narrow, true);
                break;
        case TYPE_FLOAT64:
                memcpy(&wide, &bits, sizeof(wide));
                text_float(p, wide, false);
                break;
        case TYPE_ENUM:
                text_enum(p, t->id, (uint16_t)bits);
                break;
        default:
                dynamic_out_str(&p->out, "void");
                break;
        }
}

/* ---- texts and bytes ---------------------------------------------------------------------- */

static void text_escape(struct dynamic_printer *p, char c)
{
        static const char from[] = "\a\b\f\n\r\t\v'\"\\", to[] = "abfnrtv'\"\\";
        const char *at = c ? strchr(from, c) : NULL;

        if (at)
                dynamic_out_fmt(&p->out, "\\%c", to[at - from]);
        else
                dynamic_out_fmt(&p->out, "\\%03o", (uint8_t)c);
}

/* utf8: characters beyond ASCII stand for themselves. */
static void text_quote(struct dynamic_printer *p, const char *s, uint32_t len, bool utf8)
{
        uint32_t from = 0;

        dynamic_out_char(&p->out, '"');
        for (uint32_t i = 0; i < len && !p->out.error;) {
                uint8_t c = (uint8_t)s[i];
                unsigned n = c < 0x80 || utf8 ? dynamic_utf8(s + i, len - i) : 0;

                if (n && c >= 0x20 && c != 0x7f && c != '"' && c != '\\' && c != '\'') {
                        i += n;
                        continue;
                }

                dynamic_out_add(&p->out, s + from, i - from);
                text_escape(p, s[i++]);
                from = i;
        }

        dynamic_out_add(&p->out, s + from, len - from);
        dynamic_out_char(&p->out, '"');
}

static void text_text(struct dynamic_printer *p, capnp_text t)
{
        text_quote(p, t.p, t.len, true);
}

static void text_data(struct dynamic_printer *p, capnp_data d, enum dynamic_data how)
{
        (void)how;
        text_quote(p, d.p ? (const char *)d.p : "", d.len, false);
}

static void text_cap(struct dynamic_printer *p, capnp_any a, uint64_t interface)
{
        (void)a;
        (void)interface;
        dynamic_out_str(&p->out, "<external capability>");
}

static void text_any(struct dynamic_printer *p, capnp_any a)
{
        (void)a;
        dynamic_out_str(&p->out, "<opaque pointer>");
}

/* ---- layout ------------------------------------------------------------------------------- */

static bool text_wants_lines(const struct layout_shape *s, bool is_struct)
{
        return s->is_multiline || s->longest > TEXT_ITEM || (is_struct && s->total > TEXT_RECORD);
}

static const struct dynamic_syntax text_syntax = {
        .open = '(',
        .close = ')',
        .comma = ", ",
        .key = text_key,
        .number = text_number,
        .text = text_text,
        .data = text_data,
        .cap = text_cap,
        .any = text_any,
        .wants_lines = text_wants_lines,
};

int capnp_text_print(const capnp_schema *s, uint64_t type, capnp_reader r,
                     const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        return dynamic_print(&text_syntax, s, type, r, o, to);
}

int capnp_text_print_default(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                             const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        return dynamic_print_default(&text_syntax, s, d, i, o, to);
}
