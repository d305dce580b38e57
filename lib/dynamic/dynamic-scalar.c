/*
 * Numbers, names and bytes out of a text.
 *
 * Numbers are exact: an integer is never read through a float, never cut and never wrapped; what
 * does not fit its type is refused with the type's name.
 */
#include "dynamic-scalar.h"

#include "dynamic-buf.h"
#include "dynamic-float.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- messages ----------------------------------------------------------------------------- */

int dynamic_expected(struct tree *t, uint32_t node, const struct tree_path *path, const char *what)
{
        return tree_fail(t, CAPNP_E_SYNTAX, t->nodes[node].at, path, "expected %s", what);
}

enum { SUGGEST_MAX = 40 };

/* Letters to add, drop or change (Levenshtein) to make one word the other. */
static unsigned name_distance(const char *a, unsigned n, const char *b, unsigned m)
{
        unsigned row[SUGGEST_MAX + 1];

        for (unsigned k = 0; k <= m; k++)
                row[k] = k;
        for (unsigned i = 1; i <= n; i++) {
                unsigned corner = row[0];

                row[0] = i;
                for (unsigned k = 1; k <= m; k++) {
                        unsigned change = corner + ((a[i - 1] | 0x20) != (b[k - 1] | 0x20));

                        corner = row[k];
                        row[k] = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
                        row[k] = change < row[k] ? change : row[k];
                }
        }

        return row[m];
}

/* The nearest name, if one is near; NULL. */
static const char *suggest(const capnp_decl *d, capnp_text name)
{
        unsigned best = name.len / 3 + 1, distance;
        const char *found = NULL;

        for (uint32_t i = 0; i < d->n && name.len <= SUGGEST_MAX; i++) {
                size_t m = strlen(d->names[i].name);

                if (m > SUGGEST_MAX)
                        continue;
                distance = name_distance(name.p, name.len, d->names[i].name, (unsigned)m);
                if (distance > best || (found && distance == best))
                        continue;
                best = distance;
                found = d->names[i].name;
        }

        return found;
}

/* "; it has: a, b, c", as far as there is room. */
static void names_list(const capnp_decl *d, char *to, size_t room)
{
        size_t len = 0;

        to[0] = 0;
        for (uint32_t i = 0; i < d->n; i++) {
                const char *name =
                        d->kind == CAPNP_DECL_ENUM ? d->enumerants[i] : d->fields[i].name;
                int n = snprintf(to + len, room - len, "%s%s", i ? ", " : "; it has: ", name);

                if (n < 0 || len + (size_t)n + sizeof(", …") > room) {
                        (void)snprintf(to + len, room - len, "%s…", i ? ", " : "; it has: ");
                        return;
                }
                len += (size_t)n;
        }
}

int dynamic_unknown(struct tree *t, uint32_t at, const struct tree_path *path, const capnp_decl *d,
                    capnp_text name)
{
        const char *like = suggest(d, name);
        int len = name.len < 60 ? (int)name.len : 60;
        char names[120];

        if (like)
                return tree_fail(t, CAPNP_E_UNKNOWN, at, path,
                                 "%s has no `%.*s`; did you mean `%s`?", d->short_name, len, name.p,
                                 like);

        names_list(d, names, sizeof(names));
        return tree_fail(t, CAPNP_E_UNKNOWN, at, path, "%s has no `%.*s`%s", d->short_name, len,
                         name.p, names);
}

bool dynamic_json_is(capnp_text key, capnp_text name)
{
        char plain[6 * DYNAMIC_NAME_MAX + 2];

        if (key.len && memchr(key.p, '\\', key.len)) {
                if (key.len > 6 * DYNAMIC_NAME_MAX)
                        return false;
                key.len = tree_json_unescape(key.p - 1, key.len + 2, plain);
                key.p = plain;
        }

        return key.len == name.len && (!key.len || !memcmp(key.p, name.p, key.len));
}

bool dynamic_is_word(const struct tree *t, uint32_t node, const char *word)
{
        const struct tree_node *n = &t->nodes[node];

        return n->kind == TREE_WORD && n->len == strlen(word) &&
               !memcmp(t->p + n->at, word, n->len);
}

/* ---- integers ----------------------------------------------------------------------------- */

static int digit_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';

        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

enum number { NUMBER_OK, NUMBER_NOT, NUMBER_LARGE };

/* Digits of a base. */
static enum number number_read(const char *p, uint32_t len, unsigned base, uint64_t *ret_v)
{
        uint64_t v = 0;

        if (!len)
                return NUMBER_NOT;

        for (uint32_t i = 0; i < len; i++) {
                unsigned d = (unsigned)digit_value(p[i]);

                if (d >= base)
                        return NUMBER_NOT;
                if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
                        return NUMBER_LARGE;
        }

        *ret_v = v;
        return NUMBER_OK;
}

