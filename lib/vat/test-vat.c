/* Calls over real sockets: both styles, both families, large, cut, slow, and in a foreign loop. */
#include "test-vat.h"

#include <stdio.h>

static void serve_and_call(const char *addr)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, addr, NULL, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, addr, NULL, &c));
        for (unsigned i = 0; i < 100; i++)
                check_echo(s.vat, c, &i, sizeof(i));
        CHECK_EQ(s.calls, 100);
        c = capnp_cap_unref(c);
        site_deinit(&s);
}

TEST(calls_over_unix)
{
        char folder[] = "/tmp/test-vat-XXXXXX", addr[64];

        CHECK(mkdtemp(folder));
        snprintf(addr, sizeof(addr), "unix:%s/s", folder);
        serve_and_call(addr);
        /* The listener has removed its file. */
        CHECK_OK(rmdir(folder));
}

TEST(calls_over_abstract_unix)
{
        serve_and_call(own_address());
}

/* An object for each connection, of which the first two are served, and who they are of. */
struct offers {
        capnp_vat *vat;
        struct site sites[2];
        struct capnp_peer peers[3];
        unsigned n;
};

static capnp_cap *offers_make(void *self, const struct capnp_peer *peer)
{
        struct offers *o = self;
        unsigned i = o->n++;
        capnp_cap *c = NULL;

        CHECK(i < 3);
        o->peers[i] = *peer;
        if (i < 2)
                CHECK_OK(capnp_cap_new_dispatch(o->vat, site_call, site_gone, &o->sites[i], &c));
        return c;
}

TEST(an_object_for_each_connection)
{
        struct offers o = {.n = 0};
        capnp_cap *c[3];

        CHECK_OK(capnp_vat_new(&o.vat));
        CHECK_OK(capnp_vat_listen_each(o.vat, own_address(), NULL, offers_make, &o));
        CHECK_EQ(capnp_vat_listen_each(o.vat, own_address(), NULL, offers_make, &o), -EADDRINUSE);
        for (unsigned i = 0; i < 3; i++)
                CHECK_OK(capnp_vat_connect(o.vat, own_address(), NULL, &c[i]));
        for (unsigned i = 0; i < 2; i++)
                check_echo(o.vat, c[i], "mine", 4);
        for (unsigned i = 0; i < 2; i++)
                CHECK_EQ(o.sites[i].calls, 1);
        while (!capnp_cap_is_broken(c[2], NULL))
                CHECK_OK(capnp_vat_process(o.vat));
        for (unsigned i = 0; i < 3; i++) {
                CHECK(o.peers[i].known);
                CHECK_EQ(o.peers[i].pid, getpid());
                CHECK_EQ(o.peers[i].uid, geteuid());
                CHECK_EQ(o.peers[i].gid, getegid());
        }
        capnp_cap_unref(c[0]); /* and with it the connection, and its object */
        while (!o.sites[0].gone)
                CHECK_OK(capnp_vat_process(o.vat));
        CHECK_EQ(o.sites[1].gone, 0);
        capnp_cap_unref(c[1]);
        capnp_cap_unref(c[2]);
        capnp_vat_free(o.vat);
        CHECK_EQ(o.sites[1].gone, 1);
}

/* Where nobody says who connects, it is served all the same, if the program wants that. */
TEST(an_object_for_each_connection_over_tcp)
{
        struct offers o = {.n = 0};
        capnp_cap *c = NULL;
        char addr[40];
        int r = -EADDRINUSE;

        CHECK_OK(capnp_vat_new(&o.vat));
        for (unsigned port = 20000 + (unsigned)getpid() % 20000; r == -EADDRINUSE; port++) {
                snprintf(addr, sizeof(addr), "127.0.0.1:%u", port);
                r = capnp_vat_listen_each(o.vat, addr, NULL, offers_make, &o);
        }
        CHECK_OK(r);
        CHECK_OK(capnp_vat_connect(o.vat, addr, NULL, &c));
        check_echo(o.vat, c, "mine", 4);
        CHECK_EQ(o.n, 1);
        CHECK(!o.peers[0].known);
        CHECK_EQ(o.peers[0].pid, 0);
        CHECK_EQ(o.peers[0].uid + o.peers[0].gid, 0);
        capnp_cap_unref(c);
        capnp_vat_free(o.vat);
}

