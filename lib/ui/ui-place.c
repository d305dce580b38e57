/*
 * What a person does about a pane's place. It stands among what may be kept (ui-saved.c), also when
 * nobody keeps it, so that a pane that comes back finds its place again.
 */
#include "ui-workspace.h"

static void tell(capos_ui *ui, const char *service, enum ui_report_what what, const char *word)
{
        const struct ui_said said = {.what = what, .allowed = true, .command = word};

        ui_report(ui, service, &said);
}

/* A choice about a pane's place: what is known of that, made if need be; NULL: there is no room. */
static struct ui_saved_pane *pane_of(capos_ui_surface *s)
{
        struct ui_saved *saved = &s->offer->ui->saved;
        struct ui_saved_pane *p;

        if (ui_saved_get_pane(saved, s->offer->name, ui_surface_id(s), &p))
                return NULL;

        p->chosen = ++saved->choices;
        p->personal = s->pane->safety_class == UI_SAFETY_CLASS_PERSONAL;
        if (!p->placed && !p->pinned)
                p->hint = ui_hint_of(ui_pane_layout(s->pane));
        return p;
}

void capos_ui_close(capos_ui_surface *s)
{
        struct ui_saved_pane *p = pane_of(s);
        capos_ui_offer *o = s->offer, *lent = o->lent == s ? o : NULL;
        capos_ui *ui = o->ui;

        if (p)
                p->closed = true;
        tell(ui, o->name, UI_REPORT_WHAT_CLOSED, "closed");
        ui_surface_close(s, CAPOS_UI_CLOSED_BY_PERSON);
        if (lent) /* it was all that was lent */
                capos_ui_withdraw(lent);
        UI_TELL(ui, saved);
}

void capos_ui_allow(capos_ui *ui, const char *service, capnp_data id)
{
        struct ui_saved_service *of = ui_saved_find(&ui->saved, service);
        struct ui_saved_pane *one = ui_saved_find_pane(&ui->saved, service, id);

        if (!of)
                return;

        if (id.len ? one && one->closed : capos_ui_closed(ui, service))
                tell(ui, service, UI_REPORT_WHAT_CLOSED, "opened");
        for (struct capnp_i_list *l = of->panes.next; l != &of->panes; l = l->next) {
                struct ui_saved_pane *p = CAPNP_I_OF(l, struct ui_saved_pane, link);

                if (id.len && p != one)
                        continue;
                p->closed = false;
                p->chosen = ++ui->saved.choices;
        }
        UI_TELL(ui, saved);
}

uint32_t capos_ui_closed(const capos_ui *ui, const char *service)
{
        const struct ui_saved_service *of = ui_saved_find(&ui->saved, service);
        uint32_t n = 0;

        for (struct capnp_i_list *l = of ? of->panes.next : NULL; of && l != &of->panes;
             l = l->next)
                n += CAPNP_I_OF(l, struct ui_saved_pane, link)->closed;
        return n;
}

void ui_pin_tell(capos_ui_surface *s, bool pin)
{
        const struct capos_ui_change change = {
                .what = CAPOS_UI_CHANGED_STATE,
                .revision = s->pane->revision,
        };
        struct ui_event *e = ui_event_new(UI_EVENT_PAYLOAD_PINNED, NULL, true);

        s->pane->pinned = pin;
        if (e)
                e->flag = pin;
        ui_surface_tell(s, e);
        UI_TELL(s->offer->ui, changed, s, &change);
}

void capos_ui_pin(capos_ui_surface *s, bool pin)
{
        struct ui_saved_pane *p = pane_of(s);
        capos_ui *ui = s->offer->ui;

        if (!p || p->pinned == pin)
                return;

        p->pinned = pin;
        if (pin && s->visible) { /* it stays as large as it is, if there is room */
                p->hint.min_columns = s->columns;
                p->hint.min_rows = s->rows;
        }
        tell(ui, s->offer->name, UI_REPORT_WHAT_PIN, pin ? "pinned" : "unpinned");
        ui_pin_tell(s, pin);
        ui_relayout(ui);
        UI_TELL(ui, saved);
}

void capos_ui_move(capos_ui_surface *s, const struct capos_ui_move *m)
{
        static const char *const places[] = {"anywhere", "main", "side", "bottom"};
        struct ui_saved_pane *p = pane_of(s);
        capos_ui *ui = s->offer->ui;

        if (!p)
                return;

        tell(ui, s->offer->name, UI_REPORT_WHAT_MOVE,
             m->collapsed ? "collapsed"
                          : places[(unsigned)m->place > CAPOS_UI_BOTTOM ? 0 : m->place]);

        p->placed = true;
        p->hint.place = m->place;
        p->hint.weight = m->weight;
        p->hint.order = m->order;
        p->hint.collapsed = m->collapsed;
        p->hint.tab[0] = 0;
        ui_relayout(ui);
        UI_TELL(ui, saved);
}

void capos_ui_show(capos_ui_surface *s)
{
        s->offer->ui->acted = 0;
        s->front = ++s->offer->ui->fronts;
        ui_relayout(s->offer->ui);
}
