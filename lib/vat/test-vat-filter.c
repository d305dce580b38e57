/*
 * Filters: a simple one that greets, masks all bytes, and says goodbye. That bytes come whole and
 * in order, that none is forgotten while nobody may read, that a turn is one write, and how it
 * ends.
 */
#include "test-vat.h"

#include <stdlib.h>

enum { MASK = 0x5a, GREETING = 4, MOST = 16 };

static const char greeting[] = "helo", goodbye[] = "bye!";

struct mask {
        unsigned greeted;    /* bytes of the greeting that have come */
        capnp_conn *flushes; /* in the middle of reading */
        bool reading;
        bool stingy; /* reads one piece at a time */
        bool sent_greeting, sent_goodbye, heard_goodbye;
        unsigned paused, *frees; /* paused: how often it left something */
};

static void mask_feed(capnp_rpc *r, const uint8_t *b, size_t len)
{
        int e = capnp_rpc_feed(r, b, len, NULL, 0);

        CHECK(e == 0 || e == CAPNP_E_DISCONNECTED);
}

/* The greeting, then masked bytes, then the goodbye, whose first byte cannot begin a frame here. */
static void mask_read(void *self, struct capnp_filter_io *x)
{
        struct mask *m = self;

        m->reading = true;
        if (m->flushes)
                capnp_conn_flush(m->flushes);
        for (; x->in_len && m->greeted < GREETING; x->in++, x->in_len--)
                CHECK_EQ(*x->in, greeting[m->greeted++]);
        while (x->in_len && capnp_rpc_wants_input(x->rpc)) {
                size_t n = x->in_len < 1000 ? x->in_len : 1000;

                if (n == 4 && !memcmp(x->in, goodbye, 4)) {
                        m->heard_goodbye = true;
                        x->in_len = 0;
                        break;
                }
                for (size_t i = 0; i < n; i++)
                        x->scratch[i] = x->in[i] ^ MASK;
                mask_feed(x->rpc, x->scratch, n);
                x->in += n;
                x->in_len -= n;
                if (m->stingy)
                        break;
        }
        m->reading = false;
        m->paused += x->in_len > 0;
        if (x->ended)
                mask_feed(x->rpc, NULL, 0);
}

static void mask_add(struct capnp_filter_io *x, const void *b, size_t len)
{
        CHECK(x->out_room - x->out_len >= len);
        memcpy(x->out + x->out_len, b, len);
        x->out_len += len;
}

static void mask_write(void *self, struct capnp_filter_io *x)
{
        struct mask *m = self;
        struct iovec v;

        CHECK(!m->reading);
        if (!m->sent_greeting && x->out_room >= GREETING)
                mask_add(x, greeting, GREETING);
        m->sent_greeting = true;
        while (x->out_len < x->out_room && capnp_rpc_out_peek(x->rpc, &v, 1, NULL, NULL) > 0) {
                size_t room = x->out_room - x->out_len, n = v.iov_len < room ? v.iov_len : room;

                for (size_t i = 0; i < n; i++)
                        x->out[x->out_len++] = ((uint8_t *)v.iov_base)[i] ^ MASK;
                capnp_rpc_out_sent(x->rpc, n);
        }
        if (capnp_rpc_is_closed(x->rpc, NULL) && !m->sent_goodbye &&
            x->out_room - x->out_len >= 4 && capnp_rpc_out_peek(x->rpc, &v, 1, NULL, NULL) == 0) {
                mask_add(x, goodbye, 4);
                m->sent_goodbye = true;
        }
}

static bool mask_pending(const void *self)
{
        (void)self;
        return false;
}

static void mask_free(void *self)
{
        struct mask *m = self;

        ++*m->frees;
}

static const struct capnp_filter_ops mask_ops = {
        .read = mask_read, .write = mask_write, .pending = mask_pending, .free = mask_free};

/* Two connections of one vat, each with a filter: a asks, b serves. */
struct masked {
        struct site s;
        struct mask a, b;
        capnp_conn *ca, *cb;
        capnp_cap *root;
        unsigned frees;
};

static void masked_init(struct masked *w)
{
        int ends[2];

        memset(w, 0, sizeof(*w));
        site_init(&w->s);
        w->a.frees = w->b.frees = &w->frees;
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        CHECK_OK(capnp_conn_new(w->s.vat, ends[0], NULL, NULL, &w->ca));
        CHECK_OK(capnp_conn_new(w->s.vat, ends[1], NULL, w->s.root, &w->cb));
        CHECK_OK(capnp_conn_set_filter(w->ca, &mask_ops, &w->a));
        CHECK_OK(capnp_conn_set_filter(w->cb, &mask_ops, &w->b));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(w->ca), &w->root));
}

static void masked_deinit(struct masked *w)
{
        w->root = capnp_cap_unref(w->root);
        w->ca = capnp_conn_unref(w->ca);
        w->cb = capnp_conn_unref(w->cb);
        site_deinit(&w->s);
        CHECK_EQ(w->frees, 2);
}

