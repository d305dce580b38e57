/* OpenSSH's public keys and signatures (RFC 4253, RFC 5656, RFC 8709, PROTOCOL.sshsig). */
#ifndef PROVER_SSH_H
#define PROVER_SSH_H

#include <capos/capnp-base.h>

#include <openssl/evp.h>

/* What can be wrong with foreign bytes. */
enum ssh_err {
        SSH_E_SHORT = 1, /* they end too early, or do not end where they should */
        SSH_E_FORM,      /* a value that cannot be */
        SSH_E_TYPE,      /* a key or an algorithm that is not accepted */
        SSH_E_WEAK,      /* an RSA key of too few bits */
        SSH_E_KEY,       /* signed by another key */
        SSH_E_BAD,       /* the signature does not verify */
};

enum ssh_type { SSH_ED25519, SSH_P256, SSH_P384, SSH_P521, SSH_RSA, SSH_TYPES };

struct ssh_key {
        enum ssh_type type;
        EVP_PKEY *pkey;
};

/* A signature, split up; everything is borrowed from the blob. */
struct ssh_sig {
        capnp_data key;       /* the public key blob */
        capnp_data name;      /* the namespace */
        capnp_data hash;      /* the name of the hash algorithm */
        capnp_data algorithm; /* of the signature */
        capnp_data bytes;     /* the signature proper */
};

/* Reads a public key blob. 0; an enum ssh_err; -ENOMEM. */
int ssh_key_read(capnp_data blob, struct ssh_key *ret) CAPNP_MUST_USE;
void ssh_key_deinit(struct ssh_key *k);

/* Splits an SSHSIG blob. 0; SSH_E_SHORT; SSH_E_FORM. */
int ssh_sig_read(capnp_data blob, struct ssh_sig *ret) CAPNP_MUST_USE;

/* Verifies that an SSHSIG blob is a signature of this namespace by this key over a message. 0; an
 * enum ssh_err; -ENOMEM. */
int ssh_verify(capnp_data key, capnp_data sig, const char *name, capnp_data message) CAPNP_MUST_USE;

#endif
