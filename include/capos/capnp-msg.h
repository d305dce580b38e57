/**
 * @file
 * Cap'n Proto messages: reading and building (the encoding specification, level 0).
 *
 * Views (capnp_reader, capnp_list, capnp_any and their builders) are small values that borrow from
 * a message. They never own and never fail: a bad pointer in a received message yields the default
 * and marks the message, a setter that runs out of memory marks it too, and whoever decodes asks
 * once, at the end, with capnp_msg_check(). A null pointer, an unknown enum value and a capability
 * index out of range are ordinary data, not marks.
 *
 * A view of what is null or bad is empty, but still names its message (member m): whoever is handed
 * a view can ask capnp_msg_check(view.m). What is copied out of a marked message marks the message
 * it is copied into.
 *
 * Limits (nesting, traversal) hold for received messages. What a program builds itself may be
 * nested as deeply as it likes: reading, copying and clearing it need no C stack for that.
 *
 * Most programs never call these functions: the generated accessors do.
 */
#ifndef CAPOS_CAPNP_MSG_H
#define CAPOS_CAPNP_MSG_H

#include "capnp-base.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a little-endian machine is required"
#endif
#if __SIZEOF_POINTER__ != 8
#error "a 64-bit machine is required"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** A message: its segments, its capabilities, what a reader may still visit, its first error. */
typedef struct capnp_msg capnp_msg;
/** A reference to an object, here or elsewhere (see capnp-rpc.h). NULL is the null capability. */
typedef struct capnp_cap capnp_cap;

/** Element sizes of a list, as encoded (encoding specification, list pointers). */
enum capnp_size {
        CAPNP_SIZE_VOID,      /**< no bits */
        CAPNP_SIZE_BIT,       /**< 1 bit */
        CAPNP_SIZE_BYTE,      /**< 1 byte */
        CAPNP_SIZE_TWO,       /**< 2 bytes */
        CAPNP_SIZE_FOUR,      /**< 4 bytes */
        CAPNP_SIZE_EIGHT,     /**< 8 bytes, no pointer */
        CAPNP_SIZE_POINTER,   /**< 8 bytes, a pointer */
        CAPNP_SIZE_COMPOSITE, /**< structs behind a tag word */
};

/** What a pointer slot holds. */
enum capnp_what {
        CAPNP_WHAT_NULL,   /**< nothing */
        CAPNP_WHAT_STRUCT, /**< a struct */
        CAPNP_WHAT_LIST,   /**< a list, a text or data */
        CAPNP_WHAT_CAP,    /**< a capability */
        CAPNP_WHAT_BAD,    /**< bytes that mean nothing; the message is marked */
};

/**
 * A struct being read. One without bytes and pointers reads as all defaults. With m NULL and d set,
 * the bytes are a constant of generated code and trusted.
 */
typedef struct {
        capnp_msg *m;     /**< where it lives, also when it is empty; NULL for a constant */
        const uint8_t *d; /**< its data section; the pointers follow it */
        uint32_t seg;     /**< the segment of d */
        uint32_t bytes;   /**< size of the data section */
        uint16_t ptrs;    /**< number of pointers */
        uint16_t depth;   /**< how much deeper a reader of a received message may go */
} capnp_reader;

/** A list being read. A zeroed one is empty. */
typedef struct {
        capnp_msg *m;     /**< where it lives, also when it is empty; NULL for a constant */
        const uint8_t *d; /**< its first element */
        uint32_t seg;     /**< the segment of d */
        uint32_t len;     /**< elements */
        uint32_t step;    /**< bits from one element to the next */
        uint32_t bytes;   /**< data bytes of an element seen as a struct */
        uint16_t ptrs;    /**< pointers of an element seen as a struct */
        uint16_t depth;   /**< how much deeper a reader of a received message may go */
        uint8_t size;     /**< enum capnp_size, as encoded */
} capnp_list;

/** A pointer slot being read: an AnyPointer. A zeroed one is null. */
typedef struct {
        capnp_msg *m;      /**< where it lives, also without a slot; NULL for a constant */
        const uint64_t *p; /**< the slot; NULL reads as a null pointer */
        uint32_t seg;      /**< the segment of p */
        uint16_t depth;    /**< how much deeper a reader of a received message may go */
} capnp_any;

/** A struct being built. Setters on a zeroed one do nothing. */
typedef struct {
        capnp_msg *m;   /**< where it lives */
        uint8_t *d;     /**< its data section; the pointers follow it */
        uint32_t seg;   /**< the segment of d */
        uint32_t bytes; /**< size of the data section */
        uint16_t ptrs;  /**< number of pointers */
} capnp_builder;

