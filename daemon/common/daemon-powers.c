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
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon-powers.h"

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

static int paths_enter(int ruleset, int dir_fd, uint64_t known)
{
        struct landlock_path_beneath_attr beneath = {.allowed_access = PATHS_KEEP & known,
                                                     .parent_fd = dir_fd};

        if (dir_fd >= 0 &&
            syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
                return -errno;

        return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

int daemon_powers_paths(int dir_fd)
{
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ONLY);
        struct ruleset a = {0};
        size_t size = sizeof(a.paths);
        int ruleset, r;

        if (version < 1)
                return 0;

        a.paths = paths_known(version);
        if (version >= 4) {
                a.ports = PORTS;
                size = sizeof(a.paths) + sizeof(a.ports);
        }
        if (version >= 6) {
                a.scope = SCOPE;
                size = sizeof(a);
        }
        ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
        if (ruleset < 0)
                return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;

        r = paths_enter(ruleset, dir_fd, a.paths);
        (void)close(ruleset);
        return r;
}
