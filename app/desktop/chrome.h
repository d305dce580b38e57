/* The window's frame: its title bar, what is asked, and the stripe under both. */
#ifndef CAPOS_DESKTOP_CHROME_H
#define CAPOS_DESKTOP_CHROME_H

#include "frames.h"

#include <gtk/gtk.h>

enum chrome_act { CHROME_FIND, CHROME_RENEW, CHROME_RESET, CHROME_LOGOUT, CHROME_STOP };

struct chrome;

/* Becomes the title bar of a window, which owns it. */
struct chrome *chrome_new(GtkWindow *w, void (*act)(void *arg, enum chrome_act act), void *arg);
void chrome_free(struct chrome *c);
void chrome_standing(struct chrome *c, const struct standing *s);
/* Whether a browser goes on for this window. */
void chrome_away(struct chrome *c, bool away);
/* Where a sheet goes; while there is one, nothing else of the frame can be used. */
GtkBox *chrome_room(struct chrome *c);
void chrome_asks(struct chrome *c, bool asks);
/* What the keyboard goes to first in it. */
GtkWidget *chrome_first(struct chrome *c);

#endif
