/*
 * Builders: what a slot already holds, made as large as the schema wants it.
 *
 * A struct or a list of structs may have been put into a message by somebody with an older schema
 * (as a default, as a copy of a received message). To be set it needs room for the fields we know,
 * so it is moved to a larger place: data is copied, pointers are moved (what they point to stays),
 * and the old place is zeroed, because it may hold what the caller later takes out of the new one,
 * and because zeros pack well. Nothing is ever made smaller.
 *
 * What is there is found by the readers of msg-read.c, so a slot of the wrong kind marks the
 * message and yields a zeroed builder, just as it would be refused by whoever receives it.
 */
#include "msg-pointer.h"

/* Readers give const views; a message being built owns its bytes. */
static uint8_t *grow_bytes(const uint8_t *d)
{
        return (uint8_t *)(uintptr_t)d;
}

static uint16_t grow_max(uint32_t a, uint32_t b)
{
        return (uint16_t)(a > b ? a : b);
}

/* Puts the default where there is nothing; false: there is still nothing. */
static bool grow_default(capnp_abuilder a, const uint64_t *dflt)
{
        if (!ptr_load(a.p) && dflt)
                capnp_abuilder_set(a, (capnp_any){NULL, dflt, 0, a.m->depth});

        return ptr_load(a.p) != 0;
}

/* Copies an element's data and moves its pointers to a larger place. */
static void grow_element(capnp_builder to, capnp_builder from)
{
        memcpy(to.d, from.d, from.bytes);
        for (uint16_t i = 0; i < from.ptrs; i++)
                capnp_i_ptr_move(capnp_builder_any(to, i), capnp_builder_any(from, i));
}

static capnp_builder grow_struct(capnp_abuilder a, capnp_builder old, uint16_t words, uint16_t ptrs)
{
        uint64_t w = ptr_load(a.p);
        capnp_builder b = {.m = a.m};
        struct ptr_place o;

        words = grow_max(words, old.bytes / 8);
        ptrs = grow_max(ptrs, old.ptrs);
        o = ptr_place(a, (uint64_t)words + ptrs, ptr_to_struct(words, ptrs));
        if (!o.p)
                return (capnp_builder){0};

        memset(o.p, 0, ((size_t)words + ptrs) * sizeof(*o.p));
        b = (capnp_builder){a.m, (uint8_t *)o.p, o.seg, words * 8u, ptrs};
        grow_element(b, old);
        memset(old.d, 0, old.bytes + old.ptrs * sizeof(uint64_t));
        ptr_store(a.p, o.slot);
        capnp_i_ptr_wipe_pads(a.m, w);
        return b;
}

capnp_builder capnp_abuilder_struct(capnp_abuilder a, uint16_t words, uint16_t ptrs,
                                    const uint64_t *dflt)
{
        capnp_builder b;
        capnp_reader r;

        if (!a.m)
                return (capnp_builder){0};

        if (!grow_default(a, dflt))
                return capnp_abuilder_init_struct(a, words, ptrs);

        r = capnp_any_struct(capnp_abuilder_any(a), NULL);
        if (!r.d)
                return (capnp_builder){0};

        b = (capnp_builder){a.m, grow_bytes(r.d), r.seg, r.bytes, r.ptrs};
        if (b.bytes < words * 8u || b.ptrs < ptrs)
                return grow_struct(a, b, words, ptrs);

        return b;
}

/* ---- lists -------------------------------------------------------------------------------- */

static void grow_elements(capnp_lbuilder to, capnp_lbuilder from)
{
        uint64_t words;

        for (uint32_t i = 0; i < from.len; i++)
                grow_element(capnp_lbuilder_struct(to, i), capnp_lbuilder_struct(from, i));

        /* The tag of a list of structs goes too. */
        words = ((uint64_t)from.len * from.step + 63) / 64;
        memset(from.d, 0, words * sizeof(uint64_t));
        if (from.size == CAPNP_SIZE_COMPOSITE)
                memset(from.d - sizeof(uint64_t), 0, sizeof(uint64_t));
}

static capnp_lbuilder grow_list(capnp_abuilder a, capnp_lbuilder old, uint16_t words, uint16_t ptrs)
{
        uint64_t w = ptr_load(a.p), n;
        capnp_lbuilder l;
        struct ptr_place o;

        words = grow_max(words, (old.bytes + 7) / 8);
        ptrs = grow_max(ptrs, old.ptrs);
        n = (uint64_t)old.len * (words + (uint32_t)ptrs);
        if (n >= PTR_LIST_END) {
                capnp_i_msg_mark(a.m, CAPNP_E_LIMIT);
                return (capnp_lbuilder){0};
        }

        o = ptr_place(a, n + 1, ptr_to_list(CAPNP_SIZE_COMPOSITE, (uint32_t)n));
        if (!o.p)
                return (capnp_lbuilder){0};

        ptr_store(o.p, ptr_to_struct(words, ptrs) | (uint64_t)old.len << 2);
        memset(o.p + 1, 0, n * sizeof(*o.p));
        l = (capnp_lbuilder){a.m,     (uint8_t *)(o.p + 1),          o.seg,
                             old.len, (words + (uint32_t)ptrs) * 64, words * 8u,
                             ptrs,    CAPNP_SIZE_COMPOSITE};
        grow_elements(l, old);
        ptr_store(a.p, o.slot);
        capnp_i_ptr_wipe_pads(a.m, w);
        return l;
}

capnp_lbuilder capnp_abuilder_list(capnp_abuilder a, enum capnp_size size, uint16_t words,
                                   uint16_t ptrs, const uint64_t *dflt)
{
        capnp_lbuilder l;
        capnp_list r;

        if (!a.m || !grow_default(a, dflt))
                return (capnp_lbuilder){0};

        r = capnp_any_list(capnp_abuilder_any(a), size, NULL);
        if (!r.d)
                return (capnp_lbuilder){0};

        l = (capnp_lbuilder){a.m, grow_bytes(r.d), r.seg, r.len, r.step, r.bytes, r.ptrs, r.size};
        if (size == CAPNP_SIZE_COMPOSITE &&
            (l.size != CAPNP_SIZE_COMPOSITE || l.bytes < words * 8u || l.ptrs < ptrs))
                return grow_list(a, l, words, ptrs);

        return l;
}
