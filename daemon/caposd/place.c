/*
 * Where an instance is: a directory of its own. (Where clients find it: listen.c.)
 *
 * The directory belongs to one instance at a time, by a lock that the kernel gives up for us
 * however we end. Nobody else may look into it: it is made with mode 0700, and one that others may
 * enter is refused, for the admin socket in it gives away everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "daemon-log.h"
#include "place.h"

static const char ADMIN[] = "admin.sock";

/* ---- the directory -------------------------------------------------------------------------- */

int place_path(const struct options *o, char *path, size_t size)
{
        const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        int n;

        if (o->state)
                n = snprintf(path, size, "%s", o->state);
        else if (geteuid() == 0)
                n = snprintf(path, size, "/var/lib/capos");
        else if (xdg && xdg[0] == '/')
                n = snprintf(path, size, "%s/capos", xdg);
        else if (home && home[0] == '/')
                n = snprintf(path, size, "%s/.local/state/capos", home);
        else
                return -ENOENT;
        return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Makes a directory and those above it. */
static int directory_make(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EISDIR && errno != EROFS) {
                        *slash = '/';
                        return -errno;
                }
                *slash = '/';
        }
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int directory_open(struct place *p, uid_t first_user)
{
        struct stat st;

        p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p->dir < 0 || fstat(p->dir, &st) < 0)
                return -errno;
        if (!confine_may_be_ours(first_user, st.st_uid) || (st.st_mode & 077)) {
                daemon_log(LOG_ERR,
                           "%s: others may enter it; it must be yours, and of mode 0700: chmod 700 "
                           "%s, or another folder by --state",
                           p->path, p->path);
                return -EPERM;
        }
        return 0;
}

static int directory_lock(struct place *p)
{
        p->lock = openat(p->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (p->lock < 0)
                return -errno;
        if (flock(p->lock, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;

        return 0;
}

/* The path without what a relative one stands on: it will be told to others. */
static int directory_resolve(struct place *p)
{
        char *real = realpath(p->path, NULL);
        int n;

        if (!real)
                return -errno;

        n = snprintf(p->path, sizeof(p->path), "%s", real);
        free(real);
        return n > 0 && (size_t)n < sizeof(p->path) ? 0 : -ENAMETOOLONG;
}

static int place_open_directory(struct place *p, const struct options *o, uid_t first_user)
{
        int r;

        r = place_path(o, p->path, sizeof(p->path));
        if (r == -ENOENT) {
                daemon_log(LOG_ERR,
                           "where shall the state be kept? HOME and XDG_STATE_HOME are not "
                           "set: --state DIR");
                return r;
        }
        if (!r)
                r = directory_make(p->path);
        if (!r)
                r = directory_resolve(p);
        if (!r)
                r = directory_open(p, first_user);
        if (!r)
                r = directory_lock(p);
        if (r == -EBUSY)
                daemon_log(LOG_ERR,
                           "%s: another instance is using it: end that, or give another folder by "
                           "--state",
                           p->path);
        else if (r)
                daemon_log(LOG_ERR, "state directory %s: %s", p->path, capnp_strerror(r));
        return r;
}

static int place_open_admin(struct place *p)
{
        struct capos_io_address a = {.len = sizeof(a.u.un), .u.un.sun_family = AF_UNIX};
        int n, r;

        n = snprintf(a.u.un.sun_path, sizeof(a.u.un.sun_path), "%s/%s", p->path, ADMIN);
        r = n > 0 && (size_t)n < sizeof(a.u.un.sun_path) ? 0 : -ENAMETOOLONG;
        if (!r)
                r = capos_io_socket_listen(&a, SOCK_STREAM, 0600, &p->admin);
        if (r)
                daemon_log(LOG_ERR, "%s/%s: %s", p->path, ADMIN, capnp_strerror(r));
        return r;
}

int place_service(const struct place *p, const char *name, int *ret_fd)
{
        int all, fd;

        if (mkdirat(p->dir, "services", 0700) < 0 && errno != EEXIST)
                return -errno;

        all = openat(p->dir, "services", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (all < 0)
                return -errno;

        fd = mkdirat(all, name, 0700) < 0 && errno != EEXIST ? -1 : 0;
        if (!fd)
                fd = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                fd = -errno;
        (void)close(all);
        if (fd < 0)
                return fd;

        *ret_fd = fd;
        return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static const struct place NOWHERE = {.dir = -1, .lock = -1, .admin = -1, .diag = -1};

int place_open(struct place *p, const struct options *o, uid_t first_user)
{
        int r;

        *p = NOWHERE;
        r = place_open_directory(p, o, first_user);
        if (!r)
                r = listen_open(p, o);
        if (!r)
                r = place_open_admin(p);
        if (r) {
                place_close(p);
                return r;
        }

        if (!o->check)
                daemon_log(LOG_INFO, "admin socket %s/%s", p->path, ADMIN);
        return 0;
}

void place_close(struct place *p)
{
        const int fds[] = {p->admin, p->lock, p->dir};

        listen_close(p);
        if (p->admin >= 0)
                (void)unlinkat(p->dir, ADMIN, 0);
        for (unsigned i = 0; i < 3; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        *p = NOWHERE;
}
