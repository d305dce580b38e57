/*
 * What a capability is, by its schema: methods with what their author says about them, and each of
 * the types that they use.
 *
 * The schema may be anybody's. Names in it are identifiers, and groups may only seem to end: how
 * deep they are followed is limited here. Comments are shown as other text of strangers is.
 */
#include "cap-schema.h"
#include "cli-near.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 16 * 1024 * 1024, METHOD = 2, MEMBER = 2, STEP = 4 };

/* How deep groups are followed, and how many in all: in a foreign schema one may lie in itself. */
enum { GROUPS_DEEP = 16, GROUPS_MAX = 1000 };

/* Which method or type is wanted; NULL: all methods. */
struct wanted {
        const struct cli *c;
        const char *cap; /* the capability whose methods they are; NULL: of any that there may be */
        const char *method;
        const capnp_decl *type;
};

static const char *const kinds[] = {"file", "struct", "enum", "interface", "const", "annotation"};

/* ---- pieces ------------------------------------------------------------------------------- */

/* Lines of a comment, indented; tabs in it are spaces. */
static void doc_print(const char *doc, unsigned indent)
{
        while (*doc) {
                size_t len = strcspn(doc, "\n");
                char *line = strndup(doc, len);

                for (char *p = line; p && *p; p++)
                        *p = *p == '\t' ? ' ' : *p;
                if (len)
                        printf("%*s", (int)indent, "");
                if (line)
                        cli_print_safe(line);
                printf("\n");
                free(line);
                doc += len + (doc[len] == '\n');
        }
}

/* A comment without the newline at its end. */
static json_t *doc_json(const char *doc)
{
        size_t len = strlen(doc);

        return json_stringn(doc, len && doc[len - 1] == '\n' ? len - 1 : len);
}

/* ` :Text = "x"`, or nothing when memory is short. */
static void type_print(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                       const struct capnp_field_info *f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = TEXT_BYTES};

        if (!capnp_decl_field_type(s, d, i, &b)) {
                printf(" :");
                cli_print_safe(b.p);
        }
        b.len = 0;
        if (f->has_default && !capnp_text_print_default(s, d, i, NULL, &b)) {
                printf(" = ");
                cli_print_safe(b.p);
        }
}

/* ---- methods ------------------------------------------------------------------------------ */

static json_t *method_json(const capnp_schema *s, const struct capnp_method_info *m, bool granted)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {.max = TEXT_BYTES};
        const char *effect = cap_effect(s, m);

        if (capnp_schema_usage(s, m, &usage))
                return NULL;
        return json_pack("{s:s,s:i,s:b,s:b,s:o,s:o,s:s*,s:o}", "name", m->name, "ordinal",
                         (int)m->ordinal, "stream", m->stream, "granted", granted, "usage",
                         cli_json_text(usage.p), "doc", doc_json(capnp_method_doc(s, m)), "effect",
                         effect, "title", cli_json_text(cap_title(s, m)));
}

static void method_print(const capnp_schema *s, const struct capnp_method_info *m)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {.max = TEXT_BYTES};
        const char *effect = cap_effect_words(cap_effect(s, m)), *title = cap_title(s, m);

        printf("%*s", METHOD, "");
        cli_print_safe(capnp_schema_usage(s, m, &usage) ? m->name : usage.p);
        printf("\n");
        if (*title) {
                printf("%*s", METHOD + STEP, "");
                cli_print_safe(title);
                printf(".\n");
        }
        doc_print(capnp_method_doc(s, m), METHOD + STEP);
        if (effect)
                printf("%*s(%s)\n", METHOD + STEP, "", effect);
}

static bool method_is(const struct wanted *w, const struct capnp_method_info *m)
{
        return !w->method || !strcmp(m->name, w->method);
}

/* Whether the session has it, of a capability that it was granted. */
static bool method_is_granted(const struct wanted *w, const struct capnp_method_info *m)
{
        return !w->cap || capos_client_entry_has(w->c->client, w->cap, m->interface, m->ordinal);
}

static json_t *methods_json(const capnp_schema *s, uint64_t interface, const struct wanted *w)
{
        json_t *methods = json_array();
        struct capnp_method_info m;

        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, &m); i++)
                if (method_is(w, &m))
                        (void)json_array_append_new(methods,
                                                    method_json(s, &m, method_is_granted(w, &m)));
        return methods;
}

/* With a line between them, once one has more than a line of its own. */
static void methods_print(const capnp_schema *s, uint64_t interface, const struct wanted *w)
{
        struct capnp_method_info m;
        unsigned without = 0;
        bool apart = false;

        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, &m); i++) {
                if (!method_is(w, &m))
                        continue;
                if (!method_is_granted(w, &m)) {
                        without++;
                        continue;
                }
                if (apart)
                        printf("\n");
                method_print(s, &m);
                apart = *capnp_method_doc(s, &m) || cap_effect(s, &m);
        }
        if (without)
                printf("%s%*s%u that the session was not granted\n", apart ? "\n" : "", METHOD, "",
                       without);
}

