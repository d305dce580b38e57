/*
 * What the annotations of the reference's json.capnp say about a declaration: read once, when it is
 * added. A schema may come from a peer, so an annotation is believed only where it can be meant:
 * what stands on a field of the wrong type, or is of the wrong type itself, is as if it were not
 * there.
 */
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

/* json.capnp of the reference: the ids of its annotations. */
#define ANNOT_NAME          UINT64_C(0xfa5b1fd61c2e7c3d)
#define ANNOT_FLATTEN       UINT64_C(0x82d3e852af0336bf)
#define ANNOT_DISCRIMINATOR UINT64_C(0xcfa794e8d19a0162)
#define ANNOT_BASE64        UINT64_C(0xd7d879450a253e4b)
#define ANNOT_HEX           UINT64_C(0xf061e22f0ae5c7b5)

/* Whether there is one with an id, and the value of the first; an empty one else. */
static bool annot_find(annotation_list list, uint64_t id, value_reader *ret_v)
{
        for (uint32_t i = 0; i < annotation_list_len(list); i++) {
                annotation_reader a = annotation_list_get(list, i);

                if (annotation_id(a) == id) {
                        *ret_v = annotation_value(a);
                        return true;
                }
        }

        *ret_v = (value_reader){{0}};
        return false;
}

/* A name in a text pointer; p NULL: null, or longer than names are. */
static capnp_text annot_name(capnp_any a)
{
        capnp_text t = {NULL, 0};

        if (capnp_any_what(a) == CAPNP_WHAT_LIST)
                t = capnp_any_text(a, t);
        return t.len <= DYNAMIC_NAME_MAX ? t : (capnp_text){NULL, 0};
}

static capnp_text annot_given_name(annotation_list list)
{
        value_reader v;

        if (!annot_find(list, ANNOT_NAME, &v) || value_which(v) != VALUE_TEXT)
                return (capnp_text){NULL, 0};

        return annot_name(capnp_reader_any(v.r, 0));
}

/* DiscriminatorOptions: two texts. */
static struct dynamic_tag annot_tag(annotation_list list)
{
        struct dynamic_tag t = {0};
        capnp_reader r;
        value_reader v;

        t.is_given = annot_find(list, ANNOT_DISCRIMINATOR, &v);
        r = capnp_any_struct(value_struct(v), NULL);
        t.name = annot_name(capnp_reader_any(r, 0));
        t.value = annot_name(capnp_reader_any(r, 1));
        return t;
}

static void annot_field(const struct dynamic_field *f, annotation_list list, struct dynamic_json *j)
{
        bool is_data = !f->is_group && !f->type.lists && f->type.which == TYPE_DATA;
        bool is_struct = f->is_group || (!f->type.lists && f->type.which == TYPE_STRUCT);
        value_reader v;

        j->name = annot_given_name(list);
        if (!j->name.p)
                j->name = (capnp_text){f->name, (uint32_t)strlen(f->name)};
        if (is_struct && annot_find(list, ANNOT_FLATTEN, &v)) {
                j->is_flat = true;
                j->prefix =
                        annot_name(capnp_reader_any(capnp_any_struct(value_struct(v), NULL), 0));
        }
        if (f->is_group)
                j->tag = annot_tag(list);
        /* A flattened union lends its name to the member that says which of it is there. */
        if (j->tag.is_given && j->is_flat && !j->tag.name.p)
                j->tag.name = (capnp_text){f->name, (uint32_t)strlen(f->name)};
        if (is_data && annot_find(list, ANNOT_BASE64, &v))
                j->data = DYNAMIC_BASE64;
        else if (is_data && annot_find(list, ANNOT_HEX, &v))
                j->data = DYNAMIC_HEX;
}

static int annot_struct(capnp_decl *d)
{
        field_list fields = node_struct_fields(node_struct(d->r));
        bool any = false;

        d->tag = annot_tag(node_annotations(d->r));
        for (uint32_t i = 0; !any && i < d->n; i++)
                any = annotation_list_len(field_annotations(field_list_get(fields, i))) > 0;
        if (!any)
                return 0;

        d->json = calloc(d->n, sizeof(*d->json));
        if (!d->json)
                return -ENOMEM;

        for (uint32_t i = 0; i < d->n; i++)
                annot_field(&d->fields[i], field_annotations(field_list_get(fields, i)),
                            &d->json[i]);
        return 0;
}

static int annot_enum(capnp_decl *d)
{
        enumerant_list list = node_enum_enumerants(node_enum(d->r));
        capnp_text name;

        for (uint32_t i = 0; i < d->n; i++) {
                name = annot_given_name(enumerant_annotations(enumerant_list_get(list, i)));
                if (!name.p)
                        continue;
                if (!d->json)
                        d->json = calloc(d->n, sizeof(*d->json));
                if (!d->json)
                        return -ENOMEM;
                d->json[i].name = name;
        }

        return 0;
}

int dynamic_annot_read(capnp_decl *d)
{
        if (d->kind == CAPNP_DECL_STRUCT)
                return annot_struct(d);

        return d->kind == CAPNP_DECL_ENUM ? annot_enum(d) : 0;
}

capnp_text dynamic_json_name(const capnp_decl *d, uint32_t i)
{
        const char *name = d->kind == CAPNP_DECL_ENUM ? d->enumerants[i] : d->fields[i].name;

        if (d->json && d->json[i].name.p)
                return d->json[i].name;

        return (capnp_text){name, (uint32_t)strlen(name)};
}
