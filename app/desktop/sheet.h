/* What is asked of a person, as a part of the window's frame. */
#ifndef CAPOS_DESKTOP_SHEET_H
#define CAPOS_DESKTOP_SHEET_H

#include "web.capnp-c.h"

#include <gtk/gtk.h>

enum { SHEET_DEAF_MS = 500 };

/* text: what was typed, where something was to be; else NULL. */
typedef void sheet_answer(void *arg, bool yes, const char *text);

struct sheet;

/* With a question, and the two answers to it; yes NULL: there is one. The first, no, is what is
 * focused, and what Escape says. done is called once, or never. */
struct sheet *sheet_new(const char *title, const char *no, const char *yes, sheet_answer *done,
                        void *arg);
/* A paragraph; isolated, as what a peer says has to be. strong: what one has to take note of. */
void sheet_say(struct sheet *s, const char *text, bool strong);
/* A name and what it has; more: who has set it, or NULL. */
void sheet_fact(struct sheet *s, const char *name, const char *value, const char *more);
/* Something is to be typed; secret: it is not shown. */
void sheet_type(struct sheet *s, const char *label, bool secret);
/* It matters more than others: its title is marked. */
void sheet_warn(struct sheet *s);

/* The sheets that the host's questions are. */
struct sheet *sheet_of_prompt(web_down_prompt_reader p, sheet_answer *done, void *arg);
struct sheet *sheet_of_key(web_down_key_reader k, sheet_answer *done, void *arg);
struct sheet *sheet_of_step(web_down_step_reader s, const char *instance, sheet_answer *done,
                            void *arg);

/* Shows it in a box. For deaf_ms it takes no answer, so that nothing is answered unseen. */
void sheet_show(struct sheet *s, GtkBox *where, unsigned deaf_ms);
/* Another comes before it; it may be shown again. */
void sheet_hide(struct sheet *s);
struct sheet *sheet_free(struct sheet *s);

#endif
