/* Children and signals through descriptors. */
#include "harness.h"
#include "io-child.h"
#include "io-socket.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
        struct capos_io_child child;
        int code, status;
        unsigned ends;
};

static void on_ended(struct capos_io_child *c, int code, int status)
{
        struct run *r = CAPNP_I_OF(c, struct run, child);

        r->code = code;
        r->status = status;
        r->ends++;
}

static void run_begin(struct run *r, struct capos_io_loop *l, int status)
{
        int pidfd;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                if (status < 0)
                        (void)pause();
                _exit(status);
        }
        CHECK_OK(capos_io_pidfd_open(pid, &pidfd));
        CHECK_OK(capos_io_child_init(&r->child, l, pidfd, on_ended));
}

TEST(child_end_is_told)
{
        struct capos_io_loop l;
        struct run a = {0}, b = {0};

        CHECK_OK(capos_io_loop_init(&l));
        run_begin(&a, &l, 7);
        run_begin(&b, &l, -1);
        while (!a.ends)
                CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(a.code, CLD_EXITED);
        CHECK_EQ(a.status, 7);
        CHECK_EQ(capos_io_child_kill(&a.child, SIGTERM), -ESRCH);
        CHECK_EQ(b.ends, 0);
        CHECK_OK(capos_io_child_kill(&b.child, SIGKILL));
        while (!b.ends)
                CHECK_OK(capos_io_loop_turn(&l, -1));
        CHECK_EQ(b.code, CLD_KILLED);
        CHECK_EQ(b.status, SIGKILL);
        CHECK_EQ(l.nwatches, 0);
        CHECK_EQ(a.ends + b.ends, 2);
        capos_io_loop_deinit(&l);
}

TEST(signals_are_read)
{
        int fd, s;

        CHECK_OK(capos_io_signal_open((int[]){SIGHUP, SIGTERM}, 2, &fd));
        CHECK_EQ(capos_io_signal_read(fd, &s), CAPOS_IO_E_AGAIN);
        CHECK_OK(raise(SIGTERM));
        CHECK_OK(capos_io_signal_read(fd, &s));
        CHECK_EQ(s, SIGTERM);
        CHECK_EQ(capos_io_signal_read(fd, &s), CAPOS_IO_E_AGAIN);
        close(fd);
}
