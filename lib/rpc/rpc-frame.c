/*
 * Frames: a message together with its memory, counted, because a result can have two readers.
 *
 * A frame we build keeps the first words of its segment for the RPC envelope. Parameters and
 * results are thus built where they will be sent from; a local call reads the same words and never
 * looks at the envelope. A frame we receive owns its bytes: a call that is kept for an hour must
 * not pin a receive buffer. A short one is a copy of what is there; a long one that comes in pieces
 * is built around them, in the block that they were read to.
 */
#include "rpc-vat.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/*
 * Nearly all are one of two sizes, and live for as long as a call is read or answered: a vat keeps
 * a few of each. What is in between, or longer, has as much as it needs, because it may be kept.
 */
static struct recycle *frame_pool(capnp_vat *v, size_t words, size_t *ret_room)
{
        if (words <= SMALL_FRAME_WORDS) {
                *ret_room = SMALL_FRAME_WORDS;
                return &v->pools[POOL_SMALL_FRAMES];
        }

        *ret_room = words;
        return words == FRAME_WORDS ? &v->pools[POOL_FRAMES] : NULL;
}

static inline struct frame *frame_init(struct frame *f, struct recycle *pool, size_t words)
{
        f->pool = pool;
        f->refs = 1;
        f->received = f->secret = false;
        f->refusal = f->spent = f->names_ours = false;
        f->before = NULL;
        f->bytes = (uint32_t)(sizeof(*f) + words * 8);
        f->content = (capnp_any){0};
        return f;
}

static struct frame *frame_alloc(capnp_vat *v, size_t words)
{
        size_t room;
        struct recycle *pool = frame_pool(v, words, &room);
        struct frame *f = pool ? capnp_i_recycle_take(pool, sizeof(*f) + room * 8)
                               : malloc(sizeof(*f) + room * 8);

        return f ? frame_init(f, pool, words) : NULL;
}

static inline void frame_free(struct frame *f)
{
        if (f->pool)
                capnp_i_recycle_free(f->pool, f);
        else
                free(f);
}

/* One to be built, whose block has room for so many words. */
static struct frame *frame_new_of(capnp_vat *v, uint32_t words)
{
        struct frame *f = frame_alloc(v, words);

        if (!f)
                return NULL;

        /* What is before these is written when it is sent. */
        memset(&f->words[CONTENT_WORD], 0, (ENVELOPE_WORDS - CONTENT_WORD) * 8);
        capnp_i_msg_init_building(&f->msg, f->words, words, ENVELOPE_WORDS);
        f->content = capnp_abuilder_any(capnp_i_frame_content(f));
        return f;
}

struct frame *capnp_i_frame_new(capnp_vat *v)
{
        return frame_new_of(v, FRAME_WORDS);
}

struct frame *capnp_i_frame_new_plain(capnp_vat *v)
{
        struct frame *f = frame_alloc(v, FRAME_WORDS);

        if (f)
                capnp_i_msg_init_building(&f->msg, f->words, FRAME_WORDS, 0);
        return f;
}

struct frame *capnp_i_frame_new_one(capnp_vat *v, const void *words, uint32_t n,
                                    const struct capnp_limits *l)
{
        struct frame *f = frame_alloc(v, n);

        if (!f)
                return NULL;

        f->received = true;
        f->secret = l->wipe;
        memcpy(f->words, words, n * 8);
        capnp_i_msg_init_one(&f->msg, f->words, n, l);
        f->msg.broken = v->bad_index;
        return f;
}

struct frame *capnp_i_frame_new_received(capnp_vat *v, const void *b, size_t len,
                                         const struct capnp_limits *l, int *ret_r)
{
        uint32_t nsegs = capnp_i_frame_segments(b);
        const uint8_t *table = b;
        size_t header = capnp_i_frame_header(nsegs);
        struct frame *f;

        assert(nsegs <= CAPNP_I_MAX_SEGMENTS);
        f = frame_alloc(v, (len - header) / 8);
        if (!f) {
                *ret_r = -ENOMEM;
                return NULL;
        }

        f->received = true;
        f->secret = l->wipe;
        memcpy(f->words, table + header, len - header);
        *ret_r = capnp_i_msg_init_received(&f->msg, f->words, table + 4, nsegs, l);
        if (*ret_r) {
                explicit_bzero(f->words, len - header);
                frame_free(f);
                return NULL;
        }

        f->msg.broken = v->bad_index;
        return f;
}

