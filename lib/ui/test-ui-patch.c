/* Patches: what a pane may be, what goes with which kind, in which order a patch is judged, and
 * that it is taken whole or not at all. */
#include "test-ui.h"

#define SPEC "refused.spec: "

/* A spec of a list with these fields in place of the usual ones. */
static void spec(struct rig *g, const char *fields, const char *expected)
{
        char text[20000];

        (void)snprintf(text, sizeof(text), "(kind = list, modelSchema = %llu, %s)",
                       (unsigned long long)UI_LIST_ID, fields);
        rig_spec(g, text, expected);
}

static void hint(struct rig *g, const char *fields, const char *expected)
{
        char text[15000];

        (void)snprintf(text, sizeof(text),
                       "surfaceId = \"a\", title = \"t\", layout = "
                       "(%s)",
                       fields);
        spec(g, text, expected);
        rig_open(g, UI_SURFACE_KIND_LIST, "ordinary");
        (void)snprintf(text, sizeof(text),
                       "(kind = setLayoutHint, payload = (layout = "
                       "(%s)))",
                       fields);
        rig_patch(g, text, expected);
}

TEST(specs)
{
        struct rig g;

        rig_init(&g);
        spec(&g, "surfaceId = \"a\", title = \"t\"", NULL);
        spec(&g, "surfaceId = \"0123456789abcdef\", title = \"t\"", NULL);
        spec(&g, "surfaceId = \"0123456789abcdefg\", title = \"t\"", SPEC);
        spec(&g, "title = \"t\"", SPEC);
        spec(&g, "surfaceId = \"a\"", SPEC "title: empty");
        spec(&g, rig_long("surfaceId = \"a\", title = \"", 64, "\""), NULL);
        spec(&g, rig_long("surfaceId = \"a\", title = \"", 65, "\""),
             "refused.text: title: too long");
        spec(&g, "surfaceId = \"a\", title = \"a\u202eb\"", "refused.text: title: ");
        spec(&g, rig_long("surfaceId = \"a\", title = \"t\", summary = \"", 200, "\""), NULL);
        spec(&g, rig_long("surfaceId = \"a\", title = \"t\", summary = \"", 201, "\""),
             "refused.text: summary: too long");
        rig_spec(&g, "(surfaceId = \"a\", title = \"t\", kind = (11))", "refused.kind: ");
        spec(&g, "surfaceId = \"a\", title = \"t\", safetyClass = (4)", "refused.safety: ");
        rig_spec(&g, "(surfaceId = \"a\", title = \"t\", kind = log, modelSchema = 1)",
                 SPEC "modelSchema: ");
        rig_spec(&g, "(surfaceId = \"a\", title = \"t\", kind = list)", SPEC "modelSchema: ");
        for (unsigned k = 0; k <= UI_SURFACE_KIND_TRANSCRIPT; k++)
                rig_open(&g, (enum ui_surface_kind)k, "personal");
        rig_deinit(&g);
}

TEST(a_form_does_something)
{
        struct rig g;
        char text[200];

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_FORM, "ordinary");
        (void)snprintf(text, sizeof(text),
                       "(surfaceId = \"a\", title = \"t\", kind = form, modelSchema = %llu)",
                       (unsigned long long)UI_FORM_ID);
        rig_spec(&g, text, "refused.safety: ");
        rig_deinit(&g);
}

TEST(layout_hints)
{
        struct rig g;

        rig_init(&g);
        hint(&g, "place = bottom, weight = 12, minColumns = 200, minRows = 100, order = -7", NULL);
        hint(&g, "weight = 13", "refused.layout: ");
        hint(&g, "minColumns = 201", "refused.layout: ");
        hint(&g, "minRows = 101", "refused.layout: ");
        hint(&g, "place = (4)", "refused.layout: ");
        hint(&g, rig_long("tab = \"", 65, "\""), "refused.text: ");
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        rig_patch(&g, "(kind = setLayoutHint, payload = (layout = (weight = 3)))", NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_LAYOUT);
        CHECK_EQ(ui_layout_hint_weight(ui_pane_layout(g.pane)), 3);
        g.pane->pinned = true;
        rig_patch(&g,
                  "(kind = setLayoutHint, payload = (layout = (weight = "
                  "4)))",
                  "refused.pinned: ");
        rig_model(&g, "whole = (list = ())", NULL);
        rig_deinit(&g);
}

