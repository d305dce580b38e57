/*
 * Descriptors on a Unix socket: each reference gets the one it was sent with, whatever the size of
 * its message and whatever comes before or behind it.
 */
#include "test-vat-fds.h"

#include "harness-shortage.h"
#include "io-loop.h"
#include "io-stream.h"

static void pair_open(struct pair *p, const struct capnp_limits *l)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *served = NULL;
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        CHECK_OK(capnp_vat_new(&p->vat));
        CHECK_OK(capnp_cap_new_dispatch(p->vat, look, NULL, NULL, &served));
        CHECK_OK(capnp_conn_new(p->vat, ends[0], l, served, &p->b));
        CHECK_OK(capnp_conn_new(p->vat, ends[1], l, NULL, &p->a));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(p->a), &p->root));
}

static void pair_close(struct pair *p)
{
        capnp_cap_unref(p->root);
        capnp_conn_unref(p->a);
        capnp_conn_unref(p->b);
        capnp_vat_free(p->vat);
}

TEST_T(descriptors_arrive_with_their_message, 120)
{
        struct capnp_limits l = {.fds = 4};
        unsigned before = count_fds();
        struct pair p;

        pair_open(&p, &l);
        check_all_files(&p);
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}

/* One reference more than the limit has a file: that one arrives without. */
TEST(descriptors_of_a_message_are_limited)
{
        struct capnp_limits l = {.fds = 1};
        unsigned before = count_fds();
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_builder b;
        struct pair p;

        pair_open(&p, &l);
        q = capnp_question_new_any(p.vat, p.root, IFACE, 0);
        b = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 2);
        for (unsigned i = 0; i < 2; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;

                CHECK_OK(capnp_cap_new_dispatch(p.vat, nothing, NULL, NULL, &c));
                capnp_cap_set_fd(c, file_of("AB"[i]));
                capnp_abuilder_set_cap(capnp_builder_any(b, (uint16_t)i), c);
        }
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(heard(q).p[0], '-');
        q = capnp_question_free(q);
        check_files(&p, "C", (size_t[]){100});
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}

/* The limits of a connection are those it was given last, also for what is read. */
TEST(descriptors_follow_the_limits)
{
        struct capnp_limits some = {.fds = 2}, none = {0}, out = {.fds = 2, .fds_out_only = true};
        unsigned before = count_fds();
        struct pair p;

        pair_open(&p, &none);
        capnp_rpc_set_limits(capnp_conn_rpc(p.a), &some);
        {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = send_one(&p, 'A', 10);

                CHECK_OK(capnp_question_wait(q));
                CHECK_EQ(heard(q).p[0], '-');
        }
        capnp_rpc_set_limits(capnp_conn_rpc(p.b), &some);
        check_files(&p, "B", (size_t[]){10});
        capnp_rpc_set_limits(capnp_conn_rpc(p.a), &out);
        check_files(&p, "C", (size_t[]){10});
        capnp_rpc_set_limits(capnp_conn_rpc(p.b), &out);
        {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = send_one(&p, 'D', 10);

                CHECK_OK(capnp_question_wait(q));
                CHECK_EQ(heard(q).p[0], '-');
        }
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}

/* One round, when there is something to do. */
static void turn(capnp_vat *v)
{
        struct pollfd p = {.fd = capnp_vat_fd(v), .events = POLLIN};

        CHECK(poll(&p, 1, capnp_vat_timeout_ms(v)) >= 0);
        CHECK_OK(capnp_vat_process(v));
}

static void over(void *arg)
{
        *(bool *)arg = true;
}

/* The socket is writable all the time, so a loop that relied on it would try without a pause. */
TEST(descriptors_that_have_no_place_wait_without_haste)
{
        enum { SHORT_MS = 400 };
        uint64_t begun_ms = capos_io_now_ms();
        struct capnp_limits l = {.fds = 4};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        bool waited = false;
        struct pair p;

        pair_open(&p, &l);
        check_files(&p, "A", (size_t[]){10});
        shortage = true;
        q = send_one(&p, 'B', 10);
        CHECK_OK(capnp_timer_new(p.vat, SHORT_MS, over, &waited, NULL));
        while (!waited || tries < 2)
                turn(p.vat);
        printf("%u tries\n", tries);
        CHECK(tries <= 2 * (capos_io_now_ms() - begun_ms) / CAPOS_IO_REFS_MS);
        CHECK(!capnp_question_is_done(q));
        shortage = false;
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(heard(q).p[0], 'B');
        q = capnp_question_free(q);
        check_files(&p, "CD", (size_t[]){10, 10});
        pair_close(&p);
}
