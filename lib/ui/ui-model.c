/*
 * Models, and what a patch makes of one.
 *
 * A model is never changed: its successor is built beside it, of the blocks that stay and of new
 * ones, and then takes its place. Nothing has to be undone when the last element is refused, or
 * when there is no memory for it; and what is shared costs a reference.
 *
 * Elements with keys are also sorted by them, so a patch of m elements of n costs m log n, however
 * the keys were chosen. When no key comes or goes, the order is copied.
 */
#include "ui-model.h"
#include "ui-kind.h"

#include <errno.h>
#include <stdlib.h>

static const struct ui_kind *const kinds[] = {
        [UI_SURFACE_KIND_TEXT] = &ui_kind_text,
        [UI_SURFACE_KIND_LOG] = &ui_kind_log,
        [UI_SURFACE_KIND_LIST] = &ui_kind_list,
        [UI_SURFACE_KIND_TABLE] = &ui_kind_table,
        [UI_SURFACE_KIND_TREE] = &ui_kind_tree,
        [UI_SURFACE_KIND_COUNTERS] = &ui_kind_counters,
        [UI_SURFACE_KIND_CHART] = &ui_kind_chart,
        [UI_SURFACE_KIND_FORM] = &ui_kind_form,
        [UI_SURFACE_KIND_PROGRESS] = &ui_kind_progress,
        [UI_SURFACE_KIND_MAP] = &ui_kind_map,
        [UI_SURFACE_KIND_TRANSCRIPT] = &ui_kind_transcript,
};

/* ---- the contract's unions ---- */

#define WHOLE(n_, which_, shape_)                                                       \
        {                                                                               \
                .name = n_, .type = UI_FIELD_STRUCT, .slot = 0, .member = (which_) + 1, \
                .shape = &(shape_)                                                      \
        }
#define DELTA(n_, which_, shape_, most_)                                                 \
        {                                                                                \
                .name = n_, .type = UI_FIELD_STRUCTS, .slot = 1, .member = (which_) + 1, \
                .most = most_, .shape = &(shape_)                                        \
        }

static const struct ui_field model_fields[] = {
        WHOLE("text", UI_MODEL_TEXT, ui_shape_text),
        WHOLE("log", UI_MODEL_LOG, ui_shape_log),
        WHOLE("list", UI_MODEL_LIST, ui_shape_list),
        WHOLE("table", UI_MODEL_TABLE, ui_shape_table),
        WHOLE("tree", UI_MODEL_TREE, ui_shape_tree),
        WHOLE("counters", UI_MODEL_COUNTERS, ui_shape_counters),
        WHOLE("chart", UI_MODEL_CHART, ui_shape_chart),
        WHOLE("form", UI_MODEL_FORM, ui_shape_form),
        WHOLE("progress", UI_MODEL_PROGRESS, ui_shape_progress),
        WHOLE("map", UI_MODEL_MAP, ui_shape_map),
        WHOLE("transcript", UI_MODEL_TRANSCRIPT, ui_shape_transcript),
};

static const struct ui_shape shape_model = {
        .id = UI_MODEL_ID,
        .words = UI_MODEL_WORDS,
        .ptrs = UI_MODEL_PTRS,
        .tag = 0,
        .tags = UI_MODEL_TRANSCRIPT + 1,
        UI_SHAPE_FIELDS(model_fields),
};

static const struct ui_field patch_fields[] = {
        UI_F_PLAIN("base", 0),
        UI_F_TEXTS("remove", 0, UI_TEXT_KEY, 2000),
        {.name = "whole",
         .type = UI_FIELD_STRUCT,
         .slot = 1,
         .member = UI_MODEL_PATCH_WHOLE + 1,
         .shape = &shape_model},
        DELTA("lines", UI_MODEL_PATCH_LINES, ui_shape_line, 5000),
        DELTA("items", UI_MODEL_PATCH_ITEMS, ui_shape_item, 1000),
        DELTA("rows", UI_MODEL_PATCH_ROWS, ui_shape_row, 2000),
        DELTA("nodes", UI_MODEL_PATCH_NODES, ui_shape_node, 2000),
        DELTA("counters", UI_MODEL_PATCH_COUNTERS, ui_shape_counter, 64),
        DELTA("points", UI_MODEL_PATCH_POINTS, ui_shape_series, 8),
        {.name = "form",
         .type = UI_FIELD_STRUCT,
         .slot = 1,
         .member = UI_MODEL_PATCH_FORM + 1,
         .shape = &ui_shape_form},
        DELTA("steps", UI_MODEL_PATCH_STEPS, ui_shape_step, 64),
        {.name = "map",
         .type = UI_FIELD_STRUCT,
         .slot = 1,
         .member = UI_MODEL_PATCH_MAP + 1,
         .shape = &ui_shape_map_patch},
        DELTA("messages", UI_MODEL_PATCH_MESSAGES, ui_shape_message, 2000),
        {.name = "unread", .type = UI_FIELD_PLAIN, .slot = 12, .member = UI_MODEL_PATCH_UNREAD + 1},
};

