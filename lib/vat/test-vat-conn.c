/* How connections end: refused, dropped, broken, unused; and what is left after. */
#include "test-vat.h"

#include "io-loop.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>

/* ---- connecting in vain ------------------------------------------------------------------- */

static void call_in_vain(const char *addr, const char *reason)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_vat_connect(v, addr, NULL, &c));
        q = ask(v, c, ECHO, "x", 1);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_DISCONNECTED);
        printf("%s\n", capnp_question_exception(q).reason);
        CHECK(strstr(capnp_question_exception(q).reason, addr));
        CHECK(strstr(capnp_question_exception(q).reason, reason));
}

TEST(connect_refused_breaks_the_reference)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t len = sizeof(in);
        char addr[64];
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* Bound, not listening: nobody else gets the port, everybody is refused. */
        CHECK_OK(bind(s, (struct sockaddr *)&in, sizeof(in)));
        CHECK_OK(getsockname(s, (struct sockaddr *)&in, &len));
        snprintf(addr, sizeof(addr), "127.0.0.1:%u", ntohs(in.sin_port));
        call_in_vain(addr, "refused");
        close(s);
        call_in_vain("unix:/tmp/no/such/socket", "No such file");
        call_in_vain(own_address(), "refused");
}

TEST(connect_to_no_address_is_an_error)
{
        capnp_cap *c = NULL;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_EQ(capnp_vat_connect(v, "nonsense", NULL, &c), CAPNP_E_ADDRESS);
        CHECK_EQ(capnp_vat_connect(v, "*:80", NULL, &c), CAPNP_E_ADDRESS);
        CHECK_EQ(capnp_vat_listen(v, "[::1", NULL, NULL), CAPNP_E_ADDRESS);
        CHECK(!c);
        capnp_vat_free(v);
}

TEST(listen_twice_is_in_use)
{
        capnp_listener *l = NULL;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_EQ(capnp_vat_listen(s.vat, own_address(), NULL, s.root), -EADDRINUSE);
        CHECK_EQ(capnp_listener_new(s.vat, own_address(), NULL, NULL, &l), -EADDRINUSE);
        CHECK(!l);
        site_deinit(&s);
}

static void on_drain(void *arg, int fd)
{
        (void)arg;
        close(fd);
}

static void on_timer_accept(void *arg)
{
        const int *listener = arg;
        int fd;

        while ((fd = accept4(*listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                on_drain(NULL, fd);
}

/* A Unix listener whose queue is full: connecting is tried again until there is room. */
TEST(connect_waits_for_a_full_unix_listener)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        const char *name = own_address() + strlen("unix-abstract:");
        int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), n = 0, fds[8];
        capnp_question *q;
        socklen_t len;
        capnp_cap *c;
        capnp_vat *v;

        memcpy(un.sun_path + 1, name, strlen(name));
        len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        CHECK_OK(bind(l, (struct sockaddr *)&un, len));
        CHECK_OK(listen(l, 0));
        do
                fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        while (connect(fds[n], (struct sockaddr *)&un, len) == 0 && ++n < 7);
        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_vat_connect(v, own_address(), NULL, &c));
        q = ask(v, c, ECHO, "x", 1);
        CHECK_OK(capnp_timer_new(v, 60, on_timer_accept, &l, NULL));
        CHECK_OK(capnp_timer_new(v, 200, on_timer_accept, &l, NULL));
        /* It got through, and was hung up on: no mention of connecting. */
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        CHECK(!strstr(capnp_question_exception(q).reason, "connect to"));
        capnp_question_free(q);
        capnp_cap_unref(c);
        capnp_vat_free(v);
        for (; n >= 0; n--)
                close(fds[n]);
        close(l);
}

/* ---- names with several addresses ---------------------------------------------------------- */

static void meet_by_name(const char *listen, const char *const *connect)
{
        static const struct capnp_listener_ops ops = {.accept = on_drain};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        capnp_listener *l;
        const char *port;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_listener_new(v, listen, &ops, NULL, &l));
        port = strrchr(capnp_listener_address(l), ':');
        for (; *connect; connect++) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
                char addr[64];

                snprintf(addr, sizeof(addr), "%s%s", *connect, port);
                CHECK_OK(capnp_vat_connect(v, addr, NULL, &c));
                q = ask(v, c, ECHO, "x", 1);
                /* It was accepted, and hung up on. */
                CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
                CHECK(!strstr(capnp_question_exception(q).reason, "connect to"));
        }
        capnp_listener_free(l);
}

