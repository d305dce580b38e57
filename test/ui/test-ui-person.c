/* What a person does, and is asked: commands, prompts, pins, moves, closed panes, looks, consent,
 * and what of it may be kept. */
#include "ui-play.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Adds a command to a pane that calls a method of the desk's. */
static void command_add(struct play *p, capnp_cap *s, unsigned method, const char *more,
                        const char *constants)
{
        char patch[1024];

        (void)snprintf(patch, sizeof(patch),
                       "(kind = addCommand, payload = (command = (id = \"m%u\", title = \"Do it\", "
                       "%s run = (call = (interfaceId = %" PRIu64 ", methodId = %u, constants = "
                       "[%s])))))",
                       method, more, DESK_ID, method, constants);
        if (play_apply(p, s, patch))
                test_fail(__FILE__, __LINE__, "%s", p->last);
}

static int act_with(struct play *p, const char *command, const char *path, const char *text,
                    bool typed)
{
        const struct capos_ui_value v = {path, capnp_text_of(text), typed};
        const struct capos_ui_act act = {
                .command = command, .values = &v, .nvalues = 1, .trusted = true};
        struct capos_ui_why why;
        int r = capos_ui_activate(play_at(p), &act, &why);

        (void)snprintf(p->last, sizeof(p->last), "%s", why.text);
        play_run(p);
        return r;
}

/* ---- commands -------------------------------------------------------------------------------- */

