/*
 * Paperclips in panes: what there is, what can be bought, what can be begun, how it went, the log
 * book, and how far one has come.
 *
 * What there is now is compared with what a pane was told last, and the difference is the patch; so
 * one that was refused, and a host that came late, need nothing of their own. A counter is told
 * with its rate, and the host counts on by itself: it is told anew when that has led astray, not
 * every second. A pane that nobody can see is not drawn until somebody can.
 *
 * Somebody may have lent several hosts, and several sessions of one account may: each has a view of
 * its own, and all are of the same game.
 */
#include "clips-view.h"

#include "paperclips.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <capos/kit-view.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STILL 0.005 /* a rate that is none */

enum pane { PANE_STOCKS, PANE_MACHINES, PANE_PROJECTS, PANE_CHART, PANE_LOG, PANE_WAY, PANES };

enum {
        VIEWS = 8,                   /* of one game */
        COUNTERS = CLIPS_STOCKS + 3, /* and what is wanted, the price, the tide */
        COLUMNS = 5,
        ROUND_SECONDS = 5,
};

_Static_assert((int)CLIPS_PROJECTS >= (int)CLIPS_MACHINES, "rows of either");

/* A counter, as it was told. */
struct counter {
        const char *key, *label;
        double value, rate, goal, slack;
        enum ui_unit unit;
        uint64_t tick; /* when; 0: not yet */
};

/* An item or a row of a pane, as it is to be told. */
struct row {
        const char *key, *waits; /* NULL: for nothing */
        char title[64], detail[200], badge[12], owned[16];
        enum ui_tone tone;
};

/* Panes in one host. */
struct clips_view {
        struct kit_view kit;
        struct clips_watcher watcher;
        struct capnp_i_list link; /* the guest's views */
        struct clips_player *player;
        struct counter counters[COUNTERS];
        uint64_t rows[PANES][CLIPS_PROJECTS]; /* what was told of each; 0: nothing */
        uint64_t points, lines;               /* told */
        uint64_t generation;                  /* of the game */
        uint8_t phase, way;                   /* that the title says, and the way; and 1 */
};

static const struct kit_view_spec panes[PANES] = {
        {"stocks", "Workshop", "What there is, and how fast it grows.", UI_SURFACE_KIND_COUNTERS,
         UI_SAFETY_CLASS_ORDINARY, UI_COUNTERS_ID, UI_PLACE_MAIN},
        {"machines", "Machines", "What can be bought, and what it waits for.",
         UI_SURFACE_KIND_TABLE, UI_SAFETY_CLASS_ORDINARY, UI_TABLE_ID, UI_PLACE_MAIN},
        {"projects", "Projects", "What can be begun, and orders that wait.", UI_SURFACE_KIND_LIST,
         UI_SAFETY_CLASS_ORDINARY, UI_LIST_ID, UI_PLACE_SIDE},
        {"chart", "Made and earned", "Clips made and coins earned in a second, of late.",
         UI_SURFACE_KIND_CHART, UI_SAFETY_CLASS_AMBIENT, UI_CHART_ID, UI_PLACE_BOTTOM},
        {"log", "Log book", "What has happened.", UI_SURFACE_KIND_LOG,
         UI_SAFETY_CLASS_CONSEQUENTIAL, UI_LOG_ID, UI_PLACE_BOTTOM},
        {"way", "The way", "How far you have come.", UI_SURFACE_KIND_PROGRESS,
         UI_SAFETY_CLASS_AMBIENT, UI_PROGRESS_ID, UI_PLACE_SIDE},
};

static void view_forget(void *self, unsigned p)
{
        struct clips_view *v = self;

        memset(v->rows[p], 0, sizeof(v->rows[p]));
        if (p == PANE_STOCKS) {
                memset(v->counters, 0, sizeof(v->counters));
                v->phase = 0;
        }
        if (p == PANE_CHART)
                v->points = 0;
        if (p == PANE_LOG)
                v->lines = 0;
        if (p == PANE_WAY)
                v->way = 0;
}

