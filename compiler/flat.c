/*
 * Constants as words.
 *
 * Generated code carries default values, constants and schema nodes as arrays of words that the
 * library reads in place. They are written in canonical form (encoding specification,
 * canonicalization): preorder, one segment, zeros at a section's end cut off. So the words depend
 * on the value alone, never on how the schema compiler or the message library laid it out, and a
 * regenerated file does not change.
 */
#include "flat.h"

#include <stdio.h>
#include <stdlib.h>

struct flat_buf {
        uint64_t *w;
        uint32_t n;
        uint32_t room;
};

enum { FLAT_STRUCT = 0, FLAT_LIST = 1, FLAT_MAX_WORDS = 1u << 26 };

/* Zeroed words at the end; the index of the first. */
static uint32_t flat_take(struct flat_buf *f, uint64_t words)
{
        uint32_t at = f->n;

        if (words > FLAT_MAX_WORDS - f->n) {
                fputs("capnpc-c: a constant is too large\n", stderr);
                exit(1);
        }

        if (f->n + words > f->room) {
                uint32_t room = 2 * (f->n + (uint32_t)words);

                f->w = realloc(f->w, (size_t)room * 8);
                if (!f->w) {
                        fputs("capnpc-c: out of memory\n", stderr);
                        exit(1);
                }
                f->room = room;
        }

        memset(f->w + f->n, 0, (size_t)words * 8);
        f->n += (uint32_t)words;
        return at;
}

/* Encoding specification, struct and list pointers: kind, offset, and the upper half. */
static uint64_t flat_pointer(uint32_t kind, int64_t offset, uint64_t upper)
{
        return (uint64_t)kind | ((uint64_t)offset & 0x3fffffff) << 2 | upper << 32;
}

static uint32_t data_words(capnp_reader r)
{
        uint32_t n = r.bytes;

        while (n && !r.d[n - 1])
                n--;
        return (n + 7) / 8;
}

static uint32_t pointer_count(capnp_reader r)
{
        uint16_t n = r.ptrs;

        while (n && capnp_any_what(capnp_reader_any(r, (uint16_t)(n - 1))) == CAPNP_WHAT_NULL)
                n--;
        return n;
}

static void flat_slot(struct flat_buf *f, uint32_t at, capnp_any a);

static void flat_sections(struct flat_buf *f, uint32_t at, capnp_reader r, uint32_t words,
                          uint32_t ptrs)
{
        uint32_t bytes = words * 8 < r.bytes ? words * 8 : r.bytes;

        if (bytes)
                memcpy(f->w + at, r.d, bytes);
        for (uint32_t i = 0; i < ptrs; i++)
                flat_slot(f, at + words + i, capnp_reader_any(r, (uint16_t)i));
}

static void flat_put_struct(struct flat_buf *f, uint32_t at, capnp_reader r)
{
        uint32_t words = data_words(r), ptrs = pointer_count(r), to;

        if (!words && !ptrs) {
                f->w[at] = flat_pointer(FLAT_STRUCT, -1, 0);
                return;
        }

        to = flat_take(f, words + ptrs);
        f->w[at] = flat_pointer(FLAT_STRUCT, (int64_t)to - at - 1, words | ptrs << 16);
        flat_sections(f, to, r, words, ptrs);
}

static void flat_structs(struct flat_buf *f, uint32_t at, capnp_list l)
{
        uint32_t words = 0, ptrs = 0, to;
        uint64_t all;

        for (uint32_t i = 0; i < l.len; i++) {
                capnp_reader r = capnp_list_struct(l, i);
                uint32_t w = data_words(r), p = pointer_count(r);

                words = w > words ? w : words;
                ptrs = p > ptrs ? p : ptrs;
        }

        all = (uint64_t)l.len * (words + ptrs);
        to = flat_take(f, all + 1);
        f->w[at] = flat_pointer(FLAT_LIST, (int64_t)to - at - 1, CAPNP_SIZE_COMPOSITE | all << 3);
        f->w[to] = flat_pointer(FLAT_STRUCT, l.len, words | ptrs << 16);
        for (uint32_t i = 0; i < l.len; i++)
                flat_sections(f, to + 1 + i * (words + ptrs), capnp_list_struct(l, i), words, ptrs);
}

static void flat_list(struct flat_buf *f, uint32_t at, capnp_list l)
{
        uint64_t bits = (uint64_t)l.len * l.step;
        uint32_t to;

        if (l.size == CAPNP_SIZE_COMPOSITE) {
                flat_structs(f, at, l);
                return;
        }

        to = flat_take(f, (bits + 63) / 64);
        f->w[at] = flat_pointer(FLAT_LIST, (int64_t)to - at - 1, l.size | (uint64_t)l.len << 3);
        if (l.size == CAPNP_SIZE_POINTER) {
                for (uint32_t i = 0; i < l.len; i++)
                        flat_slot(f, to + i, capnp_list_any(l, i));
                return;
        }

        if (bits)
                memcpy(f->w + to, l.d, (size_t)(bits + 7) / 8);
}

static void flat_slot(struct flat_buf *f, uint32_t at, capnp_any a)
{
        switch (capnp_any_what(a)) {
        case CAPNP_WHAT_STRUCT:
                flat_put_struct(f, at, capnp_any_struct(a, NULL));
                break;
        case CAPNP_WHAT_LIST:
                flat_list(f, at, capnp_any_list(a, CAPNP_SIZE_VOID, NULL));
                break;
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_CAP:
        case CAPNP_WHAT_BAD:
                break;
        }
}

static struct flat flat_end(struct mem *m, struct flat_buf *f)
{
        uint64_t *w = mem_alloc(m, (size_t)f->n * 8);

        memcpy(w, f->w, (size_t)f->n * 8);
        free(f->w);
        return (struct flat){w, f->n};
}

struct flat flat_any(struct mem *m, capnp_any a)
{
        struct flat_buf f = {0};

        flat_slot(&f, flat_take(&f, 1), a);
        return flat_end(m, &f);
}

struct flat flat_struct(struct mem *m, capnp_reader r)
{
        struct flat_buf f = {0};

        flat_put_struct(&f, flat_take(&f, 1), r);
        return flat_end(m, &f);
}