/** A list being built. Setters on a zeroed one do nothing. */
typedef struct {
        capnp_msg *m;   /**< where it lives */
        uint8_t *d;     /**< its first element */
        uint32_t seg;   /**< the segment of d */
        uint32_t len;   /**< elements */
        uint32_t step;  /**< bits from one element to the next */
        uint32_t bytes; /**< data bytes of an element seen as a struct */
        uint16_t ptrs;  /**< pointers of an element seen as a struct */
        uint8_t size;   /**< enum capnp_size */
} capnp_lbuilder;

/** A pointer slot being built. Setters on a zeroed one do nothing. */
typedef struct {
        capnp_msg *m; /**< where it lives */
        uint64_t *p;  /**< the slot */
        uint32_t seg; /**< the segment of p */
} capnp_abuilder;

/* ---- messages ----------------------------------------------------------------------------- */

/**
 * Makes an empty message to build in.
 *
 * @param ret_m  the message; the caller frees it with capnp_msg_free()
 * @return       0; -ENOMEM. One allocation of about 1 KiB.
 */
CAPNP_PUBLIC int capnp_msg_new(capnp_msg **ret_m) CAPNP_MUST_USE;

/**
 * Reads the segment table of a serialized message (stream framing). The bytes are borrowed and
 * must outlive the message; they need 8-byte alignment. Content is checked while it is read.
 *
 * @param b      the bytes; may be NULL when len is 0
 * @param len    how many; bytes after the message's end are ignored
 * @param l      limits, or NULL for the defaults
 * @param ret_m  the message; the caller frees it with capnp_msg_free()
 * @return       0; CAPNP_E_SHORT: the input ends inside the message; CAPNP_E_LIMIT: too many
 *               segments or too large; -EINVAL: b is not aligned, which is the caller's fault;
 *               -ENOMEM
 */
CAPNP_PUBLIC int capnp_msg_parse(const void *b, size_t len, const struct capnp_limits *l,
                                 capnp_msg **ret_m) CAPNP_MUST_USE;

/**
 * Says how long the message at the front of a stream is: the next one begins behind it. Only its
 * segment table is read, and nothing is allocated.
 *
 * @param b        the bytes, of any alignment; may be NULL when len is 0
 * @param len      how many there are so far
 * @param l        limits, or NULL for the defaults
 * @param ret_len  the message's bytes, more than len when its end has not come yet; after
 *                 CAPNP_E_SHORT how many bytes must be there to say more
 * @return         0; CAPNP_E_SHORT: the input ends inside the segment table; CAPNP_E_LIMIT: too
 *                 many segments or too large
 */
CAPNP_PUBLIC int capnp_msg_measure(const void *b, size_t len, const struct capnp_limits *l,
                                   size_t *ret_len) CAPNP_MUST_USE;

/**
 * Frees a message and drops the capabilities in it. Every view into it ends here.
 *
 * @param m  the message, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_msg *capnp_msg_free(capnp_msg *m);

/**
 * Empties a message to build the next one in it: for a program that builds many. Its largest block
 * of memory is kept, so that the next message of that size takes none and lies in one segment.
 * Every view into it ends here, capabilities are dropped and a mark is forgotten.
 *
 * @param m  a message made by capnp_msg_new(); nothing happens to another
 */
CAPNP_PUBLIC void capnp_msg_clear(capnp_msg *m);

/**
 * capnp_msg_free() for CAPNP_AUTO.
 *
 * @param m  the variable; set to NULL
 */
static inline void capnp_msg_freep(capnp_msg **m)
{
        *m = capnp_msg_free(*m);
}

/**
 * Asks once what every accessor so far left behind.
 *
 * @param m  the message
 * @return   0; CAPNP_E_POISON: the bytes are wrong (out of bounds, wrong type, a text without NUL);
 *           CAPNP_E_LIMIT: nesting or traversal limit, or a value too large for a message;
 *           -ENOMEM: a setter found no memory. Also the mark of a message that was copied from.
 */
CAPNP_PUBLIC int capnp_msg_check(const capnp_msg *m) CAPNP_MUST_USE;

/**
 * The root pointer, for reading.
 *
 * @param m  the message
 * @return   the slot; a null pointer for an empty message
 */
CAPNP_PUBLIC capnp_any capnp_msg_root(capnp_msg *m);

/**
 * The root pointer, for building. The first call makes it.
 *
 * @param m  a message from capnp_msg_new()
 * @return   the slot; zeroed when there is no memory
 */
CAPNP_PUBLIC capnp_abuilder capnp_msg_build(capnp_msg *m);

