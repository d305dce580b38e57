/*
 * One walk over a struct by its table, and what is done at its leaves: measured, texts checked,
 * rules checked. Copying is a walk of its own, because it writes.
 *
 * A message may use one text a thousand times, so its length says nothing about what it comes to.
 * What is measured is therefore the copy: whoever walks a second time knows that the first was
 * short. What the table does not name, fields of a newer contract for one, is in no copy.
 *
 * A copy is one block in the encoding of a message of one segment, written as a constant of
 * generated code is, so the accessors read it without checks that could fail.
 */
#include "ui-shape.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 16, PATH_BYTES = 96 };

struct walk;

/* What to do where; NULL: nothing. Each returns 0 or what ends the walk. */
struct walk_ops {
        int (*structure)(struct walk *w, const struct ui_shape *s, capnp_reader r);
        int (*text)(struct walk *w, const struct ui_field *f, capnp_text t);
        int (*list)(struct walk *w, const struct ui_field *f, uint32_t len);
        int (*number)(struct walk *w, const struct ui_field *f, double x);
        int (*value)(struct walk *w, const struct ui_field *f, uint16_t v); /* of an enum */
};

struct walk {
        const struct walk_ops *ops;
        uint64_t words, most;
        uint16_t but; /* a pointer of the outermost struct that is left out */
        enum ui_refusal code;
        struct ui_refused *why;
        struct {
                const char *name;
                uint32_t i; /* UINT32_MAX: no list */
        } path[DEPTH];
        unsigned depth;
};

static int walk_struct(struct walk *w, const struct ui_shape *s, capnp_reader r);

/* Structs that are no structs: a list of bytes may be read as one of structs, each with a part of a
 * word. No field of ours was ever so small a list; so the part is none, wherever it is looked at.
 */
static capnp_reader whole_words(capnp_reader r)
{
        r.bytes &= ~UINT32_C(7);
        return r;
}

static bool field_is_there(const struct ui_shape *s, const struct ui_field *f, capnp_reader r)
{
        return !f->member || capnp_reader_u16(r, s->tag, 0) == f->member - 1;
}

static bool field_is_at(const struct ui_field *f, uint16_t pointer)
{
        return f->type < UI_FIELD_DOUBLE && f->slot == pointer;
}

static enum capnp_size list_size(const struct ui_field *f)
{
        switch (f->type) {
        case UI_FIELD_TEXTS:
                return CAPNP_SIZE_POINTER;
        case UI_FIELD_DOUBLES:
                return CAPNP_SIZE_EIGHT;
        case UI_FIELD_FLOATS:
                return CAPNP_SIZE_FOUR;
        case UI_FIELD_BYTES:
                return CAPNP_SIZE_BYTE;
        default:
                return CAPNP_SIZE_COMPOSITE;
        }
}

static int walk_element(struct walk *w, const struct ui_field *f, capnp_list l, uint32_t i)
{
        const struct walk_ops *o = w->ops;

        switch (f->type) {
        case UI_FIELD_TEXTS:
                return o->text ? o->text(w, f,
                                         capnp_any_text(capnp_list_any(l, i),
                                                        CAPNP_ZERO(capnp_text)))
                               : 0;
        case UI_FIELD_DOUBLES:
                return o->number(w, f, capnp_list_f64(l, i));
        case UI_FIELD_FLOATS:
                return o->number(w, f, (double)capnp_list_f32(l, i));
        default:
                return walk_struct(w, f->shape, whole_words(capnp_list_struct(l, i)));
        }
}

static int walk_list(struct walk *w, const struct ui_field *f, capnp_any a)
{
        capnp_list l = capnp_any_list(a, list_size(f), NULL);
        bool numbers = f->type == UI_FIELD_DOUBLES || f->type == UI_FIELD_FLOATS;
        int r = w->ops->list ? w->ops->list(w, f, l.len) : 0;

        if (r || f->type == UI_FIELD_BYTES || (numbers && !w->ops->number))
                return r;

        for (uint32_t i = 0; i < l.len; i++) {
                w->path[w->depth - 1].i = i;
                r = walk_element(w, f, l, i);
                if (r)
                        return r;
        }
        return 0;
}

