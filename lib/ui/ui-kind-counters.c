/*
 * Counters: numbers with a name, perhaps a goal and a small curve. A rate lets the host count on by
 * itself, so a number that runs needs no patch for each step.
 */
#include "ui-kind.h"
#include "ui-pen.h"

#include <math.h>

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

enum { BAR = 20 };

/* What it is by now, if it runs on by itself. */
static double value_now(const struct ui_model *m, uint32_t i, uint64_t now_ms)
{
        ui_counter_reader c = {ui_model_element(m, i)};
        uint64_t since = m->elements[i]->made_ms;
        double v = ui_counter_value(c);
        double ran = now_ms > since ? ui_counter_per_second(c) * (double)(now_ms - since) / 1e3 : 0;

        if (v >= 0 && v + ran < 0)
                return 0; /* what runs out is gone */
        return isfinite(v + ran) ? v + ran : v;
}

static void bar_draw(struct ui_pen *pen, double part)
{
        int full = part >= 1 ? BAR : part > 0 ? (int)(part * BAR) : 0;

        if (ui_pen_room(pen) < BAR + 3)
                return;

        ui_pen_add(pen, " [");
        for (int i = 0; i < BAR; i++)
                ui_pen_add(pen, i < full ? "#" : "-");
        ui_pen_add(pen, "]");
}

static void counter_draw(const struct ui_model *m, uint32_t i, uint32_t width, struct ui_pen *pen)
{
        ui_counter_reader c = {ui_model_element(m, i)};
        capnp_list recent = ui_counter_recent(c);
        double v = value_now(m, i, pen->draw.now_ms), goal = ui_counter_goal(c);
        double curve[RECENT];
        char out[UI_NUMBER_BYTES];

        ui_pen_add(pen, ui_tone_mark(ui_counter_tone(c)));
        ui_pen_add(pen, " ");
        ui_pen_field(pen, ui_counter_label(c).len ? ui_counter_label(c) : ui_counter_key(c), width,
                     false);
        ui_pen_words(pen, capnp_text_of(" "), 4);
        ui_pen_words(pen, capnp_text_of(ui_number(out, v, ui_counter_unit(c), pen)), 4);
        if (goal != 0) {
                ui_pen_words(pen, capnp_text_of(" of "), 4);
                ui_pen_words(pen, capnp_text_of(ui_number(out, goal, ui_counter_unit(c), pen)), 4);
                bar_draw(pen, v / goal);
        }
        if (ui_counter_per_second(c) != 0) {
                ui_pen_words(pen, capnp_text_of(ui_counter_per_second(c) > 0 ? " +" : " "), 4);
                ui_pen_words(
                        pen,
                        capnp_text_of(ui_number(out, ui_counter_per_second(c), UI_UNIT_PLAIN, pen)),
                        4);
                ui_pen_words(pen, capnp_text_of(" per second"), 4);
        }
        for (uint32_t k = 0; k < recent.len; k++)
                curve[k] = (double)capnp_list_f32(recent, k);
        if (recent.len && ui_pen_room(pen) > 2) {
                ui_pen_to(pen, pen->column + 1);
                ui_pen_curve(pen, curve, recent.len, RECENT);
        }
        ui_pen_line(pen);
}

static void counters_draw(const struct ui_model *m, struct ui_pen *pen)
{
        uint32_t width = 0, most = pen->draw.columns / 2;

        for (uint32_t i = 0; i < m->n; i++) {
                ui_counter_reader c = {ui_model_element(m, i)};
                uint32_t w = ui_text_width(ui_counter_label(c).len ? ui_counter_label(c)
                                                                   : ui_counter_key(c));

                width = w > width ? w : width;
        }
        for (uint32_t i = 0; i < m->n; i++)
                counter_draw(m, i, width < most ? width : most, pen);
}

const struct ui_kind ui_kind_counters = {
        .name = "counters",
        .id = UI_SURFACE_KIND_COUNTERS,
        .whole = &ui_shape_counters,
        .element = &ui_shape_counter,
        .slot = 0,
        .most = COUNTERS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_COUNTERS,
        .draw = counters_draw,
};
