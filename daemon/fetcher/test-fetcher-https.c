/*
 * The real fetcher over real https: who vouches for a host is what the request brings, as the
 * manifest's `caFile`, and a host that is not vouched for is told no word.
 *
 * The provider is OpenSSL in a process of its own, with a certificate by an authority of the
 * test's. It writes down what it is asked, which is nothing where the handshake has failed.
 */
#include "test-fetcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "test-tls-certs.h"

enum { SEEN_BYTES = 4096, FILL_BYTES = 10 * 1024 * 1024 };

static const char KEYS[] = "{\"keys\":[]}";

/* ---- a provider ----------------------------------------------------------------------------- */

/* How it differs from one that answers well. */
struct ways {
        const char *names;     /* of the certificate; NULL: of this machine */
        int64_t from, until;   /* 0: a day around now */
        const char *purposes;  /* NULL: of a server */
        bool chained;          /* by an authority between */
        const char *elsewhere; /* the request has another authority, of this name */
        bool unvouched;        /* … none */
        int version;           /* of TLS, the newest it speaks; 0: all */
        const char *head;      /* NULL: 200 OK */
        size_t fill;           /* so many bytes behind the answer */
};

struct world {
        struct cert authority, between, leaf, other;
        SSL_CTX *ctx;
        pid_t pid;
        unsigned port;
        int seen;
};

static void write_all(SSL *s, const void *bytes, size_t len)
{
        size_t n;

        if (SSL_write_ex(s, bytes, len, &n) != 1 || n != len)
                _exit(0);
}

/* One connection. A client that breaks off may end all of it, by SIGPIPE: there is no other. */
static void provider_serve(SSL_CTX *ctx, int fd, int seen, const struct ways *w)
{
        static const char zeros[16 * 1024];
        char text[SEEN_BYTES], head[256];
        SSL *s = SSL_new(ctx);
        int n;

        if (!s || SSL_set_fd(s, fd) != 1)
                _exit(1);
        if (SSL_accept(s) != 1) {
                SSL_free(s);
                return;
        }

        n = SSL_read(s, text, sizeof(text));
        if (n > 0 && write(seen, text, (size_t)n) != n)
                _exit(1);
        n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
                     w->head ? w->head : "200 OK", strlen(KEYS) + w->fill, KEYS);
        write_all(s, head, (size_t)n);
        for (size_t left = w->fill; left; left -= sizeof(zeros))
                write_all(s, zeros, sizeof(zeros));
        (void)SSL_shutdown(s);
        (void)SSL_read(s, text, sizeof(text));
        SSL_free(s);
}

static void certificates_make(struct world *v, const struct ways *w)
{
        struct cert_plan p = {.names = w->names ? w->names : "DNS:localhost,IP:127.0.0.1",
                              .purposes = w->purposes ? w->purposes : "serverAuth",
                              .from = w->from ? w->from : time(NULL) - CERT_DAY,
                              .until = w->until ? w->until : time(NULL) + CERT_DAY};

        v->authority = cert_authority("authority", NULL);
        v->between = cert_authority("between", &v->authority);
        v->other = cert_authority(w->elsewhere ? w->elsewhere : "another", NULL);
        p.by = w->chained ? &v->between : &v->authority;
        v->leaf = cert_make(&p);

        v->ctx = SSL_CTX_new(TLS_server_method());
        CHECK(v->ctx != NULL);
        CHECK_EQ(SSL_CTX_use_certificate(v->ctx, v->leaf.x), 1);
        CHECK_EQ(SSL_CTX_use_PrivateKey(v->ctx, v->leaf.key), 1);
        if (w->chained)
                CHECK_EQ(SSL_CTX_add1_chain_cert(v->ctx, v->between.x), 1);
        if (w->version)
                SSL_CTX_set_cipher_list(v->ctx, "ALL:@SECLEVEL=0");
        CHECK_EQ(SSL_CTX_set_max_proto_version(v->ctx, w->version), 1);
}

static void provider_start(struct world *v, const struct ways *w)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];

        CHECK(fd >= 0 && !pipe2(ends, O_CLOEXEC));
        CHECK_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        CHECK_OK(listen(fd, 8));
        CHECK_OK(getsockname(fd, (struct sockaddr *)&a, &len));
        v->port = ntohs(a.sin_port);
        v->seen = ends[0];
        v->pid = fork();
        if (!v->pid) {
                int one;

                while ((one = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                        provider_serve(v->ctx, one, ends[1], w);
                        (void)close(one);
                }
                _exit(1);
        }
        close(fd);
        close(ends[1]);
}

static void world_end(struct world *v, char seen[SEEN_BYTES])
{
        ssize_t n;

        CHECK_OK(kill(v->pid, SIGKILL));
        CHECK_EQ(waitpid(v->pid, NULL, 0), v->pid);
        n = read(v->seen, seen, SEEN_BYTES - 1);
        seen[n > 0 ? n : 0] = '\0';
        close(v->seen);
        SSL_CTX_free(v->ctx);
        cert_deinit(&v->authority);
        cert_deinit(&v->between);
        cert_deinit(&v->leaf);
        cert_deinit(&v->other);
}

