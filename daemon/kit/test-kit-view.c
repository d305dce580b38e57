/*
 * Views, with a host in the same process (R56: what one end does costs the other so much and no
 * more; R57: panes are told from their first model to their end, whoever ends them).
 *
 * The host writes down what comes to it, a word for each call, so a test compares texts.
 */
#include <capos/capnp-vat.h>
#include <capos/kit-view.h>

#include "command.capnp-c.h"
#include "harness.h"
#include "remote_ui.capnp-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PANES = 2, PACE_MS = 100, AGAIN_MS = 1000, LONG_MS = 600 };

struct rig;

/* A pane of the host's. */
struct surface {
        struct rig *rig;
        capnp_cap *object;
        char id[17];
        capnp_answer *poll; /* that waits; NULL: none does */
        uint64_t revision;
};

struct rig {
        capnp_vat *vat;
        capnp_cap *composer, *host;
        capnp_question *compose;
        bool returned;
        struct surface surface[PANES];
        unsigned nopen, nclosed;
        char log[1024];    /* what the host was told */
        const char *wrong; /* the pane whose next patch is refused */
        const char *full;  /* … that is not opened once, for there is too much */
        unsigned nfull;
        /* The service's. */
        struct kit_view view;
        bool has_view;
        unsigned draws, parts; /* parts: drawings that say there is more */
        unsigned touched;      /* … that something changes under */
        unsigned forgotten[PANES], events[PANES], over;
        bool end_by_event;
};

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the host ------------------------------------------------------------------------------- */

static void note(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct rig *r, const char *fmt, ...)
{
        size_t at = strlen(r->log);
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(r->log + at, sizeof(r->log) - at, fmt, ap);
        va_end(ap);
}

static void note_spec(struct rig *r, const char *what, ui_surface_spec_reader s)
{
        note(r, "%s(%s|%s|%d%d%d) ", what, ui_surface_spec_title(s).p, ui_surface_spec_summary(s).p,
             (int)ui_surface_spec_kind(s), (int)ui_surface_spec_safety_class(s),
             (int)ui_layout_hint_place(ui_surface_spec_layout(s)));
        CHECK_EQ(ui_surface_spec_model_schema(s), UI_TEXT_ID);
}

static int surface_apply(void *self, capnp_answer *a)
{
        struct surface *s = self;
        ui_patch_reader p = remote_ui_surface_apply_param_patch(a);
        ui_patch_payload_reader what = ui_patch_payload(p);
        ui_model_patch_reader m = ui_patch_payload_model(what);
        struct rig *r = s->rig;

        CHECK_EQ(ui_patch_surface_id(p).len, strlen(s->id));
        CHECK_MEM(ui_patch_surface_id(p).p, s->id, strlen(s->id));
        note(r, "%s:", s->id);
        if (ui_patch_kind(p) == UI_PATCH_KIND_OPEN_SURFACE) {
                note_spec(r, "spec", ui_patch_payload_spec(what));
        } else if (ui_patch_kind(p) == UI_PATCH_KIND_ADD_COMMAND) {
                note(r, "offer(%s) ",
                     command_id((command_reader){ui_patch_payload_command(what).r}).p);
        } else if (ui_model_patch_which(m) == UI_MODEL_PATCH_WHOLE) {
                note(r, "whole ");
        } else {
                CHECK_EQ(ui_model_patch_base(m), s->revision);
                note(r, "change ");
        }
        if (r->wrong && !strcmp(r->wrong, s->id)) {
                r->wrong = NULL;
                return capnp_answer_fail(a, CAPNP_FAILED, "refused.text: of a test");
        }
        remote_ui_surface_apply_results_set_revision(a, ++s->revision);
        return capnp_answer_return(a);
}

