/*
 * Real handshakes for tests: libssl on both sides, in memory, as a worker would record them.
 */
#ifndef CAPOS_TEST_TLS_HANDSHAKE_H
#define CAPOS_TEST_TLS_HANDSHAKE_H

#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "test-tls-certs.h"
#include "tls-callback.h"
#include "tls-recheck.h"

enum { HANDSHAKE_MESSAGES = 16 };

/* The messages of a handshake through the client's CertificateVerify, and what belongs to it. */
struct handshake {
        uint8_t bytes[2 * TLS_HANDSHAKE_BYTES];
        size_t len;
        size_t at[HANDSHAKE_MESSAGES + 1]; /* where each message begins, and the end */
        unsigned n;
        uint8_t nonce[32], record[32], server_key[32];
};

/* How it is held. */
struct handshake_plan {
        const struct cert *server; /* NULL: a new one */
        const struct cert *client; /* NULL: none */
        const struct cert *issuer; /* sent behind the client's; NULL: nothing is */
        bool retry;                /* with a HelloRetryRequest */
        bool without_nonce;
        uint8_t nonce;           /* every byte of it … */
        const uint8_t *nonce_32; /* … or all of them; NULL: not */
};

enum { MESSAGE_RETRY = 2, MESSAGE_CERTIFICATE = 11, MESSAGE_VERIFY = 15 };

static inline TLS_ON_MESSAGE(handshake_note)
{
        struct handshake *h = arg;

        (void)ours;
        (void)version;
        (void)s;
        if (type != SSL3_RT_HANDSHAKE)
                return;
        CHECK(h->n < HANDSHAKE_MESSAGES && h->len + len <= sizeof(h->bytes));
        h->at[h->n++] = h->len;
        memcpy(h->bytes + h->len, b, len);
        h->len += len;
        h->at[h->n] = h->len;
}

static inline TLS_ADD_EXTENSION(handshake_add_nonce)
{
        (void)s;
        (void)type;
        (void)context;
        (void)c;
        (void)i;
        (void)ret_alert;
        *ret = arg;
        *ret_len = TLS_NONCE_BYTES;
        return 1;
}

static inline int handshake_believe(X509_STORE_CTX *c, void *arg)
{
        (void)c;
        (void)arg;
        return 1;
}

static inline void handshake_use(SSL_CTX *c, const struct cert *cert)
{
        CHECK_EQ(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION), 1);
        CHECK_EQ(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256"), 1);
        if (!cert)
                return;
        CHECK_EQ(SSL_CTX_use_certificate(c, cert->x), 1);
        CHECK_EQ(SSL_CTX_use_PrivateKey(c, cert->key), 1);
}

/* Each side in turn, until both are done; a client without a certificate is no reason to fail. */
static inline void handshake_play(SSL *server, SSL *client)
{
        BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
        int a = 0, b = 0;

        CHECK(up && down);
        CHECK(BIO_up_ref(up) && BIO_up_ref(down));
        SSL_set_bio(server, up, down);
        SSL_set_bio(client, down, up);
        SSL_set_accept_state(server);
        SSL_set_connect_state(client);
        for (unsigned i = 0; i < 10 && (a != 1 || b != 1); i++) {
                b = SSL_do_handshake(client);
                a = SSL_do_handshake(server);
        }
        CHECK_EQ(a, 1);
        CHECK_EQ(b, 1);
}

/* Of the messages through number `last`: the transcript hash of RFC 8446, 4.4.1. */
static inline void handshake_hash(const struct handshake *h, unsigned last, uint8_t ret[32])
{
        static uint8_t text[sizeof(h->bytes) + 36];
        bool retried = h->bytes[h->at[2]] == 1; /* a second ClientHello */
        size_t from = retried ? h->at[1] : 0, front = retried ? 36 : 0;

        if (retried) {
                memcpy(text, (const uint8_t[]){254, 0, 0, 32}, 4);
                (void)SHA256(h->bytes, h->at[1], text + 4);
        }
        memcpy(text + front, h->bytes + from, h->at[last + 1] - from);
        (void)SHA256(text, front + h->at[last + 1] - from, ret);
}

/* The first message of a type, from one on. */
static inline unsigned handshake_find(const struct handshake *h, uint8_t type, unsigned from)
{
        while (from < h->n && h->bytes[h->at[from]] != type)
                from++;
        CHECK(from < h->n);
        return from;
}

/* What the signer would have recorded. */
static inline void handshake_record(struct handshake *h)
{
        handshake_hash(h, handshake_find(h, MESSAGE_CERTIFICATE, 0), h->record);
}

