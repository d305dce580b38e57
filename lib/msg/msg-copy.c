/*
 * Deep copies, and the size of one.
 *
 * The source may be anything: a received message, hostile; a constant; a message being built, the
 * target included. It is read by the functions of msg-read.c alone, so bounds, nesting limit and
 * budget hold here as they do for any reader. What is wrong marks the source and is copied as null.
 *
 * A mark travels with the copy: whatever is copied out of a marked message marks its target, since
 * nobody could tell there which part of it is missing. So who relays bytes asks the target alone.
 *
 * An object is copied with the sizes it has, also those no schema of ours knows, and the pointer to
 * all of it is stored when it is complete. So a slot may be set from what it holds, or from
 * something that contains it. What an object points to is copied after it, by a walk that does not
 * recurse (msg-walk.h); until then its pointers are null.
 */
#include "msg-walk.h"

#include <errno.h>
#include <stdlib.h>

struct copy {
        capnp_msg *to;
        struct walk walk;
};

static void copy_push(struct copy *c, struct walk_row row)
{
        if (!capnp_i_walk_push(&c->walk, row))
                capnp_i_msg_mark(c->to, -ENOMEM);
}

/* Does the far pointer w lead to bytes? */
__attribute__((noinline)) static bool any_is_far_bytes(capnp_msg *m, uint64_t w,
                                                       struct ptr_target *ret_t)
{
        uint64_t budget = m ? m->budget : 0;

        if (capnp_i_ptr_far(m, w, ret_t) && (ret_t->w & PTR_BYTES_MASK) == PTR_BYTES)
                return true;

        /* Whoever goes on from here pays for the landing pads then. */
        if (m)
                m->budget = budget;
        return false;
}

/*
 * Is w at slot a, near or far, a pointer to bytes? Texts and data are most of what there is to copy
 * and need no view; and as for those who read them, the nesting limit does not count them.
 */
static inline bool any_is_bytes(capnp_any a, uint64_t w, struct ptr_target *ret_t)
{
        if (ptr_kind(w) == PTR_FAR)
                return any_is_far_bytes(a.m, w, ret_t);

        return (w & PTR_BYTES_MASK) == PTR_BYTES && ptr_follow(a.m, a.seg, a.p, w, ret_t);
}

static uint64_t copy_bytes(capnp_abuilder to, capnp_msg *from, const struct ptr_target *t)
{
        uint64_t n = ((uint64_t)ptr_count(t->w) + 7) / 8;
        const uint64_t *p = ptr_claim(from, t, n);
        struct ptr_place o;

        if (!p)
                return 0;

        o = ptr_place(to, n, ptr_to_list(CAPNP_SIZE_BYTE, ptr_count(t->w)));
        if (!o.p)
                return 0;

        memcpy(o.p, p, n * sizeof(*o.p));
        return o.slot;
}

/* Pointers of a struct. Those to bytes come at once; from the first other one on the walk has them.
 */
static void copy_slots(struct copy *c, uint64_t *to, uint32_t seg, capnp_reader from)
{
        const uint64_t *p = (const void *)(from.d + from.bytes);
        struct ptr_target t;
        uint32_t i;

        for (i = 0; i < from.ptrs; i++) {
                uint64_t w = ptr_load(p + i);

                if (w && (w & PTR_BYTES_MASK) != PTR_BYTES)
                        break;
                if (w && ptr_follow(from.m, from.seg, p + i, w, &t))
                        w = copy_bytes((capnp_abuilder){c->to, to + i, seg}, from.m, &t);
                ptr_store(to + i, w);
        }

        if (i == from.ptrs)
                return;

        memset(to + i, 0, (from.ptrs - i) * sizeof(*to));
        copy_push(c, (struct walk_row){p + i, to + i, from.seg, seg, from.ptrs - i, 0, 0, 0,
                                       from.depth});
}

/* Data and pointers of a struct, to a place of the same size in words. */
static void copy_fields(struct copy *c, uint64_t *to, uint32_t seg, capnp_reader from,
                        uint32_t words)
{
        /* Elements of a list of primitives have less than a word of data. */
        if (words)
                to[words - 1] = 0;
        if (from.bytes)
                memcpy(to, from.d, from.bytes);
        copy_slots(c, to + words, seg, from);
}

/* Each of these returns the pointer for slot `to`; 0: no memory, marked. */
static uint64_t copy_struct(struct copy *c, capnp_abuilder to, capnp_reader from)
{
        uint32_t words = (from.bytes + 7) / 8;
        struct ptr_place o;

        if (!words && !from.ptrs)
                return PTR_EMPTY;

        o = ptr_place(to, (uint64_t)words + from.ptrs, ptr_to_struct((uint16_t)words, from.ptrs));
        if (!o.p)
                return 0;

        copy_fields(c, o.p, o.seg, from, words);
        return o.slot;
}

