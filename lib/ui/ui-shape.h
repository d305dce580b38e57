/*
 * What a struct of the contracts may hold, as a table: a row for each field that has a rule or a
 * pointer. All that is checked of a message and all that is kept of it goes by these tables, so
 * what they do not name is neither looked at nor kept.
 */
#ifndef CAPOS_UI_SHAPE_H
#define CAPOS_UI_SHAPE_H

#include "ui-text.h"

enum ui_field_type {
        /* Pointers; slot is which. */
        UI_FIELD_TEXT,    /* place: where it stands */
        UI_FIELD_TEXTS,   /* List(Text), at most `most` */
        UI_FIELD_STRUCT,  /* of a shape */
        UI_FIELD_STRUCTS, /* List(struct), at most `most` */
        UI_FIELD_DOUBLES, /* List(Float64), at most `most` */
        UI_FIELD_FLOATS,  /* List(Float32), at most `most` */
        UI_FIELD_BYTES,   /* List(UInt8) or Data, at most `most` */
        /* In the data section; slot is the offset in bytes. */
        UI_FIELD_DOUBLE,
        UI_FIELD_FLOAT,
        UI_FIELD_ENUM,      /* has `most` values; an unknown one is kept as 0 */
        UI_FIELD_ENUM_ONLY, /* has `most` values; an unknown one is refused */
        UI_FIELD_PLAIN,     /* an integer or a bool: any value (slot of a bool: its bit / 8) */
};

/* Which numbers. What has no infinity and no NaN is finite. */
enum ui_numbers { UI_NUMBERS_FINITE, UI_NUMBERS_INFINITE, UI_NUMBERS_GAPS, UI_NUMBERS_FRACTION };

struct ui_shape;

struct ui_field {
        const char *name; /* as in the schema */
        enum ui_field_type type;
        uint16_t slot;
        uint8_t place;  /* enum ui_text_place, or enum ui_numbers */
        uint8_t member; /* of the struct's union: its discriminant and 1; 0: it is always there */
        uint32_t most;
        uint64_t dflt; /* bits of a number's default */
        const struct ui_shape *shape;
};

struct ui_shape {
        uint64_t id; /* type id */
        uint16_t words, ptrs;
        uint16_t tag;         /* of a struct with a union: offset of the discriminant in bytes */
        uint16_t tags;        /* how many members it has; 0: there is no union */
        enum ui_refusal code; /* what a broken rule is refused as; NONE: as in what is around it */
        const struct ui_field *fields;
        unsigned nfields;
};

/* A row of a table each. */
#define UI_F_TEXT(n_, slot_, place_)                                              \
        {                                                                         \
                .name = n_, .type = UI_FIELD_TEXT, .slot = slot_, .place = place_ \
        }
#define UI_F_TEXTS(n_, slot_, place_, most_)                                                      \
        {                                                                                         \
                .name = n_, .type = UI_FIELD_TEXTS, .slot = slot_, .place = place_, .most = most_ \
        }
#define UI_F_STRUCT(n_, slot_, shape_)                                                 \
        {                                                                              \
                .name = n_, .type = UI_FIELD_STRUCT, .slot = slot_, .shape = &(shape_) \
        }
#define UI_F_STRUCTS(n_, slot_, shape_, most_)                                           \
        {                                                                                \
                .name = n_, .type = UI_FIELD_STRUCTS, .slot = slot_, .shape = &(shape_), \
                .most = most_                                                            \
        }
#define UI_F_NUMBERS(n_, type_, slot_, numbers_, most_)                                    \
        {                                                                                  \
                .name = n_, .type = type_, .slot = slot_, .place = numbers_, .most = most_ \
        }
#define UI_F_BYTES(n_, slot_, most_)                                             \
        {                                                                        \
                .name = n_, .type = UI_FIELD_BYTES, .slot = slot_, .most = most_ \
        }
#define UI_F_NUMBER(n_, type_, slot_, numbers_)                             \
        {                                                                   \
                .name = n_, .type = type_, .slot = slot_, .place = numbers_ \
        }
#define UI_F_ENUM(n_, slot_, last_)                                                   \
        {                                                                             \
                .name = n_, .type = UI_FIELD_ENUM, .slot = slot_, .most = (last_) + 1 \
        }
#define UI_F_ENUM_ONLY(n_, slot_, last_)                                                   \
        {                                                                                  \
                .name = n_, .type = UI_FIELD_ENUM_ONLY, .slot = slot_, .most = (last_) + 1 \
        }
#define UI_F_PLAIN(n_, offset_)                                     \
        {                                                           \
                .name = n_, .type = UI_FIELD_PLAIN, .slot = offset_ \
        }

#define UI_SHAPE_FIELDS(fields_) \
        .fields = (fields_), .nfields = sizeof(fields_) / sizeof((fields_)[0])

/* ---- what is kept ---- */

/* A struct of one's own, in one piece, that several models share and nobody changes. It is read by
 * the accessors of its type: `ui_item_title((ui_item_reader){ui_block_reader(b)})`. */
struct ui_block {
        uint32_t refs;
        uint32_t words;
        uint64_t made_ms; /* when it was accepted; set by who makes it */
        uint64_t w[];     /* a root pointer and what it points to */
};

/* Valid until the block's last reference is gone; never NULL inside, never marked. */
capnp_reader ui_block_reader(const struct ui_block *b);
/* What it costs, in bytes. */
uint64_t ui_block_bytes(const struct ui_block *b);
struct ui_block *ui_block_ref(struct ui_block *b);
struct ui_block *ui_block_unref(struct ui_block *b);

/* Copies what the shape names of r, without the pointer `but` (UINT16_MAX: with all). An unknown
 * value of an enum becomes 0. 0 or -ENOMEM. */
int ui_block_new(const struct ui_shape *s, capnp_reader r, uint16_t but,
                 struct ui_block **ret_b) CAPNP_MUST_USE;

/* ---- what is checked ---- */

/* How much a copy would take, in bytes. Reads the struct once, all of it that the shape names, but
 * stops when it is more than most: CAPNP_E_LIMIT. Else 0, and the caller asks capnp_msg_check(). */
int ui_shape_measure(const struct ui_shape *s, capnp_reader r, uint64_t most,
                     uint64_t *ret_bytes) CAPNP_MUST_USE;
/* Whether all texts are what their places allow. 0 or CAPNP_E_EXCEPTION. */
int ui_shape_texts(const struct ui_shape *s, capnp_reader r,
                   struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Whether lists are no longer than they may be, numbers are numbers and enums are known.
 * 0 or CAPNP_E_EXCEPTION. */
int ui_shape_rules(const struct ui_shape *s, capnp_reader r,
                   struct ui_refused *ret_why) CAPNP_MUST_USE;

#endif