/* ---- counters -------------------------------------------------------------------------------- */

static double positive(double v)
{
        return v < 0 ? -v : v;
}

/* Whether a host that counts on from what it was told is off by what one would see. What runs may
 * be a little off, and so may what goes up and down with the tide. */
static bool counter_is_off(const struct counter *told, const struct counter *now)
{
        double by_now = told->value + told->rate * (double)(now->tick - told->tick);
        bool runs = positive(now->rate) > 0 || positive(told->rate) > 0;
        double close = runs ? positive(now->value) / 50 + 0.1 : now->value * now->slack + 0.001;

        if (!told->tick || told->label != now->label || told->goal < now->goal ||
            told->goal > now->goal)
                return true;
        return positive(now->value - by_now) > close ||
               positive(now->rate - told->rate) > positive(now->rate) / 10 + 0.05;
}

static uint32_t counters_gather(const struct clips_player *p, struct counter to[COUNTERS])
{
        const struct clips_game *g = &p->game;
        uint32_t n = 0;
        bool rising;
        double tide = clips_game_tide(g, &rising);

        for (unsigned i = 0; i < g->w->nstocks; i++) {
                const struct clips_stock *s = &g->w->stocks[i];

                if (clips_game_shows(g, i))
                        to[n++] = (struct counter){
                                .key = s->key,
                                .label = s->title,
                                .value = g->stock[i],
                                .rate = positive(g->rate[i]) < STILL ? 0 : g->rate[i],
                                .goal = g->cap[i],
                                .unit = s->unit == WORLD_STOCK_UNIT_MONEY ? UI_UNIT_MONEY
                                                                          : UI_UNIT_PLAIN};
        }
        to[n++] = (struct counter){.key = "price",
                                   .label = "Price of a clip",
                                   .value = g->price_cents / 100.0,
                                   .unit = UI_UNIT_MONEY};
        to[n++] = (struct counter){.key = "demand",
                                   .label = "Wanted at that price",
                                   .value = clips_game_demand(g),
                                   .slack = 0.02,
                                   .unit = UI_UNIT_PER_SECOND};
        to[n++] = (struct counter){.key = "tide",
                                   .label = rising ? "Tide, rising" : "Tide, falling",
                                   .value = tide,
                                   .slack = 0.02,
                                   .unit = UI_UNIT_PERCENT};
        for (uint32_t i = 0; i < n; i++)
                to[i].tick = g->tick + 1;
        return n;
}

static void counter_write(ui_counter_builder b, const struct counter *c)
{
        ui_counter_set_key(b, c->key);
        ui_counter_set_label(b, c->label);
        ui_counter_set_value(b, c->value);
        ui_counter_set_per_second(b, c->rate);
        ui_counter_set_goal(b, c->goal);
        ui_counter_set_unit(b, c->unit);
}

static void stocks_begin(struct clips_view *v)
{
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&v->kit, PANE_STOCKS, &m.b);

        (void)ui_model_init_counters(m);
        kit_pane_send(v->kit.pane[PANE_STOCKS], q);
        kit_view_offer(&v->kit, PANE_STOCKS, &clips_commands[CLIPS_MAKE]);
        kit_view_offer(&v->kit, PANE_STOCKS, &clips_commands[CLIPS_PRICE]);
}

static void stocks_name(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;

        if (v->phase == g->phase + 1)
                return;
        v->phase = g->phase + 1;
        kit_view_rename(&v->kit, PANE_STOCKS, g->w->phases[g->phase].title,
                        g->w->phases[g->phase].next);
}

