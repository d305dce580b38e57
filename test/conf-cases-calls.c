/*
 * Cases of conf-driver: plain calls, results of every kind of pointer, inheritance, and the ways a
 * call fails. Failures of all four kinds must arrive with kind and reason, because that is all a
 * program can tell apart.
 */
#include "conf-driver.h"

#include <errno.h>
#include <stdio.h>

/* ---- values --------------------------------------------------------------------------------- */

CASE(null)
{
        null_call(e, env_connect(e));
}

static int64_t add(struct env *e, conf_client conf, int32_t a, int32_t b)
{
        capnp_question *q = KEEP(conf_add(conf));

        conf_add_set_a(q, a);
        conf_add_set_b(q, b);
        return conf_add_sum(WAIT(q));
}

CASE(add)
{
        conf_client conf = env_connect(e);

        CHECK_EQ(add(e, conf, 2, 3), 5);
        CHECK_EQ(add(e, conf, -7, 3), -4);
        CHECK_EQ(add(e, conf, INT32_MAX, INT32_MAX), 2 * (int64_t)INT32_MAX);
        CHECK_EQ(add(e, conf, INT32_MIN, INT32_MIN), 2 * (int64_t)INT32_MIN);
}

static uint8_t echo_byte(size_t i)
{
        return (uint8_t)(i * 7 + i / 256);
}

static void echo_size(struct env *e, conf_client conf, uint32_t size)
{
        capnp_question *q = KEEP(conf_echo(conf));
        uint8_t *x = conf_echo_init_x(q, size);
        capnp_data back;
        uint32_t i;

        for (i = 0; i < size; i++)
                x[i] = echo_byte(i);
        back = conf_echo_x(WAIT(q));
        CHECK_EQ(back.len, size);
        for (i = 0; i < size; i++)
                CHECK(back.p[i] == echo_byte(i));
        env_drop(e, q);
}

CASE(echo_empty)
{
        echo_size(e, env_connect(e), 0);
}

CASE(echo_every_small_size)
{
        conf_client conf = env_connect(e);
        uint32_t size;

        for (size = 1; size < 70; size++)
                echo_size(e, conf, size);
}

CASE(echo_100k)
{
        echo_size(e, env_connect(e), 100 * 1024);
}

CASE(echo_3m)
{
        echo_size(e, env_connect(e), 3 * 1024 * 1024);
}

CASE(echo_3m_four_at_once)
{
        conf_client conf = env_connect(e);
        struct batch b = {0};
        int i;

        for (i = 0; i < 4; i++) {
                capnp_question *q = conf_echo(conf);

                memset(conf_echo_init_x(q, 3 << 20), i + 1, 3 << 20);
                BATCH_ADD(&b, q);
        }
        BATCH_WAIT(&b);
        for (i = 0; i < 4; i++) {
                capnp_data x = conf_echo_x(b.q[i]);

                CHECK_EQ(x.len, 3 << 20);
                CHECK(x.p[0] == i + 1 && x.p[x.len - 1] == i + 1);
        }
        batch_free(&b);
}

/* ---- callback style ------------------------------------------------------------------------- */

struct chain {
        conf_client conf;
        capnp_vat *vat;
        int left, done, r;
};

static void chain_next(struct chain *c);

static void chain_done(capnp_question *q, int r, void *arg)
{
        struct chain *c = arg;

        c->done++;
        c->r = r;
        capnp_question_free(q);
        if (--c->left && !r)
                chain_next(c);
        else
                capnp_vat_stop(c->vat);
}

static void chain_next(struct chain *c)
{
        capnp_question_send(conf_null(c->conf), chain_done, c);
}

CASE(callback_chain_of_1000_calls)
{
        struct chain c = {env_connect(e), e->vat, 1000, 0, 0};

        chain_next(&c);
        env_run(e);
        CHECK_EQ(c.done, 1000);
        CHECK_EQ(c.r, 0);
}

static void deadlock_done(capnp_question *q, int r, void *arg)
{
        struct chain *c = arg;
        capnp_question *inner = conf_null(c->conf);

        (void)r;
        c->r = capnp_question_wait(inner);
        capnp_question_free(inner);
        capnp_question_free(q);
        capnp_vat_stop(c->vat);
}

CASE(callback_that_waits_is_told_so)
{
        struct chain c = {env_connect(e), e->vat, 1, 0, 0};

        capnp_question_send(conf_null(c.conf), deadlock_done, &c);
        env_run(e);
        CHECK_EQ(c.r, -EDEADLK);
        null_call(e, c.conf);
}

