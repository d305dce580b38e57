/* A composition: what a service may do, what it is told, and one pane lent alone. */
#include "ui-play.h"

#include <stdio.h>
#include <string.h>

TEST(a_pane_a_patch_an_event)
{
        struct capos_ui_pane pane;
        struct capnp_buf text;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        CHECK(p.host != NULL);
        s = play_pane(&p, 'a', "log", "ordinary");
        CHECK_EQ(p.opened, 1);
        CHECK_OK(play_apply(&p, s,
                            "(kind = updateModel, payload = (model = (lines = [(sequence = 1, "
                            "text = \"hello\")])))"));
        CHECK_EQ(p.changed, 1);
        CHECK_EQ(p.change.appended, 1);
        capos_ui_surface_info(play_at(&p), &pane);
        CHECK_STR(pane.service, "desk");
        CHECK_STR(pane.service_title, "The desk");
        CHECK_STR(pane.title.p, "Pane a");
        CHECK_EQ(pane.elements, 1);
        CHECK_EQ(pane.revision, 1);
        CHECK(pane.visible);

        capnp_buf_init(&text, 4096);
        CHECK_OK(capos_ui_draw_text(play_at(&p), &(struct capos_ui_draw){.columns = 60}, &text));
        CHECK(strstr(text.p, "hello") != NULL);
        capnp_buf_deinit(&text);

        /* It is told where it stands, and then what a person does. */
        CHECK_EQ(play_poll(&p, s), 2);
        CHECK(strstr(p.last, "size = (columns = 100, rows = 27)") != NULL);
        CHECK(strstr(p.last, "visible = true") != NULL);
        CHECK_OK(play_apply(&p, s,
                            "(kind = addCommand, payload = (command = (id = \"clear\", "
                            "title = \"Clear\", run = (view = void))))"));
        CHECK_OK(play_act(&p, "clear"));
        CHECK_EQ(play_poll(&p, s), 1);
        CHECK_STR(p.last, "(events = [(surfaceId = \"a\", command = \"clear\", payload = (none = "
                          "void), userInitiated = true, sequence = 3)])");
        CHECK_EQ(play_poll(&p, s), 0);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- what is refused, in a table ------------------------------------------------------------- */

TEST(what_a_service_may_not)
{
        static const struct {
                const char *patch, *begins;
        } rows[] = {
                {"(kind = addCommand, payload = (command = (id = \"x\", title = \"X\", effect = "
                 "lasting, run = (call = (interfaceId = 0, methodId = 0)))))",
                 "refused.target"},
                {"(kind = updateModel, payload = (model = (base = 7, lines = [])))",
                 "refused.revision"},
                {"(kind = closeSurface, payload = (none = void), expiresAtMs = 5)",
                 "refused.expired"},
                {"(kind = openSurface, payload = (spec = (surfaceId = \"a\", title = "
                 "\"\xe2\x80\xae a\", kind = log, modelSchema = 1)))",
                 "refused."},
        };
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK_EQ(play_apply(&p, s, rows[i].patch), CAPNP_E_EXCEPTION);
                if (strncmp(p.last, rows[i].begins, strlen(rows[i].begins)) != 0)
                        test_fail(__FILE__, __LINE__, "%s: %s", rows[i].patch, p.last);
        }
        CHECK_EQ(p.changed, 0);

        /* The id is taken. */
        CHECK(!play_pane(&p, 'a', "log", "ordinary"));
        CHECK(!strncmp(p.last, "refused.spec", 12));
        capnp_cap_unref(s);
        play_close(&p);
}

TEST(sixteen_panes_and_no_more)
{
        capnp_cap *panes[17];
        struct play p;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        for (unsigned i = 0; i < 16; i++) {
                panes[i] = play_pane(&p, (char)('a' + i), "log", "ordinary");
                CHECK(panes[i] != NULL);
        }
        panes[16] = play_pane(&p, 'z', "log", "ordinary");
        CHECK(!panes[16]);
        CHECK(!strncmp(p.last, "over-quota.ui-surfaces", 22));
        CHECK_OK(play_call(&p, panes[0], SURFACE(SURFACE_CLOSE), "()"));
        CHECK_EQ(p.why_closed, CAPOS_UI_CLOSED_BY_SERVICE);
        panes[16] = play_pane(&p, 'z', "log", "ordinary");
        CHECK(panes[16] != NULL);
        for (unsigned i = 0; i < 17; i++)
                capnp_cap_unref(panes[i]);
        play_run(&p);
        CHECK_EQ(p.closed, 17); /* dropping one closes it */
        CHECK(!capos_ui_surface_at(p.ui, 0));
        play_close(&p);
}

