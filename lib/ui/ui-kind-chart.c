/*
 * A chart: series of points, and marks on the axis. Points come at the end of their series, and
 * older ones than `keep` go, in each series by itself.
 */
#include "ui-kind.h"
#include "ui-pen.h"

#include <math.h>
#include <stdio.h>

enum { SERIES = 8, POINTS = 4096, MARKS = 16 };

static const struct ui_field series_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_TONE("tone", 0),
        UI_F_NUMBERS("x", UI_FIELD_DOUBLES, 2, UI_NUMBERS_FINITE, POINTS),
        UI_F_NUMBERS("y", UI_FIELD_DOUBLES, 3, UI_NUMBERS_GAPS, POINTS),
};

const struct ui_shape ui_shape_series = {
        .id = UI_SERIES_ID,
        .words = UI_SERIES_WORDS,
        .ptrs = UI_SERIES_PTRS,
        UI_SHAPE_FIELDS(series_fields),
};

static const struct ui_field mark_fields[] = {
        UI_F_NUMBER("x", UI_FIELD_DOUBLE, 0, UI_NUMBERS_FINITE),
        UI_F_TEXT("label", 0, UI_TEXT_LABEL),
        UI_F_TONE("tone", 8),
};

static const struct ui_shape shape_mark = {
        .id = UI_CHART_MARK_ID,
        .words = UI_CHART_MARK_WORDS,
        .ptrs = UI_CHART_MARK_PTRS,
        UI_SHAPE_FIELDS(mark_fields),
};

static const struct ui_field chart_fields[] = {
        UI_F_ENUM("style", 0, UI_CHART_STYLE_STEPS),
        UI_F_PLAIN("time", 2),
        UI_F_UNIT("unit", 4),
        UI_F_STRUCTS("series", 0, ui_shape_series, SERIES),
        UI_F_PLAIN("keep", 8),
        UI_F_STRUCTS("mark", 1, shape_mark, MARKS),
};

const struct ui_shape ui_shape_chart = {
        .id = UI_CHART_ID,
        .words = UI_CHART_WORDS,
        .ptrs = UI_CHART_PTRS,
        UI_SHAPE_FIELDS(chart_fields),
};

/* The last `keep` of two lists, one behind the other. */
static void points_join(capnp_lbuilder to, capnp_list a, capnp_list b)
{
        uint32_t skip = a.len + b.len - to.len;

        for (uint32_t i = 0; i < to.len; i++) {
                uint32_t k = i + skip;

                capnp_lbuilder_set_f64(
                        to, i, k < a.len ? capnp_list_f64(a, k) : capnp_list_f64(b, k - a.len));
        }
}

static int chart_merge(capnp_reader head, const struct ui_block *old, capnp_reader given,
                       struct ui_block **ret_b, struct ui_refused *ret_why)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        ui_series_reader more = {given}, was = {old ? ui_block_reader(old) : (capnp_reader){0}};
        uint32_t keep = ui_chart_keep((ui_chart_reader){head});
        uint32_t n = ui_series_x(was).len + ui_series_x(more).len;
        ui_series_builder b;
        int r;

        if (ui_series_x(more).len != ui_series_y(more).len)
                return UI_WRONG(ret_why, "series: x and y are not equally long");

        r = capnp_msg_new(&m);
        if (r)
                return r;

        n = n < keep ? n : keep;
        b = ui_series_build(m);
        ui_series_set_key_n(b, ui_series_key(more));
        ui_series_set_label_n(b, ui_series_label(old ? was : more));
        ui_series_set_tone(b, ui_series_tone(old ? was : more));
        points_join(ui_series_init_x(b, n), ui_series_x(was), ui_series_x(more));
        points_join(ui_series_init_y(b, n), ui_series_y(was), ui_series_y(more));
        r = capnp_msg_check(m);
        return r ? r : ui_block_new(&ui_shape_series, ui_series_as_reader(b).r, UINT16_MAX, ret_b);
}

