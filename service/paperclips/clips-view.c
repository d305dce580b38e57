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

#include <capos/kit-ui.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STILL 0.005 /* a rate that is none */

enum pane { PANE_STOCKS, PANE_MACHINES, PANE_PROJECTS, PANE_CHART, PANE_LOG, PANE_WAY, PANES };

enum {
        VIEWS = 8, /* of one game */
        PACE_MS = 250,
        AGAIN_MS = 1000,
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
        struct clips_watcher watcher;
        struct capnp_i_list link; /* the guest's views */
        struct clips_player *player;
        struct kit_composition *c;
        struct kit_pane *pane[PANES]; /* NULL: closed */
        bool begun[PANES];            /* its model is there, whole */
        bool hidden[PANES];           /* nobody can see it */
        struct counter counters[COUNTERS];
        uint64_t rows[PANES][CLIPS_PROJECTS]; /* what was told of each; 0: nothing */
        uint64_t points, lines;               /* told */
        uint64_t generation;                  /* of the game */
        uint8_t phase, way;                   /* that the title says, and the way; and 1 */
        capnp_timer *timer;                   /* when it may be drawn again */
        bool dirty;
};

static const struct {
        const char *id, *title, *summary;
        enum ui_surface_kind kind;
        enum ui_safety_class safety;
        uint64_t model;
        enum ui_place place;
} panes[PANES] = {
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

/* ---- patches --------------------------------------------------------------------------------- */

static capnp_data pane_id(enum pane p)
{
        return (capnp_data){(const uint8_t *)panes[p].id, (uint32_t)strlen(panes[p].id)};
}

static capnp_question *patch_new(const struct clips_view *v, enum pane p, enum ui_patch_kind kind,
                                 ui_patch_payload_builder *ret)
{
        remote_ui_surface_client surface = {kit_pane_surface_peek(v->pane[p])};
        capnp_question *q = remote_ui_surface_apply(surface);
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);

        ui_patch_set_kind(b, kind);
        ui_patch_set_surface_id(b, pane_id(p));
        *ret = ui_patch_init_payload(b);
        return q;
}

static capnp_question *model_new(const struct clips_view *v, enum pane p,
                                 ui_model_patch_builder *ret)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch_new(v, p, UI_PATCH_KIND_UPDATE_MODEL, &payload);

        *ret = ui_patch_payload_init_model(payload);
        ui_model_patch_set_base(*ret, kit_pane_base(v->pane[p]));
        return q;
}

static void command_offer(const struct clips_view *v, enum pane p, unsigned command)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch_new(v, p, UI_PATCH_KIND_ADD_COMMAND, &payload);

        kit_command_write(&clips_commands[command], ui_patch_payload_init_command(payload).b);
        kit_pane_send(v->pane[p], q);
}

static void spec_write(ui_surface_spec_builder b, enum pane p, const char *title,
                       const char *summary)
{
        ui_surface_spec_set_surface_id(b, pane_id(p));
        ui_surface_spec_set_title(b, title);
        ui_surface_spec_set_summary(b, summary);
        ui_surface_spec_set_kind(b, panes[p].kind);
        ui_surface_spec_set_safety_class(b, panes[p].safety);
        ui_surface_spec_set_model_schema(b, panes[p].model);
        ui_layout_hint_set_place(ui_surface_spec_init_layout(b), panes[p].place);
}

/* A pane is not what was told: its model is given whole the next time. */
static void pane_forget(struct clips_view *v, enum pane p)
{
        v->begun[p] = false;
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
        ui_model_patch_builder m;
        capnp_question *q = model_new(v, PANE_STOCKS, &m);

        (void)ui_model_init_counters(ui_model_patch_init_whole(m));
        kit_pane_send(v->pane[PANE_STOCKS], q);
        command_offer(v, PANE_STOCKS, CLIPS_MAKE);
        command_offer(v, PANE_STOCKS, CLIPS_PRICE);
}

static void stocks_name(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;
        ui_patch_payload_builder payload;
        capnp_question *q;

        if (v->phase == g->phase + 1)
                return;
        v->phase = g->phase + 1;
        q = patch_new(v, PANE_STOCKS, UI_PATCH_KIND_OPEN_SURFACE, &payload);
        spec_write(ui_patch_payload_init_spec(payload), PANE_STOCKS, g->w->phases[g->phase].title,
                   g->w->phases[g->phase].next);
        kit_pane_send(v->pane[PANE_STOCKS], q);
}

