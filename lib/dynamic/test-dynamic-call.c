/*
 * Calls by name, to an object of the same vat that knows the methods by number only.
 */
#include "test-dynamic.h"

#include <errno.h>

/* What the object was asked, and what it does: everything returns a capability of its own in
 * pointer 0, the sum of two numbers, or nothing. */
struct node {
        uint64_t interface;
        uint16_t method;
        unsigned calls;
        bool fails;
};

static int serve(void *self, capnp_answer *a)
{
        struct node *n = self;
        capnp_reader p = capnp_answer_params(a);
        capnp_builder b;

        n->calls++;
        n->interface = capnp_answer_interface(a);
        n->method = capnp_answer_method(a);
        if (n->fails)
                return capnp_answer_fail(a, CAPNP_FAILED, "no");

        b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 2);
        if (n->method == 0)
                capnp_builder_set_i64(b, 0, capnp_reader_i64(p, 0, 0) + capnp_reader_i64(p, 8, 0),
                                      0);
        if (n->method == 1) {
                capnp_abuilder_set_cap(capnp_builder_any(b, 0),
                                       capnp_any_cap_peek(capnp_reader_any(p, 0)));
                capnp_abuilder_set_cap(capnp_builder_any(b, 1),
                                       capnp_any_cap_peek(capnp_reader_any(p, 0)));
        }
        return capnp_answer_return(a);
}

/* The references a person has: numbers are indexes. */
struct list {
        capnp_cap *caps[8];
        uint64_t interfaces[8];
        uint32_t n;
};

static capnp_cap *list_find(void *arg, uint32_t n)
{
        struct list *l = arg;

        return n < l->n ? l->caps[n] : NULL;
}

static int list_number(void *arg, capnp_cap *c, uint64_t interface, uint32_t *ret_n)
{
        struct list *l = arg;

        if (l->n == 8)
                return CAPNP_E_LIMIT;

        l->caps[l->n] = c;
        l->interfaces[l->n] = interface;
        *ret_n = l->n++;
        return 0;
}

/* Calls a method; r of whatever step ended it. */
static int call(const capnp_schema *s, struct capnp_dynamic_method *m, const char *params,
                const struct capnp_dynamic_opts *o, struct capnp_buf *b)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capnp_fault f;
        int r = capnp_dynamic_call(s, m, text_of(params), o, &q, &f);

        if (r)
                return r;

        capnp_question_send(q, NULL, NULL);
        while (capnp_rpc_step(m->vat))
                ;
        b->len = 0;
        return capnp_dynamic_results(s, &m->info, q, o, b);
}

TEST(methods_are_called_by_name)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct node n = {0};
        struct list l = {0};
        struct capnp_dynamic_opts o = {.number = list_number, .find = list_find, .arg = &l};
        struct capnp_dynamic_method m = {0};

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, serve, NULL, &n, &c));
        m.vat = v;
        m.target = c;
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Leaf"), "add", &m.info));
        CHECK_OK(call(s, &m, "{\"left\": \"40\", \"right\": 2}", &o, &b));
        CHECK_STR(b.p, "{\"sum\":\"42\"}");
        CHECK_EQ(n.interface, type_id(s, "Node"));
        CHECK_OK(call(s, &m, "", &o, &b));
        CHECK_STR(b.p, "{\"sum\":\"0\"}");

        list_number(&l, c, 0, &(uint32_t){0});
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Leaf"), "child", &m.info));
        CHECK_OK(call(s, &m, "{\"of\": {\"$cap\": 0}}", &o, &b));
        CHECK_STR(b.p, "{\"node\":{\"$cap\":1},\"any\":{\"$cap\":2}}");
        CHECK_EQ(l.interfaces[1], type_id(s, "Node"));
        CHECK_EQ(l.interfaces[2], 0);
        CHECK(l.caps[1] == c);
        CHECK_EQ(n.calls, 3);
}

TEST(calls_fail_with_what_failed)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct node n = {.fails = true};
        struct list l = {0};
        struct capnp_dynamic_opts o = {.number = list_number, .find = list_find, .arg = &l};
        struct capnp_dynamic_method m = {0};
        capnp_question *q = NULL;
        struct capnp_fault f;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, serve, NULL, &n, &c));
        m.vat = v;
        m.target = c;
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Node"), "child", &m.info));
        CHECK_EQ(capnp_dynamic_call(s, &m, text_of("{\"of\": {\"$cap\": 5}}"), &o, &q, &f),
                 CAPNP_E_UNKNOWN);
        CHECK_STR(f.what, "there is no reference 5");
        CHECK_STR(f.path, "of");
        CHECK_EQ(capnp_dynamic_call(s, &m, text_of("{\"name\": 5}"), NULL, &q, &f), CAPNP_E_SYNTAX);
        CHECK(!q);
        CHECK_EQ(n.calls, 0);
        CHECK_EQ(call(s, &m, "{}", &o, &b), CAPNP_E_EXCEPTION);
        n.fails = false;
        l.n = 8;
        m.info.ordinal = 1;
        CHECK_OK(call(s, &m, "{}", &o, &b));
        CHECK_STR(b.p, "{}");
        CHECK_EQ(call(s, &m, "{\"of\": {\"$cap\": 8}}", &o, &b), CAPNP_E_UNKNOWN);
}