TEST(every_address_of_a_name_is_served_and_tried)
{
        meet_by_name("*:0", (const char *const[]){"127.0.0.1", NULL});
        meet_by_name("127.0.0.1:0", (const char *const[]){"127.0.0.1", "localhost", NULL});
        meet_by_name("localhost:0", (const char *const[]){"localhost", "127.0.0.1", NULL});
}

/* ---- ends --------------------------------------------------------------------------------- */

struct ends {
        struct site site;
        capnp_conn *near, *far;
        capnp_cap *root;
        bool near_closed, far_closed;
        unsigned told;
};

static void on_near_closed(capnp_conn *c, void *arg)
{
        struct ends *e = arg;
        struct capnp_rpc_counts n;

        CHECK(c == e->near);
        capnp_rpc_count(capnp_conn_rpc(c), &n);
        CHECK_EQ(n.questions + n.answers + n.exports + n.imports + n.embargoes, 0);
        e->near_closed = true;
        e->told++;
        e->near = capnp_conn_unref(e->near);
}

static void on_far_closed(capnp_conn *c, void *arg)
{
        struct ends *e = arg;

        CHECK(c == e->far);
        e->far_closed = true;
        e->told++;
}

/* Both ends in one vat, over a socketpair. */
static void ends_init(struct ends *e)
{
        int p[2];

        memset(e, 0, sizeof(*e));
        site_init(&e->site);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p));
        CHECK_OK(capnp_conn_new(e->site.vat, p[0], NULL, NULL, &e->near));
        CHECK_OK(capnp_conn_new(e->site.vat, p[1], NULL, e->site.root, &e->far));
        capnp_conn_on_close(e->near, on_near_closed, e);
        capnp_conn_on_close(e->far, on_far_closed, e);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(e->near), &e->root));
}

static void ends_deinit(struct ends *e)
{
        capnp_cap_unref(e->root);
        capnp_conn_unref(e->near);
        capnp_conn_unref(e->far);
        site_deinit(&e->site);
}

TEST(disconnect_fails_open_calls)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct ends e;

        ends_init(&e);
        q = ask(e.site.vat, e.root, KEEP, NULL, 0);
        capnp_question_send(q, NULL, NULL);
        check_echo(e.site.vat, e.root, "x", 1);
        CHECK(e.site.kept);
        capnp_conn_close(e.far, (capnp_exception){CAPNP_DISCONNECTED, "enough"});
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        run_until(e.site.vat, &e.near_closed);
        run_until(e.site.vat, &e.far_closed);
        CHECK_EQ(e.site.canceled, 1);
        CHECK_EQ(e.told, 2);
        q = capnp_question_free(q);
        q = ask(e.site.vat, e.root, ECHO, "x", 1);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        ends_deinit(&e);
        CHECK_EQ(e.told, 2);
}

TEST(abort_reaches_the_peer)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct ends e;

        ends_init(&e);
        q = ask(e.site.vat, e.root, KEEP, NULL, 0);
        capnp_question_send(q, NULL, NULL);
        check_echo(e.site.vat, e.root, "x", 1);
        capnp_conn_close(e.far, (capnp_exception){CAPNP_FAILED, "out of patience"});
        CHECK(capnp_question_wait(q) > 0);
        printf("%s\n", capnp_question_exception(q).reason);
        CHECK(strstr(capnp_question_exception(q).reason, "out of patience"));
        run_until(e.site.vat, &e.near_closed);
        ends_deinit(&e);
}

TEST(connection_that_nobody_uses_ends)
{
        struct ends e;

        ends_init(&e);
        check_echo(e.site.vat, e.root, "x", 1);
        e.root = capnp_cap_unref(e.root);
        run_for_ms(e.site.vat, 20);
        /* Still held. */
        CHECK_EQ(e.told, 0);
        capnp_conn_unref(e.near);
        run_until(e.site.vat, &e.near_closed);
        run_until(e.site.vat, &e.far_closed);
        ends_deinit(&e);
}

