/*
 * JSON in: RFC 8259 and nothing else. No comment, no comma at the end, no number with a leading
 * zero, no control character and no half of a UTF-16 pair in a string.
 */
#include "dynamic-tree.h"

#include "dynamic-buf.h"

static void json_skip(struct tree *t)
{
        while (t->at < t->len && memchr(" \t\r\n", t->p[t->at], 4))
                t->at++;
}

/* ---- strings ------------------------------------------------------------------------------ */

/* The four digits of \u; -1: they are not. */
static int32_t hex_unit(const char *p, size_t left)
{
        int32_t v = 0;

        for (size_t i = 0; i < 4; i++) {
                int d = i < left ? tree_hex(p[i]) : -1;

                if (d < 0)
                        return -1;
                v = v << 4 | d;
        }

        return v;
}

/* The character of an escape sequence that begins at p with a backslash, and its length; a length
 * of 0: there is no such sequence. */
static uint32_t json_escaped(const char *p, size_t left, unsigned *ret_len)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *at = left > 1 && p[1] ? strchr(from, p[1]) : NULL;
        int32_t high, low;

        *ret_len = at ? 2 : 0;
        if (at)
                return (uint8_t)to[at - from];

        if (left < 6 || p[1] != 'u')
                return 0;

        high = hex_unit(p + 2, left - 2);
        *ret_len = high >= 0 ? 6 : 0;
        if (high < 0xd800 || high > 0xdfff)
                return (uint32_t)high;

        low = left >= 12 && p[6] == '\\' && p[7] == 'u' ? hex_unit(p + 8, left - 8) : -1;
        *ret_len = high < 0xdc00 && low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
        return 0x10000 + ((uint32_t)(high & 0x3ff) << 10) + (uint32_t)(low & 0x3ff);
}

static int json_string(struct tree *t, const struct tree_path *path)
{
        unsigned n;

        for (t->at++; tree_at(t, t->at) != '"'; t->at += n) {
                n = 1;
                if (t->at >= t->len || (uint8_t)t->p[t->at] < 0x20)
                        return tree_want(t, path, "a control character in a string");
                if (t->p[t->at] == '\\')
                        (void)json_escaped(t->p + t->at, t->len - t->at, &n);
                if (!n)
                        return tree_want(t, path, "no such escape sequence");
        }

        t->at++;
        return 0;
}

static uint32_t utf8_put(char *out, uint32_t c)
{
        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }

        if (c < 0x800) {
                out[0] = (char)(0xc0 | c >> 6);
                out[1] = (char)(0x80 | (c & 0x3f));
                return 2;
        }

        if (c < 0x10000) {
                out[0] = (char)(0xe0 | c >> 12);
                out[1] = (char)(0x80 | (c >> 6 & 0x3f));
                out[2] = (char)(0x80 | (c & 0x3f));
                return 3;
        }

        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3f));
        out[2] = (char)(0x80 | (c >> 6 & 0x3f));
        out[3] = (char)(0x80 | (c & 0x3f));
        return 4;
}

uint32_t tree_json_unescape(const char *p, uint32_t len, char *out)
{
        uint32_t n = 0;
        unsigned step;

        for (uint32_t i = 1; i + 1 < len; i += step) {
                step = 1;
                if (p[i] == '\\')
                        n += utf8_put(out + n, json_escaped(p + i, len - i, &step));
                else
                        out[n++] = p[i];
        }

        return n;
}

/* ---- numbers, words ----------------------------------------------------------------------- */

static uint32_t json_digits(struct tree *t)
{
        uint32_t start = t->at;

        while (tree_is_digit(tree_at(t, t->at)))
                t->at++;
        return t->at - start;
}

static int json_number(struct tree *t, const struct tree_path *path)
{
        uint32_t start;

        t->at += tree_at(t, t->at) == '-';
        start = t->at;
        if (!json_digits(t))
                return tree_want(t, path, "not a number");

        if (t->p[start] == '0' && t->at - start > 1)
                return tree_fail(t, CAPNP_E_SYNTAX, start, path, "a number begins with 0");

        if (tree_at(t, t->at) == '.') {
                t->at++;
                if (!json_digits(t))
                        return tree_want(t, path, "no digit behind the point");
        }

        if ((tree_at(t, t->at) | 0x20) == 'e') {
                t->at++;
                t->at += tree_at(t, t->at) == '+' || tree_at(t, t->at) == '-';
                if (!json_digits(t))
                        return tree_want(t, path, "no digit in the exponent");
        }

        return 0;
}

bool tree_json_is_number(capnp_text text)
{
        struct tree t = {.p = text.p, .len = text.len, .open = TREE_NONE};

        return !json_number(&t, NULL) && t.at == t.len;
}

static int json_word(struct tree *t, const struct tree_path *path)
{
        static const char *const words[] = {"true", "false", "null"};

        for (unsigned i = 0; i < 3; i++) {
                size_t n = strlen(words[i]);

                if (t->len - t->at >= n && !memcmp(t->p + t->at, words[i], n)) {
                        t->at += (uint32_t)n;
                        return 0;
                }
        }

        return tree_want(t, path, "expected a value");
}

/* ---- the table ---------------------------------------------------------------------------- */

/* A key and its colon. */
static int json_key(struct tree *t, struct tree_path *path, uint32_t *ret_at)
{
        int r;

        *ret_at = t->at + 1;
        if (tree_at(t, t->at) != '"')
                return tree_want(t, path->up, "expected a field name in quotes");

        r = json_string(t, path->up);
        if (r)
                return r;

        path->name = t->p + *ret_at;
        path->len = t->at - 1 - *ret_at;
        json_skip(t);
        if (tree_at(t, t->at) != ':')
                return tree_want(t, path, "expected :");

        t->at++;
        json_skip(t);
        return 0;
}

static enum tree_kind json_kind(const struct tree *t)
{
        char c = tree_at(t, t->at);

        switch (c) {
        case '{':
                return TREE_OBJECT;
        case '[':
                return TREE_LIST;
        case '"':
                return TREE_STRING;
        default:
                return c == '-' || tree_is_digit(c) ? TREE_NUMBER : TREE_WORD;
        }
}

static int json_leaf(struct tree *t, const struct tree_path *path, struct tree_node *n)
{
        if (n->kind == TREE_STRING)
                return json_string(t, path);

        return n->kind == TREE_NUMBER ? json_number(t, path) : json_word(t, path);
}

const struct tree_syntax tree_json = {
        .is_json = true,
        .close = '}',
        .more = "expected , or }",
        .skip = json_skip,
        .kind = json_kind,
        .key = json_key,
        .leaf = json_leaf,
};
