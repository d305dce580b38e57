/*
 * Readers: from a pointer slot to the object it points to.
 *
 * Each function follows one pointer: decode it, step over landing pads, check kind, nesting,
 * bounds and budget, and hand out a view whose accessors need no further check than their own
 * index. What is wrong marks the message and reads as the default; the view of it is empty, but
 * still names its message, so that whoever is handed the view can ask for the mark.
 *
 * The budget is charged with the words of an object each time a pointer to it is followed, so that
 * many pointers to one object cost what they claim to be. Elements without bits would be free, and
 * 2^29 of them fit in one word: they are charged one word each.
 *
 * A message being built is read by the same code; its budget cannot run out. A constant of
 * generated code (m NULL) was written by us: no bounds are known and none are checked.
 *
 * A list may be read as a list of something else if every element begins with what is expected
 * (encoding specification, "lists"; the rules of evolution in the language reference): wider
 * elements as narrower ones, structs as their first field, anything as structs; but bits are only
 * bits, as for the reference. Asked for
 * CAPNP_SIZE_VOID, any list fits: so code that knows no schema reads what is there.
 */
#include "msg-pointer.h"

#include <stddef.h>

/* capnp_i_reader() knows where what is. */
_Static_assert(sizeof(capnp_reader) == 32 && offsetof(capnp_reader, d) == 8 &&
                       offsetof(capnp_reader, seg) == 16 && offsetof(capnp_reader, bytes) == 20 &&
                       offsetof(capnp_reader, ptrs) == 24 && offsetof(capnp_reader, depth) == 26,
               "two pairs of words");

enum { ANY_CONSTANT_DEPTH = 64 };

/* Where a slot leads, or its default; false: null, or marked. */
static inline bool any_open(capnp_any *a, const uint64_t *dflt, struct ptr_target *ret_t)
{
        uint64_t w = a->p ? ptr_load(a->p) : 0;

        if (!w && dflt) {
                *a = (capnp_any){NULL, dflt, 0, ANY_CONSTANT_DEPTH};
                w = ptr_load(dflt);
        }

        return w && ptr_follow(a->m, a->seg, a->p, w, ret_t);
}

/* The message is bad if it does not hold here; false: marked. */
static inline bool any_expect(capnp_any a, bool holds)
{
        return holds || capnp_i_ptr_refuse(a.m, CAPNP_E_POISON);
}

/* The limit is for what others sent; in what we made, counting down begins again. */
__attribute__((noinline)) static bool any_may_go_on(capnp_msg *m)
{
        return !m || m->building || capnp_i_ptr_refuse(m, CAPNP_E_LIMIT);
}

static inline bool any_may_enter(capnp_any a)
{
        return a.depth || any_may_go_on(a.m);
}

enum capnp_what capnp_any_what(capnp_any a)
{
        static const uint8_t whats[4] = {CAPNP_WHAT_STRUCT, CAPNP_WHAT_LIST, CAPNP_WHAT_BAD,
                                         CAPNP_WHAT_BAD};
        uint64_t w = a.p ? ptr_load(a.p) : 0;
        uint64_t budget = a.m ? a.m->budget : 0;
        struct ptr_target t;
        enum capnp_what r;

        if (!w)
                return CAPNP_WHAT_NULL;

        if (ptr_is_cap(w))
                return CAPNP_WHAT_CAP;

        r = ptr_follow(a.m, a.seg, a.p, w, &t) ? whats[ptr_kind(t.w)] : CAPNP_WHAT_BAD;
        (void)any_expect(a, r != CAPNP_WHAT_BAD);
        /* Whoever goes on from here pays for the landing pads then. */
        if (a.m)
                a.m->budget = budget;

        return r;
}

