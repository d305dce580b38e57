/* Every end of an offer, in a table: panes are gone, calls of the service fail, nothing is held.
 * And the whole with each allocation failing. */
#include "ui-play.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void end_withdraw(struct play *p, capos_ui_offer *o)
{
        capos_ui_withdraw(o);
        play_run(p);
        CHECK_EQ(p->withdrawn, 1);
        CHECK_EQ(p->how_over, CAPOS_UI_CLOSED_BY_HOST);
}

/* As the instance says it, by the code: whatever the words are. */
static void end_said(struct play *p, enum ui_end end, enum capos_ui_close_reason how)
{
        remote_ui_offer_ended_results_set_reason(p->ended, "the service has finished");
        remote_ui_offer_ended_results_set_end(p->ended, end);
        (void)capnp_answer_return(p->ended);
        play_run(p);
        CHECK_STR(p->why_over, "the service has finished");
        CHECK_EQ(p->how_over, how);
}

static void end_finished(struct play *p, capos_ui_offer *o)
{
        (void)o;
        end_said(p, UI_END_FINISHED, CAPOS_UI_CLOSED_BY_SERVICE);
}

static void end_withdrawn(struct play *p, capos_ui_offer *o)
{
        (void)o;
        end_said(p, UI_END_WITHDRAWN, CAPOS_UI_CLOSED_BY_HOST);
}

static void end_taken_back(struct play *p, capos_ui_offer *o)
{
        (void)o;
        end_said(p, UI_END_REVOKED, CAPOS_UI_CLOSED_BY_INSTANCE);
}

static void end_session(struct play *p, capos_ui_offer *o)
{
        (void)o;
        end_said(p, UI_END_SESSION_ENDED, CAPOS_UI_CLOSED_SESSION);
}

static void end_failed(struct play *p, capos_ui_offer *o)
{
        (void)o;
        end_said(p, UI_END_FAILED, CAPOS_UI_CLOSED_LOST);
}

/* By an instance that has no code yet. */
static void end_unsaid(struct play *p, capos_ui_offer *o)
{
        (void)o;
        remote_ui_offer_ended_results_set_reason(p->ended, "denied.stale-session: expired");
        (void)capnp_answer_return(p->ended);
        play_run(p);
        CHECK_EQ(p->how_over, CAPOS_UI_CLOSED_SESSION);
}

static void end_revoked(struct play *p, capos_ui_offer *o)
{
        (void)o;
        (void)capnp_answer_fail(p->ended, CAPNP_FAILED, "denied.revoked-lease: taken back");
        play_run(p);
        CHECK_STR(p->why_over, "denied.revoked-lease: taken back");
        CHECK_EQ(p->how_over, CAPOS_UI_CLOSED_BY_INSTANCE);
}

static void end_cut(struct play *p, capos_ui_offer *o)
{
        (void)o;
        play_cut(p);
        CHECK_EQ(p->how_over, CAPOS_UI_CLOSED_LOST);
}

static void end_freed(struct play *p, capos_ui_offer *o)
{
        (void)o;
        p->ui = capos_ui_free(p->ui);
        play_run(p);
        CHECK_EQ(p->how_over, CAPOS_UI_CLOSED_SESSION);
}

static const struct {
        const char *name;
        void (*end)(struct play *p, capos_ui_offer *o);
} ends[] = {
        {"withdrawn", end_withdraw},
        {"finished", end_finished},
        {"withdrawn, as the instance says", end_withdrawn},
        {"taken back", end_taken_back},
        {"the session ended", end_session},
        {"the service failed", end_failed},
        {"by an older instance", end_unsaid},
        {"revoked", end_revoked},
        {"the line dropped", end_cut},
        {"the workspace freed", end_freed},
};

