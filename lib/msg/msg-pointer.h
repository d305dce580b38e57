/*
 * Pointers: their bits, where they lead, and the room for what they point to. Private to lib/msg.
 *
 * Inline here is the way nearly every pointer takes: near, in bounds, in budget. The rest is in
 * msg-pointer.c.
 */
#ifndef CAPNP_MSG_POINTER_H
#define CAPNP_MSG_POINTER_H

#include "msg-internal.h"

/* The two low bits of a pointer (encoding specification; 3 is "other": a capability). */
enum { PTR_STRUCT, PTR_LIST, PTR_FAR, PTR_OTHER };

/* A list has fewer elements than this: 29 bits. */
#define PTR_LIST_END (UINT64_C(1) << 29)

/* A pointer to a struct of no words: offset -1, so that it differs from a null pointer. */
#define PTR_EMPTY UINT64_C(0xfffffffc)

/* The kind and element size of a text or data. */
#define PTR_BYTES_MASK (UINT64_C(7) << 32 | 3)
#define PTR_BYTES      ((uint64_t)CAPNP_SIZE_BYTE << 32 | PTR_LIST)

/* ---- bits --------------------------------------------------------------------------------- */

/* Words are loaded and stored so, because nobody knows as what the caller declared its bytes. */
static inline uint64_t ptr_load(const void *p)
{
        uint64_t w;

        memcpy(&w, p, sizeof(w));
        return w;
}

static inline void ptr_store(void *p, uint64_t w)
{
        memcpy(p, &w, sizeof(w));
}

static inline uint32_t ptr_kind(uint64_t w)
{
        return (uint32_t)w & 3;
}

/* Words from the end of the pointer to the beginning of its object. */
static inline int64_t ptr_offset(uint64_t w)
{
        return (int32_t)(uint32_t)w >> 2;
}

/* Of a struct. */
static inline uint16_t ptr_data(uint64_t w)
{
        return (uint16_t)(w >> 32);
}

static inline uint16_t ptr_ptrs(uint64_t w)
{
        return (uint16_t)(w >> 48);
}

/* Of a list. The count is of elements; of words when the size is CAPNP_SIZE_COMPOSITE. */
static inline enum capnp_size ptr_size(uint64_t w)
{
        return (enum capnp_size)((w >> 32) & 7);
}

static inline uint32_t ptr_count(uint64_t w)
{
        return (uint32_t)(w >> 35);
}

/* Of a composite list's tag word: the number of elements, where others have an offset. */
static inline uint32_t ptr_tag_count(uint64_t w)
{
        return (uint32_t)w >> 2;
}

/* Of a far pointer: the landing pad. */
static inline bool ptr_is_double(uint64_t w)
{
        return (w & 4) != 0;
}

static inline uint32_t ptr_far_at(uint64_t w)
{
        return (uint32_t)w >> 3;
}

/* The segment of a far pointer, or the index of a capability. */
static inline uint32_t ptr_high(uint64_t w)
{
        return (uint32_t)(w >> 32);
}

static inline bool ptr_is_cap(uint64_t w)
{
        return (uint32_t)w == PTR_OTHER;
}