/* ---- types -------------------------------------------------------------------------------- */

/* A struct or a group we are in: what is to be shown next. */
struct at {
        const capnp_decl *d;
        uint32_t i;
        json_t *to;
};

/* A walk through a struct and its groups. */
struct walk {
        struct at in[GROUPS_DEEP + 1];
        unsigned depth, groups;
};

/* The next field, and where it is; false: that was all. */
static bool walk_next(struct walk *w, struct at **ret_at, struct capnp_field_info *ret_f)
{
        while (capnp_decl_field(w->in[w->depth].d, w->in[w->depth].i, ret_f)) {
                if (!w->depth)
                        return false;
                w->depth--;
        }

        *ret_at = &w->in[w->depth];
        (*ret_at)->i++;
        return true;
}

/* Goes into the group that a field is, if it is one and may be followed. */
static bool walk_enter(struct walk *w, const capnp_schema *s, const struct capnp_field_info *f,
                       json_t *to)
{
        const capnp_decl *d = f->is_group ? capnp_schema_find(s, f->type) : NULL;

        if (!d || w->depth == GROUPS_DEEP || w->groups == GROUPS_MAX)
                return false;

        w->groups++;
        w->in[++w->depth] = (struct at){d, 0, to};
        return true;
}

static json_t *field_json(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                          const struct capnp_field_info *f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf type = {.max = TEXT_BYTES};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf value = {.max = TEXT_BYTES};
        bool has_default = f->has_default && !capnp_text_print_default(s, d, i, NULL, &value);

        if (!f->is_group && capnp_decl_field_type(s, d, i, &type))
                return NULL;
        return json_pack("{s:s,s:o*,s:b,s:o*,s:o}", "name", f->name, "type",
                         f->is_group ? NULL : cli_json_text(type.p), "union", f->in_union,
                         "default", has_default ? cli_json_text(value.p) : NULL, "doc",
                         doc_json(f->doc));
}

static json_t *struct_json(const capnp_schema *s, const capnp_decl *d)
{
        struct walk w = {.in = {{d, 0, json_array()}}};
        json_t *all = w.in[0].to, *o, *inner;
        struct capnp_field_info f;
        struct at *at;

        while (walk_next(&w, &at, &f)) {
                o = field_json(s, at->d, at->i - 1, &f);
                (void)json_array_append_new(at->to, o);
                inner = o && f.is_group ? json_array() : NULL;
                if (inner && !json_object_set_new(o, "fields", inner))
                        (void)walk_enter(&w, s, &f, inner);
        }
        return all;
}

static void struct_print(const capnp_schema *s, const capnp_decl *d)
{
        struct walk w = {.in = {{d, 0, NULL}}};
        struct capnp_field_info f;
        struct at *at;

        while (walk_next(&w, &at, &f)) {
                unsigned indent = MEMBER + w.depth * STEP;

                printf("%*s%s%s", (int)indent, "", f.in_union ? "| " : "", f.name);
                if (f.is_group)
                        printf(" :group");
                else
                        type_print(s, at->d, at->i - 1, &f);
                printf("\n");
                doc_print(f.doc, indent + STEP);
                (void)walk_enter(&w, s, &f, NULL);
        }
}

static json_t *enum_json(const capnp_decl *d)
{
        json_t *all = json_array();
        const char *name;

        for (uint32_t i = 0; i < capnp_decl_count(d); i++) {
                name = capnp_decl_enumerant(d, (uint16_t)i);
                (void)json_array_append_new(all, json_pack("{s:s,s:o}", "name", name, "doc",
                                                           doc_json(capnp_decl_member_doc(d, i))));
        }
        return all;
}

static void enum_print(const capnp_decl *d)
{
        for (uint32_t i = 0; i < capnp_decl_count(d); i++) {
                printf("%*s%s\n", MEMBER, "", capnp_decl_enumerant(d, (uint16_t)i));
                doc_print(capnp_decl_member_doc(d, i), MEMBER + STEP);
        }
}

static int type_json(struct cli *c, const capnp_schema *s, const capnp_decl *d)
{
        enum capnp_decl_kind kind = capnp_decl_kind(d);
        static const struct wanted all = {.cap = NULL};
        char id[24];
        json_t *o;

        (void)snprintf(id, sizeof(id), "0x%016" PRIx64, capnp_decl_id(d));
        o = json_pack("{s:o,s:s,s:s,s:o}", "name", cli_json_text(capnp_decl_name(d)), "kind",
                      kinds[kind], "id", id, "doc", doc_json(capnp_decl_doc(d)));
        if (kind == CAPNP_DECL_STRUCT)
                (void)json_object_set_new(o, "fields", struct_json(s, d));
        if (kind == CAPNP_DECL_ENUM)
                (void)json_object_set_new(o, "enumerants", enum_json(d));
        if (kind == CAPNP_DECL_INTERFACE)
                (void)json_object_set_new(o, "methods", methods_json(s, capnp_decl_id(d), &all));
        return cli_print_json(c, o);
}

