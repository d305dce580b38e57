/*
 * Where clients connect: TCP addresses and Unix sockets. Each address says its transport.
 *
 * What is plain can be read and changed by whoever is between: it is for loopback addresses only.
 * A port that somebody else has is an error, and no other is taken in its place: clients go where
 * they always go, and whoever listens there gets their passwords.
 *
 * Beside TCP there is a Unix socket, which needs no port, and where the kernel says which user is
 * on the other side: of a client to us, and of us to a client. It is named by the TCP port, so that
 * who knows the one finds the other: /run/capos/instance-2327.sock, or for an instance of an
 * ordinary user $XDG_RUNTIME_DIR/capos/instance-2327.sock. Anybody who can get to the file may
 * connect, as to a port. Nobody but us can have put it there: its folder is ours.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon-diag.h"
#include "daemon-log.h"
#include "daemon-source.h"
#include "place.h"
#include "tls-fingerprint.h"

static const char DEFAULT_LISTEN[] = "127.0.0.1:2327";

enum { SOCKET_MODE = 0666, SWEEP_S = 60, SWEEP_MAX = 256 };

static bool listening_is_unix(const struct listening *l)
{
        return l->transport == CAPOS_TRANSPORT_UNIX;
}

/* ---- one ------------------------------------------------------------------------------------ */

/* Adds a listener at an address. 0, or -errno. */
static int listen_add(struct place *p, enum capos_transport t, const struct capos_io_address *a)
{
        struct listening *l = &p->listeners[p->nlisteners];
        struct stat st;
        int r;

        r = capos_io_socket_listen(a, SOCK_STREAM, SOCKET_MODE, &l->fd);
        if (r)
                return r;

        p->nlisteners++;
        l->transport = t;
        l->address = *a;
        if (!listening_is_unix(l))
                return capos_io_socket_address(l->fd, &l->address);
        if (lstat(a->u.un.sun_path, &st) < 0)
                return -errno;

        l->dev = st.st_dev;
        l->ino = st.st_ino;
        return 0;
}

/* Whether an address may have its transport. 0; -errno: no, and said so. */
static int listen_check(const char *text, const struct capos_address *where,
                        const struct capos_io_addresses *all)
{
        const struct capos_io_address *first = &all->a[0];

        if (where->transport == CAPOS_TRANSPORT_UNIX) {
                if (first->u.un.sun_path[0] == '/')
                        return 0;
                daemon_log(LOG_ERR, "--listen %s: the path must begin with a slash", text);
                return -EINVAL;
        }
        if (where->transport == CAPOS_TRANSPORT_TLS)
                return 0;
        for (unsigned i = 0; i < all->n; i++)
                if (!source_is_loopback(&all->a[i])) {
                        daemon_log(LOG_ERR,
                                   "--listen %s: others can reach this address, and what is plain "
                                   "can be read by them: use tls:, or a loopback address",
                                   text);
                        return -EPERM;
                }
        return 0;
}

/* Why there can be no socket at a path, and what helps. */
static const char *listen_obstacle(const char *path)
{
        struct stat st;

        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
                return "a symbolic link is in its place: remove that";
        if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
                return "something that is no socket is in its place: remove that";
        return "an instance listens there already: end that, or choose another place";
}

static void listen_complain(const char *text, int r)
{
        if (r == -EADDRINUSE && !strncmp(text, "unix:", 5))
                daemon_log(LOG_ERR, "--listen %s: %s", text, listen_obstacle(text + 5));
        else if (r == -EADDRINUSE)
                daemon_log(LOG_ERR,
                           "--listen %s: %s: clients must not be led to whoever has it; end that, "
                           "or have a free port chosen by --listen 127.0.0.1:0",
                           text, capnp_strerror(r));
        else
                daemon_log(LOG_ERR, "--listen %s: %s", text, capnp_strerror(r));
}

/* At the first address that this machine has: a kernel may be without IPv6. */
static int listen_add_first(struct place *p, enum capos_transport t,
                            const struct capos_io_addresses *all)
{
        int r = -EADDRNOTAVAIL;

        for (unsigned i = 0; i < all->n && (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT); i++)
                r = listen_add(p, t, &all->a[i]);
        return r;
}

static int listen_open_one(struct place *p, const char *text)
{
        struct capos_io_addresses all;
        struct capos_address where;
        const char *why = "";
        int r;

        if (capos_address_parse(text, CAPOS_ADDRESS_LISTEN, &where, &why)) {
                daemon_log(LOG_ERR, "--listen %s: %s", text, why);
                return -EINVAL;
        }
        r = capos_io_address_parse(where.where, true, &all);
        if (r) {
                daemon_log(LOG_ERR, "--listen %s: %s", text, capnp_strerror(r));
                return -EINVAL;
        }
        r = listen_check(text, &where, &all);
        if (r)
                return r;

        r = listen_add_first(p, where.transport, &all);
        if (r)
                listen_complain(text, r);
        return r;
}

