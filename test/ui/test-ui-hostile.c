/*
 * A service that means harm, against the workspace: the acts of hostile.md, a row each. In every
 * row an honest service has a pane beside it. After the act the frame's text has to be what it is
 * when nobody tries anything, each pane has to stand behind the name of its service, and no method
 * may have been called that no person has said yes to.
 */
#include "ui-play.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 1 << 18, FLOOD = 10000 };

/* The play, its honest service (clock) and the hostile one (desk). */
struct stage {
        struct play p;
        capos_ui_offer *offer; /* of the hostile one */
        capnp_cap *clock, *clock_host;
        capnp_cap *pane;      /* the hostile one's, `a`; or NULL */
        capos_ui_surface *at; /* the same, as the host has it */
        char refused[256];    /* how the act was answered at last; "" : it was taken */
        char prompt[4096];    /* what a person was asked */
        char *big;            /* room for a call as text */
};

/* ---- the frame ------------------------------------------------------------------------------- */

CAPNP_PRINTF(2, 3) static void frame_add(char *to, const char *format, ...)
{
        size_t n = strlen(to);
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(to + n, 4096 - n, format, ap);
        va_end(ap);
}

/* Each pane by whose it is, and none in the frame's rows. */
static void panes_judge(const struct stage *st)
{
        const struct capos_ui_layout *l = capos_ui_layout_peek(st->p.ui);
        struct capos_ui_pane pane;
        capos_ui_surface *s;
        uint32_t n = 0;

        for (uint32_t i = 0; (s = capos_ui_surface_at(st->p.ui, i)); i++) {
                capos_ui_surface_info(s, &pane);
                CHECK_STR(pane.service, pane.offer == st->offer ? "desk" : "clock");
                CHECK_STR(pane.service_title, pane.offer == st->offer ? "The desk" : "The clock");
        }
        for (uint32_t k = 0; k < l->n; k++) {
                const struct capos_ui_node *node = &l->nodes[k];

                n += node->kind == CAPOS_UI_PANE;
                if (!node->columns || !node->rows)
                        continue;
                CHECK(node->row >= CAPOS_UI_FRAME_TOP);
                CHECK(node->row + node->rows <= l->rows - CAPOS_UI_FRAME_BOTTOM);
                CHECK(node->column + node->columns <= l->columns);
        }
        for (uint32_t i = 0; (s = capos_ui_surface_at(st->p.ui, i)); i++)
                n--;
        CHECK_EQ(n, 0);
}

/* All that the front end has been told and would write outside the hostile one's panes. */
static void frame_write(const struct stage *st, char *to)
{
        const struct play *p = &st->p;
        const struct capos_ui_layout *l = capos_ui_layout_peek(p->ui);
        struct capos_ui_pane pane;
        struct capnp_buf text;
        capos_ui_surface *s;

        to[0] = 0;
        frame_add(to, "%s: %u columns, %u rows, %u and %u of them the frame's\n", p->config.account,
                  l->columns, l->rows, CAPOS_UI_FRAME_TOP, CAPOS_UI_FRAME_BOTTOM);
        frame_add(to, "asked: %s\n", p->prompts == p->prompts_gone ? "nothing" : p->prompt);
        frame_add(to, "kept: %u, looks of all: %u\n", p->saved, p->restyled);
        for (uint32_t i = 0; (s = capos_ui_surface_at(p->ui, i)); i++) {
                capos_ui_surface_info(s, &pane);
                if (pane.offer == st->offer)
                        continue;
                capnp_buf_init(&text, 4096);
                CHECK_OK(capos_ui_draw_text(s, &(struct capos_ui_draw){.columns = 60}, &text));
                frame_add(to, "%u %s: %s, revision %" PRIu64 "\n%s", pane.number,
                          pane.service_title, pane.title.p, pane.revision, text.p);
                capnp_buf_deinit(&text);
        }
}

/* ---- the stage ------------------------------------------------------------------------------- */

static void stage_open(struct stage *st, const char *kind, const char *safety_class)
{
        const struct capos_ui_offering clock = {
                .name = "clock", .title = "The clock", .interface = DESK_ID, .asked_for = true};
        capos_ui_offer *o;

        *st = (struct stage){.big = malloc(BIG)};
        CHECK(st->big != NULL);
        CHECK_OK(play_open(&st->p));
        CHECK_OK(capos_ui_offer_host(st->p.ui, &clock, &o, NULL));
        play_run(&st->p);
        st->clock = play_pane(&st->p, 'c', "log", "ordinary");
        CHECK_OK(play_apply(&st->p, st->clock,
                            "(kind = updateModel, payload = (model = (lines = [(sequence = 1, "
                            "text = \"noon\")])))"));
        st->clock_host = capnp_cap_ref(st->p.host);
        st->offer = play_offer(&st->p);
        if (kind[0]) {
                st->pane = play_pane(&st->p, 'a', kind, safety_class);
                CHECK(st->pane != NULL);
                st->at = play_at(&st->p);
                (void)play_poll(&st->p, st->pane);
        }
        st->p.now_ms += 60000;
}

