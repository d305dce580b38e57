/*
 * Diagnostics in panes: the audit log, how much is called, and the calls.
 *
 * What there is now is compared with what a pane was told, and the difference is the patch; so one
 * that was refused, and a host that came late, need nothing of their own. The table shows the
 * latest calls, and of the window that is set all that were refused, failed or were slow: a busy
 * instance does not push these out. A chart's marks come with the whole of it only, so it is told
 * whole when they, or the window, change.
 */
#include "diag-view.h"

#include "diagnostics.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <capos/kit-view.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pane { PANE_AUDIT, PANE_LOAD, PANE_CALLS, PANES };

enum {
        VIEWS = 8,            /* of one guest */
        LOOK_AGAIN_MS = 2500, /* a host takes a look in 2 s */
        ROWS_LATEST = 30,
        ROWS = ROWS_LATEST + FEED_NOTABLE,
        COLUMNS = 6,
        SERIES = 3,
        MARKS_REFUSED = 8, /* and DIAG_MARKS: a chart has 16 */
};

struct diag_view {
        struct kit_view kit;
        struct feed_looker looker;
        struct capnp_i_list link; /* the guest's views */
        struct feed *feed;
        const struct diag_settings *set;
        uint64_t records, seconds; /* told */
        uint64_t rows[ROWS];       /* the numbers of those in the table */
        unsigned nrows;
        uint64_t refusals; /* of calls: those that are marked */
        uint32_t version;  /* of the settings */
        bool compact;      /* the look that was wished */
        capnp_question *look;
        capnp_timer *look_again;
};

static const struct kit_view_spec panes[PANES] = {
        {"audit", "Audit", "The audit log, as it grows.", UI_SURFACE_KIND_LOG,
         UI_SAFETY_CLASS_PERSONAL, UI_LOG_ID, UI_PLACE_MAIN},
        {"load", "Load", "Calls and refusals in a second, and sessions.", UI_SURFACE_KIND_CHART,
         UI_SAFETY_CLASS_PERSONAL, UI_CHART_ID, UI_PLACE_SIDE},
        {"calls", "Calls", "The latest calls, and those that were refused, failed or slow.",
         UI_SURFACE_KIND_TABLE, UI_SAFETY_CLASS_PERSONAL, UI_TABLE_ID, UI_PLACE_BOTTOM},
};

/* ---- commands ------------------------------------------------------------------------------- */

static const struct kit_command_field mark_fields[] = {{.path = "label",
                                                        .label = "What it says",
                                                        .kind = KIT_FIELD_TEXT,
                                                        .required = true,
                                                        .max_bytes = DIAG_LABEL_BYTES}};
static const struct kit_command_field window_fields[] = {{.path = "seconds",
                                                          .label = "Seconds",
                                                          .kind = KIT_FIELD_INTEGER,
                                                          .required = true,
                                                          .min = 10,
                                                          .max = 600}};
static const struct kit_command_field slow_fields[] = {{.path = "ms",
                                                        .label = "Milliseconds",
                                                        .kind = KIT_FIELD_INTEGER,
                                                        .required = true,
                                                        .min = 1,
                                                        .max = 60000}};
static const struct kit_command_field compact_fields[] = {
        {.path = "on", .label = "Close together", .kind = KIT_FIELD_FLAG, .required = true}};

const struct kit_command diag_commands[DIAG_COMMANDS] = {
        [DIAG_MARK] = {.id = "mark",
                       .title = "Mark this moment",
                       .summary = "Puts a mark in the chart.",
                       .effect = KIT_OWN,
                       .interface = DIAGNOSTICS_ID,
                       .method = 0,
                       .fields = mark_fields,
                       .nfields = 1},
        [DIAG_WINDOW] = {.id = "window",
                         .title = "Show so many seconds",
                         .summary = "How much of the chart and of the calls is shown.",
                         .effect = KIT_OWN,
                         .interface = DIAGNOSTICS_ID,
                         .method = 1,
                         .fields = window_fields,
                         .nfields = 1},
        [DIAG_SLOW] = {.id = "slow",
                       .title = "Call it slow from so long on",
                       .summary = "From when on a call shows as slow.",
                       .effect = KIT_OWN,
                       .interface = DIAGNOSTICS_ID,
                       .method = 2,
                       .fields = slow_fields,
                       .nfields = 1},
        [DIAG_COMPACT] = {.id = "compact",
                          .title = "Put panes close together",
                          .summary = "The density of these panes, as long as they are shown.",
                          .effect = KIT_OWN,
                          .interface = DIAGNOSTICS_ID,
                          .method = 3,
                          .fields = compact_fields,
                          .nfields = 1},
};

