/*
 * The line of a public key: its type, which the bytes have to repeat, and its base64. Nothing more
 * of the bytes is looked at here.
 */
#include "session-sshkey.h"

#include <sodium.h>
#include <string.h>

const char *capos_i_sshkey_read(const char *line, uint8_t blob[CAPOS_SSHKEY_BYTES],
                                uint32_t *ret_len, const char **ret_comment)
{
        static const char bad[] = "a key is a line: its type, its base64, a comment";
        size_t type = strcspn(line, " \t"), len;
        const char *b64 = line + type + strspn(line + type, " \t");
        const char *end;

        if (!type || !*b64 ||
            sodium_base642bin(blob, CAPOS_SSHKEY_BYTES, b64, strcspn(b64, " \t\r\n"), NULL, &len,
                              &end, sodium_base64_VARIANT_ORIGINAL))
                return bad;
        if (len < 4 + type || memcmp(blob + 4, line, type) != 0)
                return "the key is not of the type it says";

        *ret_len = (uint32_t)len;
        if (ret_comment)
                *ret_comment = end + strspn(end, " \t");
        return NULL;
}

bool capos_i_sshkey_is_certificate(capnp_data blob)
{
        static const char end[] = "-cert-v01@openssh.com";
        uint32_t len;

        if (blob.len < 4)
                return false;

        len = (uint32_t)blob.p[0] << 24 | (uint32_t)blob.p[1] << 16 | (uint32_t)blob.p[2] << 8 |
              blob.p[3];
        return len >= strlen(end) && len <= blob.len - 4 &&
               !memcmp(blob.p + 4 + len - strlen(end), end, strlen(end));
}

void capos_i_sshkey_fingerprint(const uint8_t hash[32], char ret[CAPOS_SSHKEY_FINGERPRINT])
{
        static const char kind[] = "SHA256:";

        memcpy(ret, kind, strlen(kind));
        sodium_bin2base64(ret + strlen(kind), CAPOS_SSHKEY_FINGERPRINT - strlen(kind), hash, 32,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}
