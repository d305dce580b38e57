/*
 * The settings. What each is for: doc/design/tls.md.
 *
 * A context has a library context of its own, so that neither openssl.cnf nor what a program does
 * to OpenSSL changes what is spoken here; OpenSSL is told not to read that file at all, because
 * parts of it apply to every SSL_CTX whatever its library context. A program that loads OpenSSL's
 * configuration itself, earlier, keeps it; everything that matters is set here all the same.
 */
#include "tls-context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls-callback.h"

enum {
        MOST_CERTIFICATES = 16,
        CERT_LIST_BYTES = 32 * 1024,
        REKEY_RECORDS = 1 << 22, /* AES-GCM is good for about 2^24.5 (RFC 8446 5.5) */
};

static const unsigned char alpn[] = "\x09"
                                    "capnp-rpc"; /* with its length in front */

/* ---- life ----------------------------------------------------------------------------------- */

struct capos_i_tls_context *capos_i_tls_context_ref(struct capos_i_tls_context *x)
{
        x->refs++;
        return x;
}

struct capos_i_tls_context *capos_i_tls_context_unref(struct capos_i_tls_context *x)
{
        if (!x || --x->refs)
                return NULL;

        SSL_CTX_free(x->ssl);
        capos_i_tls_remote_deinit(&x->remote);
        OSSL_LIB_CTX_free(x->lib);
        free(x);
        return NULL;
}

static void context_unrefp(struct capos_i_tls_context **x)
{
        *x = capos_i_tls_context_unref(*x);
}

int capos_i_tls_settings(SSL_CTX *c)
{
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CLEANSE_PLAINTEXT);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_security_level(c, 2);
        SSL_CTX_set_max_cert_list(c, CERT_LIST_BYTES);
        SSL_CTX_set_read_ahead(c, 0);
        if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") !=
                    1 ||
            SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1)
                return -ENOMEM;

        return 0;
}

static int context_new(const SSL_METHOD *m, struct capos_i_tls_context **ret)
{
        CAPNP_AUTO(context_unrefp) struct capos_i_tls_context *x = NULL;
        int r;

        if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
                return -ENOMEM;

        x = calloc(1, sizeof(*x));
        if (!x)
                return -ENOMEM;

        x->refs = 1;
        x->rekey_records = REKEY_RECORDS;
        x->lib = OSSL_LIB_CTX_new();
        x->ssl = x->lib ? SSL_CTX_new_ex(x->lib, NULL, m) : NULL;
        r = x->ssl ? capos_i_tls_settings(x->ssl) : -ENOMEM;
        if (r)
                return r;

        *ret = x;
        x = NULL;
        return 0;
}

/* ---- PEM ------------------------------------------------------------------------------------ */

static BIO *pem_open(capnp_data pem)
{
        return BIO_new_mem_buf(pem.p, (int)pem.len);
}

/* Nobody is asked for a passphrase. */
static int pem_no_passphrase(char *b, int room, int writes, void *arg)
{
        (void)b;
        (void)room;
        (void)writes;
        (void)arg;
        return -1;
}

/* The next certificate, fetched in our library context; NULL: there is none, or no memory. */
static X509 *pem_next(const struct capos_i_tls_context *x, BIO *b)
{
        X509 *c = X509_new_ex(x->lib, NULL);

        if (c && !PEM_read_bio_X509(b, &c, pem_no_passphrase, NULL)) {
                X509_free(c);
                c = NULL;
        }
        ERR_clear_error();
        return c;
}

/* The first certificate is our own, and the rest its chain. */
static int context_use_certificates(struct capos_i_tls_context *x, capnp_data pem, X509 **ret_own)
{
        BIO *b = pem_open(pem);
        X509 *own, *c;
        int r = 0;

        if (!b)
                return -ENOMEM;

        own = pem_next(x, b);
        if (!own || SSL_CTX_use_certificate(x->ssl, own) != 1)
                r = CAPOS_I_TLS_E_CERTIFICATE;
        for (unsigned i = 0; !r && i < MOST_CERTIFICATES; i++) {
                c = pem_next(x, b);
                if (!c)
                        break;
                if (!SSL_CTX_add0_chain_cert(x->ssl, c)) {
                        X509_free(c);
                        r = CAPOS_I_TLS_E_CERTIFICATE;
                }
        }
        BIO_free(b);
        ERR_clear_error();
        if (r) {
                X509_free(own);
                return r;
        }

        *ret_own = own;
        return 0;
}