/**
 * The size of the message on a stream: segment table and segments. Of a received message that is
 * what capnp_msg_parse() has consumed.
 *
 * @param m  the message
 * @return   bytes, a multiple of 8; an empty message to build in counts its null root pointer
 */
CAPNP_PUBLIC size_t capnp_msg_size(const capnp_msg *m);

/**
 * Writes the message as it goes on a stream: segment table, then segments.
 *
 * @param m    the message
 * @param b    where to; must have room for capnp_msg_size() bytes
 * @param len  the room in bytes
 * @return     0; CAPNP_E_LIMIT: not enough room, nothing was written
 */
CAPNP_PUBLIC int capnp_msg_write(const capnp_msg *m, void *b, size_t len) CAPNP_MUST_USE;

/**
 * The capability at an index of the message's capability table.
 *
 * @param m  the message
 * @param i  the index a capability pointer holds
 * @return   borrowed until the message is freed; NULL when there is none
 */
CAPNP_PUBLIC capnp_cap *capnp_msg_cap_peek(const capnp_msg *m, uint32_t i);

/* ---- packing ------------------------------------------------------------------------------ */

/**
 * Packs words (encoding specification, packing).
 *
 * @param in       the bytes, a multiple of 8
 * @param len      how many
 * @param out      where to, or NULL to measure only
 * @param room     bytes at out
 * @param ret_len  bytes of the packed form
 * @return         0; CAPNP_E_LIMIT: room is too small; CAPNP_E_POISON: len is no multiple of 8
 */
CAPNP_PUBLIC int capnp_pack(const void *in, size_t len, void *out, size_t room,
                            size_t *ret_len) CAPNP_MUST_USE;

/**
 * Unpacks words. Foreign bytes are expected: every count is checked. The unpacked form can be 1,024
 * times as long as the packed one, so whoever measures foreign bytes to allocate room for them
 * gives a bound.
 *
 * @param in       packed bytes
 * @param len      how many
 * @param out      where to, or NULL to measure only
 * @param room     bytes at out; when measuring, the most bytes that are accepted, 0 for any number
 * @param ret_len  bytes of the unpacked form
 * @return         0; CAPNP_E_SHORT: the input ends inside a word or a run; CAPNP_E_LIMIT: it has
 *                 more than room bytes
 */
CAPNP_PUBLIC int capnp_unpack(const void *in, size_t len, void *out, size_t room,
                              size_t *ret_len) CAPNP_MUST_USE;

/* ---- reading: pointers -------------------------------------------------------------------- */

/**
 * @cond internal
 *
 * A struct of two pairs of words. Handed to a function it is copied a pair at a time, and a
 * processor waits (a dozen cycles) when it loads as one what it has just stored in parts. So the
 * two views that are handed around most are stored a pair at a time, too.
 */
typedef uint64_t capnp_i_pair __attribute__((vector_size(16)));

static inline capnp_reader capnp_i_reader(capnp_msg *m, const uint8_t *d, uint32_t seg,
                                          uint32_t bytes, uint16_t ptrs, uint16_t depth)
{
        capnp_i_pair v[2] = {{(uintptr_t)m, (uintptr_t)d},
                             {seg | (uint64_t)bytes << 32, ptrs | (uint64_t)depth << 16}};
        capnp_reader r;

        memcpy(&r, v, sizeof(r));
        return r;
}

static inline capnp_builder capnp_i_builder(capnp_msg *m, uint8_t *d, uint32_t seg, uint32_t bytes,
                                            uint16_t ptrs)
{
        capnp_i_pair v[2] = {{(uintptr_t)m, (uintptr_t)d}, {seg | (uint64_t)bytes << 32, ptrs}};
        capnp_builder b;

        memcpy(&b, v, sizeof(b));
        return b;
}

/* A member of a union that is not there: as a bad slot, it names its message. */
static inline capnp_reader capnp_i_none(capnp_reader r)
{
        return capnp_i_reader(r.m, NULL, 0, 0, 0, 0);
}

/* The parts of a slot one by one, because arguments are fastest in registers. */
CAPNP_PUBLIC capnp_text capnp_i_text(capnp_msg *m, const uint64_t *p, uint32_t seg);
CAPNP_PUBLIC capnp_data capnp_i_data(capnp_msg *m, const uint64_t *p, uint32_t seg,
                                     capnp_data dflt);
CAPNP_PUBLIC capnp_reader capnp_i_struct(capnp_msg *m, const uint64_t *p, uint32_t seg,
                                         uint16_t depth, const uint64_t *dflt);
