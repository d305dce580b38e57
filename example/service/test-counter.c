/* The example of a service, as a process: what is shared, what is a session's own, and a facet. */
#include "kit-play.h"

#include "counter.capnp-c.h"
#include "service_control.capnp-c.h"

static const char *const program[] = {"example/service/counter", NULL};

static int add(struct play_caller *c, uint32_t n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q;
        int r;

        q = counter_add((counter_client){c->object});
        counter_add_set_n(q, n);
        r = capnp_question_wait(q);
        return r == CAPNP_E_EXCEPTION ? (int)capnp_question_exception(q).kind : r;
}

static void check(struct play_caller *c, uint64_t total, uint64_t mine)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q;

        q = counter_read((counter_client){c->object});
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(counter_read_total(q), total);
        CHECK_EQ(counter_read_mine(q), mine);
}

TEST(sessions_share_a_number)
{
        struct play_caller a, b, reader;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 2, "");
        play_open(&p, &reader, 3, "reader");
        CHECK_OK(add(&a, 40));
        CHECK_OK(add(&b, 2));
        check(&a, 42, 40);
        check(&b, 42, 2);
        check(&reader, 42, 0);
        CHECK_EQ(add(&reader, 1), CAPNP_UNIMPLEMENTED);
        check(&reader, 42, 0);
        play_close(&a);
        play_close(&b);
        play_close(&reader);
        play_stop(&p);
}

TEST(there_is_no_other_facet)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play p;

        play_start(&p, program);
        q = play_ask(&p, 1, "root", -1);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        q = capnp_question_free(q);
        q = service_control_describe((service_control_client){p.control});
        CHECK_OK(capnp_question_wait(q));
        CHECK(service_control_describe_schema(q).len > 100);
        q = capnp_question_free(q);
        play_stop(&p);
}