TEST(connection_is_told_of_its_end_even_late)
{
        struct ends e;

        ends_init(&e);
        capnp_conn_on_close(e.far, NULL, NULL);
        capnp_conn_close(e.near, (capnp_exception){CAPNP_DISCONNECTED, "bye"});
        run_until(e.site.vat, &e.near_closed);
        run_for_ms(e.site.vat, 20);
        CHECK(!e.far_closed);
        capnp_conn_on_close(e.far, on_far_closed, &e);
        run_until(e.site.vat, &e.far_closed);
        ends_deinit(&e);
}

TEST(connection_made_by_connecting_tells_its_end)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        capnp_listener *l;
        struct ends e;
        static const struct capnp_listener_ops ops = {.accept = on_drain};

        memset(&e, 0, sizeof(e));
        site_init(&e.site);
        CHECK_OK(capnp_listener_new(e.site.vat, own_address(), &ops, NULL, &l));
        CHECK_OK(capnp_conn_connect(e.site.vat, own_address(), NULL, NULL, &e.near));
        capnp_conn_on_close(e.near, on_near_closed, &e);
        CHECK(!e.near_closed);
        run_until(e.site.vat, &e.near_closed);
        capnp_listener_free(l);

        /* Refused: told in the same way. */
        e.near_closed = false;
        CHECK_OK(capnp_conn_connect(e.site.vat, own_address(), NULL, NULL, &e.near));
        capnp_conn_on_close(e.near, on_near_closed, &e);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(e.near), &root));
        run_until(e.site.vat, &e.near_closed);
        CHECK(capnp_cap_is_broken(root, NULL));
        ends_deinit(&e);
}

TEST(what_is_flushed_leaves_before_the_round_ends)
{
        struct pollfd p = {.events = POLLIN};
        capnp_question *q;
        capnp_cap *root;
        struct site s;
        capnp_conn *c;
        int ends[2];

        site_init(&s);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        CHECK_OK(capnp_conn_new(s.vat, ends[0], NULL, NULL, &c));
        p.fd = ends[1];
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(c), &root));
        q = ask(s.vat, root, ECHO, "x", 1);
        capnp_question_send(q, NULL, NULL);
        CHECK_EQ(poll(&p, 1, 0), 0);
        capnp_conn_flush(c);
        CHECK_EQ(poll(&p, 1, 0), 1);
        /* Nothing is queued, and nothing is open: both are fine. */
        capnp_conn_flush(c);
        capnp_conn_close(c, (capnp_exception){CAPNP_DISCONNECTED, "over"});
        capnp_conn_flush(c);
        CHECK_EQ(capnp_rpc_end(capnp_conn_rpc(c)), CAPNP_END_OURS);
        capnp_question_free(q);
        capnp_cap_unref(root);
        capnp_conn_unref(c);
        close(ends[1]);
        site_deinit(&s);
}

TEST(vat_freed_first_ends_everything)
{
        capnp_listener *l;
        struct ends e;
        static const struct capnp_listener_ops ops = {.accept = on_drain};

        ends_init(&e);
        check_echo(e.site.vat, e.root, "x", 1);
        CHECK_OK(capnp_listener_new(e.site.vat, own_address(), &ops, NULL, &l));
        e.site.root = capnp_cap_unref(e.site.root);
        e.site.vat = capnp_vat_free(e.site.vat);
        CHECK_EQ(e.site.gone, 1);
        CHECK_EQ(e.told, 2);
        CHECK(!e.near);
        CHECK(!capnp_conn_rpc(e.far));
        capnp_conn_close(e.far, (capnp_exception){CAPNP_FAILED, "too late"});
        capnp_conn_unref(e.far);
        capnp_listener_free(l);
        CHECK(capnp_cap_is_broken(e.root, NULL));
        capnp_cap_unref(e.root);
}