CAPNP_PUBLIC capnp_list capnp_i_list(capnp_msg *m, const uint64_t *p, uint32_t seg, uint16_t depth,
                                     enum capnp_size size, const uint64_t *dflt);
CAPNP_PUBLIC capnp_builder capnp_i_init_struct(capnp_msg *m, uint64_t *p, uint32_t seg,
                                               uint16_t words, uint16_t ptrs);
/* Where there are a slot and bytes; to a text a NUL is added. */
CAPNP_PUBLIC void capnp_i_set_text(capnp_msg *m, uint64_t *p, uint64_t seg, const char *from,
                                   uint64_t len);
CAPNP_PUBLIC void capnp_i_set_data(capnp_msg *m, uint64_t *p, uint64_t seg, const uint8_t *from,
                                   uint64_t len);
/** @endcond */

/**
 * A pointer slot of a struct.
 *
 * @param r  the struct
 * @param i  which pointer; one that the struct does not have reads as null
 * @return   the slot
 */
static inline capnp_any capnp_reader_any(capnp_reader r, uint16_t i)
{
        if (i >= r.ptrs)
                return CAPNP_NEW(capnp_any, r.m, NULL, 0, 0);

        return CAPNP_NEW(capnp_any, r.m, (const uint64_t *)(const void *)(r.d + r.bytes) + i, r.seg,
                         r.depth);
}

/**
 * What a slot holds, without following it further than its landing pads.
 *
 * @param a  the slot
 * @return   one of enum capnp_what
 */
CAPNP_PUBLIC enum capnp_what capnp_any_what(capnp_any a);

/**
 * The struct a slot points to.
 *
 * @param a     the slot
 * @param dflt  a constant message (root pointer first) for a null pointer, or NULL for all defaults
 * @return      the struct; all defaults when the slot is null or bad
 */
static inline capnp_reader capnp_any_struct(capnp_any a, const uint64_t *dflt)
{
        return capnp_i_struct(a.m, a.p, a.seg, a.depth, dflt);
}

/**
 * The list a slot points to, with elements of at least the expected size (upgrade rules of the
 * encoding specification: a list of structs may stand where a primitive or pointer list is
 * expected and the other way round; a list of booleans is only that). Any list can be read as one
 * of CAPNP_SIZE_VOID: so code without a schema finds what is there, in the list's size.
 *
 * @param a     the slot
 * @param size  what the schema says
 * @param dflt  a constant message for a null pointer, or NULL for the empty list
 * @return      the list; empty when the slot is null or bad
 */
static inline capnp_list capnp_any_list(capnp_any a, enum capnp_size size, const uint64_t *dflt)
{
        return capnp_i_list(a.m, a.p, a.seg, a.depth, size, dflt);
}

/** @cond internal: the text in a slot, empty when it is null */
static inline capnp_text capnp_i_string(capnp_any a)
{
        return a.p ? capnp_i_text(a.m, a.p, a.seg) : CAPNP_NEW(capnp_text, "", 0);
}
/** @endcond */

/**
 * The text a slot points to.
 *
 * @param a     the slot
 * @param dflt  for a null pointer; a zeroed one means the empty text
 * @return      borrowed from the message, NUL-terminated; "" when bad
 */
static inline capnp_text capnp_any_text(capnp_any a, capnp_text dflt)
{
        uint64_t w = 0;

        if (a.p && dflt.p)
                memcpy(&w, a.p, sizeof(w));
        if (dflt.p && !w)
                return dflt;

        return capnp_i_string(a);
}

/**
 * The bytes a slot points to.
 *
 * @param a     the slot
 * @param dflt  for a null pointer; a zeroed one means no bytes
 * @return      borrowed from the message; empty when bad
 */
static inline capnp_data capnp_any_data(capnp_any a, capnp_data dflt)
{
        return capnp_i_data(a.m, a.p, a.seg, dflt);
}

/**
 * The capability a slot holds.
 *
 * @param a  the slot
 * @return   borrowed until the message is freed; NULL for a null pointer; a broken capability when
 *           the index is not in the table
 */
CAPNP_PUBLIC capnp_cap *capnp_any_cap_peek(capnp_any a);

/**
 * The size of what a slot points to, in words, capabilities counted apart (a deep walk).
 *
 * @param a         the slot
 * @param ret_caps  how many capability pointers there are; may be NULL
 * @return          words, landing pads not counted; UINT64_MAX: no memory to go on
 */
CAPNP_PUBLIC uint64_t capnp_any_words(capnp_any a, uint32_t *ret_caps);

/**
 * One element of a list, as a struct.
 *
 * @param l  the list
 * @param i  the index; one past the end reads as all defaults
 * @return   the struct
 */
