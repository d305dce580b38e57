/*
 * A browser's part of a login (RFC 8252): it is sent to an identity provider, and comes back to a
 * port of this machine where we listen meanwhile.
 *
 * Where we are sent is looked at first (client-page.c).
 *
 * At the port anybody of this machine can knock, and pages in the browser, too. What does not have
 * the state of this login is answered and forgotten. Who says nothing is not even handed over by
 * the kernel, as a rule; whoever is, is read at once, and where there are too many the oldest gives
 * way, after all were heard once more, and nobody who has shown the state before those who have
 * not. So a crowd that holds its tongue keeps nobody from being heard.
 */
#include "client-page.h"
#include "client.h"
#include "session-url.h"

#include <capos/capos-browser.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VISITS = 64, VISIT_BYTES = 8192, STATE_BYTES = 256, REDIRECT_BYTES = 64, HOST_BYTES = 24 };

/* How many the kernel keeps for us, and for how many seconds it waits for them to say something. */
enum { QUEUE = 1024, SILENT_S = 60 };

static const char PATH[] = "/callback";

/* One connection of a browser's. */
struct visit {
        capos_browser *b;
        capnp_watch *watch; /* NULL: there is none */
        int fd;
        uint64_t number; /* of those that were taken */
        bool is_ours;    /* it has shown the state */
        size_t len;
        char text[VISIT_BYTES];
};

struct capos_browser {
        capnp_vat *vat;
        capos_open_url *open;
        void *arg;
        int fd;
        capnp_watch *watch;
        capos_client *client; /* whose step waits; NULL: nobody's */
        char redirect[REDIRECT_BYTES], host[HOST_BYTES];
        char state[STATE_BYTES];
        struct visit visits[VISITS];
        uint64_t taken; /* visits, ever */
};

/* ---- answering a browser -------------------------------------------------------------------- */

static void visit_end(struct visit *v)
{
        if (!v->watch)
                return;

        v->watch = capnp_watch_free(v->watch);
        (void)close(v->fd);
        explicit_bzero(v->text, v->len);
        v->len = 0;
        v->is_ours = false;
}

