/* What tabs are shown of the panes: whole, and then what changes. */
#ifndef CAPOS_WEB_FEED_H
#define CAPOS_WEB_FEED_H

#include "bridge.h"

struct feed;

/* One for a workspace, which outlives it. NULL: no memory. */
struct feed *feed_new(struct bridge *b) CAPNP_MUST_USE;
struct feed *feed_free(struct feed *f);
/* The workspace is there. */
void feed_begin(struct feed *f, capos_ui *ui);
/* As capos_ui_front_ops has them. */
void feed_opened(struct feed *f, const capos_ui_surface *s);
void feed_changed(struct feed *f, const capos_ui_surface *s, const struct capos_ui_change *c);
void feed_closed(struct feed *f, const capos_ui_surface *s);
/* A tab has come in: it is shown all of them, each as soon as there is room. */
void feed_tab(struct feed *f, const struct bridge_tab *t);

#endif
