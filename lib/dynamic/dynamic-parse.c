/*
 * From the tree of a text to a struct, by its schema: one walk for both languages.
 *
 * Every level of recursion goes one level down the tree, whose depth the parser has limited. What
 * is built is limited, too: a schema may come from a peer and say that `{}` is half a megabyte.
 *
 * A member sets the discriminant of its union; a second member of the same union is refused, as is
 * a second value of the same field.
 */
#include "dynamic-buf.h"
#include "dynamic-scalar.h"

#include <errno.h>
#include <stdlib.h>

enum { PARSE_WORDS_MAX = 8 << 20 }; /* 64 MiB: what a peer takes as one message */

struct parser {
        struct tree t;
        const capnp_schema *s;
        const struct capnp_dynamic_opts *o;
        uint64_t words; /* that may still be built */
};

/* Where values go that are in a struct or in a list of structs. */
struct place {
        const capnp_decl *d;
        capnp_builder b;
        const struct dynamic_env *env;
};

static void string_freep(char **p)
{
        free(*p);
}

static int parse_members(struct parser *c, const struct place *to, uint32_t node,
                         const struct tree_path *path);
static int parse_pointer(struct parser *c, struct dynamic_type type, const struct dynamic_env *env,
                         capnp_abuilder to, uint32_t node, const struct tree_path *path);

static int parse_charge(struct parser *c, uint64_t words, uint32_t node,
                        const struct tree_path *path)
{
        if (words > c->words)
                return tree_fail(&c->t, CAPNP_E_LIMIT, c->t.nodes[node].at, path,
                                 "too large for a message");

        c->words -= words;
        return 0;
}

static int parse_missing(struct parser *c, uint32_t node, const struct tree_path *path)
{
        return tree_fail(&c->t, CAPNP_E_UNKNOWN, c->t.nodes[node].at, path,
                         "its type is not in the schema");
}

/* ---- texts, bytes ------------------------------------------------------------------------- */

static bool is_utf8(const char *p, uint32_t len)
{
        for (uint32_t i = 0; i < len;) {
                unsigned n = dynamic_utf8(p + i, len - i);

                if (!n)
                        return false;
                i += n;
        }

        return true;
}

static int parse_text(struct parser *c, capnp_abuilder to, uint32_t node,
                      const struct tree_path *path)
{
        CAPNP_AUTO(string_freep) char *p = NULL;
        uint32_t len;
        int r;

        if (c->t.nodes[node].kind != TREE_STRING)
                return dynamic_expected(&c->t, node, path, "a text");

        r = dynamic_bytes(&c->t, node, &p, &len);
        if (r)
                return r;

        if (!is_utf8(p, len))
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path,
                                 "not UTF-8 once its escapes are read");

        r = parse_charge(c, len / 8 + 1, node, path);
        if (!r)
                capnp_abuilder_set_text(to, (capnp_text){p, len});
        return r;
}

/* JSON has base64, text has strings and 0x"…". */
static int parse_bytes(struct parser *c, uint32_t node, const struct tree_path *path, char **ret_p,
                       size_t *ret_len)
{
        enum tree_kind kind = c->t.nodes[node].kind;
        uint32_t len;
        int r;

        if (kind != TREE_STRING && kind != TREE_BYTES)
                return dynamic_expected(&c->t, node, path,
                                        c->t.is_json ? "a string in base64" : "data");

        r = dynamic_bytes(&c->t, node, ret_p, &len);
        if (r)
                return r;

        *ret_len = len;
        if (c->t.is_json && !dynamic_unbase64(*ret_p, len, ret_len))
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path, "not base64");

        return 0;
}

static int parse_data(struct parser *c, capnp_abuilder to, uint32_t node,
                      const struct tree_path *path)
{
        CAPNP_AUTO(string_freep) char *p = NULL;
        size_t len;
        int r = parse_bytes(c, node, path, &p, &len);

        if (!r)
                r = parse_charge(c, len / 8 + 1, node, path);
        if (!r)
                capnp_abuilder_set_data(to, (capnp_data){(const uint8_t *)p, (uint32_t)len});

        return r;
}

