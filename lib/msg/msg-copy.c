/*
 * Deep copies, and the size of one.
 *
 * The source may be anything: a received message, hostile; a constant; a message being built, the
 * target included. It is read by the functions of msg-read.c alone, so bounds, nesting limit and
 * budget hold here as they do for any reader, and recursion is as deep as the source's nesting
 * limit at most. What is wrong marks the source and is copied as null; the target is marked only
 * when there is no memory.
 *
 * An object is copied with the sizes it has, also those no schema of ours knows, and its pointer is
 * stored when it is complete. So a slot may be set from what it holds, or from something that
 * contains it.
 */
#include "msg-pointer.h"

static uint64_t copy_any(capnp_abuilder to, capnp_any from);

static void copy_slots(capnp_abuilder to, capnp_any from, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++, to.p++, from.p++)
                ptr_store(to.p, ptr_load(from.p) ? copy_any(to, from) : 0);
}

/* A struct's data and pointers, to a place of the same size in words. */
static void copy_fields(capnp_abuilder to, capnp_reader from, uint32_t words)
{
        const void *ptrs = from.d + from.bytes;

        /* Elements of a list of primitives have less than a word of data. */
        if (words)
                to.p[words - 1] = 0;
        if (from.bytes)
                memcpy(to.p, from.d, from.bytes);
        to.p += words;
        copy_slots(to, (capnp_any){from.m, ptrs, from.seg, from.depth}, from.ptrs);
}

/* Each of these returns the pointer for slot `to`; 0: no memory, marked. */
static uint64_t copy_struct(capnp_abuilder to, capnp_reader from)
{
        uint32_t words = (from.bytes + 7) / 8;
        struct ptr_place o;

        if (!words && !from.ptrs)
                return PTR_EMPTY;

        o = ptr_place(to, (uint64_t)words + from.ptrs, ptr_to_struct((uint16_t)words, from.ptrs));
        if (!o.p)
                return 0;

        copy_fields((capnp_abuilder){to.m, o.p, o.seg}, from, words);
        return o.slot;
}

static uint64_t copy_structs(capnp_abuilder to, capnp_list from)
{
        uint32_t data = from.bytes / 8, step = data + from.ptrs;
        uint64_t n = (uint64_t)from.len * step;
        struct ptr_place o;

        o = ptr_place(to, n + 1, ptr_to_list(CAPNP_SIZE_COMPOSITE, (uint32_t)n));
        if (!o.p)
                return 0;

        ptr_store(o.p, ptr_to_struct((uint16_t)data, from.ptrs) | (uint64_t)from.len << 2);
        for (uint32_t i = 0; step && i < from.len; i++) {
                capnp_abuilder at = {to.m, o.p + 1 + (uint64_t)i * step, o.seg};

                copy_fields(at, capnp_list_struct(from, i), data);
        }

        return o.slot;
}

static uint64_t copy_list(capnp_abuilder to, capnp_list from)
{
        uint64_t n = ptr_list_words(&from);
        struct ptr_place o;

        if (from.size == CAPNP_SIZE_COMPOSITE)
                return copy_structs(to, from);

        o = ptr_place(to, n, ptr_to_list((enum capnp_size)from.size, from.len));
        if (!o.p)
                return 0;

        if (from.size == CAPNP_SIZE_POINTER)
                copy_slots((capnp_abuilder){to.m, o.p, o.seg},
                           (capnp_any){from.m, (const void *)from.d, from.seg, from.depth},
                           from.len);
        else if (n)
                memcpy(o.p, from.d, n * sizeof(*o.p));

        return o.slot;
}

static uint64_t copy_cap(capnp_abuilder to, capnp_any from)
{
        capnp_cap *cap = capnp_any_cap_peek(from);
        uint32_t i;

        if (!cap)
                return 0;

        cap = ((struct capnp_i_cap_head *)(void *)cap)->class->ref(cap);
        i = capnp_i_msg_add_cap(to.m, cap);
        return i == UINT32_MAX ? 0 : PTR_OTHER | (uint64_t)i << 32;
}

/* Is it a near pointer to a list of nothing but bits? */
static bool copy_is_flat(uint64_t w)
{
        return ptr_kind(w) == PTR_LIST && ptr_size(w) != CAPNP_SIZE_VOID &&
               ptr_size(w) < CAPNP_SIZE_POINTER;
}