TEST(what_runs_at_once)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        command_add(&p, s, 0, "", "");
        command_add(&p, s, 2, "fields = [(path = \"text\")],", "");
        command_add(&p, s, 6, "", "");
        (void)play_poll(&p, s);
        CHECK_OK(play_act(&p, "m0"));
        CHECK_EQ(p.calls[0], 1);
        CHECK_EQ(p.ran, 1);
        CHECK_EQ(p.ran_r, 0);
        CHECK_EQ(p.ran_number, 1);
        CHECK_EQ(p.reports, 1);
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK(strstr(p.last, "command = \"m0\", payload = (outcome = (done = void)), userInitiated "
                             "= true") != NULL);

        /* Others see it, but the person has typed all of it. */
        CHECK_OK(act_with(&p, "m2", "text", "hello", true));
        CHECK_EQ(p.calls[2], 1);
        CHECK_EQ(p.prompts, 0);

        CHECK_OK(play_act(&p, "m6"));
        CHECK_EQ(p.ran_r, CAPNP_E_EXCEPTION);
        CHECK_STR(p.ran_why, "the desk?[2J is locked");
        CHECK_EQ(play_poll(&p, s), 2);
        CHECK(strstr(p.last, "failed = \"the desk?[2J is locked\"") != NULL);

        p.holds_desk = false;
        CHECK_OK(play_act(&p, "m0"));
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK(strstr(p.last, "refused = \"refused.target") != NULL);

        CHECK_EQ(play_act(&p, "nothing"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.command", 15));
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(nobody_did_it)
{
        const struct capos_ui_act act = {.command = "m0"};
        const struct capos_ui_act view = {.command = "look"};
        struct capos_ui_why why;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        command_add(&p, s, 0, "", "");
        CHECK_OK(play_apply(&p, s,
                            "(kind = addCommand, payload = (command = (id = \"look\", title = "
                            "\"Look\", run = (view = void))))"));
        (void)play_poll(&p, s);
        CHECK_EQ(capos_ui_activate(play_at(&p), &act, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "refused.person", 14));
        CHECK_EQ(p.calls[0], 0);
        CHECK_OK(capos_ui_activate(play_at(&p), &view, &why));
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK(strstr(p.last, "userInitiated = false") != NULL);
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(what_is_asked_first)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        command_add(&p, s, 3, "effect = reads, fields = [(path = \"what\")],", "");
        command_add(&p, s, 2, "fields = [(path = \"text\")],",
                    "(path = \"to\", value = (text = \"all \\\"others\\\"\"))");
        (void)play_poll(&p, s);

        /* Whatever the service calls it, and with everything that is sent along. */
        CHECK_OK(act_with(&p, "m3", "what", "the lot", true));
        CHECK_EQ(p.calls[3], 0);
        CHECK_EQ(p.prompts, 1);
        CHECK_STR(p.prompt, "Run a command of \"The desk\" (desk)? It calls it \"Do it\".\n"
                            "It cannot be undone, or acts outside.\n"
                            "capability: desk\n"
                            "method: Desk.last\n"
                            "what = \"the lot\"\n"
                            "account: alice\n");
        /* Deaf for half a second. */
        CHECK(!capos_ui_answer(p.ui, p.prompt_id, true));
        p.now_ms += 499;
        CHECK(!capos_ui_answer(p.ui, p.prompt_id, true));
        p.now_ms += 1;
        CHECK(!capos_ui_answer(p.ui, p.prompt_id + 1, true));
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK_EQ(p.calls[3], 1);
        CHECK_STR(p.last, "the lot");
        CHECK_EQ(p.prompts_gone, 1);
        CHECK(!capos_ui_answer(p.ui, p.prompt_id, true));

        CHECK_OK(act_with(&p, "m2", "text", "hi", true));
        CHECK(strstr(p.prompt, "Others will see it.") != NULL);
        CHECK(strstr(p.prompt, "to = \"all \\\"others\\\"\"  (set by the service)\n") != NULL);
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
        play_run(&p);
        CHECK_EQ(p.calls[2], 0);
        CHECK_STR(p.ran_why, "refused.person: a person said no");
        CHECK_EQ(play_poll(&p, s), 2);
        CHECK(strstr(p.last, "refused = \"refused.person: a person said no\"") != NULL);
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(another_capability_is_always_asked_about)
{
        char patch[512];
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        (void)snprintf(patch, sizeof(patch),
                       "(kind = addCommand, payload = (command = (id = \"x\", title = \"X\", run = "
                       "(call = (capability = \"other\", interfaceId = %" PRIu64 ")))))",
                       OTHER_ID);
        CHECK_EQ(play_apply(&p, s, patch), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.target", 14));
        p.may_target = true;
        CHECK_OK(play_apply(&p, s, patch));
        CHECK_OK(play_act(&p, "x"));
        CHECK_EQ(p.prompts, 1);
        CHECK(strstr(p.prompt, "capability: other\nmethod: Other.poke\n") != NULL);
        p.may_target = false; /* what has changed meanwhile counts the next time */
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
        CHECK_EQ(play_act(&p, "x"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.target", 14));
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(a_policy_that_has_become_worse)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        command_add(&p, s, 0, "", "");
        CHECK_EQ(capos_ui_command_effect(play_at(&p), 0), CAPOS_UI_READS);
        p.policy = CAPOS_UI_LASTING;
        CHECK_EQ(capos_ui_command_effect(play_at(&p), 0), CAPOS_UI_LASTING);
        CHECK_EQ(play_act(&p, "m0"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.safety", 14));
        CHECK_EQ(p.calls[0], 0);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- prompts --------------------------------------------------------------------------------- */

TEST(three_questions_a_minute)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        for (unsigned i = 0; i < 3; i++) {
                capnp_question *q = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)");

                CHECK_EQ(p.prompts, i + 1);
                CHECK_EQ(p.prompt_kind, CAPOS_UI_PROMPT_LAYOUT);
                /* One at a time, and what exceeds that nobody sees. */
                CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_PERSIST), "(what = theme)"),
                         CAPNP_E_EXCEPTION);
                CHECK(!strncmp(p.last, "over-quota.ui-prompts", 21));
                p.now_ms += 500;
                CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
                play_run(&p);
                CHECK_EQ(play_end(&p, q, 0), CAPNP_E_EXCEPTION);
                CHECK_STR(p.last, "refused.person: a person said no");
        }
        CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-prompts", 21));
        CHECK_EQ(p.prompts, 3);
        CHECK_EQ(p.saved, 0);
        play_pass(&p, 60000 - 1500);
        capnp_question_free(play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)"));
        CHECK_EQ(p.prompts, 4);
        play_run(&p);
        CHECK_EQ(p.prompts_gone, 4); /* who asked has given up */
        capnp_cap_unref(s);
        play_close(&p);
}

/* What a person runs is no question of the service's, whatever it has asked itself. */
TEST(a_persons_own_acts_do_not_count)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        command_add(&p, s, 3, "", "");
        for (unsigned i = 0; i < 5; i++) {
                CHECK_OK(play_act(&p, "m3"));
                CHECK_EQ(p.prompts, i + 1);
                /* While it is open, there is no other. */
                CHECK_EQ(play_act(&p, "m3"), CAPNP_E_EXCEPTION);
                CHECK(!strncmp(p.last, "over-quota.ui-prompts", 21));
                p.now_ms += 500;
                CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
        }
        for (unsigned i = 0; i < 3; i++) {
                capnp_question *q = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)");

                CHECK_EQ(p.prompts, 6 + i);
                p.now_ms += 500;
                CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
                play_run(&p);
                CHECK_EQ(play_end(&p, q, 0), CAPNP_E_EXCEPTION);
        }
        CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-prompts", 21));
        CHECK_OK(play_act(&p, "m3"));
        CHECK_EQ(p.prompts, 9);
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(a_new_offer_does_not_begin_anew)
{
        const struct capos_ui_offering what = {.name = "desk", .interface = DESK_ID};
        struct capos_ui_why why;
        capos_ui_offer *o;
        struct play p;

        CHECK_OK(play_open(&p));
        for (unsigned i = 0; i < 3; i++) {
                CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
                capos_ui_withdraw(o);
                CHECK_EQ(p.prompts_gone, i + 1);
        }
        CHECK_EQ(capos_ui_offer_host(p.ui, &what, &o, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "over-quota.ui-prompts", 21));
        CHECK(capos_ui_is_zero(p.ui));
        play_close(&p);
}

/* The first pane wishes to be shown again. Whether it is. */
static bool shown_again(struct play *p, capnp_cap *first)
{
        struct capos_ui_pane i;
        char patch[256];

        (void)snprintf(
                patch, sizeof(patch),
                "(kind = openSurface, payload = (spec = (surfaceId = \"a\", title = \"Again\", "
                "kind = log, safetyClass = ordinary, modelSchema = %" PRIu64 ")))",
                UI_LOG_ID);
        CHECK_OK(play_apply(p, first, patch));
        capos_ui_surface_info(capos_ui_surface_at(p->ui, 0), &i);
        return i.visible;
}

TEST(an_act_brings_a_pane_to_the_front_once)
{
        capnp_cap *first, *second;
        struct play p;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        capos_ui_resize(p.ui, 40, 20);
        first = play_pane(&p, 'a', "log", "ordinary");
        second = play_pane(&p, 'b', "log", "ordinary");
        command_add(&p, second, 0, "", "");
        capos_ui_show(play_at(&p));
        CHECK(!shown_again(&p, first)); /* nobody has done anything */
        CHECK_OK(play_act(&p, "m0"));
        CHECK(shown_again(&p, first));
        capos_ui_show(play_at(&p));
        CHECK(!shown_again(&p, first)); /* it was for that act */
        CHECK_OK(play_act(&p, "m0"));
        capos_ui_show(play_at(&p));
        CHECK(!shown_again(&p, first)); /* a person looks at something else by now */
        capnp_cap_unref(first);
        capnp_cap_unref(second);
        play_close(&p);
}

TEST(a_question_goes_with_its_pane)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        command_add(&p, s, 3, "", "");
        CHECK_OK(play_act(&p, "m3"));
        CHECK_EQ(p.prompts, 1);
        CHECK_OK(play_call(&p, s, SURFACE(SURFACE_CLOSE), "()"));
        CHECK_EQ(p.prompts_gone, 1);
        CHECK_EQ(p.ran, 1);
        CHECK_EQ(p.ran_number, p.acts);
        CHECK_EQ(p.calls[3], 0);
        p.now_ms += 500;
        CHECK(!capos_ui_answer(p.ui, p.prompt_id, true));
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- places ---------------------------------------------------------------------------------- */

TEST(a_pin_holds)
{
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        (void)play_poll(&p, s);
        capos_ui_pin(play_at(&p), true);
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK(strstr(p.last, "pinned = true") != NULL);
        CHECK_EQ(play_apply(&p, s, "(kind = setLayoutHint, payload = (layout = (place = side)))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.pinned", 14));
        CHECK_OK(play_apply(&p, s,
                            "(kind = updateModel, payload = (model = (base = 0, lines = "
                            "[(sequence = 1, text = \"x\")])))"));
        capos_ui_pin(play_at(&p), false);
        CHECK_OK(play_apply(&p, s, "(kind = setLayoutHint, payload = (layout = (place = side)))"));
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(a_move_wins_until_a_reset)
{
        const struct capos_ui_layout *l;
        struct play p;
        capnp_cap *a, *b;

        CHECK_OK(play_open(&p));
        l = capos_ui_layout_peek(p.ui);
        play_offer(&p);
        a = play_pane(&p, 'a', "text", "ordinary");
        b = play_pane(&p, 'b', "text", "ordinary");
        CHECK_EQ(l->nodes[0].kind, CAPOS_UI_ROWS);
        capos_ui_move(play_at(&p), &(struct capos_ui_move){.place = CAPOS_UI_SIDE});
        CHECK_EQ(l->nodes[0].kind, CAPOS_UI_COLUMNS);
        CHECK(l->nodes[2].surface == play_at(&p));
        CHECK_OK(
                play_apply(&p, b, "(kind = setLayoutHint, payload = (layout = (place = bottom)))"));
        CHECK_EQ(l->nodes[0].kind, CAPOS_UI_COLUMNS);
        capos_ui_reset(p.ui);
        CHECK_EQ(l->nodes[0].kind, CAPOS_UI_ROWS);
        CHECK(l->nodes[1].rows < l->nodes[2].rows + 2); /* the service's wish is forgotten, too */
        capos_ui_move(play_at(&p), &(struct capos_ui_move){.collapsed = true});
        CHECK_EQ(l->nodes[2].kind, CAPOS_UI_TABS);
        CHECK_EQ(l->nodes[2].front, -1);
        CHECK(l->nodes[3].surface == play_at(&p));
        capnp_cap_unref(a);
        capnp_cap_unref(b);
        play_close(&p);
}

TEST(what_a_person_closes_stays_closed)
{
        struct capos_ui_pane pane;
        struct play p;
        capnp_cap *s, *again;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        capos_ui_close(play_at(&p));
        CHECK_EQ(p.why_closed, CAPOS_UI_CLOSED_BY_PERSON);
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK(strstr(p.last, "closed = user") != NULL);
        CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_POLL), "()"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.closed", 14));
        CHECK(!play_pane(&p, 'a', "log", "ordinary"));
        CHECK(!strncmp(p.last, "refused.closed", 14));
        CHECK_EQ(capos_ui_closed(p.ui, "desk"), 1);
        CHECK_EQ(capos_ui_closed(p.ui, "other"), 0);
        capos_ui_allow(p.ui, "desk", (capnp_data){(const uint8_t *)"a", 1});
        CHECK_EQ(capos_ui_closed(p.ui, "desk"), 0);
        again = play_pane(&p, 'a', "log", "ordinary");
        CHECK(again != NULL);
        capos_ui_surface_info(play_at(&p), &pane);
        CHECK_EQ(pane.number, 2); /* who names it by that does not mean the first one */
        capnp_cap_unref(again);
        play_run(&p);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- looks ----------------------------------------------------------------------------------- */

TEST(a_wish_about_looks)
{
        capnp_question *q;
        struct play p;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        CHECK_OK(play_call(&p, p.host, HOST(HOST_THEME),
                           "(scope = own, hints = (accent = teal, scalePercent = 120))"));
        CHECK_EQ(p.theme.accent, UI_THEME_HINT_ACCENT_TEAL);
        CHECK_EQ(p.theme.scale_percent, 120);
        CHECK_EQ(p.prompts, 0);
        CHECK_EQ(play_call(&p, p.host, HOST(HOST_THEME), "(hints = (accent = rose))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-theme", 19));
        p.now_ms += 1999;
        CHECK_EQ(play_call(&p, p.host, HOST(HOST_THEME), "(hints = (accent = rose))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-theme", 19));
        p.now_ms++;
        CHECK_EQ(play_call(&p, p.host, HOST(HOST_THEME), "(hints = (scalePercent = 201))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.theme", 13));

        /* The whole workspace is a person's to give. */
        q = play_ask(&p, p.host, HOST(HOST_THEME),
                     "(scope = workspace, hints = (contrast = more))");
        CHECK_EQ(p.prompts, 1);
        CHECK_EQ(p.prompt_kind, CAPOS_UI_PROMPT_THEME);
        CHECK_EQ(p.theme.contrast, UI_THEME_HINT_CONTRAST_NONE);
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK_OK(play_end(&p, q, 0));
        CHECK_EQ(p.theme.contrast, UI_THEME_HINT_CONTRAST_MORE);
        CHECK_EQ(p.saved, 0);
        capos_ui_reset(p.ui);
        CHECK_EQ(p.theme.accent, UI_THEME_HINT_ACCENT_NONE);
        CHECK_EQ(p.theme.contrast, UI_THEME_HINT_CONTRAST_NONE);
        play_close(&p);
}

TEST(a_look_ends_with_its_offer)
{
        capnp_question *q;
        capos_ui_offer *o;
        struct play p;

        CHECK_OK(play_open(&p));
        o = play_offer(&p);
        capnp_question_free(play_ask(&p, p.host, HOST(HOST_THEME), "(scope = workspace)"));
        play_run(&p); /* who has given up is not asked about any more */
        CHECK_EQ(p.prompts_gone, 1);
        p.now_ms += 2000;
        q = play_ask(&p, p.host, HOST(HOST_THEME),
                     "(scope = workspace, hints = (density = compact))");
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK_OK(play_end(&p, q, 0));
        CHECK_EQ(p.theme.density, UI_THEME_HINT_DENSITY_COMPACT);
        capos_ui_withdraw(o);
        CHECK_EQ(p.theme.density, UI_THEME_HINT_DENSITY_NONE);
        play_close(&p);
}

/* What the person's system is set to beats every wish. */
TEST(the_person_has_the_last_word)
{
        struct play p;

        CHECK_OK(play_open(&p));
        p.ui = capos_ui_free(p.ui);
        p.config.user = (struct capos_ui_theme){.scale_percent = 150,
                                                .scheme = UI_THEME_HINT_SCHEME_DARK,
                                                .contrast = UI_THEME_HINT_CONTRAST_MORE,
                                                .motion = UI_THEME_HINT_MOTION_LESS};
        CHECK_OK(capos_ui_new(&p.config, &p.ui));
        play_offer(&p);
        CHECK_OK(play_call(&p, p.host, HOST(HOST_THEME),
                           "(hints = (scalePercent = 90, scheme = light, accent = rose))"));
        CHECK_EQ(p.theme.scale_percent, 150);
        CHECK_EQ(p.theme.scheme, UI_THEME_HINT_SCHEME_DARK);
        CHECK_EQ(p.theme.contrast, UI_THEME_HINT_CONTRAST_MORE);
        CHECK_EQ(p.theme.motion, UI_THEME_HINT_MOTION_LESS);
        CHECK_EQ(p.theme.accent, UI_THEME_HINT_ACCENT_ROSE);
        play_close(&p);
}

TEST(a_wish_whose_time_is_over)
{
        char hints[128];
        struct play p;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        (void)snprintf(hints, sizeof(hints), "(hints = (accent = teal, expiresAtMs = %" PRIu64 "))",
                       p.now_ms + 5000);
        CHECK_OK(play_call(&p, p.host, HOST(HOST_THEME), hints));
        CHECK_EQ(p.wake_ms, p.now_ms + 5000);
        play_pass(&p, 4999);
        CHECK_EQ(p.theme.accent, UI_THEME_HINT_ACCENT_TEAL);
        play_pass(&p, 1);
        CHECK_EQ(p.theme.accent, UI_THEME_HINT_ACCENT_NONE);
        play_close(&p);
}

/* ---- consent --------------------------------------------------------------------------------- */

TEST(consent)
{
        const struct capos_ui_offering what = {.name = "desk", .interface = DESK_ID};
        struct capos_ui_why why;
        capos_ui_offer *o;
        struct play p;

        CHECK_OK(play_open(&p));
        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        play_run(&p);
        CHECK_EQ(p.prompt_kind, CAPOS_UI_PROMPT_OFFER);
        CHECK(!p.host);
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, false));
        CHECK_EQ(p.over, 1);
        CHECK_STR(p.why_over, "refused.person: a person said no");

        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK(p.host != NULL);
        CHECK_EQ(capos_ui_offer_host(p.ui, &what, &o, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "over-quota.ui-offers", 20));
        capos_ui_withdraw(o);
        play_run(&p);

        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ALWAYS));
        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        CHECK_EQ(p.prompts, 2);
        capos_ui_withdraw(o);
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_NEVER));
        CHECK_EQ(capos_ui_offer_host(p.ui, &what, &o, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "refused.person", 14));
        play_close(&p);
}

