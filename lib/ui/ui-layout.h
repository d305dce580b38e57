/* Where panes go: a pure function of what is wished and how much room there is. */
#ifndef CAPOS_UI_LAYOUT_H
#define CAPOS_UI_LAYOUT_H

#include <capos/ui.h>

/* A pane that wants a place. */
struct ui_spot {
        capos_ui_surface *surface;
        uint32_t service;               /* panes of one may share tabs */
        unsigned kind;                  /* enum ui_surface_kind */
        unsigned place;                 /* enum capos_ui_place; an unknown one is as ANY */
        uint32_t weight;                /* 1 to 12; 0: no wish */
        uint32_t min_columns, min_rows; /* of what it shows */
        int32_t order;
        capnp_text tab; /* borrowed; len 0: no wish */
        uint64_t front; /* which was shown last: of two in tabs, the greater is seen */
        bool collapsed, pinned;
};

/* Finds a place for all of them, in the order they came; n <= CAPOS_UI_SURFACES. */
void ui_layout_of(const struct ui_spot *spots, uint32_t n, uint16_t columns, uint16_t rows,
                  struct capos_ui_layout *ret_l);

#endif