/* The words of pointers: with an offset of 0, to be added by ptr_aim(). */
static inline uint64_t ptr_to_struct(uint16_t words, uint16_t ptrs)
{
        return PTR_STRUCT | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

static inline uint64_t ptr_to_list(enum capnp_size size, uint32_t count)
{
        return PTR_LIST | (uint64_t)size << 32 | (uint64_t)count << 35;
}

static inline uint64_t ptr_to_far(uint32_t seg, uint32_t at, bool two)
{
        return PTR_FAR | (two ? 4u : 0u) | (uint64_t)at << 3 | (uint64_t)seg << 32;
}

static inline uint64_t ptr_aim(uint64_t w, int64_t offset)
{
        return (w & ~UINT64_C(0xfffffffc)) | ((uint32_t)(uint64_t)offset << 2);
}

/* Of an element: bits in all; bytes and pointers when it is seen as a struct. */
static inline uint32_t ptr_element_bits(enum capnp_size size)
{
        static const uint8_t bits[8] = {0, 1, 8, 16, 32, 64, 64, 0};

        return bits[size & 7];
}

static inline uint32_t ptr_element_bytes(enum capnp_size size)
{
        static const uint8_t bytes[8] = {0, 0, 1, 2, 4, 8, 0, 0};

        return bytes[size & 7];
}

/* ---- following ---------------------------------------------------------------------------- */

/* Where a pointer leads. Nothing is known about that place before ptr_claim(). */
struct ptr_target {
        uint64_t w;           /* says what is there: the pointer, or the tag behind a far one */
        const uint64_t *base; /* the segment's first word; for a constant the slot itself */
        int64_t at;           /* words from base */
        uint32_t seg;
};

/* Marks the message; false, to be returned. m may be NULL. */
bool capnp_i_ptr_refuse(capnp_msg *m, int error);
/* Follows a far pointer w over its landing pads; false: marked. */
bool capnp_i_ptr_far(capnp_msg *m, uint64_t w, struct ptr_target *ret_t);

/* The position of a slot in its segment. The slot is known to be inside. */
static inline int64_t ptr_at(const uint64_t *base, const uint64_t *p)
{
        return (int64_t)(((uintptr_t)p - (uintptr_t)base) / sizeof(*p));
}

/* Follows the pointer w that is at slot p. m NULL: a constant. False: marked. */
static inline bool ptr_follow(capnp_msg *m, uint32_t seg, const uint64_t *p, uint64_t w,
                              struct ptr_target *ret_t)
{
        const uint64_t *base;

        if (ptr_kind(w) == PTR_FAR)
                return capnp_i_ptr_far(m, w, ret_t);

        base = m ? m->segs[seg].base : p;
        *ret_t = (struct ptr_target){w, base, ptr_at(base, p) + 1 + ptr_offset(w), seg};
        return true;
}

/* Takes words from what may still be visited; false: marked. */
static inline bool ptr_charge(capnp_msg *m, uint64_t words)
{
        if (!m)
                return true;

        if (words > m->budget)
                return capnp_i_ptr_refuse(m, CAPNP_E_LIMIT);

        m->budget -= words;
        return true;
}

/* The words at a place: in bounds, and charged. NULL: marked. */
static inline const uint64_t *ptr_claim(capnp_msg *m, const struct ptr_target *t, uint64_t words)
{
        uint64_t room;

        if (m) {
                room = m->segs[t->seg].words;
                /* A negative position is a huge one here. */
                if ((uint64_t)t->at > room || words > room - (uint64_t)t->at) {
                        (void)capnp_i_ptr_refuse(m, CAPNP_E_POISON);
                        return NULL;
                }
                if (!ptr_charge(m, words))
                        return NULL;
        }

        return t->base + t->at;
}

/* ---- placing ------------------------------------------------------------------------------ */

/* Room for a new object, and what the slot will hold. The words are not zeroed. */
struct ptr_place {
        uint64_t *p;   /* the object; NULL: there was no room, marked */
        uint64_t slot; /* the pointer to store */
        uint32_t seg;  /* the segment of p */
};

/* ptr_place() when the slot's segment is full. */
struct ptr_place capnp_i_ptr_place_far(capnp_msg *m, uint64_t words, uint64_t w);

/*
 * Room for an object that slot a shall point to, in a's segment if possible. w: the pointer, with
 * an offset of 0. The slot is not touched, so that its old content can still be read.
 */
static inline struct ptr_place ptr_place(capnp_abuilder a, uint64_t words, uint64_t w)
{
        struct capnp_i_segment *s = &a.m->segs[a.seg];
        uint32_t at = s->words;

        if (words > s->room - at)
                return capnp_i_ptr_place_far(a.m, words, w);

        s->words = at + (uint32_t)words;
        return (struct ptr_place){s->base + at, ptr_aim(w, at - ptr_at(s->base, a.p) - 1), a.seg};
}

/*
 * Zeroes what the pointer w at slot p leads to, with everything below and the landing pads, and
 * gives capabilities back.
 */
void capnp_i_ptr_wipe(capnp_msg *m, uint32_t seg, const uint64_t *p, uint64_t w);
/* Zeroes the landing pads of w, if it has any. */
void capnp_i_ptr_wipe_pads(capnp_msg *m, uint64_t w);
/* Lets slot to point where slot from points; from keeps its word, which is no longer valid. */
void capnp_i_ptr_move(capnp_abuilder to, capnp_abuilder from);

/* Stores a pointer into a slot and wipes what it pointed to before. */
static inline void ptr_replace(capnp_abuilder a, uint64_t w)
{
        uint64_t old = ptr_load(a.p);

        ptr_store(a.p, w);
        if (old)
                capnp_i_ptr_wipe(a.m, a.seg, a.p, old);
}

/* Words of a list's content, its tag included. */
static inline uint64_t ptr_list_words(const capnp_list *l)
{
        uint64_t bits = (uint64_t)l->len * l->step;

        return (bits + 63) / 64 + (l->size == CAPNP_SIZE_COMPOSITE);
}

#endif