/* capnp_i_struct() whatever the slot holds. */
__attribute__((noinline)) static capnp_reader struct_any(capnp_any a, const uint64_t *dflt)
{
        struct ptr_target t;
        const uint64_t *p;
        uint32_t words, ptrs;

        if (!any_open(&a, dflt, &t) || !any_expect(a, ptr_kind(t.w) == PTR_STRUCT) ||
            !any_may_enter(a))
                return (capnp_reader){.m = a.m};

        words = ptr_data(t.w);
        ptrs = ptr_ptrs(t.w);
        p = ptr_claim(a.m, &t, words + ptrs);
        if (!p)
                return (capnp_reader){.m = a.m};

        return capnp_i_reader(a.m, (const uint8_t *)p, t.seg, words * 8, (uint16_t)ptrs,
                              (uint16_t)(a.depth - 1));
}

/* Nearly every pointer is near, in bounds and in budget: then there is nothing to mark. */
capnp_reader capnp_i_struct(capnp_msg *m, const uint64_t *slot, uint32_t seg, uint16_t depth,
                            const uint64_t *dflt)
{
        const struct capnp_i_segment *s;
        uint64_t w, at, words;

        if (!m || !slot || !depth)
                return struct_any((capnp_any){m, slot, seg, depth}, dflt);

        w = ptr_load(slot);
        s = &m->segs[seg];
        at = (uint64_t)(ptr_at(s->base, slot) + 1 + ptr_offset(w));
        words = (uint64_t)ptr_data(w) + ptr_ptrs(w);
        if (!w || ptr_kind(w) != PTR_STRUCT || at > s->words || words > s->words - at ||
            words > m->budget)
                return struct_any((capnp_any){m, slot, seg, depth}, dflt);

        m->budget -= words;
        return capnp_i_reader(m, (const uint8_t *)(s->base + at), seg, ptr_data(w) * 8u,
                              ptr_ptrs(w), (uint16_t)(depth - 1));
}

/* ---- lists -------------------------------------------------------------------------------- */

/* Structs behind a tag word; d NULL: marked. */
static capnp_list list_composite(capnp_any a, const struct ptr_target *t)
{
        uint64_t words = ptr_count(t->w), tag;
        const uint64_t *p = ptr_claim(a.m, t, words + 1);
        capnp_list l = {0};
        uint32_t step;

        if (!p)
                return l;

        tag = ptr_load(p);
        step = (uint32_t)ptr_data(tag) + ptr_ptrs(tag);
        /* The tag is like a struct pointer; its elements must be within the list's words. */
        if (!any_expect(a, ptr_kind(tag) == PTR_STRUCT) ||
            !any_expect(a, (uint64_t)ptr_tag_count(tag) * step <= words) ||
            (!step && !ptr_charge(a.m, ptr_tag_count(tag))))
                return l;

        return (capnp_list){a.m,
                            (const uint8_t *)(p + 1),
                            t->seg,
                            ptr_tag_count(tag),
                            step * 64,
                            ptr_data(tag) * 8u,
                            ptr_ptrs(tag),
                            (uint16_t)(a.depth - 1),
                            CAPNP_SIZE_COMPOSITE};
}

/* Primitives or pointers; d NULL: marked. */
static capnp_list list_simple(capnp_any a, const struct ptr_target *t)
{
        enum capnp_size size = ptr_size(t->w);
        uint32_t step = ptr_element_bits(size), n = ptr_count(t->w);
        const uint64_t *p = ptr_claim(a.m, t, ((uint64_t)n * step + 63) / 64);

        if (!p || (!step && !ptr_charge(a.m, n)))
                return (capnp_list){0};

        return (capnp_list){a.m,
                            (const uint8_t *)p,
                            t->seg,
                            n,
                            step,
                            ptr_element_bytes(size),
                            size == CAPNP_SIZE_POINTER,
                            (uint16_t)(a.depth - 1),
                            (uint8_t)size};
}

/* May the list be read as one of this size? */
static bool list_fits(const capnp_list *l, enum capnp_size size)
{
        switch (size) {
        case CAPNP_SIZE_VOID:
                return true;
        case CAPNP_SIZE_BIT:
                return l->size == CAPNP_SIZE_BIT;
        case CAPNP_SIZE_POINTER:
                return l->ptrs > 0;
        case CAPNP_SIZE_COMPOSITE:
                return l->size != CAPNP_SIZE_BIT;
        default:
                return l->bytes >= ptr_element_bytes(size);
        }
}

