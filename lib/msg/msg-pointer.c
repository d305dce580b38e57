/*
 * Pointers, the rarer ways: far, wiped, moved.
 *
 * A position is a number of words from the beginning of a segment, held in 64 bits, and compared
 * with the segment's size before it becomes an address again. An offset has 30 bits and a position
 * 29, so no sum overflows.
 *
 * A far pointer (encoding specification, "inter-segment pointers") names a landing pad in another
 * segment. The pad is a pointer to the object, in the same segment as the pad; or, if the far
 * pointer has its "double" bit, two words: a far pointer to the object's first word, and a tag
 * that says what is there and whose offset means nothing. We make the second kind only when an
 * object stays where it is and its segment is full.
 *
 * Wiping bounds its recursion by the nesting limit. A program can build deeper than that, but no
 * reader could follow it; what is below stays in the message as bytes nobody points to.
 */
#include "msg-pointer.h"

#include <errno.h>

bool capnp_i_ptr_refuse(capnp_msg *m, int error)
{
        if (m)
                capnp_i_msg_mark(m, error);

        return false;
}

bool capnp_i_ptr_far(capnp_msg *m, uint64_t w, struct ptr_target *ret_t)
{
        struct ptr_target pad;
        const uint64_t *p;
        uint64_t w0, w1;

        /* Constants have one segment. */
        if (!m)
                return false;

        if (ptr_high(w) >= m->nsegs)
                return capnp_i_ptr_refuse(m, CAPNP_E_POISON);

        pad = (struct ptr_target){w, m->segs[ptr_high(w)].base, ptr_far_at(w), ptr_high(w)};
        p = ptr_claim(m, &pad, ptr_is_double(w) ? 2 : 1);
        if (!p)
                return false;

        w0 = ptr_load(p);
        if (!ptr_is_double(w)) {
                /* "the landing pad is itself a pointer", and not another far one. */
                if (ptr_kind(w0) > PTR_LIST)
                        return capnp_i_ptr_refuse(m, CAPNP_E_POISON);

                *ret_t = (struct ptr_target){w0, pad.base, pad.at + 1 + ptr_offset(w0), pad.seg};
                return true;
        }

        w1 = ptr_load(p + 1);
        if (ptr_kind(w0) != PTR_FAR || ptr_is_double(w0) || ptr_high(w0) >= m->nsegs ||
            ptr_kind(w1) > PTR_LIST)
                return capnp_i_ptr_refuse(m, CAPNP_E_POISON);

        *ret_t = (struct ptr_target){w1, m->segs[ptr_high(w0)].base, ptr_far_at(w0), ptr_high(w0)};
        return true;
}

struct ptr_place capnp_i_ptr_place_far(capnp_msg *m, uint64_t words, uint64_t w)
{
        struct ptr_place r = {0};
        uint64_t *pad;

        /* The pad lies right before the object, so one is enough. */
        pad = capnp_i_msg_grab(m, words + 1, &r.seg);
        if (!pad)
                return r;

        ptr_store(pad, w);
        r.p = pad + 1;
        r.slot = ptr_to_far(r.seg, (uint32_t)ptr_at(m->segs[r.seg].base, pad), false);
        return r;
}

/* ---- wiping ------------------------------------------------------------------------------- */

/* The words at a place of a message being built; NULL when they are not all there. */
static uint64_t *ptr_own(capnp_msg *m, uint32_t seg, int64_t at, uint64_t words)
{
        uint64_t room = m->segs[seg].words;

        if ((uint64_t)at > room || words > room - (uint64_t)at)
                return NULL;

        return m->segs[seg].base + at;
}

void capnp_i_ptr_wipe_pads(capnp_msg *m, uint64_t w)
{
        unsigned words = ptr_is_double(w) ? 2 : 1;
        uint64_t *p;

        if (ptr_kind(w) != PTR_FAR || ptr_high(w) >= m->nsegs)
                return;

        p = ptr_own(m, ptr_high(w), ptr_far_at(w), words);
        if (p)
                memset(p, 0, words * sizeof(*p));
}

static void ptr_wipe_slots(capnp_msg *m, uint32_t seg, const uint64_t *p, uint32_t n,
                           unsigned depth)
{
        for (uint32_t i = 0; i < n; i++) {
                uint64_t w = ptr_load(p + i);

                if (w)
                        capnp_i_ptr_wipe(m, seg, p + i, w, depth);
        }
}

