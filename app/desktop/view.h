/* The page in its web view. */
#ifndef CAPOS_DESKTOP_VIEW_H
#define CAPOS_DESKTOP_VIEW_H

#include <gtk/gtk.h>
#include <stdbool.h>

struct view_ops {
        /* The page wants a line, by this number; the last one is over. */
        void (*open)(void *arg, unsigned line);
        /* A frame of it. */
        void (*frame)(void *arg, const char *text, size_t len);
        /* The line is over: the page has closed it; 0: all are, the page is gone. */
        void (*close)(void *arg, unsigned line);
        /* A person has followed a link that leads elsewhere. */
        void (*link)(void *arg, const char *url);
        /* The page takes no more for now, or again. */
        void (*hold)(void *arg, bool holds);
};

struct view;

struct view *view_new(const struct view_ops *ops, void *arg);
void view_free(struct view *v);
GtkWidget *view_widget(struct view *v);
/* What the page is told of its line (host.ts). */
void view_opened(struct view *v, unsigned line);
void view_frame(struct view *v, unsigned line, const char *text, size_t len);
void view_closed(struct view *v, unsigned line, unsigned code);
/* The keyboard comes to the first of the page, or to its last. */
void view_enter(struct view *v, bool last);
/* Presses what is called so in the page. */
void view_press(struct view *v, const char *id);
/* 0: as it is without. */
void view_zoom(struct view *v, int step);

#endif
