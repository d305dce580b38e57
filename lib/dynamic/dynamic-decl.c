/*
 * From nodes to declarations.
 *
 * A node may come from a peer. Here it is believed nothing: names are identifiers, or printable
 * UTF-8 where they may hold a path; every field lies within its struct; the members of a union are
 * numbered without a gap; defaults are of their field's type; types nest to a limit. What a node
 * says about other nodes is not looked at: they may come later, or never.
 *
 * schema.capnp numbers the kinds of Value like the kinds of Type; dynamic_field relies on it.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

enum { DECL_NAME_MAX = 1024, DECL_MEMBERS_MAX = 65535 };

/* ---- names -------------------------------------------------------------------------------- */

static bool name_is_identifier(capnp_text t)
{
        if (!t.len || t.len > DYNAMIC_NAME_MAX)
                return false;

        for (uint32_t i = 0; i < t.len; i++) {
                char c = t.p[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

                if (!letter && !(i && c >= '0' && c <= '9'))
                        return false;
        }

        return true;
}

static bool name_is_printable(capnp_text t)
{
        if (t.len > DECL_NAME_MAX)
                return false;

        for (uint32_t i = 0; i < t.len;) {
                unsigned n = dynamic_utf8(t.p + i, t.len - i);

                if (!n || (uint8_t)t.p[i] < 0x20 || t.p[i] == 0x7f)
                        return false;
                i += n;
        }

        return true;
}

static int compare_names(const void *a, const void *b)
{
        const struct dynamic_name *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static int decl_name_member(capnp_decl *d, uint32_t i, capnp_text name)
{
        if (!name_is_identifier(name))
                return CAPNP_E_POISON;

        d->names[i] = (struct dynamic_name){name.p, (uint16_t)i};
        return 0;
}

/* Sorts the names; no two members have the same. */
static int decl_sort_names(capnp_decl *d)
{
        if (d->n)
                qsort(d->names, d->n, sizeof(*d->names), compare_names);
        for (uint32_t i = 1; i < d->n; i++)
                if (!compare_names(&d->names[i - 1], &d->names[i]))
                        return CAPNP_E_POISON;

        return 0;
}

uint32_t dynamic_decl_member(const capnp_decl *d, const char *name, size_t len)
{
        char copy[DYNAMIC_NAME_MAX + 1];
        struct dynamic_name key = {.name = copy}, *found;

        if (len > DYNAMIC_NAME_MAX || !d->n || memchr(name, 0, len))
                return UINT32_MAX;

        memcpy(copy, name, len);
        copy[len] = 0;
        found = bsearch(&key, d->names, d->n, sizeof(key), compare_names);
        return found ? found->i : UINT32_MAX;
}

const char *capnp_decl_enumerant(const capnp_decl *d, uint16_t v)
{
        return d->kind == CAPNP_DECL_ENUM && v < d->n ? d->enumerants[v] : NULL;
}

static int decl_set_name(capnp_decl *d)
{
        capnp_text name = node_display_name(d->r);
        uint32_t prefix = node_display_name_prefix_length(d->r);

        if (!name_is_printable(name) || prefix > name.len)
                return CAPNP_E_POISON;

        d->name = name.p;
        /* The compiler counts a file's name up to its last point as a prefix. */
        d->short_name = name.p + (d->kind == CAPNP_DECL_FILE ? 0 : prefix);
        return 0;
}

/* ---- structs ------------------------------------------------------------------------------ */

/* Whether a slot lies within its struct. */
static bool field_fits(const capnp_decl *d, const struct dynamic_field *f)
{
        uint64_t bits = dynamic_size_bits(dynamic_type_size(&f->type));

        if (dynamic_type_is_pointer(&f->type))
                return f->offset < d->ptrs;

        return ((uint64_t)f->offset + 1) * bits <= (uint64_t)d->words * 64;
}

/* schema.capnp, Value: numbers lie at the first place that fits behind the discriminant. */
uint64_t dynamic_value_bits(value_reader v, unsigned bits)
{
        switch (bits) {
        case 1:
                return capnp_reader_bool(v.r, 16, false);
        case 8:
                return capnp_reader_u8(v.r, 2, 0);
        case 16:
                return capnp_reader_u16(v.r, 2, 0);
        case 32:
                return capnp_reader_u32(v.r, 4, 0);
        case 64:
                return capnp_reader_u64(v.r, 8, 0);
        default:
                return 0;
        }
}

static int field_set_default(struct dynamic_field *f, value_reader v)
{
        enum type_which which = f->type.lists ? TYPE_LIST : f->type.which;

        /* The compiler always writes one; none at all reads as void. */
        if (value_which(v) == VALUE_VOID)
                return 0;

        if ((unsigned)value_which(v) != (unsigned)which)
                return CAPNP_E_POISON;

        if (dynamic_type_is_pointer(&f->type))
                f->dflt = capnp_reader_any(v.r, 0);
        else
                f->bits = dynamic_value_bits(v, dynamic_size_bits(dynamic_type_size(&f->type)));
        return 0;
}

static int decl_add_slot(capnp_decl *d, struct dynamic_field *f, field_slot_reader slot)
{
        int r = dynamic_type_read(field_slot_type(slot), &f->type);

        if (r)
                return r;

        f->has_default = field_slot_had_explicit_default(slot);
        f->offset = field_slot_offset(slot);
        if (!field_fits(d, f))
                return CAPNP_E_POISON;

        return field_set_default(f, field_slot_default_value(slot));
}

/* A member of the union: each discriminant value belongs to exactly one field. */
static int decl_add_union_member(capnp_decl *d, uint32_t i)
{
        uint16_t v = d->fields[i].value;

        if (v == DYNAMIC_NO_VALUE)
                return 0;

        if (v >= d->nmembers || d->members[v] != DYNAMIC_NO_VALUE)
                return CAPNP_E_POISON;

        d->members[v] = (uint16_t)i;
        return 0;
}

static int decl_add_field(capnp_decl *d, uint32_t i, field_reader r)
{
        struct dynamic_field *f = &d->fields[i];
        int error = decl_name_member(d, i, field_name(r));

        if (error)
                return error;

        f->name = d->names[i].name;
        f->value = field_discriminant_value(r);
        switch (field_which(r)) {
        case FIELD_SLOT:
                error = decl_add_slot(d, f, field_slot(r));
                break;
        case FIELD_GROUP:
                f->is_group = true;
                f->type.which = TYPE_STRUCT;
                f->type.id = field_group_type_id(field_group(r));
                break;
        default:
                error = CAPNP_E_POISON;
        }

        return error ? error : decl_add_union_member(d, i);
}

static int decl_read_union(capnp_decl *d, node_struct_reader r)
{
        d->nmembers = node_struct_discriminant_count(r);
        d->discriminant = node_struct_discriminant_offset(r);
        if (!d->nmembers)
                return 0;

        if (d->nmembers > d->n || ((uint64_t)d->discriminant + 1) * 2 > (uint64_t)d->words * 8)
                return CAPNP_E_POISON;

        d->members = malloc(d->nmembers * sizeof(*d->members));
        if (!d->members)
                return -ENOMEM;

        for (uint32_t i = 0; i < d->nmembers; i++)
                d->members[i] = DYNAMIC_NO_VALUE;
        return 0;
}

static int decl_read_struct(capnp_decl *d)
{
        node_struct_reader s = node_struct(d->r);
        field_list fields = node_struct_fields(s);
        int r;

        d->words = node_struct_data_word_count(s);
        d->ptrs = node_struct_pointer_count(s);
        d->is_group = node_struct_is_group(s);
        d->fields = calloc((size_t)d->n + 1, sizeof(*d->fields));
        if (!d->fields)
                return -ENOMEM;

        r = decl_read_union(d, s);
        for (uint32_t i = 0; !r && i < d->n; i++)
                r = decl_add_field(d, i, field_list_get(fields, i));
        for (uint32_t i = 0; !r && i < d->nmembers; i++)
                if (d->members[i] == DYNAMIC_NO_VALUE)
                        r = CAPNP_E_POISON;

        return r;
}

/* ---- enums, interfaces -------------------------------------------------------------------- */

static int decl_read_enum(capnp_decl *d)
{
        enumerant_list list = node_enum_enumerants(node_enum(d->r));
        int r = 0;

        d->enumerants = calloc((size_t)d->n + 1, sizeof(*d->enumerants));
        if (!d->enumerants)
                return -ENOMEM;

        for (uint32_t i = 0; !r && i < d->n; i++) {
                r = decl_name_member(d, i, enumerant_name(enumerant_list_get(list, i)));
                d->enumerants[i] = d->names[i].name;
        }

        return r;
}

static int decl_read_supers(capnp_decl *d)
{
        superclass_list list = node_interface_superclasses(node_interface(d->r));

        d->nsupers = superclass_list_len(list);
        if (d->nsupers >= DYNAMIC_SUPERS_MAX)
                return CAPNP_E_POISON;

        d->supers = calloc((size_t)d->nsupers + 1, sizeof(*d->supers));
        if (!d->supers)
                return -ENOMEM;

        for (uint32_t i = 0; i < d->nsupers; i++)
                d->supers[i] = superclass_id(superclass_list_get(list, i));
        return 0;
}

static int decl_read_interface(capnp_decl *d)
{
        method_list list = node_interface_methods(node_interface(d->r));
        int r = decl_read_supers(d);

        d->methods = r ? NULL : calloc((size_t)d->n + 1, sizeof(*d->methods));
        if (!d->methods)
                return r ? r : -ENOMEM;

        for (uint32_t i = 0; !r && i < d->n; i++) {
                method_reader m = method_list_get(list, i);

                r = decl_name_member(d, i, method_name(m));
                d->methods[i] = (struct dynamic_method){
                        .name = d->names[i].name,
                        .params = method_param_struct_type(m),
                        .results = method_result_struct_type(m),
                };
        }

        return r;
}

/* ---- life --------------------------------------------------------------------------------- */

static uint32_t decl_count(node_reader r)
{
        switch (node_which(r)) {
        case NODE_STRUCT:
                return field_list_len(node_struct_fields(node_struct(r)));
        case NODE_ENUM:
                return enumerant_list_len(node_enum_enumerants(node_enum(r)));
        case NODE_INTERFACE:
                return method_list_len(node_interface_methods(node_interface(r)));
        default:
                return 0;
        }
}

static int decl_read(capnp_decl *d)
{
        int r = decl_set_name(d);

        if (r)
                return r;

        switch (d->kind) {
        case CAPNP_DECL_STRUCT:
                r = decl_read_struct(d);
                break;
        case CAPNP_DECL_ENUM:
                r = decl_read_enum(d);
                break;
        case CAPNP_DECL_INTERFACE:
                r = decl_read_interface(d);
                break;
        case CAPNP_DECL_FILE:
        case CAPNP_DECL_CONST:
        case CAPNP_DECL_ANNOTATION:
                break;
        }

        if (!r)
                r = dynamic_annot_read(d);
        return r ? r : decl_sort_names(d);
}

int dynamic_decl_new(node_reader node, capnp_decl **ret_d)
{
        CAPNP_AUTO(dynamic_decl_freep) capnp_decl *d = NULL;
        uint32_t n = decl_count(node);
        int r;

        if (node_which(node) > NODE_ANNOTATION || !node_id(node) || n > DECL_MEMBERS_MAX)
                return CAPNP_E_POISON;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        d->id = node_id(node);
        d->scope = node_scope_id(node);
        d->kind = (enum capnp_decl_kind)node_which(node);
        d->r = node;
        d->n = n;
        d->doc = "";
        d->names = calloc((size_t)n + 1, sizeof(*d->names));
        if (!d->names)
                return -ENOMEM;

        r = decl_read(d);
        if (r)
                return r;

        *ret_d = d;
        d = NULL;
        return 0;
}

capnp_decl *dynamic_decl_free(capnp_decl *d)
{
        if (!d)
                return NULL;

        free(d->names);
        free(d->docs);
        free(d->json);
        free(d->fields);
        free(d->members);
        free(d->enumerants);
        free(d->methods);
        free(d->supers);
        free(d);
        return NULL;
}