static void poll_canceled(capnp_answer *a, void *arg)
{
        ((struct surface *)arg)->poll = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int surface_poll(void *self, capnp_answer *a)
{
        ((struct surface *)self)->poll = a;
        return capnp_answer_keep(a, poll_canceled, self);
}

static int surface_close(void *self, capnp_answer *a)
{
        ((struct surface *)self)->rig->nclosed++;
        return capnp_answer_return(a);
}

static const struct remote_ui_surface_ops surface_ops = {
        .apply = surface_apply, .poll = surface_poll, .close = surface_close};

static int host_open(void *self, capnp_answer *a)
{
        ui_surface_spec_reader spec = remote_ui_host_open_param_spec(a);
        capnp_data id = ui_surface_spec_surface_id(spec);
        struct rig *r = self;
        struct surface *s = &r->surface[r->nopen];

        if (r->full && strlen(r->full) == id.len && !memcmp(r->full, id.p, id.len)) {
                r->full = NULL;
                r->nfull++;
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "over-quota.ui-patches: of a test");
        }
        CHECK(r->nopen++ < PANES);
        s->rig = r;
        (void)snprintf(s->id, sizeof(s->id), "%.*s", (int)id.len, (const char *)id.p);
        note_spec(r, s->id, spec);
        CHECK_OK(remote_ui_surface_serve(r->vat, &surface_ops, s, &s->object));
        remote_ui_host_open_results_set_surface(a, (remote_ui_surface_client){s->object});
        return capnp_answer_return(a);
}

static const struct remote_ui_host_ops host_ops = {.open = host_open};

/* ---- the service ---------------------------------------------------------------------------- */

static bool view_draw(void *self)
{
        struct rig *r = self;
        ui_model_patch_builder change;
        ui_model_builder whole;
        capnp_question *q;

        r->draws++;
        if (r->touched && r->touched--)
                kit_view_touch(&r->view);
        for (unsigned p = 0; p < PANES; p++) {
                if (!r->view.pane[p] || r->view.hidden[p])
                        continue;
                if (r->view.begun[p]) {
                        q = kit_view_change(&r->view, p, &change.b);
                        (void)ui_model_patch_init_lines(change, 0);
                } else {
                        q = kit_view_whole(&r->view, p, &whole.b);
                        (void)ui_model_init_text(whole);
                }
                kit_pane_send(r->view.pane[p], q);
        }
        return !r->parts || !r->parts--;
}

static void view_forget(void *self, unsigned pane)
{
        ((struct rig *)self)->forgotten[pane]++;
}

static void view_event(void *self, unsigned pane, capnp_reader event)
{
        struct rig *r = self;

        (void)event;
        r->events[pane]++;
        if (r->end_by_event)
                kit_view_end(&r->view);
}

/* As if it were freed here: whatever touches it after this is found. */
static void view_over(void *self)
{
        struct rig *r = self;
        bool closed = r->view.closed;

        r->over++;
        r->has_view = false;
        memset(&r->view, 0xa5, sizeof(r->view));
        r->view.closed = closed;
}

static const struct kit_view_spec panes[PANES] = {
        {"one", "First", "The first pane.", UI_SURFACE_KIND_TEXT, UI_SAFETY_CLASS_ORDINARY,
         UI_TEXT_ID, UI_PLACE_SIDE},
        {"two", "Second", "Another.", UI_SURFACE_KIND_TEXT, UI_SAFETY_CLASS_PERSONAL, UI_TEXT_ID,
         UI_PLACE_MAIN},
};

static const struct kit_view_kind kind = {.panes = panes,
                                          .npanes = PANES,
                                          .pace_ms = PACE_MS,
                                          .draw = view_draw,
                                          .forget = view_forget,
                                          .event = view_event,
                                          .over = view_over};

static int serve_compose(void *self, capnp_answer *a)
{
        struct rig *r = self;

        r->has_view = !kit_view_compose(&r->view, &kind, r, r->vat, a);
        return 0;
}

static const struct ui_composer_ops composer_ops = {.compose = serve_compose};

/* ---- both ----------------------------------------------------------------------------------- */

static void stop(void *arg)
{
        capnp_vat_stop(((struct rig *)arg)->vat);
}

static void run_for(struct rig *r, uint32_t ms)
{
        CHECK_OK(capnp_timer_new(r->vat, ms, stop, r, NULL));
        CHECK_OK(capnp_vat_run(r->vat));
}

static void compose_on_returned(capnp_question *q, int result, void *arg)
{
        (void)q, (void)result;
        ((struct rig *)arg)->returned = true;
}