/* ---- the audit log -------------------------------------------------------------------------- */

static void line_write(ui_log_line_builder b, const struct feed_record *r)
{
        ui_log_line_set_sequence(b, r->sequence);
        ui_log_line_set_at_ms(b, r->at_ms);
        ui_log_line_set_level(b, r->refused   ? UI_TONE_BAD
                                 : r->notable ? UI_TONE_WARNING
                                              : UI_TONE_NEUTRAL);
        ui_log_line_set_source(b, r->who);
        ui_log_line_set_text(b, r->text);
}

static void audit_draw(struct diag_view *v)
{
        const struct feed *f = v->feed;
        uint64_t from = f->nrecords > FEED_RECORDS ? f->nrecords - FEED_RECORDS : 0;
        bool begun = v->kit.begun[PANE_AUDIT];
        ui_log_line_list_builder l;
        ui_model_patch_builder change;
        ui_model_builder whole;
        capnp_question *q;
        uint32_t n;

        if (begun && v->records == f->nrecords)
                return;
        if (begun && v->records > from)
                from = v->records;
        n = (uint32_t)(f->nrecords - from);
        if (begun) {
                q = kit_view_change(&v->kit, PANE_AUDIT, &change.b);
                l = ui_model_patch_init_lines(change, n);
        } else {
                q = kit_view_whole(&v->kit, PANE_AUDIT, &whole.b);
                l = ui_log_init_lines(ui_model_init_log(whole), n);
        }
        for (uint32_t i = 0; i < n; i++)
                line_write(ui_log_line_list_builder_get(l, i),
                           &f->records[(from + i) % FEED_RECORDS]);
        kit_pane_send(v->kit.pane[PANE_AUDIT], q);
        v->records = f->nrecords;
}

/* ---- load ----------------------------------------------------------------------------------- */

static double second_of(const struct feed_second *s, unsigned series)
{
        const double of[SERIES] = {s->calls, s->refused, s->counted ? s->sessions : NAN};

        return of[series];
}

static void series_write(ui_series_list_builder l, const struct feed *f, uint64_t from)
{
        static const struct {
                const char *key, *label;
                enum ui_tone tone;
        } all[SERIES] = {{"calls", "Calls a second", UI_TONE_ACCENT},
                         {"refused", "Refused a second", UI_TONE_BAD},
                         {"sessions", "Sessions", UI_TONE_INFO}};
        uint32_t n = (uint32_t)(f->nseconds - from);

        for (unsigned k = 0; k < SERIES; k++) {
                ui_series_builder b = ui_series_list_builder_get(l, k);
                capnp_lbuilder x = ui_series_init_x(b, n), y = ui_series_init_y(b, n);

                ui_series_set_key(b, all[k].key);
                ui_series_set_label(b, all[k].label);
                ui_series_set_tone(b, all[k].tone);
                for (uint32_t i = 0; i < n; i++) {
                        const struct feed_second *s = &f->seconds[(from + i) % FEED_SECONDS];

                        capnp_lbuilder_set_f64(x, i, (double)s->at_ms);
                        capnp_lbuilder_set_f64(y, i, second_of(s, k));
                }
        }
}

/* The latest calls that were refused, oldest first. */
static unsigned refusals_find(const struct diag_view *v, const struct feed_call *ret[MARKS_REFUSED])
{
        const struct feed *f = v->feed;
        uint64_t at = f->nnotable, oldest = at > FEED_NOTABLE ? at - FEED_NOTABLE : 0,
                 since = feed_wall_ms() - v->set->window_ms;
        unsigned n = 0;

        while (at > oldest && n < MARKS_REFUSED) {
                const struct feed_call *c = &f->notable[--at % FEED_NOTABLE];

                if (c->refused && c->at_ms >= since)
                        ret[n++] = c;
        }
        for (unsigned i = 0; i < n / 2; i++) {
                const struct feed_call *c = ret[i];

                ret[i] = ret[n - 1 - i];
                ret[n - 1 - i] = c;
        }
        return n;
}

