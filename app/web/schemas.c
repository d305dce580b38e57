/*
 * An interface as a page needs it: it and all that it leads to, each once, in the order in which a
 * walk from its methods meets them. So what a call returns can be called in its turn.
 */
#include "schemas.h"

#include <stdio.h>
#include <string.h>

enum { DECLS = 400, NAME = 96, DEFAULT = 4096, LINE = 4096, EFFECT_ENUM = 15 };

#define ANNOTATION_EFFECT UINT64_C(0xc8a77c2f6d0be391)

/* schema.capnp, Type, which. */
enum { TYPE_LAST = 18 };

struct walk {
        const capnp_schema *s;
        const capnp_decl *found[DECLS];
        unsigned n, ninterfaces, ntypes;
};

static void walk_add(struct walk *w, uint64_t id)
{
        const capnp_decl *d = id ? capnp_schema_find(w->s, id) : NULL;

        if (!d || w->n == DECLS)
                return;
        for (unsigned i = 0; i < w->n; i++)
                if (w->found[i] == d)
                        return;
        w->found[w->n++] = d;
        if (capnp_decl_kind(d) == CAPNP_DECL_INTERFACE)
                w->ninterfaces++;
        else
                w->ntypes++;
}

/* What one leads to: an interface to its methods' types and to whom it extends. */
static void walk_go(struct walk *w, const capnp_decl *d)
{
        struct capnp_method_info m;
        struct capnp_field_info f;

        if (capnp_decl_kind(d) == CAPNP_DECL_INTERFACE) {
                for (uint32_t i = 0; !capnp_schema_method(w->s, capnp_decl_id(d), i, &m); i++) {
                        walk_add(w, m.interface);
                        walk_add(w, m.params);
                        walk_add(w, m.results);
                }
                return;
        }
        for (uint32_t i = 0; !capnp_decl_field(d, i, &f); i++)
                walk_add(w, f.type);
}

static const char *type_word(const struct capnp_field_info *f)
{
        static const char *const words[TYPE_LAST + 1] = {
                "void", "bool", "int",    "int",   "int",   "int64", "uint",
                "uint", "uint", "uint64", "float", "float", "text",  "data",
                "list", "enum", "struct", "cap",   "any"};

        if (f->is_group)
                return "group";
        return f->base_type <= TYPE_LAST ? words[f->base_type] : "any";
}

static void field_write(const struct walk *w, const capnp_decl *d, uint32_t i,
                        web_down_schema_field_builder to)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {.max = DEFAULT};
        struct capnp_field_info f;

        if (capnp_decl_field(d, i, &f))
                return;
        web_down_schema_field_set_name(to, f.name);
        web_down_schema_field_set_doc(to, f.doc);
        web_down_schema_field_set_type(to, type_word(&f));
        web_down_schema_field_set_of(to, f.type);
        web_down_schema_field_set_list_(to, f.lists);
        web_down_schema_field_set_union(to, f.in_union ? "which" : "");
        if (f.has_default && !capnp_json_print_default(w->s, d, i, NULL, &text))
                web_down_schema_field_set_default(to, text.p);
}

static void type_write(const struct walk *w, const capnp_decl *d, web_down_schema_type_builder to)
{
        uint32_t n = capnp_decl_count(d);

        web_down_schema_type_set_id(to, capnp_decl_id(d));
        web_down_schema_type_set_name(to, capnp_decl_short_name(d));
        web_down_schema_type_set_doc(to, capnp_decl_doc(d));
        if (capnp_decl_kind(d) == CAPNP_DECL_STRUCT) {
                web_down_schema_field_list_builder l = web_down_schema_type_init_fields(to, n);

                for (uint32_t i = 0; i < n; i++)
                        field_write(w, d, i, web_down_schema_field_list_builder_get(l, i));
        } else if (capnp_decl_kind(d) == CAPNP_DECL_ENUM) {
                web_down_schema_enumerant_list_builder l =
                        web_down_schema_type_init_enumerants(to, n);

                for (uint32_t i = 0; i < n; i++) {
                        web_down_schema_enumerant_builder e =
                                web_down_schema_enumerant_list_builder_get(l, i);

                        web_down_schema_enumerant_set_name(e, capnp_decl_enumerant(d, (uint16_t)i));
                        web_down_schema_enumerant_set_doc(e, capnp_decl_member_doc(d, i));
                }
        }
}