TEST(not_a_socket_is_refused_and_closed)
{
        capnp_conn *c = NULL;
        capnp_vat *v;
        int p[2];

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(pipe2(p, O_CLOEXEC));
        CHECK_EQ(capnp_conn_new(v, p[0], NULL, NULL, &c), -ENOTSOCK);
        CHECK_EQ(fcntl(p[0], F_GETFD), -1);
        CHECK(!c);
        close(p[1]);
        capnp_vat_free(v);
}

TEST(what_was_sent_before_the_vat_is_freed_arrives)
{
        capnp_vat *client;
        capnp_cap *c;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_new(&client));
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_OK(capnp_vat_connect(client, own_address(), NULL, &c));
        capnp_question_detach(ask(client, c, ECHO, "x", 1));
        capnp_cap_unref(c);
        capnp_vat_free(client);
        run_for_ms(s.vat, 20);
        CHECK_EQ(s.calls, 1);
        site_deinit(&s);
}

/* ---- peers of bytes ----------------------------------------------------------------------- */

struct raw {
        struct site site;
        capnp_conn *conn;
        bool closed;
        int fd;
};

static void on_raw_closed(capnp_conn *c, void *arg)
{
        (void)c;
        *(bool *)arg = true;
}

static void raw_init(struct raw *w, const struct capnp_limits *l)
{
        int p[2];

        memset(w, 0, sizeof(*w));
        site_init(&w->site);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p));
        CHECK_OK(capnp_conn_new(w->site.vat, p[1], l, w->site.root, &w->conn));
        capnp_conn_on_close(w->conn, on_raw_closed, &w->closed);
        w->fd = p[0];
}

static void raw_deinit(struct raw *w)
{
        if (w->fd >= 0)
                close(w->fd);
        capnp_conn_unref(w->conn);
        site_deinit(&w->site);
}

static void on_raw_accept(void *self, int fd)
{
        struct raw *w = self;

        CHECK_OK(capnp_conn_new(w->site.vat, fd, NULL, w->site.root, &w->conn));
        capnp_conn_on_close(w->conn, on_raw_closed, &w->closed);
}

TEST(garbage_is_answered_by_an_abort_and_the_end)
{
        struct raw w;
        char b[4096];

        raw_init(&w, NULL);
        memset(b, 0xff, sizeof(b));
        CHECK_EQ(write(w.fd, b, sizeof(b)), (ssize_t)sizeof(b));
        while (!capnp_rpc_is_closed(capnp_conn_rpc(w.conn), NULL))
                run_for_ms(w.site.vat, 1);
        /* The abort, then the end of that side; ours is still awaited. */
        CHECK(read(w.fd, b, sizeof(b)) > 16);
        CHECK_EQ(read(w.fd, b, sizeof(b)), 0);
        CHECK(!w.closed);
        close(w.fd);
        w.fd = -1;
        run_until(w.site.vat, &w.closed);
        raw_deinit(&w);
}

/* Reads what comes, sooner or later: its length, 0 at the end. */
static ssize_t read_at_last(capnp_vat *v, int fd, char *b, size_t size)
{
        ssize_t n;

        while ((n = read(fd, b, size)) < 0 && errno == EAGAIN)
                run_for_ms(v, 1);
        return n;
}

/* Closing a TCP socket that has unread input resets it, and resets overtake what was sent. */
TEST(abort_arrives_over_tcp_in_spite_of_unread_input)
{
        static const struct capnp_listener_ops ops = {.accept = on_raw_accept};
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        static char b[600 * 1024];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct raw w = {.fd = fd};
        capnp_listener *l;
        ssize_t sent = 0, n = 1;

        site_init(&w.site);
        CHECK_OK(capnp_listener_new(w.site.vat, "127.0.0.1:0", &ops, &w, &l));
        in.sin_port = htons((uint16_t)strtoul(capnp_listener_address(l) + 10, NULL, 10));
        CHECK_OK(connect(fd, (struct sockaddr *)&in, sizeof(in)));
        CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
        memset(b, 0xff, sizeof(b));
        while (n > 0 && sent < (ssize_t)sizeof(b)) {
                n = send(fd, b + sent, sizeof(b) - (size_t)sent, MSG_NOSIGNAL);
                sent += n > 0 ? n : 0;
        }
        CHECK(read_at_last(w.site.vat, fd, b, sizeof(b)) > 16);
        CHECK_EQ(read_at_last(w.site.vat, fd, b, sizeof(b)), 0);
        close(fd);
        w.fd = -1;
        run_until(w.site.vat, &w.closed);
        capnp_listener_free(l);
        raw_deinit(&w);
}

