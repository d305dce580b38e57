/*
 * Grants, and how one is taken back without asking anybody.
 *
 * The socket between worker and service is made here. The worker's end and the service's end are
 * given away, and a duplicate of the service's end is kept. (A duplicate of the worker's end would
 * hide a dead worker from the service.) To revoke: shutdown() on the duplicate ends both
 * directions for everybody; then what the worker had queued is read and discarded through the
 * duplicate, so that the service cannot read it any more either. Neither process is asked.
 *
 * A worker that closes its end may have left calls in the socket, which the service has every right
 * to read, and which must go with the session all the same. So the duplicate is kept until the
 * socket is empty: then nothing can get into it any more. There is one socket of a grant at a time;
 * whoever asks for another one gives up what is left in the last.
 */
#include "grant.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asker.h"
#include "user_session.capnp-c.h"

enum {
        GRANT_LOOK_MS = 100,
        OWN_MESSAGE_BYTES = 64 * 1024, /* of what comes to what we serve ourselves … */
        OWN_SEGMENTS = 8,
        OWN_ANSWERS = 16, /* … and how much at once */
        OWN_REFS = 64,
};

uint64_t grant_interface(const struct policy_grant *p)
{
        return p->service ? p->service->interface_id : USER_SESSION_ID;
}

struct grant *grant_new(capnp_vat *v, struct session *e, const struct policy_grant *p)
{
        struct grant *g = malloc(sizeof(*g));

        if (!g)
                return NULL;

        *g = (struct grant){
                .session = e, .policy = p, .interface_id = grant_interface(p), .vat = v, .dup = -1};
        (void)snprintf(g->name, sizeof(g->name), "%s", p->name);
        capnp_i_list_init(&g->of_holder);
        capnp_i_list_init(&g->of_service);
        capnp_i_list_init(&g->openings);
        return g;
}

static void grant_drain(int fd)
{
        char bytes[16 * 1024];
        ssize_t n;

        (void)shutdown(fd, SHUT_RDWR);
        /* Without a control buffer: descriptors in what is discarded are closed by the kernel. */
        do
                n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        while (n > 0 || (n < 0 && errno == EINTR));
}

/* Lets go of a socket. */
static void grant_drop(struct grant *g)
{
        g->socket++;
        g->asker = asker_end(g->asker);
        if (g->own)
                capnp_conn_close(g->own, (capnp_exception){CAPNP_DISCONNECTED, "over"});
        g->own = capnp_conn_unref(g->own);
        g->patience = capnp_timer_free(g->patience);
        g->hung_up = false;
        g->watch = capnp_watch_free(g->watch);
        capnp_i_list_remove(&g->of_service);
        if (g->dup >= 0)
                close(g->dup);
        g->dup = -1;
}

void grant_close(struct grant *g)
{
        if (g->dup >= 0)
                grant_drain(g->dup);
        grant_drop(g);
}

void grant_free(struct grant *g)
{
        grant_close(g);
        while (capnp_i_list_pop(&g->openings))
                ;
        capnp_i_list_remove(&g->of_holder);
        free(g);
}

static bool grant_is_empty(const struct grant *g)
{
        int queued = 0;

        return !ioctl(g->dup, FIONREAD, &queued) && !queued;
}

static void grant_on_patience(void *arg);

/* Drops the duplicate once nothing is left to read; looks again later otherwise. Without memory for
 * that, what is left goes now. */
static void grant_settle(struct grant *g)
{
        if (grant_is_empty(g))
                grant_drop(g);
        else if (capnp_timer_new(g->vat, GRANT_LOOK_MS, grant_on_patience, g, &g->patience))
                grant_close(g);
}

static void grant_on_patience(void *arg)
{
        struct grant *g = arg;

        g->patience = NULL;
        grant_settle(g);
}

/* The worker has closed its side: the service may read what is left, and has nobody to answer. Said
 * to both, because our duplicate would hide the one's end from the other. */
static void grant_hang_up(struct grant *g)
{
        if (g->hung_up)
                return;

        g->hung_up = true;
        g->watch = capnp_watch_free(g->watch);
        g->patience = capnp_timer_free(g->patience);
        (void)shutdown(g->dup, SHUT_WR);
        grant_settle(g);
}

static void grant_on_hang_up(void *arg, uint32_t events)
{
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                grant_hang_up(arg);
}

/* The worker may have closed its end without our having been told yet. */
bool grant_is_open(struct grant *g)
{
        struct pollfd p = {.fd = g->dup, .events = POLLRDHUP};

        if (g->dup < 0 || g->hung_up)
                return false;
        if (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR)) {
                grant_hang_up(g);
                return false;
        }
        return true;
}

int grant_make(struct grant *g, int *ret_worker, int *ret_service)
{
        int ends[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
                return -errno;

        g->dup = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
        r = g->dup < 0 ? -errno : 0;
        if (!r)
                r = capnp_watch_new(g->vat, g->dup, EPOLLRDHUP, grant_on_hang_up, g, &g->watch);
        if (r) {
                grant_close(g);
                close(ends[0]);
                close(ends[1]);
                return r;
        }

        *ret_worker = ends[0];
        *ret_service = ends[1];
        return 0;
}

int grant_serve(struct grant *g, capnp_cap *root, int *ret_fd)
{
        const struct capnp_limits limits = {
                .message_bytes = OWN_MESSAGE_BYTES,
                .segments = OWN_SEGMENTS,
                .answers = OWN_ANSWERS,
                .refs = OWN_REFS,
                .held_bytes = (uint64_t)4 * OWN_MESSAGE_BYTES,
                .data_only = true,
                .wipe = true,
        };
        int ends[2], r = grant_make(g, &ends[0], &ends[1]);

        if (r)
                return r;

        r = capnp_conn_new(g->vat, ends[1], &limits, root, &g->own);
        if (r) {
                grant_close(g);
                close(ends[0]);
                return r;
        }
        *ret_fd = ends[0];
        return 0;
}
