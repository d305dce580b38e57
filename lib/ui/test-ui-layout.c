/*
 * Layout: what comes out for some sets of panes at some sizes, beside what is written down in
 * test-ui-layout.golden; and what has to hold of any layout, for random ones. When a layout is
 * meant to change, `test-ui-layout --verbose goldens` prints the new file.
 */
#include "ui-layout.h"

#include "harness.h"
#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOLDEN_BYTES = 256 * 1024 };

/* Nobody looks into a surface here. */
static char surfaces[CAPOS_UI_SURFACES];

static capos_ui_surface *surface(unsigned i)
{
        return (capos_ui_surface *)(void *)&surfaces[i];
}

static unsigned number_of(const capos_ui_surface *s)
{
        return (unsigned)((const char *)(const void *)s - surfaces);
}

/* ---- goldens --------------------------------------------------------------------------------- */

#define TAB(s)                   \
        {                        \
                s, sizeof(s) - 1 \
        }

static const struct ui_spot one[] = {{.kind = UI_SURFACE_KIND_TEXT}};

static const struct ui_spot chat[] = {
        {.kind = UI_SURFACE_KIND_LIST},
        {.kind = UI_SURFACE_KIND_TRANSCRIPT},
        {.kind = UI_SURFACE_KIND_LIST, .weight = 3},
};

static const struct ui_spot game[] = {
        {.kind = UI_SURFACE_KIND_COUNTERS, .min_rows = 6},
        {.kind = UI_SURFACE_KIND_LIST},
        {.kind = UI_SURFACE_KIND_LOG, .min_rows = 4},
        {.kind = UI_SURFACE_KIND_CHART, .weight = 12},
        {.kind = UI_SURFACE_KIND_FORM, .place = CAPOS_UI_BOTTOM, .min_columns = 30},
        {.kind = UI_SURFACE_KIND_MAP, .min_columns = 40, .min_rows = 12},
};

static const struct ui_spot wishes[] = {
        {.kind = UI_SURFACE_KIND_TABLE, .service = 1, .tab = TAB("all"), .order = 5},
        {.kind = UI_SURFACE_KIND_TABLE, .service = 1, .tab = TAB("all"), .front = 1},
        {.kind = UI_SURFACE_KIND_TABLE, .service = 2, .tab = TAB("all"), .order = -1},
        {.kind = UI_SURFACE_KIND_LOG, .collapsed = true},
        {.kind = UI_SURFACE_KIND_TEXT, .place = CAPOS_UI_SIDE, .min_columns = 200, .min_rows = 100},
        {.kind = UI_SURFACE_KIND_TEXT, .place = CAPOS_UI_SIDE, .pinned = true, .min_rows = 9},
        {.kind = UI_SURFACE_KIND_PROGRESS, .collapsed = true},
};

static const struct ui_spot crowd[] = {
        {.kind = UI_SURFACE_KIND_TEXT},     {.kind = UI_SURFACE_KIND_LOG},
        {.kind = UI_SURFACE_KIND_LIST},     {.kind = UI_SURFACE_KIND_TABLE},
        {.kind = UI_SURFACE_KIND_TREE},     {.kind = UI_SURFACE_KIND_COUNTERS},
        {.kind = UI_SURFACE_KIND_CHART},    {.kind = UI_SURFACE_KIND_FORM},
        {.kind = UI_SURFACE_KIND_PROGRESS}, {.kind = UI_SURFACE_KIND_MAP},
        {.kind = UI_SURFACE_KIND_LOG},      {.kind = UI_SURFACE_KIND_TRANSCRIPT},
};

#define SET(s_)                                       \
        {                                             \
#s_, s_, sizeof(s_) / sizeof((s_)[0]) \
        }

static const struct {
        const char *name;
        const struct ui_spot *spots;
        uint32_t n;
} sets[] = {SET(one), SET(chat), SET(game), SET(wishes), SET(crowd)};

