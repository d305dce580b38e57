/*
 * Calls by name: a method found in a registry, parameters and results in JSON.
 *
 * What is sent and awaited is an ordinary question, so everything that can be done with one (wait,
 * stream, detach, pipelining on its results) works here, too.
 */
#include "dynamic-buf.h"
#include "dynamic-schema.h"

#include <errno.h>

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
