/*
 * Identities.
 *
 * One that is made here is a certificate which signs itself, for ten years, and is trusted by its
 * key: clients pin that, or take the certificate as their only root. So it is no certification
 * authority (some clients refuse one as a server), and says what it is for.
 *
 * One that comes from elsewhere is refused here, by name, rather than by a client later: only P-256
 * and Ed25519 have a place at the signer, and a chain has to be one. Whether it is valid today is
 * another question: who has pinned the key does not ask it.
 *
 * Private keys are decoded in OpenSSL's secure heap where the program has one, and never on a
 * terminal's passphrase.
 */
#include "tls-identity.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
        SERIAL_BYTES = 16,
        BACK_SECONDS = 3600, /* for clients whose clock is late */
        DAY_SECONDS = 86400,
        HOST_BYTES = 253,
        LABEL_BYTES = 63,
        COMMON_NAME_BYTES = 64,
        PARAMETER_GROUP = 32,
};

static const char P256[] = "prime256v1";

/* ---- words ---------------------------------------------------------------------------------- */

const char *capos_i_tls_identity_strerror(int r)
{
        static const char *const texts[] = {
                [TLS_IDENTITY_E_SIZE] = "a file of more than 64 KiB is no key and no certificate",
                [TLS_IDENTITY_E_CERTIFICATE] =
                        "no certificate can be read: it must be in PEM (-----BEGIN "
                        "CERTIFICATE-----), the server's own first",
                [TLS_IDENTITY_E_RSA] =
                        "the certificate's key is RSA: have one made for a P-256 key (openssl "
                        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256) or for Ed25519",
                [TLS_IDENTITY_E_TYPE] =
                        "the certificate's key is neither P-256 nor Ed25519: have one made for "
                        "such a key (openssl genpkey -algorithm EC -pkeyopt "
                        "ec_paramgen_curve:P-256)",
                [TLS_IDENTITY_E_CA] =
                        "the certificate is a certification authority's (CA:TRUE), which many "
                        "clients refuse as a server's: have one made with CA:FALSE (openssl req "
                        "-x509 -addext basicConstraints=critical,CA:FALSE)",
                [TLS_IDENTITY_E_USAGE] =
                        "the certificate is not for a TLS server: its key usage must include "
                        "digitalSignature, its extended key usage serverAuth",
                [TLS_IDENTITY_E_CHAIN] =
                        "the certificates are no chain: each must be issued by the one after it, "
                        "at most eight after the first",
                [TLS_IDENTITY_E_KEY] = "no private key can be read: it must be in PEM (-----BEGIN "
                                       "PRIVATE KEY-----)",
                [TLS_IDENTITY_E_ENCRYPTED] =
                        "the private key has a passphrase, which nobody could enter when the "
                        "instance starts: take it off (openssl pkey -in key.pem -out new.pem)",
                [TLS_IDENTITY_E_MISMATCH] =
                        "the private key does not belong to the certificate: `capos cert import` "
                        "with both that belong together mends it, or remove both and a new "
                        "identity is made",
                [TLS_IDENTITY_E_EXPIRED] =
                        "the certificate has expired: clients that check dates refuse it; renew it",
                [TLS_IDENTITY_E_NOT_YET] = "the certificate is not valid yet: clients that check "
                                           "dates refuse it; look at this machine's clock",
                [TLS_IDENTITY_E_SHOWN] =
                        "the file of the certificate has a private key in it, and processes that "
                        "must not have one are given that file: take the key out of it",
                [TLS_IDENTITY_E_NAME] = "a name must be that of a host (host.example.org) or an "
                                        "address (192.0.2.1), and there are 1 to 32 of them",
        };

        if (r > 0 && r < (int)(sizeof(texts) / sizeof(*texts)))
                return texts[r];
        return r < 0 ? strerror(-r) : "no error";
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Labels of letters, digits and hyphens; the last is no number. */
static bool name_is_host(const char *s)
{
        size_t len = strlen(s), label = 0;
        bool digits = true;

        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)s[i];
                bool edge = !label || i + 1 == len || s[i + 1] == '.';

                if (c == '.' && !label)
                        return false;
                label = c == '.' ? 0 : label + 1;
                digits = label <= 1 ? isdigit(c) || c == '.' : digits && isdigit(c);
                if (label > LABEL_BYTES || (c != '.' && !isalnum(c) && (c != '-' || edge)))
                        return false;
        }
        return label && len <= HOST_BYTES && !digits;
}

