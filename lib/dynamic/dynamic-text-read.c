/*
 * Cap'n Proto text in: the values of the schema language (language reference), as `capnp encode`
 * takes them. Names of constants are not values here, and there is one value in a text.
 */
#include "dynamic-tree.h"

#include "dynamic-buf.h"

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
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

static void text_skip(struct tree *t)
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

        if (left > 3 && p[1] == 'x' && tree_hex(p[2]) >= 0 && tree_hex(p[3]) >= 0) {
                *ret_len = 4;
                return (uint8_t)(tree_hex(p[2]) << 4 | tree_hex(p[3]));
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
                        return tree_want(t, path, "the text is not closed in its line");
                if (t->p[t->at] == '\\')
                        (void)text_escaped(t->p + t->at, t->len - t->at, &n);
                if (!n)
                        return tree_want(t, path, "no such escape sequence");
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
                if (tree_hex(tree_at(t, t->at)) < 0 || tree_hex(tree_at(t, t->at + 1)) < 0)
                        return tree_want(t, path, "expected pairs of hexadecimal digits");
                t->at += 2;
        }

        t->at++;
        return 0;
}

uint32_t tree_text_bytes(const char *p, uint32_t len, char *out)
{
        uint32_t n = 0;

        for (uint32_t i = 3; i + 2 < len; i++)
                if (tree_hex(p[i]) >= 0) {
                        out[n++] = (char)(tree_hex(p[i]) << 4 | tree_hex(p[i + 1]));
                        i++;
                }

        return n;
}

/* ---- numbers, words ----------------------------------------------------------------------- */

static uint32_t text_digits(struct tree *t, bool hex)
{
        uint32_t start = t->at;

        while (tree_is_digit(tree_at(t, t->at)) || (hex && tree_hex(tree_at(t, t->at)) >= 0))
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
                        return tree_want(t, path, "no digit behind the point");
        }

        if ((tree_at(t, t->at) | 0x20) == 'e') {
                *ret_any = true;
                t->at++;
                t->at += tree_at(t, t->at) == '+' || tree_at(t, t->at) == '-';
                if (!text_digits(t, false))
                        return tree_want(t, path, "no digit in the exponent");
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
                return tree_want(t, path, "not a number");

        octal = !hex && t->p[start] == '0' && t->at - start > 1;
        if (!hex)
                r = text_fraction(t, path, &fraction);
        if (r)
                return r;

        for (uint32_t i = start; octal && i < t->at; i++)
                if (fraction || t->p[i] > '7')
                        return tree_fail(t, CAPNP_E_SYNTAX, i, path,
                                         "not an octal number, as which 0 begins one");
        if (is_letter(tree_at(t, t->at)) || tree_is_digit(tree_at(t, t->at)))
                return tree_want(t, path, "not a number");

        return 0;
}

/* A name; `-inf`, too. */
static int text_word(struct tree *t, const struct tree_path *path)
{
        t->at += tree_at(t, t->at) == '-';
        if (!is_letter(tree_at(t, t->at)))
                return tree_want(t, path, path ? "expected a value" : TREE_NO_STRUCT);

        while (is_letter(tree_at(t, t->at)) || tree_is_digit(tree_at(t, t->at)))
                t->at++;
        return 0;
}

/* ---- the table ---------------------------------------------------------------------------- */

static int text_key(struct tree *t, struct tree_path *path, uint32_t *ret_at)
{
        *ret_at = t->at;
        if (!is_letter(tree_at(t, t->at)))
                return tree_want(t, path->up, "expected a field name");

        while (is_letter(tree_at(t, t->at)) || tree_is_digit(tree_at(t, t->at)))
                t->at++;

        path->name = t->p + *ret_at;
        path->len = t->at - *ret_at;
        text_skip(t);
        if (tree_at(t, t->at) != '=')
                return tree_want(t, path, "expected =");

        t->at++;
        text_skip(t);
        return 0;
}

/* A number in parentheses: an enumerant without a name, as the reference prints it. */
static int text_paren(struct tree *t, const struct tree_path *path, struct tree_node *ret)
{
        int r;

        t->at++;
        text_skip(t);
        ret->at = t->at;
        r = text_number(t, path);
        if (r)
                return r;

        ret->len = t->at - ret->at;
        text_skip(t);
        if (tree_at(t, t->at) != ')')
                return tree_want(t, path, "expected )");

        t->at++;
        return 0;
}

static enum tree_kind text_kind(const struct tree *t)
{
        char c = tree_at(t, t->at);

        switch (c) {
        case '(':
                if (tree_is_digit(tree_at(t, skip_blanks(t->p, t->at + 1, t->len))))
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
                return tree_is_digit(c) ? TREE_NUMBER : TREE_WORD;
        }
}

static int text_leaf(struct tree *t, const struct tree_path *path, struct tree_node *n)
{
        switch (n->kind) {
        case TREE_PAREN:
                return text_paren(t, path, n);
        case TREE_STRING:
                return text_string(t, path);
        case TREE_BYTES:
                return text_bytes(t, path);
        case TREE_NUMBER:
                return text_number(t, path);
        default:
                return text_word(t, path);
        }
}

const struct tree_syntax tree_text = {
        .close = ')',
        .last_comma = true,
        .more = "expected , or )",
        .skip = text_skip,
        .kind = text_kind,
        .key = text_key,
        .leaf = text_leaf,
};