/* ---- references, AnyPointers -------------------------------------------------------------- */

/* The value of an object's only member, when that has this key; TREE_NONE. */
static uint32_t only_member(const struct tree *t, uint32_t node, const char *key)
{
        const struct tree_node *n = &t->nodes[node], *m;

        if (n->kind != TREE_OBJECT || n->n != 1)
                return TREE_NONE;

        m = &t->nodes[n->first];
        return m->key_len == strlen(key) && !memcmp(t->p + m->key_at, key, m->key_len) ? n->first
                                                                                       : TREE_NONE;
}

static int parse_cap(struct parser *c, capnp_abuilder to, uint32_t node,
                     const struct tree_path *path)
{
        static const struct dynamic_type number = {.which = TYPE_UINT32};
        uint32_t value = only_member(&c->t, node, "$cap");
        capnp_cap *cap;
        uint64_t n;
        int r;

        if (!c->t.is_json)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path,
                                 "a reference has no text form");

        if (value == TREE_NONE)
                return dynamic_expected(&c->t, node, path, "a reference, {\"$cap\": number}");

        r = dynamic_integer(&c->t, value, path, &number, &n);
        if (r)
                return r;

        cap = c->o->find ? c->o->find(c->o->arg, (uint32_t)n) : NULL;
        if (!cap)
                return tree_fail(&c->t, CAPNP_E_UNKNOWN, c->t.nodes[value].at, path,
                                 "there is no reference %u", (unsigned)n);

        capnp_abuilder_set_cap(to, cap);
        return 0;
}

static int parse_any_message(struct parser *c, capnp_abuilder to, uint32_t node,
                             const struct tree_path *path)
{
        CAPNP_AUTO(string_freep) char *p = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_limits limits = {0};
        size_t len;
        int r = parse_bytes(c, node, path, &p, &len);

        if (r)
                return r;

        limits.traversal = len / 4 + 64;
        r = parse_charge(c, limits.traversal, node, path);
        if (r)
                return r;

        r = capnp_msg_parse(p, len, &limits, &m);
        if (!r) {
                capnp_abuilder_set(to, capnp_msg_root(m));
                r = capnp_msg_check(m);
        }
        if (r > 0)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path,
                                 "not a serialized message");

        return r;
}

static int parse_any(struct parser *c, capnp_abuilder to, uint32_t node,
                     const struct tree_path *path)
{
        uint32_t value = only_member(&c->t, node, "$any");

        if (!c->t.is_json)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path,
                                 "an AnyPointer has no text form");

        if (value != TREE_NONE)
                return parse_any_message(c, to, value, path);

        if (only_member(&c->t, node, "$cap") != TREE_NONE)
                return parse_cap(c, to, node, path);

        return dynamic_expected(&c->t, node, path, "{\"$any\": base64} or {\"$cap\": number}");
}

/* ---- structs, lists ----------------------------------------------------------------------- */

static int parse_struct(struct parser *c, const struct dynamic_type *type,
                        const struct dynamic_env *env, capnp_abuilder to, uint32_t node,
                        const struct tree_path *path)
{
        const struct dynamic_env inner = {type->brand, env};
        struct place at = {.d = dynamic_struct(c->s, type->id), .env = &inner};
        int r;

        if (!at.d)
                return parse_missing(c, node, path);

        if (c->t.nodes[node].kind != TREE_OBJECT)
                return dynamic_expected(&c->t, node, path,
                                        c->t.is_json ? "an object" : "a struct in parentheses");

        r = parse_charge(c, (uint64_t)at.d->words + at.d->ptrs, node, path);
        if (r)
                return r;

        at.b = capnp_abuilder_init_struct(to, at.d->words, at.d->ptrs);
        return parse_members(c, &at, node, path);
}

