/*
 * JSON Schema of a struct: what capnp_json_parse() takes and capnp_json_print() writes, told in the
 * language that validators and models know. It follows those two: what is decided here is decided
 * there.
 *
 * A struct is written out where it is used, because many readers do not follow `$ref`. One that we
 * are in already, or that lies too deep, is referred to; those are written at the end, which may
 * refer to more of them. A generic struct has as many forms as there are parameters for it, so it
 * is always written out, until that is too deep.
 *
 * Schemas come from peers. What is written is bounded by the buffer, nesting by LEVELS_MAX, and
 * what is looked at without writing anything (structs that are flattened into one another) is
 * counted.
 *
 * Keywords: those that draft 7 and 2020-12 have in common, since some validators still read the
 * former: no `unevaluatedProperties`, no `prefixItems`; `$defs` is but a place.
 */
#include "dynamic-print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        INLINE_MAX = 6,  /* structs within each other that are written out */
        LEVELS_MAX = 64, /* structs and groups within each other */
        FLAT_MAX = 16,   /* flattened into one another; as the parser */
        LOOKS_MAX = 1 << 20,
        DEF_NAME_MAX = 64,
};

/* A struct or group we are in. */
struct scope {
        const struct scope *up;
        const capnp_decl *d;
        uint32_t structs; /* in the order of nesting, itself counting */
        uint32_t levels;
};

/* A key of an object, as it was written: without its quotes. */
struct key {
        size_t at, len;
};

/* The object that members are written for. */
struct object {
        const struct scope *scope;
        size_t first_key;
        bool has_members;
        bool may_clash; /* keys are not as in the schema, so two may be the same */
};

/* What is in an object: a struct, or one that is flattened into it. */
struct members {
        const capnp_decl *d;
        const struct dynamic_env *env;
        const struct dynamic_tag *tag;
        capnp_text prefix;
        uint32_t flat; /* how many are around it, up to the object */
};

/* What is to be written at the end. */
struct def {
        const capnp_decl *d;
        char name[DEF_NAME_MAX];
};

struct walk {
        struct dynamic_out out;
        const capnp_schema *s;
        struct capnp_dynamic_opts o;
        bool is_results;
        uint32_t looks; /* at fields and keys, that may still be taken */
        struct def *defs;
        uint32_t ndefs, defs_room;
        struct key *keys;
        size_t nkeys, keys_room;
};

/* The place of a value, as far as it changes how the value looks. */
struct seat {
        enum dynamic_data data;
        bool may_be_null; /* a null reference is written there */
};

static void type_write(struct walk *w, struct dynamic_type t, const struct dynamic_env *env,
                       struct seat seat, const struct scope *in);

static void walk_look(struct walk *w)
{
        if (!w->looks)
                dynamic_out_fail(&w->out, CAPNP_E_LIMIT);
        else
                w->looks--;
}

static void name_write(struct walk *w, capnp_text prefix, capnp_text name)
{
        dynamic_out_char(&w->out, '"');
        dynamic_json_piece(&w->out, prefix);
        dynamic_json_piece(&w->out, name);
        dynamic_out_char(&w->out, '"');
}

static capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

/* One more element of an array that grows; NULL: failed. */
static void *grow(struct walk *w, void *array, size_t n, size_t size, size_t room)
{
        void *p = n < room ? array : realloc(array, (room ? room * 2 : 16) * size);

        if (!p)
                dynamic_out_fail(&w->out, -ENOMEM);
        return p;
}

/* ---- descriptions ------------------------------------------------------------------------- */

/* One more line of a description; open: there has been one. */
static void told_add(struct walk *w, bool *open, capnp_text prefix, const char *s)
{
        capnp_text t = text_of(s);

        while (t.len && t.p[t.len - 1] == '\n')
                t.len--;
        if (!t.len)
                return;

        dynamic_out_str(&w->out, *open ? "\\n" : ",\"description\":\"");
        *open = true;
        if (prefix.len) {
                dynamic_json_piece(&w->out, prefix);
                dynamic_out_str(&w->out, ": ");
        }
        dynamic_json_piece(&w->out, t);
}