TEST(each_end_leaves_nothing)
{
        for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                capnp_question *poll, *persist;
                capos_ui_offer *o;
                struct play p;
                capnp_cap *s;

                CHECK_OK(play_open(&p));
                o = play_offer(&p);
                s = play_pane(&p, 'a', "log", "consequential");
                CHECK_OK(play_apply(&p, s,
                                    "(kind = addCommand, payload = (command = (id = \"x\", title = "
                                    "\"X\", effect = lasting, run = (view = void))))"));
                (void)play_poll(&p, s);
                poll = play_ask(&p, s, SURFACE(SURFACE_POLL), "(waitMs = 60000)");
                persist = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)");
                CHECK_EQ(p.prompts, 1);
                CHECK(!capos_ui_is_zero(p.ui));

                ends[i].end(&p, o);
                CHECK_EQ(p.closed, 1);
                CHECK_EQ(p.over, 1);
                CHECK_EQ(p.why_closed, p.how_over);
                CHECK_EQ(p.prompts_gone, 1);
                CHECK(!p.ui || capos_ui_is_zero(p.ui));
                CHECK(capnp_question_is_done(poll));
                CHECK(capnp_question_is_done(persist));
                capnp_question_free(poll);
                capnp_question_free(persist);
                CHECK(play_apply(&p, s, "(kind = closeSurface, payload = (none = void))") != 0);
                CHECK(!play_pane(&p, 'b', "log", "ordinary"));
                CHECK_EQ(p.opened, 1);
                if (ends[i].end != end_cut)
                        CHECK_EQ(p.offers_gone, 1);
                capnp_cap_unref(s);
                play_close(&p);
        }
}

TEST(a_session_that_refuses)
{
        struct play p;

        CHECK_OK(play_open(&p));
        p.refuses = "denied.ui: not\nin this\033]0;profile\xff";
        play_offer(&p);
        CHECK_EQ(p.over, 1);
        CHECK_STR(p.why_over, "denied.ui: not?in this?]0;profile?"); /* safe to print */
        CHECK(capos_ui_is_zero(p.ui));
        p.refuses = NULL;
        play_offer(&p);
        CHECK_EQ(p.over, 1);
        play_close(&p);
}