CASE(callback_after_the_connection_has_gone)
{
        struct link l = link_open(e);
        struct chain c = {l.conf, e->vat, 1, 0, 0};

        null_call(e, l.conf);
        capnp_question_send(conf_hang(l.conf), chain_done, &c);
        link_close(e, &l);
        env_run(e);
        CHECK_EQ(c.r, CAPNP_E_DISCONNECTED);
        CHECK_EQ(c.done, 1);
}

/* ---- the object itself, and the bootstrap --------------------------------------------------- */

CASE(get_self)
{
        conf_client conf = env_connect(e), self = conf_get_self_cap(OK(conf_get_self(conf)));

        null_call(e, self);
        make_counter(e, self, 1);
        CHECK_EQ(live(e, self), live(e, conf));
}

static conf_client bootstrap(struct env *e, struct link *l)
{
        capnp_cap *c = NULL;

        if (capnp_rpc_bootstrap(capnp_conn_rpc(l->conn), &c))
                case_fail(__LINE__, "out of memory");
        return (conf_client){env_own(e, c)};
}

CASE(bootstrap_twice)
{
        struct link l = link_open(e);
        conf_client first = bootstrap(e, &l), second = bootstrap(e, &l);

        null_call(e, first);
        null_call(e, second);
        env_drop_cap(e, first.c);
        null_call(e, second);
        null_call(e, l.conf);
        link_close(e, &l);
}

CASE(bootstrap_100_times)
{
        struct link l = link_open(e);
        int i;

        for (i = 0; i < 100; i++) {
                conf_client conf = bootstrap(e, &l);

                null_call(e, conf);
                env_drop_cap(e, conf.c);
        }
        link_close(e, &l);
}

CASE(bootstrap_pipelined)
{
        conf_client conf = env_connect(e);

        /* Nothing has been received yet: three calls, one round trip. */
        null_call(e, conf_get_self_cap(KEEP(conf_get_self(conf))));
}

CASE(bootstrap_is_shared_by_connections)
{
        conf_client a = env_connect(e), b = env_connect(e);
        uint32_t before = live_settled(e, b);

        make_counter(e, a, 0);
        CHECK_EQ(live(e, b), before + 1);
}

/* ---- inheritance ---------------------------------------------------------------------------- */

static capnp_question *derived_question(conf_client conf, const char *name)
{
        capnp_question *q = conf_get_derived(conf);

        conf_get_derived_set_name(q, name);
        return q;
}

CASE(derived_own_and_inherited_methods)
{
        derived_client d = conf_get_derived_d(OK(derived_question(env_connect(e), "derived")));

        CHECK_TEXT(derived_name_name(OK(derived_name(d))), "derived");
        CHECK_EQ(INC(derived_as_counter(d), 5), 5);
        CHECK_EQ(GET(derived_as_counter(d)), 5);
}

CASE(derived_as_counter_and_back)
{
        derived_client d = conf_get_derived_d(OK(derived_question(env_connect(e), "x")));
        counter_client c = derived_as_counter(d);

        CHECK_EQ(INC(c, 3), 3);
        CHECK_TEXT(derived_name_name(OK(derived_name((derived_client){c.c}))), "x");
        CHECK_EQ(GET(c), 3);
}

CASE(derived_pipelined)
{
        derived_client d = conf_get_derived_d(SEND(derived_question(env_connect(e), "pipe")));
        capnp_question *name = SEND(derived_name(d));
        capnp_question *value = SEND(inc_question(derived_as_counter(d), 9));

        CHECK_TEXT(derived_name_name(WAIT(name)), "pipe");
        CHECK_EQ(counter_inc_value(WAIT(value)), 9);
}

CASE(derived_method_on_a_plain_counter)
{
        counter_client c = make_counter(e, env_connect(e), 0);

        FAILS(KEEP(derived_name((derived_client){c.c})), CAPNP_UNIMPLEMENTED, "");
        CHECK_EQ(INC(c, 1), 1);
}

/* ---- any pointer, and a struct with a capability -------------------------------------------- */

CASE(echo_any_null)
{
        CHECK(!conf_echo_any_has_p(OK(conf_echo_any(env_connect(e)))));
}

CASE(echo_any_text)
{
        capnp_question *q = KEEP(conf_echo_any(env_connect(e)));
        capnp_text none = {"", 0};

        capnp_abuilder_set_text(conf_echo_any_build_p(q), (capnp_text){"h\xc3\xa9llo", 6});
        CHECK_TEXT(capnp_any_text(conf_echo_any_p(WAIT(q)), none), "h\xc3\xa9llo");
}