static void told_end(struct walk *w, bool open)
{
        if (open)
                dynamic_out_char(&w->out, '"');
}

/* The comments on the names of an enum, each with its name. */
static void told_enum(struct walk *w, bool *open, const capnp_decl *d)
{
        for (uint32_t i = 0; d && d->docs && i < d->n; i++)
                if (d->docs[i])
                        told_add(w, open, dynamic_json_name(d, i), d->docs[i]);
}

static bool walk_has_mailbox(const struct walk *w, uint64_t interface)
{
        return !w->is_results && w->o.mailbox && !w->o.mailbox(w->o.arg, interface, NULL);
}

static void told_cap(struct walk *w, bool *open, uint64_t id)
{
        const capnp_decl *d = dynamic_interface(w->s, id);
        char text[128];

        (void)snprintf(text, sizeof(text), "%s (%.60s).",
                       walk_has_mailbox(w, id) ? "A new mailbox" : "A reference",
                       d ? d->short_name : "Capability");
        told_add(w, open, (capnp_text){0}, text);
}

/* What is said of a value: the comment on the field, or that on its type. */
static void told_write(struct walk *w, const char *doc, struct dynamic_type t,
                       const struct dynamic_env *env)
{
        const capnp_decl *d = NULL;
        bool open = false;

        dynamic_type_resolve(&t, &env);
        if (t.which == TYPE_ENUM || t.which == TYPE_STRUCT)
                d = capnp_schema_find(w->s, t.id);
        told_add(w, &open, (capnp_text){0}, *doc || !d ? doc : d->doc);
        if (t.which == TYPE_ENUM)
                told_enum(w, &open, d);
        if (t.which == TYPE_INTERFACE || (t.which == TYPE_ANY_POINTER && t.is_cap))
                told_cap(w, &open, t.id);
        told_end(w, open);
}

/* ---- values that are not structs ---------------------------------------------------------- */

static void enum_write(struct walk *w, uint64_t id)
{
        const capnp_decl *d = dynamic_enum(w->s, id);
        /* What a newer schema has a name for is printed as a number; and parsed as one. */
        bool numbers = d && (w->is_results || !d->n);

        if (!d) {
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);
                return;
        }

        if (numbers && d->n)
                dynamic_out_str(&w->out, "\"anyOf\":[{");
        if (d->n)
                dynamic_out_str(&w->out, "\"type\":\"string\",\"enum\":[");
        for (uint32_t i = 0; i < d->n; i++) {
                if (i)
                        dynamic_out_char(&w->out, ',');
                name_write(w, (capnp_text){0}, dynamic_json_name(d, i));
        }
        if (d->n)
                dynamic_out_char(&w->out, ']');
        if (numbers && d->n)
                dynamic_out_str(&w->out, "},{");
        if (numbers)
                dynamic_out_fmt(&w->out,
                                "\"type\":\"integer\",\"minimum\":%" PRIu32 ",\"maximum\":65535",
                                d->n);
        if (numbers && d->n)
                dynamic_out_str(&w->out, "}]");
}

static void data_write(struct walk *w, enum dynamic_data how)
{
        if (how == DYNAMIC_NUMBERS && !w->o.base64)
                dynamic_out_str(&w->out, "\"type\":\"array\",\"items\":{\"type\":\"integer\","
                                         "\"minimum\":0,\"maximum\":255}");
        else if (how == DYNAMIC_HEX)
                dynamic_out_str(&w->out, "\"type\":\"string\",\"contentEncoding\":\"base16\","
                                         "\"pattern\":\"^([0-9A-Fa-f]{2})*$\"");
        else
                dynamic_out_str(&w->out,
                                "\"type\":\"string\",\"contentEncoding\":\"base64\","
                                "\"pattern\":\"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw](==)?|"
                                "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=?)?$\"");
}

