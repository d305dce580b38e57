/*
 * A list: things with a key, in the order they came. Each may name commands of its surface that
 * make sense for it.
 */
#include "ui-field.h"
#include "ui-kind.h"
#include "ui-pen.h"

enum { ITEMS = 1000 };

static const struct ui_field item_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("title", 1, UI_TEXT_TITLE),
        UI_F_TEXT("detail", 2, UI_TEXT_SUMMARY),
        UI_F_TEXT("badge", 3, UI_TEXT_BADGE),
        UI_F_TONE("tone", 0),
        UI_F_ICON("icon", 2),
        UI_F_COMMANDS(4),
};

const struct ui_shape ui_shape_item = {
        .id = UI_ITEM_ID,
        .words = UI_ITEM_WORDS,
        .ptrs = UI_ITEM_PTRS,
        UI_SHAPE_FIELDS(item_fields),
};

static const struct ui_field list_fields[] = {
        UI_F_STRUCTS("items", 0, ui_shape_item, ITEMS),
        UI_F_ENUM("selectable", 0, UI_LIST_SELECTION_MANY),
};

const struct ui_shape ui_shape_list = {
        .id = UI_LIST_ID,
        .words = UI_LIST_WORDS,
        .ptrs = UI_LIST_PTRS,
        UI_SHAPE_FIELDS(list_fields),
};

/* The key is what an item is selected by, so where one may be, it is there to be typed. */
static void list_draw(const struct ui_model *m, struct ui_pen *pen)
{
        bool selectable = ui_list_selectable((ui_list_reader){ui_model_head(m)});

        for (uint32_t i = 0; i < m->n; i++) {
                ui_item_reader item = {ui_model_element(m, i)};
                capnp_text title = ui_item_title(item), badge = ui_item_badge(item);

                ui_pen_add(pen, ui_tone_mark(ui_item_tone(item)));
                ui_pen_add(pen, " ");
                if (selectable && title.len && !ui_text_is(title, ui_item_key(item))) {
                        ui_pen_words(pen, ui_item_key(item), 2);
                        ui_pen_words(pen, capnp_text_of(": "), 2);
                }
                ui_pen_words(pen, title.len ? title : ui_item_key(item), 2);
                if (badge.len) {
                        ui_pen_words(pen, capnp_text_of(" ["), 4);
                        ui_pen_words(pen, badge, 4);
                        ui_pen_words(pen, capnp_text_of("]"), 4);
                }
                if (ui_item_detail(item).len) {
                        ui_pen_words(pen, capnp_text_of(" - "), 4);
                        ui_pen_words(pen, ui_item_detail(item), 4);
                }
                ui_pen_line(pen);
        }
}

const struct ui_kind ui_kind_list = {
        .name = "list",
        .id = UI_SURFACE_KIND_LIST,
        .whole = &ui_shape_list,
        .element = &ui_shape_item,
        .slot = 0,
        .most = ITEMS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_ITEMS,
        .draw = list_draw,
};