/* ---- one that comes in pieces ---------------------------------------------------------------- */

/* Its table ends where the words of a frame begin, if that is of one segment: what is overwritten
 * of the frame before them has no meaning yet. */
enum { TABLE_ONE = 8, BYTES_AT = offsetof(struct frame, words) - TABLE_ONE };

static struct frame *frame_of_bytes(uint8_t *b)
{
        return b ? (struct frame *)(void *)(b - BYTES_AT) : NULL;
}

uint8_t *capnp_i_frame_bytes_grow(uint8_t *b, size_t room)
{
        uint8_t *block = realloc(frame_of_bytes(b), BYTES_AT + room);

        return block ? block + BYTES_AT : NULL;
}

void capnp_i_frame_bytes_free(uint8_t *b)
{
        free(frame_of_bytes(b));
}

struct frame *capnp_i_frame_new_around(capnp_vat *v, uint8_t *b, size_t len,
                                       const struct capnp_limits *l)
{
        struct frame *f = frame_of_bytes(b);
        uint32_t nsegs = capnp_i_frame_segments(b);
        uint64_t *words = (uint64_t *)(void *)(b + capnp_i_frame_header(nsegs));

        assert(nsegs <= CAPNP_I_MAX_SEGMENTS && len % 8 == 0);
        if (capnp_i_msg_init_received(&f->msg, words, b + 4, nsegs, l))
                return NULL;

        frame_init(f, NULL, (len - TABLE_ONE) / 8);
        f->received = true;
        f->secret = l->wipe;
        f->msg.broken = v->bad_index;
        return f;
}

/* ---- their end ------------------------------------------------------------------------------- */

/* All that was ever written to it: its own block, and segments of the heap. */
__attribute__((noinline)) static void frame_wipe(struct frame *f)
{
        for (uint32_t i = f->msg.borrowed; i < f->msg.nsegs; i++)
                explicit_bzero(f->msg.segs[i].base, (size_t)f->msg.segs[i].words * 8);
        explicit_bzero(f->words, f->bytes - sizeof(*f));
}

void capnp_i_frame_last(struct frame *f)
{
        if (f->secret)
                frame_wipe(f);
        if (f->before)
                capnp_i_frame_unref(f->before);
        capnp_i_msg_deinit(&f->msg);
        frame_free(f);
}

size_t capnp_i_frame_bytes(const struct frame *f)
{
        size_t bytes = f->bytes;
        uint32_t i;

        if (f->msg.room_segs > CAPNP_I_SEGMENTS)
                bytes += f->msg.room_segs * sizeof(*f->msg.segs);
        if (f->msg.room_caps > CAPNP_I_CAPS)
                bytes += f->msg.room_caps * sizeof(*f->msg.caps);

        for (i = f->msg.borrowed; i < f->msg.nsegs; i++)
                bytes += (size_t)f->msg.segs[i].room * 8;

        return bytes;
}

/*
 * What is kept until Finish is kept for as long as a peer likes: a result of ten words should not
 * hold the room of a message. Only the simple case is worth it; without memory nothing changes.
 */
struct frame *capnp_i_frame_shrink(capnp_vat *v, struct frame *f)
{
        struct frame *g;
        uint32_t i;

        if (f->received || f->refs != 1 || f->msg.nsegs != 1 || f->msg.segs[0].base != f->words)
                return f;

        g = frame_alloc(v, f->msg.segs[0].words);
        if (!g)
                return f;

        memcpy(g->words, f->words, (size_t)f->msg.segs[0].words * 8);
        capnp_i_msg_init_building(&g->msg, g->words, f->msg.segs[0].words, f->msg.segs[0].words);
        if (f->msg.ncaps <= g->msg.room_caps) {
                memcpy(g->msg.caps, f->msg.caps, f->msg.ncaps * sizeof(*f->msg.caps));
                g->msg.ncaps = f->msg.ncaps;
                f->msg.ncaps = 0;
        }
        for (i = 0; i < f->msg.ncaps; i++)
                (void)capnp_i_msg_add_cap(&g->msg, capnp_cap_ref(f->msg.caps[i]));

