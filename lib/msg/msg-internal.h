/* What a message is made of, for msg and the layers above it in this library. */
#ifndef CAPNP_MSG_INTERNAL_H
#define CAPNP_MSG_INTERNAL_H

#include <capos/capnp-msg.h>

#include "base-error.h"

/*
 * The first member of every capability, so that a message can hold references to objects that
 * only a higher layer knows. Neither function runs foreign code.
 */
struct capnp_i_cap_class {
        capnp_cap *(*ref)(capnp_cap *c);
        capnp_cap *(*unref)(capnp_cap *c);
};
struct capnp_i_cap_head {
        const struct capnp_i_cap_class *class;
};

struct capnp_i_segment {
        uint64_t *base;
        uint32_t words; /* in use; for a received message all of it */
        uint32_t room;  /* words that may be in use: equal to words for received bytes */
};

enum { CAPNP_I_SEGMENTS = 4, CAPNP_I_CAPS = 4 }; /* inline, before tables go to the heap */

struct capnp_msg {
        struct capnp_i_segment *segs;
        uint32_t nsegs, room_segs;
        uint32_t borrowed; /* this many segments, from the first on, are somebody else's memory */
        capnp_cap **caps;  /* an entry is NULL when its pointer was cleared */
        uint32_t ncaps, room_caps;
        uint64_t budget;   /* words a reader may still visit */
        uint16_t depth;    /* nesting allowed from the root */
        bool building;     /* made here: trusted, grows */
        int error;         /* first of: CAPNP_E_POISON, CAPNP_E_LIMIT, -ENOMEM */
        capnp_cap *broken; /* handed out (borrowed) for an index outside caps; may be NULL */
        struct capnp_i_segment inline_segs[CAPNP_I_SEGMENTS];
        capnp_cap *inline_caps[CAPNP_I_CAPS];
};

enum {
        CAPNP_I_FIRST_WORDS = 120,         /* the first segment of capnp_msg_new() */
        CAPNP_I_NEXT_WORDS = 1022,         /* the least size of a later one */
        CAPNP_I_SLACK_WORDS = 1 << 20,     /* the most a later one has beyond what is needed now */
        CAPNP_I_MAX_WORDS = (1 << 29) - 1, /* of a segment: what a far pointer can address */
        CAPNP_I_MAX_DEPTH = 512,           /* no nesting limit is wider: it bounds our recursion */
};

/* The rest of it is of no meaning then. */
static inline void capnp_i_msg_init(capnp_msg *m)
{
        m->segs = m->inline_segs;
        m->nsegs = 0;
        m->room_segs = CAPNP_I_SEGMENTS;
        m->borrowed = 0;
        m->caps = m->inline_caps;
        m->ncaps = 0;
        m->room_caps = CAPNP_I_CAPS;
        m->budget = UINT64_MAX;
        m->depth = 64;
        m->building = false;
        m->error = 0;
        m->broken = NULL;
}

/* Words a reader may visit in a message of so many. */
static inline uint64_t capnp_i_msg_budget(uint64_t words, const struct capnp_limits *l)
{
        const uint64_t least = UINT64_C(8) << 20;

        if (l->traversal)
                return l->traversal;

        return words > least / 8 ? words * 8 : least;
}

static inline uint16_t capnp_i_msg_depth(const struct capnp_limits *l)
{
        return (uint16_t)(l->depth < CAPNP_I_MAX_DEPTH ? l->depth : CAPNP_I_MAX_DEPTH);
}

/* A received frame of one segment, which is nearly every one. n is not 0; l has all limits. */
static inline void capnp_i_msg_init_one(capnp_msg *m, uint64_t *words, uint32_t n,
                                        const struct capnp_limits *l)
{
        capnp_i_msg_init(m);
        m->segs[0] = (struct capnp_i_segment){words, n, n};
        m->nsegs = m->borrowed = 1;
        m->budget = capnp_i_msg_budget(n, l);
        m->depth = capnp_i_msg_depth(l);
}

/*
 * A received frame as a message: the words (already in one block, after the segment table) are
 * described by sizes: nsegs 32-bit values of any alignment, as in a segment table. The caller
 * allocated m and keeps words alive; deinit with capnp_i_msg_deinit(), also after a failure. 0 or
 * -ENOMEM.
 */
int capnp_i_msg_init_received(capnp_msg *m, uint64_t *words, const void *sizes, uint32_t nsegs,
                              const struct capnp_limits *l) CAPNP_MUST_USE;