/* Such a list, w, without a view of it: texts and data are most of what there is to copy. */
static uint64_t copy_flat(capnp_abuilder to, capnp_any from, uint64_t w)
{
        uint64_t n = ((uint64_t)ptr_count(w) * ptr_element_bits(ptr_size(w)) + 63) / 64;
        struct ptr_target t;
        struct ptr_place o;
        const uint64_t *p;

        if (!from.depth) {
                (void)capnp_i_ptr_refuse(from.m, CAPNP_E_LIMIT);
                return 0;
        }

        p = ptr_follow(from.m, from.seg, from.p, w, &t) ? ptr_claim(from.m, &t, n) : NULL;
        if (!p)
                return 0;

        o = ptr_place(to, n, ptr_to_list(ptr_size(w), ptr_count(w)));
        if (!o.p)
                return 0;

        memcpy(o.p, p, n * sizeof(*o.p));
        return o.slot;
}

static uint64_t copy_any(capnp_abuilder to, capnp_any from)
{
        uint64_t w = from.p ? ptr_load(from.p) : 0;
        capnp_reader r;
        capnp_list l;

        if (copy_is_flat(w))
                return copy_flat(to, from, w);

        switch (capnp_any_what(from)) {
        case CAPNP_WHAT_STRUCT:
                r = capnp_any_struct(from, NULL);
                return r.d ? copy_struct(to, r) : 0;
        case CAPNP_WHAT_LIST:
                l = capnp_any_list(from, CAPNP_SIZE_VOID, NULL);
                return l.d ? copy_list(to, l) : 0;
        case CAPNP_WHAT_CAP:
                return copy_cap(to, from);
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_BAD:
                break;
        }

        return 0;
}

/* ---- setters ------------------------------------------------------------------------------ */

void capnp_abuilder_set(capnp_abuilder a, capnp_any src)
{
        if (a.m && src.p != a.p)
                ptr_replace(a, copy_any(a, src));
}

void capnp_abuilder_set_struct(capnp_abuilder a, capnp_reader src)
{
        if (a.m)
                ptr_replace(a, copy_struct(a, src));
}

void capnp_abuilder_set_list(capnp_abuilder a, capnp_list src)
{
        if (a.m)
                ptr_replace(a, src.d ? copy_list(a, src) : 0);
}

void capnp_builder_copy(capnp_builder b, capnp_reader src)
{
        uint32_t n = b.bytes < src.bytes ? b.bytes : src.bytes;

        if (!b.m || b.d == src.d)
                return;

        if (n)
                memmove(b.d, src.d, n);
        if (b.bytes > n)
                memset(b.d + n, 0, b.bytes - n);
        for (uint16_t i = 0; i < b.ptrs; i++)
                capnp_abuilder_set(capnp_builder_any(b, i), capnp_reader_any(src, i));
}

/* ---- sizes -------------------------------------------------------------------------------- */

static uint64_t words_any(capnp_any a, uint32_t *caps);

static uint64_t words_slots(capnp_any a, uint32_t n, uint32_t *caps)
{
        uint64_t words = 0;

        for (uint32_t i = 0; i < n; i++, a.p++)
                words += ptr_load(a.p) ? words_any(a, caps) : 0;

        return words;
}

static uint64_t words_struct(capnp_reader r, uint32_t *caps)
{
        uint64_t words = r.bytes / 8 + r.ptrs;

        if (r.ptrs)
                words += words_slots(capnp_reader_any(r, 0), r.ptrs, caps);

        return words;
}

static uint64_t words_list(capnp_list l, uint32_t *caps)
{
        uint64_t words = ptr_list_words(&l);

        if (l.ptrs)
                for (uint32_t i = 0; i < l.len; i++)
                        words += words_slots(capnp_list_any(l, i), l.ptrs, caps);

        return words;
}

static uint64_t words_any(capnp_any a, uint32_t *caps)
{
        switch (capnp_any_what(a)) {
        case CAPNP_WHAT_STRUCT:
                return words_struct(capnp_any_struct(a, NULL), caps);
        case CAPNP_WHAT_LIST:
                return words_list(capnp_any_list(a, CAPNP_SIZE_VOID, NULL), caps);
        case CAPNP_WHAT_CAP:
                ++*caps;
                return 0;
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_BAD:
                break;
        }

        return 0;
}

uint64_t capnp_any_words(capnp_any a, uint32_t *ret_caps)
{
        uint32_t caps = 0;
        uint64_t words = words_any(a, &caps);

        if (ret_caps)
                *ret_caps = caps;

        return words;
}