static void marks_write(ui_chart_builder b, const struct diag_view *v,
                        const struct feed_call *const *refused, unsigned nrefused)
{
        const struct diag_settings *s = v->set;
        unsigned own = s->nmarks < DIAG_MARKS ? (unsigned)s->nmarks : DIAG_MARKS;
        ui_chart_mark_list_builder l = ui_chart_init_mark(b, nrefused + own);

        for (unsigned i = 0; i < nrefused; i++) {
                ui_chart_mark_builder m = ui_chart_mark_list_builder_get(l, i);

                ui_chart_mark_set_x(m, (double)refused[i]->at_ms);
                ui_chart_mark_set_label(m, refused[i]->outcome);
                ui_chart_mark_set_tone(m, UI_TONE_BAD);
        }
        for (unsigned i = 0; i < own; i++) {
                ui_chart_mark_builder m = ui_chart_mark_list_builder_get(l, nrefused + i);
                uint64_t k = (s->nmarks - own + i) % DIAG_MARKS;

                ui_chart_mark_set_x(m, (double)s->marks[k].at_ms);
                ui_chart_mark_set_label(m, s->marks[k].label);
                ui_chart_mark_set_tone(m, UI_TONE_ACCENT);
        }
}

static void load_draw(struct diag_view *v)
{
        const struct feed *f = v->feed;
        const struct feed_call *refused[MARKS_REFUSED];
        unsigned nrefused = refusals_find(v, refused);
        uint64_t newest = nrefused ? refused[nrefused - 1]->sequence : 0, from;
        uint64_t keep = v->set->window_ms / 1000;
        bool begun = v->kit.begun[PANE_LOAD] && v->refusals == newest;
        ui_model_patch_builder change;
        ui_model_builder whole;
        ui_chart_builder c;
        capnp_question *q;

        if (begun && v->seconds == f->nseconds)
                return;

        from = f->nseconds > keep ? f->nseconds - keep : 0;
        if (begun) {
                from = v->seconds > from ? v->seconds : from;
                q = kit_view_change(&v->kit, PANE_LOAD, &change.b);
                series_write(ui_model_patch_init_points(change, SERIES), f, from);
        } else {
                q = kit_view_whole(&v->kit, PANE_LOAD, &whole.b);
                c = ui_model_init_chart(whole);
                ui_chart_set_style(c, UI_CHART_STYLE_STEPS);
                ui_chart_set_time(c, true);
                ui_chart_set_keep(c, (uint32_t)keep);
                marks_write(c, v, refused, nrefused);
                series_write(ui_chart_init_series(c, SERIES), f, from);
        }
        kit_pane_send(v->kit.pane[PANE_LOAD], q);
        v->seconds = f->nseconds;
        v->refusals = newest;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static bool call_is_slow(const struct diag_view *v, const struct feed_call *c)
{
        return c->micros >= v->set->slow_us;
}

/* What is to be seen, by number, each once: the notable ones of the window, and the latest. */
static unsigned rows_find(const struct diag_view *v, const struct feed_call *ret[ROWS])
{
        const struct feed *f = v->feed;
        uint64_t latest = f->ncalls > ROWS_LATEST ? f->ncalls - ROWS_LATEST : 0,
                 at = f->nnotable > FEED_NOTABLE ? f->nnotable - FEED_NOTABLE : 0,
                 since = feed_wall_ms() - v->set->window_ms, first;
        unsigned n = 0;

        first = latest < f->ncalls ? f->calls[latest % FEED_CALLS].sequence : UINT64_MAX;
        for (; at < f->nnotable; at++) {
                const struct feed_call *c = &f->notable[at % FEED_NOTABLE];

                if (c->sequence < first && c->at_ms >= since && (!c->ok || call_is_slow(v, c)))
                        ret[n++] = c;
        }
        for (; latest < f->ncalls; latest++) {
                const struct feed_call *c = &f->calls[latest % FEED_CALLS];

                if (c->at_ms >= since)
                        ret[n++] = c;
        }
        return n;
}

static void key_write(char to[24], uint64_t sequence)
{
        (void)snprintf(to, 24, "%" PRIu64, sequence);
}

static void took_write(char to[32], const struct feed_call *c)
{
        if (!c->micros)
                (void)snprintf(to, 32, "-");
        else if (c->micros < 1000 * 1000)
                (void)snprintf(to, 32, "%.1f ms", (double)c->micros / 1000);
        else
                (void)snprintf(to, 32, "%.2f s", (double)c->micros / (1000 * 1000));
}

static void call_write(ui_row_builder b, const struct diag_view *v, const struct feed_call *c)
{
        char key[24], method[FEED_NAME_BYTES + 1] = "", took[32], outcome[FEED_NAME_BYTES + 8];
        command_value_list_builder l = ui_row_init_cells(b, COLUMNS);
        bool slow = call_is_slow(v, c);

        key_write(key, c->sequence);
        took_write(took, c);
        if (c->name[0])
                (void)snprintf(method, sizeof(method), "%s", c->name);
        else if (c->interface_id)
                (void)snprintf(method, sizeof(method), "0x%" PRIx64 ".%u", c->interface_id,
                               c->method);
        (void)snprintf(outcome, sizeof(outcome), "%s%s", c->outcome, slow ? ", slow" : "");
        ui_row_set_key(b, key);
        ui_row_set_tone(b, c->refused       ? UI_TONE_BAD
                           : !c->ok || slow ? UI_TONE_WARNING
                                            : UI_TONE_NEUTRAL);
        command_value_set_uint(command_value_list_builder_get(l, 0), c->at_ms);
        command_value_set_text(command_value_list_builder_get(l, 1), c->who);
        command_value_set_text(command_value_list_builder_get(l, 2), c->capability);
        command_value_set_text(command_value_list_builder_get(l, 3), method);
        command_value_set_text(command_value_list_builder_get(l, 4), took);
        command_value_set_text(command_value_list_builder_get(l, 5), outcome);
}

static void calls_begin(struct diag_view *v)
{
        static const struct {
                const char *title;
                enum ui_unit unit;
                uint8_t weight;
        } columns[COLUMNS] = {{"When", UI_UNIT_INSTANT, 1},     {"Who", UI_UNIT_PLAIN, 2},
                              {"Capability", UI_UNIT_PLAIN, 2}, {"Method", UI_UNIT_PLAIN, 2},
                              {"Took", UI_UNIT_PLAIN, 1},       {"Outcome", UI_UNIT_PLAIN, 2}};
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&v->kit, PANE_CALLS, &m.b);
        ui_column_list_builder l = ui_table_init_columns(ui_model_init_table(m), COLUMNS);

        for (uint32_t i = 0; i < COLUMNS; i++) {
                ui_column_builder c = ui_column_list_builder_get(l, i);

                ui_column_set_key(c, columns[i].title);
                ui_column_set_title(c, columns[i].title);
                ui_column_set_unit(c, columns[i].unit);
                ui_column_set_weight(c, columns[i].weight);
        }
        kit_pane_send(v->kit.pane[PANE_CALLS], q);
        v->nrows = 0;
}