static void cap_write(struct walk *w, uint64_t interface, bool may_be_null)
{
        bool mailbox = walk_has_mailbox(w, interface);
        bool words = w->is_results ? w->o.word != NULL : w->o.find_word != NULL;
        const char *key = mailbox ? "$mailbox" : "$cap";

        dynamic_out_fmt(&w->out, "\"type\":%s,\"properties\":{\"%s\":{",
                        may_be_null ? "[\"object\",\"null\"]" : "\"object\"", key);
        if (mailbox)
                dynamic_out_str(&w->out, "\"const\":true");
        else if (words)
                dynamic_out_str(&w->out, "\"type\":\"string\"");
        else
                dynamic_out_str(&w->out,
                                "\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295");
        dynamic_out_fmt(&w->out, "}},\"required\":[\"%s\"],\"additionalProperties\":false", key);
}

/* By type: what is always the same. NULL: it is not. */
static const char *type_constant(enum type_which which)
{
        static const char *const all[] = {
                [TYPE_VOID] = "\"type\":\"null\"",
                [TYPE_BOOL] = "\"type\":\"boolean\"",
                [TYPE_INT8] = "\"type\":\"integer\",\"minimum\":-128,\"maximum\":127",
                [TYPE_INT16] = "\"type\":\"integer\",\"minimum\":-32768,\"maximum\":32767",
                [TYPE_INT32] = "\"type\":\"integer\",\"minimum\":-2147483648,"
                               "\"maximum\":2147483647",
                [TYPE_INT64] = "\"type\":\"string\",\"pattern\":\"^(0|-?[1-9][0-9]{0,18})$\"",
                [TYPE_UINT8] = "\"type\":\"integer\",\"minimum\":0,\"maximum\":255",
                [TYPE_UINT16] = "\"type\":\"integer\",\"minimum\":0,\"maximum\":65535",
                [TYPE_UINT32] = "\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295",
                [TYPE_UINT64] = "\"type\":\"string\",\"pattern\":\"^(0|[1-9][0-9]{0,19})$\"",
                /* What rounds to the largest is still in the range. */
                [TYPE_FLOAT32] = "\"type\":[\"number\",\"string\"],\"minimum\":-3.4028235e38,"
                                 "\"maximum\":3.4028235e38,\"pattern\":\"^(NaN|-?Infinity)$\"",
                [TYPE_FLOAT64] = "\"type\":[\"number\",\"string\"],"
                                 "\"pattern\":\"^(NaN|-?Infinity)$\"",
                [TYPE_TEXT] = "\"type\":\"string\"",
        };

        return (size_t)which < sizeof(all) / sizeof(all[0]) ? all[which] : NULL;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Two members of one name: no schema could say what is meant. */
static bool key_is_new(struct walk *w, const struct object *ob, const struct key *k)
{
        const char *p = w->out.b->p;

        for (size_t i = ob->first_key; i < w->nkeys; i++) {
                walk_look(w);
                if (w->keys[i].len == k->len && !memcmp(p + w->keys[i].at, p + k->at, k->len))
                        return false;
        }

        return true;
}

static void key_note(struct walk *w, const struct object *ob, size_t start)
{
        const struct key k = {start, w->out.b->len - start};
        struct key *p;

        if (w->out.error || !ob->may_clash)
                return;

        if (!key_is_new(w, ob, &k)) {
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);
                return;
        }

        p = grow(w, w->keys, w->nkeys, sizeof(*p), w->keys_room);
        if (!p)
                return;

        if (w->nkeys == w->keys_room)
                w->keys_room = w->keys_room ? w->keys_room * 2 : 16;
        w->keys = p;
        w->keys[w->nkeys++] = k;
}

/* A key and the brace that its schema begins with. */
static void key_write(struct walk *w, struct object *ob, capnp_text prefix, capnp_text name)
{
        size_t start;

        if (ob->has_members)
                dynamic_out_char(&w->out, ',');
        ob->has_members = true;
        start = w->out.b->len;
        name_write(w, prefix, name);
        key_note(w, ob, start);
        dynamic_out_str(&w->out, ":{");
}

