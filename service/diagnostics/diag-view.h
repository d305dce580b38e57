/* Diagnostics in panes. */
#ifndef DIAG_VIEW_H
#define DIAG_VIEW_H

#include "diag-feed.h"

#include <capos/kit-commands.h>

enum { DIAG_MARKS = 8, DIAG_LABEL_BYTES = 64 };

enum { DIAG_MARK, DIAG_WINDOW, DIAG_SLOW, DIAG_COMPACT, DIAG_COMMANDS };

extern const struct kit_command diag_commands[DIAG_COMMANDS];

/* What one has set, for all panes that he has. */
struct diag_settings {
        uint64_t window_ms, slow_us;
        bool compact;
        struct {
                uint64_t at_ms;
                char label[DIAG_LABEL_BYTES + 1];
        } marks[DIAG_MARKS];
        uint64_t nmarks;  /* that were ever made */
        uint32_t version; /* another after each change */
};

/* Panes in one host: answers compose, and takes it. views: those of whoever it is, whose settings
 * outlive them. */
int diag_view_compose(struct feed *f, const struct diag_settings *s, struct capnp_i_list *views,
                      capnp_answer *a);
/* The settings are others. */
void diag_views_touch(struct capnp_i_list *views);
/* Ends all of them. */
void diag_views_end(struct capnp_i_list *views);

#endif
