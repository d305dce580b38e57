/*
 * A table: columns that say how their cells are written, and rows of typed cells, one for each
 * column. Columns change only with the whole.
 */
#include "ui-field.h"
#include "ui-kind.h"
#include "ui-pen.h"

enum { COLUMNS = 24, ROWS = 2000 };

static const struct ui_field column_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("title", 1, UI_TEXT_TITLE),
        UI_F_UNIT("unit", 0),
        UI_F_PLAIN("numeric", 2),
        UI_F_PLAIN("weight", 3),
};

static const struct ui_shape shape_column = {
        .id = UI_COLUMN_ID,
        .words = UI_COLUMN_WORDS,
        .ptrs = UI_COLUMN_PTRS,
        UI_SHAPE_FIELDS(column_fields),
};

static const struct ui_field row_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_STRUCTS("cells", 1, ui_shape_cell, COLUMNS),
        UI_F_TONE("tone", 0),
        UI_F_COMMANDS(2),
};

const struct ui_shape ui_shape_row = {
        .id = UI_ROW_ID,
        .words = UI_ROW_WORDS,
        .ptrs = UI_ROW_PTRS,
        UI_SHAPE_FIELDS(row_fields),
};

static const struct ui_field table_fields[] = {
        UI_F_STRUCTS("columns", 0, shape_column, COLUMNS),
        UI_F_STRUCTS("rows", 1, ui_shape_row, ROWS),
        UI_F_ENUM("selectable", 0, UI_LIST_SELECTION_MANY),
};

const struct ui_shape ui_shape_table = {
        .id = UI_TABLE_ID,
        .words = UI_TABLE_WORDS,
        .ptrs = UI_TABLE_PTRS,
        UI_SHAPE_FIELDS(table_fields),
};

static int table_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        ui_column_list columns = ui_table_columns((ui_table_reader){ui_model_head(m)});
        uint32_t n = ui_column_list_len(columns);

        for (uint32_t i = 0; i < n; i++)
                for (uint32_t k = 0; k < i; k++)
                        if (ui_text_is(ui_column_key(ui_column_list_get(columns, i)),
                                       ui_column_key(ui_column_list_get(columns, k))))
                                return UI_WRONG(ret_why, "columns[%u].key: there twice", i);
        for (uint32_t i = 0; i < m->n; i++) {
                ui_row_reader row = {ui_model_element(m, i)};

                if (ui_row_cells(row).l.len != n)
                        return UI_WRONG(ret_why, "rows[%u].cells: not as many as columns", i);
        }
        return 0;
}

/* What is drawn between two columns. */
enum { BETWEEN = 2, NARROWEST = 3 };

struct widths {
        uint32_t n, all;
        uint32_t w[COLUMNS];
        uint32_t key; /* of what a row is selected by, before all others; 0: none is */
};

/* At most a third of a page: who has longer keys than that is told them when one is mistyped. */
static uint32_t key_measure(const struct ui_model *m, const struct ui_pen *pen)
{
        uint32_t widest = 0, most = pen->draw.columns / 3;

        if (!ui_table_selectable((ui_table_reader){ui_model_head(m)}))
                return 0;
        for (uint32_t i = 0; i < m->n; i++) {
                uint32_t width = ui_text_width(ui_row_key((ui_row_reader){ui_model_element(m, i)}));

                if (width > widest)
                        widest = width;
        }
        return widest < most ? widest : most;
}

static void key_draw(struct ui_pen *pen, const struct widths *w, capnp_text key)
{
        if (!w->key)
                return;
        ui_pen_field(pen, key, w->key, false);
        ui_pen_to(pen, pen->column + BETWEEN);
}

static void widths_measure(const struct ui_model *m, ui_column_list columns, struct widths *w,
                           struct ui_pen *pen)
{
        char out[UI_NUMBER_BYTES];

        w->n = ui_column_list_len(columns);
        w->all = w->n ? (w->n - 1) * BETWEEN : 0;
        for (uint32_t c = 0; c < w->n; c++) {
                ui_column_reader column = ui_column_list_get(columns, c);

                w->w[c] = ui_text_width(ui_column_title(column));
                for (uint32_t i = 0; i < m->n; i++) {
                        ui_row_reader row = {ui_model_element(m, i)};
                        uint32_t width = ui_text_width(
                                ui_value_text(out, command_value_list_get(ui_row_cells(row), c),
                                              ui_column_unit(column), pen));

                        if (width > w->w[c])
                                w->w[c] = width;
                }
                w->all += w->w[c];
        }
}

/* Takes from the widest, by its weight, until all of it fits. */
static void widths_fit(ui_column_list columns, struct widths *w, uint32_t room)
{
        while (w->all > room) {
                uint32_t widest = 0;
                double most = -1;

                for (uint32_t c = 0; c < w->n; c++) {
                        uint8_t weight = ui_column_weight(ui_column_list_get(columns, c));
                        double share = w->w[c] / (weight ? (double)weight : 1);

                        if (w->w[c] > NARROWEST && share > most) {
                                most = share;
                                widest = c;
                        }
                }
                if (most < 0)
                        return; /* those at the end are left out */
                w->w[widest]--;
                w->all--;
        }
}

static void cell_draw(struct ui_pen *pen, const struct widths *w, uint32_t c, capnp_text t,
                      bool right)
{
        uint32_t columns = w->w[c] < ui_pen_room(pen) ? w->w[c] : ui_pen_room(pen);

        if (columns < w->w[c] && columns < NARROWEST)
                return;
        ui_pen_field(pen, t, columns, right);
        if (c + 1 < w->n && ui_pen_room(pen) > BETWEEN)
                ui_pen_to(pen, pen->column + BETWEEN);
}

static void table_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_column_list columns = ui_table_columns((ui_table_reader){ui_model_head(m)});
        char out[UI_NUMBER_BYTES];
        struct widths w;

        widths_measure(m, columns, &w, pen);
        w.key = key_measure(m, pen);
        widths_fit(columns, &w, pen->draw.columns - 2 - (w.key ? w.key + BETWEEN : 0));
        ui_pen_add(pen, "  ");
        key_draw(pen, &w, (capnp_text){"", 0});
        for (uint32_t c = 0; c < w.n; c++) {
                ui_column_reader column = ui_column_list_get(columns, c);

                cell_draw(pen, &w, c, ui_column_title(column), ui_column_numeric(column));
        }
        ui_pen_line(pen);
        for (uint32_t i = 0; i < m->n; i++) {
                ui_row_reader row = {ui_model_element(m, i)};

                ui_pen_add(pen, ui_tone_mark(ui_row_tone(row)));
                ui_pen_add(pen, " ");
                key_draw(pen, &w, ui_row_key(row));
                for (uint32_t c = 0; c < w.n; c++) {
                        ui_column_reader column = ui_column_list_get(columns, c);

                        cell_draw(pen, &w, c,
                                  ui_value_text(out, command_value_list_get(ui_row_cells(row), c),
                                                ui_column_unit(column), pen),
                                  ui_column_numeric(column));
                }
                ui_pen_line(pen);
        }
}

const struct ui_kind ui_kind_table = {
        .name = "table",
        .id = UI_SURFACE_KIND_TABLE,
        .whole = &ui_shape_table,
        .element = &ui_shape_row,
        .slot = 1,
        .most = ROWS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_ROWS,
        .check = table_check,
        .draw = table_draw,
};