bool capos_i_tls_identity_takes(const char *name)
{
        unsigned char address[16];

        return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
               name_is_host(name);
}

/* One entry of the subject's other names. NULL: it is none, or no memory. */
static GENERAL_NAME *name_new(const char *s)
{
        GENERAL_NAME *n = GENERAL_NAME_new();
        ASN1_STRING *v = ASN1_STRING_type_new(V_ASN1_IA5STRING);
        unsigned char address[16];
        int len = inet_pton(AF_INET, s, address) == 1    ? 4
                  : inet_pton(AF_INET6, s, address) == 1 ? 16
                                                         : 0;
        bool done;

        if (len) {
                ASN1_STRING_free(v);
                v = ASN1_OCTET_STRING_new();
                done = v && ASN1_STRING_set(v, address, len) == 1;
        } else {
                done = v && name_is_host(s) && ASN1_STRING_set(v, s, (int)strlen(s)) == 1;
        }
        if (!n || !done) {
                ASN1_STRING_free(v);
                GENERAL_NAME_free(n);
                return NULL;
        }

        GENERAL_NAME_set0_value(n, len ? GEN_IPADD : GEN_DNS, v);
        return n;
}

/* 0; TLS_IDENTITY_E_NAME; -ENOMEM. */
static int certificate_set_names(X509 *x, const char *const *names, unsigned n)
{
        GENERAL_NAMES *all = GENERAL_NAMES_new();
        int r = n && n <= TLS_IDENTITY_NAMES ? 0 : TLS_IDENTITY_E_NAME;

        for (unsigned i = 0; !r && i < n; i++) {
                GENERAL_NAME *one = name_new(names[i]);

                if (!one || sk_GENERAL_NAME_push(all, one) <= 0) {
                        GENERAL_NAME_free(one);
                        r = TLS_IDENTITY_E_NAME;
                }
        }
        if (!r && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) != 1)
                r = -ENOMEM;
        GENERAL_NAMES_free(all);
        return r;
}

/* ---- making --------------------------------------------------------------------------------- */

EVP_PKEY *capos_i_tls_identity_new_key(void)
{
        return EVP_EC_gen("P-256");
}

static bool certificate_set_serial(X509 *x)
{
        unsigned char bytes[SERIAL_BYTES];
        BIGNUM *n = NULL;
        bool done = RAND_bytes(bytes, sizeof(bytes)) == 1;

        bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and of one length */
        if (done)
                n = BN_bin2bn(bytes, sizeof(bytes), NULL);
        done = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
        BN_free(n);
        return done;
}

static bool certificate_set_subject(X509 *x, const char *name)
{
        X509_NAME *subject = X509_get_subject_name(x);
        size_t len = strlen(name);

        if (len > COMMON_NAME_BYTES)
                len = COMMON_NAME_BYTES;
        return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                          (const unsigned char *)name, (int)len, -1, 0) == 1 &&
               X509_set_issuer_name(x, subject) == 1;
}

/* What it is for: a server, and nothing else. */
static bool certificate_set_usage(X509 *x)
{
        BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new(); /* CA:FALSE */
        ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
        EXTENDED_KEY_USAGE *purposes = EXTENDED_KEY_USAGE_new();
        bool done = constraints && usage && purposes;

        /* The object is a constant of OpenSSL's: freeing it does nothing. */
        done = done && ASN1_BIT_STRING_set_bit(usage, 0, 1) == 1 &&
               sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(NID_server_auth)) > 0 &&
               X509_add1_ext_i2d(x, NID_basic_constraints, constraints, 1, 0) == 1 &&
               X509_add1_ext_i2d(x, NID_key_usage, usage, 1, 0) == 1 &&
               X509_add1_ext_i2d(x, NID_ext_key_usage, purposes, 0, 0) == 1;
        BASIC_CONSTRAINTS_free(constraints);
        ASN1_BIT_STRING_free(usage);
        EXTENDED_KEY_USAGE_free(purposes);
        return done;
}

static bool certificate_set_validity(X509 *x, int64_t now)
{
        time_t from = (time_t)(now - BACK_SECONDS);

        return ASN1_TIME_set(X509_getm_notBefore(x), from) &&
               ASN1_TIME_set(X509_getm_notAfter(x), from + (time_t)TLS_IDENTITY_DAYS * DAY_SECONDS);
}