static void stage_close(struct stage *st)
{
        capnp_cap_unref(st->pane);
        capnp_cap_unref(st->clock);
        capnp_cap_unref(st->clock_host);
        play_close(&st->p);
        free(st->big);
}

static int noted(struct stage *st, int r)
{
        (void)snprintf(st->refused, sizeof(st->refused), "%s", r ? st->p.last : "");
        return r;
}

/* A call of the hostile one's, a second after the last: pace is a matter of rows of its own. */
static int tell(struct stage *st, capnp_cap *c, uint64_t interface, uint16_t method,
                const char *params)
{
        st->p.now_ms += 1000;
        return noted(st, play_call(&st->p, c, interface, method, params));
}

/* Applies to its pane; DESK and OTHER are the interfaces' numbers. */
static int apply(struct stage *st, const char *patch)
{
        static const struct {
                const char *word;
                uint64_t id;
        } words[] = {{"DESK", DESK_ID}, {"OTHER", OTHER_ID}};
        size_t n = (size_t)snprintf(st->big, BIG, "(patch = ");

        while (*patch) {
                unsigned i = 0;

                while (i < 2 && strncmp(patch, words[i].word, strlen(words[i].word)) != 0)
                        i++;
                if (i == 2) {
                        st->big[n++] = *patch++;
                        continue;
                }
                n += (size_t)snprintf(st->big + n, BIG - n, "%" PRIu64, words[i].id);
                patch += strlen(words[i].word);
        }
        (void)snprintf(st->big + n, BIG - n, ")");
        return tell(st, st->pane, SURFACE(SURFACE_APPLY), st->big);
}

/* Opens a pane whose title and id are any bytes. */
static int open_as(struct stage *st, capnp_data id, const char *title, uint32_t len)
{
        remote_ui_host_client host = {st->p.host};
        capnp_question *q = remote_ui_host_open(host);
        ui_surface_spec_builder spec = remote_ui_host_open_init_spec(q);
        capnp_cap *c;
        int r;

        st->p.now_ms += 1000;
        ui_surface_spec_set_surface_id(spec, id);
        ui_surface_spec_set_title_n(spec, (capnp_text){title, len});
        ui_surface_spec_set_kind(spec, UI_SURFACE_KIND_LOG);
        ui_surface_spec_set_model_schema(spec, UI_LOG_ID);
        capnp_question_send(q, NULL, NULL);
        play_run(&st->p);
        c = capnp_question_result(q)
                    ? NULL
                    : capnp_cap_ref(capnp_question_cap_peek(q, (const uint16_t[]){0}, 1));
        r = noted(st, play_end(&st->p, q, 0));
        if (c) {
                capnp_cap_unref(st->pane);
                st->pane = c;
                st->at = play_at(&st->p);
        }
        return r;
}

static const capnp_data id_a = {(const uint8_t *)"a", 1};

/* A person runs a command; one field, typed, where there is a path. */
static int act(struct stage *st, const char *command, const char *path, bool trusted)
{
        const struct capos_ui_value v = {path, {"hello", 5}, true};
        const struct capos_ui_act a = {
                .command = command, .values = &v, .nvalues = path != NULL, .trusted = trusted};
        struct capos_ui_why why = {.text = ""};
        int r = capos_ui_activate(st->at, &a, &why);

        play_run(&st->p);
        (void)snprintf(st->refused, sizeof(st->refused), "%s", why.text);
        return r;
}

/* A person reads the question that is open, tries too early, and says no. */
static void say_no(struct stage *st)
{
        struct play *p = &st->p;

        CHECK_EQ(p->prompts, p->prompts_gone + 1);
        (void)snprintf(st->prompt, sizeof(st->prompt), "%s", p->prompt);
        CHECK(!capos_ui_answer(p->ui, p->prompt_id, true));
        p->now_ms += CAPOS_UI_DEAF_MS;
        CHECK(capos_ui_answer(p->ui, p->prompt_id, false));
        play_run(p);
}

/* ---- acts that are one call or two ----------------------------------------------------------- */

#define TITLE(bytes_) open_as(st, id_a, bytes_, sizeof(bytes_) - 1)

static void title_bar(struct stage *st)
{
        TITLE("alice \xe2\x94\x82 instance one \xe2\x94\x82 lease 7:59 \xe2\x94\x82 log out");
}

static void title_direction(struct stage *st)
{
        TITLE("ksed eht \xe2\x80\xae alice");
        CHECK(!strncmp(st->refused, "refused.text", 12));
        TITLE("a\xe2\x81\xa7"
              "b");
}