/* ---- a server ------------------------------------------------------------------------------- */

/* Absent is fine; another protocol than ours is not. */
static int server_on_alpn(SSL *s, const unsigned char **ret, unsigned char *ret_len,
                          const unsigned char *in, unsigned len, void *arg)
{
        (void)s;
        (void)arg;
        if (SSL_select_next_proto((unsigned char **)(uintptr_t)ret, ret_len, alpn, sizeof(alpn) - 1,
                                  in, len) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;

        return SSL_TLSEXT_ERR_OK;
}

/* What a client's certificate is worth is not decided by who reads the network. */
static int server_on_certificate(X509_STORE_CTX *c, void *arg)
{
        (void)c;
        (void)arg;
        return 1;
}

static TLS_ADD_EXTENSION(server_add_nonce)
{
        const uint8_t *nonce = SSL_get_app_data(s);

        (void)type;
        (void)context;
        (void)c;
        (void)i;
        (void)ret_alert;
        (void)arg;
        if (!nonce)
                return 0;

        *ret = nonce;
        *ret_len = CAPOS_I_TLS_HASH;
        return 1;
}

/* Too many to tell are not told of in part: a client that picks a certificate by them would not
 * show one of the others. */
static int server_name_issuers(struct capos_i_tls_context *x, capnp_data pem)
{
        STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
        BIO *b = pem_open(pem);
        int r = names && b ? CAPOS_I_TLS_E_CA : -ENOMEM;
        X509 *c;

        while (r != -ENOMEM && sk_X509_NAME_num(names) <= MOST_CERTIFICATES) {
                X509_NAME *n;

                c = pem_next(x, b);
                if (!c)
                        break;
                n = X509_NAME_dup(X509_get_subject_name(c));
                r = n && sk_X509_NAME_push(names, n) > 0 ? 0 : -ENOMEM;
                if (r)
                        X509_NAME_free(n);
                X509_free(c);
        }
        BIO_free(b);
        if (r || sk_X509_NAME_num(names) > MOST_CERTIFICATES) {
                sk_X509_NAME_pop_free(names, X509_NAME_free);
                return r;
        }

        SSL_CTX_set0_CA_list(x->ssl, names);
        return 0;
}

static int server_ask(struct capos_i_tls_context *x, capnp_data issuers)
{
        x->asks = true;
        SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(x->ssl, server_on_certificate, NULL);
        if (!SSL_CTX_add_custom_ext(x->ssl, CAPOS_I_TLS_NONCE_EXTENSION,
                                    SSL_EXT_TLS1_3_CERTIFICATE_REQUEST, server_add_nonce, NULL,
                                    NULL, NULL, NULL))
                return -ENOMEM;

        return issuers.len ? server_name_issuers(x, issuers) : 0;
}

static int server_use_key(struct capos_i_tls_context *x, const X509 *own)
{
        EVP_PKEY *k;
        int r;

        r = capos_i_tls_remote_init(&x->remote);
        if (!r)
                r = capos_i_tls_remote_key(&x->remote, own, &x->signer, &k);
        if (r)
                return r < 0 ? r : CAPOS_I_TLS_E_CERTIFICATE;

        if (SSL_CTX_use_PrivateKey(x->ssl, k) != 1 || SSL_CTX_check_private_key(x->ssl) != 1)
                r = -ENOMEM;
        EVP_PKEY_free(k);
        return r;
}

int capos_i_tls_server_new(const struct capos_i_tls_server_settings *s,
                           struct capos_i_tls_context **ret)
{
        CAPNP_AUTO(context_unrefp) struct capos_i_tls_context *x = NULL;
        X509 *own;
        int r;

        r = context_new(TLS_server_method(), &x);
        if (r)
                return r;

        x->serves = true;
        x->signer = (struct tls_signer){s->sign, s->arg};
        SSL_CTX_set_options(x->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_max_early_data(x->ssl, 0);
        SSL_CTX_set_alpn_select_cb(x->ssl, server_on_alpn, NULL);
        if (SSL_CTX_set_num_tickets(x->ssl, 0) != 1)
                return -ENOMEM;

        r = context_use_certificates(x, s->certificates, &own);
        if (r)
                return r;

        r = server_use_key(x, own);
        X509_free(own);
        if (!r && s->asks_certificate)
                r = server_ask(x, s->issuers);
        ERR_clear_error();
        if (r)
                return r;

        *ret = x;
        x = NULL;
        return 0;
}

/* ---- a client ------------------------------------------------------------------------------- */

static int client_show(struct capos_i_tls_context *x, capnp_data certificates, capnp_data key)
{
        EVP_PKEY *k = NULL;
        X509 *own;
        BIO *b;
        int r;

        r = context_use_certificates(x, certificates, &own);
        if (r)
                return r;

        X509_free(own);
        b = pem_open(key);
        if (!b)
                return -ENOMEM;

        k = PEM_read_bio_PrivateKey_ex(b, NULL, pem_no_passphrase, NULL, x->lib, NULL);
        BIO_free(b);
        if (!k || SSL_CTX_use_PrivateKey(x->ssl, k) != 1 || SSL_CTX_check_private_key(x->ssl) != 1)
                r = CAPOS_I_TLS_E_KEY;
        EVP_PKEY_free(k);
        ERR_clear_error();
        return r;
}

static int client_verify(struct capos_i_tls_context *x, const struct capos_i_tls_client_settings *s)
{
        x->verifies = true;
        SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
        if (s->ca_file && SSL_CTX_load_verify_file(x->ssl, s->ca_file) != 1)
                return CAPOS_I_TLS_E_CA;
        if (s->ca_system && SSL_CTX_set_default_verify_paths(x->ssl) != 1)
                return CAPOS_I_TLS_E_CA;

        return 0;
}

int capos_i_tls_client_new(const struct capos_i_tls_client_settings *s,
                           struct capos_i_tls_context **ret)
{
        CAPNP_AUTO(context_unrefp) struct capos_i_tls_context *x = NULL;
        int r;

        r = context_new(TLS_client_method(), &x);
        if (r)
                return r;

        SSL_CTX_set_verify(x->ssl, SSL_VERIFY_NONE, NULL);
        if (SSL_CTX_set_alpn_protos(x->ssl, alpn, sizeof(alpn) - 1))
                return -ENOMEM;

        if (s->ca_file || s->ca_system)
                r = client_verify(x, s);
        if (!r && s->certificates.len)
                r = client_show(x, s->certificates, s->key);
        ERR_clear_error();
        if (r)
                return r;

        *ret = x;
        x = NULL;
        return 0;
}

/* ---- a connection --------------------------------------------------------------------------- */

bool capos_i_tls_is_address(const char *host)
{
        uint8_t b[16];

        return inet_pton(AF_INET, host, b) == 1 || inet_pton(AF_INET6, host, b) == 1;
}

/* What the certificate must be made out to. */
static int ssl_expect(SSL *s, const char *host)
{
        if (capos_i_tls_is_address(host))
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), host);

        SSL_set_hostflags(s, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set1_host(s, host);
}

SSL *capos_i_tls_context_new_ssl(const struct capos_i_tls_context *x, const char *host)
{
        SSL *s = SSL_new(x->ssl);

        if (!s)
                return NULL;

        if ((x->verifies && ssl_expect(s, host) != 1) ||
            (!x->serves && host && !capos_i_tls_is_address(host) &&
             SSL_set_tlsext_host_name(s, host) != 1)) {
                SSL_free(s);
                return NULL;
        }
        if (x->serves)
                SSL_set_accept_state(s);
        else
                SSL_set_connect_state(s);
        return s;
}
