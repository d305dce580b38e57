/*
 * Every kind as plain text, against goldens: the file test-ui-draw.golden, which has them in the
 * order of the table here. UI_DRAW_WRITE=1 writes it anew.
 */
#include "test-ui.h"
#include "ui-draw-text.h"

static const struct {
        enum ui_surface_kind kind;
        uint32_t columns;
        const char *text;
} rows[] = {
        {UI_SURFACE_KIND_TEXT, 40,
         "(text = (paragraphs = [(style = heading, runs = [(text = \"A heading\")]), (runs = "
         "[(text = "
         "\"Words that go on \"), (text = \"for longer than a line is wide\", strong = true), "
         "(text = "
         "\", and on.\")]), (style = bullet, runs = [(text = \"one\")]), (style = bullet, runs = "
         "[(text = \"two, which is said at some length\")]), (style = quote, runs = [(text = "
         "\"to be or not to be,\\nthat is\")]), (style = code, runs = [(text = \"if (x)\\n        "
         "return  y;\")]), (style = caption, runs = "
         "[(text = \"日本語の文字は二桁の幅を持つのでここで折り\")])]))"},
        {UI_SURFACE_KIND_LOG, 50,
         "(log = (lines = [(sequence = 1, atMs = 1700000000000, level = warning, source = "
         "\"disk\", "
         "text = \"nearly full\", attributes = [(name = \"free\", value = (uint = 12)), (name = "
         "\"path\", value = (text = \"/var\"))]), (sequence = 5, level = bad, text = \"a line "
         "that is "
         "so long that it has to go on in the next\\nand has two lines\")]))"},
        {UI_SURFACE_KIND_LIST, 40,
         "(list = (items = [(key = \"a\", title = \"Lobby\", badge = \"3\", detail = "
         "\"everybody\", tone "
         "= good), (key = \"no title\"), (key = \"c\", title = \"A title that is quite long\", "
         "detail = "
         "\"and a detail that is longer than what is left\")]))"},
        {UI_SURFACE_KIND_TABLE, 40,
         "(table = (columns = [(key = \"n\", title = \"Name\"), (key = \"s\", title = \"Size\", "
         "unit = "
         "bytes, numeric = true), (key = \"p\", title = \"Part\", unit = percent, numeric = "
         "true)], "
         "rows = [(key = \"a\", cells = [(text = \"small\"), (uint = 900), (number = 0.125)]), "
         "(key = "
         "\"b\", tone = bad, cells = [(text = \"a name that does not fit in its column\"), (uint = "
         "123456789), (number = 1)]), (key = \"c\", cells = [(flag = true), (none = void), (int = "
         "0)])]))"},
        {UI_SURFACE_KIND_TABLE, 20,
         "(table = (columns = [(key = \"a\", title = \"A\"), (key = \"b\", title = \"Bb\"), (key = "
         "\"c\", title = \"Ccc\"), (key = \"d\", title = \"Dddd\"), (key = \"e\", title = "
         "\"Eeeee\")], "
         "rows = [(key = \"a\", cells = [(text = \"eleven two\"), (text = \"2\"), (text = \"3\"), "
         "(text "
         "= \"4\"), (text = \"5\")])]))"},
        {UI_SURFACE_KIND_TREE, 40,
         "(tree = (nodes = [(key = \"a\", title = \"Root\", open = true), (key = \"z\", title = "
         "\"Other "
         "root\", detail = \"closed\"), (key = \"b\", parent = \"a\", title = \"Child\", tone = "
         "good, "
         "open = true), (key = \"y\", parent = \"z\"), (key = \"c\", parent = \"b\", title = "
         "\"Grandchild\"), (key = \"d\", parent = \"a\", title = \"Second child\")]))"},
        {UI_SURFACE_KIND_COUNTERS, 60,
         "(counters = (counters = [(key = \"a\", label = \"Clips\", value = 1234.5, unit = count, "
         "perSecond = 10, recent = [1, 2, 3, 4, 3, 2, 8]), (key = \"b\", label = \"Wire left\", "
         "value = "
         "250, goal = 1000, tone = warning), (key = \"c\", label = \"Funds\", value = -3.1, unit = "
         "money), (key = \"d\", label = \"Large\", value = 9007199254740993), (key = \"e\", value "
         "= "
         "1e300, unit = bytesPerSecond)]))"},
        {UI_SURFACE_KIND_CHART, 40,
         "(chart = (time = true, unit = milliseconds, series = [(key = \"a\", label = "
         "\"Latency\", x = "
         "[1, 2, 3, 4, 5], y = [10, 1500, nan, 90000, 7200000]), (key = \"b\", tone = accent)], "
         "mark = "
         "[(x = 1700000000000, label = \"restart\", tone = info)]))"},
        {UI_SURFACE_KIND_FORM, 40,
         "(form = (fields = [(path = \"name\", label = \"Name\", required = true, help = \"How "
         "others "
         "see you in all of the channels.\"), (path = \"color\", kind = choice, choices = [(value "
         "= (int "
         "= 1), label = \"Red\"), (value = (int = 2), label = \"Blue\")], initial = (int = 2)), "
         "(path = "
         "\"size\", kind = bytes)], values = [(path = \"name\", value = (text = \"ada\")), (path = "
         "\"size\", value = (uint = 2048))], complaints = [(path = \"name\", text = \"is taken\"), "
         "(text = \"try again\")]))"},
        {UI_SURFACE_KIND_PROGRESS, 40,
         "(progress = (steps = [(key = \"a\", title = \"Fetch\", state = done), (key = \"b\", "
         "title = "
         "\"Build\", state = running, fraction = 0.42, detail = \"17 of 40\"), (key = \"c\", "
         "title = "
         "\"Test\", state = running, fraction = -1), (key = \"d\", state = failed), (key = \"e\", "
         "state "
         "= skipped), (key = \"f\")]))"},
        {UI_SURFACE_KIND_MAP, 40,
         "(map = (width = 4, height = 2, tiles = [(glyph = \".\", label = \"grass\"), (glyph = "
         "\"#\", "
         "label = \"wall\")], cells = [0, 0, 1, 1, 0, 0, 0, 1], markers = [(key = \"lamp\", x = "
         "1, y = 0, "
         "label = \"Old lamp\"), (key = \"me\", x = 2, y = 1, label = \"You\", here = true)], "
         "paths = "
         "[(fromX = 0, fromY = 0, toX = 1, toY = 1)]))"},
        {UI_SURFACE_KIND_TRANSCRIPT, 40,
         "(transcript = (messages = [(sequence = 1, atMs = 1700000000000, author = \"ada\", kind = "
         "joined), (sequence = 2, author = \"ada\", text = \"hello, and some more words than a "
         "line has\"), (sequence = 3, author = \"bob\", text = \"one line\\n\\n22:13:21 * ada has "
         "left\"), (sequence = 4, kind = narrated, text = \"A door creaks.\"), (sequence = 5, kind "
         "= noted, text = \"the topic has changed\"), (sequence = 6, author = \"ada\", kind = "
         "left)], unread = 2))"},
        {UI_SURFACE_KIND_LIST, 40,
         "(list = (selectable = one, items = [(key = \"a\", title = \"Apples\", badge = \"3\"), "
         "(key = \"bread\"), (key = \"Same\", title = \"Same\")]))"},
        {UI_SURFACE_KIND_TABLE, 40,
         "(table = (selectable = many, columns = [(key = \"n\", title = \"Name\"), (key = \"s\", "
         "title = \"Size\", numeric = true)], rows = [(key = \"a\", cells = [(text = \"small\"), "
         "(uint = 9)]), (key = \"a key that is much longer\", cells = [(text = \"large\"), (uint "
         "= 1234567)])]))"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void draw_row(struct rig *g, size_t i, uint32_t columns, struct capnp_buf *to)
{
        struct ui_draw d = {.columns = columns, .now_ms = 0};
        size_t room = strlen(rows[i].text) + 20;
        char *text = malloc(room);

        CHECK(text);
        (void)snprintf(text, room, "whole = %s", rows[i].text);
        rig_open(g, rows[i].kind, "ordinary");
        rig_model(g, text, NULL);
        CHECK_OK(ui_draw_text(g->pane->model, &d, to));
        free(text);
}

/* The goldens' file as it is, and as it would be written now. */
static char *golden(void)
{
        char path[500], *text = calloc(1, 20000);
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/lib/ui/test-ui-draw.golden", getenv("CAPOS_SRCDIR"));
        f = fopen(path, "r");
        CHECK(f && text);
        CHECK(fread(text, 1, 19999, f) > 0);
        (void)fclose(f);
        return text;
}

TEST(goldens)
{
        struct rig g;
        char *expected, *found = NULL;
        size_t len;
        FILE *f = open_memstream(&found, &len);

        CHECK(f);
        rig_init(&g);
        for (size_t i = 0; i < ROWS; i++) {
                struct capnp_buf to;

                capnp_buf_init(&to, 1 << 20);
                draw_row(&g, i, rows[i].columns, &to);
                (void)fprintf(f, "== %s, %u columns\n%s", ui_surface_kind_name(rows[i].kind),
                              rows[i].columns, to.p);
                capnp_buf_deinit(&to);
        }
        (void)fclose(f);
        rig_deinit(&g);
        if (getenv("UI_DRAW_WRITE")) {
                (void)fputs(found, stdout);
        } else {
                expected = golden();
                CHECK_STR(found, expected);
                free(expected);
        }
        free(found);
}

TEST(no_line_is_wider_than_the_page)
{
        struct rig g;

        rig_init(&g);
        for (size_t i = 0; i < ROWS; i++) {
                for (uint32_t columns = 0; columns < 130; columns++) {
                        uint32_t page = columns < UI_DRAW_COLUMNS ? UI_DRAW_COLUMNS : columns;
                        struct capnp_buf to;

                        capnp_buf_init(&to, 1 << 20);
                        draw_row(&g, i, columns, &to);
                        CHECK_EQ(to.p[to.len - 1], '\n');
                        for (char *at = to.p, *end; (end = strchr(at, '\n')); at = end + 1) {
                                capnp_text line = {at, (uint32_t)(end - at)};

                                CHECK(!ui_text_wrong(UI_TEXT_MESSAGE, line));
                                CHECK(!memchr(at, '\t', line.len));
                                if (ui_text_width(line) > page)
                                        test_fail(__FILE__, __LINE__, "%u: %.*s", page,
                                                  (int)line.len, at);
                        }
                        capnp_buf_deinit(&to);
                }
        }
        rig_deinit(&g);
}

TEST(a_counter_runs_on)
{
        struct rig g;
        struct ui_draw d = {.columns = 40};
        struct capnp_buf to;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_COUNTERS, "ambient");
        rig_model(&g, "whole = (counters = (counters = [(key = \"a\", value = 1, perSecond = 2)]))",
                  NULL);
        d.now_ms = g.now_ms + 5000;
        capnp_buf_init(&to, 1000);
        CHECK_OK(ui_draw_text(g.pane->model, &d, &to));
        CHECK_STR(to.p, "  a 11 +2 per second\n");
        capnp_buf_deinit(&to);
        /* Another one is patched: this one goes on from when it was said. */
        rig_model(&g, "base = %B, counters = [(key = \"b\")]", NULL);
        capnp_buf_init(&to, 1000);
        CHECK_OK(ui_draw_text(g.pane->model, &d, &to));
        CHECK_STR(to.p, "  a 11 +2 per second\n  b 0\n");
        capnp_buf_deinit(&to);
        rig_deinit(&g);
}

/* … and stops where nothing is left; but what was below that goes on. */
TEST(a_counter_runs_out)
{
        struct rig g;
        struct ui_draw d = {.columns = 40};
        struct capnp_buf to;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_COUNTERS, "ambient");
        rig_model(&g,
                  "whole = (counters = (counters = [(key = \"a\", value = 3, perSecond = -1), "
                  "(key = \"b\", value = -3, perSecond = -1)]))",
                  NULL);
        d.now_ms = g.now_ms + 5000;
        capnp_buf_init(&to, 1000);
        CHECK_OK(ui_draw_text(g.pane->model, &d, &to));
        CHECK_STR(to.p, "  a 0 -1 per second\n  b -8 -1 per second\n");
        capnp_buf_deinit(&to);
        rig_deinit(&g);
}

