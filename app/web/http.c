/*
 * HTTP by libmicrohttpd: from memory, by a table of exact paths, one request to a connection.
 *
 * A request goes through the same steps whatever it is: Host, then the path and the method, then
 * for what changes something the Origin, then whose it is. Each refusal is a status and one word of
 * ours; nothing that came in is ever in an answer. A header that is there twice is as good as
 * wrong: what reads the first and what reads the last are then two minds.
 *
 * libmicrohttpd's own timeout begins anew with every byte, which a client that sends one now and
 * then can live on for ever. So each connection has a time when it is over, whatever it does. And
 * there are only so many: one more ends the oldest, which has said nothing yet if it is somebody's
 * who fills all places; who has something to say is through with it at once.
 */
#include "http.h"

#include "io-socket.h"
#include "page.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        BODY = 4096,
        QUERY = 8192,
        HEADERS = 16 * 1024,
        PER_SOURCE = 16, /* of browsers elsewhere; here all are one, whoever's they are */
        AT_ONCE = 48,    /* … fewer than libmicrohttpd takes */
        TICK_MS = 1000,
        REQUEST_MS = 10 * 1000, /* a whole request, and its answer */
        IDLE_S = 10,
        TURNS = 16,
};

enum route { ROUTE_NONE, ROUTE_FILE, ROUTE_ENTER, ROUTE_WS, ROUTE_ROTATE, ROUTE_BACK };

struct request {
        enum route route;
        const struct page_file *file;
        bool begun;
        bool too_large;
        size_t len;
        char body[BODY + 1];
        char query[QUERY]; /* behind the path; "": none, or too long */
};

/* ---- answers -------------------------------------------------------------------------------- */

static const char *const headers[][2] = {
        {"Content-Security-Policy", PAGE_POLICY("'self'")},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Embedder-Policy", "require-corp"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy",
         "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
         "publickey-credentials-get=(self), publickey-credentials-create=(self)"},
        {"Cache-Control", "no-store"},
        {"Connection", "close"},
};

struct answer {
        unsigned status;
        const char *type; /* NULL: plain text */
        const void *bytes;
        size_t len;
        const char *name, *value; /* one more header; NULL: none */
};

