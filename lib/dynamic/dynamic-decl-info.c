/*
 * What a registry tells about its declarations: names, members, methods, how a method is called.
 *
 * Methods are counted through an interface and all it extends, in the order in which they are met;
 * a diamond is met once.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>

enum { USAGE_DEFAULT_MAX = 40 };

/* Type id of the struct that `-> stream` stands for (stream.capnp, StreamResult). */
#define STREAM_RESULT_ID UINT64_C(0x995f9a3377c0b16e)

uint64_t capnp_decl_id(const capnp_decl *d)
{
        return d->id;
}

enum capnp_decl_kind capnp_decl_kind(const capnp_decl *d)
{
        return d->kind;
}

const char *capnp_decl_name(const capnp_decl *d)
{
        return d->name;
}

const char *capnp_decl_short_name(const capnp_decl *d)
{
        return d->short_name;
}

uint32_t capnp_decl_count(const capnp_decl *d)
{
        return d->n;
}

int capnp_decl_field(const capnp_decl *d, uint32_t i, struct capnp_field_info *ret_f)
{
        const struct dynamic_field *f;

        if (d->kind != CAPNP_DECL_STRUCT || i >= d->n)
                return CAPNP_E_UNKNOWN;

        f = &d->fields[i];
        *ret_f = (struct capnp_field_info){
                .name = f->name,
                .type = f->type.is_param ? 0 : f->type.id,
                .is_group = f->is_group,
                .in_union = f->value != DYNAMIC_NO_VALUE,
                .value = f->value,
                .lists = f->type.lists,
                .base_type = (uint8_t)f->type.which,
                .has_default = f->has_default,
                .doc = capnp_decl_member_doc(d, i),
        };
        return 0;
}

/* ---- methods ------------------------------------------------------------------------------ */

static struct capnp_method_info method_info(const capnp_decl *d, uint32_t i)
{
        const struct dynamic_method *m = &d->methods[i];

        return (struct capnp_method_info){
                .name = m->name,
                .interface = d->id,
                .ordinal = (uint16_t)i,
                .stream = m->results == STREAM_RESULT_ID,
                .params = m->params,
                .results = m->results,
        };
}

int capnp_decl_method(const capnp_decl *d, uint32_t i, struct capnp_method_info *ret_m)
{
        if (d->kind != CAPNP_DECL_INTERFACE || i >= d->n)
                return CAPNP_E_UNKNOWN;

        *ret_m = method_info(d, i);
        return 0;
}

int capnp_schema_method(const capnp_schema *s, uint64_t interface, uint32_t i,
                        struct capnp_method_info *ret_m)
{
        const capnp_decl *all[DYNAMIC_SUPERS_MAX];
        uint32_t n = dynamic_supers(s, interface, all);

        for (uint32_t k = 0; k < n; k++) {
                if (i < all[k]->n) {
                        *ret_m = method_info(all[k], i);
                        return 0;
                }
                i -= all[k]->n;
        }

        return CAPNP_E_UNKNOWN;
}

const char *capnp_method_doc(const capnp_schema *s, const struct capnp_method_info *m)
{
        const capnp_decl *d = dynamic_interface(s, m->interface);

        return d ? capnp_decl_member_doc(d, m->ordinal) : "";
}

int capnp_method_annotation(const capnp_schema *s, const struct capnp_method_info *m, uint64_t id,
                            struct capnp_annotation *ret_a)
{
        const capnp_decl *d = dynamic_interface(s, m->interface);

        return d ? capnp_decl_annotation(d, m->ordinal, id, ret_a) : CAPNP_E_UNKNOWN;
}

/* The only method of that name in the whole registry. */
static int schema_find_any_method(const capnp_schema *s, const char *name,
                                  struct capnp_method_info *ret_m)
{
        uint32_t found = 0;