static const uint16_t sizes[][2] = {{40, 12},  {59, 24},  {60, 12},  {80, 24},
                                    {100, 30}, {132, 43}, {160, 48}, {220, 60}};

static const char *const words[] = {
        [CAPOS_UI_ROWS] = "rows",
        [CAPOS_UI_COLUMNS] = "columns",
        [CAPOS_UI_TABS] = "tabs",
        [CAPOS_UI_PANE] = "pane",
};

/* A node and what is below it, a line each. Returns the place behind them. */
static uint32_t node_print(const struct capos_ui_layout *l, uint32_t i, unsigned depth, FILE *to)
{
        const struct capos_ui_node *n = &l->nodes[i];
        uint32_t end = i + n->nodes + 1;

        fprintf(to, "%*s%s", (int)depth * 2 + 2, "", words[n->kind]);
        if (n->kind == CAPOS_UI_PANE)
                fprintf(to, " %c%s", 'a' + number_of(n->surface), n->visible ? "" : " hidden");
        fprintf(to, " at %u,%u of %ux%u weight %u", n->column, n->row, n->columns, n->rows,
                n->weight);
        if (n->kind == CAPOS_UI_TABS)
                fprintf(to, " front %d", n->front);
        fprintf(to, "\n");
        for (i++; i < end;)
                i = node_print(l, i, depth + 1, to);
        return end;
}

static void set_print(unsigned set, const uint16_t *size, FILE *to)
{
        struct ui_spot spots[CAPOS_UI_SURFACES];
        struct capos_ui_layout l;

        for (uint32_t i = 0; i < sets[set].n; i++) {
                spots[i] = sets[set].spots[i];
                spots[i].surface = surface(i);
        }
        ui_layout_of(spots, sets[set].n, size[0], size[1], &l);
        fprintf(to, "%s %ux%u%s\n", sets[set].name, size[0], size[1], l.narrow ? " narrow" : "");
        CHECK_EQ(node_print(&l, 0, 0, to), l.n);
}

TEST(goldens)
{
        static char found[GOLDEN_BYTES], expected[GOLDEN_BYTES];
        FILE *to = fmemopen(found, sizeof(found), "w"), *from;
        const char *src = getenv("CAPOS_SRCDIR");
        char path[4096];

        for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
                for (unsigned j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
                        set_print(i, sizes[j], to);
        CHECK(!fclose(to));
        fputs(found, stdout);

        (void)snprintf(path, sizeof(path), "%s/lib/ui/test-ui-layout.golden", src ? src : ".");
        from = fopen(path, "r");
        CHECK(from != NULL);
        expected[fread(expected, 1, sizeof(expected) - 1, from)] = 0;
        fclose(from);
        CHECK_STR(found, expected);
}

/* ---- properties ------------------------------------------------------------------------------ */

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33) % below;
}

static bool overlap(const struct capos_ui_node *a, const struct capos_ui_node *b)
{
        return a->column < b->column + b->columns && b->column < a->column + a->columns &&
               a->row < b->row + b->rows && b->row < a->row + a->rows;
}

/* Children are within their parent, and beside each other, but for tabs. */
static void tree_check(const struct capos_ui_layout *l, uint32_t i)
{
        const struct capos_ui_node *n = &l->nodes[i];
        uint32_t end = i + n->nodes + 1, k = i + 1;
        unsigned children = 0;

        CHECK(end <= l->n);
        CHECK(n->weight >= 1 && n->weight <= 12);
        for (; k < end; k += l->nodes[k].nodes + 1u, children++) {
                const struct capos_ui_node *c = &l->nodes[k];

                CHECK(c->column >= n->column && c->column + c->columns <= n->column + n->columns);
                CHECK(c->row >= n->row && c->row + c->rows <= n->row + n->rows);
                tree_check(l, k);
        }
        CHECK_EQ(k, end);
        CHECK_EQ(children, n->children);
        CHECK((n->kind == CAPOS_UI_PANE) == (n->children == 0));
        CHECK((n->kind == CAPOS_UI_PANE) == (n->surface != NULL));
        if (n->kind == CAPOS_UI_TABS)
                CHECK(n->front >= -1 && n->front < (int)n->children);
}