TEST(only_the_last_lines)
{
        struct rig g;
        struct ui_draw d = {.columns = 40, .rows = 2};
        struct capnp_buf to;

        rig_init(&g);
        rig_open(&g, UI_SURFACE_KIND_LOG, "ambient");
        rig_model(&g,
                  "whole = (log = (lines = [(sequence = 1, text = \"a\"), (sequence = 2, text = "
                  "\"b\"), (sequence = 3, text = \"c\")]))",
                  NULL);
        capnp_buf_init(&to, 1000);
        CHECK_OK(ui_draw_text(g.pane->model, &d, &to));
        CHECK_STR(to.p, "  b\n  c\n");
        capnp_buf_deinit(&to);

        /* What is more than a buffer may become is not begun. */
        capnp_buf_init(&to, 5);
        CHECK_EQ(ui_draw_text(g.pane->model, &d, &to), CAPNP_E_LIMIT);
        CHECK_EQ(to.len, 0);
        capnp_buf_deinit(&to);
        rig_deinit(&g);
}

TEST(memory_may_end_while_drawing)
{
        struct rig g;
        struct ui_draw d = {.columns = 40};

        rig_init(&g);
        for (size_t i = 0; i < ROWS; i++) {
                struct capnp_buf to;

                capnp_buf_init(&to, 1 << 20);
                draw_row(&g, i, 40, &to);
                capnp_buf_deinit(&to);
                for (unsigned n = 1;; n++) {
                        int r;

                        capnp_buf_init(&to, 1 << 20);
                        test_fail_alloc_at(n);
                        r = ui_draw_text(g.pane->model, &d, &to);
                        test_fail_alloc_at(0);
                        CHECK(r == 0 || (r == -12 && !to.len));
                        capnp_buf_deinit(&to);
                        if (!r)
                                break;
                }
        }
        rig_deinit(&g);
}
