/*
 * The payload of an intruder, as a test has it: inside a process of the instance, in its real
 * sandbox, with what that process holds. What it shall do comes from outside, so that one program
 * can try everything (attacklib.py, class Hijacked).
 *
 * A request is eight words: what, and seven more. The answer is a word, or the memory asked for.
 * Nothing is used here that a worker may not do: receive, send, poll.
 */
#include "hijack.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WHAT_CALL = 1, WHAT_POKE, WHAT_PEEK, WHAT_INFO, ROOM = 1 << 20 };

static uint8_t memory[ROOM];

void hijack_show(const void *p, size_t len)
{
        memcpy(memory, p, len < 64 ? len : 64);
}

static int wait_for(int fd, short events)
{
        struct pollfd p = {.fd = fd, .events = events};

        return poll(&p, 1, -1) > 0 ? 0 : -1;
}

static int take(int fd, void *to, size_t len)
{
        uint8_t *p = to;

        while (len) {
                ssize_t n = recv(fd, p, len, MSG_DONTWAIT);

                if (n < 0 && errno == EAGAIN && !wait_for(fd, POLLIN))
                        continue;
                if (n <= 0)
                        return -1;
                p += n;
                len -= (size_t)n;
        }
        return 0;
}

static int give(int fd, void *from, size_t len)
{
        struct iovec v = {from, len};
        const struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

        while (v.iov_len) {
                ssize_t n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EAGAIN && !wait_for(fd, POLLOUT))
                        continue;
                if (n < 0)
                        return -1;
                v.iov_base = (uint8_t *)v.iov_base + n;
                v.iov_len -= (size_t)n;
        }
        return 0;
}

int64_t hijack_call(const uint64_t words[7])
{
        long r =
                syscall((long)words[0], words[1], words[2], words[3], words[4], words[5], words[6]);

        return r < 0 ? -errno : r;
}

static int serve_one(int fd, int other, const uint64_t w[8])
{
        uint64_t info[4] = {(uintptr_t)memory, (uint64_t)fd, (uint64_t)other, (uint64_t)getpid()};
        int64_t r = 0;

        if (w[0] == WHAT_INFO)
                return give(fd, info, sizeof(info));
        if (w[0] != WHAT_CALL && (w[1] > ROOM || w[2] > ROOM - w[1]))
                return -1;
        if (w[0] == WHAT_PEEK)
                return give(fd, memory + w[1], w[2]);
        if (w[0] == WHAT_POKE && take(fd, memory + w[1], w[2]))
                return -1;
        if (w[0] == WHAT_CALL)
                r = hijack_call(w + 1);
        return give(fd, &r, sizeof(r));
}

void hijack_serve(int fd, int other)
{
        uint64_t w[8];

        while (!take(fd, w, sizeof(w)) && !serve_one(fd, other, w))
                ;
}
