/*
 * Two ends of a TLS connection in one process: contexts, who signs, and between them either a
 * socket pair or two with a pump that moves so many bytes at a time. Beside our own ends, a plain
 * libssl client that can be told to misbehave.
 */
#ifndef CAPOS_TEST_TLS_PEERS_H
#define CAPOS_TEST_TLS_PEERS_H

#include "test-tls-certs.h"
#include "test-vat.h"
#include "tls-context.h"
#include "tls-fingerprint.h"

#include <openssl/err.h>
#include <time.h>

enum { NONCE_BYTE = 0x5e };

/* Who has the server's key; counts. */
struct signer {
        EVP_PKEY *key;
        unsigned signs;
        uint8_t hash[32]; /* the last it has signed */
        bool refuses;
};

/* The CertificateVerify of a server over a hash (RFC 8446 4.4.3). */
static inline int signer_sign(void *arg, const uint8_t hash[32], uint8_t *sig, size_t *len)
{
        static const char label[] = "TLS 1.3, server CertificateVerify";
        struct signer *s = arg;
        uint8_t text[64 + sizeof(label) + 32];
        EVP_MD_CTX *m;
        int r;

        s->signs++;
        memcpy(s->hash, hash, sizeof(s->hash));
        if (s->refuses)
                return 1;

        memset(text, ' ', 64);
        memcpy(text + 64, label, sizeof(label));
        memcpy(text + 64 + sizeof(label), hash, 32);
        m = EVP_MD_CTX_new();
        CHECK(m != NULL);
        r = EVP_DigestSignInit(m, NULL, EVP_PKEY_is_a(s->key, "ED25519") ? NULL : EVP_sha256(),
                               NULL, s->key) == 1 &&
            EVP_DigestSign(m, sig, len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(m);
        return !r;
}

/* One end, as the program behind it sees it. */
struct side {
        capnp_conn *conn;
        struct capos_i_tls *tls;
        unsigned secured, checked;
        const char *refusal;
        uint8_t key[32]; /* what check() was asked about */
        bool closed;
        char why[300];
};

static inline const char *side_check(void *arg, const uint8_t key[32])
{
        struct side *s = arg;

        s->checked++;
        memcpy(s->key, key, 32);
        return s->refusal;
}

static inline void side_secured(void *arg, struct capos_i_tls *t)
{
        struct side *s = arg;

        CHECK(capos_i_tls_is_secured(t));
        s->secured++;
}

static inline void side_closed(capnp_conn *c, void *arg)
{
        struct side *s = arg;
        capnp_exception why = {0};

        CHECK(capnp_rpc_is_closed(capnp_conn_rpc(c), &why));
        snprintf(s->why, sizeof(s->why), "%s", why.reason);
        s->closed = true;
}

/* What the pair is to be like; zeroed: P-256, pinned, a socket pair. */
struct peers_plan {
        const char *type; /* of the server's key */
        bool asks;        /* for a certificate */
        bool shows;       /* … and the client has one */
        bool pumped;
        const char *ca_file; /* the client verifies */
        const char *host;
        const struct capnp_limits *limits; /* of the server */
        const char *names;                 /* of the server's certificate */
        const struct cert *by;
        int64_t age_s; /* how long ago it ran out */
};

struct peers {
        struct site s;
        struct signer signer;
        struct cert cert, shown;
        struct capos_i_tls_context *sx, *cx;
        struct side server, client;
        capnp_cap *root; /* as the client has it */
        int pump[2];     /* the other ends: of the client's socket, of the server's; -1: none */
};

static inline struct cert peers_cert(const struct peers_plan *p, bool server)
{
        int64_t now = time(NULL);

        return cert_make(&(struct cert_plan){
                .type = server ? p->type : NULL,
                .name = server ? "server" : "client",
                .by = server ? p->by : NULL,
                .names = server ? p->names : NULL,
                .purposes = server ? "serverAuth" : "clientAuth",
                .from = now - 1000 - p->age_s,
                .until = p->age_s ? now - p->age_s : now + 10000,
        });
}

static inline struct capos_i_tls_context *peers_server(const struct cert *c, struct signer *s,
                                                       bool asks)
{
        struct capos_i_tls_context *x;
        struct cert_text pem = {0};

        cert_text_add_x509(&pem, c->x);
        CHECK_OK(capos_i_tls_server_new(
                &(struct capos_i_tls_server_settings){.certificates = cert_text_data(&pem),
                                                      .sign = signer_sign,
                                                      .arg = s,
                                                      .asks_certificate = asks},
                &x));
        free(pem.p);
        return x;
}

static inline struct capos_i_tls_context *peers_client(const struct cert *shown, const char *ca)
{
        struct capos_i_tls_client_settings s = {.ca_file = ca};
        struct cert_text pem = {0}, key = {0};
        struct capos_i_tls_context *x;

        if (shown) {
                cert_text_add_x509(&pem, shown->x);
                cert_text_add_key(&key, shown->key, NULL);
                s.certificates = cert_text_data(&pem);
                s.key = cert_text_data(&key);
        }
        CHECK_OK(capos_i_tls_client_new(&s, &x));
        free(pem.p);
        free(key.p);
        return x;
}

static inline void socket_pair(int ends[2])
{
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
}

/* The server's end of a socket. */
static inline void peers_serve(struct peers *w, int fd, const struct capnp_limits *l)
{
        static const uint8_t nonce[32] = {NONCE_BYTE, NONCE_BYTE + 1, NONCE_BYTE + 2};

        CHECK_OK(capnp_conn_new(w->s.vat, fd, l, w->s.root, &w->server.conn));
        capnp_conn_on_close(w->server.conn, side_closed, &w->server);
        CHECK_OK(capos_i_tls_accept(w->s.vat, w->server.conn, w->sx,
                                    &(struct capos_i_tls_plan){.secured = side_secured,
                                                               .arg = &w->server,
                                                               .nonce = nonce},
                                    &w->server.tls));
}

static inline void peers_connect(struct peers *w, int fd, const char *host)
{
        CHECK_OK(capnp_conn_new(w->s.vat, fd, NULL, NULL, &w->client.conn));
        capnp_conn_on_close(w->client.conn, side_closed, &w->client);
        CHECK_OK(capos_i_tls_connect(
                w->s.vat, w->client.conn, w->cx,
                &(struct capos_i_tls_plan){.host = host,
                                           .check = w->cx->verifies ? NULL : side_check,
                                           .secured = side_secured,
                                           .arg = &w->client},
                &w->client.tls));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(w->client.conn), &w->root));
}

