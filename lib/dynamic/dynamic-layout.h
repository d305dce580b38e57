/*
 * Layout of what is pretty: which structs and lists are in one line, and which have a line for each
 * item. That is known only when the last item is there, and moving the items then, at each level of
 * nesting, would cost a pass for each level. So everything is printed as one line first, with notes
 * of the places where lines may be broken; notes of what stays in one line are dropped at once, and
 * those that are left are carried out at the end, in one pass from behind.
 */
#ifndef CAPNP_DYNAMIC_LAYOUT_H
#define CAPNP_DYNAMIC_LAYOUT_H

#include "dynamic-buf.h"

enum layout_kind { LAYOUT_NONE, LAYOUT_OPEN, LAYOUT_OPEN_NAMED, LAYOUT_NEXT, LAYOUT_CLOSE };

/* A place in the buffer, and what becomes of it. */
struct layout_note {
        size_t at;
        uint32_t indent;
        uint8_t kind; /* enum layout_kind */
};

/* What the items of a struct or list are like, so far. */
struct layout_shape {
        size_t items;   /* how many */
        size_t longest; /* bytes of the longest */
        size_t total;   /* of all, without what is between them */
        bool is_multiline;
        /* private: */
        size_t item;    /* where the last item begins */
        size_t opening; /* index of its note */
};

struct layout {
        struct layout_note *notes;
        size_t n, room;
};

void layout_deinit(struct layout *l);
/* A struct or list begins here; named: something stands before it in its line. */
void layout_open(struct layout *l, struct dynamic_out *o, struct layout_shape *s, uint32_t level,
                 bool named);
/* Its next item does, behind the `, ` that was printed between. */
void layout_next(struct layout *l, struct dynamic_out *o, struct layout_shape *s, uint32_t level);
/* Its last item has been printed: the shape is complete. */
void layout_measure(const struct dynamic_out *o, struct layout_shape *s);
/* It ends here. */
void layout_close(struct layout *l, struct dynamic_out *o, const struct layout_shape *s,
                  bool lines);
/* Carries out all notes. */
void layout_end(struct layout *l, struct dynamic_out *o);

#endif
