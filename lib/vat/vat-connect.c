/*
 * Connecting: from an address to an open connection, without waiting.
 *
 * The connection exists, and can be used, from the start; what is sent queues in its core. A name
 * may have several addresses; they are tried one after the other, the kernel deciding how long each
 * may take. If none works, the connection ends like any other: references break, and the reason
 * says where it was to go and what the kernel said last.
 *
 * Only our own want (no descriptor, no memory) is an error of capnp_vat_connect() itself.
 */
#include "vat-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUSY_RETRY_MS = 20, BUSY_GIVE_UP_MS = 10 * 1000 };

/* The queue of a Unix listener is full, and nothing will tell when it is not. */
static int connect_busy(capnp_conn *c)
{
        uint64_t now_ms = capos_io_now_ms();

        if (!c->attempt->give_up_ms)
                c->attempt->give_up_ms = now_ms + BUSY_GIVE_UP_MS;
        if (now_ms >= c->attempt->give_up_ms)
                return -EAGAIN;

        capos_io_timer_start(&c->timer, BUSY_RETRY_MS);
        return 0;
}

static int connect_check(const capnp_conn *c)
{
        return !c->attempt->check || c->attempt->check(c->fd) ? 0 : -EPERM;
}

/* Tries one address. 0: connected, under way, or to be tried again; -errno: it does not work. */
static int connect_try(capnp_conn *c, const struct capos_io_address *a)
{
        int r;

        r = capos_io_socket_connect(a, SOCK_STREAM, &c->fd);
        if (r == CAPOS_IO_E_BUSY)
                return connect_busy(c);
        if (r < 0)
                return r;

        if (r == CAPOS_IO_E_AGAIN)
                return capnp_i_conn_watch(c, EPOLLOUT);

        r = connect_check(c);
        if (!r)
                r = capnp_i_conn_watch(c, EPOLLIN);
        if (!r)
                capnp_i_conn_set_open(c);
        return r;
}

/* Goes on to the next address that does not fail at once. r: why the last one failed, or 0. */
static int connect_go_on(capnp_conn *c, int r)
{
        struct conn_attempt *t = c->attempt;

        if (r)
                t->at++;
        for (; t->at < t->addresses.n; t->at++) {
                r = connect_try(c, &t->addresses.a[t->at]);
                if (!r)
                        return 0;
                if (c->fd >= 0)
                        (void)close(c->fd);
                c->fd = -1;
        }
        return r;
}

static void connect_fail(capnp_conn *c, int r)
{
        char what[CAPOS_IO_ADDRESS_TEXT + 20], text[CAPOS_IO_ADDRESS_TEXT];
        const struct capos_io_addresses *as = &c->attempt->addresses;

        capos_io_address_format(&as->a[as->n - 1], text);
        snprintf(what, sizeof(what), "connect to %s", text);
        capnp_i_conn_break(c, what, r);
}

static void connect_on_event(capnp_conn *c)
{
        int r = capos_io_socket_error(c->fd);

        if (!r)
                r = connect_check(c);
        if (!r) {
                capnp_i_conn_set_open(c);
                return;
        }

        capos_io_watch_deinit(&c->watch);
        (void)close(c->fd);
        c->fd = -1;
        r = connect_go_on(c, r);
        if (r)
                connect_fail(c, r);
}

static void connect_on_timer(capnp_conn *c)
{
        int r = connect_go_on(c, 0);

        if (r)
                connect_fail(c, r);
}

static int connect_begin(capnp_conn *c, const struct capos_io_addresses *as, bool (*check)(int fd))
{
        int r;

        c->attempt = calloc(1, sizeof(*c->attempt));
        if (!c->attempt)
                return -ENOMEM;

        c->attempt->on_event = connect_on_event;
        c->attempt->on_timer = connect_on_timer;
        c->attempt->addresses = *as;
        c->attempt->check = check;
        r = connect_go_on(c, 0);
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS)
                return r;
        if (r)
                connect_fail(c, r);
        return 0;
}

/* A connection that is under way. On success the caller decides who holds it. */
static int connect_new(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                       capnp_cap *bootstrap, bool (*check)(int fd), capnp_conn **ret_c)
{
        struct capos_io_addresses as;
        struct vat_io *io;
        capnp_conn *c;
        int r;

        r = capnp_i_vat_io(v, &io);
        if (!r)
                r = capos_io_address_parse(addr, false, &as);
        if (r)
                return r;

        r = capnp_i_conn_make(io, -1, l, bootstrap, &c);
        if (r)
                return r;

        if (as.a[0].u.any.sa_family != AF_UNIX)
                capnp_i_rpc_forbid_fds(c->rpc);
        c->ends_idle = !bootstrap;
        r = connect_begin(c, &as, check);
        if (r) {
                capnp_i_conn_discard(c);
                return r;
        }
        *ret_c = c;
        return 0;
}

int capnp_vat_connect(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                      capnp_cap **ret_bootstrap)
{
        capnp_conn *c;
        int r;

        r = connect_new(v, addr, l, NULL, NULL, &c);
        if (r)
                return r;

        r = capnp_rpc_bootstrap(c->rpc, ret_bootstrap);
        if (r)
                capnp_i_conn_discard(c);
        return r;
}

int capnp_conn_connect(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                       capnp_cap *bootstrap, capnp_conn **ret_c)
{
        int r;

        r = connect_new(v, addr, l, bootstrap, NULL, ret_c);
        if (r)
                return r;

        (*ret_c)->held = true;
        return 0;
}

int capnp_conn_connect_checked(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                               bool (*check)(int fd), capnp_conn **ret_c)
{
        int r;

        r = connect_new(v, addr, l, NULL, check, ret_c);
        if (r)
                return r;

        (*ret_c)->held = true;
        return 0;
}
