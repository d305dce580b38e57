/*
 * Notes, in the order of their places. There are at most as many as items that have been printed,
 * so the limit of the output bounds them, too: 16 bytes for an item, which has three at least.
 */
#include "dynamic-layout.h"

#include <errno.h>
#include <stdlib.h>

void layout_deinit(struct layout *l)
{
        free(l->notes);
}

static void layout_note(struct layout *l, struct dynamic_out *o, enum layout_kind kind,
                        uint32_t indent)
{
        if (l->n == l->room) {
                size_t room = l->room ? l->room * 2 : 64;
                struct layout_note *notes = realloc(l->notes, room * sizeof(*notes));

                if (!notes) {
                        dynamic_out_fail(o, -ENOMEM);
                        return;
                }
                l->notes = notes;
                l->room = room;
        }

        l->notes[l->n++] = (struct layout_note){o->b->len, indent, (uint8_t)kind};
}

static uint32_t layout_indent(uint32_t level)
{
        return level < UINT32_MAX / 2 - 1 ? 2 * (level + 1) : UINT32_MAX;
}

void layout_open(struct layout *l, struct dynamic_out *o, struct layout_shape *s, uint32_t level,
                 bool named)
{
        *s = (struct layout_shape){.item = o->b->len, .opening = l->n};
        layout_note(l, o, named ? LAYOUT_OPEN_NAMED : LAYOUT_OPEN, layout_indent(level));
}

/* The item that ends behind the last byte. */
static void shape_add(struct layout_shape *s, size_t end)
{
        size_t len = end - s->item;

        s->items++;
        s->total += len;
        s->longest = len > s->longest ? len : s->longest;
}

void layout_next(struct layout *l, struct dynamic_out *o, struct layout_shape *s, uint32_t level)
{
        if (o->error)
                return;

        shape_add(s, o->b->len - 2);
        layout_note(l, o, LAYOUT_NEXT, layout_indent(level));
        s->item = o->b->len;
}

void layout_measure(const struct dynamic_out *o, struct layout_shape *s)
{
        if (o->b->len > s->item)
                shape_add(s, o->b->len);
}

void layout_close(struct layout *l, struct dynamic_out *o, const struct layout_shape *s, bool lines)
{
        if (o->error)
                return;

        if (lines)
                layout_note(l, o, LAYOUT_CLOSE, 0);
        else if (s->is_multiline)
                l->notes[s->opening].kind = LAYOUT_NONE; /* one item, with lines of its own */
        else
                l->n = s->opening;
}

/* ---- the pass ----------------------------------------------------------------------------- */

/* Bytes that a note puts before its place. */
static uint64_t note_bytes(const struct layout_note *n)
{
        switch ((enum layout_kind)n->kind) {
        case LAYOUT_OPEN:
        case LAYOUT_CLOSE:
                return 1;
        case LAYOUT_OPEN_NAMED:
                return 1 + (uint64_t)n->indent;
        case LAYOUT_NEXT:
                return n->indent; /* and the blank before it becomes the end of the line */
        case LAYOUT_NONE:
                break;
        }

        return 0;
}

static void note_write(const struct layout_note *n, char *p)
{
        size_t len = (size_t)note_bytes(n);

        if (len)
                memset(p, ' ', len);
        if (n->kind == LAYOUT_OPEN_NAMED)
                *p = '\n';
}

void layout_end(struct layout *l, struct dynamic_out *o)
{
        uint64_t more = 0;
        size_t from = o->b->len, to;

        for (size_t i = 0; i < l->n && more <= o->b->max; i++)
                more += note_bytes(&l->notes[i]);
        if (more > o->b->max)
                dynamic_out_fail(o, CAPNP_E_LIMIT);
        if (o->error || !more || !dynamic_out_grow(o, (size_t)more))
                return;

        to = o->b->len;
        for (size_t i = l->n; i-- > 0;) {
                const struct layout_note *n = &l->notes[i];

                to -= from - n->at;
                memmove(o->b->p + to, o->b->p + n->at, from - n->at);
                to -= (size_t)note_bytes(n);
                from = n->at;
                /* The byte before the place moves next. */
                if (n->kind == LAYOUT_NEXT)
                        o->b->p[n->at - 1] = '\n';
                note_write(n, o->b->p + to);
        }
}