static int walk_field(struct walk *w, const struct ui_field *f, capnp_reader r)
{
        const struct walk_ops *o = w->ops;

        switch (f->type) {
        case UI_FIELD_TEXT:
                return o->text ? o->text(w, f, capnp_reader_text(r, f->slot)) : 0;
        case UI_FIELD_STRUCT:
                return walk_struct(w, f->shape,
                                   capnp_any_struct(capnp_reader_any(r, f->slot), NULL));
        case UI_FIELD_DOUBLE: {
                double dflt;

                memcpy(&dflt, &f->dflt, sizeof(dflt));
                return o->number ? o->number(w, f, capnp_reader_f64(r, f->slot, dflt)) : 0;
        }
        case UI_FIELD_FLOAT:
                return o->number ? o->number(w, f, (double)capnp_reader_f32(r, f->slot, 0)) : 0;
        case UI_FIELD_ENUM:
        case UI_FIELD_ENUM_ONLY:
                return o->value ? o->value(w, f, capnp_reader_u16(r, f->slot, 0)) : 0;
        case UI_FIELD_PLAIN:
                return 0;
        default:
                return walk_list(w, f, capnp_reader_any(r, f->slot));
        }
}

static int walk_struct(struct walk *w, const struct ui_shape *s, capnp_reader r)
{
        enum ui_refusal code = w->code;
        int e = w->ops->structure ? w->ops->structure(w, s, r) : 0;

        if (s->code)
                w->code = s->code;
        assert(w->depth < DEPTH);
        w->depth++;
        for (unsigned i = 0; !e && i < s->nfields; i++) {
                const struct ui_field *f = &s->fields[i];

                if (!field_is_there(s, f, r) || (w->depth == 1 && field_is_at(f, w->but)))
                        continue;
                w->path[w->depth - 1].name = f->name;
                w->path[w->depth - 1].i = UINT32_MAX;
                e = walk_field(w, f, r);
        }
        w->depth--;
        if (!e)
                w->code = code;
        return e;
}

/* `rows[3].cells[0].text: what` as a refusal. */
static int walk_refuse(struct walk *w, enum ui_refusal code, const char *what)
{
        char path[PATH_BYTES];
        size_t at = 0;

        path[0] = '\0';
        for (unsigned i = 0; i < w->depth && at < sizeof(path); i++) {
                uint32_t place = w->path[i].i;
                int n;

                n = place == UINT32_MAX ? snprintf(path + at, sizeof(path) - at, "%s%s",
                                                   i ? "." : "", w->path[i].name)
                                        : snprintf(path + at, sizeof(path) - at, "%s%s[%u]",
                                                   i ? "." : "", w->path[i].name, place);
                at += n > 0 ? (size_t)n : 0;
        }
        return ui_refuse(w->why, code, "%s: %s", path, what);
}

/* ---- measuring ---- */

static int more(struct walk *w, uint64_t words)
{
        w->words += words;
        return w->words > w->most ? CAPNP_E_LIMIT : 0;
}

static uint64_t text_words(capnp_text t)
{
        return t.len ? ((uint64_t)t.len + 1 + 7) / 8 : 0;
}

static uint64_t list_words(const struct ui_field *f, uint32_t len)
{
        switch (f->type) {
        case UI_FIELD_BYTES:
                return ((uint64_t)len + 7) / 8;
        case UI_FIELD_FLOATS:
                return ((uint64_t)len * 4 + 7) / 8;
        case UI_FIELD_STRUCTS:
                return len ? 1 : 0; /* the tag; the structs add themselves */
        default:
                return len;
        }
}

static int measure_text(struct walk *w, const struct ui_field *f, capnp_text t)
{
        (void)f;
        return more(w, text_words(t));
}

static int measure_list(struct walk *w, const struct ui_field *f, uint32_t len)
{
        return more(w, list_words(f, len));
}

/* A struct that is not there is measured, too: so a chain of them costs, whatever it is made of. */
static int measure_structure(struct walk *w, const struct ui_shape *s, capnp_reader r)
{
        (void)r;
        return more(w, (uint64_t)s->words + s->ptrs);
}

static const struct walk_ops measuring = {
        .structure = measure_structure, .text = measure_text, .list = measure_list};

static int measure(const struct ui_shape *s, capnp_reader r, uint16_t but, uint64_t most,
                   uint64_t *ret_words)
{
        struct walk w = {.ops = &measuring, .words = 1, .most = most, .but = but};
        int e = walk_struct(&w, s, r);

        *ret_words = w.words;
        return e;
}

int ui_shape_measure(const struct ui_shape *s, capnp_reader r, uint64_t most, uint64_t *ret_bytes)
{
        uint64_t words;
        int e = measure(s, r, UINT16_MAX, most / 8, &words);

        if (!e)
                *ret_bytes = words * 8;
        return e;
}

