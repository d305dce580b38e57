/* The bridge's HTTP: six routes, and nothing else. */
#ifndef CAPOS_WEB_HTTP_H
#define CAPOS_WEB_HTTP_H

#include "check.h"

#include "io-loop.h"

#include <sys/socket.h>

enum { HTTP_CONNECTIONS = 64, HTTP_LISTENERS = 2 };

/* What whoever serves it decides. Each is called from the loop; none blocks. */
struct http_ops {
        /* Somebody shows a code, and the key of his browser. NULL: he is in, the cookie and what
         * his POSTs have to show are filled in; else one word that says why not. */
        const char *(*enter)(void *arg, const char *code, const uint8_t key[TOKEN_KEY],
                             char ret_cookie[TOKEN_TEXT], char ret_csrf[TOKEN_TEXT]);
        /* Whether a browser with this cookie is in. cookie: TOKEN_TEXT - 1 bytes, no NUL. */
        bool (*knows)(void *arg, const char *cookie);
        /* A WebSocket's handshake is answered: its socket, borrowed, and what came behind. */
        void (*opened)(void *arg, const uint8_t cookie[TOKEN_HASH], int fd, const char *early,
                       size_t len);
        /* Changes a cookie, for a ticket. NULL, and the new one; else why not. */
        const char *(*rotate)(void *arg, const char *cookie, const char *csrf, const char *ticket,
                              char ret_cookie[TOKEN_TEXT]);
        /* A browser is back from an identity provider. Whether somebody waits for that. */
        bool (*back)(void *arg, const char *query);
};

struct http_connection {
        int fd;    /* MHD's; -1: none */
        bool over; /* it was told to end */
        uint64_t since_ms;
        uint64_t number; /* in the order of their coming, of which many are in one millisecond */
};

struct http_listener {
        struct http *h;
        struct MHD_Daemon *daemon; /* NULL: none */
        struct capos_io_watch watch;
};

struct http {
        const struct http_ops *ops;
        void *arg;
        struct check_self self;
        struct capos_io_loop *loop;
        struct http_listener listeners[HTTP_LISTENERS];
        struct capos_io_timer tick;
        struct capos_io_task again;
        struct http_connection connections[HTTP_LISTENERS * HTTP_CONNECTIONS];
        uint64_t last; /* number that was given out */
};

/*
 * Serves at sockets that listen, at the addresses of this machine that a browser may take for
 * `localhost`; they are taken, -1 for none. ops: outlives it. 0, or -errno.
 */
int http_init(struct http *h, struct capos_io_loop *l, const int fds[HTTP_LISTENERS],
              const struct http_ops *ops, void *arg) CAPNP_MUST_USE;
/* Serves nowhere but at what http_take() is given. Likewise. */
int http_init_taking(struct http *h, struct capos_io_loop *l, const struct check_self *self,
                     const struct http_ops *ops, void *arg) CAPNP_MUST_USE;
/* One more connection, which is taken; from: whose it counts as. */
void http_take(struct http *h, int fd, const struct sockaddr *from, uint32_t len);
void http_deinit(struct http *h);

#endif
