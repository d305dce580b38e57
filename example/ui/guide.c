/*
 * guide: leads somebody through a first session, a step at a time, and is easy to read. A composing
 * service of a page; doc/ui.md explains it.
 */
#include <capos/kit-view.h>
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

/* What is shown in one host: how far somebody has got. */
struct tour {
        struct kit_view view;
        unsigned at;
};

static capnp_vat *vat;

/* Commands that only change what is shown: they name no method. */
static const struct kit_command commands[] = {{.id = "next", .title = "Next step"},
                                              {.id = "easy", .title = "Easier to read"},
                                              {.id = "keep", .title = "Keep it so"}};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static const struct kit_view_spec panes[] = {
        {.id = "steps",
         .title = "First steps",
         .summary = "What to do in a first session, one thing at a time.",
         .kind = UI_SURFACE_KIND_PROGRESS,
         .safety = UI_SAFETY_CLASS_ORDINARY,
         .model = UI_PROGRESS_ID}};

/* The steps as they are now; what is ahead is not explained yet. The first time, and after
 * something was refused, the commands as well. */
static bool tour_draw(void *self)
{
        struct tour *t = self;
        bool begins = !t->view.begun[0];
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&t->view, 0, &m.b);
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
        kit_pane_send(t->view.pane[0], q);
        for (unsigned i = 0; begins && i < COMMANDS; i++)
                kit_view_offer(&t->view, 0, &commands[i]);
        return true;
}

/* A wish, as somebody who reads with difficulty would have it: the host may or may not follow. */
static void wish(struct tour *t)
{
        ui_patch_payload_builder payload;
        capnp_question *q = kit_view_patch(&t->view, 0, UI_PATCH_KIND_SET_THEME_HINT, &payload.b);
        ui_theme_hint_builder h = ui_patch_payload_init_theme(payload);

        ui_theme_hint_set_scale_percent(h, 150);
        ui_theme_hint_set_contrast(h, UI_THEME_HINT_CONTRAST_MORE);
        ui_theme_hint_set_density(h, UI_THEME_HINT_DENSITY_SPACIOUS);
        ui_theme_hint_set_simple(h, true);
        kit_pane_send(t->view.pane[0], q);
}

/* Nothing is kept by itself: the host asks the person, and keeps it where the service cannot look.
 */
static void keep(struct tour *t)
{
        capnp_question *q = remote_ui_surface_persist(
                (remote_ui_surface_client){kit_pane_surface_peek(t->view.pane[0])});

        remote_ui_surface_persist_set_what(q, REMOTE_UI_SURFACE_PERSIST_THEME);
        capnp_question_detach(q);
}

static void tour_on_event(void *self, unsigned pane, capnp_reader event)
{
        const char *command = ui_event_command((ui_event_reader){event}).p;
        struct tour *t = self;

        (void)pane;
        if (!strcmp(command, "easy"))
                wish(t);
        else if (!strcmp(command, "keep"))
                keep(t);
        else if (!strcmp(command, "next") && ++t->at == STEPS)
                kit_view_end(&t->view);
        else if (!strcmp(command, "next"))
                kit_view_touch(&t->view);
}

/* What was lent was taken back, or there is nothing more to show. */
static void tour_over(void *self)
{
        free(self);
}

static const struct kit_view_kind tour_kind = {.panes = panes,
                                               .npanes = 1,
                                               .pace_ms = 250,
                                               .draw = tour_draw,
                                               .event = tour_on_event,
                                               .over = tour_over};

/* A host has been lent. */
static int guide_compose(void *self, capnp_answer *a)
{
        struct tour *t = calloc(1, sizeof(*t));

        (void)self;
        if (!t)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (kit_view_compose(&t->view, &tour_kind, t, vat, a))
                free(t);
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
