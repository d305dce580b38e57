/*
 * OpenSSH's private key files (PROTOCOL.key): what is around the key, and the passphrase.
 *
 * Everything that the file says twice is compared: the two check numbers, which show whether the
 * passphrase was right; the public half in front and the one that OpenSSL derives from the private
 * one; the padding. A file in which something is left over is none.
 */
#include "client-bcrypt.h"
#include "client-key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 16 };

static const struct cipher {
        const char *name;
        const EVP_CIPHER *(*evp)(void);
        unsigned block; /* what the padding fills up to */
        bool tag;       /* authenticated: its tag follows the encrypted part */
} ciphers[] = {
        {"none", NULL, 8, false},
        {"aes256-ctr", EVP_aes_256_ctr, 16, false},
        {"aes192-ctr", EVP_aes_192_ctr, 16, false},
        {"aes128-ctr", EVP_aes_128_ctr, 16, false},
        {"aes256-cbc", EVP_aes_256_cbc, 16, false},
        {"aes192-cbc", EVP_aes_192_cbc, 16, false},
        {"aes128-cbc", EVP_aes_128_cbc, 16, false},
        {"aes256-gcm@openssh.com", EVP_aes_256_gcm, 16, true},
        {"aes128-gcm@openssh.com", EVP_aes_128_gcm, 16, true},
        {"3des-cbc", EVP_des_ede3_cbc, 8, false},
};

/* A file, taken apart; borrowed from its bytes. */
struct container {
        const struct cipher *cipher;
        capnp_data salt, public, private, tag;
        uint32_t rounds;
        enum key_type type;
};

static const struct cipher *cipher_find(capnp_data name)
{
        for (unsigned i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
                if (client_data_is(name, ciphers[i].name))
                        return &ciphers[i];
        return NULL;
}

/* What the passphrase is stretched with: a salt and rounds; without encryption, nothing at all. */
static bool container_read_kdf(struct container *c, capnp_data options)
{
        struct client_in i = {.p = options.p, .len = options.len};

        if (c->cipher->evp) {
                c->salt = client_in_string(&i);
                c->rounds = client_in_u32(&i);
        }
        return !i.bad && !i.len;
}

static int container_read(capnp_data body, struct container *ret_c, const char **ret_why)
{
        static const char magic[] = "openssh-key-v1"; /* with its NUL */
        struct client_in i = {.p = body.p, .len = body.len};
        capnp_data name, options;

        *ret_c = (struct container){0};
        if (i.len < sizeof(magic) || memcmp(i.p, magic, sizeof(magic)) != 0)
                return CAPOS_E_KEY;

        i.p += sizeof(magic);
        i.len -= sizeof(magic);
        ret_c->cipher = cipher_find(client_in_string(&i));
        name = client_in_string(&i);
        options = client_in_string(&i);
        if (client_in_u32(&i) != 1)
                return CAPOS_E_KEY;

        ret_c->public = client_in_string(&i);
        ret_c->private = client_in_string(&i);
        ret_c->tag = (capnp_data){i.p, (uint32_t)i.len};
        if (i.bad || key_type_of_public(ret_c->public, &ret_c->type))
                return CAPOS_E_KEY;

        *ret_why = "its key is in a security key, which an ssh-agent can ask: ssh-add it";
        if (!key_type_signature(ret_c->type))
                return CAPOS_E_KEY;

        *ret_why = "it is encrypted in a way that is not known here";
        if (!ret_c->cipher || !client_data_is(name, ret_c->cipher->evp ? "bcrypt" : "none"))
                return CAPOS_E_KEY;

        *ret_why = "it is damaged: its lengths do not fit";
        if (ret_c->tag.len != (ret_c->cipher->tag ? TAG_BYTES : 0) || !ret_c->private.len ||
            ret_c->private.len % ret_c->cipher->block || !container_read_kdf(ret_c, options))
                return CAPOS_E_KEY;
        return 0;
}

static void cipher_ctx_freep(EVP_CIPHER_CTX **c)
{
        EVP_CIPHER_CTX_free(*c);
}

static int container_decrypt(const struct container *c, const uint8_t *key, uint8_t *to)
{
        CAPNP_AUTO(cipher_ctx_freep) EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
        const EVP_CIPHER *evp = c->cipher->evp();
        uint8_t tag[TAG_BYTES];
        int len;

        if (!x || !EVP_DecryptInit_ex(x, evp, NULL, key, key + EVP_CIPHER_get_key_length(evp)) ||
            !EVP_CIPHER_CTX_set_padding(x, 0))
                return -ENOMEM;
        if (c->cipher->tag) {
                memcpy(tag, c->tag.p, sizeof(tag));
                if (!EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag))
                        return -ENOMEM;
        }
        if (!EVP_DecryptUpdate(x, to, &len, c->private.p, (int)c->private.len) ||
            !EVP_DecryptFinal_ex(x, to + len, &len))
                return CAPOS_E_KEY_LOCKED;
        return 0;
}

