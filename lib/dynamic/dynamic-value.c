/*
 * Types and values, one switch each: what every printer and parser of this layer asks.
 *
 * Numbers travel as their bits, zero-extended to 64. The two ends of a journey, a printer and a
 * parser, know what the bits mean; whatever moves them needs their size only.
 */
#include "dynamic-value.h"

/* ---- types -------------------------------------------------------------------------------- */

bool dynamic_type_is_pointer(const struct dynamic_type *t)
{
        return t->lists || t->which == TYPE_TEXT || t->which == TYPE_DATA ||
               t->which == TYPE_STRUCT || t->which == TYPE_INTERFACE ||
               t->which == TYPE_ANY_POINTER;
}

enum capnp_size dynamic_type_size(const struct dynamic_type *t)
{
        if (t->lists)
                return CAPNP_SIZE_POINTER;

        switch (t->which) {
        case TYPE_VOID:
                return CAPNP_SIZE_VOID;
        case TYPE_BOOL:
                return CAPNP_SIZE_BIT;
        case TYPE_INT8:
        case TYPE_UINT8:
                return CAPNP_SIZE_BYTE;
        case TYPE_INT16:
        case TYPE_UINT16:
        case TYPE_ENUM:
                return CAPNP_SIZE_TWO;
        case TYPE_INT32:
        case TYPE_UINT32:
        case TYPE_FLOAT32:
                return CAPNP_SIZE_FOUR;
        case TYPE_INT64:
        case TYPE_UINT64:
        case TYPE_FLOAT64:
                return CAPNP_SIZE_EIGHT;
        case TYPE_STRUCT:
                return CAPNP_SIZE_COMPOSITE;
        case TYPE_TEXT:
        case TYPE_DATA:
        case TYPE_LIST:
        case TYPE_INTERFACE:
        case TYPE_ANY_POINTER:
                break;
        }

        return CAPNP_SIZE_POINTER;
}

unsigned dynamic_size_bits(enum capnp_size size)
{
        static const unsigned bits[] = {0, 1, 8, 16, 32, 64, 0, 0};

        return bits[size];
}

const char *dynamic_type_word(const struct dynamic_type *t)
{
        static const char *const words[] = {
                [TYPE_VOID] = "Void",
                [TYPE_BOOL] = "Bool",
                [TYPE_INT8] = "Int8",
                [TYPE_INT16] = "Int16",
                [TYPE_INT32] = "Int32",
                [TYPE_INT64] = "Int64",
                [TYPE_UINT8] = "UInt8",
                [TYPE_UINT16] = "UInt16",
                [TYPE_UINT32] = "UInt32",
                [TYPE_UINT64] = "UInt64",
                [TYPE_FLOAT32] = "Float32",
                [TYPE_FLOAT64] = "Float64",
                [TYPE_TEXT] = "Text",
                [TYPE_DATA] = "Data",
                [TYPE_LIST] = "List",
                [TYPE_ENUM] = "enum",
                [TYPE_STRUCT] = "struct",
                [TYPE_INTERFACE] = "interface",
                [TYPE_ANY_POINTER] = "AnyPointer",
        };

        return t->is_cap && t->which == TYPE_ANY_POINTER ? "Capability" : words[t->which];
}

static void type_read_any(type_any_pointer_reader r, struct dynamic_type *t)
{
        type_any_pointer_parameter_reader p;

        switch (type_any_pointer_which(r)) {
        case TYPE_ANY_POINTER_UNCONSTRAINED:
                t->is_cap =
                        type_any_pointer_unconstrained_which(type_any_pointer_unconstrained(r)) ==
                        TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY;
                break;
        case TYPE_ANY_POINTER_PARAMETER:
                p = type_any_pointer_parameter(r);
                t->is_param = true;
                t->id = type_any_pointer_parameter_scope_id(p);
                t->param = type_any_pointer_parameter_parameter_index(p);
                break;
        case TYPE_ANY_POINTER_IMPLICIT_METHOD_PARAMETER:
                break;
        }
}