TEST(theme_hints)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (accent = grey, density = spacious, "
                  "scalePercent = 200, scheme = dark, contrast = more, motion = less)))",
                  NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_THEME);
        rig_patch(&g, "(kind = setThemeHint, payload = (theme = (scalePercent = 80)))", NULL);
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (scalePercent = "
                  "79)))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (scalePercent = "
                  "201)))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (accent = "
                  "(9))))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (density = "
                  "(4))))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (scheme = "
                  "(3))))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (contrast = "
                  "(2))))",
                  "refused.theme: ");
        rig_patch(&g,
                  "(kind = setThemeHint, payload = (theme = (motion = "
                  "(2))))",
                  "refused.theme: ");
        CHECK_EQ(ui_theme_hint_scale_percent(ui_pane_theme(g.pane)), 80);
        rig_deinit(&g);
}

TEST(hints_end_with_their_time)
{
        struct rig g;
        char text[200];

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        (void)snprintf(text, sizeof(text),
                       "(kind = setLayoutHint, payload = (layout = (weight = 3)), expiresAtMs = "
                       "%llu)",
                       (unsigned long long)g.now_ms + 5000);
        rig_patch(&g, text, NULL);
        (void)snprintf(text, sizeof(text),
                       "(kind = setThemeHint, payload = (theme = (simple = true, expiresAtMs = "
                       "%llu)))",
                       (unsigned long long)g.now_ms + 9000);
        rig_patch(&g, text, NULL);
        CHECK_EQ(ui_pane_next_ms(g.pane), g.now_ms - 2000 + 5000);
        CHECK_EQ(ui_pane_tick(g.pane, g.now_ms - 2000 + 4999), 0);
        CHECK_EQ(ui_pane_tick(g.pane, g.now_ms - 2000 + 5000), UI_CHANGED_LAYOUT);
        CHECK_EQ(ui_layout_hint_weight(ui_pane_layout(g.pane)), 0);
        CHECK(ui_theme_hint_simple(ui_pane_theme(g.pane)));
        CHECK_EQ(ui_pane_tick(g.pane, g.now_ms + 8000), UI_CHANGED_THEME);
        CHECK_EQ(ui_pane_next_ms(g.pane), 0);
        CHECK_EQ(g.pane->account.bytes, ui_pane_bytes(g.pane));
        /* One that came too late is none. */
        rig_patch(&g,
                  "(kind = updateModel, payload = (model = (whole = (list = ()))), "
                  "expiresAtMs = 1000)",
                  "refused.expired: ");
        rig_patch(&g, "(kind = setThemeHint, payload = (theme = (expiresAtMs = 1000)))",
                  "refused.expired: ");
        rig_deinit(&g);
}

TEST(what_goes_with_what)
{
        static const char *const payloads[] = {"(none = void)",
                                               "(spec = ())",
                                               "(model = (whole = "
                                               "(list = ())))",
                                               "(layout = ())",
                                               "(theme = ())",
                                               "(command = (id = "
                                               "\"a\", title = \"A\"))",
                                               "(commandId = \"a\")"};
        /* The payload of each kind of patch. */
        static const unsigned fits[] = {1, 0, 2, 3, 4, 5, 6};
        struct rig g;
        char text[200];

        rig_init(&g);
        for (unsigned kind = 0; kind <= 7; kind++) {
                for (unsigned p = 0; p < 7; p++) {
                        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
                        rig_patch(&g,
                                  "(kind = addCommand, payload = (command = (id = \"a\", "
                                  "title = \"A\")))",
                                  NULL);
                        (void)snprintf(text, sizeof(text),
                                       "(kind = (%u), payload = "
                                       "%s)",
                                       kind, payloads[p]);
                        if (kind < 7 && fits[kind] == p)
                                rig_patch(&g, text, kind ? NULL : SPEC);
                        else
                                rig_patch(&g, text, "refused.kind: ");
                }
        }
        /* Whose surface it is need not be said, but not wrongly. */
        rig_patch(&g,
                  "(kind = updateModel, surfaceId = \"p\", payload = (model = (whole = (list "
                  "= ()))))",
                  NULL);
        rig_patch(&g,
                  "(kind = updateModel, surfaceId = \"q\", payload = (model = (whole = (list "
                  "= ()))))",
                  SPEC);
        rig_deinit(&g);
}