const struct ui_shape ui_shape_model_patch = {
        .id = UI_MODEL_PATCH_ID,
        .words = UI_MODEL_PATCH_WORDS,
        .ptrs = UI_MODEL_PATCH_PTRS,
        .tag = 8,
        .tags = UI_MODEL_PATCH_UNREAD + 1,
        .code = UI_REFUSAL_MODEL,
        UI_SHAPE_FIELDS(patch_fields),
};

const struct ui_kind *ui_kind_of(enum ui_surface_kind kind)
{
        return (size_t)kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : NULL;
}

const char *ui_kind_name(const struct ui_kind *k)
{
        return k->name;
}

enum ui_surface_kind ui_kind_id(const struct ui_kind *k)
{
        return k->id;
}

uint64_t ui_kind_schema(const struct ui_kind *k)
{
        return k->whole->id;
}

void ui_change_deinit(struct ui_change *c)
{
        ui_model_free(c->before);
        free(c->replaced);
        free(c->removed);
        *c = (struct ui_change){0};
}

/* ---- reading ---- */

capnp_reader ui_model_head(const struct ui_model *m)
{
        return ui_block_reader(m->head);
}

capnp_reader ui_model_element(const struct ui_model *m, uint32_t i)
{
        return i < m->n ? ui_block_reader(m->elements[i]) : (capnp_reader){0};
}

static capnp_text key_of(capnp_reader element)
{
        return capnp_reader_text(element, 0);
}

static int key_compare(capnp_text a, capnp_text b)
{
        int r = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

        return r ? r : (a.len > b.len) - (a.len < b.len);
}

uint32_t ui_model_find(const struct ui_model *m, capnp_text key)
{
        uint32_t low = 0, high = m->by_key ? m->n : 0;

        while (low < high) {
                uint32_t mid = low + (high - low) / 2;
                uint32_t place = m->by_key[mid];
                int r = key_compare(key, key_of(ui_model_element(m, place)));

                if (!r)
                        return place;
                if (r < 0)
                        high = mid;
                else
                        low = mid + 1;
        }
        return UINT32_MAX;
}

/* ---- making ---- */

struct ui_model *ui_model_free(struct ui_model *m)
{
        if (!m)
                return NULL;

        for (uint32_t i = 0; i < m->n; i++)
                ui_block_unref(m->elements[i]);
        ui_block_unref(m->head);
        free(m->elements);
        free(m->by_key);
        free(m);
        return NULL;
}

static void model_freep(struct ui_model **m)
{
        *m = ui_model_free(*m);
}

/* A model with room for elements and neither head nor elements. */
static int model_new(const struct ui_kind *k, uint32_t room, struct ui_model **ret_m)
{
        CAPNP_AUTO(model_freep) struct ui_model *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;

        m->kind = k;
        if (room) {
                m->elements = calloc(room, sizeof(struct ui_block *));
                m->by_key = k->keyed ? calloc(room, sizeof(uint16_t)) : NULL;
                if (!m->elements || (k->keyed && !m->by_key))
                        return -ENOMEM;
        }
        *ret_m = m;
        m = NULL;
        return 0;
}

int ui_model_new(const struct ui_kind *k, struct ui_model **ret_m)
{
        CAPNP_AUTO(model_freep) struct ui_model *m = NULL;
        int r = model_new(k, 0, &m);

        if (!r)
                r = ui_block_new(k->whole, (capnp_reader){0}, UINT16_MAX, &m->head);
        if (r)
                return r;

        m->bytes = sizeof(*m) + ui_block_bytes(m->head);
        *ret_m = m;
        m = NULL;
        return 0;
}

static int place_compare(const void *a, const void *b, void *arg)
{
        const capnp_text *keys = arg;
        const uint16_t *x = a, *y = b;

        return key_compare(keys[*x], keys[*y]);
}

