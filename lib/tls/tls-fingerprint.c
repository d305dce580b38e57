/*
 * Fingerprints and certificates as text.
 *
 * A fingerprint is of the key, not of the certificate: a certificate that is renewed with the same
 * key has the same one. It has one spelling, so that two are equal when their letters are.
 *
 * Certificates come from strangers. Names are printed with everything escaped that is not a
 * printable letter of ASCII.
 */
#include "tls-fingerprint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PREFIX "sha256:"

enum { PREFIX_LEN = sizeof(PREFIX) - 1, LETTERS = 43, NAME_TEXT = 512, TIME_TEXT = 32 };

int capos_i_tls_key_hash(const X509 *x, uint8_t ret[TLS_KEY_HASH_BYTES])
{
        unsigned char *der = NULL;
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
        bool done;

        if (len <= 0)
                return -ENOMEM;

        done = EVP_Digest(der, (size_t)len, ret, NULL, EVP_sha256(), NULL) == 1;
        OPENSSL_free(der);
        return done ? 0 : -ENOMEM;
}

int capos_i_tls_time_read(const ASN1_TIME *t, int64_t *ret_s)
{
        struct tm tm;
        time_t s;

        if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
                return -EINVAL;

        s = timegm(&tm);
        if (s < 0)
                return -EINVAL;
        *ret_s = s;
        return 0;
}

/* ---- fingerprints --------------------------------------------------------------------------- */

void capos_i_tls_fingerprint_print(const uint8_t hash[TLS_KEY_HASH_BYTES],
                                   char ret[TLS_FINGERPRINT_TEXT])
{
        unsigned char padded[LETTERS + 2];

        EVP_EncodeBlock(padded, hash, TLS_KEY_HASH_BYTES);
        memcpy(ret, PREFIX, PREFIX_LEN);
        memcpy(ret + PREFIX_LEN, padded, LETTERS);
        ret[PREFIX_LEN + LETTERS] = '\0';
}

int capos_i_tls_fingerprint_read(const char *text, uint8_t ret[TLS_KEY_HASH_BYTES])
{
        unsigned char padded[LETTERS + 1], hash[TLS_KEY_HASH_BYTES + 1];
        char again[TLS_FINGERPRINT_TEXT];

        if (strlen(text) != TLS_FINGERPRINT_TEXT - 1 || memcmp(text, PREFIX, PREFIX_LEN))
                return TLS_FINGERPRINT_E_FORM;

        memcpy(padded, text + PREFIX_LEN, LETTERS);
        padded[LETTERS] = '=';
        if (EVP_DecodeBlock(hash, padded, sizeof(padded)) != TLS_KEY_HASH_BYTES + 1)
                return TLS_FINGERPRINT_E_FORM;

        /* Stray bits in the last letter, blanks: another spelling is none. */
        capos_i_tls_fingerprint_print(hash, again);
        if (strcmp(again, text))
                return TLS_FINGERPRINT_E_FORM;
        memcpy(ret, hash, TLS_KEY_HASH_BYTES);
        return 0;
}

/* ---- certificates --------------------------------------------------------------------------- */

/* Text that grows until it is full. */
struct page {
        char *p;
        size_t room, len;
};

static void page_add(struct page *g, const char *fmt, ...) CAPNP_PRINTF(2, 3);

static void page_add(struct page *g, const char *fmt, ...)
{
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(g->p + g->len, g->room - g->len, fmt, ap);
        va_end(ap);
        if (n > 0)
                g->len += (size_t)n < g->room - g->len ? (size_t)n : g->room - g->len - 1;
}

static void page_add_escaped(struct page *g, const unsigned char *p, size_t len)
{
        for (size_t i = 0; i < len; i++)
                page_add(g, p[i] > ' ' && p[i] < 0x7f && p[i] != '\\' ? "%c" : "\\x%02x", p[i]);
}