TEST(peer_that_does_not_hang_up_is_waited_for_one_second)
{
        uint64_t begun_ms = capos_io_now_ms();
        struct raw w;
        char b[64] = {0};

        raw_init(&w, NULL);
        memset(b, 0xff, sizeof(b));
        CHECK_EQ(write(w.fd, b, sizeof(b)), (ssize_t)sizeof(b));
        run_for_ms(w.site.vat, 300);
        /* What it goes on sending is thrown away. */
        CHECK(w.closed || send(w.fd, b, sizeof(b), MSG_NOSIGNAL) == (ssize_t)sizeof(b));
        run_until(w.site.vat, &w.closed);
        CHECK(capos_io_now_ms() - begun_ms >= 1000);
        CHECK_EQ(send(w.fd, b, 1, MSG_NOSIGNAL), -1);
        raw_deinit(&w);
}

/* A Bootstrap message with question 0. */
static const uint64_t bootstrap[] = {
        0x0000000500000000, /* one segment of 5 words */
        0x0001000100000000, /* root: struct, 1 word, 1 pointer */
        8,                  /* Message: bootstrap */
        0x0001000100000000, /* its struct */
        0,
        0,
};

TEST(half_closed_peer_gets_what_was_asked_before)
{
        struct raw w;
        char b[4096];

        raw_init(&w, NULL);
        CHECK_EQ(write(w.fd, bootstrap, sizeof(bootstrap)), (ssize_t)sizeof(bootstrap));
        CHECK_OK(shutdown(w.fd, SHUT_WR));
        run_until(w.site.vat, &w.closed);
        CHECK(read(w.fd, b, sizeof(b)) > 16);
        CHECK_EQ(read(w.fd, b, sizeof(b)), 0);
        raw_deinit(&w);
}

static void on_end_look(capnp_conn *c, void *arg)
{
        int *fd = arg;

        (void)c;
        CHECK_EQ(poll(&(struct pollfd){.fd = *fd, .events = POLLIN}, 1, 0), 1);
        *fd = -1;
}

/* When a connection is ended: while nothing happens, before something is written to it, or within
 * the round that writes to it and has read from it. */
enum ending { ENDS_IDLE, ENDS_BEFORE_WRITE, ENDS_IN_ROUND };

struct ending_now {
        capnp_conn *c;
        int end, word;
        capnp_cap *late;
};

/* Whoever ends a connection says why on another one before. */
static void ends_now(void *arg)
{
        struct ending_now *e = arg;

        CHECK_EQ(write(e->word, bootstrap, sizeof(bootstrap)), (ssize_t)sizeof(bootstrap));
        close(e->end);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(e->c), &e->late));
}

/* What comes last is told of first. */
static void end_with_a_word(enum ending how)
{
        int end[2], word[2], fd;
        capnp_cap *root, *late = NULL;
        capnp_conn *c, *other;
        struct site s;
        struct ending_now e;

        site_init(&s);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, end));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, word));
        CHECK_OK(capnp_conn_new(s.vat, end[0], NULL, NULL, &c));
        CHECK_OK(capnp_conn_new(s.vat, word[0], NULL, s.root, &other));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(c), &root));
        run_for_ms(s.vat, 1);
        fd = word[1];
        capnp_conn_on_close(c, on_end_look, &fd);

        e = (struct ending_now){.c = c, .end = end[1], .word = word[1]};
        if (how == ENDS_IN_ROUND) {
                CHECK_EQ(write(end[1], bootstrap, sizeof(bootstrap)), (ssize_t)sizeof(bootstrap));
                CHECK_OK(capnp_timer_new(s.vat, 0, ends_now, &e, NULL));
        } else {
                if (how == ENDS_BEFORE_WRITE)
                        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(c), &late));
                close(end[1]);
                CHECK_EQ(write(word[1], bootstrap, sizeof(bootstrap)), (ssize_t)sizeof(bootstrap));
        }
        while (fd >= 0)
                CHECK_OK(capnp_vat_process(s.vat));

        capnp_cap_unref(late);
        capnp_cap_unref(e.late);
        capnp_cap_unref(root);
        capnp_conn_unref(c);
        capnp_conn_unref(other);
        close(word[1]);
        site_deinit(&s);
}