/* Contexts, and no connection yet. */
static inline void peers_init(struct peers *w, const struct peers_plan *p)
{
        memset(w, 0, sizeof(*w));
        w->pump[0] = w->pump[1] = -1;
        site_init(&w->s);
        w->cert = peers_cert(p, true);
        w->signer.key = w->cert.key;
        w->sx = peers_server(&w->cert, &w->signer, p->asks);
        if (p->shows)
                w->shown = peers_cert(p, false);
        w->cx = peers_client(p->shows ? &w->shown : NULL, p->ca_file);
}

static inline void peers_open(struct peers *w, const struct peers_plan *p)
{
        int a[2], b[2];

        peers_init(w, p);
        socket_pair(a);
        b[1] = a[1];
        if (p->pumped) {
                socket_pair(b);
                w->pump[0] = a[1];
                w->pump[1] = b[0];
        }
        peers_serve(w, b[1], p->limits);
        peers_connect(w, a[0], p->host);
}

static inline void peers_close(struct peers *w)
{
        w->root = capnp_cap_unref(w->root);
        w->client.conn = capnp_conn_unref(w->client.conn);
        w->server.conn = capnp_conn_unref(w->server.conn);
        site_deinit(&w->s);
        capos_i_tls_context_unref(w->sx);
        capos_i_tls_context_unref(w->cx);
        cert_deinit(&w->cert);
        cert_deinit(&w->shown);
        for (unsigned i = 0; i < 2; i++)
                if (w->pump[i] >= 0)
                        close(w->pump[i]);
}