static void title_unseen(struct stage *st)
{
        TITLE("The cl\xe2\x80\x8bock");
}

static void title_marks(struct stage *st)
{
        TITLE("Z\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85 over the frame");
}

static void title_long(struct stage *st)
{
        memset(st->big, 'A', 65536);
        open_as(st, id_a, st->big, 60000);
        CHECK(!strncmp(st->refused, "refused.text", 12));
        open_as(st, id_a, st->big, 65536);
}

static void title_nul(struct stage *st)
{
        TITLE("The clock\0 is not");
}

static void title_escape(struct stage *st)
{
        static const char *const titles[] = {"\033[1;1H alice", "\033]0;x\007",  "a\rb",     "a\nb",
                                             "a\xc2\x9b\x32J",  "a\x7f\x7f\x7f", "a\xff\xfe"};

        for (unsigned i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
                open_as(st, id_a, titles[i], (uint32_t)strlen(titles[i]));
                CHECK(!strncmp(st->refused, "refused.text", 12));
        }
}

static void id_odd(struct stage *st)
{
        static const uint8_t bytes[17] = "\0\033[2J\xff\n\r\x9b\xe2\x80\xae";

        open_as(st, (capnp_data){bytes, 0}, "A", 1);
        CHECK(!strncmp(st->refused, "refused.spec", 12));
        CHECK_OK(open_as(st, (capnp_data){bytes, 16}, "A", 1)); /* a name, never drawn */
        open_as(st, (capnp_data){bytes, 17}, "A", 1);
}

static void dialog_drawn(struct stage *st)
{
        struct capnp_buf text;

        CHECK_OK(apply(st, "(kind = updateModel, payload = (model = (whole = (text = (paragraphs = "
                           "[(runs = [(text = \"\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x80\xe2\x94\x90\\n"
                           "\xe2\x94\x82 Run a command of \\\"The clock\\\"? [Yes] [No] "
                           "\xe2\x94\x82\\n\xe2\x94\x94\xe2\x94\x80\xe2\x94\x80\xe2\x94\x98\")])"
                           "])))))"));
        capnp_buf_init(&text, 4096);
        CHECK_OK(capos_ui_draw_text(st->at, &(struct capos_ui_draw){.columns = 40}, &text));
        CHECK(strstr(text.p, "[Yes]") != NULL); /* in its pane it may say what it likes */
        for (const char *c = text.p; *c; c++)
                CHECK((uint8_t)*c >= ' ' || *c == '\n');
        capnp_buf_deinit(&text);
}

static void login_table(struct stage *st)
{
        CHECK_OK(apply(st, "(kind = updateModel, payload = (model = (whole = (table = (columns = "
                           "[(key = \"a\", title = \"Log in to instance one\")], rows = "
                           "[(key = \"1\", cells = [(text = \"Account: alice\")]), (key = \"2\", "
                           "cells = [(text = \"Password: ________\")])])))))"));
}

static void login_map(struct stage *st)
{
        capnp_cap_unref(st->pane);
        (void)snprintf(st->big, BIG,
                       "(surfaceId = \"m\", title = \"Log in\", kind = map, modelSchema = "
                       "%" PRIu64 ")",
                       UI_MAP_ID);
        st->pane = play_surface(&st->p, st->big);
        CHECK(st->pane != NULL);
        st->at = play_at(&st->p);
        CHECK_OK(apply(st,
                       "(kind = updateModel, payload = (model = (whole = (map = (width = 4, "
                       "height = 1, tiles = [(glyph = \"L\"), (glyph = \"o\"), (glyph = \"g\"), "
                       "(glyph = \"_\")], cells = [0, 1, 2, 3])))))"));
        apply(st, "(kind = updateModel, payload = (model = (whole = (map = (width = 4, height = 1, "
                  "tiles = [(glyph = \"Password\")], cells = [0, 0, 0, 0])))))");
}

static void another_pane(struct stage *st)
{
        apply(st, "(kind = updateModel, surfaceId = \"c\", payload = (model = (base = 0, lines = "
                  "[(sequence = 2, text = \"midnight\")])))");
        CHECK(!strncmp(st->refused, "refused.spec", 12));
        CHECK(!strstr(st->refused, "midnight"));
        /* One of its own with that name is its own. */
        CHECK_OK(open_as(st, (capnp_data){(const uint8_t *)"c", 1}, "Pane c", 6));
        apply(st,
              "(kind = openSurface, payload = (spec = (surfaceId = \"a\", title = \"The clock\","
              " kind = log)))");
}

static void poll_twice(struct stage *st)
{
        capnp_question *q = play_ask(&st->p, st->pane, SURFACE(SURFACE_POLL), "(waitMs = 60000)");

        tell(st, st->pane, SURFACE(SURFACE_POLL), "(waitMs = 60000)");
        CHECK(!capnp_question_is_done(q));
        capnp_question_free(q);
        play_run(&st->p);
}

