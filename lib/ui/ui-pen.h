/* Writes lines of plain text, none wider than a page: what the kinds draw themselves with. */
#ifndef CAPOS_UI_PEN_H
#define CAPOS_UI_PEN_H

#include "dynamic-buf.h"
#include "ui-draw-text.h"

struct ui_pen {
        struct dynamic_out out; /* keeps its first error, so drawing asks once, at the end */
        struct ui_draw draw;
        size_t draw_from; /* where in the buffer it all begins */
        uint32_t column;  /* where the line at hand is */
        uint32_t from;    /* where that line begins */
        bool blank;       /* one is due before the next word of this line */
        const char *more; /* stands at the beginning of a line that goes on; NULL: nothing */
};

enum { UI_NUMBER_BYTES = 64, UI_BAR_STEPS = 8 };

/* Ends the line, also an empty one. */
void ui_pen_line(struct ui_pen *p);
/* Adds to the line what is known to fit, or is ours: no newline, no tab. */
void ui_pen_add(struct ui_pen *p, const char *s);
/* Adds a text in a field of so many columns: cut with an ellipsis, or filled with blanks. What
 * breaks lines in it is a blank. */
void ui_pen_field(struct ui_pen *p, capnp_text t, uint32_t columns, bool right);
/* Goes to a column with blanks, if it is ahead. */
void ui_pen_to(struct ui_pen *p, uint32_t column);
/* Columns that are left in the line. */
uint32_t ui_pen_room(const struct ui_pen *p);
/* Adds a text from here on, broken between words where the line ends; further lines begin at
 * column `indent`. Newlines of the text break, too. The last line is left open, also for the next
 * word: blanks at the end of the text stand before it. */
void ui_pen_words(struct ui_pen *p, capnp_text t, uint32_t indent);
/* The same without joining or breaking between words: a line that is too long goes on below. */
void ui_pen_code(struct ui_pen *p, capnp_text t, uint32_t indent);
/* A curve of one character for each value: columns of them, the newest last; gaps are blanks. */
void ui_pen_curve(struct ui_pen *p, const double *y, uint32_t n, uint32_t columns);

/* A character for a tone, before what has it; a blank for neutral and muted. */
const char *ui_tone_mark(enum ui_tone tone);
/* Numbers in words: `1.5 KiB`, `42 %`. Each returns out. */
const char *ui_number(char out[UI_NUMBER_BYTES], double v, enum ui_unit unit,
                      const struct ui_pen *p);
const char *ui_instant(char out[UI_NUMBER_BYTES], uint64_t ms, bool date, const struct ui_pen *p);
/* A value in words, perhaps in out. */
capnp_text ui_value_text(char out[UI_NUMBER_BYTES], command_value_reader v, enum ui_unit unit,
                         const struct ui_pen *p);

#endif
