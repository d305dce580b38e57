/*
 * Builders: new objects in slots.
 *
 * Every setter has the same three steps: take room for the object, fill it, store the pointer.
 * What the slot pointed to before is wiped only after that, so that a new value may be made from
 * the old one. When there is no room the message is marked, the slot keeps what it has, and the
 * caller gets a zeroed builder, on which every setter does nothing.
 *
 * A slot is never in a received message: capnp_msg_build() gives none of it.
 */
#include "msg-pointer.h"

#include <stddef.h>

/* capnp_i_builder() knows where what is. */
_Static_assert(sizeof(capnp_builder) == 32 && offsetof(capnp_builder, d) == 8 &&
                       offsetof(capnp_builder, seg) == 16 && offsetof(capnp_builder, bytes) == 20 &&
                       offsetof(capnp_builder, ptrs) == 24,
               "two pairs of words");

/* Most of what is made is small, and a call costs more than it saves. */
static inline void words_zero(uint64_t *p, uint64_t n)
{
        if (n > 512) {
                memset(p, 0, n * sizeof(*p));
                return;
        }

        for (uint64_t *end = p + n / 8 * 8; p != end; p += 8)
                memset(p, 0, 8 * sizeof(*p));
        if (n & 4) {
                memset(p, 0, 4 * sizeof(*p));
                p += 4;
        }
        if (n & 2) {
                memset(p, 0, 2 * sizeof(*p));
                p += 2;
        }
        if (n & 1)
                *p = 0;
}

void capnp_abuilder_clear(capnp_abuilder a)
{
        if (a.m)
                ptr_replace(a, 0);
}

/* ---- views -------------------------------------------------------------------------------- */

capnp_reader capnp_builder_reader(capnp_builder b)
{
        if (!b.m)
                return (capnp_reader){0};

        return (capnp_reader){b.m, b.d, b.seg, b.bytes, b.ptrs, b.m->depth};
}

capnp_list capnp_lbuilder_list(capnp_lbuilder l)
{
        if (!l.m)
                return (capnp_list){0};

        return (capnp_list){l.m, l.d, l.seg, l.len, l.step, l.bytes, l.ptrs, l.m->depth, l.size};
}

capnp_any capnp_abuilder_any(capnp_abuilder a)
{
        if (!a.m)
                return (capnp_any){0};

        return (capnp_any){a.m, a.p, a.seg, a.m->depth};
}

/* ---- structs and lists -------------------------------------------------------------------- */

capnp_builder capnp_i_init_struct(capnp_msg *m, uint64_t *slot, uint32_t seg, uint16_t words,
                                  uint16_t ptrs)
{
        capnp_abuilder a = {m, slot, seg};
        uint32_t n = (uint32_t)words + ptrs;
        struct ptr_place o;

        if (!a.m)
                return (capnp_builder){0};

        if (!n) {
                ptr_replace(a, PTR_EMPTY);
                return (capnp_builder){a.m, (uint8_t *)a.p, a.seg, 0, 0};
        }

        o = ptr_place(a, n, ptr_to_struct(words, ptrs));
        if (!o.p)
                return (capnp_builder){0};

        words_zero(o.p, n);
        ptr_replace(a, o.slot);
        return capnp_i_builder(a.m, (uint8_t *)o.p, o.seg, words * 8u, ptrs);
}

capnp_lbuilder capnp_abuilder_init_list(capnp_abuilder a, enum capnp_size size, uint32_t len)
{
        uint32_t step = ptr_element_bits(size);
        uint64_t n = ((uint64_t)len * step + 63) / 64;
        struct ptr_place o;

        if (!a.m)
                return (capnp_lbuilder){0};

        /* The count has 29 bits; a composite list has its own function. */
        if (len >= PTR_LIST_END || size >= CAPNP_SIZE_COMPOSITE) {
                capnp_i_msg_mark(a.m, CAPNP_E_LIMIT);
                return (capnp_lbuilder){0};
        }

        o = ptr_place(a, n, ptr_to_list(size, len));
        if (!o.p)
                return (capnp_lbuilder){0};

        words_zero(o.p, n);
        ptr_replace(a, o.slot);
        return (capnp_lbuilder){a.m,
                                (uint8_t *)o.p,
                                o.seg,
                                len,
                                step,
                                ptr_element_bytes(size),
                                size == CAPNP_SIZE_POINTER,
                                (uint8_t)size};
}

capnp_lbuilder capnp_abuilder_init_structs(capnp_abuilder a, uint32_t len, uint16_t words,
                                           uint16_t ptrs)
{
        uint32_t step = (uint32_t)words + ptrs;
        uint64_t n = (uint64_t)len * step;
        struct ptr_place o;

        if (!a.m)
                return (capnp_lbuilder){0};

        /* The pointer counts words, the tag elements; 29 and 30 bits. */
        if (n >= PTR_LIST_END || len >= PTR_LIST_END) {
                capnp_i_msg_mark(a.m, CAPNP_E_LIMIT);
                return (capnp_lbuilder){0};
        }

        o = ptr_place(a, n + 1, ptr_to_list(CAPNP_SIZE_COMPOSITE, (uint32_t)n));
        if (!o.p)
                return (capnp_lbuilder){0};

        ptr_store(o.p, ptr_to_struct(words, ptrs) | (uint64_t)len << 2);
        words_zero(o.p + 1, n);
        ptr_replace(a, o.slot);
        return (capnp_lbuilder){a.m,       (uint8_t *)(o.p + 1), o.seg, len,
                                step * 64, words * 8u,           ptrs,  CAPNP_SIZE_COMPOSITE};
}