static void newer_values(struct stage *st)
{
        static const struct {
                uint16_t kind, safety_class, place;
                const char *refused;
        } rows[] = {{11, 1, 0, "refused."},
                    {65535, 1, 0, "refused."},
                    {1, 4, 0, "refused."},
                    {1, 65535, 0, "refused."},
                    {1, 1, 4, "refused."}};
        capnp_question *q;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                ui_surface_spec_builder spec;

                q = remote_ui_host_open((remote_ui_host_client){st->p.host});
                spec = remote_ui_host_open_init_spec(q);
                st->p.now_ms += 1000;
                ui_surface_spec_set_surface_id(spec, (capnp_data){(const uint8_t *)"n", 1});
                ui_surface_spec_set_title(spec, "N");
                ui_surface_spec_set_kind(spec, (enum ui_surface_kind)rows[i].kind);
                ui_surface_spec_set_safety_class(spec, (enum ui_safety_class)rows[i].safety_class);
                ui_surface_spec_set_model_schema(spec, UI_LOG_ID);
                ui_layout_hint_set_place(ui_surface_spec_init_layout(spec),
                                         (enum ui_place)rows[i].place);
                capnp_question_send(q, NULL, NULL);
                play_run(&st->p);
                CHECK_EQ(noted(st, play_end(&st->p, q, 0)), CAPNP_E_EXCEPTION);
                CHECK(!strncmp(st->refused, rows[i].refused, strlen(rows[i].refused)));
        }
        q = remote_ui_surface_apply((remote_ui_surface_client){st->pane});
        ui_patch_set_kind(remote_ui_surface_apply_init_patch(q), (enum ui_patch_kind)7);
        st->p.now_ms += 1000;
        capnp_question_send(q, NULL, NULL);
        play_run(&st->p);
        noted(st, play_end(&st->p, q, 0));
}

/* ---- floods ---------------------------------------------------------------------------------- */

static void patch_fill(capnp_question *q)
{
        ui_patch_builder patch = remote_ui_surface_apply_init_patch(q);

        ui_patch_set_kind(patch, UI_PATCH_KIND_SET_LAYOUT_HINT);
        (void)ui_patch_payload_init_layout(ui_patch_init_payload(patch));
}

/* Sends many patches, so many each millisecond, and after each hundred a call of the clock's: that
 * is served when it is its turn. How many patches were taken. */
static unsigned flood(struct stage *st, unsigned each_ms)
{
        enum { BATCH = 100 };
        capnp_question *q[BATCH], *honest;
        unsigned taken = 0, served = 0;

        for (unsigned i = 0; i < FLOOD; i += BATCH) {
                for (unsigned k = 0; k < BATCH; k++) {
                        q[k] = remote_ui_surface_apply((remote_ui_surface_client){st->pane});
                        patch_fill(q[k]);
                        capnp_question_send(q[k], NULL, NULL);
                }
                honest = remote_ui_host_describe((remote_ui_host_client){st->clock_host});
                capnp_question_send(honest, NULL, NULL);
                play_run(&st->p);
                CHECK(capnp_question_is_done(honest));
                served += !play_end(&st->p, honest, 0);
                for (unsigned k = 0; k < BATCH; k++) {
                        int r = play_end(&st->p, q[k], 0);

                        taken += !r;
                        if (r)
                                noted(st, r);
                }
                st->p.now_ms += each_ms ? BATCH / each_ms : 0;
        }
        CHECK_EQ(served, FLOOD / BATCH);
        return taken;
}

static void flood_at_once(struct stage *st)
{
        CHECK_EQ(flood(st, 0), 40);
}

static void flood_second(struct stage *st)
{
        /* The tokens that were there, and those of a second but its last hundredth. */
        CHECK_EQ(flood(st, 10), 59);
}

/* To have a question out of sight, or answered by somebody else, while a person reads it. */
static void flood_asked(struct stage *st)
{
        capnp_question *q = play_ask(&st->p, st->pane, SURFACE(SURFACE_PERSIST), "(what = layout)");
        char asked[sizeof(st->p.prompt)];

        CHECK_EQ(st->p.prompts, 1);
        (void)snprintf(asked, sizeof(asked), "%s", st->p.prompt);
        CHECK_EQ(flood(st, 0), 40);
        CHECK_EQ(st->p.prompts_gone, 0);
        CHECK_STR(st->p.prompt, asked);
        say_no(st);
        CHECK_EQ(play_end(&st->p, q, 0), CAPNP_E_EXCEPTION);
}