static bool type_is_signed(const struct dynamic_type *t)
{
        return t->which >= TYPE_INT8 && t->which <= TYPE_INT64;
}

/* Puts a sign and a magnitude into a type; false: it does not fit. */
static bool number_fit(const struct dynamic_type *type, bool negative, uint64_t v, uint64_t *ret)
{
        unsigned bits = dynamic_size_bits(dynamic_type_size(type));
        uint64_t most = UINT64_MAX >> (64 - bits);

        if (type_is_signed(type))
                most = (most >> 1) + negative;
        else if (negative)
                most = 0;
        *ret = (negative ? 0 - v : v) & (UINT64_MAX >> (64 - bits));
        return v <= most;
}

/* A decimal with point and exponent, if it is an integer: 5, 5.0, 1e2, 25e-1 is not. The digits are
 * read without the point, and it moves to where the exponent says. */
static enum number number_read_decimal(const char *p, uint32_t len, uint64_t *ret_v)
{
        uint32_t mantissa = 0, digits = 0, fraction = 0;
        int64_t exponent = 0, keep;
        bool negative, point = false;
        uint64_t v = 0;

        for (; mantissa < len && (p[mantissa] | 0x20) != 'e'; mantissa++) {
                point |= p[mantissa] == '.';
                digits += p[mantissa] != '.';
                fraction += point && p[mantissa] != '.';
        }

        negative = mantissa + 1 < len && p[mantissa + 1] == '-';
        for (uint32_t i = mantissa + 1; i < len; i++)
                if (p[i] != '-' && p[i] != '+' && exponent < UINT32_MAX)
                        exponent = exponent * 10 + digit_value(p[i]);
        keep = digits - (int64_t)fraction + (negative ? -exponent : exponent);

        for (uint32_t i = 0; i < mantissa; i++) {
                if (p[i] == '.')
                        continue;
                if (keep-- <= 0 && p[i] != '0')
                        return NUMBER_NOT;
                if (keep < 0)
                        continue;
                if (__builtin_mul_overflow(v, 10, &v) ||
                    __builtin_add_overflow(v, (unsigned)digit_value(p[i]), &v))
                        return NUMBER_LARGE;
        }

        for (; v && keep > 0; keep--)
                if (__builtin_mul_overflow(v, 10, &v))
                        return NUMBER_LARGE;

        *ret_v = v;
        return NUMBER_OK;
}

/* The number a node is: in JSON it may be in quotes, in text in parentheses. False: it is none. */
static bool node_number(const struct tree *t, const struct tree_node *n, capnp_text *ret)
{
        bool quoted = t->is_json && n->kind == TREE_STRING;

        *ret = (capnp_text){t->p + n->at + quoted, n->len - (quoted ? 2u : 0u)};
        return n->kind == TREE_NUMBER || n->kind == TREE_PAREN ||
               (quoted && tree_json_is_number(*ret));
}

int dynamic_integer(struct tree *t, uint32_t node, const struct tree_path *path,
                    const struct dynamic_type *type, uint64_t *ret_bits)
{
        const struct tree_node *n = &t->nodes[node];
        enum number state;
        bool negative;
        uint64_t v = 0;
        capnp_text num;

        if (!node_number(t, n, &num))
                return dynamic_expected(t, node, path, "an integer");

        negative = num.len && *num.p == '-';
        num.p += negative;
        num.len -= negative;
        if (t->is_json)
                state = number_read_decimal(num.p, num.len, &v);
        else if (num.len > 1 && num.p[0] == '0' && (num.p[1] | 0x20) == 'x')
                state = number_read(num.p + 2, num.len - 2, 16, &v);
        else
                state = number_read(num.p, num.len, num.len > 1 && *num.p == '0' ? 8 : 10, &v);

        if (state == NUMBER_NOT)
                return dynamic_expected(t, node, path, "an integer");

        if (state == NUMBER_LARGE || !number_fit(type, negative, v, ret_bits))
                return tree_fail(t, CAPNP_E_SYNTAX, n->at, path, "out of the range of %s",
                                 dynamic_type_word(type));

        return 0;
}

/* ---- floats ------------------------------------------------------------------------------- */

