/*
 * Rows of pointers, last in, first out: so objects come in the order a recursion would meet them.
 */
#include "msg-walk.h"

#include <stdlib.h>

/* One slot on; false: that was the last. */
static bool row_step(struct walk_row *r)
{
        uint32_t words = 1;

        if (!--r->left) {
                if (!r->elements)
                        return false;
                r->elements--;
                r->left = r->ptrs;
                words += r->gap;
        }

        r->from += words;
        if (r->to)
                r->to += words;
        return true;
}

/* On to a slot that is not null; false: there is none. */
static bool row_settle(struct walk_row *r)
{
        while (!ptr_load(r->from))
                if (!row_step(r))
                        return false;

        return true;
}

static bool walk_grow(struct walk *w)
{
        uint32_t room = w->room * 2;
        struct walk_row *rows = malloc(room * sizeof(*rows));

        if (!rows)
                return false;

        memcpy(rows, w->rows, w->n * sizeof(*rows));
        walk_deinit(w);
        w->rows = rows;
        w->room = room;
        return true;
}

void capnp_i_walk_free(struct walk *w)
{
        free(w->rows);
}

bool capnp_i_walk_push(struct walk *w, struct walk_row row)
{
        if (!row.left || !row_settle(&row))
                return true;

        if (w->n == w->room && !walk_grow(w))
                return false;

        w->rows[w->n++] = row;
        return true;
}

struct walk_row capnp_i_walk_next(struct walk *w)
{
        struct walk_row *top = &w->rows[w->n - 1], slot = *top;

        if (!row_step(top) || !row_settle(top))
                w->n--;

        return slot;
}
