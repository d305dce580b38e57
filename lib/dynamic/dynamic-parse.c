/*
 * From the tree of a text to a struct, by its schema: one walk for both languages.
 *
 * Every level of recursion goes one level down the tree, whose depth the parser has limited. What
 * is built is limited, too: a schema may come from a peer and say that `{}` is half a megabyte.
 *
 * A member sets the discriminant of its union; a second member of the same union is refused, as is
 * a second value of the same field. What members there are, and under which names, is the business
 * of dynamic-members.c.
 */
#include "dynamic-parse.h"
#include "dynamic-buf.h"

#include <errno.h>
#include <stdlib.h>

enum { PARSE_WORDS_MAX = 8 << 20 };                          /* 64 MiB: one message */
enum { PARSE_LOOKS_MIN = 1 << 20, PARSE_LOOKS_BYTE = 1024 }; /* in all, and for each of the text */

static void string_freep(char **p)
{
        free(*p);
}

/* Bytes that a text stands for. */
struct parsed {
        char *p; /* malloc'ed */
        size_t len;
};

static void parsed_deinit(struct parsed *d)
{
        free(d->p);
}

/* ---- texts, bytes ------------------------------------------------------------------------- */

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

        r = parse_charge(c, len / 8 + 1, node, path);
        if (!r)
                capnp_abuilder_set_text(to, (capnp_text){p, len});
        return r;
}

/* JSON has base64, or hexadecimal where that is asked for; text has strings and 0x"…". */
static int parse_bytes(struct parser *c, uint32_t node, const struct tree_path *path,
                       enum dynamic_data how, struct parsed *ret)
{
        enum tree_kind kind = c->t.nodes[node].kind;
        const char *what = how == DYNAMIC_HEX ? "hexadecimal" : "base64";
        uint32_t len;
        bool ok;
        int r;

        if (kind != TREE_STRING && kind != TREE_BYTES)
                return dynamic_expected(&c->t, node, path,
                                        !c->t.is_json ? "data"
                                                      : "a list of numbers, or a string of bytes");

        r = dynamic_bytes(&c->t, node, &ret->p, &len);
        if (r)
                return r;

        ret->len = len;
        if (!c->t.is_json)
                return 0;

        ok = how == DYNAMIC_HEX ? dynamic_unhex(ret->p, len, &ret->len)
                                : dynamic_unbase64(ret->p, len, &ret->len);
        return ok ? 0 : tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path, "not %s", what);
}

/* As the reference writes it: [1, 2, 255]. */
static int parse_numbers(struct parser *c, uint32_t node, const struct tree_path *up,
                         struct parsed *ret)
{
        static const struct dynamic_type byte = {.which = TYPE_UINT8};
        uint32_t item = c->t.nodes[node].first;
        struct tree_path path = {.up = up};
        uint64_t bits;
        int r = 0;

        ret->p = malloc((size_t)c->t.nodes[node].n + 1);
        if (!ret->p)
                return -ENOMEM;

        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next, path.i++) {
                r = dynamic_integer(&c->t, item, &path, &byte, &bits);
                if (!r)
                        ret->p[ret->len++] = (char)bits;
        }

        return r;
}

