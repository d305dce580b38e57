/*
 * A composing service for tests (panel.capnp).
 *
 * The upper half is what any composing service does, by the kit: it answers `compose` and `draw`,
 * shows a pane of counters, and hears of events. The lower half is what only a test wants: it keeps
 * what it was lent when that was taken back, and tries to use it.
 */
#include <capos/kit-ui.h>
#include <capos/kit.h>

#include "panel.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include "user_session.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS = 32, COMMAND_BYTES = 64, HELD = 64 };

struct panel {
        capnp_vat *vat;
        struct kit_composition *last; /* the last that is open */
        struct kit_pane *pane;        /* in it */
        capnp_cap *host, *surface;    /* what was lent last, and the pane in it, come what may */
        uint32_t callers, open, begun, over, panes, by_person, ncommands, nheld;
        char commands[COMMANDS][COMMAND_BYTES];
        capnp_cap *held[HELD];
};

static const capnp_data SURFACE = {(const uint8_t *)"main", 4};

/* ---- a composer ----------------------------------------------------------------------------- */

static void pane_on_event(void *self, struct kit_pane *p, capnp_reader event)
{
        ui_event_reader e = {event};
        struct panel *l = self;

        (void)p;
        l->by_person += ui_event_user_initiated(e);
        if (ui_event_command(e).len && l->ncommands < COMMANDS)
                (void)snprintf(l->commands[l->ncommands++], COMMAND_BYTES, "%s",
                               ui_event_command(e).p);
}

static void pane_on_gone(void *self, struct kit_pane *p, const char *reason)
{
        struct panel *l = self;

        (void)reason;
        l->panes--;
        if (l->pane == p)
                l->pane = NULL;
}

static const struct kit_pane_ops pane_ops = {.event = pane_on_event, .gone = pane_on_gone};

/* The whole model. */
static void pane_show(struct kit_pane *p)
{
        capnp_question *q =
                remote_ui_surface_apply((remote_ui_surface_client){kit_pane_surface_peek(p)});
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);
        ui_model_builder m =
                ui_model_patch_init_whole(ui_patch_payload_init_model(ui_patch_init_payload(b)));
        ui_counter_builder c = ui_counter_list_builder_get(
                ui_counters_init_counters(ui_model_init_counters(m), 1), 0);

        ui_patch_set_kind(b, UI_PATCH_KIND_UPDATE_MODEL);
        ui_patch_set_surface_id(b, SURFACE);
        ui_counter_set_key(c, "clips");
        ui_counter_set_label(c, "Paperclips");
        ui_counter_set_value(c, 1);
        kit_pane_send(p, q);
}

static int pane_begin(struct panel *l, capnp_cap *surface)
{
        int r = kit_pane_new(l->last, surface, &pane_ops, l, &l->pane);

        if (r)
                return r;

        l->panes++;
        capnp_cap_unref(l->surface);
        l->surface = capnp_cap_ref(surface);
        pane_show(l->pane);
        return 0;
}

static capnp_question *surface_open(capnp_cap *host, capnp_data id)
{
        capnp_question *q = remote_ui_host_open((remote_ui_host_client){host});
        ui_surface_spec_builder s = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_surface_id(s, id);
        ui_surface_spec_set_title(s, "Workshop");
        ui_surface_spec_set_kind(s, UI_SURFACE_KIND_COUNTERS);
        ui_surface_spec_set_safety_class(s, UI_SAFETY_CLASS_ORDINARY);
        ui_surface_spec_set_model_schema(s, UI_COUNTERS_ID);
        return q;
}

static void compose_over(void *self)
{
        struct panel *l = self;

        l->open--;
        l->over++;
        l->last = NULL;
}

/* Both are answered alike, but that a host is asked for its pane. */
static int serve_compose(void *self, capnp_answer *a)
{
        struct panel *l = self;
        capnp_question *q;

        if (kit_compose(l->vat, a, compose_over, l, &l->last))
                return 0;

        l->open++;
        l->begun++;
        capnp_cap_unref(l->host);
        l->host = capnp_cap_ref(kit_composition_lent_peek(l->last));
        if (capnp_answer_method(a) == 1)
                return pane_begin(l, l->host);

        q = surface_open(l->host, SURFACE);
        (void)!pane_begin(l, remote_ui_host_open_surface(q).c);
        capnp_question_detach(q);
        return 0;
}

/* ---- a test --------------------------------------------------------------------------------- */

/* An attempt under way. */
struct attempt {
        struct panel *l;
        capnp_answer *a;
        enum panel_act act;
        uint32_t left, done;
};

static void attempt_next(struct attempt *t);

static void attempt_end(struct attempt *t, const char *outcome)
{
        panel_attempt_results_set_outcome(t->a, outcome);
        panel_attempt_results_set_done(t->a, t->done);
        (void)capnp_answer_return(t->a);
        free(t);
}

static void attempt_done(capnp_question *q, int r, void *arg)
{
        struct attempt *t = arg;

        if (!r && t->act == PANEL_ACT_HOLD && t->l->nheld < HELD)
                t->l->held[t->l->nheld++] = capnp_cap_ref(remote_ui_host_open_surface(q).c);
        if (r) {
                attempt_end(t, capnp_question_exception(q).reason);
        } else {
                t->done++;
                if (t->left-- > 1)
                        attempt_next(t);
                else
                        attempt_end(t, "");
        }
        capnp_question_free(q);
}