static int parse_structs(struct parser *c, const struct dynamic_type *type,
                         const struct dynamic_env *env, capnp_abuilder to, uint32_t node,
                         const struct tree_path *up)
{
        const struct dynamic_env inner = {type->brand, env};
        struct place at = {.d = dynamic_struct(c->s, type->id), .env = &inner};
        uint32_t n = c->t.nodes[node].n, item = c->t.nodes[node].first;
        struct tree_path path = {.up = up};
        capnp_lbuilder l;
        int r;

        if (!at.d)
                return parse_missing(c, node, up);

        r = parse_charge(c, (uint64_t)n * ((uint64_t)at.d->words + at.d->ptrs) + 1, node, up);
        if (r)
                return r;

        l = capnp_abuilder_init_structs(to, n, at.d->words, at.d->ptrs);
        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next, path.i++) {
                at.b = capnp_lbuilder_struct(l, path.i);
                if (c->t.nodes[item].kind == TREE_OBJECT)
                        r = parse_members(c, &at, item, &path);
                else
                        r = dynamic_expected(&c->t, item, &path,
                                             c->t.is_json ? "an object"
                                                          : "a struct in parentheses");
        }

        return r;
}

static int parse_list(struct parser *c, struct dynamic_type type, const struct dynamic_env *env,
                      capnp_abuilder to, uint32_t node, const struct tree_path *up)
{
        uint32_t n = c->t.nodes[node].n, item = c->t.nodes[node].first;
        struct tree_path path = {.up = up};
        capnp_lbuilder l;
        uint64_t bits;
        int r;

        if (c->t.nodes[node].kind != TREE_LIST)
                return dynamic_expected(&c->t, node, up, "a list in [ ]");

        type.lists--;
        if (dynamic_type_size(&type) == CAPNP_SIZE_COMPOSITE)
                return parse_structs(c, &type, env, to, node, up);

        r = parse_charge(c, (uint64_t)n + 1, node, up);
        if (r)
                return r;

        l = capnp_abuilder_init_list(to, dynamic_type_size(&type), n);
        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next, path.i++) {
                if (dynamic_type_is_pointer(&type)) {
                        r = parse_pointer(c, type, env, capnp_lbuilder_any(l, path.i), item, &path);
                        continue;
                }
                r = dynamic_scalar(&c->t, c->s, &type, item, &path, &bits);
                if (!r)
                        dynamic_set_element(l, &type, path.i, bits);
        }

        return r;
}

static int parse_pointer(struct parser *c, struct dynamic_type type, const struct dynamic_env *env,
                         capnp_abuilder to, uint32_t node, const struct tree_path *path)
{
        dynamic_type_resolve(&type, &env);
        if (c->t.is_json && dynamic_is_word(&c->t, node, "null"))
                return 0;

        if (type.lists)
                return parse_list(c, type, env, to, node, path);

        switch (type.which) {
        case TYPE_TEXT:
                return parse_text(c, to, node, path);
        case TYPE_DATA:
                return parse_data(c, to, node, path);
        case TYPE_STRUCT:
                return parse_struct(c, &type, env, to, node, path);
        case TYPE_INTERFACE:
                return parse_cap(c, to, node, path);
        default:
                return type.is_cap ? parse_cap(c, to, node, path) : parse_any(c, to, node, path);
        }
}

/* ---- members ------------------------------------------------------------------------------ */

/* The field a member names; UINT32_MAX. */
static uint32_t member_find(const struct parser *c, const capnp_decl *d, const struct tree_node *m)
{
        const char *p = c->t.p + m->key_at;
        char plain[6 * DYNAMIC_NAME_MAX + 2];
        uint32_t len = m->key_len;

        if (c->t.is_json && len <= 6 * DYNAMIC_NAME_MAX && memchr(p, '\\', len)) {
                len = tree_json_unescape(p - 1, len + 2, plain);
                p = plain;
        }

        return dynamic_decl_member(d, p, len);
}

static int parse_group(struct parser *c, const struct place *to, const struct dynamic_field *f,
                       uint32_t node, const struct tree_path *path)
{
        struct place at = {.d = dynamic_group(c->s, to->d, f), .b = to->b, .env = to->env};

        if (!at.d)
                return parse_missing(c, node, path);

        if (c->t.nodes[node].kind != TREE_OBJECT)
                return dynamic_expected(&c->t, node, path,
                                        c->t.is_json ? "an object" : "a group in parentheses");

        return parse_members(c, &at, node, path);
}

