/*
 * Both ends of TLS in one process: a P-256 key made for the run, signed with here, and pinned by
 * accepting whatever there is. Nothing is ever freed: the program ends with the run.
 */
#include "bench-tls.h"

#include "tls-identity.h"
#include "tls.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static void must(int r, const char *what)
{
        if (!r)
                return;

        fprintf(stderr, "bench-work: TLS: %s: %s\n", what, capnp_strerror(r));
        exit(1);
}

/* A server's CertificateVerify (RFC 8446 4.4.3). */
static int sign(void *arg, const uint8_t hash[CAPOS_I_TLS_HASH], uint8_t *sig, size_t *len)
{
        static const char label[] = "TLS 1.3, server CertificateVerify";
        uint8_t text[64 + sizeof(label) + CAPOS_I_TLS_HASH];
        EVP_MD_CTX *m = EVP_MD_CTX_new();
        int done;

        memset(text, ' ', 64);
        memcpy(text + 64, label, sizeof(label));
        memcpy(text + 64 + sizeof(label), hash, CAPOS_I_TLS_HASH);
        done = m && EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, arg) == 1 &&
               EVP_DigestSign(m, sig, len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(m);
        return !done;
}

static const char *any_key(void *arg, const uint8_t key[CAPOS_I_TLS_HASH])
{
        (void)arg;
        (void)key;
        return NULL;
}

static struct capos_i_tls_context *server_context(void)
{
        static const char *const names[] = {"localhost"};
        struct capos_i_tls_server_settings s = {.sign = sign};
        struct capos_i_tls_context *x;
        struct tls_identity id;
        BIO *b = BIO_new(BIO_s_mem());
        char *pem;

        must(capos_i_tls_identity_make(names, 1, time(NULL), capos_i_tls_identity_new_key(), &id),
             "an identity");
        must(!b || PEM_write_bio_X509(b, id.leaf) != 1, "a certificate");
        s.certificates.len = (uint32_t)BIO_get_mem_data(b, &pem);
        s.certificates.p = (const uint8_t *)pem;
        s.arg = id.key;
        must(capos_i_tls_server_new(&s, &x), "a server's context");
        return x;
}

void bench_tls_join(capnp_vat *server, capnp_cap *served, capnp_vat *client, capnp_cap **ret)
{
        struct capos_i_tls_client_settings none = {0};
        struct capos_i_tls_plan plan = {.check = any_key};
        struct capos_i_tls_context *x;
        struct capos_i_tls *t, *u;
        capnp_conn *a, *b;
        int ends[2];

        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "sockets");
        must(capnp_conn_new(server, ends[0], NULL, served, &a), "a server's end");
        must(capos_i_tls_accept(server, a, server_context(), &plan, &t), "accepting");
        must(capnp_conn_new(client, ends[1], NULL, NULL, &b), "a client's end");
        must(capos_i_tls_client_new(&none, &x), "a client's context");
        must(capos_i_tls_connect(client, b, x, &plan, &u), "connecting");
        must(capnp_rpc_bootstrap(capnp_conn_rpc(b), ret), "a bootstrap");
        capnp_conn_unref(a);
        capnp_conn_unref(b);
}