/* A page as short as it can be, with nothing in it that came from outside. */
static void visit_answer(struct visit *v, const char *status, const char *words)
{
        static const char page[] =
                "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
                "Connection: close\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                "Content-Security-Policy: default-src 'none'\r\n\r\n"
                "<!doctype html><title>capOS</title><p>%s\n";
        static const size_t around = sizeof("<!doctype html><title>capOS</title><p>\n") - 1;
        char text[1024];
        int n = snprintf(text, sizeof(text), page, status, around + strlen(words), words);

        (void)!send(v->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
        visit_end(v);
}

/* The query of a request for our page, into a buffer of VISIT_BYTES; false: it is for something
 * else, or has not come as far as that. */
static bool visit_query(const struct visit *v, char *query)
{
        const char *from = v->text, *end;
        char head[REDIRECT_BYTES];

        (void)snprintf(head, sizeof(head), "GET %s?", PATH);
        if (strncmp(from, head, strlen(head)) != 0)
                return false;
        from += strlen(head);
        end = strchr(from, ' ');
        if (!end)
                return false;

        (void)snprintf(query, VISIT_BYTES, "%.*s", (int)(end - from), from);
        return true;
}

/* Whether the login that waits is this visit's. */
static bool visit_has_state(const struct visit *v, const char *query)
{
        char state[STATE_BYTES] = "";
        bool has = v->b->client && !capos_i_query_get(query, "state", state, sizeof(state)) &&
                   !strcmp(state, v->b->state);

        explicit_bzero(state, sizeof(state));
        return has;
}

static bool visit_is_to_us(const struct visit *v)
{
        char host[REDIRECT_BYTES];

        (void)snprintf(host, sizeof(host), "\r\nhost: %s\r\n", v->b->host);
        return strcasestr(v->text, host);
}

/* A whole request has come. Whether it is the login's answer: then b may be gone. */
static bool visit_read(struct visit *v)
{
        capos_client *c = v->b->client;
        char query[VISIT_BYTES];
        bool ours;

        if (!visit_query(v, query) || !visit_is_to_us(v)) {
                visit_answer(v, "404 Not Found", "There is nothing here.");
                return false;
        }
        ours = visit_has_state(v, query);
        if (ours)
                visit_answer(v, "200 OK",
                             "You may close this window. How the login has ended is said where it "
                             "began.");
        else
                visit_answer(v, "400 Bad Request", "This is not the login that is waited for.");
        if (ours)
                (void)!capos_client_answer(
                        c, (capnp_data){(const uint8_t *)query, (uint32_t)strlen(query)});
        explicit_bzero(query, sizeof(query));
        return ours;
}

/* Takes what has come. As visit_read(). */
static bool visit_hear(struct visit *v)
{
        ssize_t n = recv(v->fd, v->text + v->len, sizeof(v->text) - 1 - v->len, MSG_DONTWAIT);
        char query[VISIT_BYTES];

        if (n < 0 && errno == EAGAIN)
                return false;
        if (n <= 0) {
                visit_end(v);
                return false;
        }

        v->len += (size_t)n;
        v->text[v->len] = '\0';
        if (strstr(v->text, "\r\n\r\n"))
                return visit_read(v);
        if (v->len == sizeof(v->text) - 1) {
                visit_answer(v, "431 Request Header Fields Too Large", "This is too long.");
                return false;
        }
        if (visit_query(v, query)) {
                v->is_ours = visit_has_state(v, query);
                explicit_bzero(query, sizeof(query));
        }
        return false;
}

static void visit_on_bytes(void *arg, uint32_t events)
{
        (void)events;
        (void)visit_hear(arg);
}

/* Whether one gives way before another. */
static bool visit_is_before(const struct visit *v, const struct visit *w)
{
        if (!v->watch || !w->watch)
                return !v->watch && w->watch;

        return v->is_ours == w->is_ours ? v->number < w->number : !v->is_ours;
}

/* An empty place, or whose it is to be next. */
static struct visit *browser_place(capos_browser *b)
{
        struct visit *v = &b->visits[0];

        for (unsigned i = 1; i < VISITS; i++)
                if (visit_is_before(&b->visits[i], v))
                        v = &b->visits[i];
        return v;
}

static void browser_on_visit(void *arg, uint32_t events)
{
        capos_browser *b = arg;
        struct visit *v = browser_place(b);
        int fd;

        (void)events;
        for (unsigned i = 0; v->watch && i < VISITS; i++)
                if (b->visits[i].watch && visit_hear(&b->visits[i]))
                        return; /* it is over, and whoever knocks is not waited for */
        v = browser_place(b);
        fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;

        visit_end(v);
        v->b = b;
        v->fd = fd;
        v->number = ++b->taken;
        if (capnp_watch_new(b->vat, fd, EPOLLIN, visit_on_bytes, v, &v->watch))
                (void)close(fd);
        else
                (void)visit_hear(v);
}

/* ---- where it is sent ----------------------------------------------------------------------- */

/* The step is answered, or the login is over: the client may be gone soon. */
static void browser_let_go(void *arg)
{
        capos_browser *b = arg;

        b->client = NULL;
        explicit_bzero(b->state, sizeof(b->state));
}

void capos_browser_step(capos_client *c, const struct capos_step *s, void *browser)
{
        capos_browser *b = browser;
        const char *wrong = client_page_wrong(s, b->redirect, b->state, sizeof(b->state));
        int r;

        if (wrong) {
                (void)!capos_client_give_up(c, wrong);
                return;
        }

        b->client = c;
        client_on_let_go(c, browser_let_go, b);
        r = b->open(s, b->arg);
        if (r)
                (void)!capos_client_give_up(c, capos_strerror(r));
}

/* ---- life ----------------------------------------------------------------------------------- */

static int browser_listen(capos_browser *b)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int silent_s = SILENT_S;

        b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (b->fd < 0 || bind(b->fd, (struct sockaddr *)&a, sizeof(a)) || listen(b->fd, QUEUE) ||
            getsockname(b->fd, (struct sockaddr *)&a, &len))
                return -errno;
        (void)setsockopt(b->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &silent_s, sizeof(silent_s));

        (void)snprintf(b->host, sizeof(b->host), "127.0.0.1:%u", ntohs(a.sin_port));
        (void)snprintf(b->redirect, sizeof(b->redirect), "http://%s%s", b->host, PATH);
        return capnp_watch_new(b->vat, b->fd, EPOLLIN, browser_on_visit, b, &b->watch);
}

int capos_browser_new(capnp_vat *v, capos_open_url *open, void *arg, capos_browser **ret_b)
{
        capos_browser *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;

        b->vat = v;
        b->open = open;
        b->arg = arg;
        r = browser_listen(b);
        if (r) {
                capos_browser_free(b);
                return r;
        }
        *ret_b = b;
        return 0;
}

capnp_data capos_browser_first_peek(const capos_browser *b)
{
        return (capnp_data){(const uint8_t *)b->redirect, (uint32_t)strlen(b->redirect)};
}

capos_browser *capos_browser_free(capos_browser *b)
{
        if (!b)
                return NULL;

        if (b->client)
                client_on_let_go(b->client, NULL, NULL);
        for (unsigned i = 0; i < VISITS; i++)
                visit_end(&b->visits[i]);
        b->watch = capnp_watch_free(b->watch);
        if (b->fd >= 0)
                (void)close(b->fd);
        explicit_bzero(b->state, sizeof(b->state));
        free(b);
        return NULL;
}