/* Sorts by key. CAPNP_E_EXCEPTION: one is there twice. */
static int model_sort(struct ui_model *m, struct ui_refused *ret_why)
{
        capnp_text *keys;
        int r = 0;

        if (!m->by_key || !m->n)
                return 0;

        keys = calloc(m->n, sizeof(*keys));
        if (!keys)
                return -ENOMEM;

        for (uint32_t i = 0; i < m->n; i++) {
                keys[i] = key_of(ui_model_element(m, i));
                m->by_key[i] = (uint16_t)i;
        }
        qsort_r(m->by_key, m->n, sizeof(m->by_key[0]), place_compare, keys);
        for (uint32_t i = 1; !r && i < m->n; i++)
                if (!key_compare(keys[m->by_key[i - 1]], keys[m->by_key[i]]))
                        r = UI_WRONG(ret_why, "a key is there twice");
        free(keys);
        return r;
}

static uint64_t model_bytes(const struct ui_model *m)
{
        uint64_t bytes = sizeof(*m) + ui_block_bytes(m->head);

        for (uint32_t i = 0; i < m->n; i++)
                bytes += ui_block_bytes(m->elements[i]) + sizeof(m->elements[0]) +
                         (m->by_key ? sizeof(m->by_key[0]) : 0);
        return bytes;
}

/* ---- a patch ---- */

/* A model to be, and what is known of the way to it. */
struct draft {
        const struct ui_model *old;
        struct ui_model *next;
        struct ui_change change;
        bool *gone;             /* of the old elements */
        struct ui_block **news; /* in place of the old elements; NULL: as it was */
        capnp_list given;
        uint64_t now_ms;
        struct ui_refused *why;
};

static void draft_deinit(struct draft *d)
{
        for (uint32_t i = 0; d->news && i < d->old->n; i++)
                ui_block_unref(d->news[i]);
        free(d->news);
        free(d->gone);
        ui_model_free(d->next);
        ui_change_deinit(&d->change);
}

/* The block that a given element becomes. */
static int draft_element(struct draft *d, const struct ui_block *old, uint32_t i,
                         struct ui_block **ret_b)
{
        const struct ui_kind *k = d->next->kind;
        capnp_reader given = capnp_list_struct(d->given, i);
        int r = k->merge ? k->merge(ui_model_head(d->next), old, given, ret_b, d->why)
                         : ui_block_new(k->element, given, UINT16_MAX, ret_b);

        if (!r)
                (*ret_b)->made_ms = d->now_ms;
        return r;
}

static int draft_append(struct draft *d, uint32_t i)
{
        int r = draft_element(d, NULL, i, &d->next->elements[d->next->n]);

        if (!r)
                d->next->n++;
        return r;
}

/* What all of a model has to hold, once it is there; then it is complete. */
static int draft_close(struct draft *d, bool same_keys)
{
        struct ui_model *m = d->next;
        int r = 0;

        if (m->n > m->kind->most)
                return UI_WRONG(d->why, "more than %u elements", m->kind->most);
        if (same_keys && m->by_key)
                memcpy(m->by_key, d->old->by_key, m->n * sizeof(m->by_key[0]));
        else
                r = model_sort(m, d->why);
        if (!r && m->kind->check)
                r = m->kind->check(m, d->why);
        m->bytes = model_bytes(m);
        return r;
}

/* Takes old elements from `from` on as they are, but those that are gone or new. */
static void draft_take_old(struct draft *d, uint32_t from)
{
        for (uint32_t i = from; i < d->old->n; i++) {
                struct ui_model *m = d->next;

                if (d->gone && d->gone[i]) {
                        d->change.removed[d->change.nremoved++] = (uint16_t)i;
                        continue;
                }
                if (d->news && d->news[i]) {
                        d->change.replaced[d->change.nreplaced++] = (uint16_t)m->n;
                        m->elements[m->n++] = d->news[i];
                        d->news[i] = NULL;
                        continue;
                }
                m->elements[m->n++] = ui_block_ref(d->old->elements[i]);
        }
}

/* How many of n elements are too old to be kept. */
static uint32_t too_old(const struct ui_model *m, uint64_t n)
{
        uint32_t keep = m->kind->keep(ui_model_head(m));

        if (keep > m->kind->most)
                keep = m->kind->most;
        return n > keep ? (uint32_t)(n - keep) : 0;
}

