/*
 * Layout. Three places: the middle, which has what is looked at, a side beside it, and a bottom
 * below both; and a shelf of one row for panes of which only the title is wanted. Within the middle
 * and the side panes stand above each other, at the bottom side by side, in the middle also when
 * each can have a comfortable width. Each gets its share by weight, but not less than its least
 * size.
 *
 * What does not fit becomes tabs, the last ones first; what fits not even so moves to the middle.
 * So nothing overlaps, nothing is lost, and there is always a layout. A screen like a phone's has
 * one pane and a switcher.
 *
 * Wishes come from services, so they are bounded here once more: no wish makes a place larger than
 * half of the room beside the middle, and none reaches the frame's rows.
 *
 * Positions are for terminals; who has a layout engine of his own takes kinds and weights.
 */
#include "ui-layout.h"

#include <string.h>

#include "remote_ui.capnp-c.h"

enum {
        WHOLE = 12,          /* weights of a place */
        NO_WISH = 6,         /* the weight of who has none */
        SIDE_WEIGHT = 4,     /* of the width */
        BOTTOM_WEIGHT = 3,   /* of the height */
        NARROW_COLUMNS = 60, /* below that there is one pane at a time */
        NARROW_ROWS = 10,
        SIDE_COLUMNS = 80, /* below that there is no side */
        WIDE_COLUMNS = 60, /* what each needs to stand beside others in the middle */
        LEAST_COLUMNS = 20,
        LEAST_ROWS = 4,
        TITLE = 1, /* row of a pane's title, or of tabs */
        GAP = 1,   /* column between two panes */
};

struct box {
        uint16_t column, row, columns, rows;
};

/* Panes that share one frame; one alone is the usual case. */
struct group {
        uint8_t at[CAPOS_UI_SURFACES]; /* places among the spots */
        uint8_t n, weight;
        uint16_t columns, rows; /* the least */
        bool pinned;
};

struct part {
        struct group groups[CAPOS_UI_SURFACES];
        uint8_t n;
};

struct plan {
        const struct ui_spot *spots;
        struct capos_ui_layout *to;
        struct box room; /* all but the frame */
        struct part main, side, bottom, shelf;
};

/* Where a kind goes by itself: what is read or worked in to the middle, what is glanced at to the
 * side. */
static const uint8_t place_of_kind[] = {
        [UI_SURFACE_KIND_TEXT] = CAPOS_UI_MAIN,       [UI_SURFACE_KIND_LOG] = CAPOS_UI_BOTTOM,
        [UI_SURFACE_KIND_LIST] = CAPOS_UI_SIDE,       [UI_SURFACE_KIND_TABLE] = CAPOS_UI_MAIN,
        [UI_SURFACE_KIND_TREE] = CAPOS_UI_SIDE,       [UI_SURFACE_KIND_COUNTERS] = CAPOS_UI_SIDE,
        [UI_SURFACE_KIND_CHART] = CAPOS_UI_MAIN,      [UI_SURFACE_KIND_FORM] = CAPOS_UI_MAIN,
        [UI_SURFACE_KIND_PROGRESS] = CAPOS_UI_SIDE,   [UI_SURFACE_KIND_MAP] = CAPOS_UI_MAIN,
        [UI_SURFACE_KIND_TRANSCRIPT] = CAPOS_UI_MAIN,
};