        if (g->msg.error)
                return capnp_i_frame_unref(g), f;

        g->content = capnp_abuilder_any(capnp_i_frame_content(g));
        g->secret = f->secret;
        capnp_i_frame_unref(f);
        return g;
}

enum { COPY_WORDS = 1 << 26 }; /* what is longer can not be sent */

/* Room for all that is in f behind an envelope: with one segment there is no far pointer, and a
 * copy is no longer than what came. */
static uint32_t frame_copy_room(const struct frame *f)
{
        uint64_t words = ENVELOPE_WORDS;

        for (uint32_t i = 0; f && i < f->msg.nsegs; i++)
                words += f->msg.segs[i].words;
        if (words > COPY_WORDS)
                words = COPY_WORDS;
        return words > FRAME_WORDS ? (uint32_t)words : FRAME_WORDS;
}

struct frame *capnp_i_frame_copy(capnp_vat *v, struct frame *f, int *ret_r)
{
        struct frame *g = frame_new_of(v, frame_copy_room(f));

        *ret_r = -ENOMEM;
        if (!g)
                return NULL;

        g->secret = f && f->secret;
        if (f)
                capnp_abuilder_set(capnp_i_frame_content(g), f->content);

        *ret_r = f ? capnp_msg_check(&f->msg) : 0;
        if (!*ret_r)
                *ret_r = capnp_msg_check(&g->msg);
        if (*ret_r)
                return capnp_i_frame_unref(g);

        return g;
}

/* A single struct without pointers, wherever that lies. */
bool capnp_i_frame_body_received(struct frame *f, struct body *ret_b)
{
        const struct capnp_i_segment *s;
        const uint64_t *p = f->content.p;

        if (!p)
                return false;

        s = &f->msg.segs[f->content.seg];
        *ret_b = (struct body){.content = *p};
        if (!*p)
                return true;
        if (!capnp_i_msg_is_flat(*p))
                return false;

        ret_b->n = (uint16_t)(*p >> 32);
        ret_b->words = capnp_i_msg_flat_at(s->base, s->words, p);
        ret_b->content = capnp_i_msg_struct_at((uint16_t)ret_b->n, 0, RPC_PAYLOAD_PTRS - 1);
        if (!ret_b->words || f->msg.budget < ret_b->n)
                return false;

        f->msg.budget -= ret_b->n;
        return true;
}

/* For a path of one pointer, in a struct that is near, as nearly all are. NO_ID: it is otherwise.
 */
static inline uint32_t frame_cap_near(const struct frame *f, uint16_t i)
{
        const uint64_t w = f->content.p ? *f->content.p : 0;
        const uint32_t words = (uint16_t)(w >> 32), ptrs = (uint16_t)(w >> 48);
        const struct capnp_i_segment *s;
        int64_t at;

        if (!w || w & 3 || i >= ptrs || !f->content.depth)
                return NO_ID;

        s = &f->msg.segs[f->content.seg];
        at = f->content.p - s->base + 1 + ((int32_t)(uint32_t)w >> 2);
        if (at < 0 || (uint64_t)at + words + ptrs > s->words)
                return NO_ID;

        return capnp_i_msg_cap_index(s->base[at + words + i]);
}

/* Our own walks leave the reader's budget as it is: a path is no longer than whoever gave it. */
__attribute__((noinline)) static uint32_t frame_cap_walk(struct frame *f, const uint16_t *path,
                                                         uint16_t n)
{
        uint64_t budget = f->msg.budget;
        capnp_any a = f->content;
        bool is_cap;
        uint16_t i;

        f->msg.budget = UINT64_MAX;
        for (i = 0; i < n; i++)
                a = capnp_reader_any(capnp_any_struct(a, NULL), path[i]);

        is_cap = capnp_any_what(a) == CAPNP_WHAT_CAP;
        f->msg.budget = budget;
        return is_cap ? (uint32_t)(*a.p >> 32) : NO_ID;
}

uint32_t capnp_i_frame_cap_index(struct frame *f, const uint16_t *path, uint16_t n)
{
        uint32_t near = n == 1 ? frame_cap_near(f, path[0]) : NO_ID;

        return near != NO_ID ? near : frame_cap_walk(f, path, n);
}
