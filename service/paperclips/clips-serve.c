/*
 * Paperclips as callers see it: acts, how it stands, and who waits for that to change.
 *
 * A guest is one socket. He plays a game that others of the same account may play as well, and
 * whatever one of them does all are told of, by `watch` and in their panes. An act is answered when
 * it is done, and, where each is to be saved, when it is saved.
 */
#include "clips-serve.h"

#include "clips-view.h"
#include "paperclips.capnp-c.h"

#include <errno.h>
#include <stdlib.h>

enum { WAITERS = 64, WAIT_MS_MAX = 60000, LINES = 8 };

struct clips_guest {
        struct clips_player *player; /* NULL: the socket is gone */
        struct capnp_i_list waiters; /* struct waiter */
        struct capnp_i_list views;   /* struct clips_view */
        unsigned nwaiters;
        bool has_object;
};

/* A `watch` that has not returned. */
struct waiter {
        struct clips_watcher watcher;
        struct capnp_i_list link; /* clips_guest.waiters */
        struct clips_guest *g;
        capnp_answer *a;
        capnp_timer *timer; /* NULL: it has fired */
};

static int guest_fail_left(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the session has gone");
}

/* ---- how it stands --------------------------------------------------------------------------- */

static void stocks_write(paperclips_status_builder b, const struct clips_game *g)
{
        paperclips_stock_list_builder l;
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->w->nstocks; i++)
                n += clips_game_shows(g, i);
        l = paperclips_status_init_stocks(b, n);
        n = 0;
        for (uint32_t i = 0; i < g->w->nstocks; i++) {
                paperclips_stock_builder s;

                if (!clips_game_shows(g, i))
                        continue;
                s = paperclips_stock_list_builder_get(l, n++);
                paperclips_stock_set_key(s, g->w->stocks[i].key);
                paperclips_stock_set_title(s, g->w->stocks[i].title);
                paperclips_stock_set_amount(s, g->stock[i]);
                paperclips_stock_set_per_second(s, g->rate[i]);
                paperclips_stock_set_cap(s, g->cap[i]);
        }
}

static bool is_sold(const struct clips_game *g, uint32_t i)
{
        return g->open[i] && !g->w->machines[i].pace;
}

static void machines_write(paperclips_status_builder b, const struct clips_game *g)
{
        paperclips_machine_list_builder l;
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->w->nmachines; i++)
                n += is_sold(g, i);
        l = paperclips_status_init_machines(b, n);
        n = 0;
        for (uint32_t i = 0; i < g->w->nmachines; i++) {
                struct clips_amounts cost = clips_game_cost(g, i);
                paperclips_machine_builder m;
                char text[CLIPS_TEXT_BYTES];
                uint8_t none;

                if (!is_sold(g, i))
                        continue;
                m = paperclips_machine_list_builder_get(l, n++);
                paperclips_machine_set_key(m, g->w->machines[i].key);
                paperclips_machine_set_title(m, g->w->machines[i].title);
                paperclips_machine_set_text(m, g->w->machines[i].text);
                paperclips_machine_set_owned(m, g->owned[i]);
                paperclips_machine_set_price(m, clips_amounts_text(g->w, &cost, text));
                paperclips_machine_set_affordable(m, clips_game_can_pay(g, &cost, &none));
                if (g->waits[i])
                        paperclips_machine_set_waits_for(m, g->w->stocks[g->waits[i] - 1].key);
        }
}

static bool is_open(const struct clips_game *g, uint32_t i)
{
        return g->project[i].state == CLIPS_OFFERED || g->project[i].state == CLIPS_RUNNING;
}

static void projects_write(paperclips_status_builder b, const struct clips_game *g)
{
        paperclips_project_list_builder l;
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->w->nprojects; i++)
                n += is_open(g, i);
        l = paperclips_status_init_projects(b, n);
        n = 0;
        for (uint32_t i = 0; i < g->w->nprojects; i++) {
                const struct clips_project *p = &g->w->projects[i];
                bool offered = g->project[i].state == CLIPS_OFFERED;
                paperclips_project_builder to;
                char text[CLIPS_TEXT_BYTES];
                uint8_t none;

                if (!is_open(g, i))
                        continue;
                to = paperclips_project_list_builder_get(l, n++);
                paperclips_project_set_key(to, p->key);
                paperclips_project_set_title(to, p->title);
                paperclips_project_set_text(to, p->text);
                paperclips_project_set_price(to, clips_amounts_text(g->w, &p->price, text));
                paperclips_project_set_state(to, offered ? PAPERCLIPS_PROJECT_STATE_OFFERED
                                                         : PAPERCLIPS_PROJECT_STATE_RUNNING);
                paperclips_project_set_affordable(
                        to, offered && clips_game_can_pay(g, &p->price, &none));
                paperclips_project_set_seconds(to, g->project[i].left);
        }
}