static void flood_surfaces(struct stage *st)
{
        capnp_cap *panes[16] = {NULL};
        unsigned n = 0;

        while (n < 16 && (panes[n] = play_pane(&st->p, (char)('d' + n), "log", "ordinary")))
                n++;
        CHECK_EQ(n, 15);
        noted(st, CAPNP_E_EXCEPTION);
        while (n)
                capnp_cap_unref(panes[--n]);
        play_run(&st->p);
}

static void flood_commands(struct stage *st)
{
        char patch[256];
        unsigned n = 0;
        int r = 0;

        for (; !r && n < 100; n += !r) {
                (void)snprintf(patch, sizeof(patch),
                               "(kind = addCommand, payload = (command = (id = \"c%u\", title = "
                               "\"Yes\", run = (view = void))))",
                               n);
                r = apply(st, patch);
        }
        CHECK_EQ(n, 64);
}

static void flood_themes(struct stage *st)
{
        unsigned taken = 0;

        for (unsigned i = 0; i < 100; i++)
                taken += !noted(st, play_call(&st->p, st->p.host, HOST(HOST_THEME),
                                              i % 2 ? "(scope = own, hints = (scheme = dark))"
                                                    : "(scope = own, hints = (scheme = light))"));
        CHECK_EQ(taken, 1);
        CHECK_EQ(noted(st, play_call(&st->p, st->pane, SURFACE(SURFACE_APPLY),
                                     "(patch = (kind = setThemeHint, payload = (theme = "
                                     "(accent = rose))))")),
                 CAPNP_E_EXCEPTION);
}

static void theme_of_all(struct stage *st)
{
        capnp_question *q = play_ask(&st->p, st->p.host, HOST(HOST_THEME),
                                     "(scope = workspace, hints = (scheme = dark))");

        CHECK_EQ(st->p.prompt_kind, CAPOS_UI_PROMPT_THEME);
        say_no(st);
        noted(st, play_end(&st->p, q, 0));
}

static void prompts_looped(struct stage *st)
{
        for (unsigned i = 0; i < 1000; i++) {
                capnp_question *q =
                        play_ask(&st->p, st->pane, SURFACE(SURFACE_PERSIST), "(what = layout)");

                if (!capnp_question_is_done(q))
                        say_no(st);
                noted(st, play_end(&st->p, q, 0));
        }
        CHECK_EQ(st->p.prompts, 3);
}

static void persist_unasked(struct stage *st)
{
        capnp_question *q = play_ask(&st->p, st->pane, SURFACE(SURFACE_PERSIST), "(what = theme)");

        CHECK(!capnp_question_is_done(q)); /* and nothing is kept before the answer */
        CHECK_EQ(st->p.saved, 0);
        say_no(st);
        noted(st, play_end(&st->p, q, 0));
}

/* Asks for one place to be kept, and wishes another one while the person reads. */
static void persist_swapped(struct stage *st)
{
        struct play *p = &st->p;
        char kept[1024];
        capnp_question *q;

        CHECK_OK(apply(st, "(kind = setLayoutHint, payload = (layout = (place = side)))"));
        q = play_ask(p, st->pane, SURFACE(SURFACE_PERSIST), "(what = layout)");
        CHECK_OK(apply(st, "(kind = setLayoutHint, payload = (layout = (place = bottom, weight = "
                           "12, tab = \"alice\")))"));
        p->now_ms += CAPOS_UI_DEAF_MS;
        CHECK(capos_ui_answer(p->ui, p->prompt_id, true));
        play_run(p);
        noted(st, play_end(p, q, 0));
        CHECK_EQ(p->saved, 1);
        p->saved = 0; /* what the person agreed to */
        play_saved(p, kept, sizeof(kept));
        CHECK(strstr(kept, "place = side") != NULL);
        CHECK(!strstr(kept, "bottom"));
        CHECK(!strstr(kept, "alice"));
}

/* The same with a look. */
static void look_swapped(struct stage *st)
{
        struct play *p = &st->p;
        char kept[1024];
        capnp_question *q;

        CHECK_OK(apply(st, "(kind = setThemeHint, payload = (theme = (accent = teal)))"));
        p->now_ms += 2000;
        q = play_ask(p, st->pane, SURFACE(SURFACE_PERSIST), "(what = theme)");
        CHECK_OK(apply(st, "(kind = setThemeHint, payload = (theme = (accent = rose)))"));
        p->now_ms += CAPOS_UI_DEAF_MS;
        CHECK(capos_ui_answer(p->ui, p->prompt_id, true));
        play_run(p);
        noted(st, play_end(p, q, 0));
        p->saved = 0;
        play_saved(p, kept, sizeof(kept));
        CHECK(strstr(kept, "accent = teal") != NULL);
        CHECK(!strstr(kept, "rose"));
}