static void anew(struct rig *g, const char *fields, const char *expected)
{
        char text[300];

        (void)snprintf(text, sizeof(text),
                       "(kind = openSurface, payload = (spec = (modelSchema = %llu, %s)))",
                       (unsigned long long)UI_LIST_ID, fields);
        rig_patch(g, text, expected);
}

TEST(a_pane_says_itself_anew)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        anew(&g, "surfaceId = \"p\", title = \"New\", kind = list, safetyClass = ordinary", NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_SPEC);
        CHECK_STR(ui_surface_spec_title(ui_pane_spec(g.pane)).p, "New");
        anew(&g, "surfaceId = \"q\", title = \"New\", kind = list, safetyClass = ordinary", SPEC);
        anew(&g, "surfaceId = \"p\", title = \"New\", kind = log, safetyClass = ordinary", SPEC);
        anew(&g, "surfaceId = \"p\", title = \"New\", kind = list, safetyClass = consequential",
             "refused.safety: ");
        rig_patch(&g, "(kind = closeSurface)", NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_CLOSED);
        rig_deinit(&g);
}

static void add(struct rig *g, const char *fields, const char *expected)
{
        char text[20000];

        (void)snprintf(text, sizeof(text),
                       "(kind = addCommand, payload = (command = "
                       "(%s)))",
                       fields);
        rig_patch(g, text, expected);
}

TEST(commands)
{
        struct rig g;
        char text[10200];

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        add(&g, "id = \"a\", title = \"A\"", NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_COMMANDS);
        add(&g, "id = \"b\", title = \"B\", run = (call = (interfaceId = 7))", NULL);
        add(&g, "id = \"a\", title = \"Anew\"", NULL);
        CHECK_EQ(g.pane->ncommands, 2);
        CHECK_STR(command_title(ui_pane_command(g.pane, 0)).p, "Anew");
        CHECK_EQ(ui_pane_find_command(g.pane, capnp_text_of("b")), 1);
        rig_patch(&g, "(kind = removeCommand, payload = (commandId = \"a\"))", NULL);
        CHECK_EQ(ui_pane_find_command(g.pane, capnp_text_of("b")), 0);
        rig_patch(&g, "(kind = removeCommand, payload = (commandId = \"a\"))", "refused.command: ");
        rig_patch(&g, "(kind = removeCommand, payload = (commandId = \"\"))", "refused.text: ");
        add(&g, "id = \"no\", title = \"A\"", "refused.target: ");
        add(&g, "id = \"A\", title = \"A\"", "refused.text: ");
        add(&g, "id = \"a\"", "refused.text: payload.command.title: empty");
        add(&g, "id = \"a\", title = \"A\", effect = (4)", "refused.command: ");
        add(&g,
            "id = \"a\", title = \"A\", fields = [(path = \"x\"), (path = "
            "\"x\")]",
            "refused.command: ");
        add(&g,
            "id = \"a\", title = \"A\", fields = [(path = \"x\", kind = "
            "(8))]",
            "refused.command: ");
        add(&g, "id = \"a\", title = \"A\", fields = [(path = \"a.b.c.d.e\")]", "refused.text: ");
        add(&g,
            "id = \"a\", title = \"A\", run = (call = (constants = [(path = \"x\", value = "
            "(number = nan))]))",
            "refused.command: ");
        add(&g, rig_long("id = \"a\", title = \"", 48, "\""), NULL);
        add(&g, rig_long("id = \"a\", title = \"", 49, "\""), "refused.text: ");
        add(&g, rig_long("id = \"a\", title = \"A\", summary = \"", 160, "\""), NULL);
        add(&g, rig_long("id = \"a\", title = \"A\", summary = \"", 161, "\""), "refused.text: ");
        for (unsigned i = 0; i < 62; i++) {
                (void)snprintf(text, sizeof(text), "id = \"c%u\", title = \"C\"", i);
                add(&g, text, NULL);
        }
        CHECK_EQ(g.pane->ncommands, 64);
        add(&g, "id = \"c64\", title = \"C\"", "over-quota.ui-commands: ");
        add(&g, "id = \"c0\", title = \"D\"", NULL);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ambient");
        add(&g, "id = \"a\", title = \"A\"", "refused.safety: ");
        rig_deinit(&g);
}

