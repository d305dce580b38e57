/* The window's end of a tab: a WebSocket to its session, in GLib's loop. */
#ifndef CAPOS_DESKTOP_LINE_H
#define CAPOS_DESKTOP_LINE_H

#include <capos/capnp-base.h>

enum { LINE_FRAME = 256 * 1024 }; /* what a session takes at once (tab.h) */

struct line;

struct line_ops {
        void (*message)(void *arg, const char *text, size_t len);
        /* It is over; not called after line_free(). code: of the close, or 1006. */
        void (*closed)(void *arg, unsigned code);
};

/* Speaks on a socket; taken, also on failure. NULL: there is no memory. */
struct line *line_new(int fd, const struct line_ops *ops, void *arg);
void line_send(struct line *l, const char *text, size_t len);
/* Whether nothing more is read for now. */
void line_hold(struct line *l, bool holds);
struct line *line_free(struct line *l);

#endif
