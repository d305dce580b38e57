/*
 * Objects that are served by their schema alone: called by name and by numbers, by who means well
 * and by who does not.
 */
#include "test-dynamic.h"

#include <errno.h>

/* What an object was told, and what it answers. */
struct object {
        const capnp_schema *s;
        char name[32];
        struct capnp_buf params;
        const char *results; /* NULL: it fails the call */
        struct capnp_fault fault;
        int error; /* of the results */
        unsigned calls, gone;
};

static int object_call(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        struct object *o = self;

        o->calls++;
        (void)snprintf(o->name, sizeof(o->name), "%s", m->name);
        o->params.len = 0;
        o->error = capnp_dynamic_params(o->s, m, a, NULL, &o->params);
        if (o->error || !o->results)
                return capnp_answer_fail(a, CAPNP_FAILED, "no");

        o->error = capnp_dynamic_answer(o->s, m, a, text_of(o->results), NULL, &o->fault);
        return o->error ? capnp_answer_fail(a, CAPNP_FAILED, "wrong") : capnp_answer_return(a);
}

static void object_gone(void *self)
{
        ((struct object *)self)->gone++;
}

static const struct capnp_dynamic_ops ops = {.call = object_call, .gone = object_gone};

static void run(capnp_vat *v)
{
        while (capnp_rpc_step(v))
                ;
}

/* Calls by name. b: the results. */
static int call(capnp_vat *v, const capnp_schema *s, capnp_cap *c, const char *method,
                const char *params, struct capnp_buf *b)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capnp_dynamic_method m = {.vat = v, .target = c};
        struct capnp_fault f;

        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Leaf"), method, &m.info));
        CHECK_OK(capnp_dynamic_call(s, &m, text_of(params), NULL, &q, &f));
        capnp_question_send(q, NULL, NULL);
        run(v);
        b->len = 0;
        return capnp_dynamic_results(s, &m.info, q, NULL, b);
}

TEST(any_interface_is_served)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        struct object o = {.s = s, .params.max = 1000, .results = "{\"sum\": 7}"};
        capnp_cap *c = NULL;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_dynamic_serve(v, s, type_id(s, "Leaf"), &ops, &o, &c));
        CHECK_OK(call(v, s, c, "add", "{\"left\": 1, \"right\": 2}", &b));
        CHECK_STR(o.name, "add");
        CHECK_STR(o.params.p, "{\"left\":\"1\",\"right\":\"2\"}");
        CHECK_STR(b.p, "{\"sum\":\"7\"}");
        /* What it extends; and nothing is the default of everything. */
        o.results = "";
        CHECK_OK(call(v, s, c, "name", "", &b));
        CHECK_STR(o.name, "name");
        CHECK_STR(b.p, "{}");
        CHECK_OK(call(v, s, c, "put", "{\"chunk\": \"aGk=\"}", &b));
        CHECK_STR(o.params.p, "{\"chunk\":[104,105]}");
        o.results = NULL;
        CHECK_EQ(call(v, s, c, "name", "", &b), CAPNP_E_EXCEPTION);
        /* References come through as numbers. */
        CHECK_EQ(call(v, s, c, "child", "{\"of\": null, \"name\": \"x\"}", &b), CAPNP_E_EXCEPTION);
        CHECK_STR(o.params.p, "{\"name\":\"x\"}");
        c = capnp_cap_unref(c);
        run(v);
        CHECK_EQ(o.gone, 1);
        capnp_buf_deinit(&o.params);
}

TEST(results_that_the_schema_does_not_have_are_told)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct object o = {.s = s, .params.max = 1000, .results = "{\"sum\": \"many\"}"};

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_dynamic_serve(v, s, type_id(s, "Leaf"), &ops, &o, &c));
        CHECK_EQ(call(v, s, c, "add", "", &b), CAPNP_E_EXCEPTION);
        CHECK_EQ(o.error, CAPNP_E_SYNTAX);
        CHECK_STR(o.fault.path, "sum");
        c = capnp_cap_unref(c);
        run(v);
        capnp_buf_deinit(&o.params);
}

/* Numbers that name no method of it, and bytes that are no parameters of one. */
TEST(what_it_does_not_have_does_not_arrive)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct object o = {.s = s, .params.max = 1000, .results = ""};
        const struct {
                uint64_t interface;
                uint16_t method;
        } bad[] = {{type_id(s, "Node"), 4},
                   {type_id(s, "Node"), 65535},
                   {type_id(s, "Leaf"), 0},
                   {type_id(s, "Other"), 0},
                   {type_id(s, "All"), 0},
                   {0, 0},
                   {1, 0}};
        capnp_question *q;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_dynamic_serve(v, s, type_id(s, "Leaf"), &ops, &o, &c));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                q = capnp_question_new_any(v, c, bad[i].interface, bad[i].method);
                capnp_question_send(q, NULL, NULL);
                run(v);
                CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
                CHECK_EQ(capnp_question_exception(q).kind, CAPNP_UNIMPLEMENTED);
                capnp_question_free(q);
        }
        CHECK_EQ(o.calls, 0);

        /* child(of, name), where name is a list of numbers. */
        q = capnp_question_new_any(v, c, type_id(s, "Node"), 1);
        (void)capnp_abuilder_init_list(
                capnp_builder_any(capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 2),
                                  1),
                CAPNP_SIZE_EIGHT, 3);
        capnp_question_send(q, NULL, NULL);
        run(v);
        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(o.error, CAPNP_E_POISON);
        capnp_question_free(q);
        c = capnp_cap_unref(c);
        run(v);
        capnp_buf_deinit(&o.params);
}

TEST(only_an_interface_is_served)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        capnp_cap *c = NULL;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_EQ(capnp_dynamic_serve(v, s, type_id(s, "All"), &ops, NULL, &c), CAPNP_E_UNKNOWN);
        CHECK_EQ(capnp_dynamic_serve(v, s, 1, &ops, NULL, &c), CAPNP_E_UNKNOWN);
        CHECK(!c);
}

TORTURE(serving_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        const struct bytes *request = schema_request();
        struct object o = {.results = ""};
        capnp_cap *c = NULL;
        int r;

        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request->p, request->len, NULL));
        TORTURE_OK(capnp_vat_new_bare(&v));
        r = capnp_dynamic_serve(v, s, type_id(s, "Leaf"), &ops, &o, &c);
        if (!r) {
                c = capnp_cap_unref(c);
                run(v);
        }
        CHECK_EQ(o.gone, !r);
        TORTURE_OK(r);
}