/* Decrypts the private part. CAPOS_E_KEY_LOCKED: there is no passphrase, or it does not fit. */
static int container_unlock(const struct container *c, capnp_data passphrase, uint8_t *to)
{
        const EVP_CIPHER *evp = c->cipher->evp();
        size_t len = (size_t)(EVP_CIPHER_get_key_length(evp) + EVP_CIPHER_get_iv_length(evp));
        uint8_t key[EVP_MAX_KEY_LENGTH + EVP_MAX_IV_LENGTH];
        int r;

        if (!passphrase.len)
                return CAPOS_E_KEY_LOCKED;

        r = client_bcrypt_pbkdf(passphrase, c->salt, c->rounds, key, len);
        if (!r)
                r = container_decrypt(c, key, to);
        explicit_bzero(key, sizeof(key));
        return r;
}

/* After the key there are its comment, and 1, 2, 3 … up to a whole block. */
static bool padding_is_right(struct client_in *i, unsigned block)
{
        (void)client_in_string(i);
        if (i->bad || i->len >= block)
                return false;
        for (size_t n = 0; n < i->len; n++)
                if (i->p[n] != n + 1)
                        return false;
        return true;
}

static int container_open(const struct container *c, capnp_data private, EVP_PKEY **ret_k,
                          const char **ret_why)
{
        struct client_in i = {.p = private.p, .len = private.len};
        uint8_t public[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = public, .room = sizeof(public)};
        uint32_t a = client_in_u32(&i), b = client_in_u32(&i);
        int r;

        if (a != b)
                return c->cipher->evp ? CAPOS_E_KEY_LOCKED : CAPOS_E_KEY;
        r = key_of_private(&i, c->type, ret_k);
        if (r)
                return r;

        *ret_why = "it is damaged: what follows the key is not its padding";
        if (!padding_is_right(&i, c->cipher->block))
                return CAPOS_E_KEY;
        *ret_why = "its two halves do not belong together";
        if (key_public_of_pkey(*ret_k, &o) || o.len != c->public.len ||
            memcmp(public, c->public.p, o.len) != 0)
                return CAPOS_E_KEY;
        return 0;
}

int key_of_openssh(capnp_data body, capnp_data passphrase, EVP_PKEY **ret_k, const char **ret_why)
{
        struct container c;
        capnp_data private;
        uint8_t *plain;
        EVP_PKEY *k = NULL;
        int r;

        r = container_read(body, &c, ret_why);
        if (r)
                return r;

        *ret_why = NULL;
        plain = malloc(c.private.len);
        if (!plain)
                return -ENOMEM;
        private = (capnp_data){plain, c.private.len};
        if (c.cipher->evp)
                r = container_unlock(&c, passphrase, plain);
        else
                memcpy(plain, c.private.p, c.private.len);
        if (!r)
                r = container_open(&c, private, &k, ret_why);
        explicit_bzero(plain, c.private.len);
        free(plain);
        if (r) {
                EVP_PKEY_free(k);
                return r;
        }
        *ret_k = k;
        return 0;
}
