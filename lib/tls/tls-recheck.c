/*
 * The check of a client certificate, made again.
 *
 * A worker has spoken TLS with the client, and a worker may be hijacked: what it says about the
 * client's certificate is worth nothing. So it hands over the handshake, and here it is judged by
 * what the session manager knows of this connection without the worker:
 *
 *  - the hash that the signer has signed for it. The messages through the server's Certificate must
 *    have that hash, so they are those of a handshake which was held over this connection;
 *  - the signer's key. The server's certificate must have it, so the client has meant this instance
 *    and no other server that a hijacked worker had a hash signed for;
 *  - the nonce that was given out for the connection. It must be in CertificateRequest. The signer
 *    signs any hash, also an old one; the nonce is what makes the handshake a new one;
 *  - the client's signature, over the messages through its own Certificate, all that is above
 *    included.
 *
 * Then the certificate is judged by the rules (tls-policy.c).
 */
#include "tls-recheck.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "tls-messages.h"
#include "tls-policy.h"

enum { PAD = 64, RSA_LEAST_BITS = 2048, RSA_MOST_BITS = 8192, GROUP_BYTES = 32 };

static const char CONTEXT[] = "TLS 1.3, client CertificateVerify";

const char *capos_i_tls_recheck_strerror(int r)
{
        static const char *const texts[TLS_RECHECK_REASONS] = {
                [0] = "no error",
                [TLS_RECHECK_E_FORM] = "these are not the messages of a handshake",
                [TLS_RECHECK_E_VERSION] = "not TLS 1.3 with a suite of this instance",
                [TLS_RECHECK_E_RECORD] = "not the handshake that was signed for this connection",
                [TLS_RECHECK_E_SERVER] = "a handshake with another server",
                [TLS_RECHECK_E_NONCE] = "a handshake of another connection",
                [TLS_RECHECK_E_NONE] = "no certificate was shown",
                [TLS_RECHECK_E_CERTIFICATE] = "the certificate cannot be read",
                [TLS_RECHECK_E_SCHEME] = "the signature is of a kind that is not accepted",
                [TLS_RECHECK_E_SIGNATURE] = "the signature is not by the certificate's key",
                [TLS_RECHECK_E_RULES] = "the rules for certificates cannot be read",
                [TLS_RECHECK_E_NO_RULE] = "there is no rule for certificates",
                [TLS_RECHECK_E_ISSUER] = "not issued by an authority of any rule",
                [TLS_RECHECK_E_PURPOSE] = "the certificate is not fit for a client",
                [TLS_RECHECK_E_PIN] = "the certificate's key is not one of those pinned",
                [TLS_RECHECK_E_NAME] = "the certificate has none of the names",
                [TLS_RECHECK_E_NOT_YET] = "the certificate is not valid yet",
                [TLS_RECHECK_E_EXPIRED] = "the certificate has expired",
                [TLS_RECHECK_E_CRL] = "the list of revocations is missing or out of date",
                [TLS_RECHECK_E_REVOKED] = "the certificate was revoked",
        };

        if (r < 0)
                return strerror(-r);
        return r < TLS_RECHECK_REASONS ? texts[r] : "unknown";
}

/* ---- the client's signature ----------------------------------------------------------------- */

/* What a scheme is of (RFC 8446, 4.2.3). A curve is bound to its digest; PSS salts have its length.
 */
struct scheme {
        uint16_t number;
        const char *type, *group, *digest;
};

static const struct scheme SCHEMES[] = {
        {0x0403, "EC", "prime256v1", "SHA256"}, {0x0503, "EC", "secp384r1", "SHA384"},
        {0x0603, "EC", "secp521r1", "SHA512"},  {0x0804, "RSA", NULL, "SHA256"},
        {0x0805, "RSA", NULL, "SHA384"},        {0x0806, "RSA", NULL, "SHA512"},
        {0x0807, "ED25519", NULL, NULL},
};

static bool key_is_of_group(EVP_PKEY *k, const char *group)
{
        char name[GROUP_BYTES] = "";
        int explicitly = 0;

        (void)EVP_PKEY_get_int_param(k, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                     &explicitly);
        return !explicitly && EVP_PKEY_get_group_name(k, name, sizeof(name), NULL) == 1 &&
               !strcmp(name, group);
}

/* The scheme of that number, if the key can have made it; else NULL. */
static const struct scheme *scheme_of(uint16_t number, EVP_PKEY *k)
{
        for (unsigned i = 0; i < sizeof(SCHEMES) / sizeof(*SCHEMES); i++) {
                const struct scheme *s = &SCHEMES[i];
                bool rsa = !strcmp(s->type, "RSA");
                int bits = EVP_PKEY_get_bits(k);

                if (s->number != number)
                        continue;
                if (!EVP_PKEY_is_a(k, s->type) || (s->group && !key_is_of_group(k, s->group)) ||
                    (rsa && (bits < RSA_LEAST_BITS || bits > RSA_MOST_BITS)))
                        return NULL;
                return s;
        }
        return NULL;
}

