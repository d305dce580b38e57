/*
 * Capabilities and Landlock.
 *
 * An instance of the superuser has all of the superuser's powers by default, and needs none: every
 * file and process it deals with is its own. The bounding set goes first, because dropping from it
 * is a power itself; without that power (a container may lack it) it stays, and no_new_privs keeps
 * a program that is started from getting back what its parent has given up.
 *
 * Landlock is an addition: the kernel may be built without it or boot without it, and `basic` has
 * to start in any container. So it takes what the kernel has. The structures are here because the
 * headers of a build are older than the kernels it runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon-powers.h"
#include "daemon-seclude.h"

_Static_assert((int)POWERS_FIND_PROGRAMS == (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH),
               "the names of the header");

/* ---- capabilities --------------------------------------------------------------------------- */

enum { HALVES = _LINUX_CAPABILITY_U32S_3 };

static int powers_get(struct __user_cap_data_struct d[HALVES])
{
        struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

        return syscall(SYS_capget, &h, d) < 0 ? -errno : 0;
}

/* As much of the bounding and ambient sets as we may. */
static void powers_bound(void)
{
        for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
                (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int daemon_powers_drop(uint64_t keep)
{
        struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[HALVES] = {0};
        uint32_t any = 0;
        int r;

        r = powers_get(d);
        if (r)
                return r;
        for (unsigned i = 0; i < HALVES; i++)
                any |= d[i].effective | d[i].permitted | d[i].inheritable;
        if (!any)
                return 0;

        powers_bound();
        for (unsigned i = 0; i < HALVES; i++) {
                uint32_t kept = d[i].permitted & (uint32_t)(keep >> 32 * i);

                d[i] = (struct __user_cap_data_struct){.effective = kept, .permitted = kept};
        }
        return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* struct landlock_ruleset_attr as it has grown. */
struct ruleset {
        uint64_t paths;
        uint64_t ports; /* from version 4 */
        uint64_t scope; /* from version 6 */
};

enum {
        PATHS_1 = (1 << 13) - 1, /* all of version 1 */
        PATHS_REFER = 1 << 13,
        PATHS_TRUNCATE = 1 << 14,
        PATHS_IOCTL = 1 << 15,
        PORTS_BIND = 1,
        PORTS = 3, /* bind, connect */
        SCOPE = 3, /* abstract sockets, signals */
        VERSION_ONLY = 1,
};

/* What a keeper of files does: no device, no program, no socket. */
enum {
        PATHS_KEEP = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                     LANDLOCK_ACCESS_FS_MAKE_REG | PATHS_REFER | PATHS_TRUNCATE,
};

static uint64_t paths_known(long version)
{
        uint64_t known = PATHS_1;

        if (version >= 2)
                known |= PATHS_REFER;
        if (version >= 3)
                known |= PATHS_TRUNCATE;
        if (version >= 5)
                known |= PATHS_IOCTL;
        return known;
}

/* The files that the C library looks hosts up in. They are opened anew each time: whoever changes
 * one puts another in its place. */
static const char *const RESOLVER[] = {DAEMON_RESOLVER_FILES};

static int path_allow(int ruleset, int fd, uint64_t access)
{
        struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};

        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0
                       ? -errno
                       : 0;
}

/* Those that are there. */
static int resolver_allow(int ruleset)
{
        int r = 0;

        for (unsigned i = 0; !r && i < sizeof(RESOLVER) / sizeof(RESOLVER[0]); i++) {
                int fd = open(RESOLVER[i], O_PATH | O_CLOEXEC);

                if (fd < 0)
                        continue;
                r = path_allow(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE);
                (void)close(fd);
        }
        return r;
}

/* A ruleset of all that this kernel knows: nothing of that is within reach then, and of ports not
 * what is said. *ret_fd is -1 where the kernel has no Landlock. 0, or -errno. */
static int ruleset_make(uint64_t ports, struct ruleset *ret_a, int *ret_fd)
{
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ONLY);
        struct ruleset a = {0};
        size_t size = sizeof(a.paths);

        *ret_fd = -1;
        if (version < 1)
                return 0;

        a.paths = paths_known(version);
        if (version >= 4) {
                a.ports = ports;
                size = sizeof(a.paths) + sizeof(a.ports);
        }
        if (version >= 6) {
                a.scope = SCOPE;
                size = sizeof(a);
        }
        *ret_a = a;
        *ret_fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
        return *ret_fd < 0 && errno != EOPNOTSUPP && errno != ENOSYS ? -errno : 0;
}

static int ruleset_enter(int ruleset, int r)
{
        if (!r && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                r = -errno;
        (void)close(ruleset);
        return r;
}

int daemon_powers_paths(int dir_fd)
{
        struct ruleset a;
        int ruleset, r = ruleset_make(PORTS, &a, &ruleset);

        if (ruleset < 0)
                return r;
        if (dir_fd >= 0)
                r = path_allow(ruleset, dir_fd, PATHS_KEEP & a.paths);
        return ruleset_enter(ruleset, r);
}

int daemon_powers_dial(void)
{
        struct ruleset a;
        int ruleset, r = ruleset_make(PORTS_BIND, &a, &ruleset);

        if (ruleset < 0)
                return r;

        return ruleset_enter(ruleset, resolver_allow(ruleset));
}
