/*
 * Buffers, and the two codes that bytes are shown in: UTF-8 and base64.
 *
 * A buffer grows by doubling up to the maximum it was born with. A NUL always follows, so that what
 * is in it can be handed to anything that wants a string.
 */
#include "dynamic-buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void capnp_buf_init(struct capnp_buf *b, size_t max_bytes)
{
        *b = (struct capnp_buf){.max = max_bytes};
}

void capnp_buf_deinit(struct capnp_buf *b)
{
        free(b->p);
        *b = (struct capnp_buf){.max = b->max};
}

/* ---- writing ------------------------------------------------------------------------------ */

void dynamic_out_fail(struct dynamic_out *o, int error)
{
        if (!o->error)
                o->error = error;
}

char *dynamic_out_grow(struct dynamic_out *o, size_t n)
{
        struct capnp_buf *b = o->b;
        size_t room = b->room;
        char *p;

        if (o->error)
                return NULL;

        if (n > b->max - b->len) {
                o->error = CAPNP_E_LIMIT;
                return NULL;
        }

        if (n + 1 > room - b->len) {
                room = room * 2 > b->len + n + 64 ? room * 2 : b->len + n + 64;
                p = realloc(b->p, room);
                if (!p) {
                        o->error = -ENOMEM;
                        return NULL;
                }
                b->p = p;
                b->room = room;
        }

        p = b->p + b->len;
        b->len += n;
        b->p[b->len] = 0;
        return p;
}

void dynamic_out_add(struct dynamic_out *o, const char *p, size_t n)
{
        char *to = dynamic_out_grow(o, n);

        if (to && n)
                memcpy(to, p, n);
}

void dynamic_out_str(struct dynamic_out *o, const char *s)
{
        dynamic_out_add(o, s, strlen(s));
}

void dynamic_out_char(struct dynamic_out *o, char c)
{
        dynamic_out_add(o, &c, 1);
}

void dynamic_out_fmt(struct dynamic_out *o, const char *fmt, ...)
{
        char text[128];
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        if (n > 0)
                dynamic_out_add(o, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void dynamic_out_number(struct dynamic_out *o, uint64_t v, bool is_signed)
{
        bool negative = is_signed && v >> 63;
        char text[24], *end = text + sizeof(text), *p = end;

        v = negative ? 0 - v : v;
        do {
                *--p = (char)('0' + v % 10);
                v /= 10;
        } while (v);
        if (negative)
                *--p = '-';
        dynamic_out_add(o, p, (size_t)(end - p));
}

int dynamic_out_end(struct dynamic_out *o, size_t start)
{
        if (o->error && o->b->len > start) {
                o->b->len = start;
                o->b->p[start] = 0;
        }

        return o->error;
}

int dynamic_out_msg(struct capnp_buf *to, capnp_msg *m)
{
        struct dynamic_out o = {.b = to};
        size_t start = to->len, size = capnp_msg_size(m);
        char *p = dynamic_out_grow(&o, size);

        if (p)
                dynamic_out_fail(&o, capnp_msg_write(m, p, size));
        return dynamic_out_end(&o, start);
}

/* ---- UTF-8 -------------------------------------------------------------------------------- */

unsigned dynamic_utf8(const char *text, size_t left)
{
        const uint8_t *p = (const uint8_t *)text;
        uint32_t c;
        unsigned n;

        if (p[0] < 0x80)
                return 1;

        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;

        n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        if (n > left)
                return 0;

        c = p[0] & (0x7fu >> n);
        for (unsigned i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }

        /* Neither written longer than needed, nor half of a UTF-16 pair, nor past the last. */
        if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || (c >= 0xd800 && c < 0xe000) ||
            c > 0x10ffff)
                return 0;

        return n;
}

/* ---- base64 ------------------------------------------------------------------------------- */

static const char base64_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void dynamic_base64(struct dynamic_out *o, const uint8_t *p, size_t n)
{
        char *to;

        if (n > o->b->max) {
                dynamic_out_fail(o, CAPNP_E_LIMIT);
                return;
        }

        to = dynamic_out_grow(o, (n + 2) / 3 * 4);
        for (size_t i = 0; to && i < n; i += 3, to += 4) {
                uint32_t v = (uint32_t)p[i] << 16;

                v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
                v |= i + 2 < n ? p[i + 2] : 0;
                to[0] = base64_digits[v >> 18];
                to[1] = base64_digits[v >> 12 & 63];
                to[2] = i + 1 < n ? base64_digits[v >> 6 & 63] : '=';
                to[3] = i + 2 < n ? base64_digits[v & 63] : '=';
        }
}

bool dynamic_unbase64(char *p, size_t len, size_t *ret_len)
{
        size_t padded = len, n = 0;
        uint32_t v = 0;
        unsigned bits = 0;

        while (len && padded - len < 2 && p[len - 1] == '=')
                len--;
        /* Padding fills up to four digits; one digit alone is less than a byte. */
        if ((padded != len && padded % 4) || len % 4 == 1)
                return false;

        for (size_t i = 0; i < len; i++) {
                const char *digit = p[i] ? strchr(base64_digits, p[i]) : NULL;

                if (!digit)
                        return false;

                v = (v << 6 | (uint32_t)(digit - base64_digits)) & 0xffffff;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        p[n++] = (char)(v >> bits);
                }
        }

        *ret_len = n;
        return !(v & ((1u << bits) - 1));
}

bool dynamic_unhex(char *p, size_t len, size_t *ret_len)
{
        static const char digits[] = "0123456789abcdef";

        if (len % 2)
                return false;

        for (size_t i = 0; i < len; i++) {
                char low = (char)(p[i] >= 'A' && p[i] <= 'F' ? p[i] | 0x20 : p[i]);
                const char *digit = low ? strchr(digits, low) : NULL;

                if (!digit)
                        return false;

                p[i / 2] = (char)((i % 2 ? p[i / 2] << 4 : 0) | (int)(digit - digits));
        }

        *ret_len = len / 2;
        return true;
}
