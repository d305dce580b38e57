/*
 * Long messages over a socket: whatever comes before and behind them, in whatever pieces, arrives
 * as it was sent, and descriptors with what they belong to; the beginning of a long one alone is
 * read to a buffer of the loop's (R14, R20).
 */
#include "test-vat.h"

#include "vat-internal.h"

enum { MOST = 300000, CALLS = 40 };

static uint8_t bytes[MOST];
static uint64_t state = 7;

static uint32_t draw(uint32_t n)
{
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(state >> 33) % n;
}

static uint32_t draw_length(void)
{
        static const uint32_t about[] = {0, 1, 100, 1000, 3900, 4096, 9000, 65536, 66000, 200000};
        uint32_t len = about[draw(sizeof(about) / sizeof(*about))] + draw(200);

        return len < MOST ? len : MOST;
}

/* Both ends of a connection in one vat, and the object at the far one. */
struct line {
        struct site site;
        capnp_conn *near, *far;
        capnp_cap *root;
};

static void line_open(struct line *l, const struct capnp_limits *limits)
{
        int ends[2];

        site_init(&l->site);
        for (uint32_t i = 0; i < MOST; i++)
                bytes[i] = (uint8_t)(i * 7 + (i >> 8));
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        CHECK_OK(capnp_conn_new(l->site.vat, ends[0], limits, l->site.root, &l->far));
        CHECK_OK(capnp_conn_new(l->site.vat, ends[1], limits, NULL, &l->near));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(l->near), &l->root));
}

static void line_close(struct line *l)
{
        capnp_cap_unref(l->root);
        capnp_conn_unref(l->near);
        capnp_conn_unref(l->far);
        site_deinit(&l->site);
}

/* Many at once, of all lengths: what lies where in a read is anybody's guess. */
static void line_echo_many(struct line *l)
{
        capnp_question *q[CALLS];
        uint32_t from[CALLS], len[CALLS];

        for (unsigned i = 0; i < CALLS; i++) {
                len[i] = draw_length();
                from[i] = draw(MOST - len[i] + 1);
                q[i] = ask(l->site.vat, l->root, ECHO, bytes + from[i], len[i]);
                capnp_question_send(q[i], NULL, NULL);
        }
        for (unsigned i = 0; i < CALLS; i++) {
                CHECK_OK(capnp_question_wait(q[i]));
                check_heard(q[i], bytes + from[i], len[i]);
                capnp_question_free(q[i]);
        }
}

TEST(of_all_lengths_in_any_order)
{
        static const struct capnp_limits limits[] = {{0}, {.fds = 4}, {.wipe = true}, {.turn = 2}};

        for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                struct line l = {.near = NULL};

                line_open(&l, &limits[i]);
                for (unsigned j = 0; j < 12; j++)
                        line_echo_many(&l);
                line_close(&l);
        }
}

/* Each result has the file that came with it, and no other. */
TEST(descriptors_between_long_messages)
{
        static const struct capnp_limits limits = {.fds = 4};
        static const uint16_t first[] = {0};
        struct line l = {.near = NULL};

        line_open(&l, &limits);
        for (unsigned i = 0; i < 30; i++) {
                uint32_t len = draw_length();
                capnp_question *q[3] = {ask(l.site.vat, l.root, ECHO, bytes, len),
                                        ask(l.site.vat, l.root, OPEN_FILE, NULL, 0),
                                        ask(l.site.vat, l.root, ECHO, bytes, MOST / 2)};

                for (unsigned j = 0; j < 3; j++)
                        capnp_question_send(q[j], NULL, NULL);
                for (unsigned j = 0; j < 3; j++)
                        CHECK_OK(capnp_question_wait(q[j]));
                check_heard(q[0], bytes, len);
                CHECK(fcntl(capnp_cap_fd_peek(capnp_question_cap_peek(q[1], first, 1)), F_GETFD) >=
                      0);
                check_heard(q[2], bytes, MOST / 2);
                for (unsigned j = 0; j < 3; j++)
                        capnp_question_free(q[j]);
        }
        line_close(&l);
}

static void long_and_others(uint32_t len)
{
        struct line l = {.near = NULL};
        capnp_question *q[CALLS];

        line_open(&l, NULL);
        check_echo(l.site.vat, l.root, bytes, 100);
        CHECK(!l.near->reads_long && !l.far->reads_long);
        check_echo(l.site.vat, l.root, bytes, 100000);
        check_echo(l.site.vat, l.root, bytes, 100);
        CHECK(l.near->reads_long && l.far->reads_long);
        for (unsigned i = 0; i < CALLS; i++) {
                q[i] = ask(l.site.vat, l.root, ECHO, bytes, len);
                capnp_question_send(q[i], NULL, NULL);
        }
        for (unsigned i = 0; i < CALLS; i++) {
                CHECK_OK(capnp_question_wait(q[i]));
                capnp_question_free(q[i]);
        }
        CHECK(!l.near->reads_long && !l.far->reads_long);
        line_close(&l);
}

/* Until what fills such a piece is no long message: many short ones, or some of medium length. */
TEST(who_sends_long_ones_is_read_in_short_pieces)
{
        for (uint32_t len = 100; len < 10000; len *= 50)
                long_and_others(len);
}

/* It ends in the middle of a long one. */
TEST(cut_off_inside_of_a_long_message)
{
        const uint32_t table[2] = {0, 100000};

        for (uint32_t came = 0; came < 200000; came = came * 3 + 500) {
                struct site s;
                capnp_conn *c;
                int ends[2];

                site_init(&s);
                CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
                CHECK_OK(capnp_conn_new(s.vat, ends[0], NULL, s.root, &c));
                CHECK_EQ(write(ends[1], table, sizeof(table)), sizeof(table));
                for (uint32_t at = 0; at < came;) {
                        ssize_t n = send(ends[1], bytes, came - at, MSG_DONTWAIT);

                        at += n > 0 ? (uint32_t)n : 0;
                        CHECK_OK(capnp_vat_process(s.vat));
                }
                CHECK(!capnp_rpc_is_closed(capnp_conn_rpc(c), NULL));
                close(ends[1]);
                while (!capnp_rpc_is_closed(capnp_conn_rpc(c), NULL))
                        CHECK_OK(capnp_vat_process(s.vat));
                CHECK_EQ(capnp_rpc_end(capnp_conn_rpc(c)), CAPNP_END_LOST);
                capnp_conn_unref(c);
                site_deinit(&s);
        }
}

TORTURE(without_memory_for_a_long_message)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *served = NULL, *root = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *near = NULL, *far = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct site s = {0};
        int ends[2], r;

        TORTURE_OK(capnp_vat_new(&v));
        s.vat = v;
        TORTURE_OK(capnp_cap_new_dispatch(v, site_call, NULL, &s, &served));
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        r = capnp_conn_new(v, ends[0], NULL, served, &far);
        if (r)
                close(ends[1]);
        TORTURE_OK(r);
        TORTURE_OK(capnp_conn_new(v, ends[1], NULL, NULL, &near));
        TORTURE_OK(capnp_rpc_bootstrap(capnp_conn_rpc(near), &root));
        for (unsigned i = 0; i < 2; i++) {
                q = capnp_question_free(q);
                q = ask(v, root, ECHO, bytes, 100000);
                r = capnp_question_wait(q);
                /* Either side may have lost the connection over it. */
                if (r && test_alloc_failed())
                        return;
                CHECK_OK(r);
                check_heard(q, bytes, 100000);
        }
}
