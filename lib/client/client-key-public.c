/*
 * Public keys: the types that are known, what each is called, and what is kept of one.
 *
 * A type has four names: the key's, its curve's, that of the signatures made with it, and that of
 * its certificates. They are those of RFC 4253, 5656, 8332 and 8709, and of OpenSSH's PROTOCOL.
 */
#include "client-key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name, *curve, *signature, *certificate;
        unsigned strings; /* of a public key, behind its name */
} types[KEY_TYPES] = {
        [KEY_ED25519] = {"ssh-ed25519", NULL, "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 1},
        [KEY_ECDSA_256] = {"ecdsa-sha2-nistp256", "nistp256", "ecdsa-sha2-nistp256",
                           "ecdsa-sha2-nistp256-cert-v01@openssh.com", 2},
        [KEY_ECDSA_384] = {"ecdsa-sha2-nistp384", "nistp384", "ecdsa-sha2-nistp384",
                           "ecdsa-sha2-nistp384-cert-v01@openssh.com", 2},
        [KEY_ECDSA_521] = {"ecdsa-sha2-nistp521", "nistp521", "ecdsa-sha2-nistp521",
                           "ecdsa-sha2-nistp521-cert-v01@openssh.com", 2},
        [KEY_RSA] = {"ssh-rsa", NULL, "rsa-sha2-512", "ssh-rsa-cert-v01@openssh.com", 2},
        [KEY_SK_ED25519] = {"sk-ssh-ed25519@openssh.com", NULL, NULL,
                            "sk-ssh-ed25519-cert-v01@openssh.com", 2},
        [KEY_SK_ECDSA] = {"sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", NULL,
                          "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", 3},
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
                if (client_data_is(name, types[t].name) ||
                    client_data_is(name, types[t].certificate)) {
                        *ret_t = (enum key_type)t;
                        return 0;
                }
        }
        return CAPNP_E_UNKNOWN;
}

/* The plain key that is in a certificate: behind its name and its nonce. */
static void key_write_certified(const capos_key *k, struct client_out *o)
{
        struct client_in i = {.p = k->public, .len = k->public_len};

        (void)client_in_string(&i);
        (void)client_in_string(&i);
        client_out_text(o, types[k->type].name);
        for (unsigned n = 0; n < types[k->type].strings; n++) {
                capnp_data part = client_in_string(&i);

                client_out_string(o, part.p, part.len);
        }
        o->full |= i.bad;
}

int key_write_plain(const capos_key *k, struct client_out *o)
{
        if (k->certified)
                key_write_certified(k, o);
        else
                client_out_raw(o, k->public, k->public_len);
        return o->full ? CAPNP_E_LIMIT : 0;
}

static int key_set_fingerprint(capos_key *k)
{
        uint8_t hash[32], text[48], plain[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = plain, .room = sizeof(plain)};

        if (key_write_plain(k, &o))
                return CAPNP_E_LIMIT;
        if (!EVP_Digest(plain, o.len, hash, NULL, EVP_sha256(), NULL))
                return -ENOMEM;

        (void)EVP_EncodeBlock(text, hash, sizeof(hash));
        /* 32 bytes are 43 characters and one of padding, which ssh-keygen leaves out. */
        (void)snprintf(k->fingerprint, sizeof(k->fingerprint), "SHA256:%.43s", (char *)text);
        return 0;
}

int key_set_public(capos_key *k, capnp_data public)
{
        struct client_in i = {.p = public.p, .len = public.len};
        int r = key_type_of_public(public, &k->type);

        if (r)
                return r;
        if (public.len > sizeof(k->public))
                return CAPNP_E_LIMIT;

        memcpy(k->public, public.p, public.len);
        k->public_len = public.len;
        k->certified = client_data_is(client_in_string(&i), types[k->type].certificate);
        return key_set_fingerprint(k);
}