static void stocks_draw(struct clips_view *v)
{
        struct counter now[COUNTERS];
        uint32_t n = counters_gather(v->player, now), changed[COUNTERS], nchanged = 0;
        ui_counter_list_builder l;
        ui_model_patch_builder m;
        capnp_question *q;

        if (!v->begun[PANE_STOCKS])
                stocks_begin(v);
        stocks_name(v);
        /* Places move when another stock is shown: then all are told anew. */
        for (uint32_t i = 0; i < n; i++)
                if (v->counters[i].key != now[i].key || counter_is_off(&v->counters[i], &now[i]))
                        changed[nchanged++] = i;
        if (!nchanged)
                return;

        q = model_new(v, PANE_STOCKS, &m);
        l = ui_model_patch_init_counters(m, nchanged);
        for (uint32_t i = 0; i < nchanged; i++) {
                counter_write(ui_counter_list_builder_get(l, i), &now[changed[i]]);
                v->counters[changed[i]] = now[changed[i]];
        }
        kit_pane_send(v->pane[PANE_STOCKS], q);
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
        ui_model_patch_builder m;
        capnp_question *q = model_new(v, PANE_MACHINES, &m);
        ui_table_builder t = ui_model_init_table(ui_model_patch_init_whole(m));
        ui_column_list_builder l = ui_table_init_columns(t, COLUMNS);

        for (uint32_t i = 0; i < COLUMNS; i++) {
                ui_column_builder c = ui_column_list_builder_get(l, i);

                ui_column_set_key(c, titles[i]);
                ui_column_set_title(c, titles[i]);
                ui_column_set_numeric(c, i == 2);
                ui_column_set_weight(c, i == 1 ? 2 : 1);
        }
        kit_pane_send(v->pane[PANE_MACHINES], q);
        command_offer(v, PANE_MACHINES, CLIPS_BUY);
}

static void projects_begin(struct clips_view *v)
{
        ui_model_patch_builder m;
        capnp_question *q = model_new(v, PANE_PROJECTS, &m);

        (void)ui_model_init_list_(ui_model_patch_init_whole(m));
        kit_pane_send(v->pane[PANE_PROJECTS], q);
        command_offer(v, PANE_PROJECTS, CLIPS_BEGIN);
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

        if (!v->begun[p])
                (p == PANE_MACHINES ? machines_begin : projects_begin)(v);
        rows_compare(v, p, &c);
        if (!c.nput && !c.ngone)
                return;

        q = model_new(v, p, &m);
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
        kit_pane_send(v->pane[p], q);
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
        ui_series_list_builder l;
        ui_model_patch_builder m;
        capnp_question *q;

        if (v->begun[PANE_CHART] && v->points == g->points)
                return;
        q = model_new(v, PANE_CHART, &m);
        if (v->begun[PANE_CHART]) {
                from = v->points > from ? v->points : from;
                l = ui_model_patch_init_points(m, 2);
        } else {
                ui_chart_builder c = ui_model_init_chart(ui_model_patch_init_whole(m));

                ui_chart_set_style(c, UI_CHART_STYLE_LINE);
                ui_chart_set_time(c, true);
                ui_chart_set_keep(c, CLIPS_POINTS);
                l = ui_chart_init_series(c, 2);
        }
        series_write(l, 0, g, from);
        series_write(l, 1, g, from);
        kit_pane_send(v->pane[PANE_CHART], q);
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
        ui_model_patch_builder m;
        capnp_question *q;
        uint32_t n;

        if (v->begun[PANE_LOG] && v->lines == g->lines)
                return;
        from = v->lines > from ? v->lines : from;
        n = (uint32_t)(g->lines - from);
        q = model_new(v, PANE_LOG, &m);
        if (v->begun[PANE_LOG])
                lines_write(ui_model_patch_init_lines(m, n), g, from);
        else
                lines_write(ui_log_init_lines(ui_model_init_log(ui_model_patch_init_whole(m)), n),
                            g, from);
        kit_pane_send(v->pane[PANE_LOG], q);
        v->lines = g->lines;
        if (!v->begun[PANE_LOG])
                command_offer(v, PANE_LOG, CLIPS_START_OVER);
}

/* ---- the way --------------------------------------------------------------------------------- */

static void way_draw(struct clips_view *v)
{
        const struct clips_game *g = &v->player->game;
        const struct clips_world *w = g->w;
        ui_model_patch_builder m;
        ui_step_list_builder l;
        capnp_question *q;

        if (v->way == g->phase + 1)
                return;
        v->way = g->phase + 1;
        q = model_new(v, PANE_WAY, &m);
        l = ui_progress_init_steps(ui_model_init_progress(ui_model_patch_init_whole(m)),
                                   w->nphases);
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
        kit_pane_send(v->pane[PANE_WAY], q);
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
        v->begun[p] = true;
}