static bool is_among(const struct feed_call *const *rows, unsigned n, uint64_t sequence)
{
        for (unsigned i = 0; i < n; i++)
                if (rows[i]->sequence == sequence)
                        return true;
        return false;
}

/* Those that are not there any more; they are out of v->rows then. */
static unsigned rows_gone(struct diag_view *v, const struct feed_call *const *rows, unsigned n,
                          uint64_t ret[ROWS])
{
        unsigned ngone = 0, kept = 0;

        for (unsigned i = 0; i < v->nrows; i++)
                if (is_among(rows, n, v->rows[i]))
                        v->rows[kept++] = v->rows[i];
                else
                        ret[ngone++] = v->rows[i];
        v->nrows = kept;
        return ngone;
}

static void calls_draw(struct diag_view *v)
{
        const struct feed_call *rows[ROWS];
        uint64_t gone[ROWS], told;
        unsigned n = rows_find(v, rows), ngone, first = 0;
        ui_row_list_builder l;
        ui_model_patch_builder m;
        capnp_lbuilder removed;
        capnp_question *q;

        if (!v->kit.begun[PANE_CALLS])
                calls_begin(v);
        ngone = rows_gone(v, rows, n, gone);
        told = v->nrows ? v->rows[v->nrows - 1] : 0;
        while (first < n && rows[first]->sequence <= told)
                first++;
        if (!ngone && first == n)
                return;

        q = kit_view_change(&v->kit, PANE_CALLS, &m.b);
        removed = ui_model_patch_init_remove(m, ngone);
        for (unsigned i = 0; i < ngone; i++) {
                char key[24];

                key_write(key, gone[i]);
                ui_model_patch_set_remove_at(removed, i, key);
        }
        l = ui_model_patch_init_rows(m, n - first);
        for (unsigned i = first; i < n; i++) {
                call_write(ui_row_list_builder_get(l, i - first), v, rows[i]);
                v->rows[v->nrows++] = rows[i]->sequence;
        }
        kit_pane_send(v->kit.pane[PANE_CALLS], q);
}

/* ---- the look ------------------------------------------------------------------------------- */