CASE(echo_any_struct)
{
        capnp_question *q = KEEP(conf_echo_any(env_connect(e)));
        payload_builder p = payload_init_any(conf_echo_any_build_p(q));
        payload_reader back;

        payload_set_n(p, 77);
        payload_set_text(p, "inside");
        back = payload_of_any(conf_echo_any_p(WAIT(q)));
        CHECK_EQ(payload_n(back), 77);
        CHECK_TEXT(payload_text(back), "inside");
        CHECK(!payload_has_cap(back));
}

CASE(echo_any_struct_with_capability)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 40);
        capnp_question *q = KEEP(conf_echo_any(conf));

        payload_set_cap(payload_init_any(conf_echo_any_build_p(q)), c);
        CHECK_EQ(INC(payload_cap(payload_of_any(conf_echo_any_p(WAIT(q)))), 2), 42);
}

CASE(echo_any_lists)
{
        capnp_question *bits, *nested;
        conf_client conf = env_connect(e);
        capnp_text none = {"", 0};
        capnp_lbuilder b;
        capnp_list l;
        uint32_t i;

        bits = KEEP(conf_echo_any(conf));
        b = capnp_abuilder_init_list(conf_echo_any_build_p(bits), CAPNP_SIZE_BIT, 19);
        for (i = 0; i < 19; i++)
                capnp_lbuilder_set_bool(b, i, i % 3 == 0);
        l = capnp_any_list(conf_echo_any_p(WAIT(bits)), CAPNP_SIZE_BIT, NULL);
        CHECK_EQ(l.len, 19);
        CHECK(capnp_list_bool(l, 18) && !capnp_list_bool(l, 17));

        nested = KEEP(conf_echo_any(conf));
        b = capnp_abuilder_init_list(conf_echo_any_build_p(nested), CAPNP_SIZE_POINTER, 2);
        b = capnp_abuilder_init_list(capnp_lbuilder_any(b, 1), CAPNP_SIZE_POINTER, 1);
        capnp_abuilder_set_text(capnp_lbuilder_any(b, 0), (capnp_text){"deep", 4});
        l = capnp_any_list(conf_echo_any_p(WAIT(nested)), CAPNP_SIZE_POINTER, NULL);
        CHECK_EQ(capnp_any_list(capnp_list_any(l, 0), CAPNP_SIZE_POINTER, NULL).len, 0);
        l = capnp_any_list(capnp_list_any(l, 1), CAPNP_SIZE_POINTER, NULL);
        CHECK_TEXT(capnp_any_text(capnp_list_any(l, 0), none), "deep");
}

CASE(echo_any_struct_list)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 7);
        capnp_question *q = KEEP(conf_echo_any(conf));
        payload_list_builder list;
        payload_list back;
        char text[32];
        uint32_t i;

        list.l = capnp_abuilder_init_structs(conf_echo_any_build_p(q), 50, PAYLOAD_WORDS,
                                             PAYLOAD_PTRS);
        for (i = 0; i < 50; i++) {
                snprintf(text, sizeof(text), "item %u", i);
                payload_set_n(payload_list_builder_get(list, i), i);
                payload_set_text(payload_list_builder_get(list, i), text);
        }
        payload_set_cap(payload_list_builder_get(list, 49), c);
        back.l = capnp_any_list(conf_echo_any_p(WAIT(q)), CAPNP_SIZE_COMPOSITE, NULL);
        CHECK_EQ(payload_list_len(back), 50);
        CHECK_TEXT(payload_text(payload_list_get(back, 31)), "item 31");
        CHECK(!payload_has_cap(payload_list_get(back, 48)));
        CHECK_EQ(GET(payload_cap(payload_list_get(back, 49))), 7);
}

CASE(echo_any_capability)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 10);
        capnp_question *q = KEEP(conf_echo_any(conf));

        capnp_abuilder_set_cap(conf_echo_any_build_p(q), c.c);
        CHECK_EQ(INC((counter_client){conf_echo_any_p_cap(WAIT(q))}, 1), 11);
}

CASE(echo_any_the_bootstrap_itself)
{
        conf_client conf = env_connect(e);
        capnp_question *q = KEEP(conf_echo_any(conf));

        capnp_abuilder_set_cap(conf_echo_any_build_p(q), conf.c);
        null_call(e, (conf_client){conf_echo_any_p_cap(WAIT(q))});
}

