/*
 * The real fetcher for tests: a zygote of its own, and one copy for each request.
 */
#ifndef CAPOS_TEST_FETCHER_H
#define CAPOS_TEST_FETCHER_H

#include "daemon-fetch.h"
#include "daemon-packets.h"

#include "harness.h"
#include "io-packet.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINK = 3, WAIT_MS = 60 * 1000 };

struct fetcher {
        pid_t pid;
        int link;
};

static struct fetch_request q;
static struct fetch_reply reply;

static inline void fetcher_start(struct fetcher *f)
{
        char path[512];
        int ends[2], high;

        snprintf(path, sizeof(path), "%s/bin/capos-fetcher", getenv("CAPOS_BUILDDIR"));
        CHECK_OK(capos_io_packet_pair(ends));
        f->link = ends[0];
        f->pid = fork();
        if (!f->pid) {
                high = fcntl(ends[1], F_DUPFD, 100);
                if (dup3(high, LINK, 0) < 0)
                        _exit(90);
                (void)close_range(LINK + 1, ~0u, 0);
                execl(path, path, (char *)NULL);
                _exit(91);
        }
        close(ends[1]);
}

static inline void packet_await(int fd, void *p, size_t size)
{
        struct pollfd w = {.fd = fd, .events = POLLIN};

        CHECK_EQ(poll(&w, 1, WAIT_MS), 1);
        CHECK_OK(capos_io_packet_recv(fd, p, size, NULL, 0));
}

/* Has a copy serve q: the answer is in reply. */
static inline void fetcher_ask(struct fetcher *f)
{
        struct packet copy = {.type = PACKET_FORK, .worker = 1}, got;
        int ends[2], status;

        CHECK_OK(capos_io_packet_pair(ends));
        CHECK_OK(capos_io_packet_send(ends[0], &q, sizeof(q), NULL, 0));
        CHECK_OK(capos_io_packet_send(f->link, &copy, sizeof(copy), &ends[1], 1));
        close(ends[1]);
        do
                packet_await(f->link, &got, sizeof(got));
        while (got.type != PACKET_FORKED);
        packet_await(ends[0], &reply, sizeof(reply));
        CHECK_EQ(waitpid(got.pid, &status, 0), got.pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 0);
        close(ends[0]);
}

static inline void fetcher_stop(struct fetcher *f)
{
        int status;

        close(f->link);
        CHECK_EQ(waitpid(f->pid, &status, 0), f->pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