/* Each row is wrong in two ways, and told of the first. */
TEST(the_first_fault_is_told)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        rig_patch(&g,
                  "(kind = updateModel, payload = (layout = (tab = \"\u202e\")), expiresAtMs "
                  "= 1)",
                  "refused.expired: ");
        rig_patch(&g,
                  "(kind = updateModel, payload = (layout = (tab = "
                  "\"\u202e\")))",
                  "refused.text: ");
        rig_patch(&g, "(kind = updateModel, payload = (layout = (weight = 77)))", "refused.kind: ");
        rig_model(&g, "base = 7, rows = [(key = \"a\"), (key = \"a\")]", "refused.kind: ");
        rig_model(&g, "base = 7, items = [(key = \"a\"), (key = \"a\")]", "refused.revision: ");
        g.ledger.limits.surface_bytes = 1;
        rig_model(&g, "base = 0, items = [(key = \"a\"), (key = \"a\")]", "refused.model: ");
        rig_model(&g, "base = 0, items = [(key = \"a\")]", "over-quota.ui-bytes: ");
        g.ledger.patches.tokens = 0;
        g.ledger.limits.patches_per_second = 0;
        rig_patch(&g,
                  "(kind = updateModel, payload = (layout = (tab = \"\u202e\")), expiresAtMs "
                  "= 1)",
                  "over-quota.ui-patches: ");
        rig_deinit(&g);
}

/* In the last millisecond, and after it. */
TEST(a_patch_has_its_time)
{
        char text[200];
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        for (unsigned late = 0; late < 2; late++) {
                (void)snprintf(text, sizeof(text),
                               "(kind = setLayoutHint, payload = (layout = ()), expiresAtMs = "
                               "%llu)",
                               (unsigned long long)(g.now_ms + 1000 + !late));
                rig_patch(&g, text, late ? "refused.expired: " : NULL);
        }
        rig_deinit(&g);
}

TEST(quotas_of_a_patch)
{
        struct rig g;
        char *items;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        /* An item of a key of 1 to 3 bytes is 7 words. */
        rig_many(&g, "base = %B, items = [",
                 "(key = \"%u\", detail = \"123456789 123456789 "
                 "123456789\")",
                 700, "]", NULL);
        rig_many(&g, "base = %B, items = [",
                 "(key = \"%u\", detail = \"123456789 123456789 "
                 "123456789\")",
                 800, "]", "over-quota.ui-patch: ");
        g.ledger.limits.bytes_per_second = 0;
        rig_model(&g, "base = 0", "over-quota.ui-traffic: ");
        rig_deinit(&g);

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LOG, "ordinary");
        rig_model(&g, "whole = (log = (keep = 5000))", NULL);
        /* 60 lines of 1,000 bytes a patch, until a surface has its million. */
        items = malloc(80000);
        CHECK(items);
        for (unsigned i = 1; i < 20; i++) {
                char *at = items + snprintf(items, 40, "base = %%B, lines = [");

                for (unsigned k = 0; k < 60; k++)
                        at += snprintf(at, 1100, "%s(sequence = %u, text = \"%s\")", k ? ", " : "",
                                       i * 100 + k, rig_bytes(1000));
                (void)snprintf(at, 10, "]");
                rig_model(&g, items,
                          i < 17 ? NULL
                                 : "over-quota.ui-bytes: more than 1048576 "
                                   "bytes of a surface");
                g.now_ms += 10000;
        }
        CHECK(g.pane->account.bytes <= 1048576);
        free(items);
        rig_deinit(&g);
}