static void model_grows(struct stage *st)
{
        struct capos_ui_pane pane;
        size_t n;
        int r = 0;

        for (unsigned i = 0; !r && i < 1000; i++) {
                n = (size_t)snprintf(st->big, BIG,
                                     "(patch = (kind = updateModel, payload = (model = (base = %u, "
                                     "items = [",
                                     i);
                for (unsigned k = 0; k < 30; k++) /* keys that are never the same */
                        n += (size_t)snprintf(st->big + n, BIG - n,
                                              "%s(key = \"k%u-%u\", title = \"x\")", k ? ", " : "",
                                              i, k);
                (void)snprintf(st->big + n, BIG - n, "]))))");
                r = tell(st, st->pane, SURFACE(SURFACE_APPLY), st->big);
        }
        CHECK_EQ(r, CAPNP_E_EXCEPTION);
        capos_ui_surface_info(st->at, &pane);
        CHECK_EQ(pane.elements, 990);
}

/* ---- commands -------------------------------------------------------------------------------- */

#define COMMAND(more_) \
        "(kind = addCommand, payload = (command = (id = \"x\", title = \"Look again\", " more_ ")))"
#define CALL(method_, more_) "run = (call = (interfaceId = DESK, methodId = " #method_ more_ "))"

static void lasting_as_reads(struct stage *st)
{
        apply(st, COMMAND("effect = reads, " CALL(3, )));
}

static void lasting_asked(struct stage *st)
{
        capnp_cap_unref(st->pane);
        st->pane = play_pane(&st->p, 'q', "log", "consequential");
        st->at = play_at(&st->p);
        CHECK_OK(apply(st, COMMAND("effect = reads, fields = [(path = \"what\")], " CALL(3, ))));
        CHECK_EQ(capos_ui_command_effect(st->at, 0), CAPOS_UI_LASTING);
        CHECK_OK(act(st, "x", "what", true));
        say_no(st);
        (void)snprintf(st->refused, sizeof(st->refused), "%s", st->p.ran_why);
}

static void other_target(struct stage *st)
{
        capnp_cap_unref(st->pane);
        st->pane = play_pane(&st->p, 'q', "log", "consequential");
        st->at = play_at(&st->p);
        apply(st, COMMAND("run = (call = (capability = \"clock\", interfaceId = DESK, methodId = "
                          "0))"));
        CHECK(!strncmp(st->refused, "refused.target", 14));
        apply(st, COMMAND("run = (call = (interfaceId = OTHER, methodId = 0))"));
        CHECK(!strncmp(st->refused, "refused.target", 14));
        apply(st, COMMAND(CALL(5, ))); /* takes a reference */
}

static void constants_hidden(struct stage *st)
{
        CHECK_OK(apply(st,
                       COMMAND("effect = reads, fields = [(path = \"text\")], " CALL(
                               2, ", constants = [(path = \"to\", value = (text = \"all\"))]"))));
        CHECK_OK(act(st, "x", "text", true));
        say_no(st);
        (void)snprintf(st->refused, sizeof(st->refused), "%s", st->p.ran_why);
}

/* Lines of a question, in what the service may say in it. */
static void prompt_forged(struct stage *st)
{
        CHECK_OK(apply(st, COMMAND("fields = [(path = \"text\")], " CALL(
                                   2, ", constants = [(path = \"to\", value = (text = "
                                      "\"me\\\"\\naccount: bob\\nmethod: Desk.read\"))]"))));
        CHECK_OK(act(st, "x", "text", true));
        say_no(st);
        CHECK(!strstr(st->prompt, "\naccount: bob"));
        CHECK(!strstr(st->prompt, "\nmethod: Desk.read"));
        (void)snprintf(st->refused, sizeof(st->refused), "%s", st->p.ran_why);
}

static void choice_renamed(struct stage *st)
{
        CHECK_OK(apply(st, COMMAND("fields = [(path = \"text\", kind = choice, choices = [(value = "
                                   "(text = \"I resign\"), label = \"hello\")])], " CALL(2, ))));
        CHECK_OK(act(st, "x", "text", true));
        say_no(st);
        (void)snprintf(st->refused, sizeof(st->refused), "%s", st->p.ran_why);
}

static void nobody_did_it(struct stage *st)
{
        CHECK_OK(apply(st, COMMAND(CALL(0, ))));
        CHECK_EQ(act(st, "x", NULL, false), CAPNP_E_EXCEPTION);
}

/* ---- what a person has decided --------------------------------------------------------------- */

static void opens_again(struct stage *st)
{
        capos_ui_close(st->at);
        st->p.saved = 0; /* the person's doing */
        for (unsigned i = 0; i < 10; i++)
                CHECK_EQ(open_as(st, id_a, "Pane a", 6), CAPNP_E_EXCEPTION);
        CHECK_EQ(st->p.opened, 2);
}

