/*
 * Keys and signatures in OpenSSH's format, given to OpenSSL.
 *
 * Everything here is foreign bytes. A reader walks a blob by lengths it has checked against what is
 * left, and a blob must end where its last member does. Numbers (mpint) must be positive and in
 * their shortest form, so a key has one blob. Points are given to OpenSSL uncompressed, which
 * checks that they are on the curve. The algorithm of a signature must be one of its key's type,
 * and the SHA-1 form of RSA is none.
 */
#include "ssh.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <string.h>

enum {
        RSA_LEAST_BITS = 2048,
        RSA_MOST_BITS = 16384,
        EXPONENT_BYTES = 8,
        ED25519_BYTES = 32,
        ED25519_SIGNATURE_BYTES = 64,
        SIGNED_BYTES = 512,
        DER_BYTES = 256,
        SSHSIG_VERSION = 1,
};

static const char magic[] = "SSHSIG";

/* What each type is called, and by OpenSSL. */
static const struct {
        const char *name, *curve, *group;
        unsigned point_bytes;
} types[SSH_TYPES] = {
        [SSH_ED25519] = {.name = "ssh-ed25519"},
        [SSH_P256] = {"ecdsa-sha2-nistp256", "nistp256", "prime256v1", 65},
        [SSH_P384] = {"ecdsa-sha2-nistp384", "nistp384", "secp384r1", 97},
        [SSH_P521] = {"ecdsa-sha2-nistp521", "nistp521", "secp521r1", 133},
        [SSH_RSA] = {.name = "ssh-rsa"},
};

/* The algorithms of signatures: whose they are, and their digest (NULL: none before signing). */
static const struct {
        const char *name;
        enum ssh_type type;
        const char *digest;
} algorithms[] = {
        {"ssh-ed25519", SSH_ED25519, NULL},          {"ecdsa-sha2-nistp256", SSH_P256, "SHA256"},
        {"ecdsa-sha2-nistp384", SSH_P384, "SHA384"}, {"ecdsa-sha2-nistp521", SSH_P521, "SHA512"},
        {"rsa-sha2-256", SSH_RSA, "SHA256"},         {"rsa-sha2-512", SSH_RSA, "SHA512"},
};

/* ---- reading -------------------------------------------------------------------------------- */

struct cursor {
        const uint8_t *p;
        size_t left;
        bool bad;
};

static uint32_t cursor_u32(struct cursor *c)
{
        uint32_t v;

        if (c->bad || c->left < 4) {
                c->bad = true;
                return 0;
        }

        v = (uint32_t)c->p[0] << 24 | (uint32_t)c->p[1] << 16 | (uint32_t)c->p[2] << 8 | c->p[3];
        c->p += 4;
        c->left -= 4;
        return v;
}

static capnp_data cursor_string(struct cursor *c)
{
        uint32_t len = cursor_u32(c);
        capnp_data d = {c->p, len};

        if (c->bad || len > c->left) {
                c->bad = true;
                return (capnp_data){0};
        }

        c->p += len;
        c->left -= len;
        return d;
}

/* A positive number, without its sign byte; anything else is bad. */
static capnp_data cursor_number(struct cursor *c)
{
        capnp_data d = cursor_string(c);

        if (!d.len || d.p[0] & 0x80 || (!d.p[0] && (d.len < 2 || !(d.p[1] & 0x80)))) {
                c->bad = true;
                return (capnp_data){0};
        }
        if (!d.p[0]) {
                d.p++;
                d.len--;
        }
        return d;
}

static bool cursor_done(const struct cursor *c)
{
        return !c->bad && !c->left;
}

static bool data_is(capnp_data d, const char *s)
{
        return d.len == strlen(s) && !memcmp(d.p, s, d.len);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Lets OpenSSL make a public key of parameters, which are freed. NULL params: no memory. */
static int key_from_params(const char *algorithm, OSSL_PARAM *params, EVP_PKEY **ret)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
        int r = -ENOMEM;

        *ret = NULL;
        if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1)
                r = EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) == 1 ? 0 : SSH_E_FORM;
        OSSL_PARAM_free(params);
        EVP_PKEY_CTX_free(ctx);
        return r;
}

static int key_ed25519(struct cursor *c, struct ssh_key *k)
{
        capnp_data point = cursor_string(c);

        if (!cursor_done(c) || point.len != ED25519_BYTES)
                return SSH_E_FORM;

        k->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.p, point.len);
        return k->pkey ? 0 : SSH_E_FORM;
}

