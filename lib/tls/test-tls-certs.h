/*
 * Certificates for tests: of any key, by any issuer, with any extensions, valid whenever.
 */
#ifndef CAPOS_TEST_TLS_CERTS_H
#define CAPOS_TEST_TLS_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include <capos/capnp-base.h>

enum { CERT_NOW = 1800000000, CERT_DAY = 86400 }; /* what the tests take for now */

/* A key and its certificate. */
struct cert {
        EVP_PKEY *key;
        X509 *x;
};

/* What a certificate says. Members left out are as for a client's leaf, valid for a day around now.
 */
struct cert_plan {
        const char *type;        /* "P-256" (NULL), "P-384", "ED25519", "RSA", "RSA1024" */
        const char *name;        /* of the subject; NULL: "someone" */
        const struct cert *by;   /* NULL: signs itself */
        const char *constraints; /* NULL: critical,CA:FALSE */
        const char *usage;       /* NULL: none */
        const char *purposes;    /* NULL: none */
        const char *names;       /* NULL: none */
        int64_t from, until;     /* 0: a day around CERT_NOW */
        const EVP_MD *digest;    /* NULL: SHA-256 */
        EVP_PKEY *key;           /* NULL: a new one */
};

static inline EVP_PKEY *cert_key(const char *type)
{
        if (!type || !strncmp(type, "P-", 2))
                return EVP_EC_gen(type ? type : "P-256");
        if (!strncmp(type, "RSA", 3))
                return EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
                                         (size_t)(type[3] ? strtoul(type + 3, NULL, 10) : 2048));
        return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static inline void cert_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX c;
        X509_EXTENSION *e;

        if (!value)
                return;

        X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
        CHECK(e != NULL);
        CHECK_EQ(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
}

static inline struct cert cert_make(const struct cert_plan *p)
{
        static int64_t serial = 1000;
        struct cert c = {.key = p->key ? p->key : cert_key(p->type), .x = X509_new()};
        const struct cert *by = p->by ? p->by : &c;
        const char *name = p->name ? p->name : "someone";
        X509_NAME *subject;

        CHECK(c.key && c.x);
        if (p->key)
                CHECK_EQ(EVP_PKEY_up_ref(p->key), 1);
        subject = X509_get_subject_name(c.x);
        CHECK_EQ(X509_set_version(c.x, X509_VERSION_3), 1);
        CHECK_EQ(ASN1_INTEGER_set_int64(X509_get_serialNumber(c.x), serial++), 1);
        CHECK_EQ(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                            (const unsigned char *)name, -1, -1, 0),
                 1);
        CHECK_EQ(X509_set_issuer_name(c.x, X509_get_subject_name(by->x)), 1);
        CHECK(ASN1_TIME_set(X509_getm_notBefore(c.x),
                            (time_t)(p->from ? p->from : CERT_NOW - CERT_DAY)));
        CHECK(ASN1_TIME_set(X509_getm_notAfter(c.x),
                            (time_t)(p->until ? p->until : CERT_NOW + CERT_DAY)));
        CHECK_EQ(X509_set_pubkey(c.x, c.key), 1);
        cert_extension(c.x, by->x, NID_basic_constraints,
                       p->constraints ? p->constraints : "critical,CA:FALSE");
        cert_extension(c.x, by->x, NID_key_usage, p->usage);
        cert_extension(c.x, by->x, NID_ext_key_usage, p->purposes);
        cert_extension(c.x, by->x, NID_subject_alt_name, p->names);
        CHECK(X509_sign(c.x, by->key,
                        !strncmp(EVP_PKEY_get0_type_name(by->key), "ED", 2) ? NULL
                        : p->digest                                         ? p->digest
                                                                            : EVP_sha256()) > 0);
        return c;
}

/* One that may issue others. */
static inline struct cert cert_authority(const char *name, const struct cert *by)
{
        return cert_make(&(struct cert_plan){.name = name,
                                             .by = by,
                                             .constraints = "critical,CA:TRUE",
                                             .usage = "critical,keyCertSign,cRLSign",
                                             .from = CERT_NOW - 1000ll * CERT_DAY,
                                             .until = CERT_NOW + 1000ll * CERT_DAY});
}

static inline void cert_deinit(struct cert *c)
{
        EVP_PKEY_free(c->key);
        X509_free(c->x);
}

/* A text that grows; freed by the caller. */
struct cert_text {
        char *p;
        size_t len;
};

static inline void cert_text_add(struct cert_text *t, BIO *b)
{
        char *more;
        long len = BIO_get_mem_data(b, &more);

        CHECK(len > 0);
        t->p = realloc(t->p, t->len + (size_t)len + 1);
        CHECK(t->p != NULL);
        memcpy(t->p + t->len, more, (size_t)len);
        t->len += (size_t)len;
        t->p[t->len] = '\0';
        BIO_free(b);
}

static inline void cert_text_add_x509(struct cert_text *t, X509 *x)
{
        BIO *b = BIO_new(BIO_s_mem());

        CHECK_EQ(PEM_write_bio_X509(b, x), 1);
        cert_text_add(t, b);
}

static inline void cert_text_add_key(struct cert_text *t, EVP_PKEY *k, const EVP_CIPHER *cipher)
{
        BIO *b = BIO_new(BIO_s_mem());
        const unsigned char secret[] = "secret";

        CHECK_EQ(PEM_write_bio_PrivateKey(b, k, cipher, cipher ? secret : NULL, 6, NULL, NULL), 1);
        cert_text_add(t, b);
}

static inline capnp_data cert_text_data(const struct cert_text *t)
{
        return (capnp_data){(const uint8_t *)t->p, (uint32_t)t->len};
}

#endif