static void layout_check(const struct capos_ui_layout *l, uint32_t n)
{
        unsigned seen[CAPOS_UI_SURFACES] = {0};

        CHECK(l->n > 0);
        tree_check(l, 0);
        CHECK_EQ(l->nodes[0].nodes + 1u, l->n);
        for (uint32_t i = 0; i < l->n; i++) {
                const struct capos_ui_node *a = &l->nodes[i];

                if (a->kind != CAPOS_UI_PANE)
                        continue;
                seen[number_of(a->surface)]++;
                CHECK(a->column + a->columns <= l->columns);
                if (!a->visible)
                        continue;
                CHECK(a->row >= CAPOS_UI_FRAME_TOP);
                CHECK(a->row + a->rows <= l->rows - CAPOS_UI_FRAME_BOTTOM);
                CHECK(a->columns > 0 && a->rows > 0);
                for (uint32_t k = i + 1; k < l->n; k++)
                        if (l->nodes[k].kind == CAPOS_UI_PANE && l->nodes[k].visible)
                                CHECK(!overlap(a, &l->nodes[k]));
        }
        for (uint32_t i = 0; i < n; i++)
                CHECK_EQ(seen[i], 1);
}

static void spot_draw(struct ui_spot *s, uint32_t i)
{
        static const char *const tabs[] = {"", "", "x", "yy"};

        *s = (struct ui_spot){
                .surface = surface(i),
                .service = draw(3),
                .kind = draw(12), /* one more than there are */
                .place = draw(5), /* likewise */
                .weight = draw(14),
                .min_columns = draw(3) ? draw(40) : draw(70000),
                .min_rows = draw(3) ? draw(12) : draw(70000),
                .order = (int32_t)draw(7) - 3,
                .tab = capnp_text_of(tabs[draw(4)]),
                .front = draw(100),
                .collapsed = !draw(6),
                .pinned = !draw(8),
        };
}

TEST_T(any_layout_holds_together, 120)
{
        static struct capos_ui_layout l, again;
        struct ui_spot spots[CAPOS_UI_SURFACES];

        for (unsigned round = 0; round < 20000; round++) {
                uint32_t n = 1 + draw(CAPOS_UI_SURFACES);
                uint16_t columns = (uint16_t)(draw(4) ? 20 + draw(220) : draw(65536));
                uint16_t rows = (uint16_t)(draw(4) ? 6 + draw(60) : draw(65536));

                for (uint32_t i = 0; i < n; i++)
                        spot_draw(&spots[i], i);
                memset(&l, 0, sizeof(l));
                memset(&again, 0, sizeof(again));
                ui_layout_of(spots, n, columns, rows, &l);
                ui_layout_of(spots, n, columns, rows, &again);
                layout_check(&l, n);
                CHECK_MEM(&l, &again, sizeof(l));
        }
}

TEST(no_panes_no_nodes)
{
        struct capos_ui_layout l;

        ui_layout_of(NULL, 0, 80, 24, &l);
        CHECK_EQ(l.n, 0);
        CHECK_EQ(l.columns, 80);
        CHECK_EQ(l.rows, 24);
}

TEST(no_room_at_all)
{
        struct ui_spot spot = {.surface = surface(0)};
        struct capos_ui_layout l;

        for (uint16_t rows = 0; rows <= CAPOS_UI_FRAME_TOP + CAPOS_UI_FRAME_BOTTOM; rows++) {
                ui_layout_of(&spot, 1, 80, rows, &l);
                CHECK_EQ(l.n, 1);
                CHECK_EQ(l.nodes[0].rows, 0);
                CHECK(!l.nodes[0].visible);
        }
}