/*
 * An embedded message to build in. first[room] is the caller's memory for segment 0 (may be NULL:
 * allocated on demand) and must outlive m; later segments come from the heap. Cannot fail.
 * used: words at the front of segment 0 that the caller keeps for itself (zeroed by it). The rest
 * need not be zeroed.
 */
static inline void capnp_i_msg_init_building(capnp_msg *m, uint64_t *first, uint32_t room,
                                             uint32_t used)
{
        capnp_i_msg_init(m);
        m->building = true;
        /* A first segment must have room for the root pointer. */
        if (!first || !room)
                return;

        m->segs[0] = (struct capnp_i_segment){first, used, room};
        m->nsegs = 1;
        m->borrowed = 1;
}

/* Drops capabilities and own segments; m may be used again after another init. */
void capnp_i_msg_deinit_any(capnp_msg *m);
static inline void capnp_i_msg_deinit(capnp_msg *m)
{
        if (m->ncaps || m->borrowed < m->nsegs || m->room_segs > CAPNP_I_SEGMENTS ||
            m->room_caps > CAPNP_I_CAPS)
                capnp_i_msg_deinit_any(m);
}

/* capnp_msg_write() where there is room for capnp_msg_size() bytes. */
void capnp_i_msg_write(const capnp_msg *m, uint8_t *p);

/* Zeroed words at the end of a segment of m (any; a new one when none has room). NULL: marked. */
uint64_t *capnp_i_msg_alloc(capnp_msg *m, uint32_t words, uint32_t *ret_seg);
/* The same, not zeroed. */
uint64_t *capnp_i_msg_grab(capnp_msg *m, uint64_t words, uint32_t *ret_seg);
/* Adds a capability (takes the reference, also on failure). ret: its index, or UINT32_MAX, marked.
 */
uint32_t capnp_i_msg_add_cap(capnp_msg *m, capnp_cap *cap);
/* Gives one back; its index is not used again unless it was the last. */
void capnp_i_msg_drop_cap(capnp_msg *m, uint32_t i);
/* Whether a pointer is near, and to a struct that has no pointers. */
static inline bool capnp_i_msg_is_flat(uint64_t pointer)
{
        return pointer && !(pointer & 3) && !(pointer >> 48);
}
/* The pointer to a struct that begins so many words behind it. */
static inline uint64_t capnp_i_msg_struct_at(uint16_t words, uint16_t ptrs, uint32_t offset)
{
        if (!words && !ptrs) /* an offset of -1, so that it differs from null */
                return UINT64_C(0xfffffffc);

        return (uint64_t)offset << 2 | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

/* The index in a pointer to a capability; UINT32_MAX: it is none. */
static inline uint32_t capnp_i_msg_cap_index(uint64_t pointer)
{
        return (uint32_t)pointer == 3 ? (uint32_t)(pointer >> 32) : UINT32_MAX;
}

/* The pointer to a list of structs that have so many words together, with a tag before them that
 * begins so many words behind it. The tag is as a pointer to a struct at their number. */
static inline uint64_t capnp_i_msg_structs_at(uint32_t words, uint32_t offset)
{
        return 1 | (uint64_t)offset << 2 | (uint64_t)CAPNP_SIZE_COMPOSITE << 32 |
               (uint64_t)words << 35;
}

/* What such a pointer at p leads to, in a segment of so many words. NULL: out of bounds. */
static inline const uint64_t *capnp_i_msg_flat_at(const uint64_t *base, uint32_t words,
                                                  const uint64_t *p)
{
        int64_t at = (p - base) + 1 + ((int32_t)(uint32_t)*p >> 2);

        return at >= 0 && (uint64_t)at + (uint16_t)(*p >> 32) <= words ? base + at : NULL;
}

/* A far pointer to the pointer at a word of a segment. */
uint64_t capnp_i_msg_far_to(uint32_t seg, uint32_t at);
/*
 * What a pointer elsewhere in the same message has to be, to lead to what is at a. pad: two words
 * that will be at word pad_at of segment pad_seg; used if need be. false: it leads out of its
 * segment.
 */
bool capnp_i_msg_lead(capnp_any a, uint64_t pad[2], uint32_t pad_seg, uint32_t pad_at,
                      uint64_t *ret_w);
/* Notes an error unless one is noted already. */
void capnp_i_msg_mark(capnp_msg *m, int error);
/* A slot at a word of segment 0 (an envelope's content pointer). */
capnp_abuilder capnp_i_msg_slot(capnp_msg *m, uint32_t word);

#endif