/* ---- the Unix socket beside a port ---------------------------------------------------------- */

/* The folder it is in, ours and nobody else's to write to. 0; -ENOENT: there can be none; -errno.
 */
static int default_folder(char *path, size_t size)
{
        const char *base = getenv("XDG_RUNTIME_DIR");
        bool root = geteuid() == 0;
        struct stat st;
        int n;

        if (!root && (!base || base[0] != '/'))
                return -ENOENT;

        n = snprintf(path, size, "%s/capos", root ? "/run" : base);
        if (n < 0 || (size_t)n >= size)
                return -ENAMETOOLONG;
        if (mkdir(path, 0700) == 0 && root && chmod(path, 0755) < 0)
                return -errno;
        if (lstat(path, &st) < 0)
                return -errno;

        return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) ? 0 : -EPERM;
}

/* Removes a socket that its instance has left behind: nobody listens, and not because it has only
 * just been made. */
static void default_sweep_one(const char *folder, const char *name)
{
        struct capos_io_address a = {.len = sizeof(a.u.un), .u.un.sun_family = AF_UNIX};
        struct stat st;
        int fd = -1, n, r;

        n = snprintf(a.u.un.sun_path, sizeof(a.u.un.sun_path), "%s/%s", folder, name);
        if (n < 0 || (size_t)n >= sizeof(a.u.un.sun_path) || lstat(a.u.un.sun_path, &st) < 0 ||
            !S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || time(NULL) - st.st_mtime < SWEEP_S)
                return;

        r = capos_io_socket_connect(&a, SOCK_STREAM, &fd);
        if (fd >= 0)
                (void)close(fd);
        if (r == -ECONNREFUSED)
                (void)unlink(a.u.un.sun_path);
}

static void default_sweep(const char *folder)
{
        unsigned left = SWEEP_MAX;
        struct dirent *e;
        DIR *d = opendir(folder);

        while (d && left && (e = readdir(d))) {
                if (strncmp(e->d_name, "instance-", 9) != 0)
                        continue;
                default_sweep_one(folder, e->d_name);
                left--;
        }
        if (d)
                (void)closedir(d);
}

/* Only a comfort: without it there is still the port. */
static void listen_open_default(struct place *p)
{
        struct capos_io_address a = {.len = sizeof(a.u.un), .u.un.sun_family = AF_UNIX};
        char folder[PATH_MAX] = "";
        int n, r;

        r = default_folder(folder, sizeof(folder));
        if (r == -ENOENT)
                return;
        if (!r) {
                default_sweep(folder);
                n = snprintf(a.u.un.sun_path, sizeof(a.u.un.sun_path), "%s/instance-%u.sock",
                             folder, capos_io_address_port(&p->listeners[0].address));
                r = n > 0 && (size_t)n < sizeof(a.u.un.sun_path) ? 0 : -ENAMETOOLONG;
        }
        if (!r)
                r = listen_add(p, CAPOS_TRANSPORT_UNIX, &a);
        if (!r)
                p->listeners[p->nlisteners - 1].unasked = true;
        else
                daemon_log(LOG_NOTICE, "no Unix socket beside the port: %s: %s",
                           *a.u.un.sun_path ? a.u.un.sun_path : folder,
                           r == -EADDRINUSE ? listen_obstacle(a.u.un.sun_path) : capnp_strerror(r));
}

/* ---- all ------------------------------------------------------------------------------------ */

/* Whom clients are counted under depends on it (daemon-source.c). */
static void listen_open_diag(struct place *p)
{
        int r = 0;

        for (unsigned i = 0; p->diag < 0 && !r && i < p->nlisteners; i++)
                if (!listening_is_unix(&p->listeners[i]))
                        r = daemon_diag_open(p->listeners[i].fd, &p->diag);
        if (r)
                daemon_log(LOG_NOTICE,
                           "the kernel does not say who connects (%s): all users of this machine "
                           "count as one, unless they use a Unix socket",
                           capnp_strerror(r));
}

int listen_open(struct place *p, const struct options *o)
{
        bool tcp = true;
        int r = 0;

        if (!o->nlisten)
                r = listen_open_one(p, DEFAULT_LISTEN);
        for (unsigned i = 0; !r && i < o->nlisten; i++)
                r = listen_open_one(p, o->listen[i]);
        if (r)
                return r;

        for (unsigned i = 0; i < p->nlisteners; i++)
                tcp = tcp && !listening_is_unix(&p->listeners[i]);
        if (tcp)
                listen_open_default(p);
        listen_open_diag(p);
        return 0;
}

