/*
 * Children that somebody else has made: taken over, refused, and found when nobody knows them.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copies.h"
#include "harness.h"

static int ended_status = -1;

static void ended(struct capos_io_child *child, int code, int status)
{
        (void)child;
        CHECK_EQ(code, CLD_EXITED);
        ended_status = status;
}

/* A child in a group of its own that ends when ret_fd is closed. */
static pid_t child_new(int status, int *ret_fd)
{
        int fds[2];
        pid_t pid;
        char b;

        CHECK_OK(pipe(fds));
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                close(fds[1]);
                (void)!read(fds[0], &b, 1);
                _exit(status);
        }
        close(fds[0]);
        CHECK_OK(setpgid(pid, pid));
        *ret_fd = fds[1];
        return pid;
}

TEST(a_child_is_watched_to_its_end)
{
        struct capos_io_child child = {.pidfd = -1};
        struct capos_io_loop loop;
        int fd;
        pid_t pid = child_new(7, &fd);

        CHECK_OK(capos_io_loop_init(&loop));
        CHECK_OK(copy_adopt(&loop, &child, pid, ended));
        close(fd);
        while (ended_status < 0)
                CHECK_OK(capos_io_loop_turn(&loop, 1000));
        CHECK_EQ(ended_status, 7);
        capos_io_child_deinit(&child);
        capos_io_loop_deinit(&loop);
}

TEST(who_is_no_child_is_refused)
{
        struct capos_io_child child = {.pidfd = -1};
        struct capos_io_loop loop;

        CHECK_OK(capos_io_loop_init(&loop));
        CHECK_EQ(copy_adopt(&loop, &child, getppid(), ended), -ECHILD);
        CHECK_EQ(copy_adopt(&loop, &child, getpid(), ended), -ECHILD);
        CHECK_EQ(child.pidfd, -1);
        capos_io_loop_deinit(&loop);
}

TEST(a_child_that_nobody_knows_is_waited_for)
{
        struct copies c = {0};
        int fd, other_fd;
        pid_t pid = child_new(0, &fd), other = child_new(0, &other_fd);
        siginfo_t info;

        copies_retire(&c, pid);
        CHECK_EQ(c.retired[0], pid); /* it lives */

        CHECK_OK(kill(pid, SIGKILL));
        CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
        copies_reap(&c);
        CHECK_EQ(c.retired[0], 0);
        CHECK_EQ(waitpid(pid, NULL, WNOHANG), -1);

        /* Who is of another group is not touched. */
        CHECK_OK(kill(other, SIGKILL));
        CHECK_OK(waitid(P_PID, (id_t)other, &info, WEXITED | WNOWAIT));
        copies_reap(&c);
        CHECK_EQ(waitpid(other, NULL, 0), other);
        close(fd);
        close(other_fd);
}