/* ---- members of an object ----------------------------------------------------------------- */

static const struct dynamic_json *json_of(const capnp_decl *d, uint32_t i)
{
        return d->json ? &d->json[i] : NULL;
}

static bool field_is_flat(const capnp_decl *d, uint32_t i)
{
        return d->json && d->json[i].is_flat;
}

static bool field_is_member(const struct dynamic_field *f)
{
        return f->value != DYNAMIC_NO_VALUE;
}

static void group_write(struct walk *w, const struct members *m, uint32_t i,
                        const struct scope *in);

/* What a field may be, and what is said of it. */
static void field_write(struct walk *w, const struct object *ob, const struct members *m,
                        uint32_t i)
{
        const struct dynamic_field *f = &m->d->fields[i];
        const struct dynamic_json *j = json_of(m->d, i);
        const struct seat seat = {.data = j ? j->data : DYNAMIC_NUMBERS,
                                  .may_be_null = w->is_results && field_is_member(f)};
        int r;

        walk_look(w);
        if (f->is_group) {
                group_write(w, m, i, ob->scope);
                return;
        }

        type_write(w, f->type, m->env, seat, ob->scope);
        told_write(w, capnp_decl_member_doc(m->d, i), f->type, m->env);
        /* Of a member of a union it is what it has when it is chosen; not what is there else. */
        if (!f->has_default || field_is_member(f) || w->out.error)
                return;

        dynamic_out_str(&w->out, ",\"default\":");
        r = capnp_json_print_default(w->s, m->d, i, &w->o, w->out.b);
        if (r)
                dynamic_out_fail(&w->out, r);
}

static void members_write(struct walk *w, struct object *ob, const struct members *m);

/* A field whose members are those of the object around it. */
static void flat_write(struct walk *w, struct object *ob, const struct members *m, uint32_t i)
{
        const struct dynamic_field *f = &m->d->fields[i];
        const struct dynamic_json *j = &m->d->json[i];
        const struct dynamic_env inner = {f->type.brand, m->env};
        struct members flat = {.env = f->is_group ? m->env : &inner, .flat = m->flat + 1};
        char prefix[DYNAMIC_PREFIX_MAX];

        flat.d = f->is_group ? dynamic_group(w->s, m->d, f) : dynamic_struct(w->s, f->type.id);
        if (!flat.d) {
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);
                return;
        }

        flat.tag = f->is_group ? &j->tag : &flat.d->tag;
        flat.prefix = (capnp_text){prefix, m->prefix.len + j->prefix.len};
        if (flat.flat > FLAT_MAX || flat.prefix.len > sizeof(prefix)) {
                dynamic_out_fail(&w->out, CAPNP_E_LIMIT);
                return;
        }

        if (m->prefix.len)
                memcpy(prefix, m->prefix.p, m->prefix.len);
        if (j->prefix.len)
                memcpy(prefix + m->prefix.len, j->prefix.p, j->prefix.len);
        members_write(w, ob, &flat);
}

/* The member that says which of a union there is. */
static void tag_write(struct walk *w, struct object *ob, const struct members *m)
{
        key_write(w, ob, m->prefix, m->tag->name);
        dynamic_out_str(&w->out, "\"type\":\"string\",\"enum\":[");
        for (uint32_t i = 0; i < m->d->nmembers; i++) {
                if (i)
                        dynamic_out_char(&w->out, ',');
                name_write(w, (capnp_text){0}, dynamic_json_name(m->d, m->d->members[i]));
        }
        dynamic_out_str(&w->out, "]}");
}