static void rig_init(struct rig *r, bool lends)
{
        *r = (struct rig){.has_view = false};
        CHECK_OK(capnp_vat_new(&r->vat));
        CHECK_OK(ui_composer_serve(r->vat, &composer_ops, r, &r->composer));
        CHECK_OK(remote_ui_host_serve(r->vat, &host_ops, r, &r->host));
        r->compose = ui_composer_compose((ui_composer_client){r->composer});
        if (lends)
                ui_composer_compose_set_host(r->compose, (remote_ui_host_client){r->host});
        capnp_question_send(r->compose, compose_on_returned, r);
}

static void rig_begin(struct rig *r)
{
        rig_init(r, true);
        while (!r->draws || !r->surface[0].poll || !r->surface[1].poll ||
               r->surface[0].revision < 1 || r->surface[1].revision < 1)
                run_for(r, 1);
}

static void rig_deinit(struct rig *r)
{
        capnp_question_free(r->compose);
        while (r->has_view)
                run_for(r, 1);
        CHECK(r->over <= 1);
        for (unsigned p = 0; p < PANES; p++)
                capnp_cap_unref(r->surface[p].object);
        capnp_cap_unref(r->host);
        capnp_cap_unref(r->composer);
        capnp_vat_free(r->vat);
}

/* An event for a pane, as soon as it asks. */
static void surface_tell(struct surface *s, const char *command, bool visible)
{
        ui_event_builder e;
        capnp_answer *a;

        while (!s->poll)
                run_for(s->rig, 1);
        a = s->poll;
        s->poll = NULL;
        e = ui_event_list_builder_get(remote_ui_surface_poll_results_init_events(a, 1), 0);
        ui_event_set_command(e, command);
        if (!command[0])
                ui_event_payload_set_visible(ui_event_init_payload(e), visible);
        CHECK_OK(capnp_answer_return(a));
}

/* A person closes it. */
static void surface_end(struct surface *s)
{
        while (!s->poll)
                run_for(s->rig, 1);
        (void)capnp_answer_fail(s->poll, CAPNP_FAILED, "refused.closed");
        s->poll = NULL;
}

TEST_T(what_is_opened_is_told_whole_and_then_what_has_changed, 300)
{
        static const struct kit_command command = {.id = "go", .title = "Go"};
        struct rig r;

        rig_begin(&r);
        CHECK_STR(r.log, "one(First|The first pane.|012) two(Second|Another.|021) "
                         "one:whole two:whole ");
        CHECK_EQ(r.draws, 1);
        CHECK(r.view.begun[0] && r.view.begun[1]);

        r.log[0] = '\0';
        kit_view_offer(&r.view, 1, &command);
        kit_view_rename(&r.view, 1, "Other", NULL);
        kit_view_rename(&r.view, 1, NULL, "What it is now.");
        kit_view_touch(&r.view);
        while (r.draws < 2 || r.surface[1].revision < 5)
                run_for(&r, 1);
        CHECK_STR(r.log, "two:offer(go) two:spec(Other|Another.|021) "
                         "two:spec(Second|What it is now.|021) one:change two:change ");
        rig_deinit(&r);
        CHECK_EQ(r.over, 1);
}

TEST_T(it_is_drawn_at_its_pace, 300)
{
        struct rig r;
        uint64_t begin = now_ms();

        rig_begin(&r);
        do {
                kit_view_touch(&r.view);
                run_for(&r, 1);
        } while (now_ms() - begin < LONG_MS || r.draws < 3);
        CHECK(r.draws <= 1 + (now_ms() - begin) / PACE_MS);

        r.parts = 3; /* nobody touches it from here on */
        kit_view_touch(&r.view);
        r.draws = 0;
        while (r.parts || r.draws < 4)
                run_for(&r, 1);
        run_for(&r, 4 * PACE_MS);
        CHECK_EQ(r.draws, 4);

        r.touched = 2;
        kit_view_touch(&r.view);
        r.draws = 0;
        while (r.draws < 3)
                run_for(&r, 1);
        CHECK_EQ(r.touched, 0);
        rig_deinit(&r);
}