int capos_i_tls_subject_print(const X509_NAME *n, char *out, size_t room)
{
        BIO *b = BIO_new(BIO_s_mem());
        const unsigned long how = (XN_FLAG_ONELINE | ASN1_STRFLGS_ESC_MSB) &
                                  ~(unsigned long)ASN1_STRFLGS_UTF8_CONVERT;
        long len = 0;
        char *p;

        if (!b || X509_NAME_print_ex(b, n, 0, how) < 0) {
                BIO_free(b);
                return -ENOMEM;
        }

        len = BIO_get_mem_data(b, &p);
        snprintf(out, room, "%.*s", (int)len, len > 0 ? p : "");
        BIO_free(b);
        return 0;
}

static void page_add_address(struct page *g, const ASN1_OCTET_STRING *a)
{
        int len = ASN1_STRING_length(a);
        char text[INET6_ADDRSTRLEN] = "?";

        if (len == 4 || len == 16)
                (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(a), text,
                                sizeof(text));
        page_add(g, "IP:%s", text);
}

static void page_add_name(struct page *g, const GENERAL_NAME *n)
{
        static const struct {
                int type;
                const char *prefix;
        } texts[] = {{GEN_DNS, "DNS:"}, {GEN_EMAIL, "email:"}, {GEN_URI, "URI:"}};

        if (n->type == GEN_IPADD) {
                page_add_address(g, n->d.iPAddress);
                return;
        }

        for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                if (n->type != texts[i].type)
                        continue;
                page_add(g, "%s", texts[i].prefix);
                page_add_escaped(g, ASN1_STRING_get0_data(n->d.ia5),
                                 (size_t)ASN1_STRING_length(n->d.ia5));
                return;
        }
        page_add(g, "other");
}

static void page_add_names(struct page *g, const X509 *x)
{
        GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

        for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
                page_add(g, "%s", i ? ", " : "");
                page_add_name(g, sk_GENERAL_NAME_value(all, i));
        }
        page_add(g, "%s", all ? "" : "none");
        GENERAL_NAMES_free(all);
}

void capos_i_tls_names_print(const X509 *x, char *out, size_t room)
{
        struct page g = {out, room, 0};

        out[0] = '\0';
        page_add_names(&g, x);
}

static void page_add_time(struct page *g, const char *what, const ASN1_TIME *t)
{
        char text[TIME_TEXT] = "unreadable";
        struct tm tm;

        if (t && ASN1_TIME_to_tm(t, &tm) == 1)
                (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &tm);
        page_add(g, "%-12s %s\n", what, text);
}

static void page_add_key(struct page *g, const X509 *x, const uint8_t hash[TLS_KEY_HASH_BYTES])
{
        EVP_PKEY *k = X509_get0_pubkey(x);
        char text[TLS_FINGERPRINT_TEXT], group[32] = "";

        capos_i_tls_fingerprint_print(hash, text);
        if (k && EVP_PKEY_is_a(k, "EC"))
                (void)EVP_PKEY_get_group_name(k, group, sizeof(group), NULL);
        page_add(g, "key          %s%s%s\nfingerprint  %s\n",
                 k ? EVP_PKEY_get0_type_name(k) : "unknown", *group ? " " : "", group, text);
}

int capos_i_tls_certificate_print(const X509 *x, char ret[TLS_CERTIFICATE_TEXT])
{
        struct page g = {.p = ret, .room = TLS_CERTIFICATE_TEXT};
        char subject[NAME_TEXT], issuer[NAME_TEXT];
        uint8_t hash[TLS_KEY_HASH_BYTES];
        int r = capos_i_tls_key_hash(x, hash);

        if (!r)
                r = capos_i_tls_subject_print(X509_get_subject_name(x), subject, sizeof(subject));
        if (!r)
                r = capos_i_tls_subject_print(X509_get_issuer_name(x), issuer, sizeof(issuer));
        if (r)
                return r;

        page_add(&g, "subject      %s\n", subject);
        page_add(&g, "names        ");
        page_add_names(&g, x);
        page_add(&g, "\nissuer       %s\n", strcmp(subject, issuer) ? issuer : "itself");
        page_add_time(&g, "valid from", X509_get0_notBefore(x));
        page_add_time(&g, "valid until", X509_get0_notAfter(x));
        page_add_key(&g, x, hash);
        return 0;
}