static void log_write(paperclips_status_builder b, const struct clips_game *g)
{
        uint32_t n = g->lines < LINES ? (uint32_t)g->lines : LINES;
        paperclips_line_list_builder l = paperclips_status_init_log(b, n);

        for (uint32_t i = 0; i < n; i++) {
                const struct clips_line *from = &g->log[(g->lines - n + i) % CLIPS_LOG];
                paperclips_line_builder to = paperclips_line_list_builder_get(l, i);

                paperclips_line_set_sequence(to, from->sequence);
                paperclips_line_set_second(to, from->tick);
                paperclips_line_set_text(to, from->text);
        }
}

static void status_write(paperclips_status_builder b, const struct clips_player *p)
{
        const struct clips_game *g = &p->game;
        const struct clips_phase *phase = &g->w->phases[g->phase];
        bool rising;

        paperclips_status_set_revision(b, p->revision);
        paperclips_status_set_second(b, g->tick);
        paperclips_status_set_phase(b, phase->key);
        paperclips_status_set_title(b, phase->title);
        paperclips_status_set_next(b, phase->next);
        paperclips_status_set_price_cents(b, g->price_cents);
        paperclips_status_set_demand(b, clips_game_demand(g));
        paperclips_status_set_tide(b, clips_game_tide(g, &rising));
        paperclips_status_set_tide_rising(b, rising);
        paperclips_status_set_kept(b, p->file[0] != '\0');
        stocks_write(b, g);
        machines_write(b, g);
        projects_write(b, g);
        log_write(b, g);
}