static int parse_field(struct parser *c, const struct place *to, const struct dynamic_field *f,
                       uint32_t node, const struct tree_path *path)
{
        capnp_abuilder slot;
        uint64_t bits;
        int r;

        if (f->value != DYNAMIC_NO_VALUE)
                capnp_builder_set_u16(to->b, to->d->discriminant * 2, f->value, 0);

        if (f->is_group)
                return parse_group(c, to, f, node, path);

        if (dynamic_type_is_pointer(&f->type)) {
                slot = capnp_builder_any(to->b, (uint16_t)f->offset);
                return parse_pointer(c, f->type, to->env, slot, node, path);
        }

        r = dynamic_scalar(&c->t, c->s, &f->type, node, path, &bits);
        if (!r)
                dynamic_set(to->b, f, bits);

        return r;
}

/* What has been set already: a bit a field. */
struct seen {
        uint8_t *bits;
        const struct dynamic_field *member; /* of the union; NULL */
};

static void seen_deinit(struct seen *s)
{
        free(s->bits);
}

static int parse_once(struct parser *c, struct seen *seen, const struct place *to, uint32_t i,
                      const struct tree_node *m, const struct tree_path *path)
{
        const struct dynamic_field *f = &to->d->fields[i];

        if (seen->bits[i / 8] >> (i % 8) & 1)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, m->key_at, path, "given twice");

        if (f->value != DYNAMIC_NO_VALUE && seen->member)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, m->key_at, path,
                                 "in one union with `%s`, which is given, too", seen->member->name);

        seen->bits[i / 8] |= (uint8_t)(1u << (i % 8));
        if (f->value != DYNAMIC_NO_VALUE)
                seen->member = f;
        return 0;
}

static int parse_members(struct parser *c, const struct place *to, uint32_t node,
                         const struct tree_path *up)
{
        CAPNP_AUTO(seen_deinit) struct seen seen = {0};
        uint32_t item = c->t.nodes[node].first;
        int r = 0;

        seen.bits = calloc(1, to->d->n / 8 + 1);
        if (!seen.bits)
                return -ENOMEM;

        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next) {
                const struct tree_node *m = &c->t.nodes[item];
                struct tree_path path = {up, c->t.p + m->key_at, m->key_len, 0};
                uint32_t i = member_find(c, to->d, m);

                if (i == UINT32_MAX)
                        return dynamic_unknown(&c->t, m->key_at, up, to->d,
                                               (capnp_text){path.name, path.len});

                r = parse_once(c, &seen, to, i, m, &path);
                if (!r)
                        r = parse_field(c, to, &to->d->fields[i], item, &path);
        }

        return r;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int parse(const capnp_schema *s, uint64_t type, struct parser *c, capnp_abuilder to)
{
        const struct dynamic_type top = {.which = TYPE_STRUCT, .id = type};
        int r;

        c->s = s;
        c->words = PARSE_WORDS_MAX;
        if (!to.m)
                return -ENOMEM;

        r = parse_struct(c, &top, NULL, to, 0, NULL);
        return r ? r : capnp_msg_check(to.m);
}

static int parse_language(const capnp_schema *s, uint64_t type, struct tree *t, int r,
                          const struct capnp_dynamic_opts *o, capnp_abuilder to)
{
        static const struct capnp_dynamic_opts none;
        struct parser c = {.t = *t, .o = o ? o : &none};

        if (!r)
                r = parse(s, type, &c, to);
        tree_deinit(t);
        return r;
}

int capnp_json_parse(const capnp_schema *s, uint64_t type, capnp_text text,
                     const struct capnp_dynamic_opts *o, capnp_abuilder to,
                     struct capnp_fault *ret_f)
{
        struct tree t;
        int r = tree_read(&t, text, true, o, ret_f);

        return parse_language(s, type, &t, r, o, to);
}

int capnp_text_parse(const capnp_schema *s, uint64_t type, capnp_text text,
                     const struct capnp_dynamic_opts *o, capnp_abuilder to,
                     struct capnp_fault *ret_f)
{
        struct tree t;
        int r = tree_read(&t, text, false, o, ret_f);

        return parse_language(s, type, &t, r, o, to);
}