/* By lib/ui's word, for every front end: how long until, and not for ever. */
TEST(a_host_is_lent_again_to_a_service_that_has_died)
{
        static const uint32_t waits_ms[] = {500, 2000, 8000, 0, 0};
        struct play p;

        CHECK_OK(play_open(&p));
        CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), 0);
        play_offer(&p);
        CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), 0); /* nobody has said so */
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ALWAYS));
        for (unsigned i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++)
                CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), waits_ms[i]);
        p.now_ms += 60000;
        CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), 0);
        p.now_ms += 1; /* it has lasted */
        CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), 500);
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_NEVER));
        CHECK_EQ(capos_ui_again_ms(p.ui, "desk"), 0);
        play_close(&p);
}

static void reported(struct play *p, const char *wanted)
{
        play_run(p);
        CHECK_STR(p->reported, wanted);
        p->reported[0] = 0;
}

static void answer(struct play *p, bool yes)
{
        p->now_ms += 500;
        CHECK(capos_ui_answer(p->ui, p->prompt_id, yes));
}

/* By the offer where there is one, else by the session. */
TEST(what_a_person_decides_is_reported)
{
        const struct capos_ui_offering what = {.name = "desk", .interface = DESK_ID};
        struct capos_ui_why why;
        capos_ui_offer *o;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        answer(&p, false);
        reported(&p, "!panes refused ; ");
        for (unsigned i = 0; i < 2; i++) /* what is so already is not said again */
                CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_NEVER));
        reported(&p, "!consent refused never; ");
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ASK));
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ALWAYS));
        reported(&p, "!consent allowed ask; !consent allowed always; ");

        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        play_run(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        capos_ui_pin(play_at(&p), false); /* as it is */
        capos_ui_pin(play_at(&p), true);
        capos_ui_pin(play_at(&p), false);
        reported(&p, "pin allowed pinned; pin allowed unpinned; ");
        capos_ui_move(play_at(&p), &(struct capos_ui_move){.place = CAPOS_UI_SIDE});
        capos_ui_move(play_at(&p), &(struct capos_ui_move){.collapsed = true});
        reported(&p, "move allowed side; move allowed collapsed; ");
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ASK));
        capos_ui_close(play_at(&p));
        for (unsigned i = 0; i < 2; i++)
                capos_ui_allow(p.ui, "desk", (capnp_data){0});
        reported(&p, "consent allowed ask; closed allowed closed; closed allowed opened; ");
        capos_ui_reset(p.ui);
        reported(&p, "reset allowed ; ");
        capnp_cap_unref(s);
        play_close(&p);
}

