/*
 * A browser's part of a login (RFC 8252): it is sent to an identity provider, and comes back to a
 * port of this machine where we listen meanwhile.
 *
 * Where we are sent is looked at first (client-page.c).
 *
 * At the port anybody of this machine can knock, and pages in the browser, too. What does not have
 * the state of this login is answered and forgotten.
 */
#include "client-page.h"
#include "client.h"
#include "session-url.h"

#include <capos/capos-browser.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VISITS = 8, VISIT_BYTES = 8192, STATE_BYTES = 256, REDIRECT_BYTES = 64, HOST_BYTES = 24 };

static const char PATH[] = "/callback";

/* One connection of a browser's. */
struct visit {
        capos_browser *b;
        capnp_watch *watch; /* NULL: there is none */
        int fd;
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
        unsigned next; /* the visit whose turn it is to give way */
};

/* ---- answering a browser -------------------------------------------------------------------- */

static void visit_end(struct visit *v)
{
        if (!v->watch)
                return;

        v->watch = capnp_watch_free(v->watch);
        (void)close(v->fd);
        explicit_bzero(v->text, sizeof(v->text));
        v->len = 0;
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

/* The query of a request for our page, NUL-terminated in place; NULL: it is for something else. */
static char *visit_query(struct visit *v)
{
        char *query = v->text + strlen("GET ") + strlen(PATH), *end;
        char head[REDIRECT_BYTES];

        (void)snprintf(head, sizeof(head), "GET %s?", PATH);
        if (strncmp(v->text, head, strlen(head)) != 0)
                return NULL;
        (void)snprintf(head, sizeof(head), "\r\nhost: %s\r\n", v->b->host);
        if (!strcasestr(v->text, head))
                return NULL;

        end = strchr(++query, ' ');
        if (!end)
                return NULL;
        *end = '\0';
        return query;
}

/* A whole request has come. */
static void visit_read(struct visit *v)
{
        capos_browser *b = v->b;
        capos_client *c = b->client;
        char query[VISIT_BYTES], state[STATE_BYTES] = "";
        const char *found = visit_query(v);

        if (!found) {
                visit_answer(v, "404 Not Found", "There is nothing here.");
                return;
        }
        if (!c || capos_i_query_get(found, "state", state, sizeof(state)) ||
            strcmp(state, b->state) != 0) {
                visit_answer(v, "400 Bad Request", "This is not the login that is waited for.");
                return;
        }

        (void)snprintf(query, sizeof(query), "%s", found);
        b->client = NULL;
        visit_answer(v, "200 OK",
                     "You may close this window. How the login has ended is said where it began.");
        (void)!capos_client_answer(c,
                                   (capnp_data){(const uint8_t *)query, (uint32_t)strlen(query)});
        explicit_bzero(query, sizeof(query));
}

static void visit_on_bytes(void *arg, uint32_t events)
{
        struct visit *v = arg;
        ssize_t n = recv(v->fd, v->text + v->len, sizeof(v->text) - 1 - v->len, MSG_DONTWAIT);

        (void)events;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                visit_end(v);
                return;
        }

        v->len += (size_t)n;
        v->text[v->len] = '\0';
        if (strstr(v->text, "\r\n\r\n"))
                visit_read(v);
        else if (v->len == sizeof(v->text) - 1)
                visit_answer(v, "431 Request Header Fields Too Large", "This is too long.");
}

/* The oldest gives way: browsers open connections that they never use. */
static void browser_on_visit(void *arg, uint32_t events)
{
        capos_browser *b = arg;
        struct visit *v = &b->visits[b->next++ % VISITS];
        int fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        (void)events;
        if (fd < 0)
                return;

        visit_end(v);
        v->b = b;
        v->fd = fd;
        if (capnp_watch_new(b->vat, fd, EPOLLIN, visit_on_bytes, v, &v->watch))
                (void)close(fd);
}

/* ---- where it is sent ----------------------------------------------------------------------- */

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
        r = b->open(s, b->arg);
        if (!r)
                return;

        b->client = NULL;
        (void)!capos_client_give_up(c, capos_strerror(r));
}

/* ---- life ----------------------------------------------------------------------------------- */

static int browser_listen(capos_browser *b)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);

        b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (b->fd < 0 || bind(b->fd, (struct sockaddr *)&a, sizeof(a)) || listen(b->fd, VISITS) ||
            getsockname(b->fd, (struct sockaddr *)&a, &len))
                return -errno;

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

        for (unsigned i = 0; i < VISITS; i++)
                visit_end(&b->visits[i]);
        b->watch = capnp_watch_free(b->watch);
        if (b->fd >= 0)
                (void)close(b->fd);
        free(b);
        return NULL;
}