TEST(what_was_said_before_an_end_is_read_before_it_counts)
{
        end_with_a_word(ENDS_IDLE);
        end_with_a_word(ENDS_BEFORE_WRITE);
        end_with_a_word(ENDS_IN_ROUND);
}

TEST(peer_that_is_gone_before_the_answer)
{
        struct raw w;

        raw_init(&w, NULL);
        for (unsigned i = 0; i < 50; i++)
                CHECK_EQ(write(w.fd, bootstrap, sizeof(bootstrap)), (ssize_t)sizeof(bootstrap));
        close(w.fd);
        w.fd = -1;
        run_until(w.site.vat, &w.closed);
        raw_deinit(&w);
}

/* Nothing is read while too much is queued, and yet the end is noticed. */
TEST(peer_that_goes_while_it_is_not_read_from)
{
        struct capnp_limits l = {.out_bytes = 1};
        struct capnp_rpc_counts n;
        struct raw w;
        int small = 4096;

        raw_init(&w, &l);
        (void)setsockopt(w.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t b[6];

                memcpy(b, bootstrap, sizeof(b));
                b[4] = i;
                if (send(w.fd, b, sizeof(b), MSG_NOSIGNAL) != (ssize_t)sizeof(b))
                        break;
                CHECK_OK(capnp_vat_process(w.site.vat));
                capnp_rpc_count(capnp_conn_rpc(w.conn), &n);
                if (n.out_bytes > 0)
                        break;
        }
        CHECK(n.out_bytes > 0);
        CHECK(!capnp_rpc_wants_input(capnp_conn_rpc(w.conn)));
        CHECK(!w.closed);
        close(w.fd);
        w.fd = -1;
        run_until(w.site.vat, &w.closed);
        raw_deinit(&w);
}

/* ---- many --------------------------------------------------------------------------------- */

TEST(a_thousand_connections_leave_nothing_behind)
{
        unsigned before;
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        before = count_fds();
        for (unsigned i = 0; i < 1000; i++) {
                capnp_cap *c;

                CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &c));
                check_echo(s.vat, c, &i, sizeof(i));
                capnp_cap_unref(c);
        }
        for (unsigned i = 0; i < 100 && count_fds() > before; i++)
                run_for_ms(s.vat, 10);
        CHECK_EQ(count_fds(), before);
        CHECK_EQ(s.calls, 1000);
        site_deinit(&s);
}

TEST(a_hundred_connections_at_once)
{
        capnp_cap *c[100];
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        for (unsigned i = 0; i < 100; i++)
                CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &c[i]));
        for (unsigned i = 0; i < 100; i++)
                check_echo(s.vat, c[i], &i, sizeof(i));
        for (unsigned i = 0; i < 50; i++)
                capnp_cap_unref(c[i]);
        for (unsigned i = 50; i < 100; i++)
                check_echo(s.vat, c[i], &i, sizeof(i));
        for (unsigned i = 50; i < 100; i++)
                capnp_cap_unref(c[i]);
        site_deinit(&s);
}

struct scarce {
        unsigned accepted;
        bool done;
};

static void on_scarce_accept(void *self, int fd)
{
        struct scarce *s = self;

        close(fd);
        s->accepted++;
        s->done = true;
}

static const struct capnp_listener_ops scarce_ops = {.accept = on_scarce_accept};

/* Without descriptors a listener rests instead of spinning, and then goes on. It wakes once or
 * twice for each rest, of which there are more the slower this is. */
