/*
 * The tree of a text, and faults.
 *
 * Parsing is done in two steps, syntax first, because a list in a message is born with its length
 * and a text only tells it at the end. The step in between costs 32 bytes a value, and a value has
 * at least two bytes of the text, whose length is limited.
 *
 * The recursion is tree_value → tree_items → tree_value; depth counts down. What a language has of
 * its own is in its table (dynamic-json-read.c, dynamic-text-read.c).
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

int tree_want(struct tree *t, const struct tree_path *path, const char *what)
{
        uint32_t line = 1, start = 0;

        if (t->at < t->len)
                return tree_fail(t, CAPNP_E_SYNTAX, t->at, path, "%s", what);
        if (t->open == TREE_NONE)
                return tree_fail(t, CAPNP_E_SYNTAX, t->at, path, "the text ends too early");

        /* The end is where it shows; what somebody wants to see is where it began. */
        for (uint32_t i = 0; i < t->open; i++)
                if (t->p[i] == '\n') {
                        line++;
                        start = i + 1;
                }
        return tree_fail(t, CAPNP_E_SYNTAX, t->at, path,
                         "the text ends too early: the %c of %u:%u is not closed", t->p[t->open],
                         line, t->open - start + 1);
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

static int tree_add(struct tree *t, struct tree_node node, uint32_t *ret_node)
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

/* Appends an item to an object or list. last: the item before it, TREE_NONE at first. */
static void tree_append(struct tree *t, uint32_t parent, uint32_t *last, uint32_t item)
{
        if (*last == TREE_NONE)
                t->nodes[parent].first = item;
        else
                t->nodes[*last].next = item;
        t->nodes[parent].n++;
        *last = item;
}

/* ---- values ------------------------------------------------------------------------------- */

static int tree_value(struct tree *t, const struct tree_path *path, uint32_t depth,
                      uint32_t *ret_node);

/* Behind an item: true when another follows, with t->at before it. */
static int tree_more(struct tree *t, const struct tree_path *path, char close, bool *ret_more)
{
        const struct tree_syntax *x = t->syntax;
        bool comma;

        x->skip(t);
        comma = tree_at(t, t->at) == ',';
        if (comma) {
                t->at++;
                x->skip(t);
        }
        *ret_more = comma && !(x->last_comma && tree_at(t, t->at) == close);
        if (*ret_more)
                return 0;
        if (tree_at(t, t->at) != close)
                return tree_want(t, path, close == ']' ? "expected , or ]" : x->more);

        t->at++;
        return 0;
}

/* The items of a list, or the members of an object, and the brackets around them. */
static int tree_items(struct tree *t, const struct tree_path *up, uint32_t depth, uint32_t self)
{
        bool more, is_list = t->nodes[self].kind == TREE_LIST;
        uint32_t last = TREE_NONE, item, key = 0, outer = t->open;
        struct tree_path path = {.up = up, .name = is_list ? NULL : ""};
        char close = is_list ? ']' : t->syntax->close;
        int r = 0;

        t->open = t->at++;
        t->syntax->skip(t);
        more = tree_at(t, t->at) != close;
        t->at += !more;
        while (!r && more) {
                if (!is_list)
                        r = t->syntax->key(t, &path, &key);
                if (!r)
                        r = tree_value(t, &path, depth, &item);
                if (r)
                        return r;
                t->nodes[item].key_at = key;
                t->nodes[item].key_len = path.len;
                tree_append(t, self, &last, item);
                path.i++;
                r = tree_more(t, up, close, &more);
        }

        t->open = r ? t->open : outer;
        return r;
}

static int tree_value(struct tree *t, const struct tree_path *path, uint32_t depth,
                      uint32_t *ret_node)
{
        enum tree_kind kind = t->syntax->kind(t);
        bool nests = kind == TREE_OBJECT || kind == TREE_LIST;
        int r;

        if (!depth && nests)
                return tree_fail(t, CAPNP_E_LIMIT, t->at, path, "nested too deeply");

        r = tree_add(t, (struct tree_node){.kind = (uint8_t)kind, .at = t->at}, ret_node);
        if (r)
                return r;

        if (nests)
                r = tree_items(t, path, depth - 1, *ret_node);
        else
                r = t->syntax->leaf(t, path, &t->nodes[*ret_node]);
        if (kind != TREE_PAREN)
                t->nodes[*ret_node].len = t->at - t->nodes[*ret_node].at;
        return r;
}

/* ---- the whole ---------------------------------------------------------------------------- */

int tree_read(struct tree *t, capnp_text text, const struct tree_syntax *syntax,
              const struct capnp_dynamic_opts *o, struct capnp_fault *fault)
{
        uint32_t max = o && o->text_bytes ? o->text_bytes : TREE_TEXT_MAX, root;
        uint32_t depth = o && o->depth ? o->depth : DYNAMIC_DEPTH;
        int r;

        *t = (struct tree){.p = text.p,
                           .len = text.len,
                           .is_json = syntax->is_json,
                           .syntax = syntax,
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

        syntax->skip(t);
        r = tree_value(t, NULL, depth, &root);
        if (r)
                return r;

        syntax->skip(t);
        if (t->at < t->len && !t->is_json && t->nodes[root].kind == TREE_WORD)
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