CASE(echo_any_large_lists)
{
        conf_client conf = env_connect(e);
        capnp_question *q = KEEP(conf_echo_any(conf)), *texts = KEEP(conf_echo_any(conf));
        capnp_text none = {"", 0};
        capnp_lbuilder b;
        capnp_list l;
        uint32_t i;
        char text[32];

        b = capnp_abuilder_init_list(conf_echo_any_build_p(q), CAPNP_SIZE_EIGHT, 200000);
        for (i = 0; i < 200000; i++)
                capnp_lbuilder_set_u64(b, i, (uint64_t)i * i);
        l = capnp_any_list(conf_echo_any_p(WAIT(q)), CAPNP_SIZE_EIGHT, NULL);
        CHECK_EQ(l.len, 200000);
        CHECK_EQ(capnp_list_u64(l, 199999), UINT64_C(199999) * 199999);

        b = capnp_abuilder_init_list(conf_echo_any_build_p(texts), CAPNP_SIZE_POINTER, 20000);
        for (i = 0; i < 20000; i++) {
                int n = snprintf(text, sizeof(text), "text %u", i);

                capnp_abuilder_set_text(capnp_lbuilder_any(b, i), (capnp_text){text, (uint32_t)n});
        }
        l = capnp_any_list(conf_echo_any_p(WAIT(texts)), CAPNP_SIZE_POINTER, NULL);
        CHECK_TEXT(capnp_any_text(capnp_list_any(l, 19999), none), "text 19999");
}

CASE(echo_any_deep_but_legal)
{
        capnp_question *q = KEEP(conf_echo_any(env_connect(e)));
        capnp_abuilder at = conf_echo_any_build_p(q);
        capnp_text none = {"", 0};
        capnp_any got;
        int i;

        for (i = 0; i < 30; i++)
                at = capnp_lbuilder_any(capnp_abuilder_init_list(at, CAPNP_SIZE_POINTER, 1), 0);
        capnp_abuilder_set_text(at, (capnp_text){"bottom", 6});
        got = conf_echo_any_p(WAIT(q));
        for (i = 0; i < 30; i++)
                got = capnp_list_any(capnp_any_list(got, CAPNP_SIZE_POINTER, NULL), 0);
        CHECK_TEXT(capnp_any_text(got, none), "bottom");
}

CASE(echo_payload_null)
{
        payload_reader p = conf_echo_payload_p(OK(conf_echo_payload(env_connect(e))));

        CHECK_EQ(payload_n(p), 0);
        CHECK(!payload_has_cap(p));
}

CASE(echo_payload_with_server_capability)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 20);
        capnp_question *q = KEEP(conf_echo_payload(conf));
        payload_builder p = conf_echo_payload_init_p(q);

        payload_set_n(p, 5);
        payload_set_text(p, "t");
        payload_set_cap(p, c);
        WAIT(q);
        CHECK_EQ(payload_n(conf_echo_payload_p(q)), 5);
        CHECK_TEXT(payload_text(conf_echo_payload_p(q)), "t");
        CHECK_EQ(INC(payload_cap(conf_echo_payload_p(q)), 1), 21);
}

CASE(echo_payload_pipelined_through_its_struct)
{
        conf_client conf = env_connect(e);
        counter_client c = make_counter(e, conf, 30);
        capnp_question *q = KEEP(conf_echo_payload(conf));

        payload_set_cap(conf_echo_payload_init_p(q), c);
        CHECK_EQ(INC(conf_echo_payload_p_cap(q), 3), 33); /* sends q, too */
}

static bool ask_is_null(struct env *e, conf_client conf, counter_client c)
{
        capnp_question *q = KEEP(conf_is_null(conf));

        conf_is_null_set_cap(q, c);
        return conf_is_null_null(WAIT(q));
}

CASE(is_null)
{
        conf_client conf = env_connect(e);
        static struct watch w;
        counter_client own = local_counter(e, &w);

        CHECK(ask_is_null(e, conf, (counter_client){NULL}));
        CHECK(!ask_is_null(e, conf, make_counter(e, conf, 0)));
        CHECK(!ask_is_null(e, conf, own));
        env_drop_cap(e, own.c);
        EVENTUALLY(w.gone, 1);
}

/* ---- failures ------------------------------------------------------------------------------- */

static void fail_with(struct env *e, conf_client conf, uint16_t type, const char *reason)
{
        capnp_question *q = KEEP(conf_fail(conf));

        conf_fail_set_type(q, type);
        conf_fail_set_reason(q, reason);
        FAILS(q, type, reason);
}

CASE(fail_failed)
{
        fail_with(e, env_connect(e), CAPNP_FAILED, "first reason");
}

CASE(fail_overloaded)
{
        fail_with(e, env_connect(e), CAPNP_OVERLOADED, "too much");
}