/* ---- texts ---- */

static int check_text(struct walk *w, const struct ui_field *f, capnp_text t)
{
        const char *wrong = ui_text_wrong((enum ui_text_place)f->place, t);

        return wrong ? walk_refuse(w, UI_REFUSAL_TEXT, wrong) : 0;
}

static const struct walk_ops texts = {.text = check_text};

int ui_shape_texts(const struct ui_shape *s, capnp_reader r, struct ui_refused *ret_why)
{
        struct walk w = {.ops = &texts, .but = UINT16_MAX, .why = ret_why};

        return walk_struct(&w, s, r);
}

/* ---- rules ---- */

static int check_list(struct walk *w, const struct ui_field *f, uint32_t len)
{
        return len > f->most ? walk_refuse(w, w->code, "too many") : 0;
}

static int check_number(struct walk *w, const struct ui_field *f, double x)
{
        if (isnan(x))
                return f->place == UI_NUMBERS_GAPS ? 0 : walk_refuse(w, w->code, "not a number");
        if (isinf(x) && f->place != UI_NUMBERS_INFINITE)
                return walk_refuse(w, w->code, "infinite");
        if (f->place == UI_NUMBERS_FRACTION && x > 1)
                return walk_refuse(w, w->code, "a fraction above 1");
        return 0;
}

static int check_value(struct walk *w, const struct ui_field *f, uint16_t v)
{
        return f->type == UI_FIELD_ENUM_ONLY && v >= f->most ? walk_refuse(w, w->code, "unknown")
                                                             : 0;
}

static int check_structure(struct walk *w, const struct ui_shape *s, capnp_reader r)
{
        return s->tags && capnp_reader_u16(r, s->tag, 0) >= s->tags
                       ? walk_refuse(w, s->code ? s->code : w->code, "unknown")
                       : 0;
}

static const struct walk_ops rules = {.structure = check_structure,
                                      .list = check_list,
                                      .number = check_number,
                                      .value = check_value};

int ui_shape_rules(const struct ui_shape *s, capnp_reader r, struct ui_refused *ret_why)
{
        struct walk w = {
                .ops = &rules, .but = UINT16_MAX, .code = UI_REFUSAL_MODEL, .why = ret_why};

        return walk_struct(&w, s, r);
}

/* ---- copying ---- */

struct copy {
        uint64_t *w;
        uint32_t at, room; /* words */
};

/* Encoding specification, pointers: kind, distance, and two sizes. */
enum { POINTER_STRUCT = 0, POINTER_LIST = 1 };

static uint64_t pointer(unsigned kind, uint32_t from, uint32_t to, uint64_t high)
{
        return kind | (uint64_t)(to - from - 1) << 2 | high << 32;
}

static uint64_t struct_sizes(const struct ui_shape *s)
{
        return s->words | (uint64_t)s->ptrs << 16;
}

/* Words that the measure has counted; those of a shorter second look stay zero. */
static uint32_t copy_take(struct copy *c, uint64_t words)
{
        uint32_t at = c->at;

        assert(words <= c->room - c->at);
        c->at += (uint32_t)words;
        return at;
}

static void copy_text(struct copy *c, uint32_t slot, capnp_text t)
{
        uint32_t at;

        if (!t.len)
                return;

        at = copy_take(c, text_words(t));
        memcpy(&c->w[at], t.p, t.len);
        c->w[slot] = pointer(POINTER_LIST, slot, at, CAPNP_SIZE_BYTE | ((uint64_t)t.len + 1) << 3);
}

static void copy_struct(struct copy *c, const struct ui_shape *s, capnp_reader r, uint32_t at,
                        uint16_t but);

static void copy_structs(struct copy *c, const struct ui_field *f, uint32_t slot, capnp_list l)
{
        uint32_t each = f->shape->words + (uint32_t)f->shape->ptrs;
        uint32_t at = copy_take(c, 1 + (uint64_t)l.len * each);

        c->w[slot] =
                pointer(POINTER_LIST, slot, at, CAPNP_SIZE_COMPOSITE | (uint64_t)l.len * each << 3);
        c->w[at] = (uint64_t)l.len << 2 | struct_sizes(f->shape) << 32;
        for (uint32_t i = 0; i < l.len; i++)
                copy_struct(c, f->shape, whole_words(capnp_list_struct(l, i)), at + 1 + i * each,
                            UINT16_MAX);
}