int capos_i_tls_identity_make(const char *const *names, unsigned n, int64_t now, EVP_PKEY *key,
                              struct tls_identity *ret)
{
        struct tls_identity id = {.leaf = X509_new(), .chain = sk_X509_new_null()};
        const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
        int r = -ENOMEM;

        if (id.leaf && id.chain)
                r = certificate_set_names(id.leaf, names, n);
        if (!r &&
            (X509_set_version(id.leaf, X509_VERSION_3) != 1 || !certificate_set_serial(id.leaf) ||
             !certificate_set_subject(id.leaf, names[0]) || !certificate_set_usage(id.leaf) ||
             !certificate_set_validity(id.leaf, now) || X509_set_pubkey(id.leaf, key) != 1 ||
             X509_sign(id.leaf, key, digest) <= 0))
                r = -ENOMEM;
        if (!r)
                r = capos_i_tls_key_hash(id.leaf, id.key_hash);
        if (r) {
                capos_i_tls_identity_deinit(&id);
                return r;
        }

        id.key = key;
        *ret = id;
        return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Instead of asking on the terminal. */
static int no_passphrase(char *p, int room, int writing, void *arg)
{
        (void)p;
        (void)room;
        (void)writing;
        (void)arg;
        return -1;
}

static BIO *pem_open(capnp_data pem)
{
        return BIO_new_mem_buf(pem.p ? (const void *)pem.p : "", (int)pem.len);
}

/* The first certificate and those after it. */
static int identity_read_certificates(struct tls_identity *id, capnp_data pem)
{
        BIO *b = pem_open(pem);
        int r = 0;

        id->chain = sk_X509_new_null();
        if (!b || !id->chain) {
                BIO_free(b);
                return -ENOMEM;
        }

        for (int i = 0; !r; i++) {
                X509 *x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);

                if (!x)
                        break;
                if (!i)
                        id->leaf = x;
                else if (i > TLS_IDENTITY_CHAIN || sk_X509_push(id->chain, x) <= 0)
                        r = TLS_IDENTITY_E_CHAIN;
                if (r)
                        X509_free(x);
        }
        if (!r && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                r = TLS_IDENTITY_E_CERTIFICATE;
        ERR_clear_error();
        BIO_free(b);
        return r ? r : id->leaf ? 0 : TLS_IDENTITY_E_CERTIFICATE;
}

int capos_i_tls_identity_read_key(capnp_data pem, EVP_PKEY **ret)
{
        static const char mark[] = "ENCRYPTED";
        BIO *b = pem_open(pem);
        unsigned char *der = NULL;
        const unsigned char *at;
        long len = 0;
        EVP_PKEY *k = NULL;

        if (!b)
                return -ENOMEM;
        if (pem.len && memmem(pem.p, pem.len, mark, sizeof(mark) - 1)) {
                BIO_free(b);
                return TLS_IDENTITY_E_ENCRYPTED;
        }

        if (PEM_bytes_read_bio_secmem(&der, &len, NULL, PEM_STRING_EVP_PKEY, b, no_passphrase,
                                      NULL) == 1) {
                at = der;
                k = d2i_AutoPrivateKey(NULL, &at, len);
                OPENSSL_secure_clear_free(der, (size_t)len);
        }
        ERR_clear_error();
        BIO_free(b);
        if (!k)
                return TLS_IDENTITY_E_KEY;

        *ret = k;
        return 0;
}

/* ---- checking ------------------------------------------------------------------------------- */

static int check_type(const EVP_PKEY *k)
{
        char group[PARAMETER_GROUP] = "";

        if (!k)
                return TLS_IDENTITY_E_TYPE;
        if (EVP_PKEY_is_a(k, "RSA") || EVP_PKEY_is_a(k, "RSA-PSS"))
                return TLS_IDENTITY_E_RSA;
        if (EVP_PKEY_is_a(k, "ED25519"))
                return 0;
        if (EVP_PKEY_is_a(k, "EC") && EVP_PKEY_get_group_name(k, group, sizeof(group), NULL) == 1 &&
            !strcmp(group, P256))
                return 0;

        return TLS_IDENTITY_E_TYPE;
}

static int check_leaf(X509 *x)
{
        uint32_t flags = X509_get_extension_flags(x);
        int r = check_type(X509_get0_pubkey(x));

        if (r)
                return r;
        if (flags & EXFLAG_INVALID)
                return TLS_IDENTITY_E_CERTIFICATE;
        if (flags & EXFLAG_CA)
                return TLS_IDENTITY_E_CA;

        return X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0) == 1 &&
                               X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE
                       ? 0
                       : TLS_IDENTITY_E_USAGE;
}