/* The key that all of a union share: it may be whatever one of them may be. */
static void shared_write(struct walk *w, struct object *ob, const struct members *m)
{
        bool any = false;

        for (uint32_t i = 0; i < m->d->n && !w->out.error; i++) {
                if (!field_is_member(&m->d->fields[i]) || field_is_flat(m->d, i))
                        continue;
                if (!any) {
                        key_write(w, ob, m->prefix, m->tag->value);
                        dynamic_out_str(&w->out, "\"anyOf\":[");
                }
                dynamic_out_str(&w->out, any ? ",{" : "{");
                any = true;
                field_write(w, ob, m, i);
                dynamic_out_char(&w->out, '}');
        }

        if (any)
                dynamic_out_str(&w->out, "]}");
}

static void members_write(struct walk *w, struct object *ob, const struct members *m)
{
        const struct dynamic_json *j;
        capnp_text name;

        for (uint32_t i = 0; i < m->d->n && !w->out.error; i++) {
                j = json_of(m->d, i);
                name = j ? j->name : text_of(m->d->fields[i].name);
                walk_look(w);
                if (field_is_flat(m->d, i)) {
                        flat_write(w, ob, m, i);
                        continue;
                }
                if (m->tag->value.p && field_is_member(&m->d->fields[i]))
                        continue;
                key_write(w, ob, m->prefix, name);
                field_write(w, ob, m, i);
                dynamic_out_char(&w->out, '}');
        }

        if (m->tag->is_given && m->tag->name.p && m->d->nmembers)
                tag_write(w, ob, m);
        if (m->tag->value.p)
                shared_write(w, ob, m);
}

/* ---- objects ------------------------------------------------------------------------------ */

/* Of results: what is always printed. */
static void required_write(struct walk *w, const capnp_decl *d)
{
        bool any = false;

        for (uint32_t i = 0; i < d->n; i++) {
                const struct dynamic_field *f = &d->fields[i];

                if (field_is_member(f) || field_is_flat(d, i) ||
                    (!f->is_group && dynamic_type_is_pointer(&f->type)))
                        continue;
                dynamic_out_str(&w->out, any ? "," : ",\"required\":[");
                any = true;
                name_write(w, (capnp_text){0}, dynamic_json_name(d, i));
        }

        if (any)
                dynamic_out_char(&w->out, ']');
}

/* Whether a union's members are keys of their own, of which one may be given. */
static bool union_is_plain(const struct members *m)
{
        if (m->d->nmembers < 2 || m->tag->is_given)
                return false;

        for (uint32_t i = 0; i < m->d->nmembers; i++)
                if (field_is_flat(m->d, m->d->members[i]))
                        return false;

        return true;
}

/* {"required":["x"]} for each. */
static void union_each(struct walk *w, const capnp_decl *d)
{
        for (uint32_t i = 0; i < d->nmembers; i++) {
                dynamic_out_str(&w->out, i ? ",{\"required\":[" : "{\"required\":[");
                name_write(w, (capnp_text){0}, dynamic_json_name(d, d->members[i]));
                dynamic_out_str(&w->out, "]}");
        }
}

/* One of them, or none: then it is the first, or one that a newer schema has. */
static void union_write(struct walk *w, const capnp_decl *d)
{
        dynamic_out_str(&w->out, ",\"oneOf\":[");
        union_each(w, d);
        dynamic_out_str(&w->out, ",{\"not\":{\"anyOf\":[");
        union_each(w, d);
        dynamic_out_str(&w->out, "]}}]");
}

/* The same in words. */
static void union_tell(struct walk *w, bool *open, const capnp_decl *d)
{
        dynamic_out_str(&w->out, *open ? "\\n" : ",\"description\":\"");
        *open = true;
        dynamic_out_str(&w->out, "At most one of ");
        for (uint32_t i = 0; i < d->nmembers; i++) {
                if (i)
                        dynamic_out_str(&w->out, ", ");
                dynamic_json_piece(&w->out, dynamic_json_name(d, d->members[i]));
        }
        dynamic_out_str(&w->out,
                        w->is_results ? " is there." : " may be given; without any it is ");
        if (w->is_results)
                return;

        dynamic_json_piece(&w->out, dynamic_json_name(d, d->members[0]));
        dynamic_out_char(&w->out, '.');
}