static int key_ecdsa(struct cursor *c, struct ssh_key *k)
{
        capnp_data curve = cursor_string(c), point = cursor_string(c);
        OSSL_PARAM_BLD *b;
        OSSL_PARAM *params = NULL;

        if (!cursor_done(c) || !data_is(curve, types[k->type].curve) ||
            point.len != types[k->type].point_bytes || point.p[0] != POINT_CONVERSION_UNCOMPRESSED)
                return SSH_E_FORM;

        b = OSSL_PARAM_BLD_new();
        if (b &&
            OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, types[k->type].group,
                                            0) &&
            OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len))
                params = OSSL_PARAM_BLD_to_param(b);
        OSSL_PARAM_BLD_free(b);
        return key_from_params("EC", params, &k->pkey);
}

static int key_rsa(struct cursor *c, struct ssh_key *k)
{
        capnp_data e = cursor_number(c), n = cursor_number(c);
        OSSL_PARAM_BLD *b;
        OSSL_PARAM *params = NULL;
        BIGNUM *be, *bn;
        int bits;

        if (!cursor_done(c) || e.len > EXPONENT_BYTES || n.len > RSA_MOST_BITS / 8)
                return SSH_E_FORM;

        be = BN_bin2bn(e.p, (int)e.len, NULL);
        bn = BN_bin2bn(n.p, (int)n.len, NULL);
        bits = bn ? BN_num_bits(bn) : 0;
        b = OSSL_PARAM_BLD_new();
        if (be && bn && b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be) &&
            OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn))
                params = OSSL_PARAM_BLD_to_param(b);
        OSSL_PARAM_BLD_free(b);
        BN_free(be);
        BN_free(bn);
        if (bits < RSA_LEAST_BITS) {
                OSSL_PARAM_free(params);
                return SSH_E_WEAK;
        }
        return key_from_params("RSA", params, &k->pkey);
}

int ssh_key_read(capnp_data blob, struct ssh_key *ret)
{
        struct cursor c = {.p = blob.p, .left = blob.len};
        capnp_data name = cursor_string(&c);
        struct ssh_key k = {.type = SSH_TYPES};
        int r;

        for (unsigned i = 0; i < SSH_TYPES; i++)
                if (data_is(name, types[i].name))
                        k.type = (enum ssh_type)i;
        if (c.bad)
                return SSH_E_SHORT;
        if (k.type == SSH_TYPES)
                return SSH_E_TYPE;

        if (k.type == SSH_ED25519)
                r = key_ed25519(&c, &k);
        else
                r = k.type == SSH_RSA ? key_rsa(&c, &k) : key_ecdsa(&c, &k);
        if (r) {
                ssh_key_deinit(&k);
                return r;
        }

        *ret = k;
        return 0;
}

void ssh_key_deinit(struct ssh_key *k)
{
        EVP_PKEY_free(k->pkey);
        k->pkey = NULL;
}

/* ---- signatures ----------------------------------------------------------------------------- */

int ssh_sig_read(capnp_data blob, struct ssh_sig *ret)
{
        struct cursor c = {.p = blob.p, .left = blob.len};
        struct cursor inner;
        capnp_data reserved, signature;
        struct ssh_sig s;

        if (blob.len < sizeof(magic) - 1)
                return SSH_E_SHORT;
        if (memcmp(blob.p, magic, sizeof(magic) - 1) != 0)
                return SSH_E_FORM;

        c.p += sizeof(magic) - 1;
        c.left -= sizeof(magic) - 1;
        if (cursor_u32(&c) != SSHSIG_VERSION)
                return SSH_E_FORM;

        s.key = cursor_string(&c);
        s.name = cursor_string(&c);
        reserved = cursor_string(&c);
        s.hash = cursor_string(&c);
        signature = cursor_string(&c);
        if (!cursor_done(&c))
                return SSH_E_SHORT;

        inner = (struct cursor){.p = signature.p, .left = signature.len};
        s.algorithm = cursor_string(&inner);
        s.bytes = cursor_string(&inner);
        if (!cursor_done(&inner))
                return SSH_E_SHORT;
        if (reserved.len)
                return SSH_E_FORM;

        *ret = s;
        return 0;
}