static inline void handshake_make(struct handshake *h, const struct handshake_plan *p)
{
        struct cert own = p->server ? *p->server : cert_make(&(struct cert_plan){.name = "server"});
        SSL_CTX *sc = SSL_CTX_new(TLS_server_method()), *cc = SSL_CTX_new(TLS_client_method());
        SSL *server, *client;

        memset(h, 0, sizeof(*h));
        memset(h->nonce, p->nonce, sizeof(h->nonce));
        if (p->nonce_32)
                memcpy(h->nonce, p->nonce_32, sizeof(h->nonce));
        CHECK(sc && cc);
        handshake_use(sc, &own);
        handshake_use(cc, p->client);
        if (p->issuer) {
                CHECK_EQ(SSL_CTX_add1_chain_cert(cc, p->issuer->x), 1);
        }
        (void)SSL_CTX_set_num_tickets(sc, 0);
        SSL_CTX_set_verify(sc, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(sc, handshake_believe, NULL);
        CHECK_EQ(SSL_CTX_set1_groups_list(sc, p->retry ? "P-256" : "X25519:P-256"), 1);
        CHECK_EQ(SSL_CTX_set1_groups_list(cc, "X25519:P-256"), 1);
        if (!p->without_nonce)
                CHECK_EQ(SSL_CTX_add_custom_ext(sc, TLS_NONCE_EXTENSION,
                                                SSL_EXT_TLS1_3_CERTIFICATE_REQUEST,
                                                handshake_add_nonce, NULL, h->nonce, NULL, NULL),
                         1);
        server = SSL_new(sc);
        client = SSL_new(cc);
        CHECK(server && client);
        SSL_set_msg_callback(server, handshake_note);
        SSL_set_msg_callback_arg(server, h);
        handshake_play(server, client);

        h->n--; /* without the client's Finished */
        h->len = h->at[h->n];
        CHECK_OK(capos_i_tls_key_hash(own.x, h->server_key));
        handshake_record(h);
        SSL_free(server);
        SSL_free(client);
        SSL_CTX_free(sc);
        SSL_CTX_free(cc);
        if (!p->server)
                cert_deinit(&own);
}

/* Puts another message in the place of one. */
static inline void handshake_replace(struct handshake *h, unsigned number, const uint8_t *p,
                                     size_t len)
{
        size_t at = h->at[number], old = h->at[number + 1] - at;

        CHECK(h->len - old + len <= sizeof(h->bytes));
        memmove(h->bytes + at + len, h->bytes + at + old, h->len - at - old);
        memcpy(h->bytes + at, p, len);
        for (unsigned i = number + 1; i <= h->n; i++)
                h->at[i] += len - old;
        h->len += len - old;
}

static inline struct tls_recheck handshake_question(const struct handshake *h, capnp_data rules)
{
        return (struct tls_recheck){.handshake = {h->bytes, (uint32_t)h->len},
                                    .record = h->record,
                                    .server_key = h->server_key,
                                    .nonce = h->nonce,
                                    .rules = rules,
                                    .now = CERT_NOW};
}

/* ---- rules ---------------------------------------------------------------------------------- */

struct rules {
        uint8_t bytes[TLS_HANDSHAKE_BYTES];
        size_t len;
};

static inline void rules_add(struct rules *r, enum tls_rules_kind kind, const void *p, size_t len)
{
        CHECK_OK(capos_i_tls_rules_add(r->bytes, sizeof(r->bytes), &r->len, kind,
                                       (capnp_data){p, (uint32_t)len}));
}

static inline void rules_add_text(struct rules *r, enum tls_rules_kind kind, const char *text)
{
        rules_add(r, kind, text, strlen(text));
}

static inline void rules_add_authority(struct rules *r, const struct cert *c)
{
        struct cert_text t = {0};

        cert_text_add_x509(&t, c->x);
        rules_add(r, TLS_RULES_AUTHORITY, t.p, t.len);
        free(t.p);
}

/* Begins a rule of an authority; -1: of none. */
static inline void rules_begin(struct rules *r, int authority)
{
        const uint8_t number[] = {0, 0, 0, (uint8_t)authority};

        rules_add(r, TLS_RULES_RULE, number, authority < 0 ? 0 : sizeof(number));
}

static inline capnp_data rules_data(const struct rules *r)
{
        return (capnp_data){r->bytes, (uint32_t)r->len};
}

/* All that an authority has issued. */
static inline struct rules rules_of(const struct cert *authority)
{
        struct rules r = {.len = 0};

        rules_add_authority(&r, authority);
        rules_begin(&r, 0);
        return r;
}

#endif