struct listening {
        unsigned accepted;
        capnp_vat *vat;
        capnp_cap *root;
        capnp_conn *conn;
        bool closed;
};

static void on_closed(capnp_conn *c, void *arg)
{
        struct listening *l = arg;

        CHECK(c == l->conn);
        l->closed = true;
}

static void on_accept(void *self, int fd)
{
        struct listening *l = self;

        l->accepted++;
        CHECK_OK(capnp_conn_new(l->vat, fd, NULL, l->root, &l->conn));
        capnp_conn_on_close(l->conn, on_closed, l);
}

static const struct capnp_listener_ops listening_ops = {.accept = on_accept};

TEST(calls_over_tcp_with_a_listener_of_our_own)
{
        struct listening l = {0};
        capnp_listener *listener;
        capnp_cap *c;
        struct site s;

        site_init(&s);
        l.vat = s.vat;
        l.root = s.root;
        CHECK_OK(capnp_listener_new(s.vat, "127.0.0.1:0", &listening_ops, &l, &listener));
        CHECK(!strncmp(capnp_listener_address(listener), "127.0.0.1:", 10));
        CHECK_OK(capnp_vat_connect(s.vat, capnp_listener_address(listener), NULL, &c));
        check_echo(s.vat, c, "tcp", 3);
        CHECK_EQ(l.accepted, 1);
        CHECK(!l.closed);
        /* The last reference goes, then the connection: nobody else uses it. */
        capnp_cap_unref(c);
        run_until(s.vat, &l.closed);
        CHECK(capnp_rpc_is_closed(capnp_conn_rpc(l.conn), NULL));
        capnp_conn_unref(l.conn);
        capnp_listener_free(listener);
        site_deinit(&s);
}

static void on_done(capnp_question *q, int r, void *arg)
{
        unsigned *left = arg;

        CHECK_OK(r);
        check_heard(q, "callback", 8);
        capnp_question_free(q);
        --*left;
}

static void on_done_stop(capnp_question *q, int r, void *arg)
{
        CHECK_OK(r);
        capnp_question_free(q);
        capnp_vat_stop(arg);
}

TEST(calls_in_callback_style)
{
        unsigned left = 500;
        capnp_cap *c;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &c));
        for (unsigned i = 0; i < 500; i++)
                capnp_question_send(ask(s.vat, c, ECHO, "callback", 8), on_done, &left);
        capnp_question_send(ask(s.vat, c, ECHO, NULL, 0), on_done_stop, s.vat);
        CHECK_OK(capnp_vat_run(s.vat));
        CHECK_EQ(left, 0);
        capnp_cap_unref(c);
        site_deinit(&s);
}

enum { LARGE = 10 * 1024 * 1024 };

static void call_large(const char *addr)
{
        struct capnp_limits l = {.out_bytes = 64 << 20, .held_bytes = 64 << 20};
        uint8_t *b = malloc(LARGE);
        capnp_listener *listener = NULL;
        capnp_cap *c;
        struct site s;

        CHECK(b);
        for (unsigned i = 0; i < LARGE; i++)
                b[i] = (uint8_t)(i * 31 + i / 4096);
        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, addr, &l, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, addr, &l, &c));
        check_echo(s.vat, c, b, LARGE);
        check_echo(s.vat, c, b, LARGE / 2);
        capnp_cap_unref(c);
        capnp_listener_free(listener);
        site_deinit(&s);
        free(b);
}

TEST(large_messages_over_unix)
{
        call_large(own_address());
}

/* Some port that is free a moment later. */
static const char *free_tcp_address(void)
{
        static char text[64];
        static const struct capnp_listener_ops none = {.accept = on_accept};
        capnp_listener *l;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_listener_new(v, "127.0.0.1:0", &none, NULL, &l));
        snprintf(text, sizeof(text), "%s", capnp_listener_address(l));
        capnp_listener_free(l);
        capnp_vat_free(v);
        return text;
}

TEST(large_messages_over_tcp)
{
        call_large(free_tcp_address());
}

/* ---- two vats and a wire that the test controls -------------------------------------------- */