int dynamic_type_read(type_reader r, struct dynamic_type *ret_t)
{
        struct dynamic_type t = {0};

        while (type_which(r) == TYPE_LIST) {
                if (++t.lists >= DYNAMIC_DEPTH)
                        return CAPNP_E_POISON;
                r = type_list__element_type(type_list_(r));
        }

        t.which = type_which(r);
        if (t.which > TYPE_ANY_POINTER)
                return CAPNP_E_POISON;

        if (t.which == TYPE_ENUM)
                t.id = type_enum_type_id(type_enum(r));
        if (t.which == TYPE_STRUCT) {
                t.id = type_struct_type_id(type_struct(r));
                t.brand = type_struct_brand(type_struct(r));
        }
        if (t.which == TYPE_INTERFACE) {
                t.id = type_interface_type_id(type_interface(r));
                t.brand = type_interface_brand(type_interface(r));
        }
        if (t.which == TYPE_ANY_POINTER)
                type_read_any(type_any_pointer(r), &t);

        *ret_t = t;
        return 0;
}

/* ---- type parameters ---------------------------------------------------------------------- */

/* The scope of a brand that speaks about a declaration. */
static bool brand_find(brand_reader b, uint64_t id, brand_scope_reader *ret_scope)
{
        brand_scope_list scopes = brand_scopes(b);

        for (uint32_t i = 0; i < brand_scope_list_len(scopes) && i < DYNAMIC_SCOPES_MAX; i++) {
                *ret_scope = brand_scope_list_get(scopes, i);
                if (brand_scope_scope_id(*ret_scope) == id)
                        return true;
        }

        return false;
}

/* schema.capnp, Brand: a scope binds its parameters, or inherits what they are where the brand
 * itself stands. Each turn goes one environment up, so the loop ends. */
void dynamic_type_resolve(struct dynamic_type *t, const struct dynamic_env **env)
{
        while (t->is_param && *env) {
                const struct dynamic_env *e = *env;
                struct dynamic_type bound = {.which = TYPE_ANY_POINTER};
                brand_scope_reader scope;
                brand_binding_reader b;

                if (!brand_find(e->brand, t->id, &scope))
                        return;

                *env = e->up;
                if (brand_scope_which(scope) == BRAND_SCOPE_INHERIT)
                        continue;

                b = brand_binding_list_get(brand_scope_bind(scope), t->param);
                if (brand_binding_which(b) == BRAND_BINDING_TYPE &&
                    dynamic_type_read(brand_binding_type(b), &bound))
                        bound = (struct dynamic_type){.which = TYPE_ANY_POINTER};
                /* Parameters are pointers (language reference, generic types). */
                if (!dynamic_type_is_pointer(&bound) || bound.lists + t->lists >= DYNAMIC_DEPTH)
                        bound = (struct dynamic_type){.which = TYPE_ANY_POINTER};
                bound.lists = (uint8_t)(bound.lists + t->lists);
                *t = bound;
        }
}

/* ---- reading ------------------------------------------------------------------------------ */

struct dynamic_value dynamic_get(capnp_reader r, const struct dynamic_field *f)
{
        struct dynamic_value v = {0};
        uint32_t at = f->offset;

        if (f->is_group) {
                v.member = r;
                v.is_member = true;
                return v;
        }