static inline capnp_reader capnp_list_struct(capnp_list l, uint32_t i)
{
        if (i >= l.len)
                return capnp_i_reader(l.m, NULL, 0, 0, 0, 0);

        return capnp_i_reader(l.m, l.d + (uint64_t)i * (l.step / 8), l.seg, l.bytes, l.ptrs,
                              l.depth);
}

/**
 * One element of a list of pointers, as a slot.
 *
 * @param l  the list
 * @param i  the index; one past the end reads as null
 * @return   the slot
 */
static inline capnp_any capnp_list_any(capnp_list l, uint32_t i)
{
        if (i >= l.len || !l.ptrs)
                return CAPNP_NEW(capnp_any, l.m, NULL, 0, 0);

        return CAPNP_NEW(
                capnp_any, l.m,
                (const uint64_t *)(const void *)(l.d + (uint64_t)i * (l.step / 8) + l.bytes), l.seg,
                l.depth);
}

/* ---- reading: data ------------------------------------------------------------------------ */

/**
 * @cond internal
 *
 * One checked load for every width. `least` is the size of the data section by the type whose field
 * it is (not less than off and the width): nearly every struct has that much, so a program that
 * reads one field after the other compares once. One of an older schema is asked field by field.
 */
static inline bool capnp_i_fits(uint32_t bytes, uint32_t off, uint32_t size)
{
        return (uint64_t)off + size <= bytes;
}

#define CAPNP_I_READ(name, type, bits)                                                      \
        static inline type capnp_i_load_##name(const uint8_t *p, type dflt)                 \
        {                                                                                   \
                bits v, x;                                                                  \
                type t;                                                                     \
                memcpy(&v, p, sizeof(v));                                                   \
                memcpy(&x, &dflt, sizeof(x));                                               \
                v = (bits)(v ^ x);                                                          \
                memcpy(&t, &v, sizeof(t));                                                  \
                return t;                                                                   \
        }                                                                                   \
        static inline type capnp_reader_##name(capnp_reader r, uint32_t off, type dflt)     \
        {                                                                                   \
                if (!capnp_i_fits(r.bytes, off, sizeof(type)))                              \
                        return dflt;                                                        \
                return capnp_i_load_##name(r.d + off, dflt);                                \
        }                                                                                   \
        static inline type capnp_i_get_##name(capnp_reader r, uint32_t least, uint32_t off, \
                                              type dflt)                                    \
        {                                                                                   \
                if (r.bytes < least)                                                        \
                        return capnp_reader_##name(r, off, dflt);                           \
                return capnp_i_load_##name(r.d + off, dflt);                                \
        }                                                                                   \
        static inline type capnp_list_##name(capnp_list l, uint32_t i)                      \
        {                                                                                   \
                type t = 0;                                                                 \
                if (i < l.len && l.bytes >= sizeof(t))                                      \
                        memcpy(&t, l.d + (uint64_t)i * l.step / 8, sizeof(t));              \
                return t;                                                                   \
        }
CAPNP_I_READ(u8, uint8_t, uint8_t)
CAPNP_I_READ(u16, uint16_t, uint16_t)
CAPNP_I_READ(u32, uint32_t, uint32_t)
CAPNP_I_READ(u64, uint64_t, uint64_t)
CAPNP_I_READ(i8, int8_t, uint8_t)
CAPNP_I_READ(i16, int16_t, uint16_t)
CAPNP_I_READ(i32, int32_t, uint32_t)
CAPNP_I_READ(i64, int64_t, uint64_t)
CAPNP_I_READ(f32, float, uint32_t)
CAPNP_I_READ(f64, double, uint64_t)
#undef CAPNP_I_READ
/** @endcond */

/**
 * One bit of a struct's data section.
 *
 * @param r     the struct
 * @param bit   its position; one that the struct does not have reads as the default
 * @param dflt  the schema's default
 * @return      the value
 */
static inline bool capnp_reader_bool(capnp_reader r, uint32_t bit, bool dflt)
{
        if (bit / 8 >= r.bytes)
                return dflt;

        return (((r.d[bit / 8] >> (bit % 8)) & 1) != 0) != dflt;
}

/** @cond internal */
static inline bool capnp_i_get_bool(capnp_reader r, uint32_t least, uint32_t bit, bool dflt)
{
        if (r.bytes < least)
                return capnp_reader_bool(r, bit, dflt);

        return (((r.d[bit / 8] >> (bit % 8)) & 1) != 0) != dflt;
}
/** @endcond */

/**
 * One element of a list of booleans.
 *
 * @param l  the list
 * @param i  the index; one past the end reads as false
 * @return   the value
 */
