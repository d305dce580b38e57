/*
 * Models: every kind at its limits and one past them, with the code it is refused by, and what each
 * kind's changes do. Patches are written as text; `%B` in them is the revision there is.
 */
#include "test-ui.h"

#include <math.h>

#define MODEL "refused.model: "
#define TEXT  "refused.text: "
#define KIND  "refused.kind: "

/* The keys of all elements, with commas. */
static const char *keys(const struct rig *g)
{
        static char text[512];
        size_t at = 0;

        text[0] = '\0';
        for (uint32_t i = 0; i < g->pane->model->n && at < sizeof(text); i++)
                at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "," : "",
                                       capnp_reader_text(ui_model_element(g->pane->model, i), 0).p);
        return text;
}

static capnp_reader element(const struct rig *g, const char *key)
{
        uint32_t i = ui_model_find(g->pane->model, capnp_text_of(key));

        CHECK(i != UINT32_MAX);
        return ui_model_element(g->pane->model, i);
}

TEST(text)
{
        struct rig g;
        char text[9000];

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_TEXT, "ambient");
        rig_model(&g,
                  "whole = (text = (paragraphs = [(style = heading, runs = [(text = \"Hello\", "
                  "strong = true)])]))",
                  NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_WHOLE);
        rig_many(&g, "whole = (text = (paragraphs = [", "()", 256, "]))", NULL);
        rig_many(&g, "whole = (text = (paragraphs = [", "()", 257, "]))", MODEL);
        rig_many(&g, "whole = (text = (paragraphs = [(runs = [", "()", 64, "])]))", NULL);
        rig_many(&g, "whole = (text = (paragraphs = [(runs = [", "()", 65, "])]))", MODEL);
        (void)snprintf(
                text, sizeof(text),
                "whole = (text = (paragraphs = [(runs = [(text = \"%s\"), (text = \"a\")])]))",
                rig_bytes(4095));
        rig_model(&g, text, NULL);
        (void)snprintf(
                text, sizeof(text),
                "whole = (text = (paragraphs = [(runs = [(text = \"%s\"), (text = \"a\")])]))",
                rig_bytes(4096));
        rig_model(&g, text, TEXT "paragraphs[0]: too long");
        rig_model(&g,
                  rig_long("whole = (text = (paragraphs = [(runs = [(text = \"", 4097, "\")])]))"),
                  TEXT "payload.model.whole.text.paragraphs[0].runs[0].text: too long");
        /* It has no change of its own, and no keys. */
        rig_model(&g, "base = %B, items = []", KIND);
        rig_model(&g, "whole = (log = ())", KIND);
        rig_model(&g, "remove = [\"a\"], whole = (text = ())", MODEL);
        rig_deinit(&g);
}

TEST(log_lines)
{
        struct rig g;
        const struct ui_model *m;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LOG, "ambient");
        rig_model(&g,
                  "base = %B, lines = [(sequence = 1, text = \"a\"), (sequence = 5, text = \"b\")]",
                  NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_MODEL);
        CHECK_EQ(g.change.appended, 2);
        CHECK_EQ(g.change.dropped, 0);
        rig_model(&g, "base = %B, lines = [(sequence = 5)]", MODEL);
        rig_model(&g, "base = %B, lines = [(sequence = 8), (sequence = 7)]", MODEL);
        rig_model(&g, "base = %B, remove = [\"a\"], lines = []", MODEL);

        /* keep: older lines go. */
        rig_model(&g,
                  "whole = (log = (keep = 3, lines = [(sequence = 1), (sequence = 2), (sequence = "
                  "3), (sequence = 4)]))",
                  NULL);
        CHECK_EQ(g.pane->model->n, 3);
        rig_model(&g, "base = %B, lines = [(sequence = 5), (sequence = 6)]", NULL);
        CHECK_EQ(g.change.dropped, 2);
        CHECK_EQ(g.change.appended, 2);
        m = g.pane->model;
        CHECK_EQ(ui_log_line_sequence((ui_log_line_reader){ui_model_element(m, 0)}), 4);
        CHECK_EQ(ui_log_line_sequence((ui_log_line_reader){ui_model_element(m, 2)}), 6);
        rig_many(&g, "base = %B, lines = [(sequence = 7), ", "(sequence = 1%u)", 5, "]", NULL);
        CHECK_EQ(g.change.dropped, 3);
        CHECK_EQ(g.change.appended, 3);
        m = g.pane->model;
        CHECK_EQ(ui_log_line_sequence((ui_log_line_reader){ui_model_element(m, 0)}), 12);

        rig_model(&g, "whole = (log = (keep = 5000))", NULL);
        rig_model(&g, "whole = (log = (keep = 5001))", MODEL);
        rig_model(&g, "whole = (log = (keep = 0))", MODEL);
        rig_many(&g, "whole = (log = (lines = [(sequence = 1, attributes = [",
                 "(name = \"n\", value = (int = %u))", 8, "])]))", NULL);
        rig_many(&g, "whole = (log = (lines = [(sequence = 1, attributes = [",
                 "(name = \"n\", value = (int = %u))", 9, "])]))", MODEL);
        rig_model(&g,
                  "whole = (log = (lines = [(sequence = 1, attributes = [(value = (number = "
                  "nan))])]))",
                  MODEL "whole.log.lines[0].attributes[0].value.number: not a number");
        rig_deinit(&g);
}

