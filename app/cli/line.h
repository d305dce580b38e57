/* A line that is being typed, on a terminal where other lines come in meanwhile. */
#ifndef CAPOS_CLI_LINE_H
#define CAPOS_CLI_LINE_H

#include "cli.h"

enum { LINE_BYTES = 4096 };

struct line {
        bool on; /* there is a terminal on both sides; else nothing here does anything */
        char text[LINE_BYTES + 1];
        size_t len;
        unsigned escape; /* how far into an escape sequence the input is */
};

enum line_state { LINE_GOES_ON, LINE_IS_WHOLE, LINE_IS_END };

/* Takes the terminal over, when standard input and output are one. */
void line_begin(struct line *l);
/* Gives it back. */
void line_end(struct line *l);
/* One byte from the terminal. LINE_IS_WHOLE: l->text is a line; clear it by line_clear(). */
enum line_state line_feed(struct line *l, char byte);
void line_clear(struct line *l);
/* Takes the line off the screen, so that something can be printed; and draws it anew. */
void line_hide(const struct line *l);
void line_show(const struct line *l);

#endif
