/*
 * The members of an object, into the fields of a struct.
 *
 * In Cap'n Proto text, and in JSON for most structs, that is a look at the names of the fields. The
 * annotations of json.capnp make it more: a field may have another name, the members of a flattened
 * struct are members of the one around it, with a prefix perhaps, and of a union a tag may say
 * which member there is. So a struct first looks for its tag, then for its own members, and then
 * lets each flattened struct look through what is left; whatever nobody has taken in the end is
 * unknown.
 *
 * A foreign schema may flatten a struct into itself. How deep that is followed is limited, and so
 * is the number of looks at members and fields in all.
 */
#include "dynamic-parse.h"

#include <errno.h>
#include <stdlib.h>

/* What a member is, when it is no field. */
enum { MEMBER_NONE = UINT32_MAX, MEMBER_TAG = UINT32_MAX - 1, MEMBER_VALUE = UINT32_MAX - 2 };

enum { MEMBERS_FLAT_MAX = 16, KEY_MAX = DYNAMIC_PREFIX_MAX + DYNAMIC_NAME_MAX };

/* One struct's look at the members of an object. */
struct look {
        struct place *to;
        uint32_t node; /* the object */
        const struct tree_path *up;
        capnp_text prefix;                  /* of the keys that are this struct's */
        unsigned flat;                      /* how deep it is flattened */
        uint8_t *seen;                      /* what has been set already: a bit a field */
        const struct dynamic_field *member; /* of the union; NULL */
        bool plain;                         /* no annotation is to be heeded */
        uint32_t *left;                     /* members that nobody has taken yet */
};

static void look_deinit(struct look *l)
{
        free(l->seen);
}

static int members_look(struct parser *c, struct look *l);

/* ---- which field -------------------------------------------------------------------------- */