/* As many as there may be are more than a patch may bring: they come in parts, and the first ones
 * go. */
static void keeps(enum ui_surface_kind kind, const char *whole, const char *delta, uint32_t most)
{
        enum { PART = 500 };
        struct rig g;

        rig_init(&g);
        rig_open(&g, kind, "ambient");
        rig_model(&g, whole, NULL);
        for (unsigned i = 1; i <= most / PART + 1; i++) {
                char *lines = malloc(40 * PART), *at = lines;

                CHECK(lines);
                at += snprintf(at, 40, "base = %%B, %s = [", delta);
                for (unsigned k = 0; k < PART; k++)
                        at += snprintf(at, 40, "%s(sequence = %u)", k ? ", " : "", i * PART + k);
                (void)snprintf(at, 40, "]");
                rig_model(&g, lines, NULL);
                CHECK_EQ(g.pane->model->n, i * PART < most ? i * PART : most);
                CHECK_EQ(g.change.dropped, i * PART > most ? PART : 0);
                free(lines);
                g.now_ms += 1000;
        }
        rig_deinit(&g);
}

TEST(what_grows_keeps_no_more_than_it_says)
{
        keeps(UI_SURFACE_KIND_LOG, "whole = (log = (keep = 5000))", "lines", 5000);
        keeps(UI_SURFACE_KIND_TRANSCRIPT, "whole = (transcript = (keep = 2000))", "messages", 2000);
}

TEST(list)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        rig_model(
                &g,
                "whole = (list = (selectable = one, items = [(key = \"a\"), (key = \"b\"), (key = "
                "\"c\")]))",
                NULL);
        CHECK_STR(keys(&g), "a,b,c");
        rig_model(&g, "base = %B, items = [(key = \"b\", title = \"B\"), (key = \"d\")]", NULL);
        CHECK_STR(keys(&g), "a,b,c,d");
        CHECK_EQ(g.change.nreplaced, 1);
        CHECK_EQ(g.change.replaced[0], 1);
        CHECK_EQ(g.change.appended, 1);
        CHECK(!g.change.head);
        CHECK_STR(ui_item_title((ui_item_reader){element(&g, "b")}).p, "B");
        /* An element that stayed is the same block, not a copy. */
        CHECK(g.pane->model->elements[0] == g.change.before->elements[0]);

        rig_model(&g, "base = %B, remove = [\"a\", \"x\", \"c\"], items = []", NULL);
        CHECK_STR(keys(&g), "b,d");
        CHECK_EQ(g.change.nremoved, 2);
        CHECK_EQ(g.change.removed[0], 0);
        CHECK_EQ(g.change.removed[1], 2);
        /* A key that goes and comes is at the end, and is what came. */
        rig_model(&g, "base = %B, remove = [\"b\"], items = [(key = \"b\", title = \"new\")]",
                  NULL);
        CHECK_STR(keys(&g), "d,b");
        CHECK_STR(ui_item_title((ui_item_reader){element(&g, "b")}).p, "new");
        rig_model(&g, "base = %B, items = [(key = \"x\"), (key = \"x\")]", MODEL);
        rig_model(&g, "base = %B, items = [(key = \"b\"), (key = \"b\")]", MODEL);
        rig_model(&g, "base = %B, remove = [\"b\"], items = [(key = \"b\"), (key = \"b\")]", MODEL);
        rig_model(&g, "whole = (list = (items = [(key = \"x\"), (key = \"x\")]))", MODEL);
        rig_model(&g, "base = %B, items = [()]", TEXT);
        CHECK_STR(keys(&g), "d,b");
        rig_model(&g, "base = %B, rows = []", KIND);

        rig_many(&g, "whole = (list = (items = [", "(key = \"%u\")", 1000, "]))", NULL);
        rig_model(&g, "base = %B, items = [(key = \"1000\")]", MODEL "more than 1000");
        rig_model(&g, "base = %B, remove = [\"7\"], items = [(key = \"1000\")]", NULL);
        rig_many(&g, "whole = (list = (items = [", "(key = \"%u\")", 1001, "]))", MODEL);
        rig_many(&g, "whole = (list = (items = [(key = \"a\", commands = [", "\"c%u\"", 64, "])]))",
                 NULL);
        rig_many(&g, "whole = (list = (items = [(key = \"a\", commands = [", "\"c%u\"", 65, "])]))",
                 MODEL);
        rig_model(&g, "whole = (list = (items = [(key = \"a\", badge = \"123456789012\")]))", NULL);
        rig_model(&g, "whole = (list = (items = [(key = \"a\", badge = \"1234567890123\")]))",
                  TEXT);
        rig_model(&g, "whole = (list = (items = [(key = \"a\", commands = [\"A\"])]))", TEXT);
        rig_deinit(&g);
}