/* ---- texts, data, capabilities ------------------------------------------------------------ */

/* Room for bytes; the rest of the last word is zeroed. n > 0. */
static struct ptr_place bytes_place(capnp_abuilder a, uint64_t n)
{
        uint64_t words = (n + 7) / 8;
        struct ptr_place o = {0};

        if (n >= PTR_LIST_END) {
                capnp_i_msg_mark(a.m, CAPNP_E_LIMIT);
                return o;
        }

        o = ptr_place(a, words, ptr_to_list(CAPNP_SIZE_BYTE, (uint32_t)n));
        if (o.p && words)
                o.p[words - 1] = 0;

        return o;
}

/* A slot that is full, a segment that is, or nothing to put there. */
__attribute__((noinline)) static void bytes_set(capnp_msg *m, uint64_t *slot, uint64_t seg,
                                                const void *from, uint64_t len, unsigned more)
{
        capnp_abuilder a = {m, slot, (uint32_t)seg};
        struct ptr_place o = bytes_place(a, len + more);

        if (!o.p)
                return;

        memcpy(o.p, from, len);
        ptr_replace(a, o.slot);
}

/* Most texts are short; two moves that overlap cost less than a call. */
static inline void bytes_copy(uint8_t *to, const uint8_t *from, uint64_t len)
{
        uint64_t head[2], tail[2];

        if (len - 16 <= 16) {
                memcpy(head, from, 16);
                memcpy(tail, from + len - 16, 16);
                memcpy(to, head, 16);
                memcpy(to + len - 16, tail, 16);
        } else if (len - 8 < 8) {
                memcpy(head, from, 8);
                memcpy(tail, from + len - 8, 8);
                memcpy(to, head, 8);
                memcpy(to + len - 8, tail, 8);
        } else {
                memcpy(to, from, len);
        }
}

/*
 * The way nearly every text takes: into an empty slot, with room in its segment. In full here,
 * with nothing after the copy, because texts are what most messages are made of. more: bytes of the
 * list behind what is given, which are zeros.
 */
static inline void bytes_put(capnp_msg *m, uint64_t *slot, uint64_t seg, const void *from,
                             uint64_t len, unsigned more)
{
        struct capnp_i_segment *s;
        uint64_t n = len + more;
        uint32_t at, end;
        uint64_t *base;
        uint8_t *p;

        if (len - !more >= PTR_LIST_END - 1 || ptr_load(slot)) {
                bytes_set(m, slot, seg, from, len, more);
                return;
        }

        /* 29 bits each. */
        s = &m->segs[seg];
        at = s->words;
        end = at + (uint32_t)((n + 7) / 8);
        if (end > s->room) {
                bytes_set(m, slot, seg, from, len, more);
                return;
        }

        s->words = end;
        base = s->base;
        base[(uint64_t)end - 1] = 0;
        p = (uint8_t *)(base + at);
        /*
         * What is new lies behind its slot. Half of a distance in bytes is one in words, two bits
         * from the right, where it belongs; it counts from the end of the slot.
         */
        ptr_store(slot, (n * 8 + CAPNP_SIZE_BYTE) << 32 |
                                ((uint32_t)((uint64_t)(p - (uint8_t *)slot) / 2) - 4 + PTR_LIST));
        bytes_copy(p, from, len);
}

void capnp_i_set_text(capnp_msg *m, uint64_t *slot, uint64_t seg, const char *from, uint64_t len)
{
        bytes_put(m, slot, seg, from, len, 1);
}

void capnp_i_set_data(capnp_msg *m, uint64_t *slot, uint64_t seg, const uint8_t *from, uint64_t len)
{
        bytes_put(m, slot, seg, from, len, 0);
}

uint8_t *capnp_abuilder_init_data(capnp_abuilder a, uint32_t len)
{
        struct ptr_place o;

        if (!a.m)
                return NULL;

        o = bytes_place(a, len);
        if (!o.p)
                return NULL;

        memset(o.p, 0, len);
        ptr_replace(a, o.slot);
        return len ? (uint8_t *)o.p : NULL;
}

void capnp_abuilder_set_cap(capnp_abuilder a, capnp_cap *cap)
{
        uint32_t i;

        if (!a.m || !cap) {
                capnp_abuilder_clear(a);
                return;
        }

        cap = ((struct capnp_i_cap_head *)(void *)cap)->class->ref(cap);
        i = capnp_i_msg_add_cap(a.m, cap);
        if (i != UINT32_MAX)
                ptr_replace(a, PTR_OTHER | (uint64_t)i << 32);
}
