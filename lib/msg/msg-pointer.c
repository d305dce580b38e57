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
 * Wiping goes as deep as the message does, by a walk that does not recurse (msg-walk.h). Should it
 * find no memory to go on, the message is marked, and so is never sent.
 */
#include "msg-walk.h"

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

static void wipe_push(capnp_msg *m, struct walk *w, struct walk_row row)
{
        if (!capnp_i_walk_push(w, row))
                capnp_i_msg_mark(m, -ENOMEM);
}

static void wipe_struct(capnp_msg *m, struct walk *w, const struct ptr_target *t)
{
        uint32_t words = ptr_data(t->w), ptrs = ptr_ptrs(t->w);
        uint64_t *p = ptr_own(m, t->seg, t->at, words + ptrs);

        if (!p)
                return;

        memset(p, 0, words * sizeof(*p));
        wipe_push(m, w, (struct walk_row){.from = p + words, .seg = t->seg, .left = ptrs});
}

/* Structs behind a tag: p[words] follows it. Their data now, their pointers later. */
static void wipe_structs(capnp_msg *m, struct walk *w, uint32_t seg, uint64_t *p, uint64_t words)
{
        uint64_t tag = ptr_load(p);
        uint32_t data = ptr_data(tag), ptrs = ptr_ptrs(tag), step = data + ptrs;
        uint32_t n = ptr_tag_count(tag);

        ptr_store(p++, 0);
        if (!n || !ptrs || (uint64_t)n * step > words) {
                memset(p, 0, words * sizeof(*p));
                return;
        }

        for (uint32_t i = 0; i < n; i++)
                memset(p + (uint64_t)i * step, 0, data * sizeof(*p));
        wipe_push(m, w,
                  (struct walk_row){.from = p + data,
                                    .seg = seg,
                                    .left = ptrs,
                                    .elements = n - 1,
                                    .ptrs = (uint16_t)ptrs,
                                    .gap = (uint16_t)data});
}

static void wipe_list(capnp_msg *m, struct walk *w, const struct ptr_target *t)
{
        enum capnp_size size = ptr_size(t->w);
        bool composite = size == CAPNP_SIZE_COMPOSITE;
        uint64_t n = ptr_count(t->w);
        uint64_t words = composite ? n + 1 : (n * ptr_element_bits(size) + 63) / 64;
        uint64_t *p = ptr_own(m, t->seg, t->at, words);

        if (!p)
                return;

        if (composite)
                wipe_structs(m, w, t->seg, p, n);
        else if (size == CAPNP_SIZE_POINTER)
                wipe_push(m, w, (struct walk_row){.from = p, .seg = t->seg, .left = (uint32_t)n});
        else
                memset(p, 0, words * sizeof(*p));
}

/* One object; its pointers go to the walk. */
static void wipe_object(capnp_msg *m, struct walk *walk, uint32_t seg, const uint64_t *p,
                        uint64_t w)
{
        struct ptr_target t;

        if (ptr_is_cap(w)) {
                capnp_i_msg_drop_cap(m, ptr_high(w));
                return;
        }

        if (!ptr_follow(m, seg, p, w, &t))
                return;

        if (ptr_kind(t.w) == PTR_STRUCT)
                wipe_struct(m, walk, &t);
        else if (ptr_kind(t.w) == PTR_LIST)
                wipe_list(m, walk, &t);
        capnp_i_ptr_wipe_pads(m, w);
}

void capnp_i_ptr_wipe(capnp_msg *m, uint32_t seg, const uint64_t *p, uint64_t w)
{
        struct walk walk;
        struct walk_row s;

        walk_init(&walk);
        wipe_object(m, &walk, seg, p, w);
        while (!walk_is_over(&walk)) {
                uint64_t *slot;

                s = capnp_i_walk_next(&walk);
                slot = m->segs[s.seg].base + ptr_at(m->segs[s.seg].base, s.from);
                w = ptr_load(slot);
                ptr_store(slot, 0);
                wipe_object(m, &walk, s.seg, slot, w);
        }

        walk_deinit(&walk);
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

/* ---- leading elsewhere -------------------------------------------------------------------- */

uint64_t capnp_i_msg_far_to(uint32_t seg, uint32_t at)
{
        return ptr_to_far(seg, at, false);
}

bool capnp_i_msg_lead(capnp_any a, uint64_t pad[2], uint32_t pad_seg, uint32_t pad_at,
                      uint64_t *ret_w)
{
        const struct capnp_i_segment *s = &a.m->segs[a.seg];
        uint64_t w = ptr_load(a.p);
        int64_t at = ptr_at(s->base, a.p) + 1 + ptr_offset(w);

        *ret_w = w;
        if (!w || ptr_kind(w) > PTR_LIST) /* those say the same wherever they are */
                return true;

        if (at < 0 || at > s->words)
                return false;

        pad[0] = ptr_to_far(a.seg, (uint32_t)at, false);
        pad[1] = ptr_aim(w, 0);
        *ret_w = ptr_to_far(pad_seg, pad_at, true);
        return true;
}
