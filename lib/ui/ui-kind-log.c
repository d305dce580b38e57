/*
 * A log: lines that only ever come at the end. Their numbers grow, so a gap can be shown; older
 * ones than `keep` go.
 */
#include "ui-field.h"
#include "ui-kind.h"
#include "ui-pen.h"

#include <stdio.h>

enum { LINES = 5000, ATTRIBUTES = 8 };

static const struct ui_field pair_fields[] = {
        UI_F_TEXT("name", 0, UI_TEXT_LABEL),
        UI_F_STRUCT("value", 1, ui_shape_cell),
};

static const struct ui_shape shape_pair = {
        .id = UI_PAIR_ID,
        .words = UI_PAIR_WORDS,
        .ptrs = UI_PAIR_PTRS,
        UI_SHAPE_FIELDS(pair_fields),
};

static const struct ui_field line_fields[] = {
        UI_F_PLAIN("sequence", 0),
        UI_F_PLAIN("atMs", 8),
        UI_F_TONE("level", 16),
        UI_F_TEXT("source", 0, UI_TEXT_LABEL),
        UI_F_TEXT("text", 1, UI_TEXT_MESSAGE),
        UI_F_STRUCTS("attributes", 2, shape_pair, ATTRIBUTES),
};

const struct ui_shape ui_shape_line = {
        .id = UI_LOG_LINE_ID,
        .words = UI_LOG_LINE_WORDS,
        .ptrs = UI_LOG_LINE_PTRS,
        UI_SHAPE_FIELDS(line_fields),
};

static const struct ui_field log_fields[] = {
        UI_F_STRUCTS("lines", 0, ui_shape_line, LINES),
        UI_F_PLAIN("keep", 0),
};

const struct ui_shape ui_shape_log = {
        .id = UI_LOG_ID,
        .words = UI_LOG_WORDS,
        .ptrs = UI_LOG_PTRS,
        UI_SHAPE_FIELDS(log_fields),
};

static uint32_t log_keep(capnp_reader head)
{
        return ui_log_keep((ui_log_reader){head});
}

static int log_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        uint32_t keep = log_keep(ui_model_head(m));
        uint64_t last = 0;

        if (keep < 1 || keep > LINES)
                return UI_WRONG(ret_why, "keep: not 1 to %d", LINES);
        for (uint32_t i = 0; i < m->n; i++) {
                uint64_t sequence =
                        ui_log_line_sequence((ui_log_line_reader){ui_model_element(m, i)});

                if (i && sequence <= last)
                        return UI_WRONG(ret_why, "lines: sequence does not grow");
                last = sequence;
        }
        return 0;
}

static void line_draw(struct ui_pen *pen, ui_log_line_reader line)
{
        char out[UI_NUMBER_BYTES];
        ui_pair_list pairs = ui_log_line_attributes(line);
        capnp_text source = ui_log_line_source(line);

        ui_pen_add(pen, ui_tone_mark(ui_log_line_level(line)));
        ui_pen_add(pen, " ");
        if (ui_log_line_at_ms(line)) {
                ui_pen_add(pen, ui_instant(out, ui_log_line_at_ms(line), false, pen));
                ui_pen_add(pen, " ");
        }
        if (source.len) {
                ui_pen_words(pen, source, 2);
                ui_pen_words(pen, capnp_text_of(": "), 2);
        }
        ui_pen_words(pen, ui_log_line_text(line), 2);
        for (uint32_t i = 0; i < ui_pair_list_len(pairs); i++) {
                ui_pair_reader pair = ui_pair_list_get(pairs, i);

                ui_pen_words(pen, capnp_text_of(" "), 2);
                ui_pen_words(pen, ui_pair_name(pair), 2);
                ui_pen_words(pen, capnp_text_of("="), 2);
                ui_pen_words(pen, ui_value_text(out, ui_pair_value(pair), UI_UNIT_PLAIN, pen), 2);
        }
        ui_pen_line(pen);
}

static void log_draw(const struct ui_model *m, struct ui_pen *pen)
{
        uint32_t first = pen->draw.rows && m->n > pen->draw.rows ? m->n - pen->draw.rows : 0;
        uint64_t last = 0;

        for (uint32_t i = first; i < m->n; i++) {
                ui_log_line_reader line = {ui_model_element(m, i)};
                uint64_t sequence = ui_log_line_sequence(line);

                if (i > first && sequence - last > 1) {
                        char gap[UI_NUMBER_BYTES];

                        (void)snprintf(gap, sizeof(gap), "(%llu missing)",
                                       (unsigned long long)(sequence - last - 1));
                        ui_pen_add(pen, "  ");
                        ui_pen_words(pen, capnp_text_of(gap), 2);
                        ui_pen_line(pen);
                }
                line_draw(pen, line);
                last = sequence;
        }
}

const struct ui_kind ui_kind_log = {
        .name = "log",
        .id = UI_SURFACE_KIND_LOG,
        .whole = &ui_shape_log,
        .element = &ui_shape_line,
        .slot = 0,
        .most = LINES,
        .deltas = 1 << UI_MODEL_PATCH_LINES,
        .keep = log_keep,
        .check = log_check,
        .draw = log_draw,
};
