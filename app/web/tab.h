/* One WebSocket: a tab of the browser's. */
#ifndef CAPOS_WEB_TAB_H
#define CAPOS_WEB_TAB_H

#include "packets.h"

#include <capos/capnp-vat.h>

enum {
        TAB_FRAME = 256 * 1024,    /* a frame that comes in */
        TAB_MESSAGE = 1024 * 1024, /* … and all frames of a message */
        TAB_QUEUE = 4 << 20,       /* what may wait to go out */
};

/* What a WebSocket is closed with. */
enum {
        TAB_NORMAL = 1000,
        TAB_GOING = 1001,
        TAB_POLICY = 1008,
        TAB_TOO_LARGE = 1009,
        TAB_SLOW = 1013,
        TAB_ENDED = 4001, /* the browser's session has ended */
        TAB_BACK = 4002,  /* it goes on in the window */
};

struct tab;

struct tab_ops {
        /* A whole message came: UTF-8, as wslay has checked. */
        void (*message)(void *arg, struct tab *t, const char *text, size_t len);
        /* It is over, and gone when this returns. */
        void (*closed)(void *arg, struct tab *t);
};

/* Speaks on a socket; taken, also on failure. 0, or -errno. */
int tab_new(capnp_vat *v, int fd, const struct packet_socket *p, const struct tab_ops *ops,
            void *arg, struct tab **ret_t) CAPNP_MUST_USE;
/* Ends it at once; closed() is not called. */
struct tab *tab_free(struct tab *t);
/* Queues a message. Who reads too slowly is closed. */
void tab_send(struct tab *t, const char *text, size_t len);
/* How many bytes wait to go out. */
size_t tab_queued(const struct tab *t);
/* Closes it; what is queued goes out before, if that is soon. No message comes any more. */
void tab_close(struct tab *t, unsigned code, const char *why);
/* The hash of the cookie that it came with. */
const uint8_t *tab_cookie(const struct tab *t);

#endif
