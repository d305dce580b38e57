/* Any model as plain text: for terminals, screen readers, exports and tests. */
#ifndef CAPOS_UI_DRAW_TEXT_H
#define CAPOS_UI_DRAW_TEXT_H

#include <capos/capnp-dynamic.h>

#include "ui-model.h"

enum { UI_DRAW_COLUMNS = 20 }; /* the narrowest page */

struct ui_draw {
        uint32_t columns;     /* of the page; at least UI_DRAW_COLUMNS */
        uint32_t rows;        /* of a log or a transcript the last so many elements; 0: all */
        uint64_t now_ms;      /* for counters that run on by themselves; 0: they stand */
        int32_t utc_offset_s; /* instants are written in this zone */
};

/* Appends lines, each with its newline and none wider than the page. 0; CAPNP_E_LIMIT: more than
 * the buffer may become; -ENOMEM. After an error nothing was appended. */
int ui_draw_text(const struct ui_model *m, const struct ui_draw *d,
                 struct capnp_buf *to) CAPNP_MUST_USE;

#endif