static void look_on_again(void *arg)
{
        struct diag_view *v = arg;

        v->look_again = NULL;
        kit_view_touch(&v->kit);
}

/* A host takes one wish in a while: another has to wait, and one that was refused comes again. */
static void look_on_told(capnp_question *q, int r, void *arg)
{
        struct diag_view *v = arg;

        if (r)
                v->compact = !v->compact;
        v->look = capnp_question_free(q);
        (void)!capnp_timer_new(v->feed->vat, LOOK_AGAIN_MS, look_on_again, v, &v->look_again);
}

static void look_wish(struct diag_view *v)
{
        remote_ui_host_client host = {kit_composition_lent_peek(v->kit.c)};
        ui_theme_hint_builder b;

        if (v->compact == v->set->compact || v->look || v->look_again)
                return;

        v->compact = v->set->compact;
        v->look = remote_ui_host_theme(host);
        remote_ui_host_theme_set_scope(v->look, UI_THEME_SCOPE_OWN);
        b = remote_ui_host_theme_init_hints(v->look);
        ui_theme_hint_set_density(b, v->compact ? UI_THEME_HINT_DENSITY_COMPACT
                                                : UI_THEME_HINT_DENSITY_REGULAR);
        capnp_question_send(v->look, look_on_told, v);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void pane_draw(struct diag_view *v, enum pane p)
{
        bool begins = !v->kit.begun[p];

        switch (p) {
        case PANE_AUDIT:
                audit_draw(v);
                break;
        case PANE_LOAD:
                load_draw(v);
                break;
        case PANE_CALLS:
                calls_draw(v);
                break;
        case PANES:
                break;
        }
        if (begins && p == PANE_LOAD) {
                kit_view_offer(&v->kit, p, &diag_commands[DIAG_MARK]);
                kit_view_offer(&v->kit, p, &diag_commands[DIAG_WINDOW]);
        }
        if (begins && p == PANE_CALLS) {
                kit_view_offer(&v->kit, p, &diag_commands[DIAG_SLOW]);
                kit_view_offer(&v->kit, p, &diag_commands[DIAG_COMPACT]);
        }
}

static bool view_draw(void *self)
{
        struct diag_view *v = self;
        bool other = v->version != v->set->version;

        v->version = v->set->version;
        for (enum pane p = PANE_AUDIT; p < PANES; p++) {
                if (other && p != PANE_AUDIT)
                        kit_view_forget(&v->kit, p);
                if (v->kit.pane[p] && !v->kit.hidden[p])
                        pane_draw(v, p);
        }
        look_wish(v);
        return true;
}

static void view_over(void *self)
{
        struct diag_view *v = self;

        capnp_timer_free(v->look_again);
        capnp_question_free(v->look);
        capnp_i_list_remove(&v->link);
        feed_look_away(v->feed, &v->looker);
        free(v);
}

static const struct kit_view_kind view_kind = {
        .panes = panes, .npanes = PANES, .pace_ms = 250, .draw = view_draw, .over = view_over};

static void view_on_news(struct feed_looker *l)
{
        kit_view_touch(&CAPNP_I_OF(l, struct diag_view, looker)->kit);
}

static unsigned views_count(const struct capnp_i_list *views)
{
        unsigned n = 0;

        for (const struct capnp_i_list *l = views->next; l != views; l = l->next)
                n++;
        return n;
}

int diag_view_compose(struct feed *f, const struct diag_settings *s, struct capnp_i_list *views,
                      capnp_answer *a)
{
        bool room = views_count(views) < VIEWS;
        struct diag_view *v = room ? calloc(1, sizeof(*v)) : NULL;

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         room ? "out of memory" : "8 hosts show it already");
        if (kit_view_compose(&v->kit, &view_kind, v, f->vat, a)) {
                free(v);
                return 0;
        }

        v->feed = f;
        v->set = s;
        v->version = s->version;
        v->looker.news = view_on_news;
        capnp_i_list_append(views, &v->link);
        feed_look(f, &v->looker);
        return 0;
}

void diag_views_touch(struct capnp_i_list *views)
{
        for (struct capnp_i_list *l = views->next; l != views; l = l->next)
                kit_view_touch(&CAPNP_I_OF(l, struct diag_view, link)->kit);
}

void diag_views_end(struct capnp_i_list *views)
{
        while (!capnp_i_list_empty(views))
                kit_view_end(&CAPNP_I_OF(views->next, struct diag_view, link)->kit);
}
