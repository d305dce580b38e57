/*
 * What the author of a schema wrote beside the types: comments, and the values of annotations.
 *
 * Comments are borrowed, from the constants of generated code or from the copy of a request, as all
 * names are. A peer's are taken if they are UTF-8; what they say is for people, so nothing else is
 * asked of them. Annotations are looked up in the node when somebody wants to know one: few do.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

/* ---- comments ----------------------------------------------------------------------------- */

static const char *doc_text(capnp_text t)
{
        size_t len = t.p ? strlen(t.p) : 0;

        for (size_t i = 0; i < len;) {
                unsigned n = dynamic_utf8(t.p + i, len - i);

                if (!n)
                        return "";
                i += n;
        }

        return len ? t.p : "";
}

/* Notes the comment on a member. */
static int doc_set_member(capnp_decl *d, uint32_t i, const char *doc)
{
        if (!*doc || i >= d->n)
                return 0;

        if (!d->docs)
                d->docs = calloc(d->n, sizeof(*d->docs));
        if (!d->docs)
                return -ENOMEM;

        d->docs[i] = doc;
        return 0;
}

int dynamic_doc_read(capnp_decl *d, node_source_info_reader r)
{
        node_source_info_member_list list = node_source_info_members(r);
        uint32_t n = node_source_info_member_list_len(list);
        int error = 0;

        d->doc = doc_text(node_source_info_doc_comment(r));
        for (uint32_t i = 0; !error && i < n && i < d->n; i++) {
                node_source_info_member_reader m = node_source_info_member_list_get(list, i);

                error = doc_set_member(d, i, doc_text(node_source_info_member_doc_comment(m)));
        }

        return error;
}

int dynamic_doc_take(capnp_decl *d, const struct capnp_schema_doc *doc)
{
        const char *p = doc->text, *end = doc->text + doc->len;
        int r = 0;

        if (!doc->len || end[-1])
                return CAPNP_E_POISON;

        d->doc = p;
        p += strlen(p) + 1;
        for (uint32_t i = 0; !r && p < end; i++, p += strlen(p) + 1)
                r = doc_set_member(d, i, p);
        return r;
}

const char *capnp_decl_doc(const capnp_decl *d)
{
        return d->doc;
}

const char *capnp_decl_member_doc(const capnp_decl *d, uint32_t i)
{
        return d->docs && i < d->n && d->docs[i] ? d->docs[i] : "";
}

/* ---- annotations -------------------------------------------------------------------------- */

static annotation_list annotations_of(const capnp_decl *d, uint32_t member)
{
        if (member == CAPNP_DECL_ITSELF)
                return node_annotations(d->r);

        if (d->kind == CAPNP_DECL_STRUCT)
                return field_annotations(
                        field_list_get(node_struct_fields(node_struct(d->r)), member));

        if (d->kind == CAPNP_DECL_ENUM)
                return enumerant_annotations(
                        enumerant_list_get(node_enum_enumerants(node_enum(d->r)), member));

        return method_annotations(
                method_list_get(node_interface_methods(node_interface(d->r)), member));
}

static struct capnp_annotation annotation_read(value_reader v)
{
        struct dynamic_type t = {.which = (enum type_which)value_which(v)};
        struct capnp_annotation a = {.type = UINT8_MAX};

        if (value_which(v) > VALUE_ANY_POINTER)
                return a;

        a.type = (uint8_t)value_which(v);
        t.lists = value_which(v) == VALUE_LIST;
        if (!dynamic_type_is_pointer(&t)) {
                a.bits = dynamic_value_bits(v, dynamic_size_bits(dynamic_type_size(&t)));
                return a;
        }

        a.any = capnp_reader_any(v.r, 0);
        /* Another list than one of bytes marks the message: see dynamic_annotations_touch(). */
        if (value_which(v) == VALUE_TEXT && capnp_any_what(a.any) == CAPNP_WHAT_LIST)
                a.text = capnp_any_text(a.any, a.text);
        return a;
}

void dynamic_annotations_touch(const capnp_decl *d)
{
        for (uint32_t i = 0; i <= d->n; i++) {
                annotation_list list = annotations_of(d, i < d->n ? i : CAPNP_DECL_ITSELF);

                for (uint32_t k = 0; k < annotation_list_len(list); k++)
                        (void)annotation_read(annotation_value(annotation_list_get(list, k)));
        }
}

int capnp_decl_annotation(const capnp_decl *d, uint32_t member, uint64_t id,
                          struct capnp_annotation *ret_a)
{
        annotation_list list;

        if (member != CAPNP_DECL_ITSELF && member >= d->n)
                return CAPNP_E_UNKNOWN;

        list = annotations_of(d, member);
        for (uint32_t i = 0; i < annotation_list_len(list); i++) {
                annotation_reader a = annotation_list_get(list, i);

                if (annotation_id(a) == id) {
                        *ret_a = annotation_read(annotation_value(a));
                        return 0;
                }
        }

        return CAPNP_E_UNKNOWN;
}
