/*
 * Cap'n Proto text in: the values of the schema language (language reference), as `capnp encode`
 * takes them. Names of constants are not values here, and there is one value in a text.
 *
 * The recursion is tree_text_value → text_struct or text_list → tree_text_value; depth counts down.
 */
#include "dynamic-tree.h"

#include "dynamic-buf.h"

static int text_fail(struct tree *t, const struct tree_path *path, const char *what)
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

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_digit(char c)
{
        if (is_digit(c))
                return c - '0';

        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first byte that is neither blank nor in a comment. */
static uint32_t skip_blanks(const char *p, uint32_t at, uint32_t len)
{
        bool comment = false;

        for (; at < len; at++) {
                comment = p[at] != '\n' && (comment || p[at] == '#');
                if (!comment && !memchr(" \t\r\n\v\f", p[at], 6))
                        break;
        }

        return at;
}

void tree_text_skip(struct tree *t)
{
        t->at = skip_blanks(t->p, t->at, t->len);
}

/* ---- strings ------------------------------------------------------------------------------ */

/* The byte of an escape sequence that begins at p with a backslash, and its length; a length of 0:
 * there is no such sequence. */
static uint8_t text_escaped(const char *p, size_t left, unsigned *ret_len)
{
        static const char from[] = "abfnrtv'\"\\?", to[] = "\a\b\f\n\r\t\v'\"\\?";
        const char *at = left > 1 && p[1] ? strchr(from, p[1]) : NULL;
        unsigned v = 0, n = 1;

        *ret_len = at ? 2 : 0;
        if (at)
                return (uint8_t)to[at - from];

        if (left > 3 && p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
                *ret_len = 4;
                return (uint8_t)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
        }

        while (n < left && n < 4 && p[n] >= '0' && p[n] <= '7')
                v = v << 3 | (unsigned)(p[n++] - '0');
        *ret_len = n > 1 && v < 256 ? n : 0;
        return (uint8_t)v;
}

static int text_piece(struct tree *t, const struct tree_path *path)
{
        unsigned n;

        for (t->at++; tree_at(t, t->at) != '"'; t->at += n) {
                n = 1;
                if (t->at >= t->len || t->p[t->at] == '\n')
                        return text_fail(t, path, "the text is not closed in its line");
                if (t->p[t->at] == '\\')
                        (void)text_escaped(t->p + t->at, t->len - t->at, &n);
                if (!n)
                        return text_fail(t, path, "no such escape sequence");
        }

        t->at++;
        return 0;
}

/* Pieces side by side are one text. */
static int text_string(struct tree *t, const struct tree_path *path)
{
        uint32_t next;
        int r;

        for (;;) {
                r = text_piece(t, path);
                if (r)
                        return r;

                next = skip_blanks(t->p, t->at, t->len);
                if (tree_at(t, next) != '"')
                        return 0;
                t->at = next;
        }
}

uint32_t tree_text_unescape(const char *p, uint32_t len, char *out)
{
        bool inside = false;
        uint32_t n = 0;
        unsigned step;

        for (uint32_t i = 0; i < len; i += step) {
                step = 1;
                if (!inside)
                        i = skip_blanks(p, i, len);
                if (i < len && p[i] == '"')
                        inside = !inside;
                else if (i < len && p[i] == '\\')
                        out[n++] = (char)text_escaped(p + i, len - i, &step);
                else if (i < len)
                        out[n++] = p[i];
        }

        return n;
}

static int text_bytes(struct tree *t, const struct tree_path *path)
{
        for (t->at += 3; tree_at(t, t->at) != '"';) {
                if (tree_at(t, t->at) == ' ' || tree_at(t, t->at) == '\n') {
                        t->at++;
                        continue;
                }
                if (hex_digit(tree_at(t, t->at)) < 0 || hex_digit(tree_at(t, t->at + 1)) < 0)
                        return text_fail(t, path, "expected pairs of hexadecimal digits");
                t->at += 2;
        }

        t->at++;
        return 0;
}

uint32_t tree_text_bytes(const char *p, uint32_t len, char *out)
{
        uint32_t n = 0;

        for (uint32_t i = 3; i + 2 < len; i++)
                if (hex_digit(p[i]) >= 0) {
                        out[n++] = (char)(hex_digit(p[i]) << 4 | hex_digit(p[i + 1]));
                        i++;
                }

        return n;
}

/* ---- numbers, words ----------------------------------------------------------------------- */

static uint32_t text_digits(struct tree *t, bool hex)
{
        uint32_t start = t->at;

        while (is_digit(tree_at(t, t->at)) || (hex && hex_digit(tree_at(t, t->at)) >= 0))
                t->at++;
        return t->at - start;
}

static int text_fraction(struct tree *t, const struct tree_path *path, bool *ret_any)
{
        *ret_any = false;
        if (tree_at(t, t->at) == '.') {
                *ret_any = true;
                t->at++;
                if (!text_digits(t, false))
                        return text_fail(t, path, "no digit behind the point");
        }

        if ((tree_at(t, t->at) | 0x20) == 'e') {
                *ret_any = true;
                t->at++;
                t->at += tree_at(t, t->at) == '+' || tree_at(t, t->at) == '-';
                if (!text_digits(t, false))
                        return text_fail(t, path, "no digit in the exponent");
        }

        return 0;
}

/* Decimal, 0x hexadecimal, 0 octal; a fraction makes it decimal. */
static int text_number(struct tree *t, const struct tree_path *path)
{
        bool hex, octal, fraction = false;
        uint32_t start;
        int r = 0;

        t->at += tree_at(t, t->at) == '-';
        start = t->at;
        hex = tree_at(t, start) == '0' && (tree_at(t, start + 1) | 0x20) == 'x';
        t->at += hex ? 2 : 0;
        if (!text_digits(t, hex))
                return text_fail(t, path, "not a number");

        octal = !hex && t->p[start] == '0' && t->at - start > 1;
        if (!hex)
                r = text_fraction(t, path, &fraction);
        if (r)
                return r;

        for (uint32_t i = start; octal && i < t->at; i++)
                if (fraction || t->p[i] > '7')
                        return tree_fail(t, CAPNP_E_SYNTAX, i, path,
                                         "not an octal number, as which 0 begins one");
        if (is_letter(tree_at(t, t->at)) || is_digit(tree_at(t, t->at)))
                return text_fail(t, path, "not a number");

        return 0;
}

/* A name; `-inf`, too. */
static int text_word(struct tree *t, const struct tree_path *path)
{
        t->at += tree_at(t, t->at) == '-';
        if (!is_letter(tree_at(t, t->at)))
                return text_fail(t, path, path ? "expected a value" : TREE_NO_STRUCT);

        while (is_letter(tree_at(t, t->at)) || is_digit(tree_at(t, t->at)))
                t->at++;
        return 0;
}

/* ---- structs, lists ----------------------------------------------------------------------- */

/* Behind an item: true when another follows, with t->at before it. A comma may be the last. */
static int text_more(struct tree *t, const struct tree_path *path, char close, bool *ret_more)
{
        tree_text_skip(t);
        if (tree_at(t, t->at) == ',') {
                t->at++;
                tree_text_skip(t);
                *ret_more = tree_at(t, t->at) != close;
                t->at += !*ret_more;
                return 0;
        }

        if (tree_at(t, t->at) != close)
                return text_fail(t, path, close == ')' ? "expected , or )" : "expected , or ]");

        *ret_more = false;
        t->at++;
        return 0;
}

static int text_key(struct tree *t, struct tree_path *path, uint32_t *ret_at)
{
        *ret_at = t->at;
        if (!is_letter(tree_at(t, t->at)))
                return text_fail(t, path->up, "expected a field name");

        while (is_letter(tree_at(t, t->at)) || is_digit(tree_at(t, t->at)))
                t->at++;

        path->name = t->p + *ret_at;
        path->len = t->at - *ret_at;
        tree_text_skip(t);
        if (tree_at(t, t->at) != '=')
                return text_fail(t, path, "expected =");

        t->at++;
        tree_text_skip(t);
        return 0;
}

static int text_struct(struct tree *t, const struct tree_path *up, uint32_t depth, uint32_t self)
{
        uint32_t last = TREE_NONE, item, key, outer = t->open;
        bool more;
        int r = 0;

        t->open = t->at++;
        tree_text_skip(t);
        more = tree_at(t, t->at) != ')';
        t->at += !more;
        while (!r && more) {
                struct tree_path path = {.up = up, .name = ""};

                r = text_key(t, &path, &key);
                if (!r)
                        r = tree_text_value(t, &path, depth, &item);
                if (r)
                        return r;
                t->nodes[item].key_at = key;
                t->nodes[item].key_len = path.len;
                tree_append(t, self, &last, item);
                r = text_more(t, up, ')', &more);
        }

        t->open = r ? t->open : outer;
        return r;
}

static int text_list(struct tree *t, const struct tree_path *up, uint32_t depth, uint32_t self)
{
        struct tree_path path = {.up = up};
        uint32_t last = TREE_NONE, item, outer = t->open;
        bool more;
        int r = 0;

        t->open = t->at++;
        tree_text_skip(t);
        more = tree_at(t, t->at) != ']';
        t->at += !more;
        while (!r && more) {
                r = tree_text_value(t, &path, depth, &item);
                if (r)
                        return r;
                tree_append(t, self, &last, item);
                path.i++;
                r = text_more(t, up, ']', &more);
        }

        t->open = r ? t->open : outer;
        return r;
}

/* A number in parentheses: an enumerant without a name, as the reference prints it. */
static int text_paren(struct tree *t, const struct tree_path *path, struct tree_node *ret)
{
        int r;

        t->at++;
        tree_text_skip(t);
        ret->at = t->at;
        r = text_number(t, path);
        if (r)
                return r;

        ret->len = t->at - ret->at;
        tree_text_skip(t);
        if (tree_at(t, t->at) != ')')
                return text_fail(t, path, "expected )");

        t->at++;
        return 0;
}

static enum tree_kind text_kind(const struct tree *t)
{
        char c = tree_at(t, t->at);

        switch (c) {
        case '(':
                if (is_digit(tree_at(t, skip_blanks(t->p, t->at + 1, t->len))))
                        return TREE_PAREN;
                return TREE_OBJECT;
        case '[':
                return TREE_LIST;
        case '"':
                return TREE_STRING;
        case '0':
                if (tree_at(t, t->at + 1) == 'x' && tree_at(t, t->at + 2) == '"')
                        return TREE_BYTES;
                return TREE_NUMBER;
        case '-':
                return is_letter(tree_at(t, t->at + 1)) ? TREE_WORD : TREE_NUMBER;
        default:
                return is_digit(c) ? TREE_NUMBER : TREE_WORD;
        }
}

int tree_text_value(struct tree *t, const struct tree_path *path, uint32_t depth,
                    uint32_t *ret_node)
{
        enum tree_kind kind = text_kind(t);
        int r;

        if (!depth && (kind == TREE_OBJECT || kind == TREE_LIST))
                return tree_fail(t, CAPNP_E_LIMIT, t->at, path, "nested too deeply");

        r = tree_add(t, (struct tree_node){.kind = (uint8_t)kind, .at = t->at}, ret_node);
        if (r)
                return r;

        switch (kind) {
        case TREE_OBJECT:
                r = text_struct(t, path, depth - 1, *ret_node);
                break;
        case TREE_PAREN:
                return text_paren(t, path, &t->nodes[*ret_node]);
        case TREE_LIST:
                r = text_list(t, path, depth - 1, *ret_node);
                break;
        case TREE_STRING:
                r = text_string(t, path);
                break;
        case TREE_BYTES:
                r = text_bytes(t, path);
                break;
        case TREE_NUMBER:
                r = text_number(t, path);
                break;
        case TREE_WORD:
                r = text_word(t, path);
                break;
        }

        t->nodes[*ret_node].len = t->at - t->nodes[*ret_node].at;
        return r;
}