static int draft_whole(struct draft *d, capnp_reader whole)
{
        const struct ui_kind *k = d->old->kind;
        uint32_t first = 0;
        int r;

        if (k->element)
                d->given = capnp_any_list(capnp_reader_any(whole, k->slot), CAPNP_SIZE_COMPOSITE,
                                          NULL);
        r = model_new(k, d->given.len, &d->next);
        if (r)
                return r;
        r = ui_block_new(k->whole, whole, k->element ? k->slot : UINT16_MAX, &d->next->head);
        if (r)
                return r;

        if (k->keep)
                first = too_old(d->next, d->given.len);
        for (uint32_t i = first; i < d->given.len; i++) {
                r = draft_append(d, i);
                if (r)
                        return r;
        }
        d->change.what = UI_CHANGED_WHOLE;
        d->change.head = true;
        return draft_close(d, false);
}

/* Elements that come at the end, and push out those at the front. */
static int draft_newer(struct draft *d)
{
        uint64_t n = (uint64_t)d->old->n + d->given.len;
        uint32_t drop = too_old(d->next, n);
        uint32_t from = drop < d->old->n ? drop : d->old->n;

        draft_take_old(d, from);
        for (uint32_t i = drop - from; i < d->given.len; i++) {
                int r = draft_append(d, i);

                if (r)
                        return r;
        }
        d->change.dropped = from;
        d->change.appended = d->given.len - (drop - from);
        return draft_close(d, false);
}

/* Marks what is removed. */
static void draft_remove(struct draft *d, capnp_list remove)
{
        bool any = false;

        for (uint32_t i = 0; i < remove.len; i++) {
                uint32_t at = ui_model_find(
                        d->old, capnp_any_text(capnp_list_any(remove, i), CAPNP_ZERO(capnp_text)));

                if (at == UINT32_MAX)
                        continue;
                d->gone[at] = any = true;
        }
        if (any && d->old->kind->remove)
                d->old->kind->remove(d->old, d->gone);
}

static int draft_room(struct draft *d)
{
        uint32_t n = d->old->n;

        if (!n)
                return 0;

        d->gone = calloc(n, sizeof(bool));
        d->news = calloc(n, sizeof(struct ui_block *));
        d->change.replaced = calloc(n, sizeof(uint16_t));
        d->change.removed = calloc(n, sizeof(uint16_t));
        return d->gone && d->news && d->change.replaced && d->change.removed ? 0 : -ENOMEM;
}

/* Elements by key: first some go, then known ones are replaced and others come at the end. */
static int draft_keyed(struct draft *d, capnp_list remove)
{
        int r = draft_room(d);
        uint32_t place;

        if (r)
                return r;

        draft_remove(d, remove);
        for (uint32_t i = 0; i < d->given.len; i++) {
                place = ui_model_find(d->old, key_of(capnp_list_struct(d->given, i)));
                if (place == UINT32_MAX || d->gone[place])
                        continue;
                if (d->news[place])
                        return UI_WRONG(d->why, "a key is there twice");
                r = draft_element(d, d->old->elements[place], i, &d->news[place]);
                if (r)
                        return r;
        }
        draft_take_old(d, 0);
        for (uint32_t i = 0; i < d->given.len; i++) {
                place = ui_model_find(d->old, key_of(capnp_list_struct(d->given, i)));
                if (place != UINT32_MAX && !d->gone[place])
                        continue;
                r = draft_append(d, i);
                if (r)
                        return r;
                d->change.appended++;
        }
        return draft_close(d, !d->change.nremoved && !d->change.appended);
}

static int draft_delta(struct draft *d, ui_model_patch_reader p)
{
        const struct ui_kind *k = d->old->kind;
        capnp_list remove = ui_model_patch_remove(p);
        int r;

        if (remove.len > k->most || (remove.len && !k->keyed))
                return UI_WRONG(d->why, "remove: %s", k->keyed ? "too many" : "there are no keys");
        /* `unread` alone is no list. */
        if (k->elements)
                d->given = k->elements(p);
        else if (k->element && ui_model_patch_which(p) != UI_MODEL_PATCH_UNREAD)
                d->given = capnp_any_list(capnp_reader_any(p.r, 1), CAPNP_SIZE_COMPOSITE, NULL);

        r = model_new(k, d->old->n + d->given.len, &d->next);
        if (r)
                return r;
        if (k->head)
                r = k->head(d->old, p, &d->next->head, d->why);
        else
                d->next->head = ui_block_ref(d->old->head);
        if (r)
                return r;

        d->change.what = UI_CHANGED_MODEL;
        d->change.head = d->next->head != d->old->head;
        if (k->keyed)
                return draft_keyed(d, remove);
        return k->keep ? draft_newer(d) : draft_close(d, false);
}