TEST(a_delta_says_what_it_changes)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LIST, "ordinary");
        rig_model(&g, "base = 0, items = [(key = \"a\")]", NULL);
        rig_model(&g, "base = 0, items = [(key = \"b\")]", "refused.revision: this is revision 1");
        rig_model(&g, "base = 2, items = [(key = \"b\")]", "refused.revision: ");
        rig_model(&g, "base = 1, items = [(key = \"b\")]", NULL);
        /* The whole needs none. */
        rig_model(&g, "base = 77, whole = (list = ())", NULL);
        CHECK_EQ(g.pane->revision, 3);
        CHECK_EQ(g.pane->model->n, 0);
        rig_deinit(&g);
}

TEST(table)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_TABLE, "ordinary");
        rig_model(&g,
                  "whole = (table = (columns = [(key = \"n\"), (key = \"s\", unit = bytes, numeric "
                  "= true)], "
                  "rows = [(key = \"a\", cells = [(text = \"x\"), (uint = 7)])]))",
                  NULL);
        rig_model(&g, "base = %B, rows = [(key = \"b\", cells = [(none = void), (number = 1.5)])]",
                  NULL);
        CHECK_STR(keys(&g), "a,b");
        rig_model(&g, "base = %B, rows = [(key = \"c\", cells = [(text = \"x\")])]",
                  MODEL "rows[2].cells: ");
        rig_model(
                &g,
                "base = %B, rows = [(key = \"c\", cells = [(text = \"x\"), (int = 1), (int = 2)])]",
                MODEL);
        rig_model(&g, "base = %B, rows = [(key = \"c\", cells = [(text = \"x\"), (number = nan)])]",
                  MODEL);
        rig_model(&g, "base = %B, rows = [(key = \"c\", cells = [(text = \"x\"), (number = inf)])]",
                  MODEL);
        rig_model(&g,
                  "base = %B, remove = [\"a\"], rows = [(key = \"a\", cells = [(flag = true), (int "
                  "= -1)])]",
                  NULL);
        CHECK_STR(keys(&g), "b,a");
        rig_model(&g, "whole = (table = (columns = [(key = \"n\"), (key = \"n\")]))", MODEL);
        rig_many(&g, "whole = (table = (columns = [", "(key = \"%u\")", 24, "]))", NULL);
        rig_many(&g, "whole = (table = (columns = [", "(key = \"%u\")", 25, "]))", MODEL);
        rig_many(&g, "whole = (table = (rows = [", "(key = \"%u\")", 1300, "]))", NULL);
        rig_many(&g, "base = %B, rows = [", "(key = \"x%u\")", 700, "]", NULL);
        CHECK_EQ(g.pane->model->n, 2000);
        rig_model(&g, "base = %B, rows = [(key = \"y\")]", MODEL "more than 2000");
        rig_model(&g, "base = %B, remove = [\"5\"], rows = [(key = \"y\")]", NULL);
        rig_deinit(&g);
}

