/*
 * Socket diagnostics: asking the kernel whose a socket is.
 *
 * One socket is looked up by its two addresses, never a list; the answer is there when send()
 * returns. The netlink socket is opened by caposd and used in the gateway, which may open none and
 * has no capability: with it nothing can be changed, only asked.
 *
 * A socket that its owner has closed may live on for a while and is root's by then; it has no inode
 * any more, and that is how it is known.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#include "daemon-diag.h"
#include "io-socket.h"

struct question {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
};

union answer {
        struct nlmsghdr head;
        char room[4096];
};

static void diag_end(const struct capos_io_address *a, __be16 *port, __be32 address[4])
{
        *port = htons(capos_io_address_port(a));
        if (a->u.any.sa_family == AF_INET)
                memcpy(address, &a->u.in.sin_addr, 4);
        else
                memcpy(address, &a->u.in6.sin6_addr, 16);
}

static int diag_ask(int fd, const struct capos_io_address *from, const struct capos_io_address *to)
{
        struct question q = {
                .head = {.nlmsg_len = sizeof(q),
                         .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                         .nlmsg_flags = NLM_F_REQUEST},
                .body = {.sdiag_family = (uint8_t)from->u.any.sa_family,
                         .sdiag_protocol = IPPROTO_TCP,
                         .idiag_states = ~0u,
                         .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
        };

        diag_end(from, &q.body.id.idiag_sport, q.body.id.idiag_src);
        if (to)
                diag_end(to, &q.body.id.idiag_dport, q.body.id.idiag_dst);
        return send(fd, &q, sizeof(q), MSG_DONTWAIT) == (ssize_t)sizeof(q) ? 0 : -errno;
}

/* What an answer says: 0, or a negative errno value. */
static int diag_read(const union answer *a, size_t len, uid_t *ret_uid)
{
        const struct inet_diag_msg *m = NLMSG_DATA(&a->head);
        const struct nlmsgerr *e = NLMSG_DATA(&a->head);

        if (!NLMSG_OK(&a->head, len))
                return -EBADMSG;
        if (a->head.nlmsg_type == NLMSG_ERROR && a->head.nlmsg_len >= NLMSG_LENGTH(sizeof(*e)))
                return e->error ? e->error : -EBADMSG;
        if (a->head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            a->head.nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
                return -EBADMSG;
        if (!m->idiag_inode)
                return -ENOENT;

        *ret_uid = m->idiag_uid;
        return 0;
}

int daemon_diag_owner(int fd, const struct capos_io_address *from,
                      const struct capos_io_address *to, uid_t *ret_uid)
{
        union answer a;
        ssize_t n;
        int r;

        r = diag_ask(fd, from, to);
        if (r)
                return r;

        n = recv(fd, &a, sizeof(a), MSG_DONTWAIT);
        return n < 0 ? -errno : diag_read(&a, (size_t)n, ret_uid);
}

int daemon_diag_open(int listener, int *ret_fd)
{
        struct capos_io_address self;
        uid_t uid;
        int fd, r;

        r = capos_io_socket_address(listener, &self);
        if (r)
                return r;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;

        r = daemon_diag_owner(fd, &self, NULL, &uid);
        if (r) {
                (void)close(fd);
                return r;
        }
        *ret_fd = fd;
        return 0;
}