static void ptr_wipe_struct(capnp_msg *m, const struct ptr_target *t, unsigned depth)
{
        uint32_t words = ptr_data(t->w), ptrs = ptr_ptrs(t->w);
        uint64_t *p = ptr_own(m, t->seg, t->at, words + ptrs);

        if (!p)
                return;

        if (depth)
                ptr_wipe_slots(m, t->seg, p + words, ptrs, depth - 1);
        memset(p, 0, (words + ptrs) * sizeof(*p));
}

/* The elements behind a composite list's tag. p[words]: what follows the tag. */
static void ptr_wipe_elements(capnp_msg *m, uint32_t seg, const uint64_t *p, uint64_t words,
                              unsigned depth)
{
        uint64_t tag = ptr_load(p);
        uint32_t data = ptr_data(tag), ptrs = ptr_ptrs(tag), step = data + ptrs;

        if (!ptrs || (uint64_t)ptr_tag_count(tag) * step > words)
                return;

        for (uint32_t i = 0; i < ptr_tag_count(tag); i++)
                ptr_wipe_slots(m, seg, p + 1 + (uint64_t)i * step + data, ptrs, depth);
}

static void ptr_wipe_list(capnp_msg *m, const struct ptr_target *t, unsigned depth)
{
        enum capnp_size size = ptr_size(t->w);
        bool composite = size == CAPNP_SIZE_COMPOSITE;
        uint64_t n = ptr_count(t->w);
        uint64_t words = composite ? n + 1 : (n * ptr_element_bits(size) + 63) / 64;
        uint64_t *p = ptr_own(m, t->seg, t->at, words);

        if (!p)
                return;

        if (depth && composite)
                ptr_wipe_elements(m, t->seg, p, n, depth - 1);
        if (depth && size == CAPNP_SIZE_POINTER)
                ptr_wipe_slots(m, t->seg, p, (uint32_t)n, depth - 1);
        memset(p, 0, words * sizeof(*p));
}

void capnp_i_ptr_wipe(capnp_msg *m, uint32_t seg, const uint64_t *p, uint64_t w, unsigned depth)
{
        struct ptr_target t;

        if (ptr_is_cap(w)) {
                capnp_i_msg_drop_cap(m, ptr_high(w));
                return;
        }

        if (!ptr_follow(m, seg, p, w, &t))
                return;

        if (ptr_kind(t.w) == PTR_STRUCT)
                ptr_wipe_struct(m, &t, depth);
        else if (ptr_kind(t.w) == PTR_LIST)
                ptr_wipe_list(m, &t, depth);
        capnp_i_ptr_wipe_pads(m, w);
}

/* ---- moving ------------------------------------------------------------------------------- */

/* A pointer to an object of another segment that stays where it is. 0: no memory, marked. */
static uint64_t ptr_link(capnp_msg *m, const struct ptr_target *t)
{
        struct capnp_i_segment *s = &m->segs[t->seg];
        uint32_t seg = t->seg;
        uint64_t *pad;

        if (s->words < s->room) {
                pad = s->base + s->words;
                ptr_store(pad, ptr_aim(t->w, t->at - s->words - 1));
                return ptr_to_far(seg, s->words++, false);
        }

        pad = capnp_i_msg_grab(m, 2, &seg);
        if (!pad)
                return 0;

        ptr_store(pad, ptr_to_far(t->seg, (uint32_t)t->at, false));
        ptr_store(pad + 1, ptr_aim(t->w, 0));
        return ptr_to_far(seg, (uint32_t)ptr_at(m->segs[seg].base, pad), true);
}

void capnp_i_ptr_move(capnp_abuilder to, capnp_abuilder from)
{
        uint64_t w = ptr_load(from.p);
        struct ptr_target t;

        /* Null, far pointers and capabilities mean the same everywhere; so does an empty struct. */
        if (w && ptr_kind(w) <= PTR_LIST && w != PTR_EMPTY) {
                (void)ptr_follow(from.m, from.seg, from.p, w, &t);
                if (to.seg == from.seg)
                        w = ptr_aim(w, t.at - ptr_at(t.base, to.p) - 1);
                else
                        w = ptr_link(from.m, &t);
        }

        ptr_store(to.p, w);
}