static capnp_question *patch_new(capnp_cap *surface, uint32_t text)
{
        capnp_question *q = remote_ui_surface_apply((remote_ui_surface_client){surface});
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);
        ui_model_patch_builder m = ui_patch_payload_init_model(ui_patch_init_payload(b));
        ui_counter_builder c = ui_counter_list_builder_get(ui_model_patch_init_counters(m, 1), 0);

        ui_patch_set_kind(b, UI_PATCH_KIND_UPDATE_MODEL);
        ui_patch_set_surface_id(b, SURFACE);
        ui_model_patch_set_base(m, 1);
        ui_counter_set_key(c, "more");
        if (text) {
                char *label = calloc(1, text + 1);

                if (label)
                        memset(label, 'x', text);
                ui_counter_set_label_n(c, (capnp_text){label ? label : "", label ? text : 0});
                free(label);
        }
        return q;
}

static capnp_question *attempt_question(struct attempt *t)
{
        remote_ui_surface_client surface = {t->l->surface};
        remote_ui_host_client host = {t->l->host};
        capnp_question *q;
        char id[16];

        switch (t->act) {
        case PANEL_ACT_PERSIST:
                return remote_ui_surface_persist(surface);
        case PANEL_ACT_THEME:
                q = remote_ui_host_theme(host);
                remote_ui_host_theme_set_scope(q, UI_THEME_SCOPE_WORKSPACE);
                return q;
        case PANEL_ACT_OPEN:
        case PANEL_ACT_HOLD:
                (void)snprintf(id, sizeof(id), "more-%u", t->l->nheld);
                return surface_open(t->l->host,
                                    (capnp_data){(const uint8_t *)id, (uint32_t)strlen(id)});
        case PANEL_ACT_STRAY:
                return user_session_info((user_session_client){t->l->surface});
        case PANEL_ACT_POLL_HELD:
        case PANEL_ACT_POLL:
                if (t->act == PANEL_ACT_POLL_HELD)
                        surface.c = t->l->nheld ? t->l->held[t->l->nheld - 1] : NULL;
                q = remote_ui_surface_poll(surface);
                remote_ui_surface_poll_set_wait_ms(q, t->left);
                t->left = 1;
                return q;
        case PANEL_ACT_LARGE:
                q = patch_new(t->l->surface, t->left);
                t->left = 1;
                return q;
        case PANEL_ACT_RELEASE:
        case PANEL_ACT_PATCH:
                break;
        }
        return patch_new(t->l->surface, 0);
}

static void attempt_next(struct attempt *t)
{
        capnp_question_send(attempt_question(t), attempt_done, t);
}

static int serve_attempt(void *self, capnp_answer *a)
{
        struct attempt *t = malloc(sizeof(*t));

        if (!t)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");

        *t = (struct attempt){self, a, panel_attempt_param_act(a), panel_attempt_param_count(a), 0};
        if (t->act == PANEL_ACT_RELEASE) {
                if (t->l->nheld)
                        capnp_cap_unref(t->l->held[--t->l->nheld]);
                attempt_end(t, "");
                return 0;
        }
        attempt_next(t);
        return capnp_answer_keep(a, NULL, NULL);
}

static int serve_events(void *self, capnp_answer *a)
{
        struct panel *l = self;
        capnp_lbuilder out = panel_events_results_init_commands(a, l->ncommands);

        for (uint32_t i = 0; i < l->ncommands; i++)
                panel_events_out_set_commands_at(out, i, l->commands[i]);
        panel_events_results_set_by_person(a, l->by_person);
        return capnp_answer_return(a);
}

static int serve_state(void *self, capnp_answer *a)
{
        struct panel *l = self;

        panel_state_results_set_open(a, l->open);
        panel_state_results_set_begun(a, l->begun);
        panel_state_results_set_over(a, l->over);
        panel_state_results_set_panes(a, l->panes);
        return capnp_answer_return(a);
}

static int serve_finish(void *self, capnp_answer *a)
{
        struct panel *l = self;

        if (l->last) {
                kit_compose_finish(l->last);
                l->last = NULL;
                l->pane = NULL;
                l->open--;
                l->panes--;
        }
        return capnp_answer_return(a);
}

static void panel_forget(struct panel *l)
{
        l->host = capnp_cap_unref(l->host);
        l->surface = capnp_cap_unref(l->surface);
        while (l->nheld)
                capnp_cap_unref(l->held[--l->nheld]);
}

static int serve_drop(void *self, capnp_answer *a)
{
        panel_forget(self);
        return capnp_answer_return(a);
}

static const struct panel_ops panel_ops = {
        .ui_composer = {.compose = serve_compose, .draw = serve_compose},
        .attempt = serve_attempt,
        .events = serve_events,
        .state = serve_state,
        .finish = serve_finish,
        .drop = serve_drop,
};

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct panel panel;

        panel.vat = s->vat;
        *ret_self = &panel;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct panel *l = self;
        int r;

        (void)caller;
        if (facet[0])
                return CAPNP_E_UNKNOWN;

        r = panel_serve(l->vat, &panel_ops, l, ret_bootstrap);
        l->callers += !r;
        return r;
}

/* What was lent by who has gone is nobody's: it is not kept for tests, either. */
static void service_closed(void *self, struct kit_caller *caller)
{
        struct panel *l = self;

        (void)caller;
        if (!--l->callers)
                panel_forget(l);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "panel",
                .schema = &panel_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
        };

        return kit_run(&service, argc, argv);
}
