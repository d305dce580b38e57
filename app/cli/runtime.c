/*
 * The folder with the sockets of agents: $XDG_RUNTIME_DIR/capos, one socket a login, named by its
 * alias.
 *
 * Whoever can connect to such a socket has the session. So the folder must belong to this user and
 * be closed to all others, or nothing is done; it is never looked for anywhere else, least of all
 * in /tmp. And since a folder can be set up wrongly, both ends also ask the kernel whose process
 * the other one is.
 *
 * The admin socket of an instance is connected to here as well. It is another kind of trust: not
 * who acts for us, but whom we administer.
 */
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char suffix[] = ".sock";
static const char instance[] = "instance-"; /* what an instance listens on is here, too */

static int folder_check(const struct cli *c, const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s is not a folder", path);
        if (st.st_uid != geteuid())
                return cli_fail(c, EXIT_FAILED, "runtime-dir",
                                "%s belongs to another user: sessions are not kept there", path);
        if (st.st_mode & 077)
                return cli_fail(c, EXIT_FAILED, "runtime-dir",
                                "%s is open to other users (mode %03o): chmod 700 %s", path,
                                st.st_mode & 0777, path);
        return EXIT_OK;
}

/* Where the folder is. 0; -ENOENT: nobody has said; -ENAMETOOLONG. */
static int runtime_folder_path(const struct cli *c, char *to, size_t room)
{
        const char *base = secure_getenv("XDG_RUNTIME_DIR");
        int n;

        if (c->runtime)
                n = snprintf(to, room, "%s", c->runtime);
        else if (base && *base == '/')
                n = snprintf(to, room, "%s/capos", base);
        else
                return -ENOENT;
        return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

/* The folder, checked; made when create. An exit code. */
static int runtime_folder(const struct cli *c, bool create, char *to, size_t room)
{
        int r = runtime_folder_path(c, to, room);

        if (r == -ENOENT)
                return cli_fail(
                        c, EXIT_FAILED, "runtime-dir",
                        "XDG_RUNTIME_DIR is not set, so there is no safe place for sessions: "
                        "set it to a folder of mode 700 that is yours, or use --runtime");
        if (r)
                return cli_fail(c, EXIT_FAILED, "runtime-dir",
                                "the runtime folder's path is too long");
        if (create && mkdir(to, 0700) < 0 && errno != EEXIST)
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s: %s", to, strerror(errno));
        if (!create && access(to, F_OK) < 0)
                return EXIT_OK;
        return folder_check(c, to);
}

int runtime_make_folders(const char *path)
{
        char some[PATH_MAX];
        int n = snprintf(some, sizeof(some), "%s", path);

        if (n <= 0 || (size_t)n >= sizeof(some))
                return -ENAMETOOLONG;
        for (char *p = some + 1;; *p++ = '/') {
                p += strcspn(p, "/");
                if (!*p)
                        break;
                *p = 0;
                (void)mkdir(some, 0700); /* what is wrong with it, the last one says */
        }
        return mkdir(some, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int runtime_socket(const struct cli *c, const char *alias, bool create, char *to, size_t room)
{
        char folder[RUNTIME_PATH];
        int n, r = runtime_folder(c, create, folder, sizeof(folder));

        if (r)
                return r;
        if (!*alias || *alias == '.' || !strncmp(alias, instance, sizeof(instance) - 1) ||
            strchr(alias, '/') || strlen(alias) > 64)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: an alias has 1 to 64 characters, no slash, no dot and no "
                                "`instance-` in front",
                                alias);

        n = snprintf(to, room, "%s/%s%s", folder, alias, suffix);
        if (n < 0 || (size_t)n >= room || (size_t)n >= RUNTIME_PATH)
                return cli_fail(c, EXIT_FAILED, "runtime-dir",
                                "%s/%s: too long for a socket: choose a short name by --as", folder,
                                alias);
        return EXIT_OK;
}

static int alias_compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

int runtime_list(const struct cli *c, struct runtime_aliases *ret)
{
        char folder[RUNTIME_PATH];
        struct dirent *e;
        DIR *d;
        int r;

        ret->n = 0;
        r = runtime_folder(c, false, folder, sizeof(folder));
        if (r)
                return r;

        d = opendir(folder);
        while (d && (e = readdir(d)) && ret->n < RUNTIME_ALIASES) {
                size_t len = strlen(e->d_name), end = sizeof(suffix) - 1;

                if (len <= end || len - end >= RUNTIME_PATH || e->d_name[0] == '.' ||
                    !strncmp(e->d_name, instance, sizeof(instance) - 1) ||
                    strcmp(e->d_name + len - end, suffix) != 0)
                        continue;
                memcpy(ret->name[ret->n], e->d_name, len - end);
                ret->name[ret->n++][len - end] = 0;
        }
        if (d)
                (void)closedir(d);
        qsort(ret->name, ret->n, sizeof(ret->name[0]), alias_compare);
        return EXIT_OK;
}

/* ---- desks ---------------------------------------------------------------------------------- */

/* "…/capos" to "…/capos.agents", which no name of a login can be. An exit code. */
int runtime_desk_folder(const struct cli *c, bool create, char *to, size_t room)
{
        char folder[RUNTIME_PATH];
        int n, r = runtime_folder(c, create, folder, sizeof(folder));

        if (r)
                return r;
        n = snprintf(to, room, "%s.agents", folder);
        if (n < 0 || (size_t)n >= room)
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s: too long", folder);
        if (create && mkdir(to, 0700) < 0 && errno != EEXIST)
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s: %s", to, strerror(errno));
        return access(to, F_OK) < 0 && !create ? EXIT_OK : folder_check(c, to);
}

int runtime_desk(const struct cli *c, pid_t pid, char *to, size_t room)
{
        char folder[RUNTIME_PATH];
        int n, r = runtime_desk_folder(c, true, folder, sizeof(folder));

        if (r)
                return r;
        n = snprintf(to, room, "%s/%d%s", folder, (int)pid, suffix);
        if (n < 0 || (size_t)n >= room || (size_t)n >= RUNTIME_PATH)
                return cli_fail(c, EXIT_FAILED, "runtime-dir", "%s: too long for a socket", folder);
        return EXIT_OK;
}

int runtime_desks(const struct cli *c, struct runtime_desks *ret)
{
        char folder[RUNTIME_PATH];
        struct dirent *e;
        DIR *d;
        int r = runtime_desk_folder(c, false, folder, sizeof(folder));

        ret->n = 0;
        if (r)
                return r;
        d = opendir(folder);
        while (d && (e = readdir(d)) && ret->n < RUNTIME_ALIASES) {
                int n = snprintf(ret->path[ret->n], RUNTIME_PATH, "%s/%s", folder, e->d_name);

                if (e->d_name[0] != '.' && n > 0 && n < RUNTIME_PATH)
                        ret->n++;
        }
        if (d)
                (void)closedir(d);
        qsort(ret->path, ret->n, sizeof(ret->path[0]), alias_compare);
        return EXIT_OK;
}

/* ---- notes -------------------------------------------------------------------------------- */

/* "…/capos/work.sock" to the folder "…/capos.ended". */
static void note_folder(const char *folder, size_t len, char *to, size_t room)
{
        while (len > 1 && folder[len - 1] == '/')
                len--;
        (void)snprintf(to, room, "%.*s.ended", (int)len, folder);
}

void runtime_note_write(const char *path, const char *why)
{
        const char *name = strrchr(path, '/');
        char folder[RUNTIME_PATH + 16], note[2 * RUNTIME_PATH + 16];
        int fd;

        if (!name)
                return;
        note_folder(path, (size_t)(name - path), folder, sizeof(folder));
        (void)snprintf(note, sizeof(note), "%s/%.*s", folder,
                       (int)(strlen(name + 1) - (sizeof(suffix) - 1)), name + 1);
        (void)unlink(note);
        if (!*why || (mkdir(folder, 0700) < 0 && errno != EEXIST))
                return;
        fd = open(note, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return;
        (void)dprintf(fd, "%s\n", why);
        (void)close(fd);
}

/* One note, when it is later than *at_ms. */
static bool note_read(const char *folder, const char *alias, char *ret_why, uint64_t *at_ms)
{
        char note[2 * RUNTIME_PATH + 300];
        struct stat st;
        uint64_t ms;
        FILE *f;
        int fd;

        (void)snprintf(note, sizeof(note), "%s/%s", folder, alias);
        fd = open(note, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        f = fd < 0 ? NULL : fdopen(fd, "r");
        if (!f)
                return false;
        ms = fstat(fd, &st) < 0
                     ? 0
                     : (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / 1000000;
        if (ms <= *at_ms || st.st_uid != geteuid() || !fgets(ret_why, RUNTIME_WHY, f)) {
                (void)fclose(f);
                return false;
        }
        (void)fclose(f);
        ret_why[strcspn(ret_why, "\n")] = 0;
        *at_ms = ms;
        return true;
}

bool runtime_note_read(const struct cli *c, const char *alias, char *ret_alias, char *ret_why,
                       uint64_t *ret_at_ms)
{
        char sockets[RUNTIME_PATH], folder[RUNTIME_PATH + 16];
        struct dirent *e;
        bool found = false;
        DIR *d;

        *ret_at_ms = 0;
        if (runtime_folder_path(c, sockets, sizeof(sockets)))
                return false;
        note_folder(sockets, strlen(sockets), folder, sizeof(folder));
        if (alias) {
                (void)snprintf(ret_alias, RUNTIME_PATH, "%s", alias);
                return note_read(folder, alias, ret_why, ret_at_ms);
        }
        d = opendir(folder);
        while (d && (e = readdir(d))) {
                if (e->d_name[0] == '.' || strlen(e->d_name) >= RUNTIME_PATH ||
                    !note_read(folder, e->d_name, ret_why, ret_at_ms))
                        continue;
                (void)snprintf(ret_alias, RUNTIME_PATH, "%s", e->d_name);
                found = true;
        }
        if (d)
                (void)closedir(d);
        return found;
}

/* ---- connecting --------------------------------------------------------------------------- */

static bool peer_read(int fd, struct ucred *ret_u)
{
        socklen_t len = sizeof(*ret_u);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_u, &len) == 0;
}

bool runtime_peer_is_us(int fd)
{
        struct ucred u;

        return peer_read(fd, &u) && u.uid == geteuid();
}

/* Whether a user owns the folder that a socket is in. */
static bool folder_is_of(const char *path, uid_t uid)
{
        char folder[RUNTIME_PATH];
        const char *end = strrchr(path, '/');
        struct stat st;

        (void)snprintf(folder, sizeof(folder), "%.*s", end ? (int)(end - path) + 1 : 1,
                       end ? path : ".");
        return stat(folder, &st) == 0 && st.st_uid == uid;
}

static bool peer_is_right(int fd, const char *path, enum runtime_trust trust, pid_t *ret_pid)
{
        struct ucred u;

        if (!peer_read(fd, &u))
                return false;
        *ret_pid = u.pid;
        if (u.uid == geteuid())
                return true;
        return trust == RUNTIME_INSTANCE && geteuid() == 0 && folder_is_of(path, u.uid);
}

const struct capnp_limits runtime_limits = {.wipe = true};

int runtime_connect(const char *path, enum runtime_trust trust, int *ret_fd, pid_t *ret_pid)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        pid_t pid = 0;
        int fd, r = 0;

        if (strlen(path) >= sizeof(un.sun_path))
                return -ENAMETOOLONG;

        memcpy(un.sun_path, path, strlen(path));
        /* Not blocking: where nobody accepts, the queue may be full, and connecting would wait. */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
                r = -errno;
        else if (!peer_is_right(fd, path, trust, &pid))
                r = -EPERM;
        if (!r) {
                *ret_fd = fd;
                *ret_pid = pid;
                return 0;
        }
        (void)close(fd);
        /* Its agent was killed: nobody will ever answer there. */
        if (r == -ECONNREFUSED && trust == RUNTIME_AGENT)
                (void)unlink(path);
        return r;
}