/* What a person has run is the person's: its end is told, whatever has become of the pane. */
TEST(a_call_outlives_its_pane)
{
        char patch[512];
        capos_ui_offer *o;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        o = play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        (void)snprintf(patch, sizeof(patch),
                       "(kind = addCommand, payload = (command = (id = \"x\", title = \"X\", "
                       "run = (call = (interfaceId = %" PRIu64 ", methodId = 0)))))",
                       DESK_ID);
        CHECK_OK(play_apply(&p, s, patch));
        p.holds_calls = true;
        CHECK_OK(play_act(&p, "x"));
        CHECK_EQ(p.calls[0], 1);
        CHECK_EQ(p.ran, 0);
        capos_ui_withdraw(o);
        play_run(&p);
        CHECK(capos_ui_is_zero(p.ui));
        (void)capnp_answer_return(p.held);
        play_run(&p);
        CHECK_EQ(p.ran, 1);
        CHECK_EQ(p.ran_r, 0);
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(a_call_ends_with_the_workspace)
{
        char patch[512];
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        (void)snprintf(patch, sizeof(patch),
                       "(kind = addCommand, payload = (command = (id = \"x\", title = \"X\", "
                       "run = (call = (interfaceId = %" PRIu64 ", methodId = 0)))))",
                       DESK_ID);
        CHECK_OK(play_apply(&p, s, patch));
        p.holds_calls = true;
        CHECK_OK(play_act(&p, "x"));
        p.ui = capos_ui_free(p.ui);
        play_run(&p);
        CHECK_EQ(p.ran, 0);
        (void)capnp_answer_return(p.held);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- memory running out ---------------------------------------------------------------------- */

/* host.open, by the service. */
static capnp_question *open_pane(struct play *p)
{
        capnp_question *q = remote_ui_host_open((remote_ui_host_client){p->host});
        ui_surface_spec_builder b = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_surface_id(b, (capnp_data){(const uint8_t *)"a", 1});
        ui_surface_spec_set_title(b, "A");
        ui_surface_spec_set_kind(b, UI_SURFACE_KIND_LOG);
        ui_surface_spec_set_safety_class(b, UI_SAFETY_CLASS_CONSEQUENTIAL);
        ui_surface_spec_set_model_schema(b, UI_LOG_ID);
        capnp_question_send(q, NULL, NULL);
        return q;
}

/* surface.apply of a command that calls a method of the desk's with a constant. */
static void add_command(remote_ui_surface_client s, uint16_t method)
{
        capnp_question *q = remote_ui_surface_apply(s);
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);
        command_builder c = ui_patch_payload_init_command(ui_patch_init_payload(b));
        command_call_builder call = command_run_init_call(command_init_run(c));
        command_binding_builder constant =
                command_binding_list_builder_get(command_call_init_constants(call, 1), 0);
        char id[] = "m0";

        id[1] = (char)('0' + method);
        ui_patch_set_kind(b, UI_PATCH_KIND_ADD_COMMAND);
        command_set_id(c, id);
        command_set_title(c, "Do it");
        command_call_set_interface_id(call, DESK_ID);
        command_call_set_method_id(call, method);
        command_binding_set_path(constant, method == 3 ? "what" : "count");
        if (method == 3)
                command_value_set_text(command_binding_init_value(constant), "x");
        else
                command_value_set_int(command_binding_init_value(constant), 1);
        capnp_question_detach(q);
}

/* All that a person may do to a pane. */
static void do_everything(struct play *p, capos_ui_surface *s)
{
        static const struct capos_ui_act runs = {.command = "m0", .trusted = true};
        static const struct capos_ui_act asks = {.command = "m3", .trusted = true};
        static const char *const keys[] = {"k"};
        struct capos_ui_why why;

        (void)!capos_ui_activate(s, &runs, &why);
        (void)!capos_ui_activate(s, &asks, &why);
        play_run(p);
        p->now_ms += 500;
        (void)!capos_ui_answer(p->ui, p->prompt_id, true);
        play_run(p);
        s = capos_ui_surface_at(p->ui, 0);
        if (!s) /* no memory in the connection: that is its end */
                return;
        capos_ui_pin(s, true);
        capos_ui_move(s, &(struct capos_ui_move){.place = CAPOS_UI_SIDE});
        (void)!capos_ui_select(s, keys, 1);
        capos_ui_resize(p->ui, 80, 24);
        capos_ui_close(s);
}

TORTURE_T(a_composition_without_memory, 300)
{
        struct capos_ui_offering what = {
                .name = "desk", .title = "The desk", .interface = DESK_ID, .asked_for = true};
        capnp_question *q = NULL, *poll = NULL, *persist = NULL;
        struct capos_ui_why why;
        capos_ui_offer *o;
        struct play p;
        int r = play_open(&p);

        if (!r)
                r = capos_ui_offer_host(p.ui, &what, &o, &why);
        if (!r)
                play_run(&p);
        if (p.host) {
                q = open_pane(&p);
                play_run(&p);
                add_command(remote_ui_host_open_surface(q), 0);
                add_command(remote_ui_host_open_surface(q), 3);
                poll = remote_ui_surface_poll(remote_ui_host_open_surface(q));
                capnp_question_send(poll, NULL, NULL);
                play_run(&p);
        }
        if (p.host && capos_ui_surface_at(p.ui, 0)) {
                do_everything(&p, capos_ui_surface_at(p.ui, 0));
                persist = remote_ui_surface_persist(remote_ui_host_open_surface(q));
                capnp_question_send(persist, NULL, NULL);
                play_run(&p);
                capos_ui_reset(p.ui);
        }
        if (p.ui && !r && !test_alloc_failed()) {
                CHECK_EQ(p.calls[0], 1);
                CHECK_EQ(p.calls[3], 1);
                CHECK_EQ(p.ran, 2);
        }
        capnp_question_free(poll);
        capnp_question_free(persist);
        capnp_question_free(q);
        play_close(&p);
        TORTURE_OK(r);
}