static bool scheme_prepare(const struct scheme *s, EVP_MD_CTX *c, EVP_PKEY *k)
{
        EVP_PKEY_CTX *p = NULL;

        if (EVP_DigestVerifyInit_ex(c, &p, s->digest, NULL, NULL, k, NULL) != 1)
                return false;

        return strcmp(s->type, "RSA") != 0 ||
               (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static int check_signature(const struct tls_messages *t, EVP_PKEY *k)
{
        const struct scheme *s = k ? scheme_of(t->scheme, k) : NULL;
        uint8_t text[PAD + sizeof(CONTEXT) + TLS_HASH_BYTES];
        EVP_MD_CTX *c;
        bool good;

        if (!k)
                return TLS_RECHECK_E_CERTIFICATE;
        if (!s)
                return TLS_RECHECK_E_SCHEME;

        c = EVP_MD_CTX_new();
        if (!c)
                return -ENOMEM;

        memset(text, ' ', PAD);
        memcpy(text + PAD, CONTEXT, sizeof(CONTEXT)); /* with its NUL */
        memcpy(text + PAD + sizeof(CONTEXT), t->client_hash, TLS_HASH_BYTES);
        good = scheme_prepare(s, c, k) &&
               EVP_DigestVerify(c, t->signature.p, t->signature.len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(c);
        return good ? 0 : TLS_RECHECK_E_SIGNATURE;
}

/* ---- certificates --------------------------------------------------------------------------- */

/* NULL: it is none, to the byte. */
static X509 *certificate_read(capnp_data der)
{
        const unsigned char *p = der.p;
        X509 *x = d2i_X509(NULL, &p, (long)der.len);

        if (x && p == der.p + der.len)
                return x;

        X509_free(x);
        return NULL;
}

static int check_server(const struct tls_messages *t, const uint8_t key_hash[TLS_KEY_HASH_BYTES])
{
        X509 *x = certificate_read(t->server_leaf);
        uint8_t found[TLS_KEY_HASH_BYTES];
        int r = x ? capos_i_tls_key_hash(x, found) : TLS_RECHECK_E_SERVER;

        X509_free(x);
        if (r)
                return r;
        return memcmp(found, key_hash, sizeof(found)) ? TLS_RECHECK_E_SERVER : 0;
}

static int chain_read(const struct tls_messages *t, struct tls_shown *s)
{
        s->rest = sk_X509_new_null();
        s->leaf = certificate_read(t->chain[0]);
        if (!s->rest)
                return -ENOMEM;
        if (!s->leaf)
                return TLS_RECHECK_E_CERTIFICATE;

        for (unsigned i = 1; i < t->nchain; i++) {
                X509 *x = certificate_read(t->chain[i]);

                if (!x)
                        return TLS_RECHECK_E_CERTIFICATE;
                if (sk_X509_push(s->rest, x) <= 0) {
                        X509_free(x);
                        return -ENOMEM;
                }
        }
        return capos_i_tls_key_hash(s->leaf, s->key_hash);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Whether it is this connection's handshake. */
static int check_connection(const struct tls_recheck *c, const struct tls_messages *t)
{
        if (memcmp(t->server_hash, c->record, TLS_HASH_BYTES) != 0)
                return TLS_RECHECK_E_RECORD;
        if (t->nonce.len != TLS_NONCE_BYTES || memcmp(t->nonce.p, c->nonce, TLS_NONCE_BYTES) != 0)
                return TLS_RECHECK_E_NONCE;

        return check_server(t, c->server_key);
}

static int serial_print(X509 *x, char ret[TLS_SERIAL_TEXT])
{
        BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
        char *text = n ? BN_bn2hex(n) : NULL;
        int r = text ? 0 : -ENOMEM;

        if (text)
                snprintf(ret, TLS_SERIAL_TEXT, "%s", text);
        OPENSSL_free(text);
        BN_free(n);
        return r;
}

static int check_client(const struct tls_recheck *c, const struct tls_messages *t,
                        struct tls_client *ret)
{
        struct tls_shown shown = {.now = c->now};
        struct tls_client who = {.rule = 0};
        int r = chain_read(t, &shown);

        if (!r)
                r = check_signature(t, X509_get0_pubkey(shown.leaf));
        if (!r)
                r = capos_i_tls_policy_judge(c->rules, &shown, &who);
        if (!r)
                r = capos_i_tls_subject_print(X509_get_subject_name(shown.leaf), who.subject,
                                              sizeof(who.subject));
        if (!r)
                r = serial_print(shown.leaf, who.serial);
        if (!r) {
                memcpy(who.key_hash, shown.key_hash, sizeof(who.key_hash));
                *ret = who;
        }
        X509_free(shown.leaf);
        sk_X509_pop_free(shown.rest, X509_free);
        return r;
}

int capos_i_tls_recheck(const struct tls_recheck *c, struct tls_client *ret)
{
        struct tls_messages t;
        int r = capos_i_tls_messages_read(c->handshake, &t);

        if (!r)
                r = check_connection(c, &t);
        if (!r)
                r = check_client(c, &t, ret);
        ERR_clear_error();
        return r;
}