static int type_print_whole(struct cli *c, const capnp_schema *s, const capnp_decl *d)
{
        static const struct wanted all = {.cap = NULL};
        enum capnp_decl_kind kind = capnp_decl_kind(d);

        if (c->json)
                return type_json(c, s, d);

        cli_print_safe(capnp_decl_short_name(d));
        printf(" (%s, ", kinds[kind]);
        cli_print_safe(capnp_decl_name(d));
        printf(", 0x%016" PRIx64 ")\n", capnp_decl_id(d));
        doc_print(capnp_decl_doc(d), MEMBER);
        if (capnp_decl_count(d))
                printf("\n");
        if (kind == CAPNP_DECL_STRUCT)
                struct_print(s, d);
        if (kind == CAPNP_DECL_ENUM)
                enum_print(d);
        if (kind == CAPNP_DECL_INTERFACE)
                methods_print(s, capnp_decl_id(d), &all);
        return EXIT_OK;
}

/* ---- the command -------------------------------------------------------------------------- */

/* Finds what the second word names. An exit code. */
static int wanted_find(struct cli *c, const struct capos_cap_entry *e, struct wanted *w)
{
        const capnp_schema *s = capos_client_schema_peek(c->client);
        struct cap_names methods = {.len = 0}, types = {.len = 0};
        struct cli_near near = {.word = c->words[1]};
        struct capnp_method_info m;
        const char **names;
        char hint[128];

        if (c->nwords < 2)
                return EXIT_OK;
        if (!capnp_schema_find_method(s, e->interface, c->words[1], &m)) {
                w->method = c->words[1];
                return EXIT_OK;
        }
        w->type = capnp_schema_find_name(s, c->words[1]);
        if (w->type)
                return EXIT_OK;

        for (uint32_t i = 0; !capnp_schema_method(s, e->interface, i, &m); i++) {
                cli_near_try(&near, m.name);
                cap_names_add(&methods, m.name);
        }
        names = cap_types(s);
        for (const char **t = names; t && *t; t++) {
                cli_near_try(&near, *t);
                cap_names_add(&types, *t);
        }
        free(names);
        return cli_fail(c, EXIT_USAGE, "unknown-method",
                        "%s has no method or type %s%s; it has: %s; types: %s", e->name,
                        c->words[1], cli_near_text(&near, hint, sizeof(hint)), methods.text,
                        types.text);
}

static int describe_json(struct cli *c, const struct capos_cap_entry *e, const struct wanted *w)
{
        const capnp_schema *s = capos_client_schema_peek(c->client);
        const capnp_decl *d = capnp_schema_find(s, e->interface);
        char id[24];

        (void)snprintf(id, sizeof(id), "0x%016" PRIx64, e->interface);
        return cli_print_json(
                c, json_pack("{s:o,s:o,s:s,s:o,s:o,s:o,s:o}", "name", cli_json_text(e->name),
                             "interface", cli_json_text(d ? capnp_decl_name(d) : ""), "interfaceId",
                             id, "title", cli_json_text(e->title), "summary",
                             cli_json_text(e->summary), "doc", doc_json(d ? capnp_decl_doc(d) : ""),
                             "methods", methods_json(s, e->interface, w)));
}

int cmd_describe(struct cli *c)
{
        struct capos_cap_entry e;
        const capnp_schema *s;
        const capnp_decl *d;
        int r = cap_open(c, &e);
        struct wanted w = {.c = c, .cap = e.name};

        if (!r)
                r = wanted_find(c, &e, &w);
        if (r)
                return r;

        s = capos_client_schema_peek(c->client);
        if (w.type)
                return type_print_whole(c, s, w.type);
        if (c->json)
                return describe_json(c, &e, &w);

        d = capnp_schema_find(s, e.interface);
        cli_print_safe(e.name);
        printf(" (");
        cli_print_safe(d ? capnp_decl_name(d) : "?");
        printf(", 0x%016" PRIx64 ")\n", e.interface);
        if (*e.title || *e.summary) {
                printf("  ");
                cli_print_safe(*e.summary ? e.summary : e.title);
                printf("\n");
        }
        if (!w.method)
                doc_print(d ? capnp_decl_doc(d) : "", MEMBER);
        printf("\n");
        methods_print(s, e.interface, &w);
        return EXIT_OK;
}
