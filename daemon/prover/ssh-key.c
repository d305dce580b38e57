/*
 * Keys and signatures in OpenSSH's format, given to OpenSSL.
 *
 * Everything here is foreign bytes, and a blob must end where its last member does. Points are
 * given to OpenSSL uncompressed, which checks that they are on the curve. The algorithm of a
 * signature must be one of its key's type, and the SHA-1 form of RSA is none.
 *
 * A security key signs a hash of the message, of what it was made for, of its counter, and of
 * whether somebody touched it; the last two stand behind the signature, outside of any length. The
 * counter tells of a copied key, and is told on; like ssh, nobody is refused for it.
 */
#include "ssh.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <string.h>

#include "public-key.h"

enum {
        RSA_MOST_BITS = 16384,
        EXPONENT_BYTES = 8,
        ED25519_BYTES = 32,
        ED25519_SIGNATURE_BYTES = 64,
        HASH_BYTES = 32,
        DER_BYTES = 256,
};

/* What each type is called, its certificates, and its curve by OpenSSL. */
static const struct {
        const char *name, *certificate, *curve, *group;
        unsigned point_bytes;
        bool security_key;
} types[SSH_TYPES] = {
        [SSH_ED25519] = {.name = "ssh-ed25519", .certificate = "ssh-ed25519-cert-v01@openssh.com"},
        [SSH_P256] = {.name = "ecdsa-sha2-nistp256",
                      .certificate = "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                      .curve = "nistp256",
                      .group = "prime256v1",
                      .point_bytes = 65},
        [SSH_P384] = {.name = "ecdsa-sha2-nistp384",
                      .certificate = "ecdsa-sha2-nistp384-cert-v01@openssh.com",
                      .curve = "nistp384",
                      .group = "secp384r1",
                      .point_bytes = 97},
        [SSH_P521] = {.name = "ecdsa-sha2-nistp521",
                      .certificate = "ecdsa-sha2-nistp521-cert-v01@openssh.com",
                      .curve = "nistp521",
                      .group = "secp521r1",
                      .point_bytes = 133},
        [SSH_RSA] = {.name = "ssh-rsa", .certificate = "ssh-rsa-cert-v01@openssh.com"},
        [SSH_SK_ED25519] = {.name = "sk-ssh-ed25519@openssh.com",
                            .certificate = "sk-ssh-ed25519-cert-v01@openssh.com",
                            .security_key = true},
        [SSH_SK_P256] = {.name = "sk-ecdsa-sha2-nistp256@openssh.com",
                         .certificate = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                         .curve = "nistp256",
                         .group = "prime256v1",
                         .point_bytes = 65,
                         .security_key = true},
};

/* The algorithms of signatures: whose they are, and their digest (NULL: none before signing). */
static const struct {
        const char *name;
        enum ssh_type type;
        const char *digest;
} algorithms[] = {
        {"ssh-ed25519", SSH_ED25519, NULL},
        {"ecdsa-sha2-nistp256", SSH_P256, "SHA256"},
        {"ecdsa-sha2-nistp384", SSH_P384, "SHA384"},
        {"ecdsa-sha2-nistp521", SSH_P521, "SHA512"},
        {"rsa-sha2-256", SSH_RSA, "SHA256"},
        {"rsa-sha2-512", SSH_RSA, "SHA512"},
        {"sk-ssh-ed25519@openssh.com", SSH_SK_ED25519, NULL},
        {"sk-ecdsa-sha2-nistp256@openssh.com", SSH_SK_P256, "SHA256"},
};

enum ssh_type ssh_type_of_key(capnp_data name)
{
        unsigned t = 0;

        while (t < SSH_TYPES && !ssh_data_is(name, types[t].name))
                t++;
        return (enum ssh_type)t;
}

enum ssh_type ssh_type_of_certificate(capnp_data name)
{
        unsigned t = 0;

        while (t < SSH_TYPES && !ssh_data_is(name, types[t].certificate))
                t++;
        return (enum ssh_type)t;
}

const char *ssh_type_name(enum ssh_type t)
{
        return types[t].name;
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

static int key_ed25519(struct ssh_in *i, struct ssh_key *k)
{
        capnp_data point = ssh_in_string(i);

        if (i->bad || point.len != ED25519_BYTES)
                return SSH_E_FORM;

        k->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.p, point.len);
        return k->pkey ? 0 : SSH_E_FORM;
}

