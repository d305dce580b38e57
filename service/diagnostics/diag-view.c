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

#include <capos/kit-ui.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pane { PANE_AUDIT, PANE_LOAD, PANE_CALLS, PANES };

enum {
        VIEWS = 8, /* of one guest */
        PACE_MS = 250,
        AGAIN_MS = 1000,
        LOOK_AGAIN_MS = 2500, /* a host takes a look in 2 s */
        ROWS_LATEST = 30,
        ROWS = ROWS_LATEST + FEED_NOTABLE,
        COLUMNS = 6,
        SERIES = 3,
        MARKS_REFUSED = 8, /* and DIAG_MARKS: a chart has 16 */
};

struct diag_view {
        struct feed_looker looker;
        struct capnp_i_list link; /* the guest's views */
        struct feed *feed;
        const struct diag_settings *set;
        struct kit_composition *c;
        struct kit_pane *pane[PANES]; /* NULL: closed */
        bool begun[PANES];            /* its model is there, whole */
        bool hidden[PANES];           /* nobody can see it */
        uint64_t records, seconds;    /* told */
        uint64_t rows[ROWS];          /* the numbers of those in the table */
        unsigned nrows;
        uint64_t refusals; /* of calls: those that are marked */
        uint32_t version;  /* of the settings */
        bool compact;      /* the look that was wished */
        capnp_question *look;
        capnp_timer *timer, *look_again;
        bool dirty;
};

static const struct {
        const char *id, *title, *summary;
        enum ui_surface_kind kind;
        uint64_t model;
        enum ui_place place;
} panes[PANES] = {
        {"audit", "Audit", "The audit log, as it grows.", UI_SURFACE_KIND_LOG, UI_LOG_ID,
         UI_PLACE_MAIN},
        {"load", "Load", "Calls and refusals in a second, and sessions.", UI_SURFACE_KIND_CHART,
         UI_CHART_ID, UI_PLACE_SIDE},
        {"calls", "Calls", "The latest calls, and those that were refused, failed or slow.",
         UI_SURFACE_KIND_TABLE, UI_TABLE_ID, UI_PLACE_BOTTOM},
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

/* ---- patches -------------------------------------------------------------------------------- */

static capnp_data pane_id(enum pane p)
{
        return (capnp_data){(const uint8_t *)panes[p].id, (uint32_t)strlen(panes[p].id)};
}

static capnp_question *patch_new(const struct diag_view *v, enum pane p, enum ui_patch_kind kind,
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

static capnp_question *model_new(const struct diag_view *v, enum pane p,
                                 ui_model_patch_builder *ret)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch_new(v, p, UI_PATCH_KIND_UPDATE_MODEL, &payload);

        *ret = ui_patch_payload_init_model(payload);
        ui_model_patch_set_base(*ret, kit_pane_base(v->pane[p]));
        return q;
}

static void command_offer(const struct diag_view *v, enum pane p, unsigned command)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch_new(v, p, UI_PATCH_KIND_ADD_COMMAND, &payload);

        kit_command_write(&diag_commands[command], ui_patch_payload_init_command(payload).b);
        kit_pane_send(v->pane[p], q);
}

