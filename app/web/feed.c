/*
 * What tabs are shown of the panes. A tab is told a pane whole, and from then on what changes of
 * it, at once: a line that is added to a log costs a line.
 *
 * A tab that does not keep up is told no changes while more than BRIDGE_ROOM waits for it. What it
 * has missed of a pane is noted by one bit, and said whole when there is room again, one pane after
 * the other. So neither a service in a hurry nor many large panes can fill a tab's queue, which
 * would end it, and how much is kept for a tab does not depend on how slow it is.
 *
 * Commands, and what stands around a model, are said as a whole once a turn at most.
 */
#include "feed.h"

#include "pane-frames.h"

#include <assert.h>
#include <stdlib.h>

enum { SOON_MS = 20, ALL = (1 << BRIDGE_TABS) - 1 };

/* A pane, and which tabs are still to be told what of it: bits of bridge.tabs. */
struct fed {
        uint32_t number; /* 0: this place is free */
        uint8_t whole, around, commands;
};

static_assert(BRIDGE_TABS <= 8, "a bit for each tab");

struct feed {
        struct bridge *b;
        capos_ui *ui;
        struct fed panes[CAPOS_UI_SURFACES];
        uint32_t turn; /* whose turn it is, so that the first pane is not always the first */
        capnp_timer *soon;
};

static uint32_t number_of(const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        return p.number;
}

/* number 0: a free place. */
static struct fed *fed_find(struct feed *f, uint32_t number)
{
        for (unsigned i = 0; i < CAPOS_UI_SURFACES; i++)
                if (f->panes[i].number == number)
                        return &f->panes[i];
        return NULL;
}

/* Tabs that may be told something. */
static unsigned tabs_with_room(const struct bridge *b)
{
        unsigned tabs = bridge_tabs(b);

        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (tabs & 1U << i && tab_queued(b->tabs[i].tab) > BRIDGE_ROOM)
                        tabs &= ~(1U << i);
        return tabs;
}

/* ---- what is said --------------------------------------------------------------------------- */

static void tell_pane(struct feed *f, const capos_ui_surface *s, unsigned tabs, bool model)
{
        struct down d = down_new(0);

        if (d.m)
                pane_write(s, model, web_down_init_pane(d.d));
        down_send(f->b, tabs, &d);
}

static void tell_commands(struct feed *f, const capos_ui_surface *s, unsigned tabs)
{
        struct down d = down_new(0);

        if (d.m)
                pane_commands_write(s, web_down_init_commands(d.d));
        down_send(f->b, tabs, &d);
}

static void tell_change(struct feed *f, const capos_ui_surface *s, const struct capos_ui_change *c,
                        unsigned tabs)
{
        struct down d = down_new(0);

        if (d.m)
                pane_change_write(s, c, web_down_init_change(d.d));
        down_send(f->b, tabs, &d);
}

/* What of one pane is still to be said, to tabs that have room. */
static void feed_pane(struct feed *f, const capos_ui_surface *s, struct fed *p)
{
        unsigned tabs = p->whole & tabs_with_room(f->b);

        if (tabs) {
                tell_pane(f, s, tabs, true);
                p->whole &= (uint8_t)~tabs;
                p->around &= (uint8_t)~tabs;
                p->commands &= (uint8_t)~tabs;
        }
        tabs = p->around & ~p->whole & tabs_with_room(f->b);
        if (tabs) {
                tell_pane(f, s, tabs, false);
                p->around &= (uint8_t)~tabs;
        }
        tabs = p->commands & ~p->whole & tabs_with_room(f->b);
        if (tabs) {
                tell_commands(f, s, tabs);
                p->commands &= (uint8_t)~tabs;
        }
}

static void feed_on_soon(void *arg);

static void feed_soon(struct feed *f, uint32_t ms)
{
        if (!f->soon)
                (void)!capnp_timer_new(f->b->vat, ms, feed_on_soon, f, &f->soon);
}

static void feed_go(struct feed *f)
{
        capos_ui_surface *s;
        uint32_t n = 0;
        struct fed *p;
        bool any = false;

        while (capos_ui_surface_at(f->ui, n))
                n++;
        for (uint32_t i = 0; i < n; i++) {
                s = capos_ui_surface_at(f->ui, (f->turn + i) % n);
                p = fed_find(f, number_of(s));
                if (!p)
                        continue;
                feed_pane(f, s, p);
                any |= (p->whole | p->around | p->commands) & bridge_tabs(f->b);
        }
        f->turn++;
        if (any)
                feed_soon(f, SOON_MS);
}

static void feed_on_soon(void *arg)
{
        struct feed *f = arg;

        f->soon = NULL;
        feed_go(f);
}

/* ---- what lib/ui tells ---------------------------------------------------------------------- */

void feed_opened(struct feed *f, const capos_ui_surface *s)
{
        struct fed *p = fed_find(f, 0);

        if (!p) /* lib/ui has no more than there are places */
                return;
        *p = (struct fed){.number = number_of(s), .whole = ALL};
        feed_pane(f, s, p);
        feed_soon(f, SOON_MS);
}

void feed_changed(struct feed *f, const capos_ui_surface *s, const struct capos_ui_change *c)
{
        struct fed *p = fed_find(f, number_of(s));
        unsigned tabs;

        if (!p)
                return;
        if (c->what & CAPOS_UI_CHANGED_WHOLE) {
                p->whole = ALL;
        } else if (c->what & CAPOS_UI_CHANGED_MODEL) {
                tabs = tabs_with_room(f->b) & ~(unsigned)p->whole;
                p->whole |= (uint8_t)(ALL & ~tabs);
                tell_change(f, s, c, tabs);
        }
        if (c->what & (CAPOS_UI_CHANGED_SPEC | CAPOS_UI_CHANGED_STATE))
                p->around = ALL;
        if (c->what & CAPOS_UI_CHANGED_COMMANDS)
                p->commands = ALL;
        if ((p->whole | p->around | p->commands) & bridge_tabs(f->b))
                feed_soon(f, 0);
}

void feed_closed(struct feed *f, const capos_ui_surface *s)
{
        struct fed *p = fed_find(f, number_of(s));

        if (p)
                *p = (struct fed){0};
}

void feed_tab(struct feed *f, const struct bridge_tab *t)
{
        for (unsigned i = 0; i < CAPOS_UI_SURFACES; i++)
                f->panes[i].whole |= (uint8_t)(1U << (t - f->b->tabs));
        feed_go(f);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct feed *feed_new(struct bridge *b)
{
        struct feed *f = calloc(1, sizeof(*f));

        if (f)
                f->b = b;
        return f;
}

struct feed *feed_free(struct feed *f)
{
        if (!f)
                return NULL;
        f->soon = capnp_timer_free(f->soon);
        free(f);
        return NULL;
}

void feed_begin(struct feed *f, capos_ui *ui)
{
        f->ui = ui;
}