static int serve_status(void *self, capnp_answer *a)
{
        const struct clips_guest *g = self;

        if (!g->player)
                return guest_fail_left(a);
        status_write(paperclips_status_results_init_status(a), g->player);
        return capnp_answer_return(a);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static capnp_answer *waiter_free(struct waiter *w)
{
        capnp_answer *a = w->a;

        w->g->nwaiters--;
        capnp_i_list_remove(&w->link);
        capnp_i_list_remove(&w->watcher.link);
        capnp_timer_free(w->timer);
        free(w);
        return a;
}

static void waiter_tell(struct waiter *w)
{
        const struct clips_player *p = w->g->player;
        capnp_answer *a = waiter_free(w);

        status_write(paperclips_watch_results_init_status(a), p);
        (void)capnp_answer_return(a);
}

static void waiter_on_happened(struct clips_watcher *w)
{
        waiter_tell(CAPNP_I_OF(w, struct waiter, watcher));
}

static void waiter_on_time(void *arg)
{
        struct waiter *w = arg;

        w->timer = NULL;
        waiter_tell(w);
}

static void waiter_on_cancel(capnp_answer *a, void *arg)
{
        (void)waiter_free(arg);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int serve_watch(void *self, capnp_answer *a)
{
        uint32_t ms = paperclips_watch_param_wait_ms(a);
        struct clips_guest *g = self;
        struct waiter *w;

        if (!g->player)
                return guest_fail_left(a);
        if (!ms || paperclips_watch_param_since(a) != g->player->revision) {
                status_write(paperclips_watch_results_init_status(a), g->player);
                return capnp_answer_return(a);
        }
        if (g->nwaiters == WAITERS)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "64 calls of watch wait already");

        w = calloc(1, sizeof(*w));
        if (!w || capnp_timer_new(g->player->all->vat, ms < WAIT_MS_MAX ? ms : WAIT_MS_MAX,
                                  waiter_on_time, w, &w->timer)) {
                free(w);
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        }
        w->watcher.happened = waiter_on_happened;
        w->g = g;
        w->a = a;
        g->nwaiters++;
        capnp_i_list_append(&g->waiters, &w->link);
        capnp_i_list_append(&g->player->watchers, &w->watcher.link);
        return capnp_answer_keep(a, waiter_on_cancel, w);
}

/* ---- acts ------------------------------------------------------------------------------------ */

/* Answers an act that is done or not. */
static int act_answer(struct clips_guest *g, capnp_answer *a, paperclips_outcome_builder b,
                      const struct clips_outcome *o)
{
        int r;

        paperclips_outcome_set_said(b, o->said);
        switch (o->result) {
        case CLIPS_OK:
                paperclips_outcome_set_done(b);
                break;
        case CLIPS_SHORT:
                paperclips_outcome_set_short(b, g->player->game.w->stocks[o->stock].key);
                break;
        case CLIPS_LOCKED:
                paperclips_outcome_set_locked(b);
                break;
        case CLIPS_UNKNOWN:
                paperclips_outcome_set_unknown(b);
                break;
        case CLIPS_RANGE:
                paperclips_outcome_set_range(b);
                break;
        }
        if (o->result != CLIPS_OK)
                return capnp_answer_return(a);
        clips_player_save_act(g->player);
        r = capnp_answer_return(a);
        clips_player_tell(g->player);
        return r;
}

static int serve_make(void *self, capnp_answer *a)
{
        struct clips_guest *g = self;
        struct clips_outcome o;

        if (!g->player)
                return guest_fail_left(a);
        clips_game_make(&g->player->game, paperclips_make_param_count(a), &o);
        return act_answer(g, a, paperclips_make_results_init_outcome(a), &o);
}

static int serve_buy(void *self, capnp_answer *a)
{
        struct clips_guest *g = self;
        capnp_text machine = paperclips_buy_param_machine(a);
        struct clips_outcome o;

        if (!g->player)
                return guest_fail_left(a);
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");
        clips_game_buy(&g->player->game, machine.p, paperclips_buy_param_count(a), &o);
        return act_answer(g, a, paperclips_buy_results_init_outcome(a), &o);
}

static int serve_price(void *self, capnp_answer *a)
{
        struct clips_guest *g = self;
        struct clips_outcome o;

        if (!g->player)
                return guest_fail_left(a);
        clips_game_price(&g->player->game, paperclips_price_param_cents(a), &o);
        return act_answer(g, a, paperclips_price_results_init_outcome(a), &o);
}

static int serve_begin(void *self, capnp_answer *a)
{
        struct clips_guest *g = self;
        capnp_text project = paperclips_begin_param_project(a);
        struct clips_outcome o;

        if (!g->player)
                return guest_fail_left(a);
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");
        clips_game_begin(&g->player->game, project.p, &o);
        return act_answer(g, a, paperclips_begin_results_init_outcome(a), &o);
}

static int serve_start_over(void *self, capnp_answer *a)
{
        static const struct clips_outcome o = {.said = "A bench, a vice, and sixty spans of wire."};
        struct clips_guest *g = self;

        if (!g->player)
                return guest_fail_left(a);
        clips_player_start_over(g->player);
        return act_answer(g, a, paperclips_start_over_results_init_outcome(a), &o);
}

/* ---- commands and panes ---------------------------------------------------------------------- */

static int serve_commands(void *self, capnp_answer *a)
{
        const struct clips_guest *g = self;

        return g->player ? kit_commands_answer(g->player->commands, a) : guest_fail_left(a);
}

static int serve_complete(void *self, capnp_answer *a)
{
        const struct clips_guest *g = self;

        return g->player ? kit_commands_complete(g->player->commands, a) : guest_fail_left(a);
}

static int serve_compose(void *self, capnp_answer *a)
{
        struct clips_guest *g = self;

        return g->player ? clips_view_compose(g->player, &g->views, a) : guest_fail_left(a);
}

/* ---- guests ---------------------------------------------------------------------------------- */

static void guest_free_unused(struct clips_guest *g)
{
        if (!g->player && !g->has_object)
                free(g);
}

static void guest_object_gone(void *self)
{
        struct clips_guest *g = self;

        g->has_object = false;
        guest_free_unused(g);
}

static const struct paperclips_ops ops = {
        .gone = guest_object_gone,
        .status = serve_status,
        .make = serve_make,
        .buy = serve_buy,
        .price = serve_price,
        .begin = serve_begin,
        .watch = serve_watch,
        .start_over = serve_start_over,
        .ui_composer = {.compose = serve_compose},
        .command_surface = {.commands = serve_commands, .complete = serve_complete},
};

int clips_guest_enter(struct clips_players *all, const uint8_t id[CLIPS_ID_BYTES], bool kept,
                      struct clips_guest **ret_guest, capnp_cap **ret_cap)
{
        struct clips_guest *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;

        capnp_i_list_init(&g->waiters);
        capnp_i_list_init(&g->views);
        r = clips_player_enter(all, id, kept, &g->player);
        if (r) {
                free(g);
                return r;
        }
        r = paperclips_serve(all->vat, &ops, g, ret_cap);
        if (r) {
                clips_guest_leave(g);
                return r;
        }

        g->has_object = true;
        *ret_guest = g;
        return 0;
}

void clips_guest_leave(struct clips_guest *g)
{
        clips_views_end(&g->views);
        while (!capnp_i_list_empty(&g->waiters))
                (void)guest_fail_left(
                        waiter_free(CAPNP_I_OF(g->waiters.next, struct waiter, link)));
        clips_player_leave(g->player);
        g->player = NULL;
        guest_free_unused(g);
}
