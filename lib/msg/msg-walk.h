/*
 * A walk over everything below a pointer, without recursion: our own messages may be nested as
 * deeply as their program likes, and the C stack is not. Private to lib/msg.
 *
 * What is kept is rows: the pointers of a struct, or of all elements of a list, that are still to
 * be visited. A row is dropped when its last pointer is handed out, before what that leads to is
 * looked at, so a chain of structs needs no room at all, however long it is; only what branches
 * does, a row for each level. The first rows lie in the walk itself, the rest on the heap.
 */
#ifndef CAPNP_MSG_WALK_H
#define CAPNP_MSG_WALK_H

#include "msg-pointer.h"

enum { WALK_ROWS = 24 };

/* Slots still to be visited. The first is not null. */
struct walk_row {
        const uint64_t *from; /* the next slot */
        uint64_t *to;         /* of a copy: where its copy goes; NULL */
        uint32_t seg, to_seg;
        uint32_t left;     /* slots of this element, from the next on */
        uint32_t elements; /* that follow this one */
        uint16_t ptrs;     /* of each element */
        uint16_t gap;      /* words between the slots of two elements */
        uint16_t depth;    /* how much deeper a reader may go */
};

struct walk {
        struct walk_row *rows;
        uint32_t n, room;
        struct walk_row first[WALK_ROWS];
};

static inline void walk_init(struct walk *w)
{
        w->rows = w->first;
        w->n = 0;
        w->room = WALK_ROWS;
}

void capnp_i_walk_free(struct walk *w);
static inline void walk_deinit(struct walk *w)
{
        if (w->rows != w->first)
                capnp_i_walk_free(w);
}
/* Adds a row, unless all its slots are null. False: no memory; it is left out. */
bool capnp_i_walk_push(struct walk *w, struct walk_row row) CAPNP_MUST_USE;
/* The next slot: its row with from and to at it. There is one while there are rows. */
struct walk_row capnp_i_walk_next(struct walk *w);
static inline bool walk_is_over(const struct walk *w)
{
        return !w->n;
}

#endif
