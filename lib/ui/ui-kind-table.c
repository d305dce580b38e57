/*
 * A table: columns that say how their cells are written, and rows of typed cells, one for each
 * column. Columns change only with the whole.
 */
#include "ui-field.h"
#include "ui-kind.h"

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
};