static enum MHD_Result answer_send(struct MHD_Connection *c, const struct answer *a, bool lasts)
{
        struct MHD_Response *r = MHD_create_response_from_buffer(
                a->len, (void *)(uintptr_t)a->bytes,
                lasts ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
        enum MHD_Result ok = MHD_NO;

        if (!r)
                return MHD_NO;
        for (unsigned i = 0; i < sizeof(headers) / sizeof(*headers); i++)
                (void)MHD_add_response_header(r, headers[i][0], headers[i][1]);
        (void)MHD_add_response_header(r, "Content-Type",
                                      a->type ? a->type : "text/plain; charset=utf-8");
        if (a->name)
                (void)MHD_add_response_header(r, a->name, a->value);
        ok = MHD_queue_response(c, a->status, r);
        MHD_destroy_response(r);
        return ok;
}

static enum MHD_Result answer_word(struct MHD_Connection *c, unsigned status, const char *word)
{
        return answer_send(
                c, &(struct answer){.status = status, .bytes = word, .len = strlen(word)}, true);
}

static enum MHD_Result answer_cookie(const struct http *h, struct MHD_Connection *c,
                                     unsigned status, const char *cookie, const char *body)
{
        char line[CHECK_COOKIE + TOKEN_TEXT + 64];
        struct answer a = {.status = status,
                           .bytes = body,
                           .len = strlen(body),
                           .name = "Set-Cookie",
                           .value = line};
        enum MHD_Result r;

        (void)snprintf(line, sizeof(line), "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                       h->self.cookie, cookie);
        r = answer_send(c, &a, false);
        explicit_bzero(line, sizeof(line));
        return r;
}

/* ---- what a request says -------------------------------------------------------------------- */

struct seek {
        const char *name, *value;
        unsigned n;
};

static enum MHD_Result seek_on(void *arg, enum MHD_ValueKind kind, const char *key,
                               const char *value)
{
        struct seek *s = arg;

        (void)kind;
        if (!strcasecmp(key, s->name)) {
                s->value = value;
                s->n++;
        }
        return MHD_YES;
}

/* A header; NULL: it is not there. Twice is "". */
static const char *header_get(struct MHD_Connection *c, const char *name)
{
        struct seek s = {.name = name};

        (void)MHD_get_connection_values(c, MHD_HEADER_KIND, seek_on, &s);
        return s.n > 1 ? "" : s.value;
}

static bool header_is(struct MHD_Connection *c, const char *name, const char *value)
{
        const char *is = header_get(c, name);

        return is && !strcmp(is, value);
}

static const char *cookie_get(const struct http *h, struct MHD_Connection *c)
{
        return check_cookie(&h->self, header_get(c, "Cookie"));
}

static enum route route_find(const char *path, const char *method, const struct page_file **ret)
{
        static const struct {
                const char *path, *method;
                enum route route;
        } routes[] = {{"/enter", "POST", ROUTE_ENTER},
                      {"/rotate", "POST", ROUTE_ROTATE},
                      {"/ws", "GET", ROUTE_WS},
                      {"/back", "GET", ROUTE_BACK}};

        for (unsigned i = 0; i < sizeof(routes) / sizeof(*routes); i++)
                if (!strcmp(path, routes[i].path) && !strcmp(method, routes[i].method))
                        return routes[i].route;
        for (*ret = page_files; (*ret)->path; (*ret)++)
                if (!strcmp(path, (*ret)->path) && !strcmp(method, "GET"))
                        return ROUTE_FILE;
        return ROUTE_NONE;
}

/* Host, path, method and Origin. true: it is refused, or answered otherwise, with *ret. */
static bool request_is_refused(const struct http *h, struct MHD_Connection *c, struct request *q,
                               const char *path, const char *method, enum MHD_Result *ret)
{
        enum check_host host = check_host(&h->self, header_get(c, "Host"));
        char place[CHECK_ORIGIN + 2];

        q->route = route_find(path, method, &q->file);
        if (host == HOST_ADDRESS && !strcmp(path, "/") && q->route == ROUTE_FILE) {
                (void)snprintf(place, sizeof(place), "%s/", h->self.origin);
                *ret = answer_send(c,
                                   &(struct answer){.status = MHD_HTTP_FOUND,
                                                    .bytes = "",
                                                    .name = "Location",
                                                    .value = place},
                                   true);
        } else if (host != HOST_OURS && !(host == HOST_ADDRESS && q->route == ROUTE_BACK))
                *ret = answer_word(c, MHD_HTTP_MISDIRECTED_REQUEST, "host");
        else if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0)
                *ret = answer_send(c,
                                   &(struct answer){.status = MHD_HTTP_METHOD_NOT_ALLOWED,
                                                    .bytes = "method",
                                                    .len = 6,
                                                    .name = "Allow",
                                                    .value = "GET, POST"},
                                   true);
        else if (q->route == ROUTE_NONE)
                *ret = answer_word(c, MHD_HTTP_NOT_FOUND, "not found");
        else if ((q->route == ROUTE_ENTER || q->route == ROUTE_ROTATE || q->route == ROUTE_WS) &&
                 !check_origin(&h->self, header_get(c, "Origin"), header_get(c, "Sec-Fetch-Site")))
                *ret = answer_word(c, MHD_HTTP_FORBIDDEN, "origin");
        else
                return false;
        return true;
}

/* ---- the routes ----------------------------------------------------------------------------- */

/* `CODE\nKEY` */
static enum MHD_Result route_enter(const struct http *h, struct MHD_Connection *c,
                                   struct request *q)
{
        char cookie[TOKEN_TEXT], csrf[TOKEN_TEXT], *key = strchr(q->body, '\n');
        uint8_t point[TOKEN_KEY];
        enum MHD_Result r;
        const char *why;

