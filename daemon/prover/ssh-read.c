/*
 * Walks a blob by lengths that it has checked against what is left. It is sticky: who reads asks
 * once, at the end. Numbers must be in their shortest form, so that a key has one blob.
 */
#include "ssh-read.h"

#include <string.h>

static const uint8_t *in_take(struct ssh_in *i, size_t len)
{
        const uint8_t *p = i->p;

        if (i->bad || i->left < len) {
                i->bad = true;
                return NULL;
        }

        i->p += len;
        i->left -= len;
        return p;
}

uint8_t ssh_in_u8(struct ssh_in *i)
{
        const uint8_t *p = in_take(i, 1);

        return p ? *p : 0;
}

uint32_t ssh_in_u32(struct ssh_in *i)
{
        const uint8_t *p = in_take(i, 4);

        return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

uint64_t ssh_in_u64(struct ssh_in *i)
{
        uint64_t high = ssh_in_u32(i);

        return high << 32 | ssh_in_u32(i);
}

capnp_data ssh_in_string(struct ssh_in *i)
{
        uint32_t len = ssh_in_u32(i);
        const uint8_t *p = in_take(i, len);

        return p ? (capnp_data){p, len} : (capnp_data){0};
}

capnp_data ssh_in_number(struct ssh_in *i)
{
        capnp_data d = ssh_in_string(i);

        if (!d.len || d.p[0] & 0x80 || (!d.p[0] && (d.len < 2 || !(d.p[1] & 0x80)))) {
                i->bad = true;
                return (capnp_data){0};
        }
        if (!d.p[0]) {
                d.p++;
                d.len--;
        }
        return d;
}

bool ssh_in_done(const struct ssh_in *i)
{
        return !i->bad && !i->left;
}

bool ssh_data_is(capnp_data d, const char *text)
{
        return d.len == strlen(text) && (!d.len || !memcmp(d.p, text, d.len));
}

bool ssh_data_equal(capnp_data a, capnp_data b)
{
        return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}
