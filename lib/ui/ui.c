/*
 * The workspace as front ends see it: its beginning, its end, what is due, and what can be looked
 * at. What makes up a composition is in the files before this one (ui-workspace.h).
 */
#include "ui-workspace.h"

#include "ui-draw-text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct capos_ui_arranged {
        struct ui_saved saved;
};

int capos_ui_new(const struct capos_ui_config *c, capos_ui **ret_ui)
{
        capos_ui *ui = calloc(1, sizeof(*ui));

        if (!ui)
                return -ENOMEM;

        ui->account = ui_words_dup(c->account);
        if (!ui->account) {
                free(ui);
                return -ENOMEM;
        }
        ui->vat = c->vat;
        ui->session = capnp_cap_ref(c->session);
        ui->schema = c->schema;
        ui->ops = c->ops;
        ui->arg = c->arg;
        ui->user = c->user;
        ui->look = c->user;
        ui->columns = c->columns;
        ui->rows = c->rows;
        ui->panes = c->panes;
        capnp_i_list_init(&ui->offers);
        capnp_i_list_init(&ui->surfaces);
        capnp_i_list_init(&ui->prompts);
        capnp_i_list_init(&ui->runs);
        ui_sum_init(&ui->sum, UI_ALL_SURFACES, UI_ALL_BYTES);
        if (c->arranged)
                ui_saved_move(&ui->saved, &c->arranged->saved);
        else
                ui_saved_init(&ui->saved);
        capos_ui_arranged_free(c->arranged);
        ui_layout_of(NULL, 0, ui->columns, ui->rows, &ui->layout);
        *ret_ui = ui;
        return 0;
}

/* All but what was arranged, which nothing refers to then. */
static void ui_end(capos_ui *ui)
{
        while (!capnp_i_list_empty(&ui->offers))
                ui_offer_end(CAPNP_I_OF(ui->offers.next, capos_ui_offer, link),
                             CAPOS_UI_CLOSED_SESSION, "the session has ended");
        ui_runs_end(ui);
        capnp_cap_unref(ui->session);
        free(ui->account);
}

capos_ui *capos_ui_free(capos_ui *ui)
{
        if (!ui)
                return NULL;

        ui_end(ui);
        ui_saved_deinit(&ui->saved);
        free(ui);
        return NULL;
}

capos_ui_arranged *capos_ui_end(capos_ui *ui)
{
        capos_ui_arranged *a = ui ? malloc(sizeof(*a)) : NULL;

        if (!a) {
                capos_ui_free(ui);
                return NULL;
        }
        ui_end(ui);
        ui_saved_move(&a->saved, &ui->saved);
        free(ui);
        return a;
}

capos_ui_arranged *capos_ui_arranged_free(capos_ui_arranged *a)
{
        if (!a)
                return NULL;

        ui_saved_deinit(&a->saved);
        free(a);
        return NULL;
}

void capos_ui_resize(capos_ui *ui, uint16_t columns, uint16_t rows)
{
        if (ui->columns == columns && ui->rows == rows)
                return;

        ui->columns = columns;
        ui->rows = rows;
        ui_relayout(ui);
}

void capos_ui_user(capos_ui *ui, const struct capos_ui_theme *user)
{
        ui->user = *user;
        ui_restyle(ui);
}

const struct capos_ui_theme *capos_ui_look_peek(const capos_ui *ui, const capos_ui_offer *o)
{
        return o ? &o->look : &ui->look;
}

void capos_ui_layout_for(const capos_ui *ui, uint16_t columns, uint16_t rows,
                         struct capos_ui_layout *ret_l)
{
        ui_layout_for(ui, columns, rows, ret_l);
}

/* Takes back looks whose time is over. */
static void looks_tick(capos_ui *ui, uint64_t now_ms)
{
        if (ui->theme_until_ms && now_ms >= ui->theme_until_ms) {
                ui->theme = (struct capos_ui_theme){0};
                ui->theme_until_ms = 0;
        }
        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next) {
                capos_ui_offer *o = CAPNP_I_OF(l, capos_ui_offer, link);

                if (!o->theme_until_ms || now_ms < o->theme_until_ms)
                        continue;
                o->theme = (struct capos_ui_theme){0};
                o->theme_until_ms = 0;
        }
}

void capos_ui_tick(capos_ui *ui)
{
        uint64_t now_ms = ui_now(ui);
        unsigned changed = 0;

        ui->wake_ms = 0;
        looks_tick(ui, now_ms);
        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next) {
                capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                changed |= ui_pane_tick(s->pane, now_ms);
                ui_poll_tick(s, now_ms);
        }
        if (changed & UI_CHANGED_LAYOUT)
                ui_relayout(ui);
        ui_restyle(ui);
        ui_rewake(ui);
}

void capos_ui_reset(capos_ui *ui)
{
        const struct ui_said said = {.what = UI_REPORT_WHAT_RESET, .allowed = true};

        ui_saved_reset(&ui->saved);
        ui->theme = (struct capos_ui_theme){0};
        ui->theme_until_ms = 0;
        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next) {
                capos_ui_offer *o = CAPNP_I_OF(l, capos_ui_offer, link);

                o->theme = (struct capos_ui_theme){0};
                o->theme_until_ms = 0;
                ui_report(ui, o->name, &said);
        }
        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next) {
                capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                if (s->pane->layout)
                        s->pane->layout_expires_ms = 1;
                if (s->pane->theme)
                        s->pane->theme_expires_ms = 1;
                (void)ui_pane_tick(s->pane, ui_now(ui));
                if (s->pane->pinned)
                        ui_pin_tell(s, false);
        }
        ui_relayout(ui);
        ui_restyle(ui);
        UI_TELL(ui, saved);
}