static void stocks_draw(struct clips_view *v)
{
        struct counter now[COUNTERS];
        uint32_t n = counters_gather(v->player, now), changed[COUNTERS], nchanged = 0;
        ui_counter_list_builder l;
        ui_model_patch_builder m;
        capnp_question *q;

        if (!v->kit.begun[PANE_STOCKS])
                stocks_begin(v);
        stocks_name(v);
        /* Places move when another stock is shown: then all are told anew. */
        for (uint32_t i = 0; i < n; i++)
                if (v->counters[i].key != now[i].key || counter_is_off(&v->counters[i], &now[i]))
                        changed[nchanged++] = i;
        if (!nchanged)
                return;

        q = kit_view_change(&v->kit, PANE_STOCKS, &m.b);
        l = ui_model_patch_init_counters(m, nchanged);
        for (uint32_t i = 0; i < nchanged; i++) {
                counter_write(ui_counter_list_builder_get(l, i), &now[changed[i]]);
                v->counters[changed[i]] = now[changed[i]];
        }
        kit_pane_send(v->kit.pane[PANE_STOCKS], q);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What a row says, as a number: two that say the same are equal. 0: it is not there. */
static uint64_t machine_state(const struct clips_game *g, unsigned i)
{
        struct clips_amounts cost;
        uint8_t none;

        if (!g->open[i] || g->w->machines[i].pace)
                return 0;
        cost = clips_game_cost(g, i);
        return 1 | (uint64_t)clips_game_can_pay(g, &cost, &none) << 1 | (uint64_t)g->waits[i] << 2 |
               (uint64_t)g->owned[i] << 10;
}

static uint32_t seconds_left(const struct clips_game *g, unsigned i)
{
        return (g->project[i].left + ROUND_SECONDS - 1) / ROUND_SECONDS * ROUND_SECONDS;
}

static uint64_t project_state(const struct clips_game *g, unsigned i)
{
        bool runs = g->project[i].state == CLIPS_RUNNING;
        uint8_t none;

        if (!runs && g->project[i].state != CLIPS_OFFERED)
                return 0;
        return 1 | (uint64_t)runs << 1 |
               (uint64_t)clips_game_can_pay(g, &g->w->projects[i].price, &none) << 2 |
               (uint64_t)seconds_left(g, i) << 3;
}

static void machine_row(const struct clips_game *g, unsigned i, struct row *ret)
{
        const struct clips_machine *m = &g->w->machines[i];
        struct clips_amounts cost = clips_game_cost(g, i);
        char price[CLIPS_TEXT_BYTES];
        uint8_t none;

        *ret = (struct row){.key = m->key, .tone = UI_TONE_NEUTRAL};
        (void)snprintf(ret->title, sizeof(ret->title), "%s", m->title);
        if (!m->adds.n)
                (void)snprintf(ret->owned, sizeof(ret->owned), "%u", g->owned[i]);
        (void)snprintf(ret->detail, sizeof(ret->detail), "%s",
                       clips_amounts_text(g->w, &cost, price));
        if (g->waits[i])
                ret->waits = g->w->stocks[g->waits[i] - 1].key;
        if (g->waits[i])
                ret->tone = UI_TONE_WARNING;
        else if (clips_game_can_pay(g, &cost, &none))
                ret->tone = UI_TONE_GOOD;
}

static void project_row(const struct clips_game *g, unsigned i, struct row *ret)
{
        const struct clips_project *p = &g->w->projects[i];
        bool runs = g->project[i].state == CLIPS_RUNNING;
        char price[CLIPS_TEXT_BYTES];
        uint8_t none;

        *ret = (struct row){.key = p->key, .tone = runs ? UI_TONE_INFO : UI_TONE_NEUTRAL};
        (void)snprintf(ret->title, sizeof(ret->title), "%s: %s", p->key, p->title);
        (void)snprintf(ret->detail, sizeof(ret->detail), "%s%s%s",
                       runs ? "" : clips_amounts_text(g->w, &p->price, price), runs ? "" : " - ",
                       p->text);
        if (g->project[i].left)
                (void)snprintf(ret->badge, sizeof(ret->badge), "%u s", seconds_left(g, i) % 100000);
        if (!runs && clips_game_can_pay(g, &p->price, &none))
                ret->tone = UI_TONE_GOOD;
}

static void table_row_write(ui_row_builder b, const struct row *r)
{
        const char *const cells[COLUMNS] = {r->key, r->title, r->owned, r->detail,
                                            r->waits ? r->waits : ""};
        command_value_list_builder l = ui_row_init_cells(b, COLUMNS);

        ui_row_set_key(b, r->key);
        ui_row_set_tone(b, r->tone);
        for (uint32_t i = 0; i < COLUMNS; i++)
                command_value_set_text(command_value_list_builder_get(l, i), cells[i]);
}

static void item_write(ui_item_builder b, const struct row *r)
{
        ui_item_set_key(b, r->key);
        ui_item_set_title(b, r->title);
        ui_item_set_detail(b, r->detail);
        ui_item_set_badge(b, r->badge);
        ui_item_set_tone(b, r->tone);
}

static void machines_begin(struct clips_view *v)
{
        static const char *const titles[COLUMNS] = {"Name", "What it is", "Yours", "Price",
                                                    "Waits for"};
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&v->kit, PANE_MACHINES, &m.b);
        ui_column_list_builder l = ui_table_init_columns(ui_model_init_table(m), COLUMNS);

        for (uint32_t i = 0; i < COLUMNS; i++) {
                ui_column_builder c = ui_column_list_builder_get(l, i);

                ui_column_set_key(c, titles[i]);
                ui_column_set_title(c, titles[i]);
                ui_column_set_numeric(c, i == 2);
                ui_column_set_weight(c, i == 1 ? 2 : 1);
        }
        kit_pane_send(v->kit.pane[PANE_MACHINES], q);
        kit_view_offer(&v->kit, PANE_MACHINES, &clips_commands[CLIPS_BUY]);
}