/* Of three services: two have as many as one may, and the third finds no room. */
TEST(eight_offers_and_no_more)
{
        char name[] = "s0";
        struct capos_ui_offering what = {.name = name, .interface = DESK_ID, .asked_for = true};
        capos_ui_offer *o[8], *more;
        struct capos_ui_why why;
        struct play p;

        CHECK_OK(play_open(&p));
        for (unsigned i = 0; i < 8; i++) {
                name[1] = (char)('0' + i);
                CHECK_OK(capos_ui_offer_host(p.ui, &what, &o[i], &why));
        }
        name[1] = '8';
        CHECK_EQ(capos_ui_offer_host(p.ui, &what, &more, &why), CAPNP_E_EXCEPTION);
        CHECK_STR(why.text, "over-quota.ui-offers: more than 8");
        capos_ui_withdraw(o[3]);
        CHECK_OK(capos_ui_offer_host(p.ui, &what, &more, &why));
        play_run(&p);
        play_close(&p);
}

TEST(thirty_two_panes_in_all)
{
        static const char *const names[] = {"desk", "second", "third"};
        capnp_cap *panes[33];
        unsigned n = 0;
        struct play p;

        CHECK_OK(play_open(&p));
        for (unsigned i = 0; i < 3; i++) {
                const struct capos_ui_offering what = {.name = names[i],
                                                       .title = names[i],
                                                       .interface = DESK_ID,
                                                       .asked_for = true};
                capos_ui_offer *o;

                CHECK_OK(capos_ui_offer_host(p.ui, &what, &o, NULL));
                play_run(&p);
                p.now_ms += 10000;
                while (n < 16 * (i + 1) && n < 33 &&
                       (panes[n] = play_pane(&p, (char)('a' + n % 16), "log", "ordinary")))
                        n++;
        }
        CHECK_EQ(n, 32);
        CHECK(!strncmp(p.last, "over-quota.ui-surfaces", 22));
        capnp_cap_unref(panes[0]);
        play_run(&p);
        CHECK((panes[0] = play_pane(&p, 'z', "log", "ordinary")));
        while (n)
                capnp_cap_unref(panes[--n]);
        play_run(&p);
        CHECK_EQ(p.closed, 33);
        play_close(&p);
}

/* One patch of a log: 15 lines of 4 KiB, about as much as may be in one. */
static capnp_question *grow(capnp_cap *pane, uint64_t revision)
{
        enum { LINES = 15, LINE_BYTES = 4096 };
        capnp_question *q = remote_ui_surface_apply((remote_ui_surface_client){pane});
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);
        ui_model_patch_builder m = ui_patch_payload_init_model(ui_patch_init_payload(b));
        ui_log_line_list_builder l = ui_model_patch_init_lines(m, LINES);
        char text[LINE_BYTES + 1] = "";

        memset(text, 'a', LINE_BYTES);
        ui_patch_set_kind(b, UI_PATCH_KIND_UPDATE_MODEL);
        ui_model_patch_set_base(m, revision);
        for (unsigned i = 0; i < LINES; i++) {
                ui_log_line_set_sequence(ui_log_line_list_builder_get(l, i), revision * LINES + i);
                ui_log_line_set_text(ui_log_line_list_builder_get(l, i), text);
        }
        capnp_question_send(q, NULL, NULL);
        return q;
}

/* Fills a pane until it is refused: p->last says why. */
static void fill(struct play *p, capnp_cap *pane)
{
        uint64_t revision = 0;
        capnp_question *q;

        do {
                p->now_ms += 1000;
                q = grow(pane, revision++);
                play_run(p);
        } while (!play_end(p, q, 0));
}

