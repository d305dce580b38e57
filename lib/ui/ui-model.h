/*
 * What a surface shows: a model of one of eleven kinds, owned, and never changed once it is made.
 * A patch makes another one that shares what stayed the same, so it is taken whole or not at all,
 * and who draws may compare: an element with the same block is the same.
 *
 * A model is a head (UiTable without its rows) and elements in order (each a UiRow). Of kinds
 * without elements (text, form) the head is all there is.
 *
 *         for (i = 0; i < m->n; i++)
 *                 ui_row_title((ui_row_reader){ui_model_element(m, i)})
 */
#ifndef CAPOS_UI_MODEL_H
#define CAPOS_UI_MODEL_H

#include "ui-shape.h"

struct ui_kind;

struct ui_model {
        const struct ui_kind *kind;
        struct ui_block *head;
        struct ui_block **elements;
        uint16_t *by_key; /* places of elements, sorted by key; NULL: they have none */
        uint32_t n;
        uint64_t bytes; /* what all of it costs */
};

/* What one patch changed, for who draws. Zeroed: nothing. */
enum {
        UI_CHANGED_SPEC = 1,      /* title, summary */
        UI_CHANGED_MODEL = 2,     /* a part of the model: see below */
        UI_CHANGED_WHOLE = 4,     /* all of the model */
        UI_CHANGED_LAYOUT = 8,    /* the layout hint */
        UI_CHANGED_THEME = 16,    /* the theme hint */
        UI_CHANGED_COMMANDS = 32, /* some command */
        UI_CHANGED_CLOSED = 64,   /* the service has closed it: the caller does */
};

struct ui_change {
        unsigned what;
        uint64_t revision;
        struct ui_model *before; /* the model that was there, if the model changed */
        bool head;               /* what is not an element has changed */
        uint32_t dropped;        /* elements at the front that made room for newer ones */
        uint32_t appended;       /* elements that are new, at the end */
        uint16_t *replaced;      /* places of elements, now, that are not what they were */
        uint32_t nreplaced;
        uint16_t *removed; /* places in `before` of elements that were taken away by key */
        uint32_t nremoved;
};

void ui_change_deinit(struct ui_change *c);

/* Where a patch finds a surface. */
struct ui_at {
        uint64_t revision; /* patches that were accepted before */
        uint64_t now_ms;
};

/* UiModelPatch, with all kinds of models. */
extern const struct ui_shape ui_shape_model_patch;

/* NULL: there is no such kind. */
const struct ui_kind *ui_kind_of(enum ui_surface_kind kind);
const char *ui_kind_name(const struct ui_kind *k);
enum ui_surface_kind ui_kind_id(const struct ui_kind *k);
/* The type id of its struct: what UiSurfaceSpec.modelSchema has to be. */
uint64_t ui_kind_schema(const struct ui_kind *k);

/* What a surface shows before the first patch: an empty model. 0 or -ENOMEM. */
int ui_model_new(const struct ui_kind *k, struct ui_model **ret_m) CAPNP_MUST_USE;
struct ui_model *ui_model_free(struct ui_model *m);

/* The part that is not elements, and one element; read by the accessors of their types. */
capnp_reader ui_model_head(const struct ui_model *m);
capnp_reader ui_model_element(const struct ui_model *m, uint32_t i);
/* The place of the element with a key; UINT32_MAX: there is none. */
uint32_t ui_model_find(const struct ui_model *m, capnp_text key);

/*
 * The model that a patch makes of one. The patch has been decoded and its texts have been checked
 * (ui-patch.c). 0: *ret_next is the new one, and ret_change says what is not as before (its
 * `before` is left alone); CAPNP_E_EXCEPTION: refused; -ENOMEM.
 */
int ui_model_patch_of(const struct ui_model *m, struct ui_at at, ui_model_patch_reader p,
                      struct ui_model **ret_next, struct ui_change *ret_change,
                      struct ui_refused *ret_why) CAPNP_MUST_USE;

/* Writes it as the contract has it, into an empty struct. */
void ui_model_write(const struct ui_model *m, ui_model_builder to);
/* Likewise what is new of it: its head or not, the elements at some places, and the last ones. */
void ui_model_write_new(const struct ui_model *m, bool head, const uint16_t *replaced,
                        uint32_t nreplaced, uint32_t appended, ui_model_builder to);

/* Whether it is within all limits, counted anew. For tests and fuzzers. */
bool ui_model_is_sound(const struct ui_model *m);

#endif
