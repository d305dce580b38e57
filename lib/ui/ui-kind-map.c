/*
 * A map: a grid of places from a legend, paths over it, and markers on it. Markers come and go by
 * key; a delta may also change single places of the grid. Everything lies inside.
 */
#include "ui-kind.h"
#include "ui-pen.h"

#include <stdio.h>

enum { SIDE = 64, TILES = 64, MARKERS = 128, PATHS = 256, CELLS = SIDE * SIDE };

static const struct ui_field tile_fields[] = {
        UI_F_TEXT("glyph", 0, UI_TEXT_GLYPH),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_TONE("tone", 0),
};

static const struct ui_shape shape_tile = {
        .id = UI_TILE_ID,
        .words = UI_TILE_WORDS,
        .ptrs = UI_TILE_PTRS,
        UI_SHAPE_FIELDS(tile_fields),
};

static const struct ui_field marker_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_PLAIN("x", 0),
        UI_F_PLAIN("y", 2),
        UI_F_ICON("icon", 4),
        UI_F_TEXT("label", 1, UI_TEXT_LABEL),
        UI_F_TONE("tone", 6),
        UI_F_PLAIN("here", 8),
        UI_F_COMMANDS(2),
};

static const struct ui_shape shape_marker = {
        .id = UI_MARKER_ID,
        .words = UI_MARKER_WORDS,
        .ptrs = UI_MARKER_PTRS,
        UI_SHAPE_FIELDS(marker_fields),
};

static const struct ui_field path_fields[] = {
        UI_F_PLAIN("fromX", 0), UI_F_PLAIN("fromY", 2), UI_F_PLAIN("toX", 4),
        UI_F_PLAIN("toY", 6),   UI_F_TONE("tone", 8),
};

static const struct ui_shape shape_path = {
        .id = UI_MAP_PATH_ID,
        .words = UI_MAP_PATH_WORDS,
        .ptrs = UI_MAP_PATH_PTRS,
        UI_SHAPE_FIELDS(path_fields),
};

static const struct ui_field map_fields[] = {
        UI_F_PLAIN("width", 0),
        UI_F_PLAIN("height", 2),
        UI_F_STRUCTS("tiles", 0, shape_tile, TILES),
        UI_F_BYTES("cells", 1, CELLS),
        UI_F_STRUCTS("markers", 2, shape_marker, MARKERS),
        UI_F_STRUCTS("paths", 3, shape_path, PATHS),
};

const struct ui_shape ui_shape_map = {
        .id = UI_MAP_ID,
        .words = UI_MAP_WORDS,
        .ptrs = UI_MAP_PTRS,
        UI_SHAPE_FIELDS(map_fields),
};

static const struct ui_field cell_fields[] = {
        UI_F_PLAIN("x", 0),
        UI_F_PLAIN("y", 2),
        UI_F_PLAIN("tile", 4),
};

static const struct ui_shape shape_cell = {
        .id = UI_MODEL_PATCH_MAP_PATCH_CELL_ID,
        .words = UI_MODEL_PATCH_MAP_PATCH_CELL_WORDS,
        .ptrs = UI_MODEL_PATCH_MAP_PATCH_CELL_PTRS,
        UI_SHAPE_FIELDS(cell_fields),
};

static const struct ui_field patch_fields[] = {
        UI_F_STRUCTS("cells", 0, shape_cell, CELLS),
        UI_F_STRUCTS("markers", 1, shape_marker, MARKERS),
};

const struct ui_shape ui_shape_map_patch = {
        .id = UI_MODEL_PATCH_MAP_PATCH_ID,
        .words = UI_MODEL_PATCH_MAP_PATCH_WORDS,
        .ptrs = UI_MODEL_PATCH_MAP_PATCH_PTRS,
        UI_SHAPE_FIELDS(patch_fields),
};

static capnp_list map_elements(ui_model_patch_reader p)
{
        return ui_model_patch_map_patch_markers(ui_model_patch_map(p)).l;
}