/* A pane is not what was told: its model is given whole the next time. */
static void pane_forget(struct diag_view *v, enum pane p)
{
        v->begun[p] = false;
}

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
        ui_log_line_list_builder l;
        ui_model_patch_builder m;
        capnp_question *q;
        uint32_t n;

        if (v->begun[PANE_AUDIT] && v->records == f->nrecords)
                return;
        if (v->begun[PANE_AUDIT] && v->records > from)
                from = v->records;
        n = (uint32_t)(f->nrecords - from);
        q = model_new(v, PANE_AUDIT, &m);
        l = v->begun[PANE_AUDIT]
                    ? ui_model_patch_init_lines(m, n)
                    : ui_log_init_lines(ui_model_init_log(ui_model_patch_init_whole(m)), n);
        for (uint32_t i = 0; i < n; i++)
                line_write(ui_log_line_list_builder_get(l, i),
                           &f->records[(from + i) % FEED_RECORDS]);
        kit_pane_send(v->pane[PANE_AUDIT], q);
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
        ui_model_patch_builder m;
        ui_chart_builder c;
        capnp_question *q;

        if (v->refusals != newest)
                v->begun[PANE_LOAD] = false;
        if (v->begun[PANE_LOAD] && v->seconds == f->nseconds)
                return;

        q = model_new(v, PANE_LOAD, &m);
        from = f->nseconds > keep ? f->nseconds - keep : 0;
        if (v->begun[PANE_LOAD]) {
                from = v->seconds > from ? v->seconds : from;
                series_write(ui_model_patch_init_points(m, SERIES), f, from);
        } else {
                c = ui_model_init_chart(ui_model_patch_init_whole(m));
                ui_chart_set_style(c, UI_CHART_STYLE_STEPS);
                ui_chart_set_time(c, true);
                ui_chart_set_keep(c, (uint32_t)keep);
                marks_write(c, v, refused, nrefused);
                series_write(ui_chart_init_series(c, SERIES), f, from);
        }
        kit_pane_send(v->pane[PANE_LOAD], q);
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
        ui_model_patch_builder m;
        capnp_question *q = model_new(v, PANE_CALLS, &m);
        ui_column_list_builder l =
                ui_table_init_columns(ui_model_init_table(ui_model_patch_init_whole(m)), COLUMNS);

        for (uint32_t i = 0; i < COLUMNS; i++) {
                ui_column_builder c = ui_column_list_builder_get(l, i);

                ui_column_set_key(c, columns[i].title);
                ui_column_set_title(c, columns[i].title);
                ui_column_set_unit(c, columns[i].unit);
                ui_column_set_weight(c, columns[i].weight);
        }
        kit_pane_send(v->pane[PANE_CALLS], q);
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

        if (!v->begun[PANE_CALLS])
                calls_begin(v);
        ngone = rows_gone(v, rows, n, gone);
        told = v->nrows ? v->rows[v->nrows - 1] : 0;
        while (first < n && rows[first]->sequence <= told)
                first++;
        if (!ngone && first == n)
                return;

        q = model_new(v, PANE_CALLS, &m);
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
        kit_pane_send(v->pane[PANE_CALLS], q);
}

/* ---- the look ------------------------------------------------------------------------------- */

static void view_touch(struct diag_view *v);

static void look_on_again(void *arg)
{
        struct diag_view *v = arg;

        v->look_again = NULL;
        view_touch(v);
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
        remote_ui_host_client host = {kit_composition_lent_peek(v->c)};
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
        bool begins = !v->begun[p];

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
        v->begun[p] = true;
        if (!begins)
                return;
        /* One that is there already is replaced. */
        if (p == PANE_LOAD)
                command_offer(v, p, DIAG_MARK);
        if (p == PANE_LOAD)
                command_offer(v, p, DIAG_WINDOW);
        if (p == PANE_CALLS)
                command_offer(v, p, DIAG_SLOW);
        if (p == PANE_CALLS)
                command_offer(v, p, DIAG_COMPACT);
}

static void view_draw(struct diag_view *v)
{
        bool other = v->version != v->set->version;

        v->version = v->set->version;
        for (enum pane p = PANE_AUDIT; p < PANES; p++) {
                if (other && p != PANE_AUDIT)
                        pane_forget(v, p);
                if (v->pane[p] && !v->hidden[p])
                        pane_draw(v, p);
        }
        look_wish(v);
}

static void view_draw_in(struct diag_view *v, uint32_t ms);

static void view_free(struct diag_view *v)
{
        capnp_timer_free(v->timer);
        capnp_timer_free(v->look_again);
        capnp_question_free(v->look);
        capnp_i_list_remove(&v->link);
        feed_look_away(v->feed, &v->looker);
        free(v);
}