/* What nobody has answered is no refusal, whatever ended it: the pane, the service, the offer. */
TEST(what_nobody_answers_is_reported_as_that)
{
        const struct capos_ui_offering what = {.name = "desk", .interface = DESK_ID};
        struct capos_ui_why why;
        capnp_question *q;
        capos_ui_offer *o;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, &why));
        capos_ui_withdraw(o);
        reported(&p, "!panes unanswered ; ");
        o = play_offer(&p);
        s = play_pane(&p, 'a', "log", "consequential");
        command_add(&p, s, 3, "", "");
        CHECK_OK(play_act(&p, "m3"));
        answer(&p, false);
        reported(&p, "prompt refused m3; ");
        CHECK_OK(play_act(&p, "m3"));
        CHECK_OK(play_call(&p, s, SURFACE(SURFACE_CLOSE), "()"));
        reported(&p, "prompt unanswered m3; ");
        capnp_cap_unref(s);
        s = play_pane(&p, 'b', "log", "consequential");
        q = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)");
        capnp_question_free(q);
        reported(&p, "persist unanswered layout; ");
        q = play_ask(&p, p.host, HOST(HOST_THEME), "(scope = workspace, hints = (accent = rose))");
        capos_ui_withdraw(o);
        reported(&p, "theme unanswered workspace; ");
        capnp_question_free(q);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- what may be kept ------------------------------------------------------------------------ */