bool listen_is_exposed(const struct place *p)
{
        for (unsigned i = 0; i < p->nlisteners; i++)
                if (!listening_is_unix(&p->listeners[i]) &&
                    !source_is_loopback(&p->listeners[i].address))
                        return true;
        return false;
}

void listen_close(struct place *p)
{
        struct stat st;

        for (unsigned i = 0; i < p->nlisteners; i++) {
                const struct listening *l = &p->listeners[i];
                const char *path = l->address.u.un.sun_path;

                if (listening_is_unix(l) && lstat(path, &st) == 0 && st.st_dev == l->dev &&
                    st.st_ino == l->ino)
                        (void)unlink(path);
                (void)close(l->fd);
        }
        if (p->diag >= 0)
                (void)close(p->diag);
        p->nlisteners = 0;
        p->diag = -1;
}

/* HOST:PORT as clients write it: of a listener on all addresses, by the machine's name. */
static void listening_where(const struct listening *l, char text[static CAPOS_IO_ADDRESS_TEXT])
{
        char name[HOST_NAME_MAX + 1];

        capos_io_address_format(&l->address, text);
        if (listening_is_unix(l) || !source_is_any(&l->address) || gethostname(name, sizeof(name)))
                return;

        snprintf(text, CAPOS_IO_ADDRESS_TEXT, "%.*s:%u", (int)sizeof(name), name,
                 capos_io_address_port(&l->address));
}

void listening_format(const struct listening *l, const uint8_t key_hash[32],
                      char text[static LISTENING_ADDRESS])
{
        char where[CAPOS_IO_ADDRESS_TEXT], fingerprint[TLS_FINGERPRINT_TEXT];

        listening_where(l, where);
        if (l->transport == CAPOS_TRANSPORT_TLS && key_hash) {
                capos_i_tls_fingerprint_print(key_hash, fingerprint);
                snprintf(text, LISTENING_ADDRESS, "capos://%s/#%s", where, fingerprint);
                return;
        }
        snprintf(text, LISTENING_ADDRESS, "%s%s%s",
                 listening_is_unix(l) ? "" : capos_transport_name(l->transport),
                 listening_is_unix(l) ? "" : ":", where);
}

/* The host alone, without brackets. */
static void address_host(const struct capos_io_address *a, char text[static CAPOS_IO_ADDRESS_TEXT])
{
        char all[CAPOS_IO_ADDRESS_TEXT], *host = all, *end;

        capos_io_address_format(a, all);
        end = strrchr(all, ':');
        if (*host == '[') {
                host++;
                end--;
        }
        snprintf(text, CAPOS_IO_ADDRESS_TEXT, "%.*s", (int)(end - host), host);
}

void listening_host(const struct listening *l, char text[static LISTENING_TEXT])
{
        text[0] = '\0';
        if (listening_is_unix(l))
                return;
        if (!source_is_any(&l->address))
                address_host(&l->address, text);
        else if (gethostname(text, LISTENING_TEXT))
                text[0] = '\0';
}

/* `127.0.0.1 2327`, `::1 2327` or `/run/x.sock` behind the transport, and for TLS the key. */
static int listening_print(const struct listening *l, const char *fingerprint)
{
        const char *transport = capos_transport_name(l->transport);
        bool tls = l->transport == CAPOS_TRANSPORT_TLS;
        char host[CAPOS_IO_ADDRESS_TEXT], where[CAPOS_IO_ADDRESS_TEXT];

        if (listening_is_unix(l))
                return printf("remote CapSet: %s %s\n", transport, l->address.u.un.sun_path);

        address_host(&l->address, host);
        listening_where(l, where);
        if (tls)
                daemon_log(LOG_INFO, "clients know it as capos://%s/#%s", where, fingerprint);
        return printf("remote CapSet: %s %s %u%s%s\n", transport, host,
                      capos_io_address_port(&l->address), tls ? " " : "", tls ? fingerprint : "");
}

int listen_print(const struct place *p, const uint8_t key_hash[32])
{
        char fingerprint[TLS_FINGERPRINT_TEXT];

        capos_i_tls_fingerprint_print(key_hash, fingerprint);
        for (unsigned i = 0; i < p->nlisteners; i++) {
                if (p->listeners[i].unasked)
                        daemon_log(LOG_INFO, "clients also find it at %s",
                                   p->listeners[i].address.u.un.sun_path);
                else if (listening_print(&p->listeners[i], fingerprint) < 0)
                        return -errno;
        }
        return fflush(stdout) ? -errno : 0;
}
