/*
 * Views (<capos/kit-view.h>): panes of a table in a composition, and a timer.
 *
 * The timer is the pace: while it runs nothing is drawn, and when it has fired what is dirty is.
 * So a first touch is drawn in the next turn of the loop, with all that happens until then, and
 * what comes after it waits for the pace. A refusal puts it off for a second: the host has had too
 * much, or another revision than the service thinks. Panes that could not be opened for that are
 * opened by it, too, before it draws.
 *
 * A view is over in one place, view_over(), whichever of three ways it goes. That all panes are
 * closed is found by the timer, not at the last pane's end: what is taken back ends pane by pane,
 * too, and is no person's doing.
 */
#include "remote_ui.capnp-c.h"

#include <capos/kit-view.h>

#include <string.h>

enum { AGAIN_MS = 1000 };

/* ---- drawing -------------------------------------------------------------------------------- */

static void view_over(void *arg)
{
        struct kit_view *v = arg;

        v->timer = capnp_timer_free(v->timer);
        v->kind->over(v->self);
}

void kit_view_end(struct kit_view *v)
{
        kit_compose_finish(v->c);
        view_over(v);
}

static bool view_is_closed(const struct kit_view *v)
{
        for (unsigned p = 0; p < KIT_VIEW_PANES; p++)
                if (v->pane[p] || v->unopened[p])
                        return false;
        return true;
}

static void pane_open(struct kit_view *v, unsigned p);
static void view_draw_in(struct kit_view *v, uint32_t ms);

static void view_on_time(void *arg)
{
        struct kit_view *v = arg;

        v->timer = NULL;
        for (unsigned p = 0; p < KIT_VIEW_PANES; p++)
                if (v->unopened[p])
                        pane_open(v, p);
        v->closed = view_is_closed(v);
        if (v->closed) {
                kit_view_end(v);
        } else if (v->dirty) {
                v->dirty = false; /* first: what is touched meanwhile is drawn, too */
                if (!v->kind->draw(v->self))
                        v->dirty = true;
                view_draw_in(v, v->kind->pace_ms);
        }
}

/* Not before that, and not before it may be. */
static void view_draw_in(struct kit_view *v, uint32_t ms)
{
        if (!v->timer)
                (void)!capnp_timer_new(v->vat, ms, view_on_time, v, &v->timer);
}

void kit_view_touch(struct kit_view *v)
{
        v->dirty = true;
        view_draw_in(v, 0);
}

void kit_view_forget(struct kit_view *v, unsigned pane)
{
        v->begun[pane] = false;
        if (v->kind->forget)
                v->kind->forget(v->self, pane);
}

/* ---- panes ---------------------------------------------------------------------------------- */

static unsigned pane_of(const struct kit_view *v, const struct kit_pane *k)
{
        unsigned p = 0;

        while (p < KIT_VIEW_PANES - 1 && v->pane[p] != k)
                p++;
        return p;
}

static void pane_on_event(void *self, struct kit_pane *k, capnp_reader event)
{
        ui_event_payload_reader what = ui_event_payload((ui_event_reader){event});
        struct kit_view *v = self;
        unsigned p = pane_of(v, k);

        if (ui_event_payload_which(what) == UI_EVENT_PAYLOAD_VISIBLE) {
                if (v->hidden[p])
                        kit_view_touch(v);
                v->hidden[p] = !ui_event_payload_visible(what);
        }
        if (v->kind->event)
                v->kind->event(v->self, p, event);
}

/* Whole, in a while. */
static void pane_again(struct kit_view *v, unsigned p)
{
        kit_view_forget(v, p);
        v->dirty = true;
        v->timer = capnp_timer_free(v->timer);
        view_draw_in(v, AGAIN_MS);
}

static void pane_on_refused(void *self, struct kit_pane *k, const char *reason)
{
        (void)reason;
        pane_again(self, pane_of(self, k));
}

static void pane_on_gone(void *self, struct kit_pane *k, const char *reason)
{
        static const char too_much[] = "over-quota.";
        struct kit_view *v = self;
        unsigned p = pane_of(v, k);

        v->pane[p] = NULL;
        v->unopened[p] = !strncmp(reason, too_much, strlen(too_much));
        if (v->unopened[p])
                pane_again(v, p);
        else
                kit_view_touch(v);
}