TEST(listener_rests_when_descriptors_run_out)
{
        enum { REST_MS = 100 };
        uint64_t begun_ms = capos_io_now_ms();
        struct rlimit limit, none;
        struct scarce s = {0};
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        const char *name = own_address() + strlen("unix-abstract:");
        unsigned rounds = 0;
        capnp_listener *l;
        capnp_vat *v;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_listener_new(v, own_address(), &scarce_ops, &s, &l));
        memcpy(un.sun_path + 1, name, strlen(name));
        CHECK_OK(connect(fd, (struct sockaddr *)&un,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))));
        CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
        none = limit;
        none.rlim_cur = 3;
        CHECK_OK(setrlimit(RLIMIT_NOFILE, &none));
        for (unsigned i = 0; i < 50; i++) {
                struct pollfd p = {.fd = capnp_vat_fd(v), .events = POLLIN};

                rounds += poll(&p, 1, 1) > 0;
                CHECK_OK(capnp_vat_process(v));
        }
        CHECK(rounds <= 3 + 2 * (capos_io_now_ms() - begun_ms) / REST_MS);
        CHECK_EQ(s.accepted, 0);
        CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
        run_until(v, &s.done);
        CHECK_EQ(s.accepted, 1);
        capnp_listener_free(l);
        capnp_vat_free(v);
        close(fd);
}

static capnp_listener *self_freed;

static void on_accept_free(void *self, int fd)
{
        ++*(unsigned *)self;
        close(fd);
        self_freed = capnp_listener_free(self_freed);
}

static const struct capnp_listener_ops free_ops = {.accept = on_accept_free};

TEST(listener_is_freed_by_its_own_callback)
{
        unsigned accepted = 0;
        capnp_cap *a, *b;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_listener_new(v, own_address(), &free_ops, &accepted, &self_freed));
        CHECK_OK(capnp_vat_connect(v, own_address(), NULL, &a));
        CHECK_OK(capnp_vat_connect(v, own_address(), NULL, &b));
        while (!accepted)
                run_for_ms(v, 1);
        run_for_ms(v, 20);
        CHECK_EQ(accepted, 1);
        CHECK(!self_freed);
        capnp_cap_unref(a);
        capnp_cap_unref(b);
        capnp_vat_free(v);
}

/* ---- waiting ------------------------------------------------------------------------------ */

TEST(waiting_in_vain_is_a_deadlock)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_promise *p;
        capnp_cap *c;
        capnp_vat *v;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_promise_new(v, &p, &c));
        q = ask(v, c, ECHO, "x", 1);
        CHECK_EQ(capnp_question_wait(q), -EDEADLK);
        capnp_promise_resolve(p, NULL);
        CHECK(capnp_question_wait(q) > 0);
        q = capnp_question_free(q);
        capnp_cap_unref(c);
        capnp_vat_free(v);
}

struct waiting {
        capnp_vat *vat;
        capnp_cap *cap;
        int r;
        bool done;
};

static void on_timer_wait(void *arg)
{
        struct waiting *w = arg;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask(w->vat, w->cap, ECHO, "x", 1);

        w->r = capnp_question_wait(q);
        w->done = true;
}

TEST(waiting_in_a_timer_is_a_deadlock)
{
        struct waiting w = {0};
        struct site s;

        site_init(&s);
        CHECK_OK(capnp_vat_listen(s.vat, own_address(), NULL, s.root));
        CHECK_OK(capnp_vat_connect(s.vat, own_address(), NULL, &w.cap));
        w.vat = s.vat;
        CHECK_OK(capnp_timer_new(s.vat, 1, on_timer_wait, &w, NULL));
        run_until(s.vat, &w.done);
        CHECK_EQ(w.r, -EDEADLK);
        capnp_cap_unref(w.cap);
        site_deinit(&s);
}

TORTURE(connecting_and_calling_without_memory)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL, *c = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct site s = {0};
        int r;

        TORTURE_OK(capnp_vat_new(&v));
        s.vat = v;
        TORTURE_OK(capnp_cap_new_dispatch(v, site_call, NULL, &s, &root));
        TORTURE_OK(capnp_vat_listen(v, own_address(), NULL, root));
        TORTURE_OK(capnp_vat_connect(v, own_address(), NULL, &c));
        q = ask(v, c, ECHO, "x", 1);
        r = capnp_question_wait(q);
        /* Either side may have lost the connection over it. */
        if (r && test_alloc_failed())
                return;
        CHECK_OK(r);
        check_heard(q, "x", 1);
}
