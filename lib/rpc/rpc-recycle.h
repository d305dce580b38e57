/* Blocks used again: what a vat keeps of them, for whoever asks next. See rpc-recycle.c. */
#ifndef CAPNP_RPC_RECYCLE_H
#define CAPNP_RPC_RECYCLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a vat keeps some blocks of, when they are given back. */
enum pool {
        POOL_CALLS,
        POOL_FRAMES,       /* with FRAME_WORDS */
        POOL_SMALL_FRAMES, /* with SMALL_FRAME_WORDS */
        POOL_PROMISES,
        POOL_IMPORTS,
        POOL_EXPORTS,
        POOL_CROSSINGS,
        POOL_PEEKS, /* with a path of PATH_SHORT at most */
        POOL_OUT,   /* blocks of output of the smallest size */
        POOL_COUNT,
};

struct recycled {
        struct recycled *next;
};

/* Blocks of one size that are not in use. */
struct recycle {
        struct recycled *first;
        uint32_t room; /* for so many more */
};

/* Zeros over as many bytes as a compiler knows. In pieces, because it does more than that word by
 * word, or calls. */
__attribute__((always_inline)) static inline void capnp_i_zero(void *block, size_t bytes)
{
        const size_t piece = 64, whole = bytes / piece * piece;
        char *p = block;

#pragma GCC unroll 8
        for (size_t i = 0; i < whole; i += piece)
                memset(p + i, 0, piece);
        memset(p + whole, 0, bytes - whole);
}

void capnp_i_recycle_init(struct recycle *r);

/* One as it was given back, but for its first word; NULL: there is none. */
static inline void *capnp_i_recycle_get(struct recycle *r)
{
        struct recycled *b = r->first;

        if (!b)
                return NULL;

        r->first = b->next;
        r->room++;
        return b;
}

/* One with whatever there is in it; NULL: no memory. All of one struct recycle have one size. */
static inline void *capnp_i_recycle_take(struct recycle *r, size_t bytes)
{
        void *b = capnp_i_recycle_get(r);

        return b ? b : malloc(bytes);
}

/* A zeroed one. */
static inline void *capnp_i_recycle_new(struct recycle *r, size_t bytes)
{
        void *b = capnp_i_recycle_take(r, bytes);

        return b ? memset(b, 0, bytes) : NULL;
}

static inline void capnp_i_recycle_free(struct recycle *r, void *block)
{
        struct recycled *b = block;

        if (!r->room) {
                free(b);
                return;
        }

        b->next = r->first;
        r->first = b;
        r->room--;
}

#endif