static void copy_list(struct copy *c, const struct ui_field *f, uint32_t slot, capnp_any a)
{
        enum capnp_size size = list_size(f);
        capnp_list l = capnp_any_list(a, size, NULL);
        uint32_t at;

        if (!l.len)
                return;
        if (size == CAPNP_SIZE_COMPOSITE) {
                copy_structs(c, f, slot, l);
                return;
        }

        at = copy_take(c, list_words(f, l.len));
        c->w[slot] = pointer(POINTER_LIST, slot, at, size | (uint64_t)l.len << 3);
        for (uint32_t i = 0; i < l.len; i++) {
                uint8_t *to = (uint8_t *)&c->w[at];
                double x = 0;
                float y = 0;

                if (f->type == UI_FIELD_TEXTS) {
                        copy_text(c, at + i,
                                  capnp_any_text(capnp_list_any(l, i), CAPNP_ZERO(capnp_text)));
                } else if (f->type == UI_FIELD_DOUBLES) {
                        x = capnp_list_f64(l, i);
                        memcpy(to + (size_t)i * sizeof(x), &x, sizeof(x));
                } else if (f->type == UI_FIELD_FLOATS) {
                        y = capnp_list_f32(l, i);
                        memcpy(to + (size_t)i * sizeof(y), &y, sizeof(y));
                } else {
                        to[i] = capnp_list_u8(l, i);
                }
        }
}

static void copy_field(struct copy *c, const struct ui_field *f, capnp_reader r, uint8_t *data,
                       uint32_t slot)
{
        const uint16_t none = 0;

        switch (f->type) {
        case UI_FIELD_TEXT:
                copy_text(c, slot, capnp_reader_text(r, f->slot));
                return;
        case UI_FIELD_STRUCT: {
                uint32_t at = copy_take(c, (uint64_t)f->shape->words + f->shape->ptrs);

                c->w[slot] = pointer(POINTER_STRUCT, slot, at, struct_sizes(f->shape));
                copy_struct(c, f->shape, capnp_any_struct(capnp_reader_any(r, f->slot), NULL), at,
                            UINT16_MAX);
                return;
        }
        case UI_FIELD_ENUM:
                if (capnp_reader_u16(r, f->slot, 0) >= f->most)
                        memcpy(data + f->slot, &none, sizeof(none));
                return;
        case UI_FIELD_DOUBLE:
        case UI_FIELD_FLOAT:
        case UI_FIELD_ENUM_ONLY:
        case UI_FIELD_PLAIN:
                return;
        default:
                copy_list(c, f, slot, capnp_reader_any(r, f->slot));
                return;
        }
}

static void copy_struct(struct copy *c, const struct ui_shape *s, capnp_reader r, uint32_t at,
                        uint16_t but)
{
        uint32_t bytes = s->words * UINT32_C(8);
        uint8_t *data = (uint8_t *)&c->w[at];

        if (r.d)
                memcpy(data, r.d, r.bytes < bytes ? r.bytes : bytes);
        for (unsigned i = 0; i < s->nfields; i++) {
                const struct ui_field *f = &s->fields[i];

                if (field_is_there(s, f, r) && !field_is_at(f, but))
                        copy_field(c, f, r, data, at + s->words + f->slot);
        }
}

int ui_block_new(const struct ui_shape *s, capnp_reader r, uint16_t but, struct ui_block **ret_b)
{
        struct copy c = {0};
        uint64_t words;
        struct ui_block *b;

        r = whole_words(r);
        if (measure(s, r, but, UINT32_MAX / 8, &words))
                return -ENOMEM;

        b = calloc(1, sizeof(*b) + words * 8);
        if (!b)
                return -ENOMEM;

        b->refs = 1;
        c.w = b->w;
        c.room = (uint32_t)words;
        c.at = 1 + s->words + (uint32_t)s->ptrs;
        b->w[0] = pointer(POINTER_STRUCT, 0, 1, struct_sizes(s));
        copy_struct(&c, s, r, 1, but);
        b->words = c.at;
        *ret_b = b;
        return 0;
}

capnp_reader ui_block_reader(const struct ui_block *b)
{
        return capnp_any_struct(CAPNP_NEW(capnp_any, NULL, b->w, 0, 64), NULL);
}

uint64_t ui_block_bytes(const struct ui_block *b)
{
        return sizeof(*b) + (uint64_t)b->words * 8;
}

struct ui_block *ui_block_ref(struct ui_block *b)
{
        b->refs++;
        return b;
}

struct ui_block *ui_block_unref(struct ui_block *b)
{
        if (b && !--b->refs)
                free(b);
        return NULL;
}
