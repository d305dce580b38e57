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

static void words_zero(uint64_t *p, uint64_t n)
{
        memset(p, 0, n * sizeof(*p));
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
__attribute__((noinline)) static void bytes_set(capnp_msg *m, uint64_t *slot, uint32_t seg,
                                                const void *from, uint64_t len, uint64_t n)
{
        capnp_abuilder a = {m, slot, seg};
        struct ptr_place o;

        if (!a.m || !from) {
                capnp_abuilder_clear(a);
                return;
        }

        o = bytes_place(a, n);
        if (!o.p)
                return;

        memcpy(o.p, from, len);
        ptr_replace(a, o.slot);
}

/* Most texts are short; two moves that overlap cost less than a call. */
static inline void bytes_copy(uint8_t *to, const uint8_t *from, uint64_t len)
{
        uint64_t head[2], tail[2];

        if (len < 16 || len > 32) {
                memcpy(to, from, len);
                return;
        }

        memcpy(head, from, 16);
        memcpy(tail, from + len - 16, 16);
        memcpy(to, head, 16);
        memcpy(to + len - 16, tail, 16);
}

/*
 * The way nearly every text takes: into an empty slot, with room in its segment. In full here,
 * with nothing after the copy, because texts are what most messages are made of. n: bytes of the
 * list, of which len are given.
 */
void capnp_i_set_bytes(capnp_msg *m, uint64_t *slot, uint32_t seg, const void *from, uint64_t len,
                       uint64_t n)
{
        struct capnp_i_segment *s;
        uint64_t words = (n + 7) / 8, at;
        uint64_t *p;

        if (!m || !from || !n || n >= PTR_LIST_END || ptr_load(slot)) {
                bytes_set(m, slot, seg, from, len, n);
                return;
        }

        s = &m->segs[seg];
        at = s->words;
        if (words > s->room - at) {
                bytes_set(m, slot, seg, from, len, n);
                return;
        }

        p = s->base + at;
        s->words = (uint32_t)(at + words);
        ptr_store(slot, ptr_aim(ptr_to_list(CAPNP_SIZE_BYTE, (uint32_t)n),
                                (int64_t)at - ptr_at(s->base, slot) - 1));
        p[words - 1] = 0;
        bytes_copy((uint8_t *)p, from, len);
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