TEST(tree)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_TREE, "ordinary");
        rig_model(&g,
                  "whole = (tree = (nodes = [(key = \"a\"), (key = \"b\", parent = \"a\"), "
                  "(key = \"c\", parent = \"b\"), (key = \"d\"), (key = \"e\", parent = \"d\")]))",
                  NULL);
        rig_model(&g, "base = %B, nodes = [(key = \"x\", parent = \"none\")]", MODEL);
        rig_model(&g, "base = %B, nodes = [(key = \"x\", parent = \"x\")]", MODEL);
        /* A parent comes before its children, also when it becomes one. */
        rig_model(&g, "base = %B, nodes = [(key = \"a\", parent = \"e\")]", MODEL);
        rig_model(&g, "base = %B, nodes = [(key = \"e\", parent = \"c\")]", NULL);
        CHECK_STR(keys(&g), "a,b,c,d,e");
        /* All below goes along. */
        rig_model(&g, "base = %B, remove = [\"b\"], nodes = []", NULL);
        CHECK_STR(keys(&g), "a,d");
        CHECK_EQ(g.change.nremoved, 3);
        /* … also when the parent comes again. */
        rig_model(
                &g,
                "base = %B, nodes = [(key = \"f\", parent = \"a\"), (key = \"g\", parent = \"f\")]",
                NULL);
        rig_model(&g, "base = %B, remove = [\"f\"], nodes = [(key = \"f\", parent = \"d\")]", NULL);
        CHECK_STR(keys(&g), "a,d,f");
        /* A child of what goes, in the same patch. */
        rig_model(&g, "base = %B, remove = [\"a\"], nodes = [(key = \"h\", parent = \"a\")]",
                  MODEL);
        rig_model(&g, "whole = (tree = (nodes = [(key = \"b\", parent = \"a\"), (key = \"a\")]))",
                  MODEL);

        rig_many(&g,
                 "whole = (tree = (nodes = [(key = \"0\"), (key = \"1\", parent = \"0\"), (key = "
                 "\"2\", parent = \"1\"), "
                 "(key = \"3\", parent = \"2\"), (key = \"4\", parent = \"3\"), (key = \"5\", "
                 "parent = \"4\"), "
                 "(key = \"6\", parent = \"5\"), (key = \"7\", parent = \"6\"), (key = \"8\", "
                 "parent = \"7\"), "
                 "(key = \"9\", parent = \"8\"), (key = \"10\", parent = \"9\"), ",
                 "(key = \"11\", parent = \"10\")", 1, "]))", NULL);
        rig_model(&g, "base = %B, nodes = [(key = \"12\", parent = \"11\")]",
                  MODEL "nodes[12]: more than 12 deep");
        rig_many(&g, "whole = (tree = (nodes = [", "(key = \"%u\")", 1000, "]))", NULL);
        rig_many(&g, "base = %B, nodes = [", "(key = \"x%u\")", 1000, "]", NULL);
        rig_model(&g, "base = %B, nodes = [(key = \"y\")]", MODEL "more than 2000");
        rig_deinit(&g);
}

TEST(counters)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_COUNTERS, "ambient");
        rig_many(&g, "whole = (counters = (counters = [", "(key = \"%u\", value = 1e300)", 64,
                 "]))", NULL);
        rig_model(&g, "base = %B, counters = [(key = \"x\")]", MODEL "more than 64");
        rig_model(&g,
                  "base = %B, counters = [(key = \"3\", value = 9007199254740993, perSecond = -2)]",
                  NULL);
        CHECK_EQ(g.change.nreplaced, 1);
        CHECK_EQ(g.change.replaced[0], 3);
        rig_model(&g, "base = %B, remove = [\"0\", \"1\"], counters = [(key = \"0\")]", NULL);
        CHECK_EQ(g.pane->model->n, 63);
        rig_many(&g, "base = %B, counters = [(key = \"5\", recent = [", "%u", 60, "])]", NULL);
        rig_many(&g, "base = %B, counters = [(key = \"5\", recent = [", "%u", 61, "])]", MODEL);
        rig_model(&g, "base = %B, counters = [(key = \"5\", recent = [nan])]", MODEL);
        rig_model(&g, "base = %B, counters = [(key = \"5\", recent = [inf])]", MODEL);
        for (int i = 0; i < 3; i++) {
                static const char *const fields[] = {"value", "perSecond", "goal"};
                char text[100];

                (void)snprintf(text, sizeof(text),
                               "base = %%B, counters = [(key = \"5\", %s = nan)]", fields[i]);
                rig_model(&g, text, MODEL);
                (void)snprintf(text, sizeof(text),
                               "base = %%B, counters = [(key = \"5\", %s = -inf)]", fields[i]);
                rig_model(&g, text, MODEL);
        }
        rig_deinit(&g);
}