static int check_chain(const struct tls_identity *id)
{
        X509 *x = id->leaf;

        for (int i = 0; i < sk_X509_num(id->chain); i++) {
                X509 *issuer = sk_X509_value(id->chain, i);

                if (X509_check_issued(issuer, x) != X509_V_OK ||
                    X509_verify(x, X509_get0_pubkey(issuer)) != 1)
                        return TLS_IDENTITY_E_CHAIN;
                x = issuer;
        }
        return 0;
}

/* Whether the halves belong together, and the public one is the certificate's. */
static int check_key(const struct tls_identity *id)
{
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, id->key, NULL);
        bool good;

        if (!c)
                return -ENOMEM;

        good = X509_check_private_key(id->leaf, id->key) == 1 && EVP_PKEY_pairwise_check(c) == 1;
        EVP_PKEY_CTX_free(c);
        return good ? 0 : TLS_IDENTITY_E_MISMATCH;
}

int capos_i_tls_identity_read(capnp_data cert_pem, capnp_data key_pem, struct tls_identity *ret)
{
        struct tls_identity id = {0};
        int r = identity_read_certificates(&id, cert_pem);

        if (!r)
                r = check_leaf(id.leaf);
        if (!r)
                r = check_chain(&id);
        if (!r && key_pem.len)
                r = capos_i_tls_identity_read_key(key_pem, &id.key);
        if (!r && id.key)
                r = check_key(&id);
        if (!r)
                r = capos_i_tls_key_hash(id.leaf, id.key_hash);
        ERR_clear_error();
        if (r) {
                capos_i_tls_identity_deinit(&id);
                return r;
        }

        *ret = id;
        return 0;
}

int capos_i_tls_identity_validity(const struct tls_identity *id, int64_t now)
{
        int64_t from, until;

        if (capos_i_tls_time_read(X509_get0_notBefore(id->leaf), &from) || now < from)
                return TLS_IDENTITY_E_NOT_YET;
        if (capos_i_tls_time_read(X509_get0_notAfter(id->leaf), &until) || now > until)
                return TLS_IDENTITY_E_EXPIRED;

        return 0;
}

/* ---- storing -------------------------------------------------------------------------------- */

/* What a memory BIO holds. */
static capnp_data pem_bytes(BIO *b)
{
        char *p = NULL;
        long len = BIO_get_mem_data(b, &p);

        return (capnp_data){(const uint8_t *)p, len > 0 ? (uint32_t)len : 0};
}

static int store_key(const struct tls_identity *id, int dir)
{
        BIO *b = BIO_new(BIO_s_secmem());
        int r = -ENOMEM;

        if (b && PEM_write_bio_PrivateKey(b, id->key, NULL, NULL, 0, NULL, NULL) == 1)
                r = capos_i_tls_file_store(dir, TLS_KEY_FILE, 0600, pem_bytes(b));
        BIO_free(b); /* wipes what is in the secure heap */
        return r;
}

static int store_certificates(const struct tls_identity *id, int dir)
{
        BIO *b = BIO_new(BIO_s_mem());
        bool done = b && PEM_write_bio_X509(b, id->leaf) == 1;
        int r;

        for (int i = 0; done && i < sk_X509_num(id->chain); i++)
                done = PEM_write_bio_X509(b, sk_X509_value(id->chain, i)) == 1;
        r = done ? capos_i_tls_file_store(dir, TLS_CERTIFICATE_FILE, 0644, pem_bytes(b)) : -ENOMEM;
        BIO_free(b);
        return r;
}

int capos_i_tls_identity_store(const struct tls_identity *id, int dir)
{
        int r = id->key ? store_key(id, dir) : 0;

        return r ? r : store_certificates(id, dir);
}

void capos_i_tls_identity_deinit(struct tls_identity *id)
{
        EVP_PKEY_free(id->key);
        X509_free(id->leaf);
        sk_X509_pop_free(id->chain, X509_free);
        *id = (struct tls_identity){0};
}