/* To the byte: up to the least bound that takes it, it is refused. */
TEST(a_patch_is_as_long_as_it_may_be)
{
        uint32_t most = 0;
        ui_patch_reader patch;
        capnp_msg *m = NULL;
        struct rig g;
        int r = 1;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LOG, "ordinary");
        patch = (ui_patch_reader){
                rig_read(&g, UI_PATCH_ID,
                         "(kind = updateModel, payload = (model = (whole = (log = (lines = "
                         "[(sequence = 1, text = \"a\")])))))",
                         &m)};
        while (r && most < 2000) {
                struct ui_change change = {0};

                g.ledger.limits.patch_bytes = ++most;
                g.now_ms += 1000;
                r = ui_patch_apply(g.pane, patch, &rig_ops, g.now_ms, &change, &g.why);
                if (r)
                        rig_expect(&g, r, "over-quota.ui-patch: ", "a patch");
                else
                        ui_change_deinit(&change);
        }
        CHECK_OK(r);
        CHECK(most > 8); /* it was refused before */
        capnp_msg_free(m);
        rig_deinit(&g);
}

TEST(surfaces_are_counted)
{
        struct rig g;
        struct ui_pane *panes[17] = {0};
        capnp_msg *m;
        char text[200];
        ui_surface_spec_reader s;

        rig_init(&g);
        (void)snprintf(text, sizeof(text),
                       "(surfaceId = \"a\", title = \"t\", kind = list, "
                       "modelSchema = %llu)",
                       (unsigned long long)UI_LIST_ID);
        s = (ui_surface_spec_reader){rig_read(&g, UI_SURFACE_SPEC_ID, text, &m)};
        for (int i = 0; i < 16; i++)
                CHECK_OK(ui_pane_new(&g.ledger, s, g.now_ms, &panes[i], &g.why));
        rig_expect(&g, ui_pane_new(&g.ledger, s, g.now_ms, &panes[16], &g.why),
                   "over-quota.ui-surfaces: ", "seventeen");
        ui_pane_free(panes[3]);
        CHECK_OK(ui_pane_new(&g.ledger, s, g.now_ms, &panes[3], &g.why));
        /* Opening is paced, too: 18 of 40 are used. */
        for (int i = 0; i < 22; i++)
                CHECK_EQ(ui_pane_new(&g.ledger, s, g.now_ms, &panes[16], &g.why),
                         CAPNP_E_EXCEPTION);
        rig_expect(&g, ui_pane_new(&g.ledger, s, g.now_ms, &panes[16], &g.why),
                   "over-quota.ui-patches: ", "forty-one");
        for (int i = 0; i < 16; i++)
                ui_pane_free(panes[i]);
        capnp_msg_free(m);
        rig_deinit(&g);
}

/* A message that says one text a thousand times is as long as what it comes to. */
TEST(a_short_message_may_be_a_long_patch)
{
        struct rig g;
        capnp_msg *m, *received;
        void *bytes;
        size_t len;
        capnp_builder item;
        capnp_lbuilder items;
        ui_patch_builder patch;
        ui_model_patch_builder model;
        struct ui_change change;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        CHECK_OK(capnp_msg_new(&m));
        patch = ui_patch_build(m);
        ui_patch_set_kind(patch, UI_PATCH_KIND_UPDATE_MODEL);
        model = ui_patch_payload_init_model(ui_patch_init_payload(patch));
        items = ui_model_patch_init_items(model, 600).l;
        for (uint32_t i = 0; i < 600; i++) {
                char key[8];
                uint64_t *slot;

                (void)snprintf(key, sizeof(key), "%u", i);
                item = capnp_lbuilder_struct(items, i);
                capnp_builder_set_text(item, 0, key);
                if (i == 0) {
                        capnp_builder_set_text(item, 2, rig_bytes(200));
                        continue;
                }
                /* The same text: a pointer from here to where the first one's leads. */
                slot = capnp_builder_any(item, 2).p;
                *slot = *capnp_builder_any(capnp_lbuilder_struct(items, 0), 2).p -
                        ((uint64_t)(slot - capnp_builder_any(capnp_lbuilder_struct(items, 0), 2).p)
                         << 2);
        }
        len = capnp_msg_size(m);
        CHECK(len < 65536);
        bytes = aligned_alloc(8, len);
        CHECK(bytes);
        CHECK_OK(capnp_msg_write(m, bytes, len));
        CHECK_OK(capnp_msg_parse(bytes, len, NULL, &received));
        g.now_ms += 1000;
        rig_expect(&g,
                   ui_patch_apply(g.pane, ui_patch_root(received), &rig_ops, g.now_ms, &change,
                                  &g.why),
                   "over-quota.ui-patch: ", "600 times 200 bytes");
        capnp_msg_free(received);
        capnp_msg_free(m);
        free(bytes);
        rig_deinit(&g);
}

