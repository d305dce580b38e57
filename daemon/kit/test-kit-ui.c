/*
 * A composition and its pane, with a host in the same process: how often a pane is asked for events
 * (R56: what one end does costs the other so much and no more).
 */
#include <capos/capnp-vat.h>
#include <capos/kit-ui.h>

#include "harness.h"
#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <time.h>

enum { FOR_MS = 500, PAUSE_MS = 50 };

struct rig {
        capnp_vat *vat;
        capnp_cap *composer, *pane;
        struct kit_composition *c;
        struct kit_pane *p;
        unsigned polls, events, gone, over;
        char why[64]; /* gone */
        bool empty;
};

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the host ------------------------------------------------------------------------------- */

static int surface_poll(void *self, capnp_answer *a)
{
        struct rig *r = self;

        r->polls++;
        (void)remote_ui_surface_poll_results_init_events(a, r->empty ? 0 : 1);
        return capnp_answer_return(a);
}

static const struct remote_ui_surface_ops surface_ops = {.poll = surface_poll};

static int host_open(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_OVERLOADED, "over-quota.ui-patches: of a test");
}

static const struct remote_ui_host_ops host_ops = {.open = host_open};

/* ---- the service ---------------------------------------------------------------------------- */

static void on_event(void *self, struct kit_pane *p, capnp_reader event)
{
        (void)p, (void)event;
        ((struct rig *)self)->events++;
}

static void on_gone(void *self, struct kit_pane *p, const char *reason)
{
        struct rig *r = self;

        (void)p;
        r->gone++;
        (void)snprintf(r->why, sizeof(r->why), "%s", reason);
}

static const struct kit_pane_ops pane_ops = {.event = on_event, .gone = on_gone};

static void on_over(void *self)
{
        ((struct rig *)self)->over++;
}

static int serve_draw(void *self, capnp_answer *a)
{
        struct rig *r = self;

        CHECK_OK(kit_compose(r->vat, a, on_over, r, &r->c));
        CHECK_OK(kit_pane_new(r->c, kit_composition_lent_peek(r->c), &pane_ops, r, &r->p));
        return 0;
}

/* Of a pane whose `open` is refused. */
static int serve_compose(void *self, capnp_answer *a)
{
        struct rig *r = self;
        capnp_question *q;

        CHECK_OK(kit_compose(r->vat, a, on_over, r, &r->c));
        q = remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(r->c)});
        CHECK_OK(kit_pane_new(r->c, remote_ui_host_open_surface(q).c, &pane_ops, r, &r->p));
        capnp_question_detach(q);
        return 0;
}

static const struct ui_composer_ops composer_ops = {.draw = serve_draw, .compose = serve_compose};

/* ---- */

static void stop(void *arg)
{
        capnp_vat_stop(((struct rig *)arg)->vat);
}

static void run_for(struct rig *r, uint32_t ms)
{
        CHECK_OK(capnp_timer_new(r->vat, ms, stop, r, NULL));
        CHECK_OK(capnp_vat_run(r->vat));
}

/* No more often than a pause allows, by the clock that ran meanwhile; and it does go on. */
static void check_paced(bool empty)
{
        struct rig r = {.empty = empty};
        capnp_question *q;
        uint64_t begin;

        CHECK_OK(capnp_vat_new(&r.vat));
        CHECK_OK(ui_composer_serve(r.vat, &composer_ops, &r, &r.composer));
        CHECK_OK(remote_ui_surface_serve(r.vat, &surface_ops, &r, &r.pane));
        begin = now_ms();
        q = ui_composer_draw((ui_composer_client){r.composer});
        ui_composer_draw_set_surface(q, (remote_ui_surface_client){r.pane});
        capnp_question_send(q, NULL, NULL);
        do
                run_for(&r, FOR_MS);
        while (r.polls < 2);
        CHECK(r.polls <= 1 + (now_ms() - begin) / PAUSE_MS);
        CHECK_EQ(r.events, empty ? 0 : r.polls);

        capnp_question_free(q); /* while it waits to ask again */
        while (!r.over || !r.gone)
                run_for(&r, 1);
        CHECK_EQ(r.over, 1);
        CHECK_EQ(r.gone, 1);
        capnp_cap_unref(r.pane);
        capnp_cap_unref(r.composer);
        capnp_vat_free(r.vat);
}

TEST(a_host_that_answers_at_once_is_asked_now_and_then)
{
        check_paced(false);
        check_paced(true);
}

/* Nothing can become of it, so it is not asked for events for ever. */
TEST(a_pane_that_there_was_no_room_for_is_gone)
{
        struct rig r = {.empty = true};
        capnp_question *q;

        CHECK_OK(capnp_vat_new(&r.vat));
        CHECK_OK(ui_composer_serve(r.vat, &composer_ops, &r, &r.composer));
        CHECK_OK(remote_ui_host_serve(r.vat, &host_ops, &r, &r.pane));
        q = ui_composer_compose((ui_composer_client){r.composer});
        ui_composer_compose_set_host(q, (remote_ui_host_client){r.pane});
        capnp_question_send(q, NULL, NULL);
        while (!r.gone)
                run_for(&r, 1);
        CHECK_STR(r.why, "over-quota.ui-patches: of a test");

        capnp_question_free(q);
        while (!r.over)
                run_for(&r, 1);
        CHECK_EQ(r.gone, 1);
        capnp_cap_unref(r.pane);
        capnp_cap_unref(r.composer);
        capnp_vat_free(r.vat);
}