/* The keywords of a struct or a group. root: of the whole, which has no `oneOf`. */
static void object_write(struct walk *w, const struct members *m, const struct scope *scope,
                         bool root)
{
        struct object ob = {
                .scope = scope, .first_key = w->nkeys, .may_clash = m->d->json || m->tag->is_given};

        dynamic_out_str(&w->out, "\"type\":\"object\",\"properties\":{");
        members_write(w, &ob, m);
        w->nkeys = ob.first_key;
        dynamic_out_str(&w->out, "},\"additionalProperties\":false");
        if (w->is_results)
                required_write(w, m->d);
        if (!root && union_is_plain(m))
                union_write(w, m->d);
}

static bool scope_enter(struct walk *w, struct scope *scope, const struct scope *in,
                        const capnp_decl *d)
{
        *scope = (struct scope){in, d, in ? in->structs : 0, in ? in->levels + 1 : 1};
        scope->structs += !d->is_group;
        if (scope->levels > LEVELS_MAX)
                dynamic_out_fail(&w->out, CAPNP_E_LIMIT);
        return !w->out.error;
}

static void group_write(struct walk *w, const struct members *m, uint32_t i, const struct scope *in)
{
        const struct dynamic_json *j = json_of(m->d, i);
        struct members inner = {.d = dynamic_group(w->s, m->d, &m->d->fields[i]), .env = m->env};
        struct scope scope;
        bool open = false;

        if (!inner.d)
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);
        if (!inner.d || !scope_enter(w, &scope, in, inner.d))
                return;

        inner.tag = j ? &j->tag : &inner.d->tag;
        object_write(w, &inner, &scope, false);
        told_add(w, &open, (capnp_text){0}, capnp_decl_member_doc(m->d, i));
        told_end(w, open);
}

/* ---- structs ------------------------------------------------------------------------------ */

static bool scope_holds(const struct scope *scope, const capnp_decl *d)
{
        for (; scope; scope = scope->up)
                if (scope->d == d)
                        return true;

        return false;
}

/* A name that needs no escape in JSON nor in a pointer into it, and is given once: with its number
 * when another has it. */
static void def_name(const struct walk *w, struct def *new)
{
        const char *from = new->d->short_name;
        bool taken = false;
        size_t n = 0;

        for (; *from && n < DEF_NAME_MAX - 16; from++)
                if ((*from >= '0' && *from <= '9') ||
                    ((*from | 0x20) >= 'a' && (*from | 0x20) <= 'z'))
                        new->name[n++] = *from;
        new->name[n] = 0;
        for (uint32_t i = 0; n && i < w->ndefs; i++)
                if (!strcmp(w->defs[i].name, new->name))
                        taken = true;
        if (!n || taken)
                (void)snprintf(new->name + n, DEF_NAME_MAX - n, "-%" PRIu32, w->ndefs);
}

/* The definition of a struct, which is written at the end; NULL: failed. */
static const struct def *def_of(struct walk *w, const capnp_decl *d)
{
        struct def *p;

        for (uint32_t i = 0; i < w->ndefs; i++) {
                walk_look(w);
                if (w->defs[i].d == d)
                        return &w->defs[i];
        }

        p = grow(w, w->defs, w->ndefs, sizeof(*p), w->defs_room);
        if (!p)
                return NULL;

        if (w->ndefs == w->defs_room)
                w->defs_room = w->defs_room ? w->defs_room * 2 : 16;
        w->defs = p;
        p[w->ndefs] = (struct def){.d = d};
        def_name(w, &p[w->ndefs]);
        return &p[w->ndefs++];
}

