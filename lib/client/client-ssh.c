/*
 * Reading and writing the bytes of SSH's formats. Both directions are bounded and sticky: a value
 * that does not fit, or is not there, marks the stream, and who reads or writes asks once at the
 * end.
 */
#include "client-ssh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void client_out_raw(struct client_out *o, const void *p, size_t len)
{
        if (o->full || o->room - o->len < len) {
                o->full = true;
                return;
        }
        if (len)
                memcpy(o->p + o->len, p, len);
        o->len += len;
}

void client_out_u8(struct client_out *o, uint8_t v)
{
        client_out_raw(o, &v, 1);
}

void client_out_u32(struct client_out *o, uint32_t v)
{
        uint8_t b[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

        client_out_raw(o, b, sizeof(b));
}

void client_out_string(struct client_out *o, const void *p, size_t len)
{
        if (len > UINT32_MAX) {
                o->full = true;
                return;
        }
        client_out_u32(o, (uint32_t)len);
        client_out_raw(o, p, len);
}

void client_out_text(struct client_out *o, const char *s)
{
        client_out_string(o, s, strlen(s));
}

void client_out_mpint(struct client_out *o, const uint8_t *p, size_t len)
{
        bool pad;

        while (len && !*p) {
                p++;
                len--;
        }
        pad = len && *p & 0x80;
        client_out_u32(o, (uint32_t)(len + pad));
        if (pad)
                client_out_u8(o, 0);
        client_out_raw(o, p, len);
}

static const uint8_t *in_take(struct client_in *i, size_t len)
{
        const uint8_t *p = i->p;

        if (i->bad || i->len < len) {
                i->bad = true;
                return NULL;
        }
        i->p += len;
        i->len -= len;
        return p;
}

uint8_t client_in_u8(struct client_in *i)
{
        const uint8_t *p = in_take(i, 1);

        return p ? *p : 0;
}

uint32_t client_in_u32(struct client_in *i)
{
        const uint8_t *p = in_take(i, 4);

        return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

capnp_data client_in_string(struct client_in *i)
{
        uint32_t len = client_in_u32(i);
        const uint8_t *p = in_take(i, len);

        return p ? (capnp_data){p, len} : (capnp_data){0};
}

bool client_data_is(capnp_data d, const char *text)
{
        return d.len == strlen(text) && (!d.len || !memcmp(d.p, text, d.len));
}

static int base64_value(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+')
                return 62;
        return c == '/' ? 63 : -1;
}

int client_base64(const char *text, size_t len, struct client_out *to)
{
        uint32_t bits = 0;
        unsigned have = 0;
        int v;

        for (size_t i = 0; i < len && text[i] != '='; i++) {
                if (text[i] == '\n' || text[i] == '\r' || text[i] == ' ')
                        continue;
                v = base64_value(text[i]);
                if (v < 0)
                        return CAPNP_E_SYNTAX;

                bits = (bits << 6 | (uint32_t)v) & 0xffff;
                have += 6;
                if (have >= 8) {
                        have -= 8;
                        client_out_u8(to, (uint8_t)(bits >> have));
                }
        }
        return to->full ? CAPNP_E_LIMIT : 0;
}

/* ---- growing buffers ---------------------------------------------------------------------- */

int client_buf_append(struct capnp_buf *b, const uint8_t *p, size_t len)
{
        size_t need = b->len + len + 1;
        char *bigger;

        if (b->max < b->len || b->max - b->len < len)
                return CAPNP_E_LIMIT;
        if (need > b->room) {
                bigger = malloc(need);
                if (!bigger)
                        return -ENOMEM;
                if (b->p) {
                        memcpy(bigger, b->p, b->len);
                        explicit_bzero(b->p, b->room);
                }
                free(b->p);
                b->p = bigger;
                b->room = need;
        }
        if (len)
                memcpy(b->p + b->len, p, len);
        b->len += len;
        b->p[b->len] = 0;
        return 0;
}

void client_buf_deinit(struct capnp_buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        capnp_buf_deinit(b);
}
