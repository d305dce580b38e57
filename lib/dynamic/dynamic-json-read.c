/*
 * JSON in: RFC 8259 and nothing else. No comment, no comma at the end, no number with a leading
 * zero, no control character and no half of a UTF-16 pair in a string.
 *
 * The recursion is tree_json_value → json_object or json_list → tree_json_value; depth counts down.
 */
#include "dynamic-tree.h"

#include "dynamic-buf.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static int json_fail(struct tree *t, const struct tree_path *path, const char *what)
{
        if (t->at >= t->len)
                what = "the text ends too early";
        return tree_fail(t, CAPNP_E_SYNTAX, t->at, path, "%s", what);
}

void tree_json_skip(struct tree *t)
{
        while (t->at < t->len && memchr(" \t\r\n", t->p[t->at], 4))
                t->at++;
}

/* ---- strings ------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
        if (is_digit(c))
                return c - '0';

        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \u; -1: they are not. */
static int32_t hex_unit(const char *p, size_t left)
{
        int32_t v = 0;

        for (size_t i = 0; i < 4; i++) {
                int d = i < left ? hex_digit(p[i]) : -1;

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
                        return json_fail(t, path, "a control character in a string");
                if (t->p[t->at] == '\\')
                        (void)json_escaped(t->p + t->at, t->len - t->at, &n);
                if (!n)
                        return json_fail(t, path, "no such escape sequence");
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

        while (is_digit(tree_at(t, t->at)))
                t->at++;
        return t->at - start;
}

static int json_number(struct tree *t, const struct tree_path *path)
{
        uint32_t start;

        t->at += tree_at(t, t->at) == '-';
        start = t->at;
        if (!json_digits(t))
                return json_fail(t, path, "not a number");

        if (t->p[start] == '0' && t->at - start > 1)
                return tree_fail(t, CAPNP_E_SYNTAX, start, path, "a number begins with 0");

        if (tree_at(t, t->at) == '.') {
                t->at++;
                if (!json_digits(t))
                        return json_fail(t, path, "no digit behind the point");
        }

        if ((tree_at(t, t->at) | 0x20) == 'e') {
                t->at++;
                t->at += tree_at(t, t->at) == '+' || tree_at(t, t->at) == '-';
                if (!json_digits(t))
                        return json_fail(t, path, "no digit in the exponent");
        }

        return 0;
}

bool tree_json_is_number(capnp_text text)
{
        struct tree t = {.p = text.p, .len = text.len};

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

        return json_fail(t, path, "expected a value");
}

/* ---- objects, lists ----------------------------------------------------------------------- */

/* Behind an item: true when another follows, with t->at before it. */
static int json_more(struct tree *t, const struct tree_path *path, char close, bool *ret_more)
{
        tree_json_skip(t);
        *ret_more = tree_at(t, t->at) == ',';
        if (!*ret_more && tree_at(t, t->at) != close)
                return json_fail(t, path, close == '}' ? "expected , or }" : "expected , or ]");

        t->at++;
        tree_json_skip(t);
        return 0;
}

/* A key and its colon. */
static int json_key(struct tree *t, struct tree_path *path, uint32_t *ret_at)
{
        int r;

        *ret_at = t->at + 1;
        if (tree_at(t, t->at) != '"')
                return json_fail(t, path->up, "expected a field name in quotes");

        r = json_string(t, path->up);
        if (r)
                return r;

        path->name = t->p + *ret_at;
        path->len = t->at - 1 - *ret_at;
        tree_json_skip(t);
        if (tree_at(t, t->at) != ':')
                return json_fail(t, path, "expected :");

        t->at++;
        tree_json_skip(t);
        return 0;
}

static int json_object(struct tree *t, const struct tree_path *up, uint32_t depth, uint32_t self)
{
        uint32_t last = TREE_NONE, item, key;
        bool more;
        int r = 0;

        t->at++;
        tree_json_skip(t);
        more = tree_at(t, t->at) != '}';
        t->at += !more;
        while (!r && more) {
                struct tree_path path = {.up = up, .name = ""};

                r = json_key(t, &path, &key);
                if (!r)
                        r = tree_json_value(t, &path, depth, &item);
                if (r)
                        return r;
                t->nodes[item].key_at = key;
                t->nodes[item].key_len = path.len;
                tree_append(t, self, &last, item);
                r = json_more(t, up, '}', &more);
        }

        return r;
}

static int json_list(struct tree *t, const struct tree_path *up, uint32_t depth, uint32_t self)
{
        struct tree_path path = {.up = up};
        uint32_t last = TREE_NONE, item;
        bool more;
        int r = 0;

        t->at++;
        tree_json_skip(t);
        more = tree_at(t, t->at) != ']';
        t->at += !more;
        while (!r && more) {
                r = tree_json_value(t, &path, depth, &item);
                if (r)
                        return r;
                tree_append(t, self, &last, item);
                path.i++;
                r = json_more(t, up, ']', &more);
        }

        return r;
}

static enum tree_kind json_kind(char c)
{
        switch (c) {
        case '{':
                return TREE_OBJECT;
        case '[':
                return TREE_LIST;
        case '"':
                return TREE_STRING;
        default:
                return c == '-' || is_digit(c) ? TREE_NUMBER : TREE_WORD;
        }
}

int tree_json_value(struct tree *t, const struct tree_path *path, uint32_t depth,
                    uint32_t *ret_node)
{
        enum tree_kind kind = json_kind(tree_at(t, t->at));
        int r;

        if (!depth && (kind == TREE_OBJECT || kind == TREE_LIST))
                return tree_fail(t, CAPNP_E_LIMIT, t->at, path, "nested too deeply");

        r = tree_add(t, (struct tree_node){.kind = (uint8_t)kind, .at = t->at}, ret_node);
        if (r)
                return r;

        switch (kind) {
        case TREE_OBJECT:
                r = json_object(t, path, depth - 1, *ret_node);
                break;
        case TREE_LIST:
                r = json_list(t, path, depth - 1, *ret_node);
                break;
        case TREE_STRING:
                r = json_string(t, path);
                break;
        case TREE_NUMBER:
                r = json_number(t, path);
                break;
        case TREE_WORD:
        case TREE_BYTES:
        case TREE_PAREN:
                r = json_word(t, path);
                break;
        }

        t->nodes[*ret_node].len = t->at - t->nodes[*ret_node].at;
        return r;
}
