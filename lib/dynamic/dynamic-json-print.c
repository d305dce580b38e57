/*
 * JSON out: the conventions of the reference's JSON codec, its annotations included, and the layout
 * of its pretty printer; references and AnyPointers, which it has no way to write, are objects with
 * one `$` key.
 *
 * What is printed is always JSON: texts from a peer need not be UTF-8, and what is not becomes
 * U+FFFD.
 */
#include "dynamic-float.h"
#include "dynamic-print.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { JSON_LINE = 50 }; /* an item longer than this is given a line of its own */

static void json_key(struct dynamic_printer *p, capnp_text prefix, capnp_text name)
{
        dynamic_out_char(&p->out, '"');
        dynamic_json_piece(&p->out, prefix);
        dynamic_json_piece(&p->out, name);
        dynamic_out_str(&p->out, p->o->pretty ? "\": " : "\":");
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void json_float(struct dynamic_printer *p, double v, bool is_single)
{
        char text[DYNAMIC_FLOAT_ROOM];

        if (isnan(v)) {
                dynamic_out_str(&p->out, "\"NaN\"");
                return;
        }

        if (isinf(v)) {
                dynamic_out_str(&p->out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
                return;
        }

        dynamic_float_print(v, is_single, text);
        dynamic_out_str(&p->out, text);
        if (!text[0])
                dynamic_out_fail(&p->out, -ENOMEM);
}

static void json_text(struct dynamic_printer *p, capnp_text t);

static void json_enum(struct dynamic_printer *p, uint64_t id, uint16_t v)
{
        const capnp_decl *d = dynamic_enum(p->s, id);

        if (d && v < d->n)
                json_text(p, dynamic_json_name(d, v));
        else
                dynamic_out_fmt(&p->out, "%u", v);
}

/* What a float of others may not hold goes in quotes. */
static void json_wide(struct dynamic_printer *p, uint64_t bits, bool is_signed)
{
        dynamic_out_char(&p->out, '"');
        dynamic_out_number(&p->out, bits, is_signed);
        dynamic_out_char(&p->out, '"');
}

static void json_number(struct dynamic_printer *p, const struct dynamic_type *t, uint64_t bits)
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
                json_wide(p, bits, true);
                break;
        case TYPE_UINT8:
        case TYPE_UINT16:
        case TYPE_UINT32:
                dynamic_out_number(&p->out, bits, false);
                break;
        case TYPE_UINT64:
                json_wide(p, bits, false);
                break;
        case TYPE_FLOAT32:
                memcpy(&narrow, &low, sizeof(narrow));
                json_float(p, (double)narrow, true);
                break;
        case TYPE_FLOAT64:
                memcpy(&wide, &bits, sizeof(wide));
                json_float(p, wide, false);
                break;
        case TYPE_ENUM:
                json_enum(p, t->id, (uint16_t)bits);
                break;
        default:
                dynamic_out_str(&p->out, "null");
                break;
        }
}

/* ---- texts and bytes ---------------------------------------------------------------------- */

static void json_escape(struct dynamic_out *o, char c)
{
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *at = c ? strchr(from, c) : NULL;

        if (at)
                dynamic_out_fmt(o, "\\%c", to[at - from]);
        else if ((uint8_t)c < 0x80)
                dynamic_out_fmt(o, "\\u%04x", (uint8_t)c);
        else
                dynamic_out_str(o, "\\ufffd");
}

void dynamic_json_piece(struct dynamic_out *o, capnp_text t)
{
        uint32_t from = 0;

        for (uint32_t i = 0; i < t.len && !o->error;) {
                unsigned n = dynamic_utf8(t.p + i, t.len - i);
                uint8_t c = (uint8_t)t.p[i];

                if (n && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
                        i += n;
                        continue;
                }

                dynamic_out_add(o, t.p + from, i - from);
                json_escape(o, t.p[i++]);
                from = i;
        }

        if (t.len)
                dynamic_out_add(o, t.p + from, t.len - from);
}

static void json_text(struct dynamic_printer *p, capnp_text t)
{
        dynamic_out_char(&p->out, '"');
        dynamic_json_piece(&p->out, t);
        dynamic_out_char(&p->out, '"');
}

static void json_numbers(struct dynamic_printer *p, capnp_data d)
{
        const char *comma = p->o->pretty ? ", " : ",";

        dynamic_out_char(&p->out, '[');
        for (uint32_t i = 0; i < d.len && !p->out.error; i++) {
                if (i)
                        dynamic_out_str(&p->out, comma);
                dynamic_out_number(&p->out, d.p[i], false);
        }
        dynamic_out_char(&p->out, ']');
}