static bool float_special(const struct tree *t, const struct tree_node *n, double *ret_v)
{
        static const struct {
                const char *text;
                bool is_json;
                double v;
        } all[] = {
                {"\"NaN\"", true, NAN},
                {"\"Infinity\"", true, INFINITY},
                {"\"-Infinity\"", true, -INFINITY},
                {"\"nan\"", true, NAN},
                {"\"inf\"", true, INFINITY},
                {"\"-inf\"", true, -INFINITY},
                {"null", true, NAN}, /* what many write where JSON has no number */
                {"nan", false, NAN},
                {"inf", false, INFINITY},
                {"-inf", false, -INFINITY},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (t->is_json == all[i].is_json && n->len == strlen(all[i].text) &&
                    !memcmp(t->p + n->at, all[i].text, n->len)) {
                        *ret_v = all[i].v;
                        return true;
                }

        return false;
}

static int scalar_float(struct tree *t, const struct dynamic_type *type, uint32_t node,
                        const struct tree_path *path, uint64_t *ret_bits)
{
        const struct tree_node *n = &t->nodes[node];
        bool is_single = type->which == TYPE_FLOAT32;
        capnp_text num;
        uint32_t low;
        double v = 0;
        float narrow;

        if (!float_special(t, n, &v)) {
                if (!node_number(t, n, &num))
                        return dynamic_expected(t, node, path, "a number");
                if (!dynamic_float_parse(num.p, num.len, is_single, &v))
                        return tree_fail(t, CAPNP_E_SYNTAX, n->at, path, "out of the range of %s",
                                         dynamic_type_word(type));
        }

        if (is_single) {
                narrow = (float)v;
                memcpy(&low, &narrow, sizeof(low));
                *ret_bits = low;
                return 0;
        }

        memcpy(ret_bits, &v, sizeof(v));
        return 0;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static int scalar_bool(struct tree *t, uint32_t node, const struct tree_path *path,
                       uint64_t *ret_bits)
{
        *ret_bits = dynamic_is_word(t, node, "true");
        if (!*ret_bits && !dynamic_is_word(t, node, "false"))
                return dynamic_expected(t, node, path, "true or false");

        return 0;
}

static int scalar_void(struct tree *t, uint32_t node, const struct tree_path *path)
{
        const char *word = t->is_json ? "null" : "void";

        return dynamic_is_word(t, node, word) ? 0 : dynamic_expected(t, node, path, word);
}

/* The enumerant with a name; UINT32_MAX. */
static uint32_t enum_find(const struct tree *t, const capnp_decl *d, capnp_text name)
{
        for (uint32_t i = 0; t->is_json && d->json && i < d->n; i++)
                if (dynamic_json_is(name, dynamic_json_name(d, i)))
                        return i;

        return t->is_json && d->json ? UINT32_MAX : dynamic_decl_member(d, name.p, name.len);
}

/* By name, or by number, because that is how an unknown one is printed: in text in parentheses. */
static int scalar_enum(struct tree *t, const capnp_decl *d, uint32_t node,
                       const struct tree_path *path, uint64_t *ret_bits)
{
        static const struct dynamic_type number = {.which = TYPE_UINT16};
        const struct tree_node *n = &t->nodes[node];
        capnp_text name = {t->p + n->at, n->len};
        uint32_t i;

        if (n->kind == TREE_PAREN || (t->is_json && n->kind == TREE_NUMBER)) {
                return dynamic_integer(t, node, path, &number, ret_bits);
        }

        if (n->kind != (t->is_json ? TREE_STRING : TREE_WORD))
                return tree_fail(t, CAPNP_E_SYNTAX, n->at, path, "expected a name of %s",
                                 d->short_name);

        if (t->is_json)
                name = (capnp_text){name.p + 1, name.len - 2};
        i = enum_find(t, d, name);
        if (i == UINT32_MAX)
                return dynamic_unknown(t, n->at, path, d, name);

        *ret_bits = i;
        return 0;
}

int dynamic_scalar(struct tree *t, const capnp_schema *s, const struct dynamic_type *type,
                   uint32_t node, const struct tree_path *path, uint64_t *ret_bits)
{
        const capnp_decl *d;

        *ret_bits = 0;
        switch (type->which) {
        case TYPE_VOID:
                return scalar_void(t, node, path);
        case TYPE_BOOL:
                return scalar_bool(t, node, path, ret_bits);
        case TYPE_FLOAT32:
        case TYPE_FLOAT64:
                return scalar_float(t, type, node, path, ret_bits);
        case TYPE_ENUM:
                d = dynamic_enum(s, type->id);
                if (!d)
                        return tree_fail(t, CAPNP_E_UNKNOWN, t->nodes[node].at, path,
                                         "its enum is not in the schema");
                return scalar_enum(t, d, node, path, ret_bits);
        default:
                return dynamic_integer(t, node, path, type, ret_bits);
        }
}

int dynamic_bytes(struct tree *t, uint32_t node, char **ret_p, uint32_t *ret_len)
{
        const struct tree_node *n = &t->nodes[node];
        char *p = malloc((size_t)n->len + 1);

        if (!p)
                return -ENOMEM;

        if (n->kind == TREE_BYTES)
                *ret_len = tree_text_bytes(t->p + n->at, n->len, p);
        else if (t->is_json)
                *ret_len = tree_json_unescape(t->p + n->at, n->len, p);
        else
                *ret_len = tree_text_unescape(t->p + n->at, n->len, p);
        *ret_p = p;
        return 0;
}
