/*
 * What holds for all services together: where their panes go, how they are drawn, what a person is
 * asked.
 *
 * A front end is told when everything is in order again, and may only look then; so nothing in here
 * reads a list on after it has told something.
 */
#include "ui-workspace.h"

#include "remote_session.capnp-c.h"

#include <stdlib.h>
#include <string.h>

/* ---- layout ---------------------------------------------------------------------------------- */

/* Where a pane belongs: by the person, else by its service. */
static struct ui_hint surface_hint(const capos_ui_surface *s, bool *ret_pinned)
{
        const struct ui_saved_pane *p =
                ui_saved_find_pane(&s->offer->ui->saved, s->offer->name, ui_surface_id(s));

        *ret_pinned = p && p->pinned;
        return p && (p->placed || p->pinned) ? p->hint : ui_hint_of(ui_pane_layout(s->pane));
}

/* What of a pane can be seen; tells its service when that has changed. */
static void surface_place(capos_ui_surface *s, const struct capos_ui_node *n, bool in_tabs)
{
        uint16_t title = in_tabs ? 0 : 1, rows = n->rows > title ? (uint16_t)(n->rows - title) : 0;
        bool resized = !s->was_told || s->columns != n->columns || s->rows != rows;
        bool turned = !s->was_told || s->visible != n->visible;
        struct ui_event *e;

        s->was_told = true;
        s->columns = n->columns;
        s->rows = rows;
        s->visible = n->visible;
        if (resized) {
                e = ui_event_new(UI_EVENT_PAYLOAD_SIZE, NULL, false);
                if (e) {
                        e->size.columns = n->columns;
                        e->size.rows = rows;
                }
                ui_surface_tell(s, e);
        }
        if (turned) {
                e = ui_event_new(UI_EVENT_PAYLOAD_VISIBLE, NULL, false);
                if (e)
                        e->flag = n->visible;
                ui_surface_tell(s, e);
        }
}

void ui_layout_for(const capos_ui *ui, uint16_t columns, uint16_t rows,
                   struct capos_ui_layout *ret_l)
{
        struct ui_spot spots[CAPOS_UI_SURFACES];
        struct ui_hint hints[CAPOS_UI_SURFACES];
        uint32_t n = 0;

        for (struct capnp_i_list *l = ui->surfaces.next;
             l != &ui->surfaces && n < CAPOS_UI_SURFACES; l = l->next, n++) {
                capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);
                struct ui_hint *h = &hints[n];
                bool pinned;

                *h = surface_hint(s, &pinned);
                spots[n] = (struct ui_spot){
                        .surface = s,
                        .service = s->offer->number,
                        .kind = s->pane->kind,
                        .place = h->place,
                        .weight = h->weight,
                        .min_columns = h->min_columns,
                        .min_rows = h->min_rows,
                        .order = h->order,
                        .tab = capnp_text_of(h->tab),
                        .front = s->front,
                        .collapsed = h->collapsed,
                        .pinned = pinned,
                };
        }
        ui_layout_of(spots, n, columns, rows, ret_l);
}

void ui_relayout(capos_ui *ui)
{
        uint32_t tabs_end = 0;

        ui_layout_for(ui, ui->columns, ui->rows, &ui->layout);
        for (uint32_t i = 0; i < ui->layout.n; i++) {
                const struct capos_ui_node *node = &ui->layout.nodes[i];

                if (node->kind == CAPOS_UI_TABS)
                        tabs_end = i + node->nodes + 1;
                else if (node->kind == CAPOS_UI_PANE)
                        surface_place(node->surface, node, i < tabs_end);
        }
        UI_TELL(ui, layout, &ui->layout);
}

/* ---- looks ----------------------------------------------------------------------------------- */

/* What an offer's panes wish, the last to come above the others. */
static struct capos_ui_theme offer_wish(const capos_ui *ui, const capos_ui_offer *o)
{
        const struct ui_saved_service *saved = ui_saved_find(&ui->saved, o->name);
        struct capos_ui_theme t = ui_theme_over(ui->saved.theme, ui->theme);

        if (saved)
                t = ui_theme_over(t, saved->theme);
        t = ui_theme_over(t, o->theme);
        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next) {
                const capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                if (s->offer == o)
                        t = ui_theme_over(t, ui_theme_of(ui_pane_theme(s->pane)));
        }
        return t;
}

int ui_wish_may(const capos_ui_offer *o, struct ui_refused *ret_why)
{
        if (o->theme_at_ms && ui_now(o->ui) - o->theme_at_ms < UI_THEME_MS)
                return ui_over_quota(ret_why, "theme", "more than one wish in %u ms", UI_THEME_MS);
        return 0;
}

