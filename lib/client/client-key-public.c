/*
 * Public keys: the types that are known, what each is called, and what is kept of one.
 *
 * A type has three names: the key's, its curve's, and that of the signatures made with it. They are
 * those of RFC 4253, 5656, 8332 and 8709.
 */
#include "client-key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name, *curve, *signature;
} types[KEY_TYPES] = {
        [KEY_ED25519] = {"ssh-ed25519", NULL, "ssh-ed25519"},
        [KEY_ECDSA_256] = {"ecdsa-sha2-nistp256", "nistp256", "ecdsa-sha2-nistp256"},
        [KEY_ECDSA_384] = {"ecdsa-sha2-nistp384", "nistp384", "ecdsa-sha2-nistp384"},
        [KEY_ECDSA_521] = {"ecdsa-sha2-nistp521", "nistp521", "ecdsa-sha2-nistp521"},
        [KEY_RSA] = {"ssh-rsa", NULL, "rsa-sha2-512"},
};

const char *key_type_name(enum key_type t)
{
        return types[t].name;
}

const char *key_type_curve(enum key_type t)
{
        return types[t].curve;
}

const char *key_type_signature(enum key_type t)
{
        return types[t].signature;
}

int key_type_of_public(capnp_data public, enum key_type *ret_t)
{
        struct client_in i = {.p = public.p, .len = public.len};
        capnp_data name = client_in_string(&i);

        for (unsigned t = 0; t < KEY_TYPES; t++) {
                if (client_data_is(name, types[t].name)) {
                        *ret_t = (enum key_type)t;
                        return 0;
                }
        }
        return CAPNP_E_UNKNOWN;
}

static int key_set_fingerprint(capos_key *k)
{
        uint8_t hash[32], text[48];

        if (!EVP_Digest(k->public, k->public_len, hash, NULL, EVP_sha256(), NULL))
                return -ENOMEM;

        (void)EVP_EncodeBlock(text, hash, sizeof(hash));
        /* 32 bytes are 43 characters and one of padding, which ssh-keygen leaves out. */
        (void)snprintf(k->fingerprint, sizeof(k->fingerprint), "SHA256:%.43s", (char *)text);
        return 0;
}

int key_set_public(capos_key *k, capnp_data public)
{
        int r = key_type_of_public(public, &k->type);

        if (r)
                return r;
        if (public.len > sizeof(k->public))
                return CAPNP_E_LIMIT;

        memcpy(k->public, public.p, public.len);
        k->public_len = public.len;
        return key_set_fingerprint(k);
}