struct wire {
        struct site server;
        capnp_vat *client;
        capnp_conn *near, *far;
        capnp_cap *root;
        int near_fd, far_fd; /* the test's ends */
        char held[4096];     /* read from near, not yet taken by far */
        size_t nheld;
};

static void wire_init(struct wire *w, const struct capnp_limits *l)
{
        int a[2], b[2];

        memset(w, 0, sizeof(*w));
        site_init(&w->server);
        CHECK_OK(capnp_vat_new(&w->client));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, a));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, b));
        /* All that the test queues at once is less than what would stop the client from reading. */
        CHECK_OK(capnp_conn_new(w->client, a[0], &(struct capnp_limits){.out_bytes = 64 << 20},
                                NULL, &w->near));
        CHECK_OK(capnp_conn_new(w->server.vat, b[0], l, w->server.root, &w->far));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(w->near), &w->root));
        w->near_fd = a[1];
        w->far_fd = b[1];
}

static void wire_deinit(struct wire *w)
{
        capnp_cap_unref(w->root);
        capnp_conn_unref(w->near);
        capnp_conn_unref(w->far);
        capnp_vat_free(w->client);
        site_deinit(&w->server);
        close(w->near_fd);
        close(w->far_fd);
}

/* Moves at most len bytes toward the server; what it does not take is kept. */
static void wire_forth(struct wire *w, size_t len)
{
        ssize_t n;

        if (w->nheld == 0) {
                n = read(w->near_fd, w->held, len);
                w->nheld = n > 0 ? (size_t)n : 0;
        }
        n = send(w->far_fd, w->held, w->nheld, MSG_NOSIGNAL);
        if (n > 0) {
                w->nheld -= (size_t)n;
                memmove(w->held, w->held + n, w->nheld);
        }
}

/* Moves len bytes toward the client, which always has room for what it reads. */
static void wire_back(struct wire *w, size_t len)
{
        char b[4096];
        ssize_t n = read(w->far_fd, b, len);

        if (n > 0)
                CHECK_EQ(send(w->near_fd, b, (size_t)n, MSG_NOSIGNAL), n);
}

static void wire_round(struct wire *w, size_t len, bool back)
{
        CHECK_OK(capnp_vat_process(w->client));
        wire_forth(w, len);
        CHECK_OK(capnp_vat_process(w->server.vat));
        if (back)
                wire_back(w, len);
}

static void on_count(capnp_question *q, int r, void *arg)
{
        CHECK_OK(r);
        capnp_question_free(q);
        ++*(unsigned *)arg;
}

TEST(frames_cut_every_143_bytes)
{
        static uint8_t block[10000];
        unsigned done = 0;
        struct wire w;

        for (unsigned i = 0; i < sizeof(block); i++)
                block[i] = (uint8_t)(i * 7);
        wire_init(&w, NULL);
        for (unsigned i = 0; i < 50; i++)
                capnp_question_send(ask(w.client, w.root, ECHO, block, i * 200), on_count, &done);
        for (unsigned i = 0; i < 100000 && done < 50; i++)
                wire_round(&w, 143, true);
        CHECK_EQ(done, 50);
        wire_deinit(&w);
}

enum { OUT_LIMIT = 64 * 1024, SLOW_CALLS = 2000 };

TEST(slow_reader_is_not_read_from)
{
        struct capnp_limits l = {.out_bytes = OUT_LIMIT};
        static uint8_t block[4000];
        struct capnp_rpc_counts n;
        unsigned done = 0, calls;
        struct wire w;

        wire_init(&w, &l);
        for (unsigned i = 0; i < SLOW_CALLS; i++)
                capnp_question_send(ask(w.client, w.root, ECHO, block, sizeof(block)), on_count,
                                    &done);
        for (unsigned i = 0; i < 10000; i++)
                wire_round(&w, 4096, false);
        capnp_rpc_count(capnp_conn_rpc(w.far), &n);
        /* Over the limit by no more than one round of reading brings. */
        CHECK(n.out_bytes >= OUT_LIMIT);
        CHECK(n.out_bytes <= OUT_LIMIT + 2 * 256 * 1024);
        calls = w.server.calls;
        CHECK(calls < SLOW_CALLS / 2);
        CHECK_EQ(done, 0);
        /* And it does not spin while it waits. */
        CHECK_EQ(capnp_vat_timeout_ms(w.server.vat), -1);
        CHECK_EQ(poll(&(struct pollfd){.fd = capnp_vat_fd(w.server.vat), .events = POLLIN}, 1, 0),
                 0);
        for (unsigned i = 0; i < 100000 && done < SLOW_CALLS; i++)
                wire_round(&w, 4096, true);
        CHECK_EQ(done, SLOW_CALLS);
        wire_deinit(&w);
}

