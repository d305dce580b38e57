/*
 * Diagnostics as callers see it: what each has set, for all of his panes, and the panes.
 *
 * A guest is one socket. What he sets is his own; what the panes show is the same for all, and is
 * asked for while somebody looks (diag-feed.c).
 */
#include "diag-serve.h"

#include "diag-view.h"
#include "diagnostics.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        WINDOW_S = 120,
        WINDOW_LEAST_S = 10,
        WINDOW_MOST_S = 600,
        SLOW_MS = 1000,
        SLOW_MOST_MS = 60000
};

struct diag_guest {
        struct feed *feed; /* NULL: the socket is gone */
        struct capnp_i_list views;
        struct diag_settings set;
        struct kit_commands *commands;
        bool has_object;
};

static int guest_fail_left(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the session has gone");
}

static int guest_changed(struct diag_guest *g, capnp_answer *a)
{
        g->set.version++;
        diag_views_touch(&g->views);
        return capnp_answer_return(a);
}

static int serve_mark(void *self, capnp_answer *a)
{
        struct diag_guest *g = self;
        capnp_text label = diagnostics_mark_param_label(a);
        unsigned k = (unsigned)(g->set.nmarks % DIAG_MARKS);

        if (!g->feed)
                return guest_fail_left(a);
        if (capnp_answer_check(a) || !label.len || label.len > DIAG_LABEL_BYTES)
                return capnp_answer_fail(a, CAPNP_FAILED, "a label has 1 to 64 bytes");

        g->set.marks[k].at_ms = feed_wall_ms();
        (void)snprintf(g->set.marks[k].label, sizeof(g->set.marks[k].label), "%s", label.p);
        g->set.nmarks++;
        return guest_changed(g, a);
}

static int serve_window(void *self, capnp_answer *a)
{
        struct diag_guest *g = self;
        uint32_t seconds = diagnostics_window_param_seconds(a);

        if (!g->feed)
                return guest_fail_left(a);
        if (seconds < WINDOW_LEAST_S || seconds > WINDOW_MOST_S)
                return capnp_answer_fail(a, CAPNP_FAILED, "10 to 600 seconds");

        g->set.window_ms = (uint64_t)seconds * 1000;
        return guest_changed(g, a);
}

static int serve_slow(void *self, capnp_answer *a)
{
        struct diag_guest *g = self;
        uint32_t ms = diagnostics_slow_param_ms(a);

        if (!g->feed)
                return guest_fail_left(a);
        if (!ms || ms > SLOW_MOST_MS)
                return capnp_answer_fail(a, CAPNP_FAILED, "1 to 60000 ms");

        g->set.slow_us = (uint64_t)ms * 1000;
        return guest_changed(g, a);
}

static int serve_compact(void *self, capnp_answer *a)
{
        struct diag_guest *g = self;

        if (!g->feed)
                return guest_fail_left(a);

        g->set.compact = diagnostics_compact_param_on(a);
        return guest_changed(g, a);
}

static int serve_commands(void *self, capnp_answer *a)
{
        const struct diag_guest *g = self;

        return g->feed ? kit_commands_answer(g->commands, a) : guest_fail_left(a);
}

static int serve_complete(void *self, capnp_answer *a)
{
        const struct diag_guest *g = self;

        return g->feed ? kit_commands_complete(g->commands, a) : guest_fail_left(a);
}

static int serve_compose(void *self, capnp_answer *a)
{
        struct diag_guest *g = self;

        return g->feed ? diag_view_compose(g->feed, &g->set, &g->views, a) : guest_fail_left(a);
}

/* ---- guests --------------------------------------------------------------------------------- */

static void guest_free_unused(struct diag_guest *g)
{
        if (!g->feed && !g->has_object)
                free(g);
}

static void guest_object_gone(void *self)
{
        struct diag_guest *g = self;

        g->has_object = false;
        guest_free_unused(g);
}

static const struct diagnostics_ops ops = {
        .gone = guest_object_gone,
        .mark = serve_mark,
        .window = serve_window,
        .slow = serve_slow,
        .compact = serve_compact,
        .ui_composer = {.compose = serve_compose},
        .command_surface = {.commands = serve_commands, .complete = serve_complete},
};

int diag_guest_enter(struct feed *f, struct diag_guest **ret_guest, capnp_cap **ret_cap)
{
        struct diag_guest *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;

        capnp_i_list_init(&g->views);
        g->feed = f;
        g->set.window_ms = WINDOW_S * 1000;
        g->set.slow_us = SLOW_MS * 1000;
        r = kit_commands_new(f->vat, diag_commands, DIAG_COMMANDS, NULL, NULL, &g->commands);
        if (!r)
                r = diagnostics_serve(f->vat, &ops, g, ret_cap);
        if (r) {
                diag_guest_leave(g);
                return r;
        }

        g->has_object = true;
        *ret_guest = g;
        return 0;
}

void diag_guest_leave(struct diag_guest *g)
{
        diag_views_end(&g->views);
        g->commands = kit_commands_free(g->commands);
        g->feed = NULL;
        guest_free_unused(g);
}
