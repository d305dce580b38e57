/*
 * Paperclips in panes (R57): a host of the test's own, which counts what it is told, refuses, hides
 * and closes. How panes look at a real host is in test/e2e/paperclips.py.
 */
#include "kit-play.h"

#include "paperclips.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOCKS, MACHINES, PROJECTS, CHART, LOG, WAY, PANES };

static const char *const program[] = {"capos-paperclips", NULL};

/* A pane at that host. */
struct brick {
        struct wall *w;
        unsigned wholes, changes, commands, refuse;
        uint64_t revision;
        capnp_answer *poll; /* that waits */
        bool bad;           /* a change of another revision than the present one */
};

struct wall {
        capnp_vat *vat;
        capnp_cap *host;
        capnp_question *compose;
        struct brick pane[PANES];
        unsigned opened;
        bool over;
        int how;
};

static int brick_apply(void *self, capnp_answer *a)
{
        ui_patch_reader patch = remote_ui_surface_apply_param_patch(a);
        ui_model_patch_reader m = ui_patch_payload_model(ui_patch_payload(patch));
        struct brick *b = self;

        if (ui_patch_kind(patch) == UI_PATCH_KIND_UPDATE_MODEL && b->refuse) {
                b->refuse--;
                return capnp_answer_fail(a, CAPNP_FAILED, "refused.revision: no");
        }
        if (ui_patch_kind(patch) == UI_PATCH_KIND_ADD_COMMAND)
                b->commands++;
        if (ui_patch_kind(patch) == UI_PATCH_KIND_UPDATE_MODEL) {
                bool whole = ui_model_patch_which(m) == UI_MODEL_PATCH_WHOLE;

                b->wholes += whole;
                b->changes += !whole;
                b->bad |= !whole && ui_model_patch_base(m) != b->revision;
        }
        remote_ui_surface_apply_results_set_revision(a, ++b->revision);
        return capnp_answer_return(a);
}

