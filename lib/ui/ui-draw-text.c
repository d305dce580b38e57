/*
 * A model as plain text. Each kind draws itself with a pen (ui-pen.h), in its own file; here is
 * only what they share. Tones become a character before what has them, icons nothing: what matters
 * is said in words, for who hears it read.
 */
#include "ui-draw-text.h"
#include "ui-kind.h"
#include "ui-pen.h"

int ui_draw_text(const struct ui_model *m, const struct ui_draw *d, struct capnp_buf *to)
{
        struct ui_pen pen = {.out = {.b = to}, .draw = *d, .draw_from = to->len};
        size_t start = to->len;

        if (pen.draw.columns < UI_DRAW_COLUMNS)
                pen.draw.columns = UI_DRAW_COLUMNS;
        m->kind->draw(m, &pen);
        if (pen.column)
                ui_pen_line(&pen);
        return dynamic_out_end(&pen.out, start);
}