TEST(nothing_is_kept_by_itself)
{
        char text[4096];
        capnp_question *q;
        struct play p;
        capnp_cap *s, *mine;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        mine = play_pane(&p, 'b', "log", "personal");
        CHECK_OK(play_apply(&p, s, "(kind = setLayoutHint, payload = (layout = (place = side)))"));
        CHECK_OK(play_call(&p, p.host, HOST(HOST_THEME), "(hints = (accent = teal))"));
        play_saved(&p, text, sizeof(text));
        CHECK(!strstr(text, "desk"));

        /* Not of what is somebody's own. */
        CHECK_EQ(play_call(&p, mine, SURFACE(SURFACE_PERSIST), "(what = layout)"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.safety", 14));
        capos_ui_pin(play_at(&p), true);
        play_saved(&p, text, sizeof(text));
        CHECK(!strstr(text, "desk"));

        q = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = layout)");
        CHECK(strstr(p.prompt, "Keep the place of a pane?") != NULL);
        CHECK(strstr(p.prompt, "\"Pane a\"") != NULL);
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK_OK(play_end(&p, q, 0));
        play_saved(&p, text, sizeof(text));
        CHECK(strstr(text, "surfaceId = \"a\"") != NULL);
        CHECK(strstr(text, "place = side") != NULL);
        CHECK(!strstr(text, "teal"));
        q = play_ask(&p, s, SURFACE(SURFACE_PERSIST), "(what = theme)");
        p.now_ms += 500;
        CHECK(capos_ui_answer(p.ui, p.prompt_id, true));
        play_run(&p);
        CHECK_OK(play_end(&p, q, 0));
        play_saved(&p, text, sizeof(text));
        CHECK(strstr(text, "accent = teal") != NULL);
        capos_ui_reset(p.ui);
        play_saved(&p, text, sizeof(text));
        CHECK(!strstr(text, "surfaceId"));
        CHECK(!strstr(text, "teal"));
        capnp_cap_unref(s);
        capnp_cap_unref(mine);
        play_close(&p);
}

TEST(what_was_kept_comes_back)
{
        static const char saved[] =
                "(services = [(name = \"desk\", consent = always, surfaces = [(surfaceId = \"a\", "
                "layout = (place = side), pinned = true), (surfaceId = \"b\", closed = true), "
                "(surfaceId = \"c\", layout = (weight = 200)), (surfaceId = \"\", closed = "
                "true)]), (name = \"\\nbad\", consent = always)])";
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        char text[4096];
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_text_parse(p.schema, UI_SAVED_ID, capnp_text_of(saved), NULL,
                                  capnp_msg_build(m), NULL));
        CHECK_OK(capos_ui_saved_load(p.ui, ui_saved_root(m).r));
        CHECK_EQ(capos_ui_consent_of(p.ui, "desk"), CAPOS_UI_ALWAYS);
        play_offer(&p);
        CHECK(!play_pane(&p, 'b', "log", "ordinary"));
        CHECK(!strncmp(p.last, "refused.closed", 14));
        s = play_pane(&p, 'a', "log", "ordinary");
        CHECK_EQ(play_apply(&p, s, "(kind = setLayoutHint, payload = (layout = ()))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.pinned", 14));
        play_saved(&p, text, sizeof(text));
        CHECK(!strstr(text, "bad")); /* nor what breaks a rule */
        CHECK(!strstr(text, "\"c\""));
        capnp_cap_unref(s);
        play_close(&p);
}