void ui_restyle(capos_ui *ui)
{
        struct capos_ui_theme t =
                ui_theme_bound(ui_theme_over(ui->saved.theme, ui->theme), &ui->user);

        if (!ui_themes_are_equal(&t, &ui->look)) {
                ui->look = t;
                UI_TELL(ui, theme, NULL, &ui->look);
        }
        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next) {
                capos_ui_offer *o = CAPNP_I_OF(l, capos_ui_offer, link);

                t = ui_theme_bound(offer_wish(ui, o), &ui->user);
                if (ui_themes_are_equal(&t, &o->look))
                        continue;
                o->look = t;
                UI_TELL(ui, theme, o, &o->look);
        }
}

/* ---- prompts --------------------------------------------------------------------------------- */

/* Shows the first question, if none is on screen. */
static void prompt_next(capos_ui *ui)
{
        struct ui_prompt *p;

        if (capnp_i_list_empty(&ui->prompts))
                return;
        p = CAPNP_I_OF(ui->prompts.next, struct ui_prompt, link);
        if (p->shown_ms)
                return;

        p->shown_ms = ui_now(ui);
        p->shown_ms += !p->shown_ms;
        UI_TELL(ui, prompt, &p->it);
}

int ui_ask(capos_ui *ui, capos_ui_offer *o, const struct ui_prompt_draft *d,
           void (*answered)(void *arg, bool yes, bool is_over), void *arg,
           struct ui_refused *ret_why)
{
        struct ui_prompt *p;
        int r = ui_prompt_meter_take(o->meter, d->kind, ui_now(ui), ret_why);

        if (r)
                return r;
        r = ui_prompt_new(d, &p);
        if (r) {
                o->meter->is_open = false;
                return r;
        }

        p->meter = o->meter;
        p->it.id = ++ui->prompt_ids;
        p->answered = answered;
        p->arg = arg;
        capnp_i_list_append(&ui->prompts, &p->link);
        prompt_next(ui);
        return 0;
}

/* The question ends, and then what it was about goes on. */
static void prompt_end(capos_ui *ui, struct ui_prompt *p, bool yes, bool is_over)
{
        void (*answered)(void *, bool, bool) = p->answered;
        void *arg = p->arg;

        capnp_i_list_remove(&p->link);
        if (p->shown_ms)
                UI_TELL(ui, prompt_gone, p->it.id);
        ui_prompt_free(p); /* whoever was told of it may have looked at it until now */
        answered(arg, yes, is_over);
        prompt_next(ui);
}

void ui_asked(capos_ui *ui, struct ui_prompt *p, bool yes)
{
        prompt_end(ui, p, yes, false);
}

void ui_unask(capos_ui *ui, const capos_ui_offer *o, const void *about)
{
        for (struct capnp_i_list *l = ui->prompts.next; l != &ui->prompts; l = l->next) {
                struct ui_prompt *p = CAPNP_I_OF(l, struct ui_prompt, link);

                if (p->meter != o->meter || (about && p->about != about))
                        continue;
                prompt_end(ui, p, false, true); /* a service has one at most */
                return;
        }
}

/* ---- what is counted ------------------------------------------------------------------------- */

void ui_offer_unref(capos_ui_offer *o)
{
        if (!o || --o->refs)
                return;

        free(o->name);
        free(o->title);
        free(o);
}

void ui_surface_unref(capos_ui_surface *s)
{
        if (!s || --s->refs)
                return;

        ui_offer_unref(s->offer);
        free(s);
}

/* By the offer, an instance of any age takes it. */
static capnp_question *report_begin(capos_ui *ui, const char *service, ui_report_builder *ret_r)
{
        remote_session_client session = {ui->session};
        capnp_question *q;

        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next) {
                capos_ui_offer *o = CAPNP_I_OF(l, capos_ui_offer, link);

                if (!o->offer || strcmp(o->name, service) != 0)
                        continue;
                q = remote_ui_offer_report((remote_ui_offer_client){o->offer});
                *ret_r = remote_ui_offer_report_init_report(q);
                return q;
        }
        q = remote_session_report_ui(session);
        remote_session_report_ui_set_service(q, service);
        *ret_r = remote_session_report_ui_init_report(q);
        return q;
}

void ui_report(capos_ui *ui, const char *service, const struct ui_said *s)
{
        ui_report_builder r;
        capnp_question *q = report_begin(ui, service, &r);

        ui_report_set_what(r, s->what);
        ui_report_set_allowed(r, s->allowed);
        ui_report_set_unanswered(r, s->unanswered);
        if (s->command)
                ui_report_set_command(r, s->command);
        if (s->target) {
                ui_report_set_capability_n(r, s->target->capability);
                ui_report_set_interface_id(r, s->target->method.interface);
                ui_report_set_method_id(r, s->target->method.ordinal);
                ui_report_set_effect(r, (enum command_effect)s->effect);
        }
        capnp_question_detach(q);
}
