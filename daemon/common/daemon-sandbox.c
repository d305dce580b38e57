/*
 * The confinement `basic`: what a process can do to itself, without privileges and in any
 * container. In this order: it dies with its parent; it may have no more memory, descriptors and
 * children than its role needs; it has no capability, also as the superuser; no path leads anywhere
 * but into its own folder, where the kernel can see to that; and what it asks the kernel for is in
 * the list of its role (daemon-filter.c), beyond which it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon-filter.h"
#include "daemon-powers.h"
#include "daemon-sandbox-build.h"
#include "daemon-sandbox.h"

/* ---- roles ---------------------------------------------------------------------------------- */

enum { MIB = 1024 * 1024, ADDRESS_FREE = 0 };

struct role {
        uint64_t address_bytes; /* ADDRESS_FREE: no limit */
        unsigned fds;
        bool forks;
        bool keeps;  /* files, in DAEMON_STATE_FD */
        bool forked; /* from a role whose paths are confined already */
        bool later;  /* the paths of its copies are confined, one by one */
        bool dials;  /* connects to hosts, and reads the files that hosts are looked up in */
};

static const struct role ROLES[] = {
        [ROLE_GATEWAY] =
                {.fds = 16384}, /* three for each of 4,096 that wait; fewer by its manifest */
        [ROLE_ZYGOTE] = {.fds = 1024, .forks = true},
        [ROLE_WORKER] = {.address_bytes = 512ull * MIB, .fds = 64, .forked = true},
        [ROLE_SESSIOND] = {.fds = 65536, .keeps = true},
        [ROLE_PROVER] = {.address_bytes = 256ull * MIB, .fds = 16, .forked = true},
        [ROLE_SERVICE] = {.fds = 8192},
        [ROLE_KEEPER] = {.fds = 8192, .keeps = true},
        [ROLE_SIGNER] = {.fds = 16384}, /* one for each of 8,192 connections */
        [ROLE_FETCHERS] = {.fds = 1024, .forks = true, .later = true},
        [ROLE_FETCHER] = {.address_bytes = 256ull * MIB, .fds = 32, .dials = true},
};

/* ---- limits --------------------------------------------------------------------------------- */

/* Lowers both limits to v; one that is lower already stays. */
static int limit_set(__rlimit_resource_t what, uint64_t v)
{
        struct rlimit l;

        if (getrlimit(what, &l) < 0)
                return -errno;
        if (l.rlim_max < v)
                v = l.rlim_max;

        l = (struct rlimit){.rlim_cur = v, .rlim_max = v};
        return setrlimit(what, &l) < 0 ? -errno : 0;
}

int daemon_sandbox_fds(unsigned max)
{
        return limit_set(RLIMIT_NOFILE, max);
}

static int limits_enter(const struct role *role)
{
        int r;

        r = limit_set(RLIMIT_CORE, 0);
        if (!r)
                r = limit_set(RLIMIT_NOFILE, role->fds);
        if (!r && role->address_bytes && !sandbox_build.wide_address)
                r = limit_set(RLIMIT_AS, role->address_bytes);
        if (!r && !role->forks && !sandbox_build.reports)
                r = limit_set(RLIMIT_NPROC, 0);
        return r;
}

/* ---- entering ------------------------------------------------------------------------------- */

int daemon_sandbox_parent(pid_t parent)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;

        return getppid() == parent ? 0 : -ESRCH;
}

/* A report of a sanitizer names source lines, for which files are read. */
static int paths_enter(const struct role *role)
{
        if (sandbox_build.reports || role->forked || role->later)
                return 0;
        if (role->dials)
                return daemon_powers_dial();

        return daemon_powers_paths(role->keeps ? DAEMON_STATE_FD : -1);
}

int daemon_sandbox_with(enum daemon_role role, struct daemon_filter *f)
{
        int r;

        r = daemon_sandbox_parent(getppid());
        if (!r)
                r = limits_enter(&ROLES[role]);
        if (!r)
                r = daemon_powers_drop(POWERS_NONE);
        if (r)
                return r;
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        r = paths_enter(&ROLES[role]);
        return r ? r : daemon_filter_enter(f);
}

int daemon_sandbox(enum daemon_role role)
{
        struct daemon_filter f = {0};
        int r = daemon_filter_make(role, &f);

        if (!r)
                r = daemon_sandbox_with(role, &f);
        daemon_filter_deinit(&f);
        return r;
}

bool daemon_sandbox_reports(void)
{
        return sandbox_build.reports;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

bool daemon_fd_is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

static bool fds_has(const int *fds, unsigned n, int fd)
{
        for (unsigned i = 0; i < n; i++)
                if (fds[i] == fd)
                        return true;
        return false;
}

/* Looks at the numbers from..from+CHUNK. */
static int fds_check_chunk(const int *allowed, unsigned n, int from, unsigned len, int *ret_fd)
{
        struct pollfd p[256];

        for (unsigned i = 0; i < len; i++)
                p[i] = (struct pollfd){.fd = from + (int)i};
        if (poll(p, len, 0) < 0)
                return -errno;

        for (unsigned i = 0; i < len; i++) {
                bool open = !(p[i].revents & POLLNVAL);

                if (open == fds_has(allowed, n, p[i].fd))
                        continue;
                *ret_fd = p[i].fd;
                return open ? -EEXIST : -EBADF;
        }
        return 0;
}

int daemon_check_fds(const int *allowed, unsigned n, int *ret_fd)
{
        struct rlimit l;
        unsigned max, chunk;
        int r = 0;

        /* poll() says of each number whether it is open, without a file system, and takes no more
         * at once than there may be. Beyond the limit none can be new; what is old is closed. */
        if (getrlimit(RLIMIT_NOFILE, &l) < 0)
                return -errno;

        max = l.rlim_cur > 1024 ? 1024 : (unsigned)l.rlim_cur;
        (void)close_range(max, ~0u, 0);
        chunk = max < 256 ? max : 256;
        for (unsigned at = 0; !r && at < max; at += chunk)
                r = fds_check_chunk(allowed, n, (int)at, max - at < chunk ? max - at : chunk,
                                    ret_fd);
        return r;
}
