/* A window: its frame, its page, and its session. */
#ifndef CAPOS_DESKTOP_WINDOW_H
#define CAPOS_DESKTOP_WINDOW_H

#include <stdbool.h>

struct window;

/* helper: what starts others (helper.h); has_opener: a browser, too. Shows it; the loop ends with
 * it. */
struct window *window_new(int helper, bool has_opener);
void window_free(struct window *w);

#endif