TEST(chart)
{
        struct rig g;
        ui_series_reader s;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_CHART, "ambient");
        rig_model(&g,
                  "whole = (chart = (keep = 4, series = [(key = \"a\", label = \"A\", tone = good, "
                  "x = [1, 2], y = [10, nan])]))",
                  NULL);
        rig_model(&g,
                  "base = %B, points = [(key = \"a\", label = \"other\", x = [3, 4, 5], y = [30, "
                  "40, 50]), (key = \"b\", x = [1], y = [1])]",
                  NULL);
        CHECK_STR(keys(&g), "a,b");
        s = (ui_series_reader){element(&g, "a")};
        CHECK_STR(ui_series_label(s).p, "A");
        CHECK_EQ(ui_series_tone(s), UI_TONE_GOOD);
        CHECK_EQ(ui_series_x(s).len, 4);
        CHECK_EQ(capnp_list_f64(ui_series_x(s), 0), 2);
        CHECK(isnan(capnp_list_f64(ui_series_y(s), 0)));
        CHECK_EQ(capnp_list_f64(ui_series_y(s), 3), 50);
        /* A series that goes and comes has only what came. */
        rig_model(&g, "base = %B, remove = [\"a\"], points = [(key = \"a\", x = [9], y = [9])]",
                  NULL);
        CHECK_EQ(ui_series_x((ui_series_reader){element(&g, "a")}).len, 1);
        rig_model(&g, "base = %B, points = [(key = \"a\", x = [1, 2], y = [1])]", MODEL);
        rig_model(&g, "base = %B, points = [(key = \"a\", x = [nan], y = [1])]", MODEL);
        rig_model(&g, "base = %B, points = [(key = \"a\", x = [1], y = [inf])]", MODEL);
        rig_model(&g, "whole = (chart = (keep = 0))", MODEL);
        rig_model(&g, "whole = (chart = (keep = 4097))", MODEL);
        rig_many(&g, "whole = (chart = (series = [", "(key = \"%u\")", 9, "]))", MODEL);
        rig_many(&g, "whole = (chart = (series = [", "(key = \"%u\")", 8, "]))", NULL);
        rig_model(&g, "base = %B, points = [(key = \"x\")]", MODEL);
        rig_many(&g, "whole = (chart = (mark = [", "(x = %u)", 16, "]))", NULL);
        rig_many(&g, "whole = (chart = (mark = [", "(x = %u)", 17, "]))", MODEL);
        rig_model(&g, "whole = (chart = (mark = [(x = nan)]))", MODEL);
        rig_deinit(&g);
}

TEST(chart_has_so_many_points)
{
        struct rig g;
        char *x = rig_list("%u", 2048), *text = malloc(60000);

        CHECK(text);
        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_CHART, "ambient");
        rig_model(&g, "whole = (chart = (keep = 4096))", NULL);
        for (int i = 0; i < 2; i++) {
                (void)snprintf(text, 60000,
                               "base = %%B, points = [(key = \"%d\", x = [%s], y = [%s])]", i, x,
                               x);
                rig_model(&g, text, NULL);
        }
        rig_model(&g, "base = %B, points = [(key = \"0\", x = [1], y = [1])]",
                  MODEL "more than 4096");
        rig_model(&g, "base = %B, points = [(key = \"2\", x = [1], y = [1])]", MODEL);
        /* A series of its own drops its oldest. */
        rig_model(&g, "base = %B, remove = [\"1\"], points = []", NULL);
        (void)snprintf(text, 60000, "base = %%B, points = [(key = \"0\", x = [%s], y = [%s])]", x,
                       x);
        rig_model(&g, text, NULL);
        rig_model(&g, "base = %B, points = [(key = \"0\", x = [7], y = [8])]", NULL);
        CHECK_EQ(ui_series_x((ui_series_reader){element(&g, "0")}).len, 4096);
        CHECK_EQ(capnp_list_f64(ui_series_x((ui_series_reader){element(&g, "0")}), 0), 1);
        rig_deinit(&g);
        free(x);
        free(text);
}