static bool text_is(capnp_text a, capnp_text b)
{
        return b.p && a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/* A key as it is meant; false: longer than any is. */
static bool key_read(const struct parser *c, const struct tree_node *m, char plain[6 * KEY_MAX + 2],
                     capnp_text *ret)
{
        *ret = (capnp_text){c->t.p + m->key_at, m->key_len};
        if (!c->t.is_json || !ret->len || !memchr(ret->p, '\\', ret->len))
                return true;

        if (ret->len > 6 * KEY_MAX)
                return false;

        ret->len = tree_json_unescape(ret->p - 1, ret->len + 2, plain);
        ret->p = plain;
        return true;
}

/* The field, or one of MEMBER_. */
static uint32_t member_find(struct parser *c, const struct look *l, const struct tree_node *m)
{
        const struct dynamic_tag *tag = l->to->tag;
        const capnp_decl *d = l->to->d;
        char plain[6 * KEY_MAX + 2];
        capnp_text key;

        if (!key_read(c, m, plain, &key))
                return MEMBER_NONE;

        if (l->plain)
                return dynamic_decl_member(d, key.p, key.len);

        if (key.len < l->prefix.len || memcmp(key.p, l->prefix.p, l->prefix.len))
                return MEMBER_NONE;

        key.p += l->prefix.len;
        key.len -= l->prefix.len;
        if (tag->is_given && text_is(key, tag->name))
                return MEMBER_TAG;

        if (tag->is_given && text_is(key, tag->value))
                return MEMBER_VALUE;

        c->looks -= c->looks < d->n ? c->looks : d->n;
        for (uint32_t i = 0; i < d->n; i++) {
                bool named =
                        !(d->json && d->json[i].is_flat) &&
                        !(tag->is_given && tag->value.p && d->fields[i].value != DYNAMIC_NO_VALUE);

                if (named && text_is(key, dynamic_json_name(d, i)))
                        return i;
        }

        return MEMBER_NONE;
}

/* ---- places ------------------------------------------------------------------------------- */

/* Makes a flattened struct, if it has not been, and those around it. */
static int place_make(struct parser *c, struct place *to, uint32_t node,
                      const struct tree_path *path)
{
        int r;

        if (!to->around || to->b.m)
                return 0;

        r = place_make(c, to->around, node, path);
        if (r)
                return r;

        if (to->f->value != DYNAMIC_NO_VALUE)
                capnp_builder_set_u16(to->around->b, to->around->d->discriminant * 2, to->f->value,
                                      0);
        if (to->f->is_group) {
                to->b = to->around->b;
                return 0;
        }

        r = parse_charge(c, (uint64_t)to->d->words + to->d->ptrs, node, path);
        if (!r)
                to->b = capnp_abuilder_init_struct(
                        capnp_builder_any(to->around->b, (uint16_t)to->f->offset), to->d->words,
                        to->d->ptrs);
        return r;
}

/* ---- values ------------------------------------------------------------------------------- */

static int parse_group(struct parser *c, const struct place *to, uint32_t i, uint32_t node,
                       const struct tree_path *path)
{
        const struct dynamic_field *f = &to->d->fields[i];
        struct place at = {.d = dynamic_group(c->s, to->d, f), .b = to->b, .env = to->env};

        if (!at.d)
                return parse_missing(c, node, path);

        at.tag = to->d->json ? &to->d->json[i].tag : &at.d->tag;
        if (c->t.nodes[node].kind != TREE_OBJECT)
                return dynamic_expected(&c->t, node, path,
                                        c->t.is_json ? "an object" : "a group in parentheses");

        return parse_members(c, &at, node, path);
}

static int parse_field(struct parser *c, const struct place *to, uint32_t i, uint32_t node,
                       const struct tree_path *path)
{
        const struct dynamic_field *f = &to->d->fields[i];
        struct slot slot;
        uint64_t bits;
        int r;

        if (f->value != DYNAMIC_NO_VALUE)
                capnp_builder_set_u16(to->b, to->d->discriminant * 2, f->value, 0);

        if (f->is_group)
                return parse_group(c, to, i, node, path);

        if (dynamic_type_is_pointer(&f->type)) {
                slot = (struct slot){f->type, to->env,
                                     capnp_builder_any(to->b, (uint16_t)f->offset),
                                     to->d->json ? to->d->json[i].data : DYNAMIC_BASE64};
                return c->pointer(c, &slot, node, path);
        }

        r = dynamic_scalar(&c->t, c->s, &f->type, node, path, &bits);
        if (!r)
                dynamic_set(to->b, f, bits);

        return r;
}

/* ---- members ------------------------------------------------------------------------------ */

static int member_once(struct parser *c, struct look *l, uint32_t i, const struct tree_node *m,
                       const struct tree_path *path)
{
        const struct dynamic_field *f = &l->to->d->fields[i];

        if (l->seen[i / 8] >> (i % 8) & 1)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, m->key_at, path, "given twice");

        if (f->value != DYNAMIC_NO_VALUE && l->member && l->member != f)
                return tree_fail(&c->t, CAPNP_E_SYNTAX, m->key_at, path,
                                 "in one union with `%s`, which is given, too", l->member->name);

        l->seen[i / 8] |= (uint8_t)(1u << (i % 8));
        if (f->value != DYNAMIC_NO_VALUE)
                l->member = f;
        return 0;
}

/* Which member of the union there is. A name that this schema does not have is a field's that it
 * does not have, either. */
static int member_tag(struct parser *c, struct look *l, uint32_t item, const struct tree_path *path)
{
        const struct tree_node *n = &c->t.nodes[item];
        const capnp_decl *d = l->to->d;
        capnp_text word = {c->t.p + n->at + 1, n->len - 2};

        if (n->kind != TREE_STRING)
                return dynamic_expected(&c->t, item, path, "the name of a member, in quotes");

        for (uint32_t i = 0; i < d->n; i++)
                if (d->fields[i].value != DYNAMIC_NO_VALUE &&
                    dynamic_json_is(word, dynamic_json_name(d, i))) {
                        l->member = &d->fields[i];
                        capnp_builder_set_u16(l->to->b, d->discriminant * 2, l->member->value, 0);
                        return 0;
                }

        return c->o->reject_unknown ? dynamic_unknown(&c->t, n->at, path, d, word) : 0;
}