static void view_on_time(void *arg)
{
        struct diag_view *v = arg;
        bool any = false;

        v->timer = NULL;
        for (enum pane p = PANE_AUDIT; p < PANES; p++)
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
static void view_draw_in(struct diag_view *v, uint32_t ms)
{
        if (!v->timer)
                (void)!capnp_timer_new(v->feed->vat, ms, view_on_time, v, &v->timer);
}

static void view_touch(struct diag_view *v)
{
        v->dirty = true;
        view_draw_in(v, 0);
}

static void view_on_news(struct feed_looker *l)
{
        view_touch(CAPNP_I_OF(l, struct diag_view, looker));
}

/* ---- panes ---------------------------------------------------------------------------------- */

static enum pane pane_of(const struct diag_view *v, const struct kit_pane *k)
{
        enum pane p = PANE_AUDIT;

        while (p < PANES - 1 && v->pane[p] != k)
                p++;
        return p;
}

static void pane_on_event(void *self, struct kit_pane *k, capnp_reader event)
{
        ui_event_payload_reader what = ui_event_payload((ui_event_reader){event});
        struct diag_view *v = self;

        if (ui_event_payload_which(what) != UI_EVENT_PAYLOAD_VISIBLE)
                return;
        v->hidden[pane_of(v, k)] = !ui_event_payload_visible(what);
        view_touch(v);
}

/* Too much, or another revision than this one thinks: whole, in a while. */
static void pane_on_refused(void *self, struct kit_pane *k, const char *reason)
{
        struct diag_view *v = self;

        (void)reason;
        pane_forget(v, pane_of(v, k));
        v->dirty = true;
        v->timer = capnp_timer_free(v->timer);
        view_draw_in(v, AGAIN_MS);
}

static void pane_on_gone(void *self, struct kit_pane *k, const char *reason)
{
        struct diag_view *v = self;

        (void)reason;
        v->pane[pane_of(v, k)] = NULL;
        view_touch(v);
}

static const struct kit_pane_ops pane_ops = {
        .event = pane_on_event, .refused = pane_on_refused, .gone = pane_on_gone};

static void pane_open(struct diag_view *v, enum pane p)
{
        capnp_question *q =
                remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(v->c)});
        ui_surface_spec_builder b = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_surface_id(b, pane_id(p));
        ui_surface_spec_set_title(b, panes[p].title);
        ui_surface_spec_set_summary(b, panes[p].summary);
        ui_surface_spec_set_kind(b, panes[p].kind);
        ui_surface_spec_set_safety_class(b, UI_SAFETY_CLASS_PERSONAL);
        ui_surface_spec_set_model_schema(b, panes[p].model);
        ui_layout_hint_set_place(ui_surface_spec_init_layout(b), panes[p].place);
        (void)!kit_pane_new(v->c, remote_ui_host_open_surface(q).c, &pane_ops, v, &v->pane[p]);
        capnp_question_detach(q);
}

static void view_over(void *self)
{
        view_free(self);
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
        if (kit_compose(f->vat, a, view_over, v, &v->c)) {
                free(v);
                return 0;
        }

        v->feed = f;
        v->set = s;
        v->version = s->version;
        v->looker.news = view_on_news;
        capnp_i_list_append(views, &v->link);
        for (enum pane p = PANE_AUDIT; p < PANES; p++)
                pane_open(v, p);
        feed_look(f, &v->looker);
        return 0;
}

void diag_views_touch(struct capnp_i_list *views)
{
        for (struct capnp_i_list *l = views->next; l != views; l = l->next)
                view_touch(CAPNP_I_OF(l, struct diag_view, link));
}

void diag_views_end(struct capnp_i_list *views)
{
        while (!capnp_i_list_empty(views)) {
                struct diag_view *v = CAPNP_I_OF(views->next, struct diag_view, link);

                kit_compose_finish(v->c);
                view_free(v);
        }
}
