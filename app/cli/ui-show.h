/* What `capos ui` shows of a workspace, and how. */
#ifndef CAPOS_CLI_UI_SHOW_H
#define CAPOS_CLI_UI_SHOW_H

#include "cli.h"
#include "ui-diff.h"

#include <capos/ui.h>

enum { UI_TEXT_BYTES = 16 << 20 };

/* A pane, and what of it was printed. */
struct ui_seen {
        const capos_ui_surface *pane; /* NULL: free */
        char *text;                   /* as it was drawn last; NULL: nothing was */
        char *title, *summary;        /* as they were printed last; likewise */
        unsigned what;                /* CAPOS_UI_CHANGED_…, since then */
        uint32_t changes, appended;
        bool is_new, has_lost; /* it was never printed; elements were taken away */
};

/* What is printed of all. */
struct ui_view {
        const struct cli *c;
        unsigned columns; /* of a page */
        bool personal;    /* also panes that are left out of exports */
        struct ui_pace pace;
        struct ui_seen seen[CAPOS_UI_SURFACES];
        const capos_ui_surface *under; /* the last line is of this pane's; NULL: it is not */
        bool holds;                    /* somebody is asked: what has happened is told afterwards */
        char *held;                    /* … so long it stands here, a line each */
        size_t held_len;
        unsigned held_out; /* what had no room there */
};

void ui_view_begin(struct ui_view *v, const struct cli *c);
void ui_view_end(struct ui_view *v);
/* What happens is told after ui_view_release(), lest it has a question out of sight. */
void ui_view_hold(struct ui_view *v);
void ui_view_release(struct ui_view *v);
/* A line of the frame's own, and lines of somebody's about it: now, or when it is let go. */
void ui_view_happens(struct ui_view *v, const char *frame, const char *lines);
/* Somebody else prints: what is printed of a pane then needs its title again. */
void ui_view_leave(struct ui_view *v);
/* Looks how wide a page is. Whether that is new. */
bool ui_view_measure(struct ui_view *v);

/* Notes what is to be printed. */
void ui_view_opened(struct ui_view *v, const capos_ui_surface *s);
void ui_view_changed(struct ui_view *v, const capos_ui_surface *s,
                     const struct capos_ui_change *change);
/* Prints that it is gone, and forgets it. */
void ui_view_closed(struct ui_view *v, const capos_ui_surface *s, enum capos_ui_close_reason why);
/* Prints what was noted, as far as it may be by now. In how many ms there may be more; 0: that was
 * all. */
uint32_t ui_view_print(struct ui_view *v, uint64_t now_ms);

/* Prints a whole pane, which was asked for: its title, its model, its commands. */
void ui_show_pane(struct ui_view *v, const capos_ui_surface *s);
/* Where all panes are. */
void ui_show_layout(const struct ui_view *v, const capos_ui *ui);

/* What a pane is called by. */
unsigned ui_show_number(const capos_ui_surface *s);
/* A line of the frame's own, about something of a service's. */
void ui_show_frame(const struct ui_view *v, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* The look that a service's panes have now; service: "": all of them. */
void ui_show_theme(struct ui_view *v, const char *service, const struct capos_ui_theme *t);
/* A question that a person is asked: each line of it begins as no other does. */
void ui_show_prompt(const struct ui_view *v, const struct capos_ui_prompt *p);
/* How that has ended; a word of ours. */
void ui_show_answer(const struct ui_view *v, const char *what);
/* How a command has ended; results are printed as `capos call` does. */
void ui_show_ran(struct ui_view *v, const struct capos_ui_ran *r);
/* Which service is over, and why. */
void ui_show_ended(struct ui_view *v, const char *service, const char *why);

#endif