        switch (dynamic_type_size(&f->type)) {
        case CAPNP_SIZE_VOID:
                break;
        case CAPNP_SIZE_BIT:
                v.bits = capnp_reader_bool(r, at, f->bits != 0);
                break;
        case CAPNP_SIZE_BYTE:
                v.bits = capnp_reader_u8(r, at, (uint8_t)f->bits);
                break;
        case CAPNP_SIZE_TWO:
                v.bits = capnp_reader_u16(r, at * 2, (uint16_t)f->bits);
                break;
        case CAPNP_SIZE_FOUR:
                v.bits = capnp_reader_u32(r, at * 4, (uint32_t)f->bits);
                break;
        case CAPNP_SIZE_EIGHT:
                v.bits = capnp_reader_u64(r, at * 8, f->bits);
                break;
        case CAPNP_SIZE_POINTER:
        case CAPNP_SIZE_COMPOSITE:
                v.any = capnp_reader_any(r, (uint16_t)at);
                if (capnp_any_what(v.any) == CAPNP_WHAT_NULL)
                        v.any = f->dflt;
                break;
        }

        return v;
}

struct dynamic_value dynamic_element(capnp_list l, const struct dynamic_type *t, uint32_t i)
{
        struct dynamic_value v = {0};

        switch (dynamic_type_size(t)) {
        case CAPNP_SIZE_VOID:
                break;
        case CAPNP_SIZE_BIT:
                v.bits = capnp_list_bool(l, i);
                break;
        case CAPNP_SIZE_BYTE:
                v.bits = capnp_list_u8(l, i);
                break;
        case CAPNP_SIZE_TWO:
                v.bits = capnp_list_u16(l, i);
                break;
        case CAPNP_SIZE_FOUR:
                v.bits = capnp_list_u32(l, i);
                break;
        case CAPNP_SIZE_EIGHT:
                v.bits = capnp_list_u64(l, i);
                break;
        case CAPNP_SIZE_POINTER:
                v.any = capnp_list_any(l, i);
                break;
        case CAPNP_SIZE_COMPOSITE:
                v.member = capnp_list_struct(l, i);
                v.is_member = true;
                break;
        }

        return v;
}

bool dynamic_has(capnp_reader r, const struct dynamic_field *f)
{
        if (f->is_group || !dynamic_type_is_pointer(&f->type))
                return true;

        return capnp_any_what(capnp_reader_any(r, (uint16_t)f->offset)) != CAPNP_WHAT_NULL;
}

uint32_t dynamic_which(capnp_reader r, const capnp_decl *d)
{
        uint16_t v;

        if (!d->nmembers)
                return UINT32_MAX;

        v = capnp_reader_u16(r, d->discriminant * 2, 0);
        return v < d->nmembers ? d->members[v] : UINT32_MAX;
}

/* ---- writing ------------------------------------------------------------------------------ */

void dynamic_set(capnp_builder b, const struct dynamic_field *f, uint64_t bits)
{
        uint32_t at = f->offset;

        switch (dynamic_size_bits(dynamic_type_size(&f->type))) {
        case 1:
                capnp_builder_set_bool(b, at, bits != 0, f->bits != 0);
                break;
        case 8:
                capnp_builder_set_u8(b, at, (uint8_t)bits, (uint8_t)f->bits);
                break;
        case 16:
                capnp_builder_set_u16(b, at * 2, (uint16_t)bits, (uint16_t)f->bits);
                break;
        case 32:
                capnp_builder_set_u32(b, at * 4, (uint32_t)bits, (uint32_t)f->bits);
                break;
        case 64:
                capnp_builder_set_u64(b, at * 8, bits, f->bits);
                break;
        default:
                break;
        }
}

void dynamic_set_element(capnp_lbuilder l, const struct dynamic_type *t, uint32_t i, uint64_t bits)
{
        switch (dynamic_size_bits(dynamic_type_size(t))) {
        case 1:
                capnp_lbuilder_set_bool(l, i, bits != 0);
                break;
        case 8:
                capnp_lbuilder_set_u8(l, i, (uint8_t)bits);
                break;
        case 16:
                capnp_lbuilder_set_u16(l, i, (uint16_t)bits);
                break;
        case 32:
                capnp_lbuilder_set_u32(l, i, (uint32_t)bits);
                break;
        case 64:
                capnp_lbuilder_set_u64(l, i, bits);
                break;
        default:
                break;
        }
}