TEST(references_without_a_list_are_counted)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct node n = {0};
        capnp_lbuilder l;
        capnp_builder p;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, serve, NULL, &n, &c));
        CHECK_OK(capnp_msg_new(&m));
        p = capnp_abuilder_init_struct(capnp_msg_build(m), 0, 4);
        capnp_abuilder_set_cap(capnp_builder_any(p, 0), c);
        l = capnp_abuilder_init_list(capnp_builder_any(p, 3), CAPNP_SIZE_POINTER, 3);
        capnp_abuilder_set_cap(capnp_lbuilder_any(l, 1), c);
        CHECK_OK(capnp_json_print(s, type_id(s, "Caps"), root_of(m), NULL, &b));
        CHECK_STR(b.p, "{\"any\":{\"$cap\":0},\"nodes\":[null,{\"$cap\":1},null]}");
        b.len = 0;
        CHECK_OK(capnp_text_print(s, type_id(s, "Caps"), root_of(m), NULL, &b));
        CHECK_STR(b.p, "(any = <opaque pointer>, nodes = [<external capability>, "
                       "<external capability>, <external capability>])");
}

TORTURE(calls_without_memory)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        const struct bytes *request = schema_request();
        struct node n = {0};
        struct capnp_dynamic_method m = {0};
        int r;

        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request->p, request->len, NULL));
        TORTURE_OK(capnp_vat_new_bare(&v));
        TORTURE_OK(capnp_cap_new_dispatch(v, serve, NULL, &n, &c));
        m.vat = v;
        m.target = c;
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Leaf"), "add", &m.info));
        r = call(s, &m, "{\"left\": 1}", NULL, &b);
        /* What the object had no memory for is an exception to its caller. */
        if (r == CAPNP_E_EXCEPTION && test_alloc_failed())
                return;
        TORTURE_OK(r);
}

/* Answers Deep.down, when it is told to: with itself in each place. */
struct deep {
        capnp_answer *held;
        unsigned added;
};

static int deep_serve(void *self, capnp_answer *a)
{
        struct deep *d = self;

        if (d->held) {
                d->added++;
                return capnp_answer_return(a);
        }
        d->held = a;
        return capnp_answer_keep(a, NULL, NULL);
}

TEST(references_in_results_are_found_by_name_before_and_after_the_return)
{
        static const char *const wrong[] = {
                "",     "inner",     "inner.x",      "inner.none", "place", "place.x",
                "many", "many.node", "inner.node.x", ".",          "inner."};
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL, *early = NULL;
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct capnp_dynamic_method m = {0};
        struct deep d = {0};
        capnp_builder b, inner;
        uint64_t interface = 1;
        capnp_cap *got;

        CHECK_OK(capnp_vat_new_bare(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, deep_serve, NULL, &d, &c));
        m.vat = v;
        m.target = c;
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Deep"), "down", &m.info));
        CHECK_OK(capnp_dynamic_call(s, &m, text_of(""), NULL, &q, NULL));
        capnp_question_send(q, NULL, NULL);
        for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                CHECK_EQ(capnp_dynamic_cap_peek(s, &m.info, q, wrong[i], &got, &interface),
                         CAPNP_E_UNKNOWN);

        CHECK_OK(capnp_dynamic_cap_peek(s, &m.info, q, "inner.node", &got, &interface));
        CHECK_EQ(interface, type_id(s, "Node"));
        m.target = got;
        CHECK_OK(capnp_schema_find_method(s, interface, "add", &m.info));
        CHECK_OK(capnp_dynamic_call(s, &m, text_of(""), NULL, &early, NULL));
        capnp_question_send(early, NULL, NULL);
        while (capnp_rpc_step(v))
                ;
        CHECK(d.held && !d.added);

        b = capnp_abuilder_init_struct(capnp_answer_results_any(d.held), 1, 3);
        inner = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1);
        capnp_abuilder_set_cap(capnp_builder_any(inner, 0), c);
        capnp_abuilder_set_cap(capnp_builder_any(b, 1), c);
        CHECK_OK(capnp_answer_return(d.held));
        while (capnp_rpc_step(v))
                ;
        CHECK_EQ(d.added, 1);
        CHECK_OK(capnp_schema_find_method(s, type_id(s, "Deep"), "down", &m.info));
        CHECK_OK(capnp_dynamic_cap_peek(s, &m.info, q, "place.any", &got, &interface));
        CHECK_EQ(interface, 0);
        CHECK(got == c);
}
