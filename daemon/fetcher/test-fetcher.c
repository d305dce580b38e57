/*
 * The real fetcher, asked for things, with a provider on this machine that answers as each test
 * says: what it brings, and what it does not take.
 */
#include "test-fetcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16 * 1024 };

/* ---- a provider ----------------------------------------------------------------------------- */

struct provider {
        pid_t pid;
        unsigned port;
        int seen; /* what it was asked is written here */
};

/* One connection: keeps what was asked, and answers. `body` NULL: nothing, for ever. */
static void provider_answer(int fd, int seen, const char *head, const char *body, size_t fill)
{
        static char text[REQUEST_BYTES], zeros[REQUEST_BYTES];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        char out[1024];

        /* Head and form may come apart. */
        if (n > 0 && !strncmp(text, "POST", 4) && !strstr(text, "grant_type"))
                n += recv(fd, text + n, sizeof(text) - 1 - (size_t)n, 0);
        if (n > 0 && write(seen, text, (size_t)n) != n)
                _exit(1);
        if (!body)
                pause();
        snprintf(out, sizeof(out), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head,
                 strlen(body) + fill, body);
        (void)send(fd, out, strlen(out), MSG_NOSIGNAL);
        while (fill) {
                n = send(fd, zeros, fill < sizeof(zeros) ? fill : sizeof(zeros), MSG_NOSIGNAL);
                if (n <= 0)
                        break;
                fill -= (size_t)n;
        }
        (void)shutdown(fd, SHUT_WR);
        (void)recv(fd, out, sizeof(out), 0);
        (void)close(fd);
}

static void provider_start(struct provider *p, const char *head, const char *body, size_t fill)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];

        CHECK(fd >= 0 && !pipe2(ends, O_CLOEXEC));
        CHECK_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        CHECK_OK(listen(fd, 8));
        CHECK_OK(getsockname(fd, (struct sockaddr *)&a, &len));
        p->port = ntohs(a.sin_port);
        p->seen = ends[0];
        p->pid = fork();
        if (!p->pid)
                for (;;)
                        provider_answer(accept4(fd, NULL, NULL, SOCK_CLOEXEC), ends[1], head, body,
                                        fill);
        close(fd);
        close(ends[1]);
}

/* Ends it. What it was asked, to the end. */
static void provider_stop(struct provider *p, char *ret_seen, size_t room)
{
        size_t at = 0;
        ssize_t n;

        CHECK_OK(kill(p->pid, SIGKILL));
        CHECK_EQ(waitpid(p->pid, NULL, 0), p->pid);
        while ((n = read(p->seen, ret_seen + at, room - 1 - at)) > 0)
                at += (size_t)n;
        ret_seen[at] = 0;
        close(p->seen);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Asks once for what is in q, of a provider that answers so. */
static void ask_once(const char *head, const char *body, size_t fill, char *ret_seen, size_t room)
{
        struct provider p;
        struct fetcher f;

        provider_start(&p, head, body, fill);
        if (!q.url[0])
                snprintf(q.url, sizeof(q.url), "http://127.0.0.1:%u/x", p.port);
        fetcher_start(&f);
        fetcher_ask(&f);
        fetcher_stop(&f);
        provider_stop(&p, ret_seen, room);
}

TEST_T(keys_are_brought, 120)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){.kind = FETCH_KEYS, .loopback = 1};
        ask_once("200 OK", "{\"keys\":[]}", 0, seen, sizeof(seen));
        CHECK_STR(reply.why, "");
        CHECK_EQ(reply.end, FETCH_GOOD);
        CHECK_MEM(reply.bytes, "{\"keys\":[]}", 11);
        CHECK(!strncmp(seen, "GET /x HTTP/1.1\r\n", 17));
}

TEST_T(a_code_is_posted_with_a_secret, 120)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){.kind = FETCH_CODE_TOKEN,
                                   .loopback = 1,
                                   .client_id = "a client_id",
                                   .client_secret = "p:w",
                                   .code = "c&d",
                                   .verifier = "v",
                                   .redirect = "http://127.0.0.1:1/"};
        ask_once("200 OK", "{\"id_token\":\"a.b.c\"}", 0, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_GOOD);
        CHECK(strstr(seen, "Authorization: Basic YSUyMGNsaWVudF9pZDpwJTNBdw==\r\n"));
        CHECK(!strstr(seen, "p:w"));
}

TEST_T(a_device_without_a_secret_names_itself, 120)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){
                .kind = FETCH_DEVICE_TOKEN, .loopback = 1, .client_id = "i", .code = "d"};
        ask_once("400 Bad Request", "{\"error\":\"authorization_pending\"}", 0, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_PENDING);
        CHECK(strstr(seen, "client_id=i&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
                           "device_code&device_code=d"));
        CHECK(!strstr(seen, "Authorization"));
}

TEST_T(a_redirect_is_not_followed, 120)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){.kind = FETCH_KEYS, .loopback = 1};
        ask_once("302 Found\r\nLocation: http://127.0.0.1:1/", "", 0, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK(strstr(reply.why, "redirects are not followed"));
}

TEST_T(an_answer_has_its_length, 120)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){.kind = FETCH_KEYS, .loopback = 1};
        ask_once("200 OK", "{\"keys\":[]}", 10 * 1024 * 1024, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK(strstr(reply.why, "longer than 128 KiB"));
}

TEST_T(an_answer_has_its_time, 240)
{
        char seen[REQUEST_BYTES];

        q = (struct fetch_request){.kind = FETCH_KEYS, .loopback = 1};
        ask_once("200 OK", NULL, 0, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK(strstr(reply.why, "Timeout"));
}

TEST_T(what_is_not_https_is_not_asked, 120)
{
        static const char *const urls[] = {"http://127.0.0.1:1/", "http://localhost:1/",
                                           "file:///etc/passwd", "gopher://127.0.0.1/", "https://"};
        char seen[REQUEST_BYTES];

        for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                q = (struct fetch_request){.kind = FETCH_KEYS};
                snprintf(q.url, sizeof(q.url), "%s", urls[i]);
                ask_once("200 OK", "{\"keys\":[]}", 0, seen, sizeof(seen));
                CHECK_EQ(reply.end, FETCH_FAILED);
                CHECK_STR(reply.why, "the request makes no sense");
                CHECK_STR(seen, "");
        }
}

TEST_T(a_host_is_looked_up_and_has_to_prove_itself, 120)
{
        char seen[REQUEST_BYTES];
        struct provider p;
        struct fetcher f;

        /* It speaks no TLS: the handshake fails, and that is said. */
        q = (struct fetch_request){.kind = FETCH_KEYS};
        provider_start(&p, "200 OK", "{}", 0);
        snprintf(q.url, sizeof(q.url), "https://localhost:%u/", p.port);
        fetcher_start(&f);
        fetcher_ask(&f);
        fetcher_stop(&f);
        provider_stop(&p, seen, sizeof(seen));
        CHECK_EQ(reply.end, FETCH_FAILED);
        if (!strstr(reply.why, "SSL"))
                printf("%s\n", reply.why);
        CHECK(strstr(reply.why, "localhost: SSL"));
}
