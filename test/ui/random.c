/*
 * Patches are made by the tables that judge them (ui-shape.h), so a field that is added is tried
 * without a word here. Most values are good ones, or hardly any patch would get anywhere: names
 * come from a short list, so keys meet; what goes together (cells and columns, a grid and its size)
 * mostly does. A part is spoilt on purpose, in its values or in its bytes.
 *
 * After each patch the pane is looked at from outside: its model is within all limits, it costs
 * what was reserved for it, nothing has changed if it was refused, and what is said to have changed
 * is what has.
 */
#include "random.h"
#include "ui-draw-text.h"
#include "ui-field.h"
#include "ui-kind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PANES = 6, TEXT_MOST = 4200, EPOCH = 5000 };

#define HOLD(cond_)                                                                             \
        do {                                                                                    \
                if (!(cond_)) {                                                                 \
                        (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
                                      #cond_);                                                  \
                        abort();                                                                \
                }                                                                               \
        } while (0)

/* ---- chance ---- */

static uint32_t next_number(struct source *s)
{
        uint32_t v = 0;

        if (!s->bytes) {
                s->state ^= s->state << 13;
                s->state ^= s->state >> 7;
                s->state ^= s->state << 17;
                return (uint32_t)(s->state >> 16);
        }
        for (unsigned i = 0; i < 2 && s->left; i++, s->left--)
                v = v << 8 | *s->p++;
        return v;
}

/* 0 to n - 1. */
static uint32_t below(struct source *s, uint32_t n)
{
        return next_number(s) % n;
}

/* Once in n. */
static bool rarely(struct source *s, uint32_t n)
{
        return below(s, n) == n - 1;
}

/* ---- the world ---- */

struct world {
        struct source *s;
        struct ui_sum sum;
        struct ui_ledger ledger;
        struct ui_pane *panes[PANES];
        struct ui_pane *pane; /* the patch is for */
        uint64_t now_ms;
        uint32_t names;    /* that keys and other words are taken from */
        uint32_t step_ms;  /* between two patches, at most */
        uint64_t sequence; /* of log lines */
        uint32_t columns;  /* of the table that is being made, or the one there is */
        uint32_t cells;    /* likewise of the map */
        uint32_t last_len; /* of the list made before */
        struct random_count *count;
};

static int take_command(void *arg, const struct ui_pane *p, command_reader c,
                        struct ui_refused *ret_why)
{
        (void)arg;
        (void)p;
        return command_effect(c) == COMMAND_EFFECT_LASTING
                       ? ui_refuse(ret_why, UI_REFUSAL_TARGET, "not this one")
                       : 0;
}

static const struct ui_patch_ops ops = {.command = take_command};

/* ---- making ---- */

static void make_struct(struct world *w, const struct ui_shape *s, capnp_builder b);

static const char *make_text(struct world *w, enum ui_text_place place)
{
        static char text[TEXT_MOST + 8];
        static const char *const odd[] = {
                "\x1b[2J",  "\xff",    "a\u202eb",   "e\u0301\u0301\u0301\u0301\u0301",
                "\u200b",   "\ufeff",  "\U000e0041", "two\nlines",
                "日本語",   "e\u0301", "",           "A B",
                "a.b.c.d.e"};
        uint32_t most = ui_text_most(place);

        if (rarely(w->s, 200))
                return odd[below(w->s, sizeof(odd) / sizeof(odd[0]))];
        if (rarely(w->s, 100) && place != UI_TEXT_GLYPH) {
                /* As long as it may be, or a byte longer. */
                uint32_t len = most + (rarely(w->s, 20) ? 1 : 0);

                memset(text, 'x', len);
                text[len] = '\0';
                return text;
        }
        if (place == UI_TEXT_GLYPH)
                (void)snprintf(text, sizeof(text), "%c", 'a' + (int)below(w->s, 26));
        else if (place == UI_TEXT_PARAGRAPH || place == UI_TEXT_MESSAGE)
                (void)snprintf(text, sizeof(text), "some words, %u of them", below(w->s, 1000));
        else if (place == UI_TEXT_REFERENCE && below(w->s, 2))
                text[0] = '\0';
        else
                (void)snprintf(text, sizeof(text), "k%u", below(w->s, w->names));
        return text;
}

static double make_number(struct world *w, const struct ui_field *f)
{
        static const double odd[] = {0, -0.0, 1e300, -1e300, 9007199254740993.0, 0.1, 5e-324};

        if (rarely(w->s, 300))
                return rarely(w->s, 2) ? (double)NAN : (double)INFINITY;
        if (f->place == UI_NUMBERS_FRACTION)
                return (double)below(w->s, 101) / 100 - (rarely(w->s, 5) ? 2 : 0);
        if (rarely(w->s, 4))
                return odd[below(w->s, sizeof(odd) / sizeof(odd[0]))];
        return (double)below(w->s, 1000) - 100;
}

static uint32_t make_len(struct world *w, const struct ui_shape *s, const struct ui_field *f)
{
        uint32_t len = below(w->s, 4);

        if (rarely(w->s, 60))
                len = below(w->s, f->most < 120 ? f->most + 2 : 120);
        if (s->id == UI_ROW_ID && !strcmp(f->name, "cells") && !rarely(w->s, 50))
                return w->columns;
        if (s->id == UI_TABLE_ID && !strcmp(f->name, "columns"))
                return w->columns = rarely(w->s, 100) ? 25 : 1 + below(w->s, 4);
        if (s->id == UI_MAP_ID && !strcmp(f->name, "cells") && !rarely(w->s, 50))
                return w->cells;
        if (s->id == UI_MAP_ID && !strcmp(f->name, "tiles"))
                return len + 1;
        if (s->id == UI_SERIES_ID && !strcmp(f->name, "y") && !rarely(w->s, 50))
                return w->last_len;
        return len;
}

static void make_list(struct world *w, const struct ui_shape *s, const struct ui_field *f,
                      capnp_builder b)
{
        capnp_abuilder slot = capnp_builder_any(b, f->slot);
        uint32_t len = make_len(w, s, f);
        capnp_lbuilder l;

        w->last_len = len;
        switch (f->type) {
        case UI_FIELD_TEXTS:
                l = capnp_abuilder_init_list(slot, CAPNP_SIZE_POINTER, len);
                for (uint32_t i = 0; i < len; i++)
                        capnp_abuilder_set_text(
                                capnp_lbuilder_any(l, i),
                                capnp_text_of(make_text(w, (enum ui_text_place)f->place)));
                return;
        case UI_FIELD_DOUBLES:
                l = capnp_abuilder_init_list(slot, CAPNP_SIZE_EIGHT, len);
                for (uint32_t i = 0; i < len; i++)
                        capnp_lbuilder_set_f64(l, i, make_number(w, f));
                return;
        case UI_FIELD_FLOATS:
                l = capnp_abuilder_init_list(slot, CAPNP_SIZE_FOUR, len);
                for (uint32_t i = 0; i < len; i++)
                        capnp_lbuilder_set_f32(l, i, (float)below(w->s, 100));
                return;
        case UI_FIELD_BYTES:
                l = capnp_abuilder_init_list(slot, CAPNP_SIZE_BYTE, len);
                for (uint32_t i = 0; i < len; i++)
                        capnp_lbuilder_set_u8(l, i, rarely(w->s, 300) ? 99 : 0);
                return;
        default:
                l = capnp_abuilder_init_structs(slot, len, f->shape->words, f->shape->ptrs);
                for (uint32_t i = 0; i < len; i++)
                        make_struct(w, f->shape, capnp_lbuilder_struct(l, i));
                w->last_len = len;
                return;
        }
}

/* Whole numbers that mean something to another field; others are any small one. */
static void make_plain(struct world *w, const struct ui_shape *s, const struct ui_field *f,
                       capnp_builder b)
{
        if (!strcmp(f->name, "sequence")) {
                w->sequence += rarely(w->s, 200) ? 0 : 1 + below(w->s, 2);
                capnp_builder_set_u64(b, f->slot, w->sequence, 0);
        } else if (!strcmp(f->name, "keep") && rarely(w->s, 3)) {
                capnp_builder_set_u32(b, f->slot, below(w->s, 30),
                                      s->id == UI_LOG_ID     ? 1000
                                      : s->id == UI_CHART_ID ? 600
                                                             : 500);
        } else if (s->id == UI_MAP_ID) {
                /* width comes before height. */
                uint16_t v = (uint16_t)(rarely(w->s, 100) ? 65 : 1 + below(w->s, 5));

                capnp_builder_set_u16(b, f->slot, v, 0);
                w->cells = f->slot ? w->cells * v : v;
        } else if (!strcmp(f->name, "strong") || !strcmp(f->name, "required") ||
                   !strcmp(f->name, "own") || !strcmp(f->name, "here")) {
                capnp_builder_set_bool(b, f->slot * 8u, rarely(w->s, 2), false);
        } else if (s->id == COMMAND_VALUE_ID && strcmp(f->name, "flag") != 0) {
                capnp_builder_set_u64(b, f->slot, below(w->s, 1000), 0);
        }
}

static void make_field(struct world *w, const struct ui_shape *s, const struct ui_field *f,
                       capnp_builder b)
{
        switch (f->type) {
        case UI_FIELD_TEXT:
                capnp_builder_set_text(b, f->slot, make_text(w, (enum ui_text_place)f->place));
                return;
        case UI_FIELD_STRUCT:
                /* Few first values fit their field. */
                if (!strcmp(f->name, "initial") && !rarely(w->s, 8))
                        return;
                make_struct(w, f->shape,
                            capnp_abuilder_init_struct(capnp_builder_any(b, f->slot),
                                                       f->shape->words, f->shape->ptrs));
                return;
        case UI_FIELD_DOUBLE:
                if (f->place != UI_NUMBERS_INFINITE || rarely(w->s, 50))
                        capnp_builder_set_f64(b, f->slot, make_number(w, f), 0);
                return;
        case UI_FIELD_FLOAT:
                capnp_builder_set_f32(b, f->slot, (float)make_number(w, f), 0);
                return;
        case UI_FIELD_ENUM:
        case UI_FIELD_ENUM_ONLY:
                capnp_builder_set_u16(b, f->slot,
                                      (uint16_t)(rarely(w->s, 300) ? f->most + below(w->s, 3)
                                                                   : below(w->s, f->most)),
                                      0);
                return;
        case UI_FIELD_PLAIN:
                make_plain(w, s, f, b);
                return;
        default:
                make_list(w, s, f, b);
                return;
        }
}

static void make_struct(struct world *w, const struct ui_shape *s, capnp_builder b)
{
        uint16_t tag = s->tags ? (uint16_t)below(w->s, s->tags) : 0;

        if (s->tags)
                capnp_builder_set_u16(b, s->tag, tag, 0);
        for (unsigned i = 0; i < s->nfields; i++) {
                const struct ui_field *f = &s->fields[i];

                if (f->member ? f->member == tag + 1 : !rarely(w->s, 50))
                        make_field(w, s, f, b);
        }
}

/* A member of a union, as chosen. */
static void make_member(struct world *w, const struct ui_shape *s, uint16_t tag, capnp_builder b)
{
        capnp_builder_set_u16(b, s->tag, tag, 0);
        for (unsigned i = 0; i < s->nfields; i++)
                if (s->fields[i].member == tag + 1)
                        make_field(w, s, &s->fields[i], b);
}

static const struct ui_shape *member_shape(const struct ui_shape *s, unsigned member)
{
        for (unsigned i = 0; i < s->nfields; i++)
                if (s->fields[i].member == member + 1)
                        return s->fields[i].shape;
        return NULL;
}

static void make_whole(struct world *w, ui_model_patch_builder p)
{
        const struct ui_shape *model = member_shape(&ui_shape_model_patch, UI_MODEL_PATCH_WHOLE);
        uint16_t kind = rarely(w->s, 50) ? (uint16_t)below(w->s, 11) : (uint16_t)w->pane->kind;

        w->sequence = below(w->s, 1000);
        make_member(w, model, kind, ui_model_patch_init_whole(p).b);
}

/* A change that the pane's kind mostly has. */
static void make_delta(struct world *w, ui_model_patch_builder p)
{
        unsigned deltas = ui_kind_of(w->pane->kind)->deltas;
        uint16_t which = (uint16_t)(1 + below(w->s, UI_MODEL_PATCH_UNREAD));
        uint64_t base = w->pane->revision;
        const struct ui_model *m = w->pane->model;

        for (int i = 0; i < 40 && !(deltas & 1u << which); i++)
                which = (uint16_t)(1 + which % UI_MODEL_PATCH_UNREAD);
        if (rarely(w->s, 50))
                base += below(w->s, 3) - 1;
        ui_model_patch_set_base(p, base);
        if (m->kind->keyed && rarely(w->s, 3)) {
                uint32_t n = below(w->s, 4);
                capnp_lbuilder l = ui_model_patch_init_remove(p, n);

                for (uint32_t i = 0; i < n; i++)
                        ui_model_patch_set_remove_at(l, i, make_text(w, UI_TEXT_KEY));
        }
        if (w->pane->kind == UI_SURFACE_KIND_TABLE)
                w->columns =
                        ui_column_list_len(ui_table_columns((ui_table_reader){ui_model_head(m)}));
        if (w->pane->kind == UI_SURFACE_KIND_LOG && m->n)
                w->sequence =
                        ui_log_line_sequence((ui_log_line_reader){ui_model_element(m, m->n - 1)});
        make_member(w, &ui_shape_model_patch, which, p.b);
}

static void make_patch(struct world *w, ui_patch_builder b)
{
        /* Most patches are about the model. */
        static const uint16_t kinds[] = {2, 2, 2, 2, 2, 2, 2, 2, 0, 3, 4, 5, 5, 6, 6, 7};
        /* The payload of each kind of patch, and one that goes with none. */
        static const uint16_t payloads[] = {1, 0, 2, 3, 4, 5, 6, 0};
        uint16_t kind = kinds[below(w->s, rarely(w->s, 40) ? 16 : 15)];
        uint16_t payload = rarely(w->s, 60) ? (uint16_t)below(w->s, 7) : payloads[kind];
        ui_patch_payload_builder p = ui_patch_init_payload(b);
        const struct ui_shape *shape = NULL;

        ui_patch_set_kind(b, (enum ui_patch_kind)kind);
        if (rarely(w->s, 100))
                ui_patch_set_expires_at_ms(b, w->now_ms + below(w->s, 2000) - 500);
        if (payload == UI_PATCH_PAYLOAD_MODEL) {
                ui_model_patch_builder m = ui_patch_payload_init_model(p);

                if (rarely(w->s, 6))
                        make_whole(w, m);
                else
                        make_delta(w, m);
                return;
        }
        for (unsigned i = 0; i < ui_shape_patch.nfields; i++)
                if (!strcmp(ui_shape_patch.fields[i].name, "payload"))
                        shape = ui_shape_patch.fields[i].shape;
        make_member(w, shape, payload, p.b);
        if (payload == UI_PATCH_PAYLOAD_SPEC && !rarely(w->s, 4))
                capnp_abuilder_set_struct(capnp_builder_any(p.b, 0), ui_pane_spec(w->pane).r);
}

/* ---- holding ---- */

static void check_pane(const struct ui_pane *p)
{
        HOLD(ui_model_is_sound(p->model));
        HOLD(p->account.bytes == ui_pane_bytes(p));
        HOLD(p->account.bytes <= p->account.ledger->limits.surface_bytes);
        HOLD(p->account.commands == p->ncommands);
        HOLD(p->ncommands <= p->account.ledger->limits.commands);
}

/* All of it, counted anew. */
static void check_world(const struct world *w)
{
        uint64_t bytes = 0, n = 0;

        for (unsigned i = 0; i < PANES; i++) {
                if (!w->panes[i])
                        continue;
                n++;
                bytes += ui_pane_bytes(w->panes[i]);
        }
        HOLD(w->ledger.surfaces.used == n && w->sum.surfaces.used == n);
        HOLD(w->ledger.bytes.used == bytes && w->sum.bytes.used == bytes);
        HOLD(bytes <= w->ledger.limits.bytes);
}

static bool is_in(const uint16_t *list, uint32_t n, uint32_t place)
{
        for (uint32_t i = 0; i < n; i++)
                if (list[i] == place)
                        return true;
        return false;
}

/* What is said to have changed has, and nothing else. */
static void check_change(const struct ui_pane *p, const struct ui_change *c)
{
        const struct ui_model *old = c->before, *now = p->model;
        uint32_t place = 0;

        HOLD(c->revision == p->revision && c->what);
        if (!(c->what & UI_CHANGED_MODEL))
                return;

        HOLD(old && (c->head || old->head == now->head));
        for (uint32_t i = c->dropped; i < old->n; i++) {
                if (is_in(c->removed, c->nremoved, i))
                        continue;
                HOLD((old->elements[i] == now->elements[place]) !=
                     is_in(c->replaced, c->nreplaced, place));
                place++;
        }
        HOLD(place + c->appended == now->n);
}

static void check_drawing(const struct world *w)
{
        struct ui_draw d = {.columns = below(w->s, 140), .now_ms = w->now_ms};
        uint32_t page = d.columns < UI_DRAW_COLUMNS ? UI_DRAW_COLUMNS : d.columns;
        struct capnp_buf to;

        capnp_buf_init(&to, 16 << 20);
        HOLD(ui_draw_text(w->pane->model, &d, &to) == 0);
        for (char *at = to.p, *end; at && (end = strchr(at, '\n')); at = end + 1) {
                capnp_text line = {at, (uint32_t)(end - at)};

                if (ui_text_width(line) > page)
                        (void)fprintf(stderr, "%u: %.*s\n", page, (int)line.len, at);
                HOLD(ui_text_width(line) <= page);
        }
        capnp_buf_deinit(&to);
}

/* What is there may be said again, whole; then it is the same. */
static void check_again(const struct world *w)
{
        struct ui_model *empty, *next = NULL;
        struct ui_change change = {0};
        struct ui_refused why;
        capnp_msg *m;
        ui_model_patch_builder b;

        HOLD(!ui_model_new(w->pane->model->kind, &empty));
        HOLD(!capnp_msg_new(&m));
        b = ui_model_patch_build(m);
        ui_model_write(w->pane->model, ui_model_patch_init_whole(b));
        HOLD(!capnp_msg_check(m));
        HOLD(!ui_shape_texts(&ui_shape_model_patch, ui_model_patch_as_reader(b).r, &why));
        HOLD(!ui_model_patch_of(empty, (struct ui_at){0}, ui_model_patch_as_reader(b), &next,
                                &change, &why));
        HOLD(next->n == w->pane->model->n && next->bytes == w->pane->model->bytes);
        ui_change_deinit(&change);
        ui_model_free(next);
        ui_model_free(empty);
        capnp_msg_free(m);
}

/* ---- playing ---- */

static void open_pane(struct world *w)
{
        struct ui_pane **slot = &w->panes[below(w->s, PANES)];
        enum ui_surface_kind kind = (enum ui_surface_kind)below(w->s, 11);
        struct ui_refused why;
        ui_surface_spec_builder b;
        capnp_msg *m;

        *slot = ui_pane_free(*slot);
        HOLD(!capnp_msg_new(&m));
        b = ui_surface_spec_build(m);
        if (rarely(w->s, 20)) {
                make_struct(w, &ui_shape_spec, b.b);
        } else {
                ui_surface_spec_set_surface_id(b, (capnp_data){(const uint8_t *)"pane", 4});
                ui_surface_spec_set_title(b, "Pane");
                ui_surface_spec_set_kind(b, kind);
                ui_surface_spec_set_safety_class(
                        b, (enum ui_safety_class)(kind == UI_SURFACE_KIND_FORM ? 1 + below(w->s, 3)
                                                                               : below(w->s, 4)));
                ui_surface_spec_set_model_schema(b, ui_kind_schema(ui_kind_of(kind)));
        }
        HOLD(!capnp_msg_check(m));
        if (ui_pane_new(&w->ledger, ui_surface_spec_as_reader(b), w->now_ms, slot, &why))
                HOLD(!*slot);
        capnp_msg_free(m);
}

/* The patch as it would come: from bytes, of which some may be wrong. NULL: they are no message. */
static capnp_msg *receive(struct world *w, const capnp_msg *m, uint64_t **ret_bytes)
{
        size_t len = capnp_msg_size(m);
        uint64_t *bytes = malloc(len);
        capnp_msg *received = NULL;

        HOLD(bytes && !capnp_msg_write(m, bytes, len));
        if (rarely(w->s, 8)) {
                unsigned n = 1 + below(w->s, 4);

                for (unsigned i = 0; i < n; i++)
                        ((uint8_t *)bytes)[below(w->s, (uint32_t)len)] = (uint8_t)below(w->s, 256);
        }
        *ret_bytes = bytes;
        return capnp_msg_parse(bytes, len, NULL, &received) ? NULL : received;
}

static void count_refusal(struct world *w, const struct ui_refused *why)
{
        if (why->kind == CAPNP_OVERLOADED)
                w->count->over_quota++;
        else
                w->count->refused[why->code]++;
        HOLD(!ui_text_wrong(UI_TEXT_MESSAGE, capnp_text_of(why->text)));
        HOLD(why->kind == CAPNP_OVERLOADED || why->kind == CAPNP_FAILED);
}

static void apply(struct world *w, ui_patch_reader patch)
{
        struct ui_pane *p = w->pane;
        const struct ui_model *model = p->model;
        uint64_t revision = p->revision;
        struct ui_change change = {0};
        struct ui_refused why;
        int r = ui_patch_apply(p, patch, &ops, w->now_ms, &change, &why);

        HOLD(!r || r == CAPNP_E_EXCEPTION);
        HOLD(p->revision == revision + !r);
        check_pane(p);
        if (r) {
                HOLD(p->model == model);
                count_refusal(w, &why);
                return;
        }
        w->count->taken++;
        check_change(p, &change);
        ui_change_deinit(&change);
        if (rarely(w->s, 32))
                check_drawing(w);
        if (rarely(w->s, 32))
                check_again(w);
}

static void play(struct world *w)
{
        struct ui_pane *p = w->panes[below(w->s, PANES)];
        capnp_msg *m, *received;
        uint64_t *bytes;

        w->now_ms += below(w->s, w->step_ms);
        if (!p || rarely(w->s, 300)) {
                open_pane(w);
                return;
        }

        w->pane = p;
        HOLD(!capnp_msg_new(&m));
        make_patch(w, ui_patch_build(m));
        received = receive(w, m, &bytes);
        if (received)
                apply(w, ui_patch_root(received));
        else
                w->count->bad_message++;
        capnp_msg_free(received);
        capnp_msg_free(m);
        free(bytes);
        if (rarely(w->s, 8))
                (void)ui_pane_tick(p, w->now_ms);
        check_world(w);
}

/* Each world has limits, words and a pace of its own: some are narrow, some wide. */
static void world_init(struct world *w, struct source *s, struct random_count *count)
{
        struct ui_limits limits = ui_limits_default;

        *w = (struct world){.s = s, .now_ms = 1000000, .count = count};
        w->names = below(s, 2) ? 40 : 3000;
        /* 20 a second are taken: half of the worlds are within that. */
        w->step_ms = below(s, 2) ? 110 : 70;
        if (below(s, 2)) {
                limits.surface_bytes = 4000 + below(s, 60000);
                limits.bytes = 2 * limits.surface_bytes;
                limits.commands = 3;
                limits.surfaces = 4;
                limits.patch_bytes = 3000;
                limits.bytes_per_second = 40000;
        }
        ui_sum_init(&w->sum, UI_ALL_SURFACES, UI_ALL_BYTES);
        ui_ledger_init(&w->ledger, &w->sum, &limits, w->now_ms);
}

static void world_deinit(struct world *w)
{
        for (unsigned i = 0; i < PANES; i++)
                ui_pane_free(w->panes[i]);
        HOLD(ui_ledger_is_zero(&w->ledger));
        HOLD(!w->sum.surfaces.used && !w->sum.bytes.used);
}

void random_patches(struct source *s, uint64_t patches, struct random_count *ret_count)
{
        struct world w;

        *ret_count = (struct random_count){0};
        for (uint64_t done = 0; done < patches && (!s->bytes || s->left);) {
                uint64_t end = patches - done < EPOCH ? patches : done + EPOCH;

                world_init(&w, s, ret_count);
                for (; done < end && (!s->bytes || s->left); done++)
                        play(&w);
                world_deinit(&w);
        }
}

void random_message(const uint8_t *data, size_t size)
{
        struct source s = {.state = 1};
        struct random_count count = {0};
        struct world w;
        uint64_t *bytes = calloc(1, size + 8);
        capnp_msg *m;

        HOLD(bytes);
        if (size)
                memcpy(bytes, data, size);
        world_init(&w, &s, &count);
        for (unsigned kind = 0; kind < 11; kind++) {
                w.now_ms += 10000;
                for (int i = 0; i < 50 && !w.panes[0]; i++)
                        open_pane(&w);
                for (unsigned i = 0; i < PANES; i++) {
                        if (!w.panes[i] || capnp_msg_parse(bytes, size, NULL, &m))
                                continue;
                        w.pane = w.panes[i];
                        apply(&w, ui_patch_root(m));
                        capnp_msg_free(m);
                        w.panes[i] = ui_pane_free(w.panes[i]);
                }
                check_world(&w);
        }
        world_deinit(&w);
        free(bytes);
}
