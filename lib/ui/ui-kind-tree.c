/*
 * A tree, as a list of nodes that name their parents. A parent comes before its children, so there
 * is no circle; who draws goes through once. A node that is taken away takes along all below it.
 */
#include "ui-kind.h"
#include "ui-pen.h"

enum { NODES = 2000, DEEP = 12 };

static const struct ui_field node_fields[] = {
        UI_F_TEXT("key", 0, UI_TEXT_KEY),
        UI_F_TEXT("parent", 1, UI_TEXT_REFERENCE),
        UI_F_TEXT("title", 2, UI_TEXT_TITLE),
        UI_F_TEXT("detail", 3, UI_TEXT_SUMMARY),
        UI_F_TONE("tone", 0),
        UI_F_ICON("icon", 2),
        UI_F_PLAIN("open", 4),
        UI_F_COMMANDS(4),
};

const struct ui_shape ui_shape_node = {
        .id = UI_NODE_ID,
        .words = UI_NODE_WORDS,
        .ptrs = UI_NODE_PTRS,
        UI_SHAPE_FIELDS(node_fields),
};

static const struct ui_field tree_fields[] = {
        UI_F_STRUCTS("nodes", 0, ui_shape_node, NODES),
};

const struct ui_shape ui_shape_tree = {
        .id = UI_TREE_ID,
        .words = UI_TREE_WORDS,
        .ptrs = UI_TREE_PTRS,
        UI_SHAPE_FIELDS(tree_fields),
};

/* The place of a node's parent; UINT32_MAX: it is a root, or names none. */
static uint32_t parent_of(const struct ui_model *m, uint32_t i, bool *ret_root)
{
        capnp_text parent = ui_node_parent((ui_node_reader){ui_model_element(m, i)});

        *ret_root = !parent.len;
        return parent.len ? ui_model_find(m, parent) : UINT32_MAX;
}

static int tree_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        uint8_t depth[NODES];

        for (uint32_t i = 0; i < m->n; i++) {
                bool root;
                uint32_t parent = parent_of(m, i, &root);

                if (!root && parent >= i)
                        return UI_WRONG(ret_why, "nodes[%u].parent: none that comes before it", i);
                depth[i] = root ? 1 : (uint8_t)(depth[parent] + 1);
                if (depth[i] > DEEP)
                        return UI_WRONG(ret_why, "nodes[%u]: more than %d deep", i, DEEP);
        }
        return 0;
}

static void tree_remove(const struct ui_model *m, bool *gone)
{
        for (uint32_t i = 0; i < m->n; i++) {
                bool root;
                uint32_t parent = parent_of(m, i, &root);

                if (parent < i && gone[parent])
                        gone[i] = true;
        }
}

static void node_draw(struct ui_pen *pen, ui_node_reader node, uint32_t depth, bool has_children)
{
        capnp_text title = ui_node_title(node);
        /* On a narrow page what is deep stands no deeper than half of it. */
        uint32_t half = pen->draw.columns / 2, indent = depth * 2 < half ? depth * 2 : half;

        ui_pen_add(pen, ui_tone_mark(ui_node_tone(node)));
        ui_pen_to(pen, indent);
        ui_pen_add(pen, !has_children ? "  " : ui_node_open(node) ? "- " : "+ ");
        ui_pen_words(pen, title.len ? title : ui_node_key(node), indent + 2);
        if (ui_node_detail(node).len) {
                ui_pen_words(pen, capnp_text_of(" - "), indent + 4);
                ui_pen_words(pen, ui_node_detail(node), indent + 4);
        }
        ui_pen_line(pen);
}

/* One after the other, each with all that is below it and shown. Nodes of one parent keep their
 * order, but need not stand together in the model. */
static void tree_draw(const struct ui_model *m, struct ui_pen *pen)
{
        struct {
                uint16_t first, last, next;
        } links[NODES + 1]; /* at n: of the roots; 0xffff: none */
        uint16_t way[DEEP + 1], depth = 0, at;

        for (uint32_t i = 0; i <= m->n; i++)
                links[i].first = links[i].last = links[i].next = UINT16_MAX;
        for (uint32_t i = 0; i < m->n; i++) {
                bool root;
                uint32_t up = parent_of(m, i, &root);

                up = root ? m->n : up;
                if (links[up].first == UINT16_MAX)
                        links[up].first = (uint16_t)i;
                else
                        links[links[up].last].next = (uint16_t)i;
                links[up].last = (uint16_t)i;
        }
        for (at = links[m->n].first; at != UINT16_MAX;) {
                ui_node_reader node = {ui_model_element(m, at)};
                bool has_children = links[at].first != UINT16_MAX;

                node_draw(pen, node, depth + 1u, has_children);
                if (has_children && ui_node_open(node)) {
                        way[depth++] = at;
                        at = links[at].first;
                        continue;
                }
                while (links[at].next == UINT16_MAX && depth)
                        at = way[--depth];
                at = links[at].next;
        }
}

const struct ui_kind ui_kind_tree = {
        .name = "tree",
        .id = UI_SURFACE_KIND_TREE,
        .whole = &ui_shape_tree,
        .element = &ui_shape_node,
        .slot = 0,
        .most = NODES,
        .keyed = true,
        .deltas = 1 << UI_MODEL_PATCH_NODES,
        .check = tree_check,
        .remove = tree_remove,
        .draw = tree_draw,
};