/* By the usual bounds: a MiB of a pane, 4 of a service, 16 in all. */
TEST_T(so_much_is_held_and_no_more, 120)
{
        static const char *const names[] = {"a", "b", "c", "d", "e"};
        static const char *const full[] = {
                "over-quota.ui-bytes: more than 1048576 bytes of a surface",
                "over-quota.ui-bytes: more than 4194304 bytes of a service's surfaces",
                "over-quota.ui-bytes: more than 16777216 bytes of all surfaces"};
        capos_ui_offer *offers[5];
        capnp_cap *panes[25];
        unsigned n = 0;
        struct play p;

        CHECK_OK(play_open(&p));
        for (unsigned i = 0; i < 5; i++) {
                const struct capos_ui_offering what = {.name = names[i],
                                                       .title = names[i],
                                                       .interface = DESK_ID,
                                                       .asked_for = true};

                CHECK_OK(capos_ui_offer_host(p.ui, &what, &offers[i], NULL));
                play_run(&p);
                for (unsigned k = 0; k < (i < 4 ? 5 : 1); k++) {
                        p.now_ms += 1000;
                        CHECK((panes[n] = play_pane(&p, (char)('a' + k), "log", "ordinary")));
                        fill(&p, panes[n++]);
                        CHECK_STR(p.last, full[i == 4 ? 2 : k == 4]);
                }
        }
        /* What goes makes room. */
        capos_ui_withdraw(offers[0]);
        play_run(&p);
        CHECK((panes[n] = play_pane(&p, 'z', "log", "ordinary")));
        fill(&p, panes[n++]);
        CHECK_STR(p.last, full[0]);
        for (unsigned i = 1; i < 5; i++)
                capos_ui_withdraw(offers[i]);
        CHECK(capos_ui_is_zero(p.ui));
        while (n)
                capnp_cap_unref(panes[--n]);
        play_close(&p);
}

TEST(twenty_patches_a_second)
{
        unsigned taken = 0, refused = 0;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "log", "ordinary");
        p.now_ms += 60000;
        for (unsigned i = 0; i < 60; i++) {
                int r = play_call(&p, s, SURFACE(SURFACE_APPLY),
                                  "(patch = (kind = setLayoutHint, payload = (layout = ())))");

                taken += !r;
                refused += r == CAPNP_E_EXCEPTION && !strncmp(p.last, "over-quota.ui-patches", 21);
        }
        CHECK_EQ(taken, 40);
        CHECK_EQ(refused, 20);
        p.now_ms += 1000;
        for (unsigned i = 0; i < 60; i++)
                taken += !play_call(&p, s, SURFACE(SURFACE_APPLY),
                                    "(patch = (kind = setLayoutHint, payload = (layout = ())))");
        CHECK_EQ(taken, 60);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- polls ----------------------------------------------------------------------------------- */

TEST(a_poll_waits_for_an_event)
{
        capnp_question *q;
        struct play p;
        capnp_cap *s;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "list", "ordinary");
        CHECK_EQ(play_poll(&p, s), 2);
        q = play_ask(&p, s, SURFACE(SURFACE_POLL), "(maxEvents = 10, waitMs = 60000)");
        CHECK(!capnp_question_is_done(q));
        CHECK_EQ(p.wake_ms, p.now_ms + 60000);

        /* One at a time, and not longer than a minute. */
        CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_POLL), "()"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-polls", 19));
        capos_ui_pin(play_at(&p), true);
        play_run(&p);
        CHECK(capnp_question_is_done(q));
        CHECK_OK(play_end(&p, q, REMOTE_UI_SURFACE_POLL_OUT_ID));
        CHECK(strstr(p.last, "pinned = true") != NULL);
        CHECK_EQ(play_call(&p, s, SURFACE(SURFACE_POLL), "(waitMs = 60001)"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "over-quota.ui-polls", 19));

        /* With nothing to say it returns when its time is over. */
        q = play_ask(&p, s, SURFACE(SURFACE_POLL), "(maxEvents = 10, waitMs = 1000)");
        play_pass(&p, 999);
        CHECK(!capnp_question_is_done(q));
        play_pass(&p, 1);
        CHECK(capnp_question_is_done(q));
        CHECK_OK(play_end(&p, q, REMOTE_UI_SURFACE_POLL_OUT_ID));
        CHECK_STR(p.last, "(events = [])");
        CHECK_EQ(play_poll(&p, s), 0);

        /* Who gives up may ask again. */
        q = play_ask(&p, s, SURFACE(SURFACE_POLL), "(maxEvents = 10, waitMs = 1000)");
        capnp_question_free(q);
        play_run(&p);
        CHECK_EQ(play_poll(&p, s), 0);
        capnp_cap_unref(s);
        play_close(&p);
}

/* How many events are queued, and what the first and the last sequence are. */
static void poll_all(struct play *p, capnp_cap *s, unsigned *n, uint64_t *first, uint64_t *last)
{
        capnp_question *q = play_ask(p, s, SURFACE(SURFACE_POLL), "()");
        remote_ui_surface_poll_out_reader out = {capnp_question_response(q)};
        ui_event_list l = remote_ui_surface_poll_out_events(out);

        *n = ui_event_list_len(l);
        *first = ui_event_sequence(ui_event_list_get(l, 0));
        *last = ui_event_sequence(ui_event_list_get(l, *n - 1));
        CHECK_OK(play_end(p, q, 0));
}