/* Structs behind a tag: all of them at once, then their pointers taken out for the walk. */
static uint64_t copy_structs(struct copy *c, capnp_abuilder to, capnp_list from)
{
        uint32_t data = from.bytes / 8, step = data + from.ptrs;
        uint64_t n = (uint64_t)from.len * step;
        struct ptr_place o;
        uint64_t *p;

        o = ptr_place(to, n + 1, ptr_to_list(CAPNP_SIZE_COMPOSITE, (uint32_t)n));
        if (!o.p)
                return 0;

        ptr_store(o.p, ptr_to_struct((uint16_t)data, from.ptrs) | (uint64_t)from.len << 2);
        if (!n)
                return o.slot;

        memcpy(o.p + 1, from.d, n * sizeof(*o.p));
        if (!from.ptrs)
                return o.slot;

        p = o.p + 1 + data;
        for (uint32_t i = 0; i < from.len; i++)
                memset(p + (uint64_t)i * step, 0, from.ptrs * sizeof(*p));
        copy_push(c, (struct walk_row){(const uint64_t *)(const void *)from.d + data, p, from.seg,
                                       o.seg, from.ptrs, from.len - 1, from.ptrs, (uint16_t)data,
                                       from.depth});
        return o.slot;
}

static uint64_t copy_list(struct copy *c, capnp_abuilder to, capnp_list from)
{
        uint64_t n = ptr_list_words(&from);
        struct ptr_place o;

        if (from.size == CAPNP_SIZE_COMPOSITE)
                return copy_structs(c, to, from);

        o = ptr_place(to, n, ptr_to_list((enum capnp_size)from.size, from.len));
        if (!o.p)
                return 0;

        if (!n)
                return o.slot;

        if (from.size != CAPNP_SIZE_POINTER) {
                memcpy(o.p, from.d, n * sizeof(*o.p));
                return o.slot;
        }

        memset(o.p, 0, n * sizeof(*o.p));
        copy_push(c, (struct walk_row){(const void *)from.d, o.p, from.seg, o.seg, from.len, 0, 0,
                                       0, from.depth});
        return o.slot;
}

static uint64_t copy_cap(capnp_abuilder to, capnp_any from)
{
        capnp_cap *cap = capnp_any_cap_peek(from);
        uint32_t i;

        if (!cap)
                return 0;

        cap = ((struct capnp_i_cap_head *)(void *)cap)->class->ref(cap);
        i = capnp_i_msg_add_cap(to.m, cap);
        return i == UINT32_MAX ? 0 : PTR_OTHER | (uint64_t)i << 32;
}

/* What a slot leads to; what is below it is left to the walk. */
static uint64_t copy_object(struct copy *c, capnp_abuilder to, capnp_any from)
{
        uint64_t w = from.p ? ptr_load(from.p) : 0;
        struct ptr_target t;
        capnp_reader r;
        capnp_list l;

        if (any_is_bytes(from, w, &t))
                return copy_bytes(to, from.m, &t);

        switch (capnp_any_what(from)) {
        case CAPNP_WHAT_STRUCT:
                r = capnp_any_struct(from, NULL);
                return r.d ? copy_struct(c, to, r) : 0;
        case CAPNP_WHAT_LIST:
                l = capnp_any_list(from, CAPNP_SIZE_VOID, NULL);
                return l.d ? copy_list(c, to, l) : 0;
        case CAPNP_WHAT_CAP:
                return copy_cap(to, from);
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_BAD:
                break;
        }

        return 0;
}

static void copy_init(struct copy *c, capnp_msg *to)
{
        c->to = to;
        walk_init(&c->walk);
}

/* All that is below what has been copied from a message; then the mark. */
__attribute__((noinline)) static void copy_rest(struct copy *c, capnp_msg *from)
{
        struct walk_row s;

        while (!walk_is_over(&c->walk)) {
                s = capnp_i_walk_next(&c->walk);
                ptr_store(s.to, copy_object(c, (capnp_abuilder){c->to, s.to, s.to_seg},
                                            (capnp_any){from, s.from, s.seg, s.depth}));
        }

        walk_deinit(&c->walk);
        if (from && from->error)
                capnp_i_msg_mark(c->to, from->error);
}

static inline void copy_end(struct copy *c, capnp_msg *from)
{
        if (!walk_is_over(&c->walk) || (from && from->error))
                copy_rest(c, from);
}