        if (!header_is(c, "X-Capos", "1"))
                return answer_word(c, MHD_HTTP_FORBIDDEN, "csrf");
        if (key)
                *key++ = 0;
        if (!key || !token_decode(key, strlen(key), point, sizeof(point)) ||
            !token_key_is_good(point))
                return answer_word(c, MHD_HTTP_FORBIDDEN, "key");
        why = h->ops->enter(h->arg, q->body, point, cookie, csrf);
        if (why)
                return answer_word(c, MHD_HTTP_FORBIDDEN, why);
        r = answer_cookie(h, c, MHD_HTTP_OK, cookie, csrf);
        explicit_bzero(cookie, sizeof(cookie));
        return r;
}

static enum MHD_Result route_rotate(const struct http *h, struct MHD_Connection *c,
                                    const struct request *q)
{
        const char *cookie = cookie_get(h, c), *csrf = header_get(c, "X-Capos"), *why;
        char changed[TOKEN_TEXT];
        enum MHD_Result r;

        if (!cookie || !h->ops->knows(h->arg, cookie))
                return answer_word(c, MHD_HTTP_FORBIDDEN, "cookie");
        why = h->ops->rotate(h->arg, cookie, csrf ? csrf : "", q->body, changed);
        if (why)
                return answer_word(c, MHD_HTTP_FORBIDDEN, why);
        r = answer_cookie(h, c, MHD_HTTP_NO_CONTENT, changed, "");
        explicit_bzero(changed, sizeof(changed));
        return r;
}

static enum MHD_Result route_back(const struct http *h, struct MHD_Connection *c,
                                  const struct request *q)
{
        char place[CHECK_ORIGIN + 2];

        if (!*q->query || !h->ops->back(h->arg, q->query))
                return answer_word(c, MHD_HTTP_BAD_REQUEST, "state");
        (void)snprintf(place, sizeof(place), "%s/", h->self.origin);
        return answer_send(c,
                           &(struct answer){.status = MHD_HTTP_SEE_OTHER,
                                            .bytes = "",
                                            .name = "Location",
                                            .value = place},
                           true);
}

/* What libmicrohttpd hands over is more than a function of ours would take. */
#define UPGRADE_PARAMETERS                                                                 \
        void *arg, struct MHD_Connection *c, void *request, const char *early, size_t len, \
                MHD_socket fd, struct MHD_UpgradeResponseHandle *u
#define REQUEST_PARAMETERS                                                         \
        void *arg, struct MHD_Connection *c, const char *path, const char *method, \
                const char *version, const char *bytes, size_t *len, void **request

/* What is to be handed on when the handshake has been sent. */
struct upgrade {
        const struct http *h;
        uint8_t cookie[TOKEN_HASH];
};

static void ws_upgraded(UPGRADE_PARAMETERS)
{
        struct upgrade *up = arg;
        int one = 1;

        (void)c;
        (void)request;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        up->h->ops->opened(up->h->arg, up->cookie, fd, early, len);
        free(up);
        (void)MHD_upgrade_action(u, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result ws_accept(const struct http *h, struct MHD_Connection *c, const char *key,
                                 const char *cookie)
{
        static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        struct upgrade *up = calloc(1, sizeof(*up));
        unsigned char hash[SHA_DIGEST_LENGTH], accept[2 * SHA_DIGEST_LENGTH];
        struct MHD_Response *r = up ? MHD_create_response_for_upgrade(ws_upgraded, up) : NULL;
        enum MHD_Result ok;
        char text[64];

        if (!r) {
                free(up);
                return MHD_NO;
        }
        up->h = h;
        token_hash(cookie, TOKEN_TEXT - 1, up->cookie);
        (void)snprintf(text, sizeof(text), "%s%s", key, magic);
        (void)SHA1((const unsigned char *)text, strlen(text), hash);
        (void)EVP_EncodeBlock(accept, hash, sizeof(hash));
        (void)MHD_add_response_header(r, "Upgrade", "websocket");
        (void)MHD_add_response_header(r, "Sec-WebSocket-Accept", (char *)accept);
        ok = MHD_queue_response(c, MHD_HTTP_SWITCHING_PROTOCOLS, r);
        MHD_destroy_response(r);
        if (ok != MHD_YES)
                free(up);
        return ok;
}

static enum MHD_Result route_ws(const struct http *h, struct MHD_Connection *c)
{
        const char *cookie = cookie_get(h, c), *key = header_get(c, "Sec-WebSocket-Key");

        if (!cookie || !h->ops->knows(h->arg, cookie))
                return answer_word(c, MHD_HTTP_FORBIDDEN, "cookie");
        if (!header_is(c, "Sec-WebSocket-Version", "13"))
                return answer_send(c,
                                   &(struct answer){.status = MHD_HTTP_UPGRADE_REQUIRED,
                                                    .bytes = "version",
                                                    .len = 7,
                                                    .name = "Sec-WebSocket-Version",
                                                    .value = "13"},
                                   true);
        if (!check_has_word(header_get(c, "Connection"), "upgrade") ||
            !check_has_word(header_get(c, "Upgrade"), "websocket") || !check_ws_key(key))
                return answer_word(c, MHD_HTTP_BAD_REQUEST, "handshake");
        return ws_accept(h, c, key, cookie);
}

static enum MHD_Result route_take(const struct http *h, struct MHD_Connection *c, struct request *q)
{
        switch (q->route) {
        case ROUTE_FILE:
                return answer_send(
                        c,
                        &(struct answer){.status = MHD_HTTP_OK,
                                         .type = q->file->type,
                                         .bytes = q->file->bytes,
                                         .len = q->file->len,
                                         .name = q->file->packed ? "Content-Encoding" : NULL,
                                         .value = "gzip"},
                        true);
        case ROUTE_ENTER:
                return route_enter(h, c, q);
        case ROUTE_ROTATE:
                return route_rotate(h, c, q);
        case ROUTE_WS:
                return route_ws(h, c);
        case ROUTE_BACK:
                return route_back(h, c, q);
        case ROUTE_NONE:
                break;
        }
        return MHD_NO;
}

/* ---- libmicrohttpd -------------------------------------------------------------------------- */

/* The first that is heard of a request: all of its line's address, as it came. */
static void *on_line(void *arg, const char *uri, struct MHD_Connection *c)
{
        struct request *q = calloc(1, sizeof(*q));
        const char *query = strchr(uri, '?');

        (void)arg;
        (void)c;
        if (q && query && strlen(query + 1) < sizeof(q->query))
                (void)snprintf(q->query, sizeof(q->query), "%s", query + 1);
        return q;
}

static enum MHD_Result on_request(REQUEST_PARAMETERS)
{
        const struct http *h = arg;
        struct request *q = *request;
        enum MHD_Result r;

        (void)version;
        if (!q)
                return MHD_NO;
        if (!q->begun) {
                q->begun = true;
                if (request_is_refused(h, c, q, path, method, &r))
                        return r;
                return MHD_YES;
        }
        if (*len) {
                q->too_large |= *len > BODY - q->len;
                if (!q->too_large) {
                        memcpy(q->body + q->len, bytes, *len);
                        q->len += *len;
                }
                *len = 0;
                return MHD_YES;
        }
        if (q->too_large)
                return answer_word(c, MHD_HTTP_CONTENT_TOO_LARGE, "body");
        if (strlen(q->body) != q->len)
                return answer_word(c, MHD_HTTP_BAD_REQUEST, "body");
        return route_take(h, c, q);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode code)
{
        (void)arg;
        (void)c;
        (void)code;
        if (*request)
                explicit_bzero(*request, sizeof(struct request));
        free(*request);
        *request = NULL;
}

/* One more has come: there is room for it. */
static void connections_bound(struct http *h)
{
        struct http_connection *oldest = NULL;
        unsigned n = 0;

        for (unsigned i = 0; i < HTTP_LISTENERS * HTTP_CONNECTIONS; i++) {
                struct http_connection *k = &h->connections[i];

                if (k->fd < 0 || k->over)
                        continue;
                n++;
                if (!oldest || k->number < oldest->number)
                        oldest = k;
        }
        if (n <= AT_ONCE)
                return;
        oldest->over = true;
        (void)shutdown(oldest->fd, SHUT_RDWR);
}

static void on_connection(void *arg, struct MHD_Connection *c, void **place,
                          enum MHD_ConnectionNotificationCode code)
{
        const union MHD_ConnectionInfo *i;
        struct http_connection *k = *place;
        struct http *h = arg;

        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                if (k)
                        k->fd = -1;
                return;
        }
        i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        for (unsigned n = 0; i && n < HTTP_LISTENERS * HTTP_CONNECTIONS; n++) {
                k = &h->connections[n];
                if (k->fd >= 0)
                        continue;
                *k = (struct http_connection){
                        .fd = i->connect_fd, .since_ms = capos_io_now_ms(), .number = ++h->last};
                *place = k;
                connections_bound(h);
                return;
        }
}

static void http_run(struct http *h)
{
        MHD_UNSIGNED_LONG_LONG ms;
        bool more = true;

        for (unsigned turn = 0; more && turn < TURNS; turn++) {
                more = false;
                for (unsigned i = 0; i < HTTP_LISTENERS; i++) {
                        if (!h->listeners[i].daemon)
                                continue;
                        (void)MHD_run(h->listeners[i].daemon);
                        more |= MHD_get_timeout(h->listeners[i].daemon, &ms) == MHD_YES && !ms;
                }
        }
        if (more)
                capos_io_task_add(&h->again, h->loop);
}

static void http_on_ready(struct capos_io_watch *w, uint32_t events)
{
        (void)events;
        http_run(CAPNP_I_OF(w, struct http_listener, watch)->h);
}

static void http_on_again(struct capos_io_task *t)
{
        http_run(CAPNP_I_OF(t, struct http, again));
}

/* Ends what has taken too long. Its socket is MHD's, which notices. */
static void http_on_tick(struct capos_io_timer *t)
{
        struct http *h = CAPNP_I_OF(t, struct http, tick);
        uint64_t now = capos_io_now_ms();

        for (unsigned i = 0; i < HTTP_LISTENERS * HTTP_CONNECTIONS; i++) {
                struct http_connection *k = &h->connections[i];

                if (k->fd >= 0 && now - k->since_ms > REQUEST_MS)
                        (void)shutdown(k->fd, SHUT_RDWR);
        }
        http_run(h);
        capos_io_timer_start(t, TICK_MS);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int listener_init(struct http_listener *l, struct http *h, int fd)
{
        unsigned takes = fd < 0 ? MHD_USE_NO_LISTEN_SOCKET : 0;
        const union MHD_DaemonInfo *i;

        l->h = h;
        l->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | takes, 0, NULL, NULL, on_request, h,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                (size_t)HEADERS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, fd < 0 ? (unsigned)PER_SOURCE : 0U,
                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_line, h,
                MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
                on_connection, h, fd < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, fd,
                MHD_OPTION_END);
        i = l->daemon ? MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
        if (!i)
                return -ENOMEM;
        return capos_io_watch_init(&l->watch, h->loop, i->epoll_fd, EPOLLIN, http_on_ready);
}

/* What does not depend on where it serves. */
static int http_begin(struct http *h, struct capos_io_loop *l, const struct http_ops *ops,
                      void *arg)
{
        *h = (struct http){.ops = ops, .arg = arg, .loop = l};
        for (unsigned i = 0; i < HTTP_LISTENERS * HTTP_CONNECTIONS; i++)
                h->connections[i].fd = -1;
        capos_io_task_init(&h->again, http_on_again);
        return capos_io_timer_init(&h->tick, l, http_on_tick);
}

int http_init(struct http *h, struct capos_io_loop *l, const int fds[HTTP_LISTENERS],
              const struct http_ops *ops, void *arg)
{
        struct capos_io_address at;
        int r = http_begin(h, l, ops, arg);

        if (!r)
                r = capos_io_socket_address(fds[0], &at);
        if (!r)
                check_self_make("localhost", capos_io_address_port(&at), false, &h->self);
        for (unsigned i = 0; !r && i < HTTP_LISTENERS; i++)
                if (fds[i] >= 0)
                        r = listener_init(&h->listeners[i], h, fds[i]);
        if (!r)
                capos_io_timer_start(&h->tick, TICK_MS);
        return r;
}

int http_init_taking(struct http *h, struct capos_io_loop *l, const struct check_self *self,
                     const struct http_ops *ops, void *arg)
{
        int r = http_begin(h, l, ops, arg);

        h->self = *self;
        if (!r)
                r = listener_init(&h->listeners[0], h, -1);
        if (!r)
                capos_io_timer_start(&h->tick, TICK_MS);
        return r;
}

void http_take(struct http *h, int fd, const struct sockaddr *from, uint32_t len)
{
        (void)MHD_add_connection(h->listeners[0].daemon, fd, from, len); /* closes it if not */
        http_run(h);
}

void http_deinit(struct http *h)
{
        for (unsigned i = 0; i < HTTP_LISTENERS; i++) {
                capos_io_watch_deinit(&h->listeners[i].watch);
                if (h->listeners[i].daemon)
                        MHD_stop_daemon(h->listeners[i].daemon);
                h->listeners[i].daemon = NULL;
        }
        capos_io_timer_deinit(&h->tick);
        capos_io_task_deinit(&h->again);
}