static int parse_data(struct parser *c, capnp_abuilder to, uint32_t node,
                      const struct tree_path *path, enum dynamic_data how)
{
        CAPNP_AUTO(parsed_deinit) struct parsed d = {0};
        int r;

        if (c->t.is_json && c->t.nodes[node].kind == TREE_LIST)
                r = parse_numbers(c, node, path, &d);
        else
                r = parse_bytes(c, node, path, how, &d);
        if (!r)
                r = parse_charge(c, d.len / 8 + 1, node, path);
        if (!r)
                capnp_abuilder_set_data(to, (capnp_data){(const uint8_t *)d.p, (uint32_t)d.len});

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

/* A reference by the word that the caller gave it, or by its number; borrowed. */
static int cap_find(struct parser *c, uint64_t interface, uint32_t value,
                    const struct tree_path *path, capnp_cap **ret_c)
{
        static const struct dynamic_type number = {.which = TYPE_UINT32};
        CAPNP_AUTO(string_freep) char *word = NULL;
        uint32_t len;
        uint64_t n;
        int r;

        if (!c->o->find_word) {
                r = dynamic_integer(&c->t, value, path, &number, &n);
                if (r)
                        return r;

                *ret_c = c->o->find ? c->o->find(c->o->arg, (uint32_t)n) : NULL;
                return 0;
        }

        if (c->t.nodes[value].kind != TREE_STRING)
                return dynamic_expected(&c->t, value, path, "the word of a reference, in quotes");

        r = dynamic_bytes(&c->t, value, &word, &len);
        if (!r)
                *ret_c = c->o->find_word(c->o->arg, (capnp_text){word, len}, interface);
        return r;
}

/* A new object, where the caller makes such. */
static int parse_mailbox(struct parser *c, uint64_t interface, capnp_abuilder to, uint32_t value,
                         const struct tree_path *path)
{
        capnp_cap *cap = NULL;
        int r = CAPNP_E_UNKNOWN;

        if (!dynamic_is_word(&c->t, value, "true"))
                return dynamic_expected(&c->t, value, path, "true");

        if (c->o->mailbox)
                r = c->o->mailbox(c->o->arg, interface, &cap);
        if (r == CAPNP_E_UNKNOWN)
                return tree_fail(&c->t, r, c->t.nodes[value].at, path,
                                 "there is no mailbox for this");

        if (!r)
                capnp_abuilder_set_cap(to, cap);
        capnp_cap_unref(cap);
        return r;
}

static int parse_cap(struct parser *c, uint64_t interface, capnp_abuilder to, uint32_t node,
                     const struct tree_path *path)
{
        uint32_t value = only_member(&c->t, node, "$cap");
        uint32_t mailbox = only_member(&c->t, node, "$mailbox");
        const struct tree_node *n;
        capnp_cap *cap = NULL;
        int r;

        if (!c->t.is_json)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, c->t.nodes[node].at, path,
                                 "a reference has no text form");

        if (mailbox != TREE_NONE && c->o->mailbox)
                return parse_mailbox(c, interface, to, mailbox, path);

        if (value == TREE_NONE)
                return dynamic_expected(&c->t, node, path,
                                        c->o->find_word ? "a reference, {\"$cap\": \"word\"}"
                                                        : "a reference, {\"$cap\": number}");

        r = cap_find(c, interface, value, path, &cap);
        if (r)
                return r;

        n = &c->t.nodes[value];
        if (!cap)
                return tree_fail(&c->t, CAPNP_E_UNKNOWN, n->at, path, "there is no reference %.*s",
                                 n->len < 60 ? (int)n->len : 60, c->t.p + n->at);

        capnp_abuilder_set_cap(to, cap);
        return 0;
}

static int parse_any_message(struct parser *c, capnp_abuilder to, uint32_t node,
                             const struct tree_path *path)
{
        CAPNP_AUTO(parsed_deinit) struct parsed d = {0};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_limits limits = {0};
        int r = parse_bytes(c, node, path, DYNAMIC_BASE64, &d);

        if (r)
                return r;

        limits.traversal = d.len / 4 + 64;
        r = parse_charge(c, limits.traversal, node, path);
        if (r)
                return r;

        r = capnp_msg_parse(d.p, d.len, &limits, &m);
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
                return parse_cap(c, 0, to, node, path);

        return dynamic_expected(&c->t, node, path, "{\"$any\": base64} or {\"$cap\": number}");
}

/* ---- structs, lists ----------------------------------------------------------------------- */

/* An object where a struct is expected. */
static int parse_is_object(struct parser *c, uint32_t node, const struct tree_path *path)
{
        if (c->t.nodes[node].kind == TREE_OBJECT)
                return 0;

        return dynamic_expected(&c->t, node, path,
                                c->t.is_json ? "an object" : "a struct in parentheses");
}