CASE(fail_disconnected)
{
        conf_client conf = env_connect(e);

        fail_with(e, conf, CAPNP_DISCONNECTED, "gone away");
        null_call(e, conf); /* only the exception says so */
}

CASE(fail_unimplemented)
{
        fail_with(e, env_connect(e), CAPNP_UNIMPLEMENTED, "not here");
}

CASE(fail_reasons_of_every_length)
{
        static const size_t sizes[] = {0, 1, 7, 8, 9, 255, 4000};
        conf_client conf = env_connect(e);
        char why[4001];
        size_t i;

        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                memset(why, 'r', sizes[i]);
                why[sizes[i]] = '\0';
                fail_with(e, conf, CAPNP_OVERLOADED, why);
        }
        fail_with(e, conf, CAPNP_FAILED, "gr\xc3\xbc\xc3\x9f dich \xe2\x98\x83");
}

CASE(fail_many_times_and_go_on)
{
        conf_client conf = env_connect(e);
        uint16_t i;

        for (i = 0; i < 200; i++)
                fail_with(e, conf, i % 4, "again");
        null_call(e, conf);
}

CASE(unimplemented_method)
{
        conf_client conf = env_connect(e);

        FAILS(KEEP(capnp_question_new_any(e->vat, conf.c, CONF_ID, 999)), CAPNP_UNIMPLEMENTED, "");
        null_call(e, conf);
}

CASE(unimplemented_interface)
{
        conf_client conf = env_connect(e);

        FAILS(KEEP(callback_call((callback_client){conf.c})), CAPNP_UNIMPLEMENTED, "");
        null_call(e, conf);
}

CASE(unknown_interface_id)
{
        static const uint64_t ids[] = {0, UINT64_C(0xdeadbeefdeadbeef), UINT64_MAX};
        conf_client conf = env_connect(e);
        int i;

        for (i = 0; i < 3; i++)
                FAILS(KEEP(capnp_question_new_any(e->vat, conf.c, ids[i], 0)), CAPNP_UNIMPLEMENTED,
                      "");
        null_call(e, conf);
}

CASE(unimplemented_releases_its_parameters)
{
        conf_client conf = env_connect(e);
        capnp_question *q = KEEP(capnp_question_new_any(e->vat, conf.c, CONF_ID, 999));
        static struct watch w;
        counter_client own = local_counter(e, &w);

        payload_set_cap(payload_init_any(capnp_question_params_any(q)), own);
        env_drop_cap(e, own.c);
        FAILS(q, CAPNP_UNIMPLEMENTED, "");
        EVENTUALLY(w.gone, 1);
}

CASE(call_on_null_result)
{
        conf_client conf = env_connect(e);

        drop_held(e, conf);
        FAILS_SOMEHOW(KEEP(inc_question(conf_get_held_cap(SEND(conf_get_held(conf))), 1)));
        CHECK(!conf_get_held_has_cap(OK(conf_get_held(conf))));
        null_call(e, conf);
}

CASE(call_on_a_null_reference)
{
        capnp_question *q = capnp_question_new_any(e->vat, NULL, COUNTER_ID, 0);

        FAILS_SOMEHOW(KEEP(q));
}

CASE(pipeline_on_a_failed_base)
{
        conf_client conf = env_connect(e);
        static struct callee_watch w = {.fail = true};
        capnp_question *base = SEND(tail_question(conf, local_callee(e, &w), 0));
        capnp_question *value = SEND(inc_question(conf_tail_self(base), 1));

        FAILS(value, CAPNP_FAILED, "callee fails");
        FAILS(base, CAPNP_FAILED, "callee fails");
}

CASE(pipeline_on_an_unimplemented_base)
{
        conf_client conf = env_connect(e);
        capnp_question *base = SEND(callee_foo((callee_client){conf.c}));
        capnp_question *value = SEND(inc_question(callee_foo_self(base), 1));

        FAILS(value, CAPNP_UNIMPLEMENTED, "");
        FAILS(base, CAPNP_UNIMPLEMENTED, "");
        null_call(e, conf);
}

CASE(pipeline_on_a_failed_base_three_deep)
{
        conf_client conf = env_connect(e);
        capnp_question *base = SEND(callee_foo((callee_client){conf.c}));
        capnp_question *second = SEND(echo_cap_question(conf, callee_foo_self(base)));
        capnp_question *third = SEND(echo_cap_question(conf, conf_echo_cap_cap(second)));

        FAILS(KEEP(inc_question(conf_echo_cap_cap(third), 1)), CAPNP_UNIMPLEMENTED, "");
        null_call(e, conf);
}