static int chart_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        uint32_t keep = ui_chart_keep((ui_chart_reader){ui_model_head(m)});
        uint32_t points = 0;

        if (keep < 1 || keep > POINTS)
                return UI_WRONG(ret_why, "keep: not 1 to %d", POINTS);
        for (uint32_t i = 0; i < m->n; i++)
                points += ui_series_x((ui_series_reader){ui_model_element(m, i)}).len;
        return points > POINTS ? UI_WRONG(ret_why, "more than %d points", POINTS) : 0;
}

/* In words what a curve would show: how many points, the last, the least and the most of them. */
static void series_say(struct ui_pen *pen, capnp_list y, enum ui_unit unit)
{
        char last[UI_NUMBER_BYTES], least[UI_NUMBER_BYTES], most[UI_NUMBER_BYTES];
        char text[4 * UI_NUMBER_BYTES];
        double low = INFINITY, high = -INFINITY, end = NAN;

        for (uint32_t i = 0; i < y.len; i++) {
                double v = capnp_list_f64(y, i);

                if (isnan(v))
                        continue;
                low = v < low ? v : low;
                high = v > high ? v : high;
                end = v;
        }
        if (isnan(end)) {
                ui_pen_words(pen, capnp_text_of("nothing yet"), 4);
                return;
        }
        (void)snprintf(text, sizeof(text), "%s (%s to %s, %u points)",
                       ui_number(last, end, unit, pen), ui_number(least, low, unit, pen),
                       ui_number(most, high, unit, pen), y.len);
        ui_pen_words(pen, capnp_text_of(text), 4);
}

static void series_draw(struct ui_pen *pen, ui_series_reader s, enum ui_unit unit)
{
        capnp_list y = ui_series_y(s);
        uint32_t room = pen->draw.columns - 2, n = y.len < room ? y.len : room;
        double curve[POINTS];

        ui_pen_add(pen, ui_tone_mark(ui_series_tone(s)));
        ui_pen_add(pen, " ");
        ui_pen_words(pen, ui_series_label(s).len ? ui_series_label(s) : ui_series_key(s), 2);
        ui_pen_words(pen, capnp_text_of(": "), 4);
        series_say(pen, y, unit);
        ui_pen_line(pen);
        if (!n)
                return;

        for (uint32_t i = 0; i < n; i++)
                curve[i] = capnp_list_f64(y, y.len - n + i);
        ui_pen_to(pen, 2);
        ui_pen_curve(pen, curve, n, n);
        ui_pen_line(pen);
}

static void chart_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_chart_reader chart = {ui_model_head(m)};
        ui_chart_mark_list marks = ui_chart_mark(chart);
        char out[UI_NUMBER_BYTES];

        for (uint32_t i = 0; i < m->n; i++)
                series_draw(pen, (ui_series_reader){ui_model_element(m, i)}, ui_chart_unit(chart));
        for (uint32_t i = 0; i < ui_chart_mark_list_len(marks); i++) {
                ui_chart_mark_reader mark = ui_chart_mark_list_get(marks, i);
                enum ui_unit unit = ui_chart_time(chart) ? UI_UNIT_INSTANT : UI_UNIT_PLAIN;

                ui_pen_add(pen, ui_tone_mark(ui_chart_mark_tone(mark)));
                ui_pen_add(pen, " ");
                ui_pen_words(pen, ui_chart_mark_label(mark), 4);
                ui_pen_words(pen, capnp_text_of(" at "), 4);
                ui_pen_words(pen, capnp_text_of(ui_number(out, ui_chart_mark_x(mark), unit, pen)),
                             4);
                ui_pen_line(pen);
        }
}

const struct ui_kind ui_kind_chart = {
        .name = "chart",
        .id = UI_SURFACE_KIND_CHART,
        .whole = &ui_shape_chart,
        .element = &ui_shape_series,
        .slot = 0,
        .most = SERIES,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_POINTS,
        .merge = chart_merge,
        .check = chart_check,
        .draw = chart_draw,
};