static void pinned_moves(struct stage *st)
{
        const struct capos_ui_layout *l = capos_ui_layout_peek(st->p.ui);
        struct capos_ui_layout before;

        capos_ui_pin(st->at, true);
        st->p.saved = 0;
        before = *l;
        apply(st, "(kind = setLayoutHint, payload = (layout = (place = side, weight = 12)))");
        CHECK(!memcmp(&before, l, sizeof(before)));
}

static void used_after(struct stage *st)
{
        capos_ui_withdraw(st->offer);
        play_run(&st->p);
        st->offer = NULL;
        CHECK_EQ(apply(st, "(kind = setLayoutHint, payload = (layout = ()))"), CAPNP_E_EXCEPTION);
        CHECK_EQ(tell(st, st->pane, SURFACE(SURFACE_PERSIST), "(what = layout)"),
                 CAPNP_E_EXCEPTION);
        CHECK_EQ(tell(st, st->p.host, HOST(HOST_THEME), "(scope = workspace)"), CAPNP_E_EXCEPTION);
        CHECK_EQ(open_as(st, id_a, "Again", 5), CAPNP_E_EXCEPTION);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
        const char *name; /* as hostile.md has it */
        const char *kind; /* of the pane that is there before; "": none */
        void (*run)(struct stage *st);
        const char *refused; /* what the last call was answered with; "": taken */
        unsigned prompts;    /* that a person has seen */
        const char *says;    /* a line that the prompt must have */
} acts[] = {
        {"title-bar", "", title_bar, "", 0, NULL},
        {"title-direction", "", title_direction, "refused.text", 0, NULL},
        {"title-unseen", "", title_unseen, "refused.text", 0, NULL},
        {"title-marks", "", title_marks, "refused.text", 0, NULL},
        {"title-long", "", title_long, "over-quota.ui-patch", 0, NULL},
        {"title-nul", "", title_nul, "refused.text", 0, NULL},
        {"title-escape", "", title_escape, "refused.text", 0, NULL},
        {"id-odd", "", id_odd, "refused.spec", 0, NULL},
        {"dialog-drawn", "text", dialog_drawn, "", 0, NULL},
        {"login-table", "table", login_table, "", 0, NULL},
        {"login-map", "log", login_map, "refused.text", 0, NULL},
        {"another-pane", "log", another_pane, "refused.spec", 0, NULL},
        {"poll-twice", "log", poll_twice, "over-quota.ui-polls", 0, NULL},
        {"newer-values", "log", newer_values, "refused.kind", 0, NULL},
        {"flood-at-once", "log", flood_at_once, "over-quota.ui-patches", 0, NULL},
        {"flood-second", "log", flood_second, "over-quota.ui-patches", 0, NULL},
        {"flood-asked", "log", flood_asked, "over-quota.ui-patches", 1, "Keep the place"},
        {"flood-surfaces", "log", flood_surfaces, "over-quota.ui-surfaces", 0, NULL},
        {"flood-commands", "log", flood_commands, "over-quota.ui-commands", 0, NULL},
        {"flood-themes", "log", flood_themes, "over-quota.ui-theme", 0, NULL},
        {"theme-of-all", "log", theme_of_all, "refused.person", 1,
         "Change how the whole workspace looks? \"The desk\" (desk) asks for it.\n"},
        {"prompts-looped", "log", prompts_looped, "over-quota.ui-prompts", 3, NULL},
        {"persist-unasked", "log", persist_unasked, "refused.person", 1, "\"The desk\" (desk)"},
        {"persist-swapped", "log", persist_swapped, "", 1, NULL},
        {"look-swapped", "log", look_swapped, "", 1, NULL},
        {"model-grows", "list", model_grows, "refused.model", 0, NULL},
        {"lasting-as-reads", "log", lasting_as_reads, "refused.safety", 0, NULL},
        {"title-lies", "log", lasting_asked, "refused.person", 1,
         "It cannot be undone, or acts outside.\ncapability: desk\nmethod: Desk.last\n"},
        {"other-target", "log", other_target, "refused.target", 0, NULL},
        {"constants-hidden", "log", constants_hidden, "refused.person", 1,
         "to = \"all\"  (set by the service)\n"},
        {"prompt-forged", "log", prompt_forged, "refused.person", 1,
         "to = \"me\\\"\\naccount: bob\\nmethod: Desk.read\"  (set by the service)\n"},
        {"choice-renamed", "log", choice_renamed, "refused.person", 1, "text = \"I resign\"\n"},
        {"nobody-did-it", "log", nobody_did_it, "refused.person", 0, NULL},
        {"opens-again", "log", opens_again, "refused.closed", 0, NULL},
        {"pinned-moves", "log", pinned_moves, "refused.pinned", 0, NULL},
        {"used-after", "log", used_after, "refused.closed", 0, NULL},
};

enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

/* The frame as it is when nobody tries anything. */
static void frame_alone(char *to)
{
        struct stage st;

        stage_open(&st, "", "");
        frame_write(&st, to);
        stage_close(&st);
}

