/*
 * Namespaces, an almost empty root, and a user of one's own.
 *
 * All of it happens between fork and exec, so that no program ever runs with the powers it takes:
 * what is started finds itself with no network, a root in which there is nothing but what it needs
 * to be loaded, and a number that owns nothing but its state directory. Descriptors are in place by
 * then; they go on to mean what they meant.
 *
 * The order matters. Mounts are copied first, by descriptors, since the new root is put where some
 * of them are; they are made read-only where they land. The user changes last: everything before
 * takes the superuser's powers, real ones, or those over a user namespace of one's own.
 *
 * There is no PID namespace: its first process would be the parent of all and the end of all. No
 * process of ours can name another one anyway, by what it may call and because it sees no /proc. A
 * program that is not ours, and may call what it likes, has one (daemon-spawn.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-sandbox-build.h"
#include "daemon-seclude.h"

/* Where the new root is put for a moment: any directory that is always there. */
static const char STAGE[] = "/usr";
static const char STATE[] = "/state";

/* What a program needs to be loaded and to start. Those that are not there are left out. */
static const char *const SYSTEM[] = {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache",
};
/* Reports of a sanitizer and its start look here. */
static const char PROC[] = "/proc";
/* For who connects to hosts: what those are looked up in, and who vouches for them. Behind links.
 */
static const char *const RESOLVER[] = {DAEMON_RESOLVER_FILES, "/etc/ssl/certs/ca-certificates.crt"};
static const char *const DEVICES[] = {"/dev/null", "/dev/urandom"};

enum {
        NSYSTEM = sizeof(SYSTEM) / sizeof(*SYSTEM),
        NDEVICES = sizeof(DEVICES) / sizeof(*DEVICES),
        NRESOLVER = sizeof(RESOLVER) / sizeof(*RESOLVER),
        MOUNTS = NSYSTEM + NDEVICES + NRESOLVER + 3,
        SEPARATE = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
};

/* One thing of the old root, on its way into the new one. */
struct carried {
        const char *path; /* the same in both */
        char link[64];    /* it is a symbolic link, to this; or "" */
        int tree;         /* a copy of its mount; -1: a link */
        bool folder;
        uint64_t attributes;
};

/* ---- namespaces ----------------------------------------------------------------------------- */

static int file_put(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

        if (fd < 0)
                return -errno;
        if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
                r = -errno;
        (void)close(fd);
        return r;
}

/* And everybody else is nobody. */
int daemon_seclude_users(uid_t uid, gid_t gid)
{
        char text[64];
        int r;

        r = file_put("/proc/self/setgroups", "deny");
        if (r)
                return r;

        snprintf(text, sizeof(text), "%u %u 1", uid, uid);
        r = file_put("/proc/self/uid_map", text);
        if (r)
                return r;

        snprintf(text, sizeof(text), "%u %u 1", gid, gid);
        return file_put("/proc/self/gid_map", text);
}