static void poll_canceled(capnp_answer *a, void *arg)
{
        ((struct brick *)arg)->poll = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int brick_poll(void *self, capnp_answer *a)
{
        ((struct brick *)self)->poll = a;
        return capnp_answer_keep(a, poll_canceled, self);
}

static int brick_close(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static const struct remote_ui_surface_ops brick_ops = {
        .apply = brick_apply, .poll = brick_poll, .close = brick_close};

static int wall_open_pane(void *self, capnp_answer *a)
{
        struct wall *w = self;
        capnp_cap *c;

        CHECK(w->opened < PANES);
        w->pane[w->opened].w = w;
        CHECK_OK(remote_ui_surface_serve(w->vat, &brick_ops, &w->pane[w->opened++], &c));
        remote_ui_host_open_results_set_surface(a, (remote_ui_surface_client){c});
        capnp_cap_unref(c);
        return capnp_answer_return(a);
}

static const struct remote_ui_host_ops wall_ops = {.open = wall_open_pane};

static void wall_over(capnp_question *q, int r, void *arg)
{
        struct wall *w = arg;

        (void)q;
        w->over = true;
        w->how = r;
}

static void wall_lend(struct wall *w, struct play *p, struct play_caller *c)
{
        *w = (struct wall){.vat = p->vat};
        CHECK_OK(remote_ui_host_serve(w->vat, &wall_ops, w, &w->host));
        w->compose = ui_composer_compose((ui_composer_client){c->object});
        ui_composer_compose_set_host(w->compose, (remote_ui_host_client){w->host});
        capnp_question_send(w->compose, wall_over, w);
}

static void wall_take(struct wall *w)
{
        w->compose = capnp_question_free(w->compose);
        w->host = capnp_cap_unref(w->host);
}

/* Until each pane is there, whole, with its commands and somebody who waits for events. */
static bool is_whole(const struct wall *w)
{
        static const unsigned commands[PANES] = {2, 1, 1, 0, 1, 0};

        for (unsigned i = 0; i < PANES; i++)
                if (!w->pane[i].wholes || w->pane[i].commands < commands[i] || !w->pane[i].poll)
                        return false;
        return true;
}

static void wait_whole(struct play *p, const struct wall *w)
{
        while (!is_whole(w))
                play_for_ms(p, 10);
}

static void price(struct play_caller *c, uint32_t cents)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = paperclips_price((paperclips_client){c->object});

        paperclips_price_set_cents(q, cents);
        CHECK_OK(capnp_question_wait(q));
}

static void tell_visible(struct brick *b, bool visible)
{
        ui_event_builder e;

        CHECK(b->poll != NULL);
        e = ui_event_list_builder_get(remote_ui_surface_poll_results_init_events(b->poll, 1), 0);
        ui_event_payload_set_visible(ui_event_init_payload(e), visible);
        (void)capnp_answer_return(b->poll);
        b->poll = NULL;
}

static void wait_changes(struct play *p, const struct brick *b, unsigned more_than)
{
        while (b->changes <= more_than)
                play_for_ms(p, 10);
}

/* ---------------------------------------------------------------------------------------------- */

TEST(panes_are_told_what_has_changed)
{
        struct play_caller a;
        unsigned before;
        struct wall w;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        wall_lend(&w, &p, &a);
        wait_whole(&p, &w);
        for (uint32_t cents = 30; cents < 33; cents++) {
                before = w.pane[STOCKS].changes;
                price(&a, cents);
                wait_changes(&p, &w.pane[STOCKS], before);
        }
        for (unsigned i = 0; i < PANES; i++) {
                CHECK_EQ(w.pane[i].wholes, 1);
                CHECK(!w.pane[i].bad);
        }
        wall_take(&w);
        play_close(&a);
        play_stop(&p);
}

TEST(a_refusal_is_followed_by_the_whole)
{
        struct play_caller a;
        struct wall w;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        wall_lend(&w, &p, &a);
        wait_whole(&p, &w);
        w.pane[STOCKS].refuse = 1;
        price(&a, 50);
        while (w.pane[STOCKS].wholes < 2)
                play_for_ms(&p, 10);
        CHECK_EQ(w.pane[MACHINES].wholes, 1);
        wall_take(&w);
        play_close(&a);
        play_stop(&p);
}

TEST(what_nobody_sees_is_not_drawn)
{
        struct play_caller a;
        unsigned before;
        struct wall w;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        wall_lend(&w, &p, &a);
        wait_whole(&p, &w);
        tell_visible(&w.pane[STOCKS], false);
        while (!w.pane[STOCKS].poll) /* it asks again: it has heard */
                play_for_ms(&p, 10);
        before = w.pane[STOCKS].changes;
        price(&a, 60);
        play_for_ms(&p, 600);
        CHECK_EQ(w.pane[STOCKS].changes, before);
        tell_visible(&w.pane[STOCKS], true);
        wait_changes(&p, &w.pane[STOCKS], before);
        CHECK_EQ(w.pane[STOCKS].wholes, 1);
        wall_take(&w);
        play_close(&a);
        play_stop(&p);
}

TEST(another_game_is_told_whole)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play_caller a;
        struct wall w;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        wall_lend(&w, &p, &a);
        wait_whole(&p, &w);
        q = paperclips_start_over((paperclips_client){a.object});
        CHECK_OK(capnp_question_wait(q));
        for (unsigned i = 0; i < PANES; i++)
                while (w.pane[i].wholes < 2)
                        play_for_ms(&p, 10);
        wall_take(&w);
        play_close(&a);
        play_stop(&p);
}

TEST(hosts_are_bounded_and_given_back)
{
        struct play_caller a;
        struct wall w[9];
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        for (unsigned i = 0; i < 9; i++)
                wall_lend(&w[i], &p, &a);
        play_until(&p, &w[8].over);
        CHECK_EQ(w[8].how, CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(w[8].compose).kind, CAPNP_OVERLOADED);
        for (unsigned i = 0; i < 8; i++)
                wait_whole(&p, &w[i]);
        wall_take(&w[8]);
        wall_take(&w[0]);
        wall_lend(&w[0], &p, &a); /* there is room again */
        wait_whole(&p, &w[0]);

        /* Somebody has closed all panes of one: the service has nothing more to show there. */
        for (unsigned i = 0; i < PANES; i++) {
                capnp_answer *poll = w[1].pane[i].poll;

                w[1].pane[i].poll = NULL;
                (void)capnp_answer_fail(poll, CAPNP_FAILED, "refused.closed: by a person");
        }
        play_until(&p, &w[1].over);
        CHECK_EQ(w[1].how, 0);

        /* And who hangs up takes all of them away. */
        play_close(&a);
        for (unsigned i = 0; i < 8; i++)
                wall_take(&w[i]);
        play_stop(&p);
}