static void view_draw(struct clips_view *v)
{
        bool other = v->generation != v->player->generation;

        v->generation = v->player->generation;
        for (enum pane p = PANE_STOCKS; p < PANES; p++) {
                if (other)
                        pane_forget(v, p);
                if (v->pane[p] && !v->hidden[p])
                        pane_draw(v, p);
        }
}

static void view_draw_in(struct clips_view *v, uint32_t ms);

static void view_free(struct clips_view *v)
{
        v->player->views--;
        capnp_timer_free(v->timer);
        capnp_i_list_remove(&v->link);
        capnp_i_list_remove(&v->watcher.link);
        free(v);
}

static void view_on_time(void *arg)
{
        struct clips_view *v = arg;
        bool any = false;

        v->timer = NULL;
        for (enum pane p = PANE_STOCKS; p < PANES; p++)
                any |= v->pane[p] != NULL;
        if (!any) { /* somebody has closed them all */
                kit_compose_finish(v->c);
                view_free(v);
        } else if (v->dirty) {
                v->dirty = false;
                view_draw(v);
                view_draw_in(v, PACE_MS);
        }
}

/* Not before that, and not before it may be. */
static void view_draw_in(struct clips_view *v, uint32_t ms)
{
        if (!v->timer)
                (void)!capnp_timer_new(v->player->all->vat, ms, view_on_time, v, &v->timer);
}

static void view_touch(struct clips_view *v)
{
        v->dirty = true;
        view_draw_in(v, 0);
}

static void view_on_happened(struct clips_watcher *w)
{
        view_touch(CAPNP_I_OF(w, struct clips_view, watcher));
}

/* ---- panes ----------------------------------------------------------------------------------- */

static enum pane pane_of(const struct clips_view *v, const struct kit_pane *k)
{
        enum pane p = PANE_STOCKS;

        while (p < PANES - 1 && v->pane[p] != k)
                p++;
        return p;
}

static void pane_on_event(void *self, struct kit_pane *k, capnp_reader event)
{
        ui_event_payload_reader what = ui_event_payload((ui_event_reader){event});
        struct clips_view *v = self;

        if (ui_event_payload_which(what) != UI_EVENT_PAYLOAD_VISIBLE)
                return;
        v->hidden[pane_of(v, k)] = !ui_event_payload_visible(what);
        view_touch(v);
}

/* Too much, or another revision than this one thinks: whole, in a while. */
static void pane_on_refused(void *self, struct kit_pane *k, const char *reason)
{
        struct clips_view *v = self;

        (void)reason;
        pane_forget(v, pane_of(v, k));
        v->dirty = true;
        v->timer = capnp_timer_free(v->timer);
        view_draw_in(v, AGAIN_MS);
}

static void pane_on_gone(void *self, struct kit_pane *k, const char *reason)
{
        struct clips_view *v = self;

        (void)reason;
        v->pane[pane_of(v, k)] = NULL;
        view_touch(v);
}

static const struct kit_pane_ops pane_ops = {
        .event = pane_on_event, .refused = pane_on_refused, .gone = pane_on_gone};

static void pane_open(struct clips_view *v, enum pane p)
{
        capnp_question *q =
                remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(v->c)});

        spec_write(remote_ui_host_open_init_spec(q), p, panes[p].title, panes[p].summary);
        (void)!kit_pane_new(v->c, remote_ui_host_open_surface(q).c, &pane_ops, v, &v->pane[p]);
        capnp_question_detach(q);
}

static void view_over(void *self)
{
        view_free(self);
}

int clips_view_compose(struct clips_player *p, struct capnp_i_list *views, capnp_answer *a)
{
        struct clips_view *v = p->views < VIEWS ? calloc(1, sizeof(*v)) : NULL;

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         p->views < VIEWS ? "out of memory"
                                                          : "8 hosts show this game already");
        if (kit_compose(p->all->vat, a, view_over, v, &v->c)) {
                free(v);
                return 0;
        }

        p->views++;
        v->player = p;
        v->generation = p->generation;
        v->watcher.happened = view_on_happened;
        capnp_i_list_append(views, &v->link);
        capnp_i_list_append(&p->watchers, &v->watcher.link);
        for (enum pane at = PANE_STOCKS; at < PANES; at++)
                pane_open(v, at);
        view_touch(v);
        return 0;
}

void clips_views_end(struct capnp_i_list *views)
{
        while (!capnp_i_list_empty(views)) {
                struct clips_view *v = CAPNP_I_OF(views->next, struct clips_view, link);

                kit_compose_finish(v->c);
                view_free(v);
        }
}
