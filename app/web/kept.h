/* Frames that are kept for tabs that come later: the newest of one kind. */
#ifndef CAPOS_WEB_KEPT_H
#define CAPOS_WEB_KEPT_H

#include "bridge.h"

enum {
        KEPT = 50,
        KEPT_BYTES = 128 * 1024,
};

/* Zero bytes are one without any. */
struct kept {
        struct capnp_buf frames[KEPT]; /* a ring of texts */
        unsigned first, n;
        size_t bytes;
};

/* Keeps what it says, too; it is not taken. The oldest give way. What there is no memory for, or
 * what is larger than all of it may be, is not kept. */
void kept_add(struct kept *k, const struct bridge *b, const struct down *d);
/* Says all of them to a tab, oldest first. */
void kept_tell(const struct kept *k, const struct bridge_tab *t);
void kept_clear(struct kept *k);

#endif
