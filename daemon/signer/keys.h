/* The keys that the signer signs with: one, and for a moment the one before it. */
#ifndef SIGNER_KEYS_H
#define SIGNER_KEYS_H

#include "daemon-packets.h"
#include "tls-identity.h"

/* Zeroed, there is none. */
struct keys {
        struct tls_identity now, before; /* before: without a leaf when there is none */
};

/* Makes OpenSSL ready: no configuration file, and a heap for secrets that is locked in memory and
 * in no dump. Once, before anything else of it is used. 0; -errno. */
int keys_prepare(void) CAPNP_MUST_USE;
/*
 * Finds the identity in a folder; where there is none, one is made for these names and stored; a
 * key without a certificate gets one. 0; enum tls_identity_err; -errno.
 */
int keys_find(struct keys *k, int dir, const char *const *names, unsigned n) CAPNP_MUST_USE;
/* Replaces the key by another identity, from open files. The one that was becomes `before`, unless
 * it is the same. When this fails nothing changes. 0; enum tls_identity_err; -errno. */
int keys_reload(struct keys *k, int key_fd, int cert_fd) CAPNP_MUST_USE;
/* Wipes the key before. */
void keys_forget_before(struct keys *k);
void keys_deinit(struct keys *k);

/*
 * Signs the text of a server's CertificateVerify (RFC 8446, 4.4.3) around a transcript hash, with
 * the key of that name. 0; -ENOKEY: no key has it; -EIO: OpenSSL cannot.
 */
int keys_sign(const struct keys *k, const struct sign_request *q,
              struct sign_reply *ret) CAPNP_MUST_USE;

#endif