static inline bool capnp_list_bool(capnp_list l, uint32_t i)
{
        uint64_t bit = (uint64_t)i * l.step;

        return i < l.len && l.step && (l.d[bit / 8] >> (bit % 8) & 1);
}

/**
 * The text in a pointer of a struct: capnp_any_text() on capnp_reader_any(), default empty.
 *
 * @param r  the struct
 * @param i  which pointer
 * @return   borrowed from the message
 */
static inline capnp_text capnp_reader_text(capnp_reader r, uint16_t i)
{
        return capnp_i_string(capnp_reader_any(r, i));
}

/* ---- building: pointers ------------------------------------------------------------------- */

/**
 * A struct being built, for reading.
 *
 * @param b  the struct
 * @return   a view of the same bytes
 */
CAPNP_PUBLIC capnp_reader capnp_builder_reader(capnp_builder b);

/**
 * A list being built, for reading.
 *
 * @param l  the list
 * @return   a view of the same bytes
 */
CAPNP_PUBLIC capnp_list capnp_lbuilder_list(capnp_lbuilder l);

/**
 * A slot being built, for reading.
 *
 * @param a  the slot
 * @return   a view of the same slot
 */
CAPNP_PUBLIC capnp_any capnp_abuilder_any(capnp_abuilder a);

/**
 * A pointer slot of a struct being built.
 *
 * @param b  the struct
 * @param i  which pointer
 * @return   the slot; zeroed when the struct does not have it
 */
static inline capnp_abuilder capnp_builder_any(capnp_builder b, uint16_t i)
{
        if (i >= b.ptrs)
                return CAPNP_ZERO(capnp_abuilder);

        return CAPNP_NEW(capnp_abuilder, b.m, (uint64_t *)(void *)(b.d + b.bytes) + i, b.seg);
}

/** @cond internal: the same by a type, all of whose setters ask for all its pointers; i < least */
static inline capnp_abuilder capnp_i_slot(capnp_builder b, uint32_t least, uint32_t i)
{
        if (b.ptrs < least)
                return CAPNP_ZERO(capnp_abuilder);

        return CAPNP_NEW(capnp_abuilder, b.m, (uint64_t *)(void *)(b.d + b.bytes) + i, b.seg);
}
/** @endcond */

/**
 * One element of a list being built, as a struct.
 *
 * @param l  the list
 * @param i  the index
 * @return   the struct; zeroed past the end
 */
static inline capnp_builder capnp_lbuilder_struct(capnp_lbuilder l, uint32_t i)
{
        if (i >= l.len)
                return CAPNP_ZERO(capnp_builder);

        return capnp_i_builder(l.m, l.d + (uint64_t)i * (l.step / 8), l.seg, l.bytes, l.ptrs);
}

/**
 * One element of a list of pointers being built, as a slot.
 *
 * @param l  the list
 * @param i  the index
 * @return   the slot; zeroed past the end
 */
static inline capnp_abuilder capnp_lbuilder_any(capnp_lbuilder l, uint32_t i)
{
        if (i >= l.len || !l.ptrs)
                return CAPNP_ZERO(capnp_abuilder);

        return CAPNP_NEW(capnp_abuilder, l.m,
                         (uint64_t *)(void *)(l.d + (uint64_t)i * (l.step / 8) + l.bytes), l.seg);
}

/**
 * Empties a slot: it becomes a null pointer. What it pointed to is zeroed, with all that is below
 * it, however deep, and not reused; so is what any setter replaces.
 *
 * @param a  the slot
 */
CAPNP_PUBLIC void capnp_abuilder_clear(capnp_abuilder a);

/**
 * Puts a new, zeroed struct into a slot.
 *
 * @param a      the slot
 * @param words  size of its data section in words
 * @param ptrs   its pointers
 * @return       the struct; zeroed when there is no memory (the message is marked)
 */
static inline capnp_builder capnp_abuilder_init_struct(capnp_abuilder a, uint16_t words,
                                                       uint16_t ptrs)
{
        return capnp_i_init_struct(a.m, a.p, a.seg, words, ptrs);
}

/**
 * The struct a slot holds, grown when it is smaller than asked for, made when there is none.
 *
 * @param a      the slot
 * @param words  least size of its data section in words
 * @param ptrs   least number of pointers
 * @param dflt   a constant message to copy when the slot is null, or NULL for all defaults
 * @return       the struct; zeroed when there is no memory
 */
CAPNP_PUBLIC capnp_builder capnp_abuilder_struct(capnp_abuilder a, uint16_t words, uint16_t ptrs,
                                                 const uint64_t *dflt);