static void load(struct play *p, const char *saved)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_text_parse(p->schema, UI_SAVED_ID, capnp_text_of(saved), NULL,
                                  capnp_msg_build(m), NULL));
        CHECK_OK(capos_ui_saved_load(p->ui, ui_saved_root(m).r));
}

/* Whether what may be kept says something. */
static bool keeps(struct play *p, const char *what)
{
        char text[4096];

        play_saved(p, text, sizeof(text));
        return strstr(text, what) != NULL;
}

/* Another host of the account saves meanwhile: its choices, and what was chosen here since. */
TEST(two_hosts_at_once)
{
        const struct capos_ui_move bottom = {.place = CAPOS_UI_BOTTOM};
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        load(&p,
             "(services = [(name = \"desk\", consent = always, theme = (accent = teal), surfaces ="
             " [(surfaceId = \"a\", layout = (place = side)), (surfaceId = \"b\", closed = "
             "true)])])");
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        capos_ui_move(play_at(&p), &bottom);
        CHECK(keeps(&p, "place = bottom")); /* written, and refused: the version is another */
        load(&p,
             "(services = [(name = \"desk\", consent = never, theme = (accent = rose), surfaces = "
             "[(surfaceId = \"a\", layout = (place = main)), (surfaceId = \"c\", closed = "
             "true)])])");
        CHECK(keeps(&p, "place = bottom"));
        CHECK(!keeps(&p, "place = main"));
        CHECK(!keeps(&p, "\"b\""));
        CHECK(keeps(&p, "\"c\""));
        CHECK(keeps(&p, "accent = rose"));
        CHECK_EQ(capos_ui_consent_of(p.ui, "desk"), CAPOS_UI_NEVER);

        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ASK));
        capos_ui_saved_kept(p.ui); /* of the place, which was written; not of the consent */
        load(&p, "(services = [(name = \"desk\", consent = always, surfaces = [(surfaceId = \"a\", "
                 "layout = (place = main), pinned = true)])])");
        CHECK(keeps(&p, "place = main"));
        CHECK(keeps(&p, "pinned = true"));
        CHECK_EQ(capos_ui_consent_of(p.ui, "desk"), CAPOS_UI_ASK);
        CHECK_EQ(play_apply(&p, s, "(kind = setLayoutHint, payload = (layout = ()))"),
                 CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.pinned", 14));

        capos_ui_reset(p.ui);
        load(&p, "(theme = (accent = blue), services = [(name = \"desk\", surfaces = [(surfaceId = "
                 "\"a\", layout = (place = side))])])");
        CHECK(!keeps(&p, "\"a\""));
        CHECK(!keeps(&p, "accent = blue"));
        capos_ui_saved_kept(p.ui);
        load(&p, "(theme = (accent = blue))");
        CHECK(keeps(&p, "accent = blue"));
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(what_is_kept_has_a_bound)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL, *out = NULL;
        ui_saved_service_list_builder l;
        char name[65], id[16];
        struct play p;

        CHECK_OK(play_open(&p));
        CHECK_OK(capnp_msg_new(&m));
        l = ui_saved_init_services(ui_saved_build(m), 100);
        for (unsigned i = 0; i < 100; i++) {
                ui_saved_service_builder b = ui_saved_service_list_builder_get(l, i);
                ui_saved_surface_list_builder s = ui_saved_service_init_surfaces(b, 40);

                (void)snprintf(name, sizeof(name), "%064u", i);
                ui_saved_service_set_name(b, name);
                ui_saved_service_set_consent(b, UI_CONSENT_NEVER);
                for (unsigned k = 0; k < 40; k++) {
                        ui_saved_surface_builder one = ui_saved_surface_list_builder_get(s, k);

                        (void)snprintf(id, sizeof(id), "%015u", k);
                        ui_saved_surface_set_surface_id(one, (capnp_data){(uint8_t *)id, 16});
                        ui_layout_hint_set_tab(ui_saved_surface_init_layout(one), name);
                }
        }
        CHECK_OK(capos_ui_saved_load(p.ui, ui_saved_root(m).r));
        CHECK_OK(capnp_msg_new(&out));
        capos_ui_saved_store(p.ui, capnp_msg_build(out));
        CHECK_OK(capnp_msg_check(out));
        CHECK_EQ(ui_saved_service_list_len(ui_saved_services(ui_saved_root(out))), 64);
        CHECK(capnp_msg_size(out) <= CAPOS_UI_SAVED_BYTES);
        CHECK(capnp_msg_size(out) > CAPOS_UI_SAVED_BYTES / 2);
        play_close(&p);
}

