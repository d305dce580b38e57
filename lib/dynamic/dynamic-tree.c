/*
 * The tree of a text, and faults.
 *
 * Parsing is done in two steps, syntax first, because a list in a message is born with its length
 * and a text only tells it at the end. The step in between costs 32 bytes a value, and a value has
 * at least two bytes of the text, whose length is limited.
 *
 * Line and column are counted when they are needed, by reading the text once more.
 */
#include "dynamic-tree.h"

#include "dynamic-buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TREE_TEXT_MAX = 16 << 20 };

/* ---- faults ------------------------------------------------------------------------------- */

static void fault_place(const struct tree *t, uint32_t at)
{
        struct capnp_fault *f = t->fault;

        f->line = 1;
        f->column = 1;
        for (uint32_t i = 0; i < at && i < t->len; i++) {
                if (t->p[i] == '\n') {
                        f->line++;
                        f->column = 1;
                } else if (((uint8_t)t->p[i] & 0xc0) != 0x80) {
                        f->column++;
                }
        }
}

/* The end of a path is worth more than its beginning, so it is written from there. */
static void fault_path(struct capnp_fault *f, const struct tree_path *path)
{
        char text[sizeof(f->path)], part[64];
        size_t left = sizeof(text) - 1, n;

        text[left] = 0;
        for (; path; path = path->up) {
                bool dot = path->name && path->up;

                if (path->name)
                        n = (size_t)snprintf(part, sizeof(part), "%s%.*s", dot ? "." : "",
                                             path->len < 60 ? (int)path->len : 60, path->name);
                else
                        n = (size_t)snprintf(part, sizeof(part), "[%u]", path->i);
                if (n + 3 > left)
                        break;
                left -= n;
                memcpy(text + left, part, n);
        }

        if (path) {
                left -= 3;
                memcpy(text + left, "...", 3);
        }

        memcpy(f->path, text + left, sizeof(text) - left);
}

/* Names in a message may come from the text: only what can be shown is. */
static void fault_clean(char *s)
{
        while (*s) {
                unsigned n = dynamic_utf8(s, strlen(s));

                if (!n || (uint8_t)*s < 0x20 || *s == 0x7f)
                        *s = '?';
                s += n ? n : 1;
        }
}

int tree_fail(struct tree *t, int r, uint32_t at, const struct tree_path *path, const char *fmt,
              ...)
{
        struct capnp_fault *f = t->fault;
        va_list args;

        if (!f)
                return r;

        fault_place(t, at);
        fault_path(f, path);
        va_start(args, fmt);
        (void)vsnprintf(f->what, sizeof(f->what), fmt, args);
        va_end(args);
        fault_clean(f->path);
        fault_clean(f->what);
        return r;
}

int capnp_fault_print(const struct capnp_fault *f, const char *file, struct capnp_buf *to)
{
        struct dynamic_out o = {.b = to};
        size_t start = to->len;

        if (file) {
                dynamic_out_str(&o, file);
                dynamic_out_char(&o, ':');
        }

        if (f->line)
                dynamic_out_fmt(&o, "%u:%u:", f->line, f->column);
        if (file || f->line)
                dynamic_out_char(&o, ' ');
        if (f->path[0]) {
                dynamic_out_str(&o, f->path);
                dynamic_out_str(&o, ": ");
        }

        dynamic_out_str(&o, f->what);
        return dynamic_out_end(&o, start);
}

/* ---- nodes -------------------------------------------------------------------------------- */

int tree_add(struct tree *t, struct tree_node node, uint32_t *ret_node)
{
        if (t->n == t->room) {
                /* A text of 4 GiB has less than 2^31 values. */
                uint32_t room = !t->room ? 64 : t->room < 1u << 30 ? t->room * 2 : INT32_MAX;
                struct tree_node *p;

                if (t->n >= room)
                        return tree_fail(t, CAPNP_E_LIMIT, t->at, NULL, "too many values");

                p = realloc(t->nodes, room * sizeof(*p));
                if (!p)
                        return -ENOMEM;
                t->nodes = p;
                t->room = room;
        }

        node.next = TREE_NONE;
        node.first = TREE_NONE;
        t->nodes[t->n] = node;
        *ret_node = t->n++;
        return 0;
}

void tree_append(struct tree *t, uint32_t parent, uint32_t *last, uint32_t item)
{
        if (*last == TREE_NONE)
                t->nodes[parent].first = item;
        else
                t->nodes[*last].next = item;
        t->nodes[parent].n++;
        *last = item;
}

/* ---- the whole ---------------------------------------------------------------------------- */

int tree_read(struct tree *t, capnp_text text, bool is_json, const struct capnp_dynamic_opts *o,
              struct capnp_fault *fault)
{
        uint32_t max = o && o->text_bytes ? o->text_bytes : TREE_TEXT_MAX, root;
        uint32_t depth = o && o->depth ? o->depth : DYNAMIC_DEPTH;
        int r;

        *t = (struct tree){.p = text.p,
                           .len = text.len,
                           .is_json = is_json,
                           .open = TREE_NONE,
                           .fault = fault};
        depth = depth < DYNAMIC_DEPTH_MAX ? depth : DYNAMIC_DEPTH_MAX;
        if (fault)
                *fault = (struct capnp_fault){0};
        if (text.len > max)
                return tree_fail(t, CAPNP_E_LIMIT, 0, NULL, "longer than %u bytes", max);

        for (uint32_t i = 0; i < text.len;) {
                unsigned n = dynamic_utf8(text.p + i, text.len - i);

                if (!n)
                        return tree_fail(t, CAPNP_E_SYNTAX, i, NULL, "not UTF-8");
                i += n;
        }

        (is_json ? tree_json_skip : tree_text_skip)(t);
        r = (is_json ? tree_json_value : tree_text_value)(t, NULL, depth, &root);
        if (r)
                return r;

        (is_json ? tree_json_skip : tree_text_skip)(t);
        if (t->at < t->len && !is_json && t->nodes[root].kind == TREE_WORD)
                return tree_fail(t, CAPNP_E_SYNTAX, t->nodes[root].at, NULL, TREE_NO_STRUCT);
        if (t->at < t->len)
                return tree_fail(t, CAPNP_E_SYNTAX, t->at, NULL, "something follows the value");

        return 0;
}

void tree_deinit(struct tree *t)
{
        free(t->nodes);
        t->nodes = NULL;
}