/**
 * Puts a new, zeroed list of primitives or pointers into a slot.
 *
 * @param a     the slot
 * @param size  element size, not CAPNP_SIZE_COMPOSITE
 * @param len   elements, below 2^29
 * @return      the list; zeroed when there is no memory
 */
CAPNP_PUBLIC capnp_lbuilder capnp_abuilder_init_list(capnp_abuilder a, enum capnp_size size,
                                                     uint32_t len);

/**
 * Puts a new, zeroed list of structs into a slot.
 *
 * @param a      the slot
 * @param len    elements
 * @param words  data words of each
 * @param ptrs   pointers of each
 * @return       the list; zeroed when there is no memory
 */
CAPNP_PUBLIC capnp_lbuilder capnp_abuilder_init_structs(capnp_abuilder a, uint32_t len,
                                                        uint16_t words, uint16_t ptrs);

/**
 * The list a slot holds, for changing it in place; a copy of the default when it is null.
 *
 * @param a      the slot
 * @param size   what the schema says
 * @param words  for CAPNP_SIZE_COMPOSITE, least data words of an element: smaller lists are grown
 * @param ptrs   likewise, pointers
 * @param dflt   a constant message, or NULL for the empty list
 * @return       the list; zeroed when null or when there is no memory
 */
CAPNP_PUBLIC capnp_lbuilder capnp_abuilder_list(capnp_abuilder a, enum capnp_size size,
                                                uint16_t words, uint16_t ptrs,
                                                const uint64_t *dflt);

/**
 * A C string as a text. One that is too long for any message stays so: nothing is cut.
 *
 * @param s  NUL-terminated, or NULL for no text
 * @return   the text, borrowed from s
 */
static inline capnp_text capnp_text_of(const char *s)
{
        size_t n = s ? strlen(s) : 0;

        return CAPNP_NEW(capnp_text, s, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
}

/**
 * Puts a copy of a text into a slot; a NUL is added. The text may be in the same message. 2^29 - 2
 * bytes are the most that fit; a longer text marks the message (CAPNP_E_LIMIT).
 *
 * @param a  the slot
 * @param t  the text; p NULL empties the slot
 */
static inline void capnp_abuilder_set_text(capnp_abuilder a, capnp_text t)
{
        if (!t.p)
                capnp_abuilder_clear(a);
        else if (a.p)
                capnp_i_set_text(a.m, a.p, a.seg, t.p, t.len);
}

/** @cond internal: the same of a C string */
static inline void capnp_i_set_string(capnp_abuilder a, const char *s)
{
        if (!s)
                capnp_abuilder_clear(a);
        else if (a.p)
                capnp_i_set_text(a.m, a.p, a.seg, s, strlen(s));
}
/** @endcond */

/**
 * Puts a copy of bytes into a slot.
 *
 * @param a  the slot
 * @param d  the bytes; p NULL empties the slot
 */
static inline void capnp_abuilder_set_data(capnp_abuilder a, capnp_data d)
{
        if (!d.p)
                capnp_abuilder_clear(a);
        else if (a.p)
                capnp_i_set_data(a.m, a.p, a.seg, d.p, d.len);
}

/**
 * Puts zeroed bytes into a slot, to be filled in.
 *
 * @param a    the slot
 * @param len  how many
 * @return     where they are; NULL when there is no memory or len is 0
 */
CAPNP_PUBLIC uint8_t *capnp_abuilder_init_data(capnp_abuilder a, uint32_t len);

/**
 * Puts a capability into a slot. The message takes a reference of its own.
 *
 * @param a    the slot
 * @param cap  the capability; NULL empties the slot
 */
CAPNP_PUBLIC void capnp_abuilder_set_cap(capnp_abuilder a, capnp_cap *cap);

/**
 * Puts a deep copy of what another slot holds into a slot; capabilities come along. When src's
 * message is marked afterwards, because of what was copied or of something else, the target is
 * marked, too.
 *
 * @param a    the slot
 * @param src  any slot, of this message or another
 */
CAPNP_PUBLIC void capnp_abuilder_set(capnp_abuilder a, capnp_any src);

/**
 * Puts a deep copy of a struct into a slot. A mark of its message is copied, too.
 *
 * @param a    the slot
 * @param src  the struct; an empty one becomes a struct of no fields
 */
CAPNP_PUBLIC void capnp_abuilder_set_struct(capnp_abuilder a, capnp_reader src);

/**
 * Puts a deep copy of a list into a slot. A mark of its message is copied, too.
 *
 * @param a    the slot
 * @param src  the list; one without a place (null, or bad) empties the slot
 */
CAPNP_PUBLIC void capnp_abuilder_set_list(capnp_abuilder a, capnp_list src);

/**
 * Copies one struct over another, in place; what does not fit the target is left out. The source
 * may be below the target or above it: all is copied before anything is replaced. A mark of its
 * message is copied, too.
 *
 * @param b    the target
 * @param src  the source
 */
CAPNP_PUBLIC void capnp_builder_copy(capnp_builder b, capnp_reader src);

/* ---- building: data ----------------------------------------------------------------------- */

/**
 * @cond internal
 *
 * One checked store for every width. A struct of generated code is as large as its type, or there
 * is none: `least`, the bytes of the type's data section, is the same in all setters of a type, so
 * that a program that calls one after the other compares once. It is not less than off and the
 * width.
 */
#define CAPNP_I_WRITE(name, type, bits)                                                      \
        static inline void capnp_i_put_##name(capnp_builder b, uint32_t least, uint32_t off, \
                                              type v, type dflt)                             \
        {                                                                                    \
                bits x, y;                                                                   \
                memcpy(&x, &v, sizeof(x));                                                   \
                memcpy(&y, &dflt, sizeof(y));                                                \
                x = (bits)(x ^ y);                                                           \
                if (b.bytes >= least)                                                        \
                        memcpy(b.d + off, &x, sizeof(x));                                    \
        }                                                                                    \
        static inline void capnp_builder_set_##name(capnp_builder b, uint32_t off, type v,   \
                                                    type dflt)                               \
        {                                                                                    \
                if (capnp_i_fits(b.bytes, off, sizeof(v)))                                   \
                        capnp_i_put_##name(b, 0, off, v, dflt);                              \
        }                                                                                    \
        static inline void capnp_lbuilder_set_##name(capnp_lbuilder l, uint32_t i, type v)   \
        {                                                                                    \
                if (i < l.len && l.bytes >= sizeof(v))                                       \
                        memcpy(l.d + (uint64_t)i * l.step / 8, &v, sizeof(v));               \
        }
