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

int dynamic_unknown(struct tree *t, uint32_t at, const struct tree_path *path, const capnp_decl *d,
                    capnp_text name)
{
        const char *like = suggest(d, name);
        int len = name.len < 60 ? (int)name.len : 60;

        if (like)
                return tree_fail(t, CAPNP_E_UNKNOWN, at, path,
                                 "%s has no `%.*s`; did you mean `%s`?", d->short_name, len, name.p,
                                 like);

        return tree_fail(t, CAPNP_E_UNKNOWN, at, path, "%s has no `%.*s`", d->short_name, len,
                         name.p);
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

/* JSON has 64-bit integers in quotes. */
static bool node_is_number(const struct tree *t, const struct tree_node *n,
                           const struct dynamic_type *type)
{
        bool wide = type->which == TYPE_INT64 || type->which == TYPE_UINT64;

        return n->kind == TREE_NUMBER || (t->is_json && wide && n->kind == TREE_STRING);
}

int dynamic_integer(struct tree *t, uint32_t node, const struct tree_path *path,
                    const struct dynamic_type *type, uint64_t *ret_bits)
{
        const struct tree_node *n = &t->nodes[node];
        uint32_t len = n->kind == TREE_STRING ? n->len - 2 : n->len;
        const char *p = t->p + n->at + (n->kind == TREE_STRING);
        enum number state;
        unsigned base = 10;
        bool negative;
        uint64_t v = 0;

        if (!node_is_number(t, n, type))
                return dynamic_expected(t, node, path, "an integer");

        negative = len && *p == '-';
        p += negative;
        len -= negative;
        if (!t->is_json && len > 1 && *p == '0') {
                base = (p[1] | 0x20) == 'x' ? 16 : 8;
                p += base == 16 ? 2 : 1;
                len -= base == 16 ? 2 : 1;
        }

        state = number_read(p, len, base, &v);
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
        uint32_t low;
        double v = 0;
        float narrow;

        if (!float_special(t, n, &v)) {
                if (n->kind != TREE_NUMBER)
                        return dynamic_expected(t, node, path, "a number");
                if (!dynamic_float_parse(t->p + n->at, n->len, is_single, &v))
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

/* By name; in JSON also by number, because that is how an unknown one is printed. */
static int scalar_enum(struct tree *t, const capnp_decl *d, uint32_t node,
                       const struct tree_path *path, uint64_t *ret_bits)
{
        static const struct dynamic_type number = {.which = TYPE_UINT16};
        const struct tree_node *n = &t->nodes[node];
        capnp_text name = {t->p + n->at, n->len};
        uint32_t i;

        if (t->is_json && n->kind == TREE_NUMBER)
                return dynamic_integer(t, node, path, &number, ret_bits);

        if (n->kind != (t->is_json ? TREE_STRING : TREE_WORD))
                return tree_fail(t, CAPNP_E_SYNTAX, n->at, path, "expected a name of %s",
                                 d->short_name);

        if (t->is_json)
                name = (capnp_text){name.p + 1, name.len - 2};
        i = dynamic_decl_member(d, name.p, name.len);
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