static inline void peers_turn(struct peers *w)
{
        CHECK_OK(capnp_vat_process(w->s.vat));
}

/* Moves at most `step` bytes each way. */
static inline void peers_pump(struct peers *w, size_t step)
{
        uint8_t b[65536];

        CHECK(step <= sizeof(b));
        for (unsigned i = 0; i < 2; i++) {
                ssize_t n = recv(w->pump[i], b, step, MSG_DONTWAIT);

                if (n > 0)
                        CHECK_EQ(send(w->pump[!i], b, (size_t)n, MSG_NOSIGNAL), n);
                else if (n == 0)
                        (void)shutdown(w->pump[!i], SHUT_WR);
        }
}

/* Until the question is answered; pumping where there is a pump. */
static inline void peers_run(struct peers *w, capnp_question *q, size_t step)
{
        for (unsigned i = 0; i < 1000000 && !capnp_question_is_done(q); i++) {
                if (w->pump[0] >= 0)
                        peers_pump(w, step);
                peers_turn(w);
        }
        CHECK(capnp_question_is_done(q));
}

static inline void peers_echo(struct peers *w, const void *b, uint32_t len, size_t step)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask(w->s.vat, w->root, ECHO, b, len);

        capnp_question_send(q, NULL, NULL);
        peers_run(w, q, step);
        if (capnp_question_result(q))
                test_fail(__FILE__, __LINE__, "%s", capnp_question_exception(q).reason);
        check_heard(q, b, len);
}

/* ---- a client that is not ours -------------------------------------------------------------- */

struct raw {
        SSL_CTX *ctx;
        SSL *ssl;
        BIO *in, *out;
        int fd;
        int alert; /* the last that the server sent */
};

static inline void raw_init(struct raw *r, int fd)
{
        *r = (struct raw){.ctx = SSL_CTX_new(TLS_client_method()), .fd = fd};
        CHECK(r->ctx != NULL);
        SSL_CTX_set_verify(r->ctx, SSL_VERIFY_NONE, NULL);
}

/* After its context has been set. */
static inline void raw_start(struct raw *r)
{
        r->ssl = SSL_new(r->ctx);
        r->in = BIO_new(BIO_s_mem());
        r->out = BIO_new(BIO_s_mem());
        CHECK(r->ssl && r->in && r->out);
        BIO_set_mem_eof_return(r->in, -1);
        SSL_set_bio(r->ssl, r->in, r->out);
        SSL_set_connect_state(r->ssl);
}

static inline void raw_flush(struct raw *r)
{
        char *b;
        long len = BIO_get_mem_data(r->out, &b);

        while (len > 0) {
                ssize_t n = send(r->fd, b, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n <= 0)
                        break;
                b += n;
                len -= n;
                BIO_read(r->out, (char[65536]){0}, (int)n < 65536 ? (int)n : 65536);
        }
}

/* What has come; false: the peer has ended. */
static inline bool raw_fill(struct raw *r)
{
        char b[65536];
        ssize_t n = recv(r->fd, b, sizeof(b), MSG_DONTWAIT);

        if (n > 0)
                CHECK_EQ(BIO_write(r->in, b, (int)n), n);
        return n != 0 && !(n < 0 && errno != EAGAIN);
}

/* 1: secured; 0: the server has ended it. */
static inline int raw_handshake(struct raw *r, struct peers *w)
{
        bool over = false;

        for (unsigned i = 0; i < 1000; i++) {
                int n = SSL_do_handshake(r->ssl), reason = ERR_GET_REASON(ERR_peek_last_error());

                raw_flush(r);
                if (n == 1)
                        return 1;
                if (reason >= 1000)
                        r->alert = reason - 1000;
                ERR_clear_error();
                if (over)
                        return 0;
                run_for_ms(w->s.vat, 2);
                over = !raw_fill(r) || w->server.closed;
        }
        return 0;
}

static inline void raw_deinit(struct raw *r)
{
        SSL_free(r->ssl);
        SSL_CTX_free(r->ctx);
        if (r->fd >= 0)
                close(r->fd);
}

#endif