TEST(what_no_person_caused_goes_first)
{
        uint64_t first, last;
        struct play p;
        capnp_cap *s;
        unsigned n;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        s = play_pane(&p, 'a', "list", "ordinary"); /* events 1 and 2 */
        for (unsigned i = 0; i < 256; i++)          /* 3 to 258, a person's */
                CHECK_OK(capos_ui_select(play_at(&p), NULL, 0));
        for (unsigned i = 0; i < 3; i++) /* 259 to 261, nobody's */
                capos_ui_resize(p.ui, (uint16_t)(110 + i), 30);
        poll_all(&p, s, &n, &first, &last);
        CHECK_EQ(n, 256);
        CHECK_EQ(first, 3);
        CHECK_EQ(last, 258);
        for (unsigned i = 0; i < 257; i++) /* 262 to 518 */
                CHECK_OK(capos_ui_select(play_at(&p), NULL, 0));
        poll_all(&p, s, &n, &first, &last);
        CHECK_EQ(n, 256);
        CHECK_EQ(first, 263); /* a person's own oldest, when there is nothing else */
        CHECK_EQ(last, 518);
        capnp_cap_unref(s);
        play_close(&p);
}

/* ---- describing, lending one pane ------------------------------------------------------------ */

TEST(a_host_says_what_it_is)
{
        struct play p;

        CHECK_OK(play_open(&p));
        play_offer(&p);
        CHECK_OK(play_end(&p, play_ask(&p, p.host, HOST(HOST_DESCRIBE), "()"),
                          REMOTE_UI_HOST_DESCRIBE_OUT_ID));
        CHECK(strstr(p.last, "kinds = [text, log, list, table, tree, counters, chart, form, "
                             "progress, map, transcript]") != NULL);
        play_close(&p);
}

TEST(one_pane_lent_and_nothing_else)
{
        static const struct capos_ui_offering what = {.name = "desk", .asked_for = true};
        static const struct capos_ui_lent pane = {.id = {(const uint8_t *)"p", 1},
                                                  .title = "Yours",
                                                  .kind = UI_SURFACE_KIND_LOG,
                                                  .safety_class = UI_SAFETY_CLASS_AMBIENT};
        struct capos_ui_lent bad = pane;
        struct capos_ui_why why = {.text = ""};
        capos_ui_offer *o;
        struct play p;

        CHECK_OK(play_open(&p));
        bad.title = "a\033[2J";
        CHECK_EQ(capos_ui_offer_surface(p.ui, &what, &bad, &o, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "refused.text", 12));
        CHECK(capos_ui_is_zero(p.ui));

        CHECK_OK(capos_ui_offer_surface(p.ui, &what, &pane, &o, &why));
        play_run(&p);
        CHECK(p.lent != NULL);
        CHECK(!p.host);
        CHECK_OK(play_end(&p, play_ask(&p, p.lent, SURFACE(SURFACE_DESCRIBE), "()"),
                          REMOTE_UI_SURFACE_DESCRIBE_OUT_ID));
        CHECK(strstr(p.last, "title = \"Yours\"") != NULL);
        CHECK_OK(play_apply(&p, p.lent,
                            "(kind = updateModel, payload = (model = (lines = [(sequence = 1, "
                            "text = \"hello\")])))"));
        CHECK_EQ(p.changed, 1);
        CHECK(play_call(&p, p.lent, HOST(HOST_OPEN), "()") != 0); /* it is no host */
        CHECK(play_call(&p, p.lent, HOST(HOST_THEME), "()") != 0);
        capos_ui_withdraw(o);
        play_run(&p);
        CHECK_EQ(play_apply(&p, p.lent, "(kind = updateModel)"), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(p.last, "refused.closed", 14));
        CHECK(capos_ui_is_zero(p.ui));

        /* A person who closes it has ended the offer. */
        CHECK_OK(capos_ui_offer_surface(p.ui, &what, &pane, &o, &why));
        play_run(&p);
        capos_ui_close(play_at(&p));
        play_run(&p);
        CHECK_EQ(p.over, 2);
        CHECK_EQ(p.withdrawn, 2);
        CHECK(capos_ui_is_zero(p.ui));
        CHECK_EQ(capos_ui_offer_surface(p.ui, &what, &pane, &o, &why), CAPNP_E_EXCEPTION);
        CHECK(!strncmp(why.text, "refused.closed", 14));
        play_close(&p);
}