TEST(form)
{
        struct rig g;
        ui_form_reader f;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_FORM, "ordinary");
        rig_model(&g,
                  "whole = (form = (submit = \"go\", fields = [(path = \"a\"), (path = \"n\", kind "
                  "= integer, min = 0, max = 9)], "
                  "values = [(path = \"a\", value = (text = \"x\"))], complaints = [(path = \"n\", "
                  "text = \"missing\")]))",
                  NULL);
        rig_model(&g,
                  "base = %B, form = (values = [(path = \"n\", value = (int = 3)), (path = \"a\", "
                  "value = (text = \"y\"))])",
                  NULL);
        CHECK_EQ(g.change.what, UI_CHANGED_MODEL);
        CHECK(g.change.head);
        f = (ui_form_reader){ui_model_head(g.pane->model)};
        CHECK_EQ(command_field_list_len(ui_form_fields(f)), 2);
        CHECK_STR(ui_form_submit(f).p, "go");
        CHECK_EQ(command_binding_list_len(ui_form_values(f)), 2);
        CHECK_STR(command_value_text(
                          command_binding_value(command_binding_list_get(ui_form_values(f), 0)))
                          .p,
                  "y");
        CHECK_EQ(command_value_int(
                         command_binding_value(command_binding_list_get(ui_form_values(f), 1))),
                 3);
        CHECK_EQ(ui_form_complaint_list_len(ui_form_complaints(f)), 0);

        rig_model(&g, "base = %B, form = (values = [(path = \"z\")])", MODEL);
        rig_model(&g, "base = %B, form = (values = [(path = \"a\"), (path = \"a\")])", MODEL);
        rig_model(&g, "base = %B, form = (values = [(path = \"n\", value = (int = 10))])",
                  MODEL "values[1]: out of bounds");
        rig_model(&g, "base = %B, form = (values = [(path = \"n\", value = (text = \"3\"))])",
                  MODEL);
        rig_model(&g, "base = %B, form = (values = [(path = \"n\", value = (number = 3))])", MODEL);
        rig_model(&g, "base = %B, form = (values = [(path = \"a\", value = (text = \"a\\nb\"))])",
                  MODEL);
        rig_model(&g, "base = %B, form = (complaints = [(path = \"z\", text = \"?\")])", MODEL);
        rig_model(&g, "base = %B, form = (complaints = [(text = \"all of it\")])", NULL);
        rig_model(&g, "base = %B, form = (fields = [(path = \"a\")])", MODEL);
        rig_model(&g, "base = %B, form = (submit = \"a\")", MODEL);
        rig_model(&g, "base = %B, remove = [\"a\"], form = ()", MODEL);

        rig_deinit(&g);
}

TEST(form_fields)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_FORM, "ordinary");
        rig_many(&g, "whole = (form = (fields = [", "(path = \"f%u\")", 32, "]))", NULL);
        rig_many(&g, "whole = (form = (fields = [", "(path = \"f%u\")", 33, "]))", MODEL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\"), (path = \"a\")]))", MODEL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\", lines = 24, maxBytes = 4096)]))",
                  NULL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\", lines = 25)]))", MODEL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\", lines = 0)]))", MODEL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\", maxBytes = 4097)]))", MODEL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", maxBytes = 2, initial = (text = "
                  "\"ab\"))]))",
                  NULL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", maxBytes = 2, initial = (text = "
                  "\"abc\"))]))",
                  MODEL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", kind = number, min = 2, max = 1)]))",
                  MODEL);
        rig_model(&g, "whole = (form = (fields = [(path = \"a\", kind = number, min = nan)]))",
                  MODEL);
        rig_model(
                &g,
                "whole = (form = (fields = [(path = \"a\", kind = bytes, initial = (int = -1))]))",
                MODEL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", kind = flag, initial = (int = 1))]))",
                  MODEL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", kind = choice, choices = [(value = "
                  "(text = \"x\"))], initial = (text = \"x\"))]))",
                  NULL);
        rig_model(&g,
                  "whole = (form = (fields = [(path = \"a\", kind = choice, choices = [(value = "
                  "(text = \"x\"))], initial = (text = \"y\"))]))",
                  MODEL);
        rig_many(&g, "whole = (form = (fields = [(path = \"a\", kind = choice, choices = [",
                 "(value = (int = %u))", 64, "])]))", NULL);
        rig_many(&g, "whole = (form = (fields = [(path = \"a\", kind = choice, choices = [",
                 "(value = (int = %u))", 65, "])]))", MODEL);
        rig_deinit(&g);
}

TEST(progress)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_PROGRESS, "ambient");
        rig_many(&g, "whole = (progress = (steps = [", "(key = \"%u\", fraction = 1)", 64, "]))",
                 NULL);
        rig_model(&g, "base = %B, steps = [(key = \"x\")]", MODEL);
        rig_model(&g, "base = %B, steps = [(key = \"3\", state = running, fraction = -1)]", NULL);
        CHECK_EQ(ui_step_state((ui_step_reader){element(&g, "3")}), UI_STEP_STATE_RUNNING);
        rig_model(&g, "base = %B, steps = [(key = \"3\", fraction = 1.001)]", MODEL);
        rig_model(&g, "base = %B, steps = [(key = \"3\", fraction = nan)]", MODEL);
        rig_model(&g, "base = %B, steps = [(key = \"3\", fraction = -inf)]", MODEL);
        rig_model(&g, "base = %B, steps = [(key = \"3\", state = (5))]", MODEL);
        rig_deinit(&g);
}

