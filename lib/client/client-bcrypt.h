/* The key that a passphrase stands for in an OpenSSH file. */
#ifndef CAPOS_CLIENT_BCRYPT_H
#define CAPOS_CLIENT_BCRYPT_H

#include <capos/capnp-rpc.h>

#include <stddef.h>
#include <stdint.h>

enum {
        BCRYPT_MOST_ROUNDS = 10000, /* more than anybody waits for: some minutes */
        BCRYPT_MOST_BYTES = 256,
};

/*
 * bcrypt_pbkdf, as OpenBSD and OpenSSH know it: fills key with len bytes. 0; CAPNP_E_LIMIT: more
 * rounds or bytes than that, or none; -ENOMEM.
 */
int client_bcrypt_pbkdf(capnp_data passphrase, capnp_data salt, uint32_t rounds, uint8_t *key,
                        size_t len) CAPNP_MUST_USE;

#endif