static void projects_begin(struct clips_view *v)
{
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&v->kit, PANE_PROJECTS, &m.b);

        (void)ui_model_init_list_(m);
        kit_pane_send(v->kit.pane[PANE_PROJECTS], q);
        kit_view_offer(&v->kit, PANE_PROJECTS, &clips_commands[CLIPS_BEGIN]);
}

/* What is to be told of rows: those that are not as they were, and those that are no more. */
struct change {
        struct row put[CLIPS_PROJECTS];
        const char *gone[CLIPS_PROJECTS];
        uint32_t nput, ngone;
};

static void rows_compare(struct clips_view *v, enum pane p, struct change *c)
{
        const struct clips_game *g = &v->player->game;
        bool machines = p == PANE_MACHINES;
        unsigned n = machines ? g->w->nmachines : g->w->nprojects;

        c->nput = c->ngone = 0;
        for (unsigned i = 0; i < n; i++) {
                uint64_t now = machines ? machine_state(g, i) : project_state(g, i);
                uint64_t told = v->rows[p][i];

                v->rows[p][i] = now;
                if (now && now != told)
                        (machines ? machine_row : project_row)(g, i, &c->put[c->nput++]);
                if (!now && told)
                        c->gone[c->ngone++] =
                                machines ? g->w->machines[i].key : g->w->projects[i].key;
        }
}

static void rows_draw(struct clips_view *v, enum pane p)
{
        static struct change c; /* too much for a stack; nothing here waits */
        ui_row_list_builder rows;
        ui_item_list_builder items;
        ui_model_patch_builder m;
        capnp_lbuilder gone;
        capnp_question *q;

        if (!v->kit.begun[p])
                (p == PANE_MACHINES ? machines_begin : projects_begin)(v);
        rows_compare(v, p, &c);
        if (!c.nput && !c.ngone)
                return;

        q = kit_view_change(&v->kit, p, &m.b);
        gone = ui_model_patch_init_remove(m, c.ngone);
        for (uint32_t i = 0; i < c.ngone; i++)
                ui_model_patch_set_remove_at(gone, i, c.gone[i]);
        if (p == PANE_MACHINES) {
                rows = ui_model_patch_init_rows(m, c.nput);
                for (uint32_t i = 0; i < c.nput; i++)
                        table_row_write(ui_row_list_builder_get(rows, i), &c.put[i]);
        } else {
                items = ui_model_patch_init_items(m, c.nput);
                for (uint32_t i = 0; i < c.nput; i++)
                        item_write(ui_item_list_builder_get(items, i), &c.put[i]);
        }
        kit_pane_send(v->kit.pane[p], q);
}