static void json_data(struct dynamic_printer *p, capnp_data d, enum dynamic_data how)
{
        static const char digits[] = "0123456789abcdef";

        if (how == DYNAMIC_NUMBERS && p->o->base64)
                how = DYNAMIC_BASE64;
        if (how == DYNAMIC_NUMBERS) {
                json_numbers(p, d);
                return;
        }

        dynamic_out_char(&p->out, '"');
        if (how == DYNAMIC_BASE64)
                dynamic_base64(&p->out, d.p, d.len);
        for (uint32_t i = 0; how == DYNAMIC_HEX && i < d.len && !p->out.error; i++) {
                dynamic_out_char(&p->out, digits[d.p[i] >> 4]);
                dynamic_out_char(&p->out, digits[d.p[i] & 15]);
        }
        dynamic_out_char(&p->out, '"');
}

/* ---- references and AnyPointers ----------------------------------------------------------- */

/* By a word that the caller gives it. */
static void json_cap_word(struct dynamic_printer *p, capnp_any a, uint64_t interface)
{
        char word[CAPNP_CAP_WORD] = "";
        int r = p->o->word(p->o->arg, capnp_any_cap_peek(a), interface, word);

        if (r)
                dynamic_out_fail(&p->out, r);
        dynamic_out_str(&p->out, p->o->pretty ? "{\"$cap\": " : "{\"$cap\":");
        json_text(p, (capnp_text){word, (uint32_t)strnlen(word, sizeof(word))});
        dynamic_out_char(&p->out, '}');
}

static void json_cap(struct dynamic_printer *p, capnp_any a, uint64_t interface)
{
        uint32_t n = p->next;
        int r = 0;

        if (capnp_any_what(a) == CAPNP_WHAT_NULL) {
                dynamic_out_str(&p->out, "null");
                return;
        }

        if (p->o->word) {
                json_cap_word(p, a, interface);
                return;
        }

        if (p->o->number)
                r = p->o->number(p->o->arg, capnp_any_cap_peek(a), interface, &n);
        else
                p->next++;
        if (r)
                dynamic_out_fail(&p->out, r);
        dynamic_out_str(&p->out, p->o->pretty ? "{\"$cap\": " : "{\"$cap\":");
        dynamic_out_fmt(&p->out, "%" PRIu32 "}", n);
}

/* A message with what the slot holds as its root. */
static int any_message(capnp_any a, size_t max, uint8_t **ret_p, size_t *ret_len)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint8_t *p;
        int r = capnp_msg_new(&m);

        if (r)
                return r;

        capnp_abuilder_set(capnp_msg_build(m), a);
        r = capnp_msg_check(m);
        if (r)
                return r;

        *ret_len = capnp_msg_size(m);
        if (*ret_len > max)
                return CAPNP_E_LIMIT;

        p = malloc(*ret_len);
        if (!p)
                return -ENOMEM;

        *ret_p = p;
        return capnp_msg_write(m, p, *ret_len);
}

static void json_any(struct dynamic_printer *p, capnp_any a)
{
        uint8_t *bytes = NULL;
        size_t len;
        int r;

        if (capnp_any_what(a) == CAPNP_WHAT_NULL || capnp_any_what(a) == CAPNP_WHAT_CAP) {
                json_cap(p, a, 0);
                return;
        }

        r = any_message(a, p->out.b->max, &bytes, &len);
        if (r)
                dynamic_out_fail(&p->out, r);
        dynamic_out_str(&p->out, p->o->pretty ? "{\"$any\": \"" : "{\"$any\":\"");
        if (!r)
                dynamic_base64(&p->out, bytes, len);
        dynamic_out_str(&p->out, "\"}");
        free(bytes);
}

/* ---- layout ------------------------------------------------------------------------------- */

static bool json_wants_lines(const struct layout_shape *s, bool is_struct)
{
        (void)is_struct;
        return s->items > 1 && (s->is_multiline || s->longest > JSON_LINE);
}

static const struct dynamic_syntax json_syntax = {
        .is_json = true,
        .open = '{',
        .close = '}',
        .comma = ",",
        .key = json_key,
        .number = json_number,
        .text = json_text,
        .data = json_data,
        .cap = json_cap,
        .any = json_any,
        .wants_lines = json_wants_lines,
};

int capnp_json_print(const capnp_schema *s, uint64_t type, capnp_reader r,
                     const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        return dynamic_print(&json_syntax, s, type, r, o, to);
}

int capnp_json_print_default(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                             const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        return dynamic_print_default(&json_syntax, s, d, i, o, to);
}