/* name: of the capability that is asked about; "": what is written is another's interface. */
static void method_write(const struct bridge *b, const struct capnp_method_info *m,
                         const char *name, web_down_schema_method_builder to)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line = {.max = LINE};
        const capnp_schema *s = capos_client_schema_peek(b->client);
        struct capnp_annotation a;

        web_down_schema_method_set_name(to, m->name);
        web_down_schema_method_set_doc(to, capnp_method_doc(s, m));
        web_down_schema_method_set_params(to, m->params);
        web_down_schema_method_set_results(to, m->results);
        web_down_schema_method_set_ordinal(to, m->ordinal);
        web_down_schema_method_set_granted(
                to, !*name || capos_client_entry_has(b->client, name, m->interface, m->ordinal));
        if (!capnp_schema_usage(s, m, &line))
                web_down_schema_method_set_line(to, line.p);
        /* What says nothing of itself counts as the worst. */
        web_down_schema_method_set_effect(
                to, !capnp_method_annotation(s, m, ANNOTATION_EFFECT, &a) &&
                                    a.type == EFFECT_ENUM && a.bits <= COMMAND_EFFECT_LASTING
                            ? (enum command_effect)a.bits
                            : COMMAND_EFFECT_LASTING);
}

static void interface_write(const struct bridge *b, const capnp_decl *d, const char *name,
                            web_down_schema_interface_builder to)
{
        uint32_t n = capnp_decl_count(d);
        web_down_schema_method_list_builder l = web_down_schema_interface_init_methods(to, n);
        struct capnp_method_info m;

        web_down_schema_interface_set_id(to, capnp_decl_id(d));
        web_down_schema_interface_set_name(to, capnp_decl_short_name(d));
        web_down_schema_interface_set_doc(to, capnp_decl_doc(d));
        web_down_schema_interface_set_other(to, !*name);
        for (uint32_t i = 0; i < n && !capnp_decl_method(d, i, &m); i++)
                method_write(b, &m, name, web_down_schema_method_list_builder_get(l, i));
}

/* Whether an interface is a capability's own, or one that it extends. */
static bool interface_is_of(const capnp_schema *s, uint64_t own, uint64_t id)
{
        struct capnp_method_info m;

        for (uint32_t i = 0; !capnp_schema_method(s, own, i, &m); i++)
                if (m.interface == id)
                        return true;
        return own == id;
}

static void schema_write(const struct bridge *b, const struct walk *w,
                         const struct capos_cap_entry *e, web_down_schema_builder to)
{
        web_down_schema_interface_list_builder li =
                web_down_schema_init_interfaces(to, w->ninterfaces);
        web_down_schema_type_list_builder lt = web_down_schema_init_types(to, w->ntypes);
        uint32_t ni = 0, nt = 0;

        web_down_schema_set_name(to, e->name);
        for (unsigned i = 0; i < w->n; i++) {
                const capnp_decl *d = w->found[i];
                bool own = interface_is_of(w->s, e->interface, capnp_decl_id(d));

                if (capnp_decl_kind(d) == CAPNP_DECL_INTERFACE)
                        interface_write(b, d, own ? e->name : "",
                                        web_down_schema_interface_list_builder_get(li, ni++));
                else
                        type_write(w, d, web_down_schema_type_list_builder_get(lt, nt++));
        }
}

void schemas_answer(struct bridge *b, struct asker a, capnp_text text)
{
        struct capos_cap_entry e;
        struct walk w = {0};
        char name[NAME];
        struct down d;

        text_copy(text, name, sizeof(name));
        if (!b->client || !capos_client_find(b->client, name, &e)) {
                bridge_fail(b, a, "bridge.no-target", "there is no such capability");
                return;
        }
        w.s = capos_client_schema_peek(b->client);
        walk_add(&w, e.interface);
        for (unsigned i = 0; i < w.n; i++)
                walk_go(&w, w.found[i]);
        if (!w.n) {
                bridge_fail(b, a, "bridge.no-schema", "the instance has not told its interface");
                return;
        }
        d = down_new(a.id);
        if (d.m)
                schema_write(b, &w, &e, web_down_init_schema(d.d));
        down_answer(b, a, &d);
}
