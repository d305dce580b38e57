/*
 * An object of any interface, served from its schema alone: the counterpart of calls by name.
 *
 * Which method is meant comes off the wire as two numbers. They are looked up in the interface and
 * all that it extends, so what arrives at the handler is a method that the object has; everything
 * else is answered here, as generated code does it. The handler reads the parameters as JSON, or
 * with the accessors of generated code if it has some, and answers the same two ways.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

struct serving {
        const capnp_schema *s;
        uint64_t interface;
        const struct capnp_dynamic_ops *ops;
        void *self;
};

/* The method with the numbers of a call. */
static bool method_find(const struct serving *v, const capnp_answer *a,
                        struct capnp_method_info *ret_m)
{
        const capnp_decl *all[DYNAMIC_SUPERS_MAX];
        uint32_t n = dynamic_supers(v->s, v->interface, all);

        for (uint32_t i = 0; i < n; i++)
                if (all[i]->id == capnp_answer_interface(a))
                        return !capnp_decl_method(all[i], capnp_answer_method(a), ret_m);

        return false;
}

static int serving_call(void *self, capnp_answer *a)
{
        const struct serving *v = self;
        struct capnp_method_info m;

        if (!method_find(v, a, &m))
                return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "there is no such method");

        if (m.stream && capnp_answer_stream(a))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");

        return v->ops->call(v->self, &m, a);
}

static void serving_gone(void *self)
{
        struct serving *v = self;

        if (v->ops->gone)
                v->ops->gone(v->self);
        free(v);
}

int capnp_dynamic_serve(capnp_vat *vat, const capnp_schema *s, uint64_t interface,
                        const struct capnp_dynamic_ops *ops, void *self, capnp_cap **ret_c)
{
        struct serving *v;
        int r;

        if (!dynamic_interface(s, interface))
                return CAPNP_E_UNKNOWN;

        v = malloc(sizeof(*v));
        if (!v)
                return -ENOMEM;

        *v = (struct serving){s, interface, ops, self};
        r = capnp_cap_new_dispatch(vat, serving_call, serving_gone, v, ret_c);
        if (r)
                free(v);
        return r;
}

int capnp_dynamic_params(const capnp_schema *s, const struct capnp_method_info *m, capnp_answer *a,
                         const struct capnp_dynamic_opts *o, struct capnp_buf *to)
{
        return capnp_json_print(s, m->params, capnp_answer_params(a), o, to);
}

int capnp_dynamic_answer(const capnp_schema *s, const struct capnp_method_info *m, capnp_answer *a,
                         capnp_text results, const struct capnp_dynamic_opts *o,
                         struct capnp_fault *ret_f)
{
        if (!results.p || !results.len)
                results = (capnp_text){"{}", 2};

        return capnp_json_parse(s, m->results, results, o, capnp_answer_results_any(a), ret_f);
}