bool capos_ui_answer(capos_ui *ui, uint64_t id, bool yes)
{
        struct ui_prompt *p;

        if (capnp_i_list_empty(&ui->prompts))
                return false;
        p = CAPNP_I_OF(ui->prompts.next, struct ui_prompt, link);
        if (p->it.id != id || !ui_prompt_hears(p, ui_now(ui)))
                return false;

        ui_asked(ui, p, yes);
        return true;
}

/* ---- what may be kept ------------------------------------------------------------------------ */

enum capos_ui_consent capos_ui_consent_of(const capos_ui *ui, const char *service)
{
        return ui_saved_consent(&ui->saved, service);
}

int capos_ui_set_consent(capos_ui *ui, const char *service, enum capos_ui_consent c)
{
        static const char *const words[] = {"ask", "always", "never"};
        const struct ui_said said = {.what = UI_REPORT_WHAT_CONSENT,
                                     .allowed = c != CAPOS_UI_NEVER,
                                     .command = words[c]};
        struct ui_saved_service *of;
        int r = ui_saved_get(&ui->saved, service, &of);

        if (r)
                return r;

        if (of->consent != c)
                ui_report(ui, service, &said);
        of->consent = c;
        of->consent_chosen = ++ui->saved.choices;
        UI_TELL(ui, saved);
        return 0;
}

int capos_ui_saved_load(capos_ui *ui, capnp_reader r)
{
        int e = ui_saved_load(&ui->saved, (ui_saved_reader){r});

        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next) {
                capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);
                const struct ui_saved_pane *p =
                        ui_saved_find_pane(&ui->saved, s->offer->name, ui_surface_id(s));

                if (s->pane->pinned != (p && p->pinned))
                        ui_pin_tell(s, p && p->pinned);
        }
        ui_relayout(ui);
        ui_restyle(ui);
        return e;
}

void capos_ui_saved_store(capos_ui *ui, capnp_abuilder to)
{
        ui_saved_store(&ui->saved, ui_saved_init_any(to));
}

void capos_ui_saved_kept(capos_ui *ui)
{
        ui->saved.kept = ui->saved.stored;
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct capos_ui_layout *capos_ui_layout_peek(const capos_ui *ui)
{
        return &ui->layout;
}

bool capos_ui_is_zero(const capos_ui *ui)
{
        return !ui->sum.surfaces.used && !ui->sum.bytes.used && capnp_i_list_empty(&ui->offers) &&
               capnp_i_list_empty(&ui->surfaces) && capnp_i_list_empty(&ui->prompts);
}

capos_ui_surface *capos_ui_surface_at(const capos_ui *ui, uint32_t i)
{
        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next)
                if (!i--)
                        return CAPNP_I_OF(l, capos_ui_surface, link);
        return NULL;
}

void capos_ui_surface_info(const capos_ui_surface *s, struct capos_ui_pane *ret_p)
{
        ui_surface_spec_reader spec = ui_pane_spec(s->pane);

        *ret_p = (struct capos_ui_pane){
                .offer = s->offer,
                .number = s->number,
                .service = s->offer->name,
                .service_title = s->offer->title,
                .id = ui_surface_id(s),
                .title = ui_surface_spec_title(spec),
                .summary = ui_surface_spec_summary(spec),
                .kind = (uint16_t)s->pane->kind,
                .safety_class = (uint16_t)s->pane->safety_class,
                .revision = s->pane->revision,
                .pinned = s->pane->pinned,
                .visible = s->visible,
                .elements = s->pane->model->n,
                .commands = s->pane->ncommands,
        };
}

capnp_reader capos_ui_model_head(const capos_ui_surface *s)
{
        return ui_model_head(s->pane->model);
}

capnp_reader capos_ui_model_element(const capos_ui_surface *s, uint32_t i)
{
        return ui_model_element(s->pane->model, i);
}

void capos_ui_model_write(const capos_ui_surface *s, capnp_abuilder to)
{
        ui_model_write(s->pane->model, ui_model_init_any(to));
}

void capos_ui_change_write(const capos_ui_surface *s, const struct capos_ui_change *c,
                           capnp_abuilder to)
{
        ui_model_write_new(s->pane->model, c->head, c->replaced, c->nreplaced, c->appended,
                           ui_model_init_any(to));
}

int capos_ui_draw_text(const capos_ui_surface *s, const struct capos_ui_draw *d,
                       struct capnp_buf *to)
{
        const struct ui_draw draw = {
                .columns = d->columns,
                .rows = d->rows,
                .now_ms = d->still ? 0 : ui_now(s->offer->ui),
                .utc_offset_s = d->utc_offset_s,
        };

        return ui_draw_text(s->pane->model, &draw, to);
}

capnp_reader capos_ui_command_at(const capos_ui_surface *s, uint32_t i)
{
        return ui_pane_command(s->pane, i).r;
}

enum capos_ui_effect capos_ui_command_effect(const capos_ui_surface *s, uint32_t i)
{
        command_reader c = ui_pane_command(s->pane, i);
        struct ui_judge j = ui_surface_judge(s);
        struct ui_refused why;
        struct ui_target t;

        if (command_run_which(command_run(c)) != COMMAND_RUN_CALL)
                return CAPOS_UI_READS;
        if (ui_command_target(&j, c, &t, &why))
                return CAPOS_UI_LASTING;
        return ui_command_effect(&j, c, &t);
}