/* A line that had dropped is there again, and the program makes another workspace. */
TEST(what_was_arranged_holds_in_the_next_workspace)
{
        const struct capos_ui_move m = {.place = CAPOS_UI_SIDE, .weight = 3};
        struct capos_ui_pane pane;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "personal");
        capos_ui_move(play_at(&p), &m);
        capos_ui_pin(play_at(&p), true);
        CHECK_OK(capos_ui_set_consent(p.ui, "desk", CAPOS_UI_ALWAYS));
        p.config.arranged = capos_ui_end(p.ui);
        CHECK(p.config.arranged);
        capnp_cap_unref(s);
        play_run(&p);
        CHECK_OK(capos_ui_new(&p.config, &p.ui));
        p.config.arranged = NULL;
        CHECK_EQ(capos_ui_consent_of(p.ui, "desk"), CAPOS_UI_ALWAYS);
        load(&p, "()"); /* nothing of it had got to where it is kept */
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "personal");
        capos_ui_surface_info(play_at(&p), &pane);
        CHECK(pane.pinned);
        CHECK(keeps(&p, "always"));
        CHECK(!keeps(&p, "surfaceId")); /* a personal pane's place is written nowhere */
        p.config.arranged = capos_ui_end(p.ui);
        CHECK(!capos_ui_arranged_free(p.config.arranged));
        CHECK(!capos_ui_end(NULL));
        p.ui = NULL;
        capnp_cap_unref(s);
        play_close(&p);
}
