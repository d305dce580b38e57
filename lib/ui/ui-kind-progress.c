/*
 * Progress: steps, and how far each one is. A step whose state is not known is refused, for there
 * is no plain one: it would be drawn as what it is not.
 */
#include "ui-kind.h"
#include "ui-pen.h"

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

static void progress_draw(const struct ui_model *m, struct ui_pen *pen)
{
        static const char *const fronts[] = {"[ ] ", "[>] ", "[x] ", "[!] ", "[-] "};
        static const char *const words[] = {"", "", "", " (failed)", " (skipped)"};

        for (uint32_t i = 0; i < m->n; i++) {
                ui_step_reader step = {ui_model_element(m, i)};
                enum ui_step_state state = ui_step_state(step);
                capnp_text title = ui_step_title(step);
                float fraction = ui_step_fraction(step);
                char out[UI_NUMBER_BYTES];

                ui_pen_add(pen, fronts[state]);
                ui_pen_words(pen, title.len ? title : ui_step_key(step), 4);
                ui_pen_words(pen, capnp_text_of(words[state]), 4);
                if (state == UI_STEP_STATE_RUNNING && fraction >= 0) {
                        ui_pen_words(pen, capnp_text_of(" "), 4);
                        ui_pen_words(pen,
                                     capnp_text_of(ui_number(out, (double)fraction, UI_UNIT_PERCENT,
                                                             pen)),
                                     4);
                }
                if (ui_step_detail(step).len) {
                        ui_pen_words(pen, capnp_text_of(" - "), 4);
                        ui_pen_words(pen, ui_step_detail(step), 4);
                }
                ui_pen_line(pen);
        }
}

const struct ui_kind ui_kind_progress = {
        .name = "progress",
        .id = UI_SURFACE_KIND_PROGRESS,
        .whole = &ui_shape_progress,
        .element = &ui_shape_step,
        .slot = 0,
        .most = STEPS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_STEPS,
        .draw = progress_draw,
};
