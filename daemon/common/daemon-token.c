/*
 * The records by which a token is judged: a byte of kind, four of length (big-endian), the bytes.
 */
#include "daemon-token.h"

#include <string.h>

enum { HEADER = TOKEN_HEADER_BYTES, LENGTH_BYTES = 4 };

int daemon_token_add(uint8_t *out, size_t room, size_t *len, enum token_record kind,
                     capnp_data bytes)
{
        uint8_t *p = out + *len;

        if (room - *len < HEADER || bytes.len > room - *len - HEADER)
                return CAPNP_E_LIMIT;

        p[0] = (uint8_t)kind;
        for (unsigned i = 0; i < LENGTH_BYTES; i++)
                p[1 + i] = (uint8_t)(bytes.len >> (24 - 8 * i));
        if (bytes.len)
                memcpy(p + HEADER, bytes.p, bytes.len);
        *len += HEADER + bytes.len;
        return 0;
}

int daemon_token_next(capnp_data *left, enum token_record *ret_kind, capnp_data *ret)
{
        const uint8_t *p = left->p;
        uint32_t len;

        if (!left->len)
                return CAPNP_E_SHORT;
        if (left->len < HEADER || p[0] < TOKEN_ISSUER || p[0] > TOKEN_CLAIM)
                return CAPNP_E_PROTOCOL;

        len = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
        if (len > left->len - HEADER)
                return CAPNP_E_PROTOCOL;

        *ret_kind = (enum token_record)p[0];
        *ret = (capnp_data){p + HEADER, len};
        *left = (capnp_data){p + HEADER + len, left->len - HEADER - len};
        return 0;
}