/* ---- chart ----------------------------------------------------------------------------------- */

static void series_write(ui_series_list_builder l, uint32_t at, const struct clips_game *g,
                         uint64_t from)
{
        ui_series_builder b = ui_series_list_builder_get(l, at);
        uint32_t n = (uint32_t)(g->points - from);
        uint64_t now = clips_wall_ms();
        capnp_lbuilder x = ui_series_init_x(b, n), y = ui_series_init_y(b, n);

        ui_series_set_key(b, at ? "coins" : "clips");
        ui_series_set_label(b, at ? "Coins earned a second" : "Clips made a second");
        ui_series_set_tone(b, at ? UI_TONE_GOOD : UI_TONE_ACCENT);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t ago = (n - 1 - i) * CLIPS_POINT_SECONDS * 1000;
                unsigned k = (unsigned)((from + i) % CLIPS_POINTS);

                capnp_lbuilder_set_f64(x, i, (double)(now - ago));
                capnp_lbuilder_set_f64(y, i,
                                       (double)(at ? g->coins_a_second[k] : g->clips_a_second[k]));
        }
}

static void chart_draw(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;
        uint64_t from = g->points > CLIPS_POINTS ? g->points - CLIPS_POINTS : 0;
        bool begun = v->kit.begun[PANE_CHART];
        ui_series_list_builder l;
        ui_model_patch_builder change;
        ui_model_builder whole;
        capnp_question *q;

        if (begun && v->points == g->points)
                return;
        if (begun) {
                from = v->points > from ? v->points : from;
                q = kit_view_change(&v->kit, PANE_CHART, &change.b);
                l = ui_model_patch_init_points(change, 2);
        } else {
                ui_chart_builder c;

                q = kit_view_whole(&v->kit, PANE_CHART, &whole.b);
                c = ui_model_init_chart(whole);
                ui_chart_set_style(c, UI_CHART_STYLE_LINE);
                ui_chart_set_time(c, true);
                ui_chart_set_keep(c, CLIPS_POINTS);
                l = ui_chart_init_series(c, 2);
        }
        series_write(l, 0, g, from);
        series_write(l, 1, g, from);
        kit_pane_send(v->kit.pane[PANE_CHART], q);
        v->points = g->points;
}

/* ---- log book -------------------------------------------------------------------------------- */

static void lines_write(ui_log_line_list_builder l, const struct clips_game *g, uint64_t from)
{
        uint64_t now = clips_wall_ms();

        for (uint32_t i = 0; from + i < g->lines; i++) {
                const struct clips_line *line = &g->log[(from + i) % CLIPS_LOG];
                ui_log_line_builder b = ui_log_line_list_builder_get(l, i);

                ui_log_line_set_sequence(b, line->sequence);
                ui_log_line_set_at_ms(b, now - (g->tick - line->tick) * 1000);
                ui_log_line_set_level(b, line->good ? UI_TONE_GOOD : UI_TONE_NEUTRAL);
                ui_log_line_set_text(b, line->text);
        }
}

static void log_draw(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;
        uint64_t from = g->lines > CLIPS_LOG ? g->lines - CLIPS_LOG : 0;
        bool begun = v->kit.begun[PANE_LOG];
        ui_model_patch_builder change;
        ui_model_builder whole;
        ui_log_line_list_builder l;
        capnp_question *q;
        uint32_t n;

        if (begun && v->lines == g->lines)
                return;
        from = v->lines > from ? v->lines : from;
        n = (uint32_t)(g->lines - from);
        if (begun) {
                q = kit_view_change(&v->kit, PANE_LOG, &change.b);
                l = ui_model_patch_init_lines(change, n);
        } else {
                q = kit_view_whole(&v->kit, PANE_LOG, &whole.b);
                l = ui_log_init_lines(ui_model_init_log(whole), n);
        }
        lines_write(l, g, from);
        kit_pane_send(v->kit.pane[PANE_LOG], q);
        v->lines = g->lines;
        if (!begun)
                kit_view_offer(&v->kit, PANE_LOG, &clips_commands[CLIPS_START_OVER]);
}

