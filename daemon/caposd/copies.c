/*
 * Processes that a zygote has made, which are children of ours all the same.
 *
 * A zygote tells the number of each. One that dies between making a child and saying so leaves a
 * child that is nobody's: it ends by itself, because its socket has lost its other end, and is
 * found by the process group it was born into, which is that of its zygote.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copies.h"

/* A number that is no child of ours is refused. */
int copy_adopt(struct capos_io_loop *loop, struct capos_io_child *child, pid_t pid,
               void (*ended)(struct capos_io_child *child, int code, int status))
{
        siginfo_t info;
        int pidfd, r;

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return -errno;

        r = capos_io_pidfd_open(pid, &pidfd);
        if (r)
                return r;

        r = capos_io_child_init(child, loop, pidfd, ended);
        if (r)
                (void)close(pidfd);
        return r;
}

/* Waits for those of a group that have ended. Whether it has no member left. */
static bool group_reap(pid_t group)
{
        siginfo_t info;

        do {
                info.si_pid = 0;
                if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) < 0)
                        return errno == ECHILD;
        } while (info.si_pid);
        return false;
}

void copies_reap(struct copies *c)
{
        for (unsigned i = 0; i < COPIES_RETIRED; i++)
                if (c->retired[i] && group_reap(c->retired[i]))
                        c->retired[i] = 0;
}

void copies_retire(struct copies *c, pid_t group)
{
        unsigned i = 0;

        while (i < COPIES_RETIRED && c->retired[i])
                i++;
        if (i < COPIES_RETIRED)
                c->retired[i] = group;
        copies_reap(c);
}