TEST_T(what_was_refused_is_told_whole_after_a_while, 300)
{
        struct rig r;
        uint64_t begin;

        rig_begin(&r);
        r.log[0] = '\0';
        r.wrong = "two";
        kit_view_touch(&r.view);
        begin = now_ms();
        while (r.wrong)
                run_for(&r, 1);
        while (!r.forgotten[1])
                run_for(&r, 1);
        CHECK(r.view.begun[0] && !r.view.begun[1]);
        while (r.draws < 3) {
                kit_view_touch(&r.view); /* that does not hurry it */
                run_for(&r, 1);
        }
        CHECK(now_ms() - begin >= AGAIN_MS / 2); /* and not its pace */
        while (!r.view.begun[1] || r.surface[1].revision < 2)
                run_for(&r, 1);
        CHECK_STR(r.log, "one:change two:change one:change two:whole ");
        CHECK_EQ(r.forgotten[0], 0);
        CHECK_EQ(r.forgotten[1], 1);
        rig_deinit(&r);
}

TEST_T(what_there_was_no_room_for_is_opened_after_a_while, 300)
{
        uint64_t begin = now_ms();
        struct rig r;

        rig_init(&r, true);
        r.full = "two";
        while (r.nopen < PANES || r.surface[1].revision < 1)
                run_for(&r, 1);
        CHECK(now_ms() - begin >= AGAIN_MS / 2);
        CHECK_EQ(r.nfull, 1);
        CHECK_STR(r.log, "one(First|The first pane.|012) two(Second|Another.|021) "
                         "one:whole two:whole ");
        CHECK_EQ(r.over, 0);
        rig_deinit(&r);
        CHECK_EQ(r.over, 1);
}

TEST_T(what_nobody_can_see_is_drawn_when_somebody_can, 300)
{
        struct rig r;

        rig_begin(&r);
        surface_tell(&r.surface[0], "", false);
        while (!r.events[0])
                run_for(&r, 1);
        CHECK(r.view.hidden[0] && !r.view.hidden[1]);
        r.log[0] = '\0';
        kit_view_touch(&r.view);
        while (r.draws < 2 || r.surface[1].revision < 2)
                run_for(&r, 1);
        CHECK_STR(r.log, "two:change ");
        surface_tell(&r.surface[0], "", true);
        while (r.draws < 3 || r.surface[0].revision < 2)
                run_for(&r, 1);
        CHECK(!r.view.hidden[0]);
        CHECK_EQ(r.events[0], 2);
        CHECK_EQ(r.events[1], 0);
        rig_deinit(&r);
}

TEST_T(it_is_over_when_a_person_has_closed_all, 300)
{
        struct rig r;

        rig_begin(&r);
        surface_end(&r.surface[1]);
        while (r.view.pane[1])
                run_for(&r, 1);
        run_for(&r, 2 * PACE_MS);
        CHECK_EQ(r.over, 0);
        surface_end(&r.surface[0]);
        while (!r.over || !r.returned)
                run_for(&r, 1);
        CHECK_OK(capnp_question_result(r.compose));
        CHECK(r.view.closed);
        CHECK_EQ(r.nclosed, 0); /* they were already */
        rig_deinit(&r);
        CHECK_EQ(r.over, 1);
}

TEST_T(it_is_over_when_what_was_lent_is_taken_back, 300)
{
        struct rig r;

        rig_begin(&r);
        kit_view_touch(&r.view);
        r.compose = capnp_question_free(r.compose);
        while (!r.over)
                run_for(&r, 1);
        CHECK(!r.view.closed);
        run_for(&r, 2 * PACE_MS); /* with what it had before it */
        rig_deinit(&r);
        CHECK_EQ(r.over, 1);
}

TEST_T(a_service_ends_it_in_an_event, 300)
{
        struct rig r;

        rig_begin(&r);
        r.end_by_event = true;
        surface_tell(&r.surface[0], "end", false);
        while (!r.over || !r.returned || r.nclosed < PANES)
                run_for(&r, 1);
        CHECK_OK(capnp_question_result(r.compose));
        CHECK(!r.view.closed);
        CHECK_EQ(r.nclosed, PANES);
        rig_deinit(&r);
        CHECK_EQ(r.over, 1);
}

TEST(without_a_host_there_is_no_view)
{
        struct rig r;

        rig_init(&r, false);
        while (!r.returned)
                run_for(&r, 1);
        CHECK(capnp_question_result(r.compose) != 0);
        CHECK(!r.has_view);
        rig_deinit(&r);
        CHECK_EQ(r.over, 0);
}