TEST_T(the_frame_is_the_same, 300)
{
        char alone[4096], after[4096];
        unsigned bad = 0;

        frame_alone(alone);
        for (unsigned i = 0; i < ACTS; i++) {
                size_t n = strlen(acts[i].refused);
                struct stage st;

                printf("act %s\n", acts[i].name);
                (void)fflush(stdout);
                stage_open(&st, acts[i].kind, "ordinary");
                acts[i].run(&st);
                frame_write(&st, after);
                panes_judge(&st);
                if (n ? strncmp(st.refused, acts[i].refused, n) != 0 : st.refused[0] != 0)
                        printf("! %s was answered with: %s\n", acts[i].name, st.refused), bad++;
                if (strcmp(alone, after) != 0)
                        printf("! %s: the frame is not the same:\n%s%s", acts[i].name, alone,
                               after),
                                bad++;
                if (st.p.prompts != acts[i].prompts ||
                    (acts[i].says && !strstr(st.prompt, acts[i].says)))
                        printf("! %s: %u prompts: %s\n", acts[i].name, st.p.prompts, st.prompt),
                                bad++;
                for (unsigned m = 0; m < 8; m++)
                        CHECK_EQ(st.p.calls[m], 0);
                stage_close(&st);
        }
        CHECK_EQ(bad, 0);
}

/* ---- another session ------------------------------------------------------------------------- */

/* One call after another in a session, a turn of it and then one of the hostile one's: how many
 * turns they take. */
static unsigned turns_of(struct play *second, struct stage *hostile, unsigned calls)
{
        unsigned turns = 0;

        for (unsigned i = 0; i < calls; i++) {
                capnp_question *q = remote_ui_host_describe((remote_ui_host_client){second->host});

                capnp_question_send(q, NULL, NULL);
                for (; !capnp_question_is_done(q); turns++) {
                        (void)play_step(second);
                        if (hostile)
                                (void)play_step(&hostile->p);
                }
                CHECK_OK(play_end(second, q, 0));
        }
        return turns;
}

/* 10,000 patches of one session's hostile service cost another session's calls no turn. */
TEST_T(a_second_session_has_its_turn, 120)
{
        enum { CALLS = 100, AT_ONCE = 1000 };
        capnp_question *q[AT_ONCE];
        struct play second;
        struct stage st;
        unsigned quiet, taken = 0, refused = 0;

        stage_open(&st, "log", "ordinary");
        CHECK_OK(play_open(&second));
        play_offer(&second);
        quiet = turns_of(&second, NULL, CALLS);
        for (unsigned i = 0; i < FLOOD; i += AT_ONCE) {
                for (unsigned k = 0; k < AT_ONCE; k++) {
                        q[k] = remote_ui_surface_apply((remote_ui_surface_client){st.pane});
                        patch_fill(q[k]);
                        capnp_question_send(q[k], NULL, NULL);
                }
                CHECK_EQ(turns_of(&second, &st, CALLS), quiet);
                play_run(&st.p);
                for (unsigned k = 0; k < AT_ONCE; k++) {
                        int r = play_end(&st.p, q[k], 0);

                        taken += !r;
                        refused += r && !strncmp(st.p.last, "over-quota.ui-patches", 21);
                }
        }
        CHECK_EQ(taken, 40);
        CHECK_EQ(refused, FLOOD - 40);
        play_close(&second);
        stage_close(&st);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* hostile.md has each act, with how it is answered, and none else. */
TEST(the_page_has_them_all)
{
        const char *src = getenv("CAPOS_SRCDIR");
        char path[4096], page[16384] = "", row[128];
        const char *line;
        unsigned rows = 0;
        FILE *from;

        (void)snprintf(path, sizeof(path), "%s/test/ui/hostile.md", src ? src : ".");
        from = fopen(path, "r");
        CHECK(from != NULL);
        CHECK(fread(page, 1, sizeof(page) - 1, from) > 0);
        (void)fclose(from);

        for (line = page; (line = strstr(line, "\n| `")); line++)
                rows++;
        CHECK_EQ(rows, ACTS);
        for (unsigned i = 0; i < ACTS; i++) {
                const char *answer = acts[i].refused[0] ? acts[i].refused : "taken";
                const char *end;

                (void)snprintf(row, sizeof(row), "\n| `%s` |", acts[i].name);
                line = strstr(page, row);
                if (!line)
                        test_fail(__FILE__, __LINE__, "no row for %s", acts[i].name);
                end = strchr(line + 1, '\n');
                (void)snprintf(row, sizeof(row), "| `%s` |\n", answer);
                if (!end || strncmp(end + 1 - strlen(row), row, strlen(row)) != 0)
                        test_fail(__FILE__, __LINE__, "%s: not answered with %s", acts[i].name,
                                  answer);
        }
}