static const struct kit_pane_ops pane_ops = {
        .event = pane_on_event, .refused = pane_on_refused, .gone = pane_on_gone};

static capnp_data spec_id(const struct kit_view_spec *s)
{
        return (capnp_data){(const uint8_t *)s->id, (uint32_t)strlen(s->id)};
}

static void spec_write(ui_surface_spec_builder b, const struct kit_view_spec *s, const char *title,
                       const char *summary)
{
        ui_surface_spec_set_surface_id(b, spec_id(s));
        ui_surface_spec_set_title(b, title ? title : s->title);
        ui_surface_spec_set_summary(b, summary ? summary : s->summary);
        ui_surface_spec_set_kind(b, (enum ui_surface_kind)s->kind);
        ui_surface_spec_set_safety_class(b, (enum ui_safety_class)s->safety);
        ui_surface_spec_set_model_schema(b, s->model);
        ui_layout_hint_set_place(ui_surface_spec_init_layout(b), (enum ui_place)s->place);
}

static void pane_open(struct kit_view *v, unsigned p)
{
        capnp_question *q =
                remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(v->c)});

        spec_write(remote_ui_host_open_init_spec(q), &v->kind->panes[p], NULL, NULL);
        v->unopened[p] = kit_pane_new(v->c, remote_ui_host_open_surface(q).c, &pane_ops, v,
                                      &v->pane[p]) != 0;
        capnp_question_detach(q);
}

int kit_view_compose(struct kit_view *v, const struct kit_view_kind *kind, void *self,
                     capnp_vat *vat, capnp_answer *a)
{
        int r;

        *v = (struct kit_view){.kind = kind, .self = self, .vat = vat};
        r = kit_compose(vat, a, view_over, v, &v->c);
        if (r)
                return r;

        for (unsigned p = 0; p < kind->npanes && p < KIT_VIEW_PANES; p++)
                pane_open(v, p);
        kit_view_touch(v);
        return 0;
}

/* ---- patches -------------------------------------------------------------------------------- */

capnp_question *kit_view_patch(const struct kit_view *v, unsigned pane, uint16_t kind,
                               capnp_builder *ret_payload)
{
        remote_ui_surface_client surface = {kit_pane_surface_peek(v->pane[pane])};
        capnp_question *q = remote_ui_surface_apply(surface);
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);

        ui_patch_set_kind(b, (enum ui_patch_kind)kind);
        ui_patch_set_surface_id(b, spec_id(&v->kind->panes[pane]));
        *ret_payload = ui_patch_init_payload(b).b;
        return q;
}

static capnp_question *model_patch(const struct kit_view *v, unsigned pane,
                                   ui_model_patch_builder *ret)
{
        ui_patch_payload_builder payload;
        capnp_question *q = kit_view_patch(v, pane, UI_PATCH_KIND_UPDATE_MODEL, &payload.b);

        *ret = ui_patch_payload_init_model(payload);
        return q;
}

capnp_question *kit_view_whole(struct kit_view *v, unsigned pane, capnp_builder *ret_model)
{
        ui_model_patch_builder m;
        capnp_question *q = model_patch(v, pane, &m);

        *ret_model = ui_model_patch_init_whole(m).b;
        v->begun[pane] = true;
        return q;
}

capnp_question *kit_view_change(const struct kit_view *v, unsigned pane, capnp_builder *ret_change)
{
        ui_model_patch_builder m;
        capnp_question *q = model_patch(v, pane, &m);

        ui_model_patch_set_base(m, kit_pane_base(v->pane[pane]));
        *ret_change = m.b;
        return q;
}

void kit_view_offer(const struct kit_view *v, unsigned pane, const struct kit_command *c)
{
        ui_patch_payload_builder payload;
        capnp_question *q = kit_view_patch(v, pane, UI_PATCH_KIND_ADD_COMMAND, &payload.b);

        kit_command_write(c, ui_patch_payload_init_command(payload).b);
        kit_pane_send(v->pane[pane], q);
}

void kit_view_rename(const struct kit_view *v, unsigned pane, const char *title,
                     const char *summary)
{
        ui_patch_payload_builder payload;
        capnp_question *q = kit_view_patch(v, pane, UI_PATCH_KIND_OPEN_SURFACE, &payload.b);

        spec_write(ui_patch_payload_init_spec(payload), &v->kind->panes[pane], title, summary);
        kit_pane_send(v->pane[pane], q);
}
