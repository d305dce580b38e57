/* One kind of model, as ui-model.c needs to know it: a row of its table. Private to the kinds. */
#ifndef CAPOS_UI_KIND_H
#define CAPOS_UI_KIND_H

#include "ui-model.h"

struct ui_pen;

struct ui_kind {
        const char *name; /* the kind's word in the contract */
        enum ui_surface_kind id;
        const struct ui_shape *whole;   /* UiTable */
        const struct ui_shape *element; /* UiRow; NULL: it has no elements */
        uint16_t slot;                  /* the pointer of whole that holds the elements */
        uint32_t most;                  /* elements */
        bool keyed;                     /* an element's first text is its key */
        unsigned deltas;                /* 1 << UI_MODEL_PATCH_…, those it has beside `whole` */

        /* All below but draw may be NULL. Each returns 0, CAPNP_E_EXCEPTION or -ENOMEM. */

        /* How many of the newest elements stay; without it, more than most are refused. */
        uint32_t (*keep)(capnp_reader head);
        /* Where a delta's elements are; without it, they are the delta. */
        capnp_list (*elements)(ui_model_patch_reader p);
        /* The element that a given one becomes, where it is not simply taken: old is the one with
         * its key, or NULL. */
        int (*merge)(capnp_reader head, const struct ui_block *old, capnp_reader given,
                     struct ui_block **ret_b, struct ui_refused *ret_why);
        /* The head that a delta makes; without it, it stays. */
        int (*head)(const struct ui_model *m, ui_model_patch_reader p, struct ui_block **ret_b,
                    struct ui_refused *ret_why);
        /* What has to hold of all of it together. */
        int (*check)(const struct ui_model *m, struct ui_refused *ret_why);
        /* Which others go when `gone` says that some are removed; adds to it. */
        void (*remove)(const struct ui_model *m, bool *gone);
        /* Draws it as text (ui-draw-text.h). */
        void (*draw)(const struct ui_model *m, struct ui_pen *pen);
};

extern const struct ui_kind ui_kind_text, ui_kind_log, ui_kind_list, ui_kind_table, ui_kind_tree,
        ui_kind_counters, ui_kind_chart, ui_kind_form, ui_kind_progress, ui_kind_map,
        ui_kind_transcript;

/* What a whole model, and what a delta, may hold. */
extern const struct ui_shape ui_shape_text, ui_shape_log, ui_shape_list, ui_shape_table,
        ui_shape_tree, ui_shape_counters, ui_shape_chart, ui_shape_form, ui_shape_progress,
        ui_shape_map, ui_shape_transcript;
extern const struct ui_shape ui_shape_line, ui_shape_item, ui_shape_row, ui_shape_node,
        ui_shape_counter, ui_shape_series, ui_shape_step, ui_shape_map_patch, ui_shape_message;

/* Of models, refused as such. */
#define UI_WRONG(ret_why_, ...) ui_refuse(ret_why_, UI_REFUSAL_MODEL, __VA_ARGS__)

/* Tones, icons and units that are not known are drawn as the first one. */
#define UI_F_TONE(n_, slot_) UI_F_ENUM(n_, slot_, UI_TONE_ACCENT)
#define UI_F_ICON(n_, slot_) UI_F_ENUM(n_, slot_, UI_ICON_ARROW)
#define UI_F_UNIT(n_, slot_) UI_F_ENUM(n_, slot_, UI_UNIT_INSTANT)
/* Commands that make sense for an element. */
#define UI_F_COMMANDS(slot_) UI_F_TEXTS("commands", slot_, UI_TEXT_COMMAND, 64)

#endif