static void struct_write(struct walk *w, const struct dynamic_type *t,
                         const struct dynamic_env *env, const struct scope *in)
{
        const struct dynamic_env inner = {t->brand, env};
        struct members m = {.d = dynamic_struct(w->s, t->id), .env = &inner};
        const struct def *def;
        struct scope scope;

        if (!m.d) {
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);
                return;
        }

        if (!node_is_generic(m.d->r) && (in->structs >= INLINE_MAX || scope_holds(in, m.d))) {
                def = def_of(w, m.d);
                dynamic_out_str(&w->out, "\"$ref\":\"#/$defs/");
                dynamic_out_str(&w->out, def ? def->name : "");
                dynamic_out_char(&w->out, '"');
                return;
        }

        m.tag = &m.d->tag;
        if (scope_enter(w, &scope, in, m.d))
                object_write(w, &m, &scope, false);
}

/* The keywords of a type. */
static void type_write(struct walk *w, struct dynamic_type t, const struct dynamic_env *env,
                       struct seat seat, const struct scope *in)
{
        const char *constant;

        dynamic_type_resolve(&t, &env);
        if (t.lists)
                seat = (struct seat){.may_be_null = w->is_results};
        for (uint32_t i = 0; i < t.lists; i++)
                dynamic_out_str(&w->out, "\"type\":\"array\",\"items\":{");

        constant = type_constant(t.which);
        if (constant)
                dynamic_out_str(&w->out, constant);
        else if (t.which == TYPE_DATA)
                data_write(w, seat.data);
        else if (t.which == TYPE_ENUM)
                enum_write(w, t.id);
        else if (t.which == TYPE_STRUCT)
                struct_write(w, &t, env, in);
        else if (t.which == TYPE_INTERFACE || t.is_cap)
                cap_write(w, t.which == TYPE_INTERFACE ? t.id : 0, seat.may_be_null);
        else
                dynamic_out_fail(&w->out, CAPNP_E_UNKNOWN);

        for (uint32_t i = 0; i < t.lists; i++)
                dynamic_out_char(&w->out, '}');
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void defs_write(struct walk *w)
{
        static const struct dynamic_env none;

        for (uint32_t i = 0; i < w->ndefs && !w->out.error; i++) {
                const capnp_decl *d = w->defs[i].d;
                const struct members m = {.d = d, .env = &none, .tag = &d->tag};
                struct scope scope;
                bool open = false;

                dynamic_out_fmt(&w->out, "%s\"%s\":{", i ? "," : ",\"$defs\":{", w->defs[i].name);
                if (scope_enter(w, &scope, NULL, d))
                        object_write(w, &m, &scope, false);
                told_add(w, &open, (capnp_text){0}, d->doc);
                told_end(w, open);
                dynamic_out_char(&w->out, '}');
        }

        if (w->ndefs)
                dynamic_out_char(&w->out, '}');
}

static void root_write(struct walk *w, const capnp_decl *d)
{
        static const struct dynamic_env none;
        const struct members m = {.d = d, .env = &none, .tag = &d->tag};
        struct scope scope;
        bool open = false;

        dynamic_out_char(&w->out, '{');
        if (scope_enter(w, &scope, NULL, d))
                object_write(w, &m, &scope, true);
        told_add(w, &open, (capnp_text){0}, d->doc);
        if (union_is_plain(&m))
                union_tell(w, &open, d);
        told_end(w, open);
        defs_write(w);
        dynamic_out_char(&w->out, '}');
}

int capnp_jsonschema_print(const capnp_schema *s, uint64_t type, enum capnp_jsonschema what,
                           const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        struct walk w = {.out = {.b = to},
                         .s = s,
                         .is_results = what == CAPNP_JSONSCHEMA_RESULTS,
                         .looks = LOOKS_MAX};
        const capnp_decl *d = dynamic_struct(s, type);
        size_t start = to->len;

        if (!d)
                return CAPNP_E_UNKNOWN;

        if (o)
                w.o = *o;
        w.o.pretty = false;
        root_write(&w, d);
        free(w.defs);
        free(w.keys);
        return dynamic_out_end(&w.out, start);
}