static int key_ecdsa(struct ssh_in *i, struct ssh_key *k)
{
        capnp_data curve = ssh_in_string(i), point = ssh_in_string(i);
        OSSL_PARAM_BLD *b;
        OSSL_PARAM *params = NULL;

        if (i->bad || !ssh_data_is(curve, types[k->type].curve) ||
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

static int key_rsa(struct ssh_in *i, struct ssh_key *k)
{
        capnp_data e = ssh_in_number(i), n = ssh_in_number(i);
        OSSL_PARAM_BLD *b;
        OSSL_PARAM *params = NULL;
        BIGNUM *be, *bn;
        int bits;

        if (i->bad || e.len > EXPONENT_BYTES || n.len > RSA_MOST_BITS / 8)
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
        if (bits < PUBLIC_KEY_RSA_LEAST_BITS) {
                OSSL_PARAM_free(params);
                return SSH_E_WEAK;
        }
        return key_from_params("RSA", params, &k->pkey);
}

/* Agents and ssh ask a security key only in the name of ssh. */
static int key_application(struct ssh_in *i, struct ssh_key *k)
{
        static const char prefix[] = "ssh:";

        k->application = ssh_in_string(i);
        return k->application.len >= strlen(prefix) &&
                               !memcmp(k->application.p, prefix, strlen(prefix))
                       ? 0
                       : SSH_E_FORM;
}

int ssh_key_read_rest(struct ssh_in *i, enum ssh_type type, struct ssh_key *ret)
{
        struct ssh_key k = {.type = type};
        int r;

        if (type == SSH_TYPES)
                return SSH_E_TYPE;

        if (type == SSH_RSA)
                r = key_rsa(i, &k);
        else
                r = types[type].curve ? key_ecdsa(i, &k) : key_ed25519(i, &k);
        if (!r && !public_key_is_sound(k.pkey, RSA_MOST_BITS))
                r = SSH_E_FORM;
        if (!r && types[type].security_key)
                r = key_application(i, &k);
        if (r) {
                ssh_key_deinit(&k);
                return r;
        }

        *ret = k;
        return 0;
}

int ssh_key_read(capnp_data blob, struct ssh_key *ret)
{
        struct ssh_in i = ssh_in(blob);
        capnp_data name = ssh_in_string(&i);
        int r = i.bad ? SSH_E_SHORT : ssh_key_read_rest(&i, ssh_type_of_key(name), ret);

        if (!r && !ssh_in_done(&i)) {
                ssh_key_deinit(ret);
                return SSH_E_FORM;
        }
        return r;
}

void ssh_key_deinit(struct ssh_key *k)
{
        EVP_PKEY_free(k->pkey);
        k->pkey = NULL;
}

/* ---- signatures ----------------------------------------------------------------------------- */

int ssh_signature_read(capnp_data blob, struct ssh_signature *ret)
{
        struct ssh_in i = ssh_in(blob);
        struct ssh_signature s = {.algorithm = ssh_in_string(&i), .bytes = ssh_in_string(&i)};
        enum ssh_type t = ssh_type_of_key(s.algorithm);

        s.security_key = t < SSH_TYPES && types[t].security_key;
        if (s.security_key) {
                s.flags = ssh_in_u8(&i);
                s.counter = ssh_in_u32(&i);
        }
        if (!ssh_in_done(&i))
                return SSH_E_SHORT;

        *ret = s;
        return 0;
}

/* ECDSA signatures are two numbers in a string; OpenSSL wants them in DER. */
static int sig_to_der(capnp_data sig, uint8_t der[DER_BYTES], size_t *ret_len)
{
        struct ssh_in i = ssh_in(sig);
        capnp_data r = ssh_in_number(&i), s = ssh_in_number(&i);
        ECDSA_SIG *e;
        BIGNUM *br, *bs;
        uint8_t *to = der;
        int len;

        if (!ssh_in_done(&i) || r.len > 66 || s.len > 66)
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

/* The digest of an algorithm of a key. -1: it is none of the key's. */
static int key_digest(const struct ssh_key *k, capnp_data algorithm, const char **ret)
{
        for (unsigned i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
                if (algorithms[i].type == k->type && ssh_data_is(algorithm, algorithms[i].name)) {
                        *ret = algorithms[i].digest;
                        return 0;
                }
        }
        return -1;
}

static int key_verify(const struct ssh_key *k, const struct ssh_signature *s, capnp_data message)
{
        const char *digest;
        uint8_t der[DER_BYTES];
        size_t len;
        int r;

        if (key_digest(k, s->algorithm, &digest))
                return SSH_E_TYPE;
        if (!digest && s->bytes.len != ED25519_SIGNATURE_BYTES)
                return SSH_E_FORM;
        if (!types[k->type].curve)
                return key_check(k, digest, s->bytes, message);

        r = sig_to_der(s->bytes, der, &len);
        return r ? r : key_check(k, digest, (capnp_data){der, (uint32_t)len}, message);
}

/* What a security key really signs. */
struct touched {
        uint8_t application[HASH_BYTES], flags, counter[4], message[HASH_BYTES];
};

static int key_verify_touched(const struct ssh_key *k, const struct ssh_signature *s,
                              capnp_data message)
{
        struct touched t = {.flags = s->flags,
                            .counter = {(uint8_t)(s->counter >> 24), (uint8_t)(s->counter >> 16),
                                        (uint8_t)(s->counter >> 8), (uint8_t)s->counter}};

        _Static_assert(sizeof(t) == 2 * HASH_BYTES + 5, "no byte between");
        if (!EVP_Digest(k->application.p, k->application.len, t.application, NULL, EVP_sha256(),
                        NULL) ||
            !EVP_Digest(message.p, message.len, t.message, NULL, EVP_sha256(), NULL))
                return -ENOMEM;
        if (!(s->flags & SSH_TOUCHED))
                return SSH_E_ABSENT;

        return key_verify(k, s, (capnp_data){(const uint8_t *)&t, sizeof(t)});
}

int ssh_key_verify(const struct ssh_key *k, const struct ssh_signature *s, capnp_data message)
{
        return types[k->type].security_key ? key_verify_touched(k, s, message)
                                           : key_verify(k, s, message);
}