static uint32_t at_most(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static uint32_t at_least(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

/* ---- who stands where ------------------------------------------------------------------------ */

static unsigned spot_place(const struct ui_spot *s)
{
        if (s->place == CAPOS_UI_MAIN || s->place == CAPOS_UI_SIDE || s->place == CAPOS_UI_BOTTOM)
                return s->place;
        return s->kind < sizeof(place_of_kind) ? place_of_kind[s->kind] : CAPOS_UI_MAIN;
}

/* A pane's least size. A service's wish counts as far as half of the room: one pane does not drive
 * the others into tabs. */
static void group_add(const struct plan *p, struct group *g, uint8_t at)
{
        const struct ui_spot *s = &p->spots[at];
        uint32_t part = s->pinned ? 1 : 2, weight = s->weight ? at_most(s->weight, WHOLE) : NO_WISH;
        uint32_t columns = at_least(at_most(s->min_columns, p->room.columns / part), LEAST_COLUMNS);
        uint32_t rows =
                at_least(at_most(s->min_rows + TITLE, p->room.rows / part), LEAST_ROWS + TITLE);

        g->at[g->n++] = at;
        g->weight = (uint8_t)at_least(g->weight, weight);
        g->columns = (uint16_t)at_least(g->columns, columns);
        g->rows = (uint16_t)at_least(g->rows, rows);
        g->pinned |= s->pinned;
}

static bool tabs_fit(const struct ui_spot *a, const struct ui_spot *b)
{
        return a->service == b->service && a->tab.len > 0 && a->tab.len == b->tab.len &&
               !memcmp(a->tab.p, b->tab.p, a->tab.len);
}

static void part_add(struct plan *p, struct part *part, uint8_t at, bool together)
{
        for (unsigned i = 0; i < part->n; i++) {
                struct group *g = &part->groups[i];

                if (!together && !tabs_fit(&p->spots[g->at[0]], &p->spots[at]))
                        continue;
                group_add(p, g, at);
                return;
        }
        part->groups[part->n] = (struct group){.n = 0};
        group_add(p, &part->groups[part->n++], at);
}

static void part_append(struct part *to, struct part *from)
{
        for (unsigned i = 0; i < from->n; i++)
                to->groups[to->n++] = from->groups[i];
        from->n = 0;
}

/* Makes tabs of the group at i and the one before it. */
static void part_join(struct part *part, unsigned i)
{
        struct group *a = &part->groups[i - 1], *b = &part->groups[i];

        memcpy(a->at + a->n, b->at, b->n);
        a->n = (uint8_t)(a->n + b->n);
        a->weight = (uint8_t)at_least(a->weight, b->weight);
        a->columns = (uint16_t)at_least(a->columns, b->columns);
        a->rows = (uint16_t)at_least(a->rows, b->rows);
        a->pinned |= b->pinned;
        part->n--;
        memmove(b, b + 1, (part->n - i) * sizeof(*b));
}

static uint32_t group_least(const struct group *g, bool across)
{
        return across ? g->columns : g->rows;
}

static uint32_t part_sum(const struct part *part, bool across)
{
        uint32_t sum = 0;

        for (unsigned i = 0; i < part->n; i++)
                sum += group_least(&part->groups[i], across) + (across && i ? GAP : 0);
        return sum;
}

static uint32_t part_most(const struct part *part, bool across)
{
        uint32_t most = 0;

        for (unsigned i = 0; i < part->n; i++)
                most = at_least(most, group_least(&part->groups[i], across));
        return most;
}

/* Joins the last ones until all that is left has room. What is pinned stands alone the longest. */
static void part_fit(struct part *part, bool across, uint32_t room)
{
        while (part->n > 1 && part_sum(part, across) > room) {
                unsigned i = part->n - 1u;

                while (i > 1 && (part->groups[i].pinned || part->groups[i - 1].pinned))
                        i--;
                if (part->groups[i].pinned || part->groups[i - 1].pinned)
                        i = part->n - 1u;
                part_join(part, i);
        }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct capos_ui_node *node_add(struct plan *p, enum capos_ui_node_kind kind, struct box b,
                                      unsigned weight)
{
        struct capos_ui_node *n = &p->to->nodes[p->to->n++];

        *n = (struct capos_ui_node){
                .kind = kind,
                .column = b.column,
                .row = b.row,
                .columns = b.columns,
                .rows = b.rows,
                .weight = (uint8_t)weight,
        };
        return n;
}

static void node_end(struct plan *p, struct capos_ui_node *n)
{
        n->nodes = (uint8_t)(&p->to->nodes[p->to->n] - n - 1);
}

static void pane_put(struct plan *p, const struct ui_spot *s, struct box b, unsigned weight,
                     bool seen)
{
        struct capos_ui_node *n = node_add(p, CAPOS_UI_PANE, b, weight);

        n->surface = s->surface;
        n->visible = seen && b.columns > 0 && b.rows > 0;
}

static int8_t group_front(const struct plan *p, const struct group *g)
{
        unsigned front = 0;

        for (unsigned i = 1; i < g->n; i++)
                if (p->spots[g->at[i]].front > p->spots[g->at[front]].front)
                        front = i;
        return (int8_t)front;
}

static void tabs_put(struct plan *p, const struct group *g, struct box b, unsigned weight,
                     int8_t front)
{
        struct capos_ui_node *n = node_add(p, CAPOS_UI_TABS, b, weight);
        unsigned titles = at_most(b.rows, TITLE);

        n->front = front;
        n->children = g->n;
        b.row = (uint16_t)(b.row + titles);
        b.rows = (uint16_t)(b.rows - titles);
        for (unsigned i = 0; i < g->n; i++)
                pane_put(p, &p->spots[g->at[i]], b, NO_WISH, (int)i == front);
        node_end(p, n);
}

static void group_put(struct plan *p, const struct group *g, struct box b, unsigned weight)
{
        if (g->n > 1)
                tabs_put(p, g, b, weight, group_front(p, g));
        else
                pane_put(p, &p->spots[g->at[0]], b, weight, true);
}

/* Shares room by weight; who would get less than its least gets that, and the others the rest. */
static void part_share(const struct part *part, bool across, uint32_t room, uint16_t *ret_lens)
{
        bool fixed[CAPOS_UI_SURFACES] = {false}, again = true;
        uint32_t left = room, weights = 0;

        while (again) {
                again = false;
                left = room;
                weights = 0;
                for (unsigned i = 0; i < part->n; i++) {
                        if (fixed[i])
                                left -= group_least(&part->groups[i], across);
                        else
                                weights += part->groups[i].weight;
                }
                for (unsigned i = 0; i < part->n; i++) {
                        const struct group *g = &part->groups[i];

                        if (fixed[i] || left * g->weight >= group_least(g, across) * weights)
                                continue;
                        fixed[i] = again = true;
                        break;
                }
        }

        /* Each ends where the shares up to it end: nothing is lost by rounding. */
        for (unsigned i = 0, sum = 0, begun = 0; i < part->n; i++) {
                const struct group *g = &part->groups[i];

                if (fixed[i]) {
                        ret_lens[i] = (uint16_t)group_least(g, across);
                        continue;
                }
                sum += g->weight;
                ret_lens[i] = (uint16_t)(left * sum / weights - begun);
                begun = left * sum / weights;
        }
}

static void part_put(struct plan *p, const struct part *part, bool across, struct box b,
                     unsigned weight)
{
        uint16_t lens[CAPOS_UI_SURFACES];
        struct capos_ui_node *n;

        if (part->n == 1) {
                group_put(p, &part->groups[0], b, weight);
                return;
        }

        n = node_add(p, across ? CAPOS_UI_COLUMNS : CAPOS_UI_ROWS, b, weight);
        n->children = part->n;
        part_share(part, across, across ? b.columns - (part->n - 1u) * GAP : b.rows, lens);
        for (unsigned i = 0; i < part->n; i++) {
                if (across)
                        b.columns = lens[i];
                else
                        b.rows = lens[i];
                group_put(p, &part->groups[i], b, part->groups[i].weight);
                if (across)
                        b.column = (uint16_t)(b.column + lens[i] + GAP);
                else
                        b.row = (uint16_t)(b.row + lens[i]);
        }
        node_end(p, n);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Which is ahead: by the order that is wished, else by who came first. */
static void spots_sort(const struct ui_spot *spots, uint32_t n, uint8_t *ret_at)
{
        for (uint32_t i = 0; i < n; i++) {
                uint32_t j = i;

                for (; j > 0 && spots[ret_at[j - 1]].order > spots[i].order; j--)
                        ret_at[j] = ret_at[j - 1];
                ret_at[j] = (uint8_t)i;
        }
}

static void plan_narrow(struct plan *p, const uint8_t *at, uint32_t n, struct box all)
{
        p->to->narrow = true;
        for (uint32_t i = 0; i < n; i++)
                part_add(p, &p->main, at[i], true);
        group_put(p, &p->main.groups[0], all, WHOLE);
}

static void plan_sort(struct plan *p, const uint8_t *at, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                const struct ui_spot *s = &p->spots[at[i]];
                unsigned place = spot_place(s);

                if (s->collapsed)
                        part_add(p, &p->shelf, at[i], true);
                else
                        part_add(p,
                                 place == CAPOS_UI_SIDE     ? &p->side
                                 : place == CAPOS_UI_BOTTOM ? &p->bottom
                                                            : &p->main,
                                 at[i], false);
        }
        if (!p->main.n)
                part_append(&p->main, &p->side);
        if (!p->main.n)
                part_append(&p->main, &p->bottom);
}

/* The length of a place beside the middle; 0: it has no room, and what is in it moves there. */
static uint16_t plan_beside(struct plan *p, struct part *part, bool across, uint32_t room,
                            uint32_t weight)
{
        uint32_t least = part_most(part, across);

        if (!part->n)
                return 0;

        if (least > room / 2) {
                part_append(&p->main, part);
                return 0;
        }
        return (uint16_t)at_least(at_most(room * weight / WHOLE, room / 2), least);
}

static void plan_main(struct plan *p, struct box b, unsigned weight)
{
        bool across = p->main.n > 1 && b.columns / p->main.n >= WIDE_COLUMNS &&
                      part_sum(&p->main, true) <= b.columns && part_most(&p->main, false) <= b.rows;

        part_fit(&p->main, across, across ? b.columns : b.rows);
        part_put(p, &p->main, across, b, weight);
}

/* The middle, and the side if there is one. */
static void plan_upper(struct plan *p, struct box b, uint16_t side, unsigned weight)
{
        struct capos_ui_node *n;
        struct box right = b;

        if (!side) {
                plan_main(p, b, weight);
                return;
        }

        n = node_add(p, CAPOS_UI_COLUMNS, b, weight);
        n->children = 2;
        right.columns = side;
        b.columns = (uint16_t)(b.columns - side - GAP);
        right.column = (uint16_t)(b.column + b.columns + GAP);
        plan_main(p, b, WHOLE - SIDE_WEIGHT);
        part_fit(&p->side, false, b.rows);
        part_put(p, &p->side, false, right, SIDE_WEIGHT);
        node_end(p, n);
}

static void plan_wide(struct plan *p, struct box all)
{
        struct capos_ui_node *n = NULL;
        uint16_t shelf = p->shelf.n ? TITLE : 0, side, bottom;
        struct box b = all;

        b.rows = (uint16_t)(b.rows - shelf);
        if (all.columns < SIDE_COLUMNS)
                part_append(&p->main, &p->side);
        side = plan_beside(p, &p->side, true, b.columns, SIDE_WEIGHT);
        part_fit(&p->bottom, true, b.columns);
        bottom = plan_beside(p, &p->bottom, false, b.rows, BOTTOM_WEIGHT);

        if ((p->main.n > 0) + (bottom > 0) + shelf > 1) {
                n = node_add(p, CAPOS_UI_ROWS, all, WHOLE);
                n->children = (uint8_t)((p->main.n > 0) + (bottom > 0) + shelf);
        }
        b.rows = (uint16_t)(b.rows - bottom);
        if (p->main.n)
                plan_upper(p, b, side, n ? WHOLE - BOTTOM_WEIGHT : WHOLE);
        b.row = (uint16_t)(b.row + b.rows);
        b.rows = bottom;
        if (bottom)
                part_put(p, &p->bottom, true, b, BOTTOM_WEIGHT);
        b.row = (uint16_t)(all.row + all.rows - shelf);
        b.rows = shelf;
        if (shelf)
                tabs_put(p, &p->shelf.groups[0], b, 1, -1);
        if (n)
                node_end(p, n);
}

void ui_layout_of(const struct ui_spot *spots, uint32_t n, uint16_t columns, uint16_t rows,
                  struct capos_ui_layout *ret_l)
{
        struct box all = {0, CAPOS_UI_FRAME_TOP, columns, 0};
        uint8_t at[CAPOS_UI_SURFACES];
        struct plan p;

        *ret_l = (struct capos_ui_layout){.columns = columns, .rows = rows};
        if (rows > CAPOS_UI_FRAME_TOP + CAPOS_UI_FRAME_BOTTOM)
                all.rows = (uint16_t)(rows - CAPOS_UI_FRAME_TOP - CAPOS_UI_FRAME_BOTTOM);
        if (!n)
                return;

        p.spots = spots;
        p.to = ret_l;
        p.room = all;
        p.main.n = p.side.n = p.bottom.n = p.shelf.n = 0;
        spots_sort(spots, n, at);
        if (all.columns < NARROW_COLUMNS || all.rows < NARROW_ROWS) {
                plan_narrow(&p, at, n, all);
                return;
        }
        plan_sort(&p, at, n);
        plan_wide(&p, all);
}