static int namespaces_enter(bool network)
{
        uid_t uid = geteuid();
        gid_t gid = getegid();
        int r = 0;

        if (unshare(SEPARATE | (network ? 0 : CLONE_NEWNET) | (uid ? CLONE_NEWUSER : 0)) < 0)
                return -errno;
        if (uid)
                r = daemon_seclude_users(uid, gid);
        if (r)
                return r;

        /* What is mounted here stays here. */
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* ---- the new root --------------------------------------------------------------------------- */

static int carried_init(struct carried *c, const char *path, uint64_t attributes)
{
        struct stat st;
        ssize_t n;

        *c = (struct carried){.path = path, .tree = -1, .attributes = attributes};
        if (lstat(path, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode)) {
                n = readlink(path, c->link, sizeof(c->link) - 1);
                return n < 0 ? -errno : 0;
        }
        c->folder = S_ISDIR(st.st_mode);
        c->tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        return c->tree < 0 ? -errno : 0;
}

/* What is there behind all links, where the first of them is. */
static int carried_init_file(struct carried *c, const char *path)
{
        *c = (struct carried){.path = path,
                              .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                            MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
        c->tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        return c->tree < 0 ? -errno : 0;
}

/*
 * The state directory, known by its descriptor. That is of a mount of the old namespace, which
 * cannot be copied into this one; its path leads to the same directory here, or there is none.
 */
static int carried_init_state(struct carried *c, int fd)
{
        char link[32], path[PATH_MAX];
        struct stat was, is;
        ssize_t n;

        *c = (struct carried){.path = STATE,
                              .folder = true,
                              .attributes =
                                      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0 || fstat(fd, &was) < 0)
                return -errno;

        path[n] = '\0';
        c->tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (c->tree < 0 || fstat(c->tree, &is) < 0)
                return -errno;

        return was.st_dev == is.st_dev && was.st_ino == is.st_ino ? 0 : -ESTALE;
}

/* The folders above a path, within the new root. */
static int stage_make_above(int root, const char *path)
{
        char above[PATH_MAX];

        snprintf(above, sizeof(above), "%s", path + 1);
        for (char *slash = strchr(above, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdirat(root, above, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* Something for it to be mounted on. */
static int stage_make(int root, const struct carried *c)
{
        int fd;

        if (c->folder)
                return mkdirat(root, c->path + 1, 0755) < 0 && errno != EEXIST ? -errno : 0;

        fd = openat(root, c->path + 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
        return fd < 0 || close(fd) < 0 ? -errno : 0;
}

static int carried_place(const struct carried *c, int root)
{
        struct mount_attr a = {.attr_set = c->attributes};
        int r;

        r = stage_make_above(root, c->path);
        if (r)
                return r;
        if (c->tree < 0)
                return symlinkat(c->link, root, c->path + 1) < 0 ? -errno : 0;

        r = stage_make(root, c);
        if (r)
                return r;

        if (mount_setattr(c->tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)) < 0 ||
            move_mount(c->tree, "", root, c->path + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;

        (void)close(c->tree);
        return 0;
}

static bool is_below(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

/* What of the old root goes along. folder: the program's. */
static int root_gather(struct carried *c, unsigned *ret_n, const char *folder, int state_fd,
                       bool network)
{
        const uint64_t fixed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
        unsigned n = 0;
        int r = 0;

        for (unsigned i = 0; !r && i < NSYSTEM; i++) {
                r = carried_init(&c[n], SYSTEM[i], fixed | MOUNT_ATTR_NODEV);
                n += !r;
                r = r == -ENOENT ? 0 : r;
        }
        for (unsigned i = 0; !r && i < NDEVICES; i++) {
                r = carried_init(&c[n], DEVICES[i], MOUNT_ATTR_NOSUID);
                n += !r;
        }
        for (unsigned i = 0; !r && network && i < NRESOLVER; i++) {
                r = carried_init_file(&c[n], RESOLVER[i]);
                n += !r;
                r = r == -ENOENT ? 0 : r;
        }
        if (!r && sandbox_build.reports)
                r = carried_init(&c[n++], PROC, MOUNT_ATTR_NOSUID);
        if (!r && folder[0] && !is_below(folder, STAGE))
                r = carried_init(&c[n++], folder, fixed | MOUNT_ATTR_NODEV);
        if (!r && state_fd >= 0)
                r = carried_init_state(&c[n++], state_fd);
        *ret_n = n;
        return r;
}

static int root_mount(const struct carried *c, unsigned n)
{
        int root, r = 0;

        if (mount("none", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
                return -errno;

        root = open(STAGE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return -errno;
        for (unsigned i = 0; !r && i < n; i++)
                r = carried_place(&c[i], root);
        if (!r && fchdir(root) < 0)
                r = -errno;
        (void)close(root);
        return r;
}

/* We are in the new root's folder: makes it the root, without the old one. */
static int root_change(void)
{
        struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC};

        if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0 || mount_setattr(AT_FDCWD, "/", 0, &a, sizeof(a)) < 0)
                return -errno;

        return 0;
}

/* The state directory as it is in the new root, at its number. */
static int state_reopen(int state_fd)
{
        int fd = open(STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || dup3(fd, state_fd, 0) < 0)
                return -errno;

        (void)close(fd);
        return 0;
}

static int root_enter(const char *program, int state_fd, bool network)
{
        struct carried carried[MOUNTS];
        char folder[PATH_MAX];
        mode_t mask = umask(0);
        unsigned n;
        int r;

        snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(program, '/') - program), program);
        r = root_gather(carried, &n, folder, state_fd, network);
        if (!r)
                r = root_mount(carried, n);
        if (!r)
                r = root_change();
        (void)umask(mask);
        return r || state_fd < 0 ? r : state_reopen(state_fd);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int user_become(uid_t user)
{
        if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
            setresuid(user, user, user) < 0)
                return -errno;

        return 0;
}

int daemon_seclude(const struct daemon_seclusion *s, const char *program, int state_fd)
{
        int r = 0;

        if (s->namespaces && (geteuid() == 0 || !s->sees_users)) {
                r = namespaces_enter(s->network);
                if (!r)
                        r = root_enter(program, state_fd, s->network);
        }
        if (!r && s->user && geteuid() == 0)
                r = user_become(s->user);
        return r;
}

/* ---- what can be had ------------------------------------------------------------------------ */

/* Whether a child that does this comes to a good end. */
static bool try_in_child(const struct daemon_seclusion *s)
{
        int status = 1;
        pid_t pid = fork();

        if (pid < 0)
                return false;
        if (!pid)
                _exit(daemon_seclude(s, "/usr/bin/true", -1) ? 1 : 0);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

unsigned daemon_layers_probe(uid_t first_user)
{
        const struct daemon_seclusion namespaces = {.namespaces = true};
        const struct daemon_seclusion user = {.user = first_user};
        unsigned layers = 0;

        if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0)
                layers |= LAYER_PATHS;
        if (try_in_child(&namespaces))
                layers |= LAYER_NAMESPACES;
        if (try_in_child(&user))
                layers |= LAYER_USERS;
        return layers;
}

const char *daemon_layer_name(enum daemon_layer layer)
{
        switch (layer) {
        case LAYER_PATHS:
                return "paths";
        case LAYER_NAMESPACES:
                return "namespaces";
        case LAYER_USERS:
                return "users";
        }
        return "";
}