/* One member, if it is this struct's. */
static int member_take(struct parser *c, struct look *l, uint32_t item, bool tags)
{
        struct tree_node *m = &c->t.nodes[item];
        struct tree_path path = {l->up, c->t.p + m->key_at, m->key_len, 0};
        uint32_t i = member_find(c, l, m);
        int r;

        if (i == MEMBER_VALUE && l->member)
                i = (uint32_t)(l->member - l->to->d->fields);
        if (i == MEMBER_NONE || i == MEMBER_VALUE || (i == MEMBER_TAG) != tags)
                return 0;

        m->is_used = true;
        --*l->left;
        r = place_make(c, l->to, item, &path);
        if (r)
                return r;

        if (tags)
                return member_tag(c, l, item, &path);

        r = member_once(c, l, i, m, &path);
        return r ? r : parse_field(c, l->to, i, item, &path);
}

static int members_too_many(struct parser *c, const struct look *l)
{
        return tree_fail(&c->t, CAPNP_E_LIMIT, c->t.nodes[l->node].at, l->up,
                         "too many members to look through");
}

static int members_take(struct parser *c, struct look *l, bool tags)
{
        uint32_t item = c->t.nodes[l->node].first;
        int r = 0;

        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next) {
                if (c->t.nodes[item].is_used)
                        continue;
                if (!c->looks)
                        return members_too_many(c, l);
                c->looks -= !l->plain;
                r = member_take(c, l, item, tags);
        }

        return r;
}

/* What is left, for a field that is flattened. */
static int members_flat(struct parser *c, struct look *l, uint32_t i)
{
        const struct dynamic_field *f = &l->to->d->fields[i];
        const struct dynamic_json *j = &l->to->d->json[i];
        const struct dynamic_env inner = {f->type.brand, l->to->env};
        struct place at = {.around = l->to, .f = f, .env = &inner, .tag = &j->tag};
        struct look flat = {
                .to = &at, .node = l->node, .up = l->up, .flat = l->flat + 1, .left = l->left};
        char prefix[DYNAMIC_PREFIX_MAX];

        if (f->value != DYNAMIC_NO_VALUE && f != l->member)
                return 0;

        at.d = f->is_group ? dynamic_group(c->s, l->to->d, f) : dynamic_struct(c->s, f->type.id);
        if (!at.d)
                return parse_missing(c, l->node, l->up);

        if (f->is_group)
                at.env = l->to->env;
        else
                at.tag = &at.d->tag;
        flat.prefix = (capnp_text){prefix, l->prefix.len + j->prefix.len};
        if (l->flat >= MEMBERS_FLAT_MAX || flat.prefix.len > sizeof(prefix))
                return 0;

        if (l->prefix.len)
                memcpy(prefix, l->prefix.p, l->prefix.len);
        if (j->prefix.len)
                memcpy(prefix + l->prefix.len, j->prefix.p, j->prefix.len);
        return members_look(c, &flat);
}

static int members_look(struct parser *c, struct look *look)
{
        CAPNP_AUTO(look_deinit) struct look l = *look;
        const capnp_decl *d = l.to->d;
        int r = 0;

        l.plain = !c->t.is_json || (!l.flat && !d->json && !l.to->tag->is_given);
        if (!l.plain && c->looks < d->n)
                return members_too_many(c, &l);

        c->looks -= l.plain ? 0 : d->n;
        l.seen = calloc(1, d->n / 8 + 1);
        if (!l.seen)
                return -ENOMEM;

        if (!l.plain && l.to->tag->is_given)
                r = members_take(c, &l, true);
        if (!r)
                r = members_take(c, &l, false);
        for (uint32_t i = 0; !r && !l.plain && d->json && i < d->n && *l.left; i++)
                if (d->json[i].is_flat)
                        r = members_flat(c, &l, i);

        return r;
}

int parse_members(struct parser *c, struct place *to, uint32_t node, const struct tree_path *up)
{
        uint32_t left = c->t.nodes[node].n;
        struct look l = {.to = to, .node = node, .up = up, .prefix = {"", 0}, .left = &left};
        uint32_t item = c->t.nodes[node].first;
        int r = members_look(c, &l);

        /* Of a text all must be known; of JSON what the caller says. */
        for (; !r && item != TREE_NONE; item = c->t.nodes[item].next) {
                const struct tree_node *m = &c->t.nodes[item];

                if (!m->is_used && (c->o->reject_unknown || !c->t.is_json))
                        r = dynamic_unknown(&c->t, m->key_at, up, to->d,
                                            (capnp_text){c->t.p + m->key_at, m->key_len});
        }

        return r;
}