        for (uint32_t k = 0; k < s->n; k++) {
                const capnp_decl *d = s->decls[k];
                uint32_t i = UINT32_MAX;

                if (d->kind == CAPNP_DECL_INTERFACE)
                        i = dynamic_decl_member(d, name, strlen(name));
                if (i == UINT32_MAX)
                        continue;
                *ret_m = method_info(d, i);
                found++;
        }

        return found == 1 ? 0 : CAPNP_E_UNKNOWN;
}

int capnp_schema_find_method(const capnp_schema *s, uint64_t interface, const char *name,
                             struct capnp_method_info *ret_m)
{
        const capnp_decl *all[DYNAMIC_SUPERS_MAX];
        uint32_t n;

        if (!interface)
                return schema_find_any_method(s, name, ret_m);

        n = dynamic_supers(s, interface, all);
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = dynamic_decl_member(all[k], name, strlen(name));

                if (i != UINT32_MAX) {
                        *ret_m = method_info(all[k], i);
                        return 0;
                }
        }

        return CAPNP_E_UNKNOWN;
}

/* ---- usage -------------------------------------------------------------------------------- */

static void usage_type(struct dynamic_out *o, const capnp_schema *s, const struct dynamic_type *t)
{
        const capnp_decl *d = t->id && !t->is_param ? capnp_schema_find(s, t->id) : NULL;

        for (uint8_t i = 0; i < t->lists; i++)
                dynamic_out_str(o, "List(");
        dynamic_out_str(o, d ? d->short_name : dynamic_type_word(t));
        for (uint8_t i = 0; i < t->lists; i++)
                dynamic_out_char(o, ')');
}

int capnp_decl_field_type(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                          struct capnp_buf *to)
{
        struct dynamic_out o = {.b = to};
        size_t start = to->len;

        if (d->kind != CAPNP_DECL_STRUCT || i >= d->n)
                return CAPNP_E_UNKNOWN;

        usage_type(&o, s, &d->fields[i].type);
        return dynamic_out_end(&o, start);
}

/* ` = 20`, unless that would be longer than what it stands behind. */
static void usage_default(struct dynamic_out *o, const capnp_schema *s, const capnp_decl *d,
                          uint32_t i)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = USAGE_DEFAULT_MAX};
        int r = capnp_text_print_default(s, d, i, NULL, &b);

        if (r == -ENOMEM)
                dynamic_out_fail(o, r);
        dynamic_out_str(o, " = ");
        dynamic_out_str(o, r ? "…" : b.p);
}

/* A struct that a method declares in passing has no scope (schema.capnp,
 * Method.paramStructType); another is shown by its name. */
static void usage_struct(struct dynamic_out *o, const capnp_schema *s, uint64_t id)
{
        const capnp_decl *d = dynamic_struct(s, id);

        if (!d || d->scope) {
                dynamic_out_str(o, d ? d->short_name : "?");
                return;
        }

        dynamic_out_char(o, '(');
        for (uint32_t i = 0; i < d->n; i++) {
                dynamic_out_str(o, i ? ", " : "");
                dynamic_out_str(o, d->fields[i].name);
                dynamic_out_str(o, " :");
                usage_type(o, s, &d->fields[i].type);
                if (d->fields[i].has_default)
                        usage_default(o, s, d, i);
        }
        dynamic_out_char(o, ')');
}

int capnp_schema_usage(const capnp_schema *s, const struct capnp_method_info *m,
                       struct capnp_buf *to)
{
        struct dynamic_out o = {.b = to};
        size_t start = to->len;
        const capnp_decl *params = dynamic_struct(s, m->params);

        dynamic_out_str(&o, m->name);
        if (!params || params->scope)
                dynamic_out_char(&o, ' ');
        usage_struct(&o, s, m->params);
        dynamic_out_str(&o, " -> ");
        if (m->stream)
                dynamic_out_str(&o, "stream");
        else
                usage_struct(&o, s, m->results);
        return dynamic_out_end(&o, start);
}