/* ---- other loops, descriptors -------------------------------------------------------------- */

TEST(embeds_in_a_foreign_loop)
{
        struct pollfd p[2];
        unsigned done = 0;
        struct site s;
        capnp_vat *v;
        capnp_cap *c;

        site_init(&s);
        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_OK(capnp_vat_connect(v, own_address(), NULL, &c));
        for (unsigned i = 0; i < 100; i++)
                capnp_question_send(ask(v, c, ECHO, "x", 1), on_count, &done);
        for (unsigned i = 0; i < 1000 && done < 100; i++) {
                int a_ms = capnp_vat_timeout_ms(s.vat), b_ms = capnp_vat_timeout_ms(v);

                p[0] = (struct pollfd){.fd = capnp_vat_fd(s.vat), .events = POLLIN};
                p[1] = (struct pollfd){.fd = capnp_vat_fd(v), .events = POLLIN};
                /* Without anything to do in either, poll must find a descriptor ready. */
                CHECK(poll(p, 2, a_ms == 0 || b_ms == 0 ? 0 : 5000) > 0 || a_ms == 0 || b_ms == 0);
                CHECK_OK(capnp_vat_process(s.vat));
                CHECK_OK(capnp_vat_process(v));
        }
        CHECK_EQ(done, 100);
        capnp_cap_unref(c);
        capnp_vat_free(v);
        site_deinit(&s);
}

TEST(descriptors_cross_a_unix_socket)
{
        struct capnp_limits l = {.fds = 4};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        static const uint16_t path[] = {0};
        capnp_cap *c, *file;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), &l, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, own_address(), &l, &c));
        q = ask(s.vat, c, OPEN_FILE, NULL, 0);
        CHECK_OK(capnp_question_wait(q));
        file = capnp_question_cap_peek(q, path, 1);
        CHECK(capnp_cap_fd_peek(file) >= 0);
        CHECK_EQ(write(capnp_cap_fd_peek(file), "x", 1), 1);
        CHECK(fcntl(capnp_cap_fd_peek(file), F_GETFD) & FD_CLOEXEC);
        q = capnp_question_free(q);
        check_echo(s.vat, c, "after", 5);
        capnp_cap_unref(c);
        site_deinit(&s);
}

TEST(descriptors_stay_out_unless_asked_for)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        static const uint16_t path[] = {0};
        capnp_cap *c;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), &(struct capnp_limits){.fds = 4}, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &c));
        q = ask(s.vat, c, OPEN_FILE, NULL, 0);
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(capnp_cap_fd_peek(capnp_question_cap_peek(q, path, 1)), -1);
        q = capnp_question_free(q);
        capnp_cap_unref(c);
        site_deinit(&s);
}

TEST(trace_prints_every_message)
{
        static char text[65536];
        capnp_cap *c;
        struct site s;
        int p[2], own = fcntl(2, F_DUPFD_CLOEXEC, 10);
        ssize_t n;

        CHECK_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
        CHECK_EQ(dup2(p[1], 2), 2);
        CHECK_OK(setenv("CAPNP_TRACE", "1", 1));
        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &c));
        check_echo(s.vat, c, "trace", 5);
        capnp_cap_unref(c);
        site_deinit(&s);
        CHECK_EQ(dup2(own, 2), 2);
        n = read(p[0], text, sizeof(text) - 1);
        CHECK(n > 0);
        text[n] = '\0';
        printf("%s", text);
        CHECK(strstr(text, "capnp 1 -> bootstrap 0"));
        CHECK(strstr(text, "capnp 2 <- bootstrap 0"));
        CHECK(strstr(text, "@0x000000000000517e method 0"));
        CHECK(strstr(text, "capnp 1 <- return 1: results"));
        close(p[0]);
        close(p[1]);
        close(own);
}
