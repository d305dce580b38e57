/*
 * The admin socket.
 *
 * It lies in the state folder, which only the instance's user can enter; who connects is checked
 * all the same. There is one object for all of them, because there is one authority: to be that
 * user. Who has the capability `admin` in a session is served elsewhere (admin-remote.c), by the
 * same calls.
 */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin-calls.h"
#include "daemon-log.h"
#include "io-socket.h"
#include "sessiond.h"

enum { ADMIN_ANSWERS = 64 };

/* A connection, for as long as it lasts. */
struct admin_line {
        struct capnp_i_list link;
        capnp_conn *conn;
};

static void line_free(struct admin_line *l)
{
        capnp_i_list_remove(&l->link);
        capnp_conn_unref(l->conn);
        free(l);
}

static void line_on_close(capnp_conn *c, void *arg)
{
        (void)c;
        line_free(arg);
}

static void line_serve(struct admin *a, int fd, const struct capnp_limits *limits)
{
        struct admin_line *l = calloc(1, sizeof(*l));

        if (!l) {
                close(fd);
                return;
        }

        capnp_i_list_init(&l->link);
        if (capnp_conn_new(a->s->vat, fd, limits, a->root, &l->conn)) {
                free(l);
                return;
        }

        capnp_i_list_append(&a->lines, &l->link);
        capnp_conn_on_close(l->conn, line_on_close, l);
}

/* Takes fd. */
static void admin_serve_on(struct admin *a, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = 1024 * 1024, .answers = ADMIN_ANSWERS, .wipe = true};
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
            (peer.uid != geteuid() && peer.uid != 0)) {
                daemon_log(LOG_WARNING, "the admin socket: refused a stranger");
                close(fd);
                return;
        }
        line_serve(a, fd, &limits);
}

static void admin_on_event(void *arg, uint32_t events)
{
        struct admin *a = arg;
        int fd;

        (void)events;
        if (!capos_io_socket_accept(a->fd, &fd))
                admin_serve_on(a, fd);
}

int admin_init(struct sessiond *s, int fd)
{
        struct admin *a = &s->admin;
        size_t len;
        int r;

        *a = (struct admin){.s = s, .fd = fd};
        capnp_i_list_init(&a->lines);
        if (!getcwd(a->path, sizeof(a->path) - sizeof(CAPOS_AUDIT_FILE) - 1))
                return -errno;
        len = strlen(a->path);
        snprintf(a->path + len, sizeof(a->path) - len, "/%s", CAPOS_AUDIT_FILE);

        r = capos_io_socket_adopt(fd);
        if (!r)
                r = admin_calls_serve(s, NULL, &a->root);
        if (!r)
                r = capnp_watch_new(s->vat, fd, EPOLLIN, admin_on_event, a, &a->watch);
        return r;
}

void admin_deinit(struct admin *a)
{
        if (!a->s)
                return;

        a->watch = capnp_watch_free(a->watch);
        while (!capnp_i_list_empty(&a->lines)) {
                struct admin_line *l = CAPNP_I_OF(a->lines.next, struct admin_line, link);

                capnp_conn_on_close(l->conn, NULL, NULL);
                capnp_conn_close(l->conn, (capnp_exception){CAPNP_DISCONNECTED, "shutting down"});
                line_free(l);
        }
        a->root = capnp_cap_unref(a->root);
        close(a->fd);
        a->s = NULL;
}
