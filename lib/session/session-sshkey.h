/* SSH's public keys as people write them: a line of `ssh-keygen`'s. */
#ifndef CAPOS_SESSION_SSHKEY_H
#define CAPOS_SESSION_SSHKEY_H

#include <capos/capnp-base.h>

enum {
        CAPOS_SSHKEY_BYTES = 4 * 1024,
        CAPOS_SSHKEY_FINGERPRINT = 64
}; /* of a public key, at most */

/*
 * Reads `type base64 [comment]`. NULL: *ret_len bytes are in blob, and *ret_comment (may be NULL)
 * is what of the line follows; else what is wrong with it, for people, static. Whether it is a key
 * that anybody can log in with is for a prover to say.
 */
const char *capos_i_sshkey_read(const char *line, uint8_t blob[CAPOS_SSHKEY_BYTES],
                                uint32_t *ret_len, const char **ret_comment);

/* Whether a blob says that it is a certificate, not a key. */
bool capos_i_sshkey_is_certificate(capnp_data blob);

/* `SHA256:…`, as ssh shows keys, from the hash of a public key. */
void capos_i_sshkey_fingerprint(const uint8_t hash[32], char ret[CAPOS_SSHKEY_FINGERPRINT]);

#endif