static int map_head(const struct ui_model *m, ui_model_patch_reader p, struct ui_block **ret_b,
                    struct ui_refused *ret_why)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *msg = NULL;
        ui_map_reader was = {ui_model_head(m)};
        ui_model_patch_map_patch_cell_list cells =
                ui_model_patch_map_patch_cells(ui_model_patch_map(p));
        uint16_t width = ui_map_width(was), height = ui_map_height(was);
        capnp_lbuilder to;
        int r;

        if (!cells.l.len) {
                *ret_b = ui_block_ref(m->head);
                return 0;
        }

        r = capnp_msg_new(&msg);
        if (r)
                return r;

        capnp_abuilder_set_struct(capnp_msg_build(msg), was.r);
        to = ui_map_build_cells((ui_map_builder){
                capnp_abuilder_struct(capnp_msg_build(msg), UI_MAP_WORDS, UI_MAP_PTRS, NULL)});
        for (uint32_t i = 0; i < ui_model_patch_map_patch_cell_list_len(cells); i++) {
                ui_model_patch_map_patch_cell_reader c =
                        ui_model_patch_map_patch_cell_list_get(cells, i);
                uint16_t x = ui_model_patch_map_patch_cell_x(c);
                uint16_t y = ui_model_patch_map_patch_cell_y(c);

                if (x >= width || y >= height)
                        return UI_WRONG(ret_why, "cells[%u]: outside of the map", i);
                capnp_lbuilder_set_u8(to, y * (uint32_t)width + x,
                                      ui_model_patch_map_patch_cell_tile(c));
        }
        r = capnp_msg_check(msg);
        return r ? r
                 : ui_block_new(&ui_shape_map, capnp_any_struct(capnp_msg_root(msg), NULL),
                                UINT16_MAX, ret_b);
}

static int map_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        ui_map_reader map = {ui_model_head(m)};
        uint16_t width = ui_map_width(map), height = ui_map_height(map);
        capnp_list cells = ui_map_cells(map);
        ui_map_path_list paths = ui_map_paths(map);

        if (width > SIDE || height > SIDE)
                return UI_WRONG(ret_why, "more than %d by %d", SIDE, SIDE);
        if (cells.len != (uint32_t)width * height)
                return UI_WRONG(ret_why, "cells: not width by height");
        for (uint32_t i = 0; i < cells.len; i++)
                if (capnp_list_u8(cells, i) >= ui_tile_list_len(ui_map_tiles(map)))
                        return UI_WRONG(ret_why, "cells[%u]: not in tiles", i);
        for (uint32_t i = 0; i < ui_map_path_list_len(paths); i++) {
                ui_map_path_reader p = ui_map_path_list_get(paths, i);

                if (ui_map_path_from_x(p) >= width || ui_map_path_to_x(p) >= width ||
                    ui_map_path_from_y(p) >= height || ui_map_path_to_y(p) >= height)
                        return UI_WRONG(ret_why, "paths[%u]: outside of the map", i);
        }
        for (uint32_t i = 0; i < m->n; i++) {
                ui_marker_reader k = {ui_model_element(m, i)};

                if (ui_marker_x(k) >= width || ui_marker_y(k) >= height)
                        return UI_WRONG(ret_why, "markers[%u]: outside of the map", i);
        }
        return 0;
}

/* Markers on the grid: `@` is where the person is, the others by number. */
static char marker_char(const struct ui_model *m, uint32_t i)
{
        static const char names[] = "123456789abcdefghijklmnopqrstuvwxyz";

        if (ui_marker_here((ui_marker_reader){ui_model_element(m, i)}))
                return '@';
        return i < sizeof(names) - 1 ? names[i] : '*';
}

/* The marker at a place; UINT32_MAX: none. Where the person is goes before others. */
static uint32_t marker_at(const struct ui_model *m, uint32_t x, uint32_t y)
{
        uint32_t found = UINT32_MAX;

        for (uint32_t i = 0; i < m->n; i++) {
                ui_marker_reader k = {ui_model_element(m, i)};

                if (ui_marker_x(k) == x && ui_marker_y(k) == y &&
                    (found == UINT32_MAX || ui_marker_here(k)))
                        found = i;
        }
        return found;
}