/* The pointer for slot `to`. */
static uint64_t copy_any(capnp_abuilder to, capnp_any from)
{
        struct copy c;
        uint64_t w;

        copy_init(&c, to.m);
        w = copy_object(&c, to, from);
        copy_end(&c, from.m);
        return w;
}

/* ---- setters ------------------------------------------------------------------------------ */

void capnp_abuilder_set(capnp_abuilder a, capnp_any src)
{
        if (a.m && (src.p != a.p || !a.p))
                ptr_replace(a, copy_any(a, src));
}

void capnp_abuilder_set_struct(capnp_abuilder a, capnp_reader src)
{
        struct copy c;
        uint64_t w;

        if (!a.m)
                return;

        copy_init(&c, a.m);
        w = copy_struct(&c, a, src);
        copy_end(&c, src.m);
        ptr_replace(a, w);
}

void capnp_abuilder_set_list(capnp_abuilder a, capnp_list src)
{
        struct copy c;
        uint64_t w;

        if (!a.m)
                return;

        copy_init(&c, a.m);
        w = src.d ? copy_list(&c, a, src) : 0;
        copy_end(&c, src.m);
        ptr_replace(a, w);
}

/* The source may be below the target or above it: all is copied before anything is replaced. */
void capnp_builder_copy(capnp_builder b, capnp_reader src)
{
        uint32_t n = b.bytes < src.bytes ? b.bytes : src.bytes;
        uint64_t few[16], *words = few;

        if (!b.m || b.d == src.d)
                return;

        if (b.ptrs > sizeof(few) / sizeof(few[0])) {
                words = malloc(b.ptrs * sizeof(*words));
                if (!words) {
                        capnp_i_msg_mark(b.m, -ENOMEM);
                        return;
                }
        }

        for (uint16_t i = 0; i < b.ptrs; i++)
                words[i] = copy_any(capnp_builder_any(b, i), capnp_reader_any(src, i));
        if (n)
                memmove(b.d, src.d, n);
        if (b.bytes > n)
                memset(b.d + n, 0, b.bytes - n);
        for (uint16_t i = 0; i < b.ptrs; i++)
                ptr_replace(capnp_builder_any(b, i), words[i]);
        if (words != few)
                free(words);
        if (src.m && src.m->error)
                capnp_i_msg_mark(b.m, src.m->error);
}

/* ---- sizes -------------------------------------------------------------------------------- */

struct size {
        uint64_t words;
        uint32_t caps;
        bool broke; /* no memory to go on */
        struct walk walk;
};

static void size_push(struct size *s, struct walk_row row)
{
        s->broke |= !capnp_i_walk_push(&s->walk, row);
}

static void size_struct(struct size *s, capnp_reader r)
{
        s->words += r.bytes / 8 + r.ptrs;
        if (r.ptrs)
                size_push(s, (struct walk_row){(const void *)(r.d + r.bytes), NULL, r.seg, 0,
                                               r.ptrs, 0, r.ptrs, 0, r.depth});
}

static void size_list(struct size *s, capnp_list l)
{
        uint64_t n = ptr_list_words(&l);

        s->words += n;
        if (l.ptrs && l.len)
                size_push(s,
                          (struct walk_row){(const void *)(l.d + l.bytes), NULL, l.seg, 0, l.ptrs,
                                            l.len - 1, l.ptrs, (uint16_t)(l.bytes / 8), l.depth});
}

static void size_any(struct size *s, capnp_any a)
{
        uint64_t w = a.p ? ptr_load(a.p) : 0, n;
        struct ptr_target t;

        if (any_is_bytes(a, w, &t)) {
                n = ((uint64_t)ptr_count(t.w) + 7) / 8;
                s->words += ptr_claim(a.m, &t, n) ? n : 0;
                return;
        }

        switch (capnp_any_what(a)) {
        case CAPNP_WHAT_STRUCT:
                size_struct(s, capnp_any_struct(a, NULL));
                break;
        case CAPNP_WHAT_LIST:
                size_list(s, capnp_any_list(a, CAPNP_SIZE_VOID, NULL));
                break;
        case CAPNP_WHAT_CAP:
                s->caps++;
                break;
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_BAD:
                break;
        }
}

uint64_t capnp_any_words(capnp_any a, uint32_t *ret_caps)
{
        struct walk_row at;
        struct size s;

        s.words = 0;
        s.caps = 0;
        s.broke = false;
        walk_init(&s.walk);
        size_any(&s, a);
        while (!walk_is_over(&s.walk)) {
                at = capnp_i_walk_next(&s.walk);
                size_any(&s, (capnp_any){a.m, at.from, at.seg, at.depth});
        }

        walk_deinit(&s.walk);
        if (ret_caps)
                *ret_caps = s.caps;

        return s.broke ? UINT64_MAX : s.words;
}
