/*
 * Descriptors between our vat and an unmodified one of the C++ library, in both directions: each
 * reference has the one it was sent with.
 */
#include "test-vat-fds.h"

#include <sys/wait.h>

/* Starts fds-peer with the other end of a socket as its descriptor 3. Our end. */
static int peer_start(const char *what, pid_t *ret_pid)
{
        char path[4096];
        int ends[2];

        snprintf(path, sizeof(path), "%s/test/interop/fds-peer", getenv("CAPOS_BUILDDIR"));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        *ret_pid = fork();
        CHECK(*ret_pid >= 0);
        if (*ret_pid == 0) {
                int fd = fcntl(ends[1], F_DUPFD, 10);

                if (fd >= 0 && dup2(fd, 3) == 3)
                        (void)execl(path, path, what, (char *)NULL);
                _exit(127);
        }

        close(ends[1]);
        return ends[0];
}

static void peer_end(pid_t pid)
{
        int status;

        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_T(descriptors_to_the_reference, 120)
{
        struct capnp_limits l = {.fds = 4};
        unsigned before = count_fds();
        struct pair p = {0};
        pid_t pid;
        int fd = peer_start("serve", &pid);

        CHECK_OK(capnp_vat_new(&p.vat));
        CHECK_OK(capnp_conn_new(p.vat, fd, &l, NULL, &p.a));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(p.a), &p.root));
        check_all_files(&p);
        capnp_cap_unref(p.root);
        capnp_conn_unref(p.a);
        capnp_vat_free(p.vat);
        peer_end(pid);
        CHECK_EQ(count_fds(), before);
}

static void on_close(capnp_conn *c, void *arg)
{
        (void)c;
        *(bool *)arg = true;
}

TEST_T(descriptors_from_the_reference, 120)
{
        struct capnp_limits l = {.fds = 4};
        unsigned before = count_fds();
        capnp_cap *served = NULL;
        bool closed = false;
        capnp_conn *c;
        capnp_vat *v;
        pid_t pid;
        int fd = peer_start("call", &pid);

        CHECK_OK(capnp_vat_new(&v));
        CHECK_OK(capnp_cap_new_dispatch(v, look, NULL, NULL, &served));
        CHECK_OK(capnp_conn_new(v, fd, &l, served, &c));
        capnp_conn_on_close(c, on_close, &closed);
        capnp_cap_unref(served);
        while (!closed)
                run_for_ms(v, 10);
        capnp_conn_unref(c);
        capnp_vat_free(v);
        peer_end(pid);
        CHECK_EQ(count_fds(), before);
}