TEST(bytes_pass_whole_and_in_order)
{
        static const uint32_t sizes[] = {0, 1, 7, 1000, 4096, 65536, 70000, 1 << 20};
        uint8_t *b = malloc(1 << 20);
        struct masked w;

        CHECK(b != NULL);
        for (unsigned i = 0; i < 1 << 20; i++)
                b[i] = (uint8_t)(i * 7 + i / 251);
        masked_init(&w);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                check_echo(w.s.vat, w.root, b, sizes[i]);
        CHECK_EQ(w.s.calls, sizeof(sizes) / sizeof(*sizes));
        masked_deinit(&w);
        free(b);
}

TEST(a_connection_has_one_filter)
{
        struct masked w;

        masked_init(&w);
        CHECK_EQ(capnp_conn_set_filter(w.ca, &mask_ops, &w.b), -EALREADY);
        masked_deinit(&w);
}

/* b stops in the middle of what one read brought, again and again: all of it is in this process,
 * and the kernel has nothing to tell. */
TEST(what_was_read_already_is_not_forgotten)
{
        capnp_question *q[MOST];
        uint8_t b[1500] = {1};
        struct masked w;

        masked_init(&w);
        w.b.stingy = true;
        check_echo(w.s.vat, w.root, "x", 1);
        for (unsigned i = 0; i < MOST; i++) {
                q[i] = ask(w.s.vat, w.root, ECHO, b, sizeof(b));
                capnp_question_send(q[i], NULL, NULL);
        }
        for (unsigned i = 0; i < MOST; i++) {
                CHECK_OK(capnp_question_wait(q[i]));
                check_heard(q[i], b, sizeof(b));
                capnp_question_free(q[i]);
        }
        CHECK_EQ(w.s.calls, MOST + 1);
        CHECK(w.b.paused > 0);
        masked_deinit(&w);
}

static void note_closed(capnp_conn *c, void *arg)
{
        (void)c;
        *(bool *)arg = true;
}

/* Both work in the same buffers; what is to go out goes with the end of the round. */
TEST(a_flush_from_inside_a_filter_waits)
{
        struct masked w;

        masked_init(&w);
        w.a.flushes = w.ca;
        w.b.flushes = w.cb;
        for (unsigned i = 0; i < 10; i++)
                check_echo(w.s.vat, w.root, &i, sizeof(i));
        masked_deinit(&w);
}

TEST(last_words_are_the_filters)
{
        bool closed = false, told = false;
        struct masked w;

        masked_init(&w);
        check_echo(w.s.vat, w.root, "x", 1);
        capnp_conn_on_close(w.ca, note_closed, &closed);
        capnp_conn_on_close(w.cb, note_closed, &told);
        capnp_conn_close(w.ca, (capnp_exception){CAPNP_DISCONNECTED, "enough"});
        run_until(w.s.vat, &closed);
        run_until(w.s.vat, &told);
        CHECK(w.a.sent_goodbye && w.b.heard_goodbye);
        masked_deinit(&w);
}

/* A peer that never reads and then goes: what is kept goes with the connection. */
TEST(a_peer_that_goes_with_output_kept)
{
        struct mask m = {.greeted = GREETING};
        bool closed = false;
        uint8_t *b = calloc(1, 1 << 20);
        capnp_cap *c;
        capnp_conn *conn;
        capnp_question *q;
        unsigned frees = 0;
        struct site s;
        int ends[2];

        CHECK(b != NULL);
        m.frees = &frees;
        site_init(&s);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        CHECK_OK(capnp_conn_new(s.vat, ends[0], NULL, NULL, &conn));
        CHECK_OK(capnp_conn_set_filter(conn, &mask_ops, &m));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(conn), &c));
        capnp_conn_on_close(conn, note_closed, &closed);
        q = ask(s.vat, c, ECHO, b, 1 << 20);
        capnp_question_send(q, NULL, NULL);
        run_for_ms(s.vat, 20);
        CHECK(!closed && m.sent_greeting);
        close(ends[1]);
        run_until(s.vat, &closed);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        capnp_question_free(q);
        c = capnp_cap_unref(c);
        conn = capnp_conn_unref(conn);
        site_deinit(&s);
        CHECK_EQ(frees, 1);
        free(b);
}

TORTURE(without_memory)
{
        unsigned frees = 0;
        struct mask m = {.frees = &frees}; /* outlives the vat */
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *conn = NULL;
        int ends[2], r;

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        close(ends[1]);
        r = capnp_vat_new(&v);
        if (r)
                close(ends[0]);
        TORTURE_OK(r);
        TORTURE_OK(capnp_conn_new(v, ends[0], NULL, NULL, &conn));
        r = capnp_conn_set_filter(conn, &mask_ops, &m);
        if (r)
                CHECK_EQ(frees, 0);
        TORTURE_OK(r);
        run_for_ms(v, 3);
}
