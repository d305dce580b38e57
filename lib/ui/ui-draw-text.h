/* Any model as plain text: for terminals, screen readers, exports and tests. */
#ifndef CAPOS_UI_DRAW_TEXT_H
#define CAPOS_UI_DRAW_TEXT_H

#include <capos/capnp-dynamic.h>

#include "ui-model.h"

struct ui_draw {
        uint32_t columns;     /* at least 20 */
        uint32_t rows;        /* of logs and transcripts the last so many lines; 0: all */
        uint64_t now_ms;      /* for counters that run on by themselves; 0: they stand */
        int32_t utc_offset_s; /* instants are written in this zone */
};

/* Appends lines, each with its newline and none longer than d->columns, but for what a single word
 * needs. 0; CAPNP_E_LIMIT: more than the buffer may become; -ENOMEM. */
int ui_draw_text(const struct ui_model *m, const struct ui_draw *d,
                 struct capnp_buf *to) CAPNP_MUST_USE;

#endif