/* Asks host for keys: the answer is in reply. What the provider has read is in seen. */
static void ask(const char *host, const struct ways *w, char seen[SEEN_BYTES])
{
        struct cert_text ca = {0};
        struct world v;
        struct fetcher f;

        certificates_make(&v, w);
        provider_start(&v, w);
        q = (struct fetch_request){.kind = FETCH_KEYS};
        snprintf(q.url, sizeof(q.url), "https://%s:%u/keys", host, v.port);
        cert_text_add_x509(&ca, w->elsewhere ? v.other.x : v.authority.x);
        if (!w->unvouched) {
                CHECK(ca.len <= sizeof(q.ca));
                memcpy(q.ca, ca.p, ca.len);
                q.ca_len = (uint32_t)ca.len;
        }
        free(ca.p);
        fetcher_start(&f);
        fetcher_ask(&f);
        fetcher_stop(&f);
        world_end(&v, seen);
}

/* ---- what is taken -------------------------------------------------------------------------- */

static void asks_well(const char *host, const struct ways *w)
{
        char seen[SEEN_BYTES];

        ask(host, w, seen);
        CHECK_STR(reply.why, "");
        CHECK_EQ(reply.end, FETCH_GOOD);
        CHECK_EQ(reply.len, sizeof(KEYS) - 1);
        CHECK_MEM(reply.bytes, KEYS, sizeof(KEYS) - 1);
        CHECK(!strncmp(seen, "GET /keys HTTP/1.1\r\n", 20));
}

TEST_T(a_host_is_believed_by_the_authority_of_the_request, 120)
{
        asks_well("localhost", &(struct ways){0});
}

TEST_T(so_is_an_address, 120)
{
        asks_well("127.0.0.1", &(struct ways){0});
}

TEST_T(so_is_one_by_an_authority_between, 120)
{
        asks_well("localhost", &(struct ways){.chained = true});
}

TEST_T(an_older_tls_is_enough_where_it_is_sound, 120)
{
        asks_well("localhost", &(struct ways){.version = TLS1_2_VERSION});
}

/* ---- what is not ---------------------------------------------------------------------------- */

/* It is told nothing, and why is said. */
static void is_told_nothing(const char *host, const struct ways *w, const char *why)
{
        char seen[SEEN_BYTES];

        ask(host, w, seen);
        CHECK_EQ(reply.end, FETCH_FAILED);
        if (!strstr(reply.why, why))
                printf("%s\n", reply.why);
        CHECK(strstr(reply.why, why) != NULL);
        CHECK(!strncmp(reply.why, host, strlen(host)));
        CHECK_STR(seen, "");
}

TEST_T(another_authority_vouches_for_nobody, 120)
{
        is_told_nothing("localhost", &(struct ways){.elsewhere = "another"}, "issuer certificate");
        is_told_nothing("localhost", &(struct ways){.elsewhere = "authority"}, "SSL");
        is_told_nothing("localhost", &(struct ways){.unvouched = true}, "issuer certificate");
}

TEST_T(a_certificate_is_for_its_host, 120)
{
        static const struct ways other = {.names = "DNS:provider.example,IP:127.0.0.2"},
                                 one = {.names = "DNS:localhost"}, two = {.names = "IP:127.0.0.1"};

        is_told_nothing("localhost", &other, "subject name");
        is_told_nothing("127.0.0.1", &other, "subject name");
        is_told_nothing("127.0.0.1", &one, "subject name");
        is_told_nothing("localhost", &two, "subject name");
}

TEST_T(a_certificate_has_its_time, 120)
{
        const int64_t now = time(NULL);

        is_told_nothing("localhost",
                        &(struct ways){.from = now - 2 * CERT_DAY, .until = now - CERT_DAY},
                        "has expired");
        is_told_nothing("localhost",
                        &(struct ways){.from = now + CERT_DAY, .until = now + 2 * CERT_DAY},
                        "not yet valid");
}

TEST_T(a_clients_certificate_is_no_servers, 120)
{
        is_told_nothing("localhost", &(struct ways){.purposes = "clientAuth"}, "purpose");
}

TEST_T(what_is_older_than_tls_1_2_is_not_spoken, 120)
{
        is_told_nothing("localhost", &(struct ways){.version = TLS1_1_VERSION}, "SSL");
}

TEST_T(no_redirect_is_followed_over_tls_either, 120)
{
        char seen[SEEN_BYTES];

        ask("localhost", &(struct ways){.head = "302 Found\r\nLocation: https://127.0.0.1:1/"},
            seen);
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK(strstr(reply.why, "redirects are not followed"));
}

TEST_T(an_answer_has_its_length_over_tls_too, 120)
{
        char seen[SEEN_BYTES];

        ask("localhost", &(struct ways){.fill = FILL_BYTES}, seen);
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK(strstr(reply.why, "longer than 128 KiB"));
}