/* ---- the way --------------------------------------------------------------------------------- */

static void way_draw(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;
        const struct clips_world *w = g->w;
        ui_model_builder m;
        ui_step_list_builder l;
        capnp_question *q;

        if (v->way == g->phase + 1)
                return;
        v->way = g->phase + 1;
        q = kit_view_whole(&v->kit, PANE_WAY, &m.b);
        l = ui_progress_init_steps(ui_model_init_progress(m), w->nphases);
        for (uint8_t i = 0; i < w->nphases; i++) {
                ui_step_builder b = ui_step_list_builder_get(l, i);
                bool done = i < g->phase || i + 1 == w->nphases; /* the last is the end */

                ui_step_set_key(b, w->phases[i].key);
                ui_step_set_title(b, w->phases[i].title);
                ui_step_set_fraction(b, -1);
                if (i > g->phase)
                        continue;
                ui_step_set_detail(b, i < g->phase ? "" : w->phases[i].next);
                ui_step_set_state(b, done ? UI_STEP_STATE_DONE : UI_STEP_STATE_RUNNING);
        }
        kit_pane_send(v->kit.pane[PANE_WAY], q);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void pane_draw(struct clips_view *v, enum pane p)
{
        switch (p) {
        case PANE_STOCKS:
                stocks_draw(v);
                break;
        case PANE_MACHINES:
        case PANE_PROJECTS:
                rows_draw(v, p);
                break;
        case PANE_CHART:
                chart_draw(v);
                break;
        case PANE_LOG:
                log_draw(v);
                break;
        case PANE_WAY:
                way_draw(v);
                break;
        case PANES:
                break;
        }
}

static bool view_draw(void *self)
{
        struct clips_view *v = self;
        bool other = v->generation != v->player->generation;

        v->generation = v->player->generation;
        for (enum pane p = PANE_STOCKS; p < PANES; p++) {
                if (other)
                        kit_view_forget(&v->kit, p);
                if (v->kit.pane[p] && !v->kit.hidden[p])
                        pane_draw(v, p);
        }
        return true;
}

static void view_over(void *self)
{
        struct clips_view *v = self;

        v->player->views--;
        capnp_i_list_remove(&v->link);
        capnp_i_list_remove(&v->watcher.link);
        free(v);
}

static const struct kit_view_kind view_kind = {.panes = panes,
                                               .npanes = PANES,
                                               .pace_ms = 250,
                                               .draw = view_draw,
                                               .forget = view_forget,
                                               .over = view_over};

static void view_on_happened(struct clips_watcher *w)
{
        kit_view_touch(&CAPNP_I_OF(w, struct clips_view, watcher)->kit);
}

int clips_view_compose(struct clips_player *p, struct capnp_i_list *views, capnp_answer *a)
{
        struct clips_view *v = p->views < VIEWS ? calloc(1, sizeof(*v)) : NULL;

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         p->views < VIEWS ? "out of memory"
                                                          : "8 hosts show this game already");
        if (kit_view_compose(&v->kit, &view_kind, v, p->all->vat, a)) {
                free(v);
                return 0;
        }

        p->views++;
        v->player = p;
        v->generation = p->generation;
        v->watcher.happened = view_on_happened;
        capnp_i_list_append(views, &v->link);
        capnp_i_list_append(&p->watchers, &v->watcher.link);
        return 0;
}

void clips_views_end(struct capnp_i_list *views)
{
        while (!capnp_i_list_empty(views))
                kit_view_end(&CAPNP_I_OF(views->next, struct clips_view, link)->kit);
}
