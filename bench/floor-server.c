/*
 * floor-server: what an Echo server costs that does nothing but answer null().
 *
 * It has no tables, checks next to nothing, and answers by frames that are made beforehand: so what
 * it costs is what sockets cost, and a few dozen instructions a message. A server of a library can
 * be as good as this, and no better. What it does not know ends it.
 *
 * Usage: floor-server unix:PATH | ADDRESS:PORT      (prints `ready` once it listens)
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "raw.h"

/* One connection: its unread bytes, from the first word of a message on. */
struct peer {
        int fd;
        size_t bytes;
        uint64_t in[RAW_BYTES / 8];
};

static uint64_t out[RAW_BYTES / 8 * 2];

/* The export 0, as what a connection begins with. */
static uint64_t *floor_bootstrap(uint64_t *to, uint32_t answer)
{
        const uint64_t w[] = {RAW_MESSAGE(12, RAW_RETURN, 2, 1),
                              answer,
                              0,
                              RAW_STRUCT(0, 0, 2),
                              3, /* the reference 0 … */
                              UINT64_C(1) | UINT64_C(7) << 32 | UINT64_C(2) << 35,
                              RAW_STRUCT(1, 1, 1), /* … of a table of one … */
                              1,                   /* … which is the sender's, 0 */
                              0};

        memcpy(to, w, sizeof(w));
        return to + 12;
}

/* All messages that are there; how many words they have been. */
static size_t floor_answer(const uint64_t *p, size_t words, uint64_t **to)
{
        size_t at = 0, n;

        while ((n = raw_message(p + at, words - at))) {
                const uint64_t *m = p + at;

                switch (m[2] & 0xffff) {
                case RAW_CALL:
                        raw_must(m[3] == RAW_STRUCT(0, 3, 3) && m[4] >> 32 == RAW_NULL_METHOD,
                                 "a call of null()");
                        *to = raw_return(*to, (uint32_t)m[4]);
                        break;
                case RAW_BOOTSTRAP:
                        *to = floor_bootstrap(*to, (uint32_t)m[4]);
                        break;
                case RAW_ABORT:
                        exit(1);
                }
                at += n;
        }

        return at;
}

/* False: the peer has gone. */
static bool floor_turn(struct peer *p)
{
        ssize_t n = read(p->fd, (uint8_t *)p->in + p->bytes, sizeof(p->in) - p->bytes);
        uint64_t *to = out;
        size_t used;

        if (n <= 0)
                return n < 0 && errno == EAGAIN;

        p->bytes += (size_t)n;
        used = floor_answer(p->in, p->bytes / 8, &to) * 8;
        p->bytes -= used;
        memmove(p->in, (uint8_t *)p->in + used, p->bytes);
        raw_send(p->fd, out, to);
        return true;
}

static void floor_accept(int epoll, int listener)
{
        struct peer *p = calloc(1, sizeof(*p));
        struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = p}};

        raw_must(p, "calloc");
        p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        raw_must(p->fd >= 0, "accept");
        (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        raw_must(!epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e), "epoll_ctl");
}

int main(int argc, char **argv)
{
        struct epoll_event e = {.events = EPOLLIN};
        int epoll = epoll_create1(EPOLL_CLOEXEC), listener;
        struct sockaddr_storage a;
        socklen_t len;

        if (argc != 2) {
                fprintf(stderr, "usage: %s unix:PATH | ADDRESS:PORT\n", argv[0]);
                return 2;
        }

        listener = raw_socket(argv[1], &a, &len);
        (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        raw_must(!bind(listener, (struct sockaddr *)&a, len) && !listen(listener, 8), argv[1]);
        raw_must(!epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e), "epoll_ctl");
        puts("ready");
        fflush(stdout);
        while (epoll_wait(epoll, &e, 1, -1) == 1) {
                struct peer *p = e.data.ptr;

                if (!p) {
                        floor_accept(epoll, listener);
                } else if (!floor_turn(p)) {
                        close(p->fd);
                        free(p);
                }
        }

        return 1;
}
