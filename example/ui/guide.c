/*
 * guide: leads somebody through a first session, a step at a time, and is easy to read. A composing
 * service of a page; doc/ui.md explains it.
 */
#include <capos/kit-ui.h>
#include <capos/kit.h>

#include "guide.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <stdlib.h>
#include <string.h>

static const struct {
        const char *key, *title, *detail;
} steps[] = {
        {"look", "Look around", "`capos caps` lists what this session may use."},
        {"ask", "Ask what it can do", "`capos describe NAME` shows its methods."},
        {"call", "Call something", "`capos call system_info motd` is a first one."},
        {"leave", "Leave", "`capos logout`, and all of it is gone."},
};

enum { STEPS = sizeof(steps) / sizeof(*steps) };

/* One composition: how far somebody has got. */
struct tour {
        struct kit_composition *c;
        struct kit_pane *pane;
        unsigned at;
};

static capnp_vat *vat;

/* A patch of the pane, to be filled in and given to kit_pane_send(). */
static capnp_question *patch(struct kit_pane *p, enum ui_patch_kind kind,
                             ui_patch_payload_builder *ret)
{
        remote_ui_surface_client surface = {kit_pane_surface_peek(p)};
        capnp_question *q = remote_ui_surface_apply(surface);
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);

        ui_patch_set_kind(b, kind);
        ui_patch_set_surface_id(b, (capnp_data){(const uint8_t *)"steps", 5});
        *ret = ui_patch_init_payload(b);
        return q;
}

/* The steps as they are now; what is ahead is not explained yet. */
static void show(struct tour *t)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch(t->pane, UI_PATCH_KIND_UPDATE_MODEL, &payload);
        ui_model_builder m = ui_model_patch_init_whole(ui_patch_payload_init_model(payload));
        ui_step_list_builder list = ui_progress_init_steps(ui_model_init_progress(m), STEPS);

        for (unsigned i = 0; i < STEPS; i++) {
                ui_step_builder s = ui_step_list_builder_get(list, i);

                ui_step_set_key(s, steps[i].key);
                ui_step_set_title(s, steps[i].title);
                if (i <= t->at)
                        ui_step_set_detail(s, steps[i].detail);
                ui_step_set_state(s, i < t->at    ? UI_STEP_STATE_DONE
                                     : i == t->at ? UI_STEP_STATE_RUNNING
                                                  : UI_STEP_STATE_WAITING);
                ui_step_set_fraction(s, -1);
        }
        kit_pane_send(t->pane, q);
}

/* A command that only changes what is shown: `view`. */
static void offer(struct tour *t, const char *id, const char *title)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch(t->pane, UI_PATCH_KIND_ADD_COMMAND, &payload);
        command_builder c = ui_patch_payload_init_command(payload);

        command_set_id(c, id);
        command_set_title(c, title);
        command_run_set_view(command_init_run(c));
        kit_pane_send(t->pane, q);
}

/* A wish, as somebody who reads with difficulty would have it: the host may or may not follow. */
static void wish(struct tour *t)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch(t->pane, UI_PATCH_KIND_SET_THEME_HINT, &payload);
        ui_theme_hint_builder h = ui_patch_payload_init_theme(payload);

        ui_theme_hint_set_scale_percent(h, 150);
        ui_theme_hint_set_contrast(h, UI_THEME_HINT_CONTRAST_MORE);
        ui_theme_hint_set_density(h, UI_THEME_HINT_DENSITY_SPACIOUS);
        ui_theme_hint_set_simple(h, true);
        kit_pane_send(t->pane, q);
}

/* Nothing is kept by itself: the host asks the person, and keeps it where the service cannot look.
 */
static void keep(struct tour *t)
{
        capnp_question *q = remote_ui_surface_persist(
                (remote_ui_surface_client){kit_pane_surface_peek(t->pane)});

        remote_ui_surface_persist_set_what(q, REMOTE_UI_SURFACE_PERSIST_THEME);
        capnp_question_detach(q);
}

static void tour_on_event(void *self, struct kit_pane *p, capnp_reader event)
{
        const char *command = ui_event_command((ui_event_reader){event}).p;
        struct tour *t = self;

        (void)p;
        if (!strcmp(command, "easy")) {
                wish(t);
        } else if (!strcmp(command, "keep")) {
                keep(t);
        } else if (!strcmp(command, "next") && ++t->at == STEPS) {
                kit_compose_finish(t->c);
                free(t);
        } else if (!strcmp(command, "next")) {
                show(t);
        }
}

/* What was lent was taken back. */
static void tour_over(void *self)
{
        free(self);
}

static const struct kit_pane_ops pane_ops = {.event = tour_on_event};

/* The host has been lent: one pane is opened in it. Before that has returned, the pane is used. */
static int guide_compose(void *self, capnp_answer *a)
{
        struct tour *t = calloc(1, sizeof(*t));
        ui_surface_spec_builder spec;
        capnp_question *q;

        (void)self;
        if (!t || kit_compose(vat, a, tour_over, t, &t->c)) {
                free(t);
                return 0;
        }
        q = remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(t->c)});
        spec = remote_ui_host_open_init_spec(q);
        ui_surface_spec_set_surface_id(spec, (capnp_data){(const uint8_t *)"steps", 5});
        ui_surface_spec_set_title(spec, "First steps");
        ui_surface_spec_set_summary(spec, "What to do in a first session, one thing at a time.");
        ui_surface_spec_set_kind(spec, UI_SURFACE_KIND_PROGRESS);
        ui_surface_spec_set_safety_class(spec, UI_SAFETY_CLASS_ORDINARY);
        ui_surface_spec_set_model_schema(spec, UI_PROGRESS_ID);
        if (!kit_pane_new(t->c, remote_ui_host_open_surface(q).c, &pane_ops, t, &t->pane)) {
                show(t);
                offer(t, "next", "Next step");
                offer(t, "easy", "Easier to read");
                offer(t, "keep", "Keep it so");
        }
        capnp_question_detach(q);
        return 0;
}

static const struct guide_ops guide_ops = {.ui_composer.compose = guide_compose};

static int service_start(const struct kit_start *s, void **ret_self)
{
        vat = s->vat;
        *ret_self = NULL;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        (void)caller;
        return facet[0] ? CAPNP_E_UNKNOWN : guide_serve(vat, &guide_ops, self, ret_bootstrap);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {.name = "guide",
                                                   .schema = &guide_capnp_schema,
                                                   .start = service_start,
                                                   .open = service_open};

        return kit_run(&service, argc, argv);
}