TEST(a_bad_message_is_refused)
{
        static const uint64_t words[] = {
                (uint64_t)4 << 32,                    /* one segment of 4 words */
                (uint64_t)0x10001 << 32 | 0,          /* root: a word and a pointer */
                0x02,                                 /* kind: updateModel */
                0x7ffffffc | (uint64_t)0x10001 << 32, /* payload: far outside */
                0,
        };
        struct rig g;
        capnp_msg *m;
        struct ui_change change;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        CHECK_OK(capnp_msg_parse(words, sizeof(words), NULL, &m));
        g.now_ms += 1000;
        rig_expect(&g,
                   ui_patch_apply(g.pane, ui_patch_root(m), &rig_ops, g.now_ms, &change, &g.why),
                   "refused.model: not a message", "a bad pointer");
        capnp_msg_free(m);
        rig_deinit(&g);
}

/* A form's complaints of a newer contract, whose further pointer leads nowhere: it is not looked
 * at. */
TEST(what_is_not_known_is_not_followed)
{
        struct rig g;
        capnp_msg *m, *received;
        capnp_lbuilder all;
        ui_patch_builder patch;
        ui_model_patch_builder model;
        struct ui_change change = {0};
        size_t len;
        void *bytes;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_FORM, "ordinary");
        rig_model(&g, "whole = (form = (fields = [(path = \"a\")]))", NULL);
        CHECK_OK(capnp_msg_new(&m));
        patch = ui_patch_build(m);
        ui_patch_set_kind(patch, UI_PATCH_KIND_UPDATE_MODEL);
        model = ui_patch_payload_init_model(ui_patch_init_payload(patch));
        ui_model_patch_set_base(model, 1);
        all = capnp_abuilder_init_structs(capnp_builder_any(ui_model_patch_init_form(model).b, 2),
                                          1, 0, 3);
        capnp_abuilder_set_text(capnp_lbuilder_any(all, 0), capnp_text_of("a"));
        capnp_builder_any(capnp_lbuilder_struct(all, 0), 2).p[0] = UINT64_C(0x000100017ffffffc);
        len = capnp_msg_size(m);
        bytes = aligned_alloc(8, len);
        CHECK(bytes);
        CHECK_OK(capnp_msg_write(m, bytes, len));
        CHECK_OK(capnp_msg_parse(bytes, len, NULL, &received));
        g.now_ms += 1000;
        rig_expect(&g,
                   ui_patch_apply(g.pane, ui_patch_root(received), &rig_ops, g.now_ms, &change,
                                  &g.why),
                   NULL, "a pointer more");
        CHECK_OK(capnp_msg_check(received));
        ui_change_deinit(&change);
        capnp_msg_free(received);
        capnp_msg_free(m);
        free(bytes);
        rig_deinit(&g);
}

/* ---- memory ---- */

static const char *const steps[] = {
        "(kind = addCommand, payload = (command = (id = \"a\", title = \"A\")))",
        "(kind = setLayoutHint, payload = (layout = (weight = 2)))",
        "(kind = setThemeHint, payload = (theme = (simple = true)))",
        "(kind = removeCommand, payload = (commandId = \"a\"))",
};