/* The first column that is drawn, when the page is too narrow for all: the person is in sight. */
static uint32_t view_from(const struct ui_model *m, uint32_t width, uint32_t shown)
{
        uint32_t here = 0;

        for (uint32_t i = 0; i < m->n; i++)
                if (ui_marker_here((ui_marker_reader){ui_model_element(m, i)}))
                        here = ui_marker_x((ui_marker_reader){ui_model_element(m, i)});
        if (here < shown / 2)
                return 0;
        return here - shown / 2 < width - shown ? here - shown / 2 : width - shown;
}

static void grid_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_map_reader map = {ui_model_head(m)};
        uint32_t width = ui_map_width(map), height = ui_map_height(map), each = 1, shown, from;
        ui_tile_list tiles = ui_map_tiles(map);

        for (uint32_t i = 0; i < ui_tile_list_len(tiles); i++)
                if (ui_text_width(ui_tile_glyph(ui_tile_list_get(tiles, i))) > 1)
                        each = 2;
        shown = width * each > pen->draw.columns ? pen->draw.columns / each : width;
        from = view_from(m, width, shown);
        for (uint32_t y = 0; y < height; y++) {
                for (uint32_t x = from; x < from + shown; x++) {
                        uint32_t marker = marker_at(m, x, y);
                        uint8_t tile = capnp_list_u8(ui_map_cells(map), y * width + x);
                        char name[2] = {marker == UINT32_MAX ? ' ' : marker_char(m, marker)};

                        ui_pen_field(pen,
                                     marker == UINT32_MAX
                                             ? ui_tile_glyph(ui_tile_list_get(tiles, tile))
                                             : capnp_text_of(name),
                                     each, false);
                }
                ui_pen_line(pen);
        }
}

static void map_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_map_reader map = {ui_model_head(m)};
        ui_tile_list tiles = ui_map_tiles(map);
        ui_map_path_list paths = ui_map_paths(map);
        char text[80];

        grid_draw(m, pen);
        for (uint32_t i = 0; i < m->n; i++) {
                ui_marker_reader k = {ui_model_element(m, i)};

                (void)snprintf(text, sizeof(text), "%c ", marker_char(m, i));
                ui_pen_add(pen, text);
                ui_pen_words(pen, ui_marker_label(k).len ? ui_marker_label(k) : ui_marker_key(k),
                             2);
                (void)snprintf(text, sizeof(text), " - column %u, row %u", ui_marker_x(k) + 1,
                               ui_marker_y(k) + 1);
                ui_pen_words(pen, capnp_text_of(text), 2);
                ui_pen_line(pen);
        }
        for (uint32_t i = 0; i < ui_tile_list_len(tiles); i++) {
                ui_tile_reader tile = ui_tile_list_get(tiles, i);

                if (!ui_tile_label(tile).len)
                        continue;
                ui_pen_field(pen, ui_tile_glyph(tile), 2, false);
                ui_pen_words(pen, ui_tile_label(tile), 2);
                ui_pen_line(pen);
        }
        for (uint32_t i = 0; i < ui_map_path_list_len(paths); i++) {
                ui_map_path_reader p = ui_map_path_list_get(paths, i);

                (void)snprintf(text, sizeof(text),
                               "way from column %u, row %u to column %u, row %u",
                               ui_map_path_from_x(p) + 1, ui_map_path_from_y(p) + 1,
                               ui_map_path_to_x(p) + 1, ui_map_path_to_y(p) + 1);
                ui_pen_words(pen, capnp_text_of(text), 2);
                ui_pen_line(pen);
        }
}

const struct ui_kind ui_kind_map = {
        .name = "map",
        .id = UI_SURFACE_KIND_MAP,
        .whole = &ui_shape_map,
        .element = &shape_marker,
        .slot = 2,
        .most = MARKERS,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_MAP,
        .elements = map_elements,
        .head = map_head,
        .check = map_check,
        .draw = map_draw,
};
