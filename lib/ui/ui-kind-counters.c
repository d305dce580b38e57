/*
 * Counters: numbers with a name, perhaps a goal and a small curve. A rate lets the host count on by
 * itself, so a number that runs needs no patch for each step.
 */
#include "ui-kind.h"

enum { COUNTERS = 64, RECENT = 60 };

static const struct ui_field counter_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_NUMBER("value", UI_FIELD_DOUBLE, 0, UI_NUMBERS_FINITE),
        UI_F_UNIT("unit", 8),
        UI_F_NUMBER("perSecond", UI_FIELD_DOUBLE, 16, UI_NUMBERS_FINITE),
        UI_F_NUMBER("goal", UI_FIELD_DOUBLE, 24, UI_NUMBERS_FINITE),
        UI_F_TONE("tone", 10),
        UI_F_NUMBERS("recent", UI_FIELD_FLOATS, 2, UI_NUMBERS_FINITE, RECENT),
};

const struct ui_shape ui_shape_counter = {
        .id = UI_COUNTER_ID,
        .words = UI_COUNTER_WORDS,
        .ptrs = UI_COUNTER_PTRS,
        UI_SHAPE_FIELDS(counter_fields),
};

static const struct ui_field counters_fields[] = {
        UI_F_STRUCTS("counters", 0, ui_shape_counter, COUNTERS),
};

const struct ui_shape ui_shape_counters = {
        .id = UI_COUNTERS_ID,
        .words = UI_COUNTERS_WORDS,
        .ptrs = UI_COUNTERS_PTRS,
        UI_SHAPE_FIELDS(counters_fields),
};

const struct ui_kind ui_kind_counters = {
        .name = "counters",
        .id = UI_SURFACE_KIND_COUNTERS,
        .whole = &ui_shape_counters,
        .element = &ui_shape_counter,
        .slot = 0,
        .most = COUNTERS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_COUNTERS,
};