static int parse_struct(struct parser *c, const struct dynamic_type *type,
                        const struct dynamic_env *env, capnp_abuilder to, uint32_t node,
                        const struct tree_path *path)
{
        const struct dynamic_env inner = {type->brand, env};
        struct place at = {.d = dynamic_struct(c->s, type->id), .env = &inner};
        int r;

        if (!at.d)
                return parse_missing(c, node, path);

        r = parse_is_object(c, node, path);
        if (!r)
                r = parse_charge(c, (uint64_t)at.d->words + at.d->ptrs, node, path);
        if (r)
                return r;

        at.tag = &at.d->tag;
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

        at.tag = &at.d->tag;
        l = capnp_abuilder_init_structs(to, n, at.d->words, at.d->ptrs);
        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next, path.i++) {
                at.b = capnp_lbuilder_struct(l, path.i);
                r = parse_is_object(c, item, &path);
                if (!r)
                        r = parse_members(c, &at, item, &path);
        }

        return r;
}

static int parse_pointer(struct parser *c, const struct slot *slot, uint32_t node,
                         const struct tree_path *path);

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
                        const struct slot slot = {type, env, capnp_lbuilder_any(l, path.i),
                                                  DYNAMIC_BASE64};

                        r = parse_pointer(c, &slot, item, &path);
                        continue;
                }
                r = dynamic_scalar(&c->t, c->s, &type, item, &path, &bits);
                if (!r)
                        dynamic_set_element(l, &type, path.i, bits);
        }

        return r;
}

static int parse_pointer(struct parser *c, const struct slot *slot, uint32_t node,
                         const struct tree_path *path)
{
        const struct dynamic_env *env = slot->env;
        struct dynamic_type type = slot->type;
        capnp_abuilder to = slot->to;

        dynamic_type_resolve(&type, &env);
        if (c->t.is_json && dynamic_is_word(&c->t, node, "null"))
                return 0;

        if (type.lists)
                return parse_list(c, type, env, to, node, path);

        switch (type.which) {
        case TYPE_TEXT:
                return parse_text(c, to, node, path);
        case TYPE_DATA:
                return parse_data(c, to, node, path, slot->data);
        case TYPE_STRUCT:
                return parse_struct(c, &type, env, to, node, path);
        case TYPE_INTERFACE:
                return parse_cap(c, type.id, to, node, path);
        default:
                return type.is_cap ? parse_cap(c, 0, to, node, path) : parse_any(c, to, node, path);
        }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int parse(const capnp_schema *s, uint64_t type, struct parser *c, capnp_abuilder to)
{
        const struct dynamic_type top = {.which = TYPE_STRUCT, .id = type};
        int r;

        c->s = s;
        c->words = PARSE_WORDS_MAX;
        c->looks = PARSE_LOOKS_MIN + (uint64_t)PARSE_LOOKS_BYTE * c->t.len;
        if (!to.m)
                return -ENOMEM;

        r = parse_struct(c, &top, NULL, to, 0, NULL);
        return r ? r : capnp_msg_check(to.m);
}

static int parse_language(const capnp_schema *s, uint64_t type, struct tree *t, int r,
                          const struct capnp_dynamic_opts *o, capnp_abuilder to)
{
        static const struct capnp_dynamic_opts none;
        struct parser c = {.t = *t, .pointer = parse_pointer, .o = o ? o : &none};

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
        int r = tree_read(&t, text, &tree_json, o, ret_f);

        return parse_language(s, type, &t, r, o, to);
}

int capnp_text_parse(const capnp_schema *s, uint64_t type, capnp_text text,
                     const struct capnp_dynamic_opts *o, capnp_abuilder to,
                     struct capnp_fault *ret_f)
{
        struct tree t;
        int r = tree_read(&t, text, &tree_text, o, ret_f);

        return parse_language(s, type, &t, r, o, to);
}