TEST(map)
{
        struct rig g;
        ui_map_reader m;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_MAP, "ordinary");
        rig_model(&g,
                  "whole = (map = (width = 2, height = 2, tiles = [(glyph = \".\"), (glyph = "
                  "\"#\")], cells = [0, 1, 0, 1], "
                  "paths = [(fromX = 0, fromY = 0, toX = 1, toY = 1)], markers = [(key = \"me\", x "
                  "= 1, y = 1, here = true)]))",
                  NULL);
        rig_model(&g,
                  "base = %B, map = (cells = [(x = 1, y = 0, tile = 0)], markers = [(key = \"it\", "
                  "x = 0, y = 1)])",
                  NULL);
        CHECK(g.change.head);
        CHECK_EQ(g.change.appended, 1);
        m = (ui_map_reader){ui_model_head(g.pane->model)};
        CHECK_EQ(capnp_list_u8(ui_map_cells(m), 1), 0);
        CHECK_EQ(capnp_list_u8(ui_map_cells(m), 3), 1);
        CHECK_STR(keys(&g), "me,it");
        rig_model(&g, "base = %B, map = (markers = [(key = \"me\", x = 0)])", NULL);
        CHECK(!g.change.head);
        rig_model(&g, "base = %B, remove = [\"me\"], map = (markers = [(key = \"me\", x = 1)])",
                  NULL);
        CHECK_STR(keys(&g), "it,me");
        rig_model(&g, "base = %B, map = (cells = [(x = 2, y = 0)])", MODEL);
        rig_model(&g, "base = %B, map = (cells = [(x = 0, y = 2)])", MODEL);
        rig_model(&g, "base = %B, map = (cells = [(x = 0, y = 0, tile = 2)])", MODEL);
        rig_model(&g, "base = %B, map = (markers = [(key = \"q\", x = 2)])", MODEL);
        rig_model(&g, "whole = (map = (width = 1, height = 1, tiles = [()], cells = []))", MODEL);
        rig_model(&g, "whole = (map = (width = 1, height = 1, tiles = [()], cells = [0, 0]))",
                  MODEL);
        rig_model(&g, "whole = (map = (width = 1, height = 1, tiles = [()], cells = [1]))", MODEL);
        rig_model(&g,
                  "whole = (map = (width = 1, height = 1, tiles = [()], cells = [0], paths = [(toX "
                  "= 1)]))",
                  MODEL);
        rig_model(&g, "whole = (map = (tiles = [(glyph = \"ab\")]))", TEXT);
        rig_many(&g, "whole = (map = (width = 64, height = 64, tiles = [()], cells = [", "0", 4096,
                 "]))", NULL);
        rig_many(&g, "whole = (map = (width = 64, height = 65, tiles = [()], cells = [", "0", 4160,
                 "]))", MODEL);
        rig_many(&g, "whole = (map = (width = 65, height = 1, tiles = [()], cells = [", "0", 65,
                 "]))", MODEL);
        rig_many(&g, "whole = (map = (tiles = [", "(label = \"%u\")", 64, "]))", NULL);
        rig_many(&g, "whole = (map = (tiles = [", "(label = \"%u\")", 65, "]))", MODEL);
        rig_many(&g,
                 "whole = (map = (width = 1, height = 1, tiles = [()], cells = [0], markers = [",
                 "(key = \"%u\")", 128, "]))", NULL);
        rig_model(&g, "base = %B, map = (markers = [(key = \"x\")])", MODEL);
        rig_many(&g, "whole = (map = (width = 1, height = 1, tiles = [()], cells = [0], paths = [",
                 "(tone = good)", 256, "]))", NULL);
        rig_many(&g, "whole = (map = (width = 1, height = 1, tiles = [()], cells = [0], paths = [",
                 "(tone = good)", 257, "]))", MODEL);
        rig_deinit(&g);
}

TEST(transcript)
{
        struct rig g;
        ui_transcript_reader t;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_TRANSCRIPT, "personal");
        rig_model(
                &g,
                "whole = (transcript = (send = \"say\", keep = 2, messages = [(sequence = 1, text "
                "= \"a\")]))",
                NULL);
        rig_model(&g, "base = %B, messages = [(sequence = 2), (sequence = 3)]", NULL);
        CHECK_EQ(g.change.dropped, 1);
        CHECK_EQ(g.change.appended, 2);
        CHECK(!g.change.head);
        rig_model(&g, "base = %B, unread = 7", NULL);
        CHECK(g.change.head);
        CHECK_EQ(g.change.appended, 0);
        t = (ui_transcript_reader){ui_model_head(g.pane->model)};
        CHECK_EQ(ui_transcript_unread(t), 7);
        CHECK_EQ(ui_transcript_keep(t), 2);
        CHECK_STR(ui_transcript_send(t).p, "say");
        CHECK_EQ(g.pane->model->n, 2);
        rig_model(&g, "base = %B, remove = [\"1\"], messages = []", MODEL);
        rig_model(&g, "whole = (transcript = (keep = 2000))", NULL);
        rig_model(&g, "whole = (transcript = (keep = 2001))", MODEL);
        rig_model(&g, "whole = (transcript = (keep = 0))", MODEL);
        rig_model(&g, "whole = (transcript = (send = \"No\"))", TEXT);
        rig_open(&g, UI_SURFACE_KIND_TRANSCRIPT, "ambient");
        rig_model(&g, "whole = (transcript = (messages = [(text = \"a\\nb\")]))", NULL);
        rig_model(&g, "whole = (transcript = (send = \"say\"))", "refused.safety: ");
        rig_deinit(&g);
}