CAPNP_I_WRITE(u8, uint8_t, uint8_t)
CAPNP_I_WRITE(u16, uint16_t, uint16_t)
CAPNP_I_WRITE(u32, uint32_t, uint32_t)
CAPNP_I_WRITE(u64, uint64_t, uint64_t)
CAPNP_I_WRITE(i8, int8_t, uint8_t)
CAPNP_I_WRITE(i16, int16_t, uint16_t)
CAPNP_I_WRITE(i32, int32_t, uint32_t)
CAPNP_I_WRITE(i64, int64_t, uint64_t)
CAPNP_I_WRITE(f32, float, uint32_t)
CAPNP_I_WRITE(f64, double, uint64_t)
#undef CAPNP_I_WRITE

static inline void capnp_i_put_bool(capnp_builder b, uint32_t least, uint32_t bit, bool v,
                                    bool dflt)
{
        uint8_t mask = (uint8_t)(1u << (bit % 8));

        if (b.bytes >= least)
                b.d[bit / 8] = (uint8_t)((b.d[bit / 8] & ~mask) | (v != dflt ? mask : 0));
}
/** @endcond */

/**
 * Sets one bit of a struct's data section.
 *
 * @param b     the struct
 * @param bit   its position
 * @param v     the value
 * @param dflt  the schema's default
 */
static inline void capnp_builder_set_bool(capnp_builder b, uint32_t bit, bool v, bool dflt)
{
        if (bit / 8 < b.bytes)
                capnp_i_put_bool(b, 0, bit, v, dflt);
}

/**
 * Sets one element of a list of booleans.
 *
 * @param l  the list
 * @param i  the index
 * @param v  the value
 */
static inline void capnp_lbuilder_set_bool(capnp_lbuilder l, uint32_t i, bool v)
{
        uint64_t bit = (uint64_t)i * l.step;
        uint8_t mask = (uint8_t)(1u << (bit % 8));

        if (i >= l.len || !l.step)
                return;

        l.d[bit / 8] = (uint8_t)(v ? l.d[bit / 8] | mask : l.d[bit / 8] & ~mask);
}

/**
 * Puts a text into a pointer of a struct: capnp_abuilder_set_text() on capnp_builder_any().
 *
 * @param b  the struct
 * @param i  which pointer
 * @param s  NUL-terminated, or NULL to empty it
 */
static inline void capnp_builder_set_text(capnp_builder b, uint16_t i, const char *s)
{
        capnp_i_set_string(capnp_builder_any(b, i), s);
}

#ifdef __cplusplus
}
#endif

#endif
