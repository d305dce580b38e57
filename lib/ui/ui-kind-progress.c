/*
 * Progress: steps, and how far each one is. A step whose state is not known is refused, for there
 * is no plain one: it would be drawn as what it is not.
 */
#include "ui-kind.h"

enum { STEPS = 64 };

static const struct ui_field step_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("title", 1, UI_TEXT_TITLE),
        UI_F_TEXT("detail", 2, UI_TEXT_SUMMARY),
        UI_F_ENUM_ONLY("state", 0, UI_STEP_STATE_SKIPPED),
        UI_F_NUMBER("fraction", UI_FIELD_FLOAT, 4, UI_NUMBERS_FRACTION),
};

const struct ui_shape ui_shape_step = {
        .id = UI_STEP_ID,
        .words = UI_STEP_WORDS,
        .ptrs = UI_STEP_PTRS,
        UI_SHAPE_FIELDS(step_fields),
};

static const struct ui_field progress_fields[] = {
        UI_F_STRUCTS("steps", 0, ui_shape_step, STEPS),
};

const struct ui_shape ui_shape_progress = {
        .id = UI_PROGRESS_ID,
        .words = UI_PROGRESS_WORDS,
        .ptrs = UI_PROGRESS_PTRS,
        UI_SHAPE_FIELDS(progress_fields),
};

const struct ui_kind ui_kind_progress = {
        .name = "progress",
        .id = UI_SURFACE_KIND_PROGRESS,
        .whole = &ui_shape_progress,
        .element = &ui_shape_step,
        .slot = 0,
        .most = STEPS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_STEPS,
};