/* ECDSA signatures are two numbers in a string; OpenSSL wants them in DER. */
static int sig_to_der(capnp_data sig, uint8_t der[DER_BYTES], size_t *ret_len)
{
        struct cursor c = {.p = sig.p, .left = sig.len};
        capnp_data r = cursor_number(&c), s = cursor_number(&c);
        ECDSA_SIG *e;
        BIGNUM *br, *bs;
        uint8_t *to = der;
        int len;

        if (!cursor_done(&c) || r.len > 66 || s.len > 66)
                return SSH_E_FORM;

        e = ECDSA_SIG_new();
        br = BN_bin2bn(r.p, (int)r.len, NULL);
        bs = BN_bin2bn(s.p, (int)s.len, NULL);
        if (!e || !br || !bs || !ECDSA_SIG_set0(e, br, bs)) {
                BN_free(br);
                BN_free(bs);
                ECDSA_SIG_free(e);
                return -ENOMEM;
        }

        len = i2d_ECDSA_SIG(e, NULL);
        len = len > 0 && len <= DER_BYTES ? i2d_ECDSA_SIG(e, &to) : 0;
        ECDSA_SIG_free(e);
        *ret_len = (size_t)len;
        return len > 0 ? 0 : SSH_E_FORM;
}

static int key_check(const struct ssh_key *k, const char *digest, capnp_data sig,
                     capnp_data message)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        int r = -ENOMEM;

        if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, k->pkey, NULL) == 1)
                r = EVP_DigestVerify(ctx, sig.p, sig.len, message.p, message.len) == 1 ? 0
                                                                                       : SSH_E_BAD;
        EVP_MD_CTX_free(ctx);
        return r;
}

static int key_verify(const struct ssh_key *k, const struct ssh_sig *s, capnp_data message)
{
        uint8_t der[DER_BYTES];
        size_t len;
        int r;

        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
                if (algorithms[i].type != k->type || !data_is(s->algorithm, algorithms[i].name))
                        continue;
                if (k->type == SSH_ED25519 && s->bytes.len != ED25519_SIGNATURE_BYTES)
                        return SSH_E_FORM;
                if (k->type == SSH_ED25519 || k->type == SSH_RSA)
                        return key_check(k, algorithms[i].digest, s->bytes, message);

                r = sig_to_der(s->bytes, der, &len);
                return r ? r
                         : key_check(k, algorithms[i].digest, (capnp_data){der, (uint32_t)len},
                                     message);
        }
        return SSH_E_TYPE;
}

struct signed_bytes {
        uint8_t p[SIGNED_BYTES];
        size_t len;
};

static void signed_put(struct signed_bytes *b, const void *p, size_t len)
{
        const uint8_t be[4] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

        memcpy(b->p + b->len, be, 4);
        if (len)
                memcpy(b->p + b->len + 4, p, len);
        b->len += 4 + len;
}

/* What an SSHSIG signature really signs: a second envelope with the message's hash. */
static int sig_envelope(const struct ssh_sig *s, const char *name, capnp_data message,
                        struct signed_bytes *ret)
{
        uint8_t hash[EVP_MAX_MD_SIZE];
        const EVP_MD *md = NULL;
        unsigned len;

        if (data_is(s->hash, "sha256"))
                md = EVP_sha256();
        if (data_is(s->hash, "sha512"))
                md = EVP_sha512();
        if (!md)
                return SSH_E_TYPE;
        if (!EVP_Digest(message.p, message.len, hash, &len, md, NULL))
                return -ENOMEM;

        ret->len = sizeof(magic) - 1;
        memcpy(ret->p, magic, ret->len);
        signed_put(ret, name, strlen(name));
        signed_put(ret, NULL, 0);
        signed_put(ret, s->hash.p, s->hash.len);
        signed_put(ret, hash, len);
        return 0;
}

int ssh_verify(capnp_data key, capnp_data sig, const char *name, capnp_data message)
{
        struct signed_bytes envelope;
        struct ssh_sig s;
        struct ssh_key k;
        int r;

        if (strlen(name) > 128)
                return SSH_E_FORM;

        r = ssh_sig_read(sig, &s);
        if (r)
                return r;
        if (s.key.len != key.len || memcmp(s.key.p, key.p, key.len) != 0)
                return SSH_E_KEY;
        if (!data_is(s.name, name))
                return SSH_E_BAD;

        r = sig_envelope(&s, name, message, &envelope);
        if (!r)
                r = ssh_key_read(key, &k);
        if (r)
                return r;

        r = key_verify(&k, &s, (capnp_data){envelope.p, (uint32_t)envelope.len});
        ssh_key_deinit(&k);
        return r;
}
