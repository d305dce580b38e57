/*
 * Calls by name: a method found in a registry, parameters and results in JSON.
 *
 * What is sent and awaited is an ordinary question, so everything that can be done with one (wait,
 * stream, detach, pipelining on its results) works here, too.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>
#include <string.h>

enum { PATH_MAX_POINTERS = 16 };

int capnp_dynamic_call(const capnp_schema *s, const struct capnp_dynamic_method *m,
                       capnp_text params, const struct capnp_dynamic_opts *o,
                       capnp_question **ret_q, struct capnp_fault *ret_f)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r;

        if (!params.p || !params.len)
                params = (capnp_text){"{}", 2};

        q = capnp_question_new_any(m->vat, m->target, m->info.interface, m->info.ordinal);
        if (!q)
                return -ENOMEM;

        r = capnp_json_parse(s, m->info.params, params, o, capnp_question_params_any(q), ret_f);
        if (r)
                return r;

        *ret_q = q;
        q = NULL;
        return 0;
}

int capnp_dynamic_results(const capnp_schema *s, const struct capnp_method_info *m,
                          capnp_question *q, const struct capnp_dynamic_opts *o,
                          struct capnp_buf *to)
{
        int r = capnp_question_result(q);

        if (r)
                return r;

        return capnp_json_print(s, m->results, capnp_question_response(q), o, to);
}

/* Where a field's pointer is, and what to look in next. */
struct step {
        const capnp_decl *in;
        uint16_t at[PATH_MAX_POINTERS];
        unsigned n;
};

/* Follows one name; the last one's field is told. */
static int step_take(const capnp_schema *s, struct step *t, const char *name, size_t len,
                     const struct dynamic_field **ret_f)
{
        uint32_t i = t->in ? dynamic_decl_member(t->in, name, len) : UINT32_MAX;
        const struct dynamic_field *f;

        if (i == UINT32_MAX)
                return CAPNP_E_UNKNOWN;
        f = *ret_f = &t->in->fields[i];
        if (f->is_group) {
                t->in = dynamic_group(s, t->in, f);
                return 0;
        }
        if (f->type.lists || t->n == PATH_MAX_POINTERS)
                return CAPNP_E_UNKNOWN;

        t->at[t->n++] = (uint16_t)f->offset;
        t->in = f->type.which == TYPE_STRUCT ? dynamic_struct(s, f->type.id) : NULL;
        return 0;
}

int capnp_dynamic_cap_peek(const capnp_schema *s, const struct capnp_method_info *m,
                           capnp_question *q, const char *path, capnp_cap **ret_c,
                           uint64_t *ret_interface)
{
        struct step t = {.in = dynamic_struct(s, m->results)};
        const struct dynamic_field *f = NULL;
        int r;

        for (const char *p = path;; p++) {
                size_t len = strcspn(p, ".");

                r = step_take(s, &t, p, len, &f);
                if (r)
                        return r;
                p += len;
                if (!*p)
                        break;
        }
        if (f->is_group || (f->type.which != TYPE_INTERFACE && !f->type.is_cap))
                return CAPNP_E_UNKNOWN;

        *ret_interface = f->type.which == TYPE_INTERFACE ? f->type.id : 0;
        *ret_c = capnp_question_cap_peek(q, t.at, t.n);
        return 0;
}