/* Whether the patch is one that this kind has. */
static int patch_fits(const struct ui_kind *k, ui_model_patch_reader p, struct ui_refused *ret_why)
{
        unsigned which = ui_model_patch_which(p);

        if (which == UI_MODEL_PATCH_WHOLE)
                return (unsigned)ui_model_which(ui_model_patch_whole(p)) == (unsigned)k->id
                               ? 0
                               : ui_refuse(ret_why, UI_REFUSAL_KIND, "a model that is no %s",
                                           k->name);
        return which <= UI_MODEL_PATCH_UNREAD && k->deltas & 1u << which
                       ? 0
                       : ui_refuse(ret_why, UI_REFUSAL_KIND, "a change that a %s does not have",
                                   k->name);
}

int ui_model_patch_of(const struct ui_model *m, struct ui_at at, ui_model_patch_reader p,
                      struct ui_model **ret_next, struct ui_change *ret_change,
                      struct ui_refused *ret_why)
{
        struct draft d = {.old = m, .now_ms = at.now_ms, .why = ret_why};
        int r = patch_fits(m->kind, p, ret_why);

        if (!r)
                r = ui_shape_rules(&ui_shape_model_patch, p.r, ret_why);
        if (r)
                return r;

        if (ui_model_patch_which(p) != UI_MODEL_PATCH_WHOLE) {
                if (ui_model_patch_base(p) != at.revision)
                        return ui_refuse(ret_why, UI_REFUSAL_REVISION,
                                         "this is revision %llu: send the whole",
                                         (unsigned long long)at.revision);
                r = draft_delta(&d, p);
        } else {
                if (ui_model_patch_remove(p).len)
                        return UI_WRONG(ret_why, "remove: goes with a delta");
                r = draft_whole(
                        &d, capnp_any_struct(capnp_reader_any(ui_model_patch_whole(p).r, 0), NULL));
        }
        if (!r) {
                *ret_next = d.next;
                *ret_change = d.change;
                d.next = NULL;
                d.change = (struct ui_change){0};
        }
        draft_deinit(&d);
        return r;
}

/* ---- the whole of it ---- */

/* Begins to write one: its head, or nothing of it, and a list of n elements that are to come. */
static capnp_lbuilder model_begin(const struct ui_model *m, ui_model_builder to, bool head,
                                  uint32_t n)
{
        const struct ui_kind *k = m->kind;
        capnp_abuilder slot = capnp_builder_any(to.b, 0);
        capnp_builder b;

        capnp_builder_set_u16(to.b, 0, (uint16_t)k->id, 0);
        if (head)
                capnp_abuilder_set_struct(slot, ui_model_head(m));
        b = capnp_abuilder_struct(slot, k->whole->words, k->whole->ptrs, NULL);
        if (!n)
                return (capnp_lbuilder){0};
        return capnp_abuilder_init_structs(capnp_builder_any(b, k->slot), n, k->element->words,
                                           k->element->ptrs);
}

void ui_model_write(const struct ui_model *m, ui_model_builder to)
{
        capnp_lbuilder l = model_begin(m, to, true, m->n);

        for (uint32_t i = 0; i < m->n; i++)
                capnp_builder_copy(capnp_lbuilder_struct(l, i), ui_model_element(m, i));
}

void ui_model_write_new(const struct ui_model *m, bool head, const uint16_t *replaced,
                        uint32_t nreplaced, uint32_t appended, ui_model_builder to)
{
        capnp_lbuilder l = model_begin(m, to, head, nreplaced + appended);

        for (uint32_t i = 0; i < nreplaced; i++)
                capnp_builder_copy(capnp_lbuilder_struct(l, i), ui_model_element(m, replaced[i]));
        for (uint32_t i = 0; i < appended; i++)
                capnp_builder_copy(capnp_lbuilder_struct(l, nreplaced + i),
                                   ui_model_element(m, m->n - appended + i));
}

static bool element_is_sound(const struct ui_shape *s, capnp_reader r)
{
        struct ui_refused why;

        return !ui_shape_texts(s, r, &why) && !ui_shape_rules(s, r, &why);
}

bool ui_model_is_sound(const struct ui_model *m)
{
        const struct ui_kind *k = m->kind;
        struct ui_refused why;

        if (m->n > k->most || m->bytes != model_bytes(m) ||
            !element_is_sound(k->whole, ui_model_head(m)))
                return false;
        for (uint32_t i = 0; i < m->n; i++) {
                if (!element_is_sound(k->element, ui_model_element(m, i)))
                        return false;
                if (m->by_key && ui_model_find(m, key_of(ui_model_element(m, i))) != i)
                        return false;
        }
        if (k->keep && m->n > k->keep(ui_model_head(m)))
                return false;
        return !k->check || !k->check(m, &why);
}