/* Written out and taken again, a model is the same. */
TEST(a_model_is_what_was_said)
{
        static const struct {
                enum ui_surface_kind kind;
                const char *text;
        } rows[] = {
                {UI_SURFACE_KIND_TEXT,
                 "(text = (paragraphs = [(style = code, runs = [(text = \"x\", tone = bad, strong "
                 "= true, mono = true)])]))"},
                {UI_SURFACE_KIND_LOG,
                 "(log = (lines = [(sequence = 2, atMs = 3, level = warning, source = \"s\", text "
                 "= \"t\", attributes = [(name = \"n\", value = (flag = true))])], keep = 7))"},
                {UI_SURFACE_KIND_LIST,
                 "(list = (items = [(key = \"k\", title = \"t\", detail = \"d\", badge = \"b\", "
                 "tone = info, icon = lock, commands = [\"c\"])], selectable = many))"},
                {UI_SURFACE_KIND_TABLE,
                 "(table = (columns = [(key = \"k\", title = \"t\", unit = money, numeric = true, "
                 "weight = 3)], rows = [(key = \"r\", cells = [(int = -5)], tone = muted, "
                 "commands = [\"c\"])], selectable = one))"},
                {UI_SURFACE_KIND_TREE,
                 "(tree = (nodes = [(key = \"k\", title = \"t\", detail = \"d\", tone = good, "
                 "icon = item, open = true, commands = [\"c\"])]))"},
                {UI_SURFACE_KIND_COUNTERS,
                 "(counters = (counters = [(key = \"k\", label = \"l\", value = 1.5, unit = "
                 "percent, perSecond = 2, goal = 3, tone = accent, recent = [1, 2])]))"},
                {UI_SURFACE_KIND_CHART,
                 "(chart = (style = bars, time = true, unit = bytes, series = [(key = \"k\", "
                 "label = \"l\", tone = bad, x = [1], y = [2])], keep = 9, mark = [(x = 1, label "
                 "= \"m\", tone = good)]))"},
                {UI_SURFACE_KIND_PROGRESS,
                 "(progress = (steps = [(key = \"k\", title = \"t\", detail = \"d\", state = "
                 "failed, fraction = 0.5)]))"},
                {UI_SURFACE_KIND_MAP,
                 "(map = (width = 1, height = 1, tiles = [(glyph = \"#\", label = \"wall\", tone "
                 "= muted)], cells = [0], markers = [(key = \"k\", x = 0, y = 0, icon = person, "
                 "label = \"l\", tone = good, here = true, commands = [\"c\"])], paths = [(fromX "
                 "= 0, fromY = 0, toX = 0, toY = 0, tone = bad)]))"},
                {UI_SURFACE_KIND_TRANSCRIPT,
                 "(transcript = (messages = [(sequence = 1, atMs = 2, author = \"a\", own = true, "
                 "kind = noted, text = \"t\")], keep = 3, send = \"s\", draft = \"d\", unread = "
                 "4))"},
        };
        struct rig g;

        rig_init(&g);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf to = {0};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                char text[1000];
                ui_model_builder b;

                rig_open(&g, rows[i].kind, "ordinary");
                (void)snprintf(text, sizeof(text), "whole = %s", rows[i].text);
                rig_model(&g, text, NULL);
                CHECK_OK(capnp_msg_new(&m));
                b = ui_model_build(m);
                ui_model_write(g.pane->model, b);
                CHECK_OK(capnp_msg_check(m));
                capnp_buf_init(&to, 10000);
                CHECK_OK(capnp_text_print(g.schemas, UI_MODEL_ID, ui_model_as_reader(b).r, NULL,
                                          &to));
                CHECK_STR(to.p, rows[i].text);
        }
        rig_deinit(&g);
}