/* One patch with every allocation of it failing in turn: then the pane is as it was. */
static void torture_patch(struct rig *g, const char *text)
{
        capnp_msg *m;
        ui_patch_reader patch = {rig_read(g, UI_PATCH_ID, text, &m)};

        for (unsigned n = 1;; n++) {
                struct ui_model *model = g->pane->model;
                uint64_t revision = g->pane->revision, bytes = g->pane->account.bytes;
                struct ui_change change = {0};
                int r;

                g->now_ms += 1000;
                test_fail_alloc_at(n);
                r = ui_patch_apply(g->pane, patch, &rig_ops, g->now_ms, &change, &g->why);
                test_fail_alloc_at(0);
                if (!r) {
                        CHECK(n > 1 || strstr(text, "removeCommand"));
                        ui_change_deinit(&change);
                        break;
                }
                CHECK_EQ(r, -12);
                CHECK(g->pane->model == model);
                CHECK_EQ(g->pane->revision, revision);
                CHECK_EQ(g->pane->account.bytes, bytes);
                CHECK_EQ(ui_pane_bytes(g->pane), bytes);
                CHECK(ui_model_is_sound(model));
        }
        capnp_msg_free(m);
}

static void torture_model(struct rig *g, enum ui_surface_kind kind, const char *whole,
                          const char *delta)
{
        char text[600];

        rig_open(g, kind, "ordinary");
        (void)snprintf(text, sizeof(text),
                       "(kind = updateModel, payload = (model = (whole = "
                       "%s)))",
                       whole);
        torture_patch(g, text);
        if (!delta)
                return;

        (void)snprintf(text, sizeof(text),
                       "(kind = updateModel, payload = (model = (base = 1, "
                       "%s)))",
                       delta);
        torture_patch(g, text);
}

TEST(memory_may_end_anywhere)
{
        struct rig g;

        rig_init(&g);
        torture_model(&g, UI_SURFACE_KIND_TEXT, "(text = (paragraphs = [()]))", NULL);
        torture_model(&g, UI_SURFACE_KIND_LOG, "(log = (keep = 1, lines = [()]))",
                      "lines = "
                      "[(sequence = 2), (sequence = 3)]");
        torture_model(&g, UI_SURFACE_KIND_LIST, "(list = (items = [(key = \"a\"), (key = \"b\")]))",
                      "remove = [\"a\"], items = [(key = \"b\"), (key = \"a\")]");
        torture_model(&g, UI_SURFACE_KIND_TREE,
                      "(tree = (nodes = [(key = \"a\"), (key = \"b\", "
                      "parent = \"a\")]))",
                      "remove = [\"a\"], nodes = [(key = \"c\")]");
        torture_model(&g, UI_SURFACE_KIND_CHART,
                      "(chart = (series = [(key = \"a\", x = [1], y = "
                      "[1])]))",
                      "points = [(key = \"a\", x = [2], y = [2]), (key = \"b\")]");
        torture_model(&g, UI_SURFACE_KIND_FORM, "(form = (fields = [(path = \"a\")]))",
                      "form = (values = [(path = \"a\", value = (text = \"x\"))])");
        torture_model(&g, UI_SURFACE_KIND_MAP,
                      "(map = (width = 1, height = 1, tiles = [()], "
                      "cells = [0]))",
                      "map = (cells = [(x = 0, y = 0)], markers = [(key = \"a\")])");
        torture_model(&g, UI_SURFACE_KIND_TRANSCRIPT, "(transcript = ())", "unread = 3");
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
                torture_patch(&g, steps[i]);
        rig_deinit(&g);
}

TORTURE(opening_a_pane)
{
        struct ui_sum sum;
        struct ui_ledger ledger;
        struct ui_pane *p = NULL;
        struct ui_refused why;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        ui_surface_spec_builder b;
        int r;

        TORTURE_OK(capnp_msg_new(&m));
        b = ui_surface_spec_build(m);
        ui_surface_spec_set_surface_id(b, (capnp_data){(const uint8_t *)"a", 1});
        ui_surface_spec_set_title(b, "A");
        ui_surface_spec_set_model_schema(b, UI_TEXT_ID);
        TORTURE_OK(capnp_msg_check(m));
        ui_sum_init(&sum, 1, 10000);
        ui_ledger_init(&ledger, &sum, NULL, 0);
        r = ui_pane_new(&ledger, ui_surface_spec_as_reader(b), 0, &p, &why);
        ui_pane_free(p);
        CHECK(ui_ledger_is_zero(&ledger));
        TORTURE_OK(r);
}