capnp_list capnp_i_list(capnp_msg *m, const uint64_t *slot, uint32_t seg, uint16_t depth,
                        enum capnp_size size, const uint64_t *dflt)
{
        capnp_any a = {m, slot, seg, depth};
        struct ptr_target t;
        capnp_list l;

        if (!any_open(&a, dflt, &t) || !any_expect(a, ptr_kind(t.w) == PTR_LIST) ||
            !any_may_enter(a))
                return (capnp_list){.m = a.m};

        if (ptr_size(t.w) == CAPNP_SIZE_COMPOSITE)
                l = list_composite(a, &t);
        else
                l = list_simple(a, &t);

        if (!l.d || !any_expect(a, list_fits(&l, size)))
                return (capnp_list){.m = a.m};

        return l;
}

/* ---- texts, data, capabilities ------------------------------------------------------------ */

/* A list of bytes; NULL: marked. */
static inline const uint8_t *any_bytes(capnp_any a, const struct ptr_target *t, uint32_t *ret_len)
{
        if (!any_expect(a, (t->w & PTR_BYTES_MASK) == PTR_BYTES))
                return NULL;

        *ret_len = ptr_count(t->w);
        return (const uint8_t *)ptr_claim(a.m, t, ((uint64_t)*ret_len + 7) / 8);
}

__attribute__((noinline)) static capnp_text text_slow(capnp_msg *m, const uint64_t *slot,
                                                      uint32_t seg)
{
        capnp_any a = {m, slot, seg, 0};
        struct ptr_target t;
        const uint8_t *p;
        uint32_t n;

        if (!any_open(&a, NULL, &t))
                return (capnp_text){"", 0};

        p = any_bytes(a, &t, &n);
        /* The last byte of a text is NUL, and counted. */
        if (!p || !any_expect(a, n > 0 && p[n - 1] == 0))
                return (capnp_text){"", 0};

        return (capnp_text){(const char *)p, n - 1};
}

/*
 * The slow way's checks for a near pointer; whatever fails one is done again there. Bytes are
 * counted from the segment's first one, and up to the text's last, the NUL: without it that is a
 * huge number.
 */
capnp_text capnp_i_text(capnp_msg *m, const uint64_t *slot, uint32_t seg)
{
        const struct capnp_i_segment *s;
        uint64_t w, at, room, last;
        uintptr_t p;

        if (!m)
                return text_slow(m, slot, seg);

        w = ptr_load(slot);
        s = &m->segs[seg];
        /* Of a list the offset's last two bits, which are not part of it, are 01. */
        p = (uintptr_t)(slot + 1) + ((uint64_t)(int32_t)(uint32_t)w - PTR_LIST) * 2;
        at = p - (uintptr_t)s->base;
        room = s->words * UINT64_C(8);
        last = (uint64_t)ptr_count(w) - 1;
        if ((w & PTR_BYTES_MASK) != PTR_BYTES || at > room || last >= room - at ||
            last / 8 >= m->budget || ((const uint8_t *)p)[last])
                return text_slow(m, slot, seg);

        m->budget -= last / 8 + 1;
        return (capnp_text){(const char *)p, (uint32_t)last};
}

capnp_data capnp_i_data(capnp_msg *m, const uint64_t *slot, uint32_t seg, capnp_data dflt)
{
        capnp_any a = {m, slot, seg, 0};
        struct ptr_target t;
        const uint8_t *p;
        uint32_t n;

        if (!a.p || !ptr_load(a.p))
                return dflt;

        if (!any_open(&a, NULL, &t))
                return (capnp_data){0};

        p = any_bytes(a, &t, &n);
        return p ? (capnp_data){p, n} : (capnp_data){0};
}

capnp_cap *capnp_any_cap_peek(capnp_any a)
{
        uint64_t w = a.p ? ptr_load(a.p) : 0;

        if (!w || !a.m)
                return NULL;

        if (!any_expect(a, ptr_is_cap(w)) || ptr_high(w) >= a.m->ncaps)
                return a.m->broken;

        return a.m->caps[ptr_high(w)];
}
