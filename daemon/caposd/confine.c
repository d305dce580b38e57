/*
 * Confinement `full`: what it takes, and who gets what.
 *
 * `basic` is what a process does to itself (daemon-sandbox.c). `full` adds what has to be there
 * before a program runs (daemon-seclude.c), and demands what `basic` only takes when there is some.
 * It is asked for in the manifest, and demanded by a listener that others can reach; a machine that
 * cannot have all of it starts such an instance only if the manifest says that less is enough.
 *
 * A user number owns files. So each start of the superuser's instance gives every state directory
 * to whom it belongs by today's manifest, and back to the superuser without `full`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "daemon-log.h"
#include "daemon-powers.h"

enum { DEPTH = 32 };

/* The names of the layers in a set, as "paths, users". */
static const char *layers_print(unsigned layers, char text[64])
{
        size_t at = 0;

        text[0] = '\0';
        for (unsigned l = 1; l <= LAYERS_ALL; l <<= 1)
                if (layers & l)
                        at += (size_t)snprintf(text + at, 64 - at, "%s%s", at ? ", " : "",
                                               daemon_layer_name((enum daemon_layer)l));
        return text;
}

static int confine_missing(const struct confine *c, bool exposed, bool accept)
{
        unsigned missing = LAYERS_ALL & ~c->layers;
        char text[64];

        if (!missing)
                return 0;
        if (accept) {
                daemon_log(LOG_WARNING,
                           "confinement: this machine cannot have %s; the manifest accepts that%s",
                           layers_print(missing, text),
                           exposed ? ", though others can connect" : "");
                return 0;
        }
        daemon_log(LOG_ERR,
                   "confinement: this machine cannot have %s, which `full` demands; `capos doctor` "
                   "says more; to go without: exposed = acceptBasic in the manifest",
                   layers_print(missing, text));
        return CAPOSD_E_SAID;
}

int confine_init(struct confine *c, manifest_reader m, bool exposed)
{
        bool accept = manifest_exposed(m) == EXPOSED_ACCEPT_BASIC;

        *c = (struct confine){.full = manifest_confinement(m) == CONFINEMENT_FULL,
                              .first_user = manifest_first_user(m)};
        if (!c->full && exposed && !accept) {
                daemon_log(LOG_ERR, "others can reach a listener: the manifest must have "
                                    "confinement = full, or exposed = acceptBasic; write it into "
                                    "what `capos manifest show` prints, and give --manifest FILE");
                return CAPOSD_E_SAID;
        }
        if (!c->full) {
                if (exposed)
                        daemon_log(LOG_WARNING, "confinement: `basic`, though others can connect: "
                                                "the manifest accepts that");
                return 0;
        }

        c->layers = daemon_layers_probe(c->first_user);
        return confine_missing(c, exposed, accept);
}

/* Who a program is, and its files belong to; 0: who starts the instance. */
static uid_t confine_owner(const struct confine *c, unsigned user)
{
        return c->layers & LAYER_USERS ? c->first_user + user : 0;
}

void confine_program(const struct confine *c, unsigned user, int state_fd, struct daemon_spawn *s)
{
        s->state_fd = state_fd;
        s->seclusion = (struct daemon_seclusion){
                .namespaces = c->layers & LAYER_NAMESPACES,
                /* They tell users of this machine apart. */
                .sees_users = user == USER_GATEWAY || user == USER_SESSIOND,
                .user = confine_owner(c, user),
        };
}

uint64_t confine_powers(const struct confine *c)
{
        uint64_t keep = POWERS_FIND_PROGRAMS | 1u << CAP_CHOWN;

        if (c->layers & LAYER_NAMESPACES)
                keep |= 1u << CAP_SYS_ADMIN;
        if (c->layers & LAYER_USERS)
                keep |= 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL;
        return keep;
}

/* ---- files ---------------------------------------------------------------------------------- */

bool confine_may_be_ours(uid_t first_user, uid_t owner)
{
        return owner == geteuid() ||
               (geteuid() == 0 && owner >= first_user && owner - first_user < USERS);
}

static int tree_own(int dir, uid_t owner, bool deep, unsigned depth);

static int entry_own(int dir, const char *name, uid_t owner, bool deep, unsigned depth)
{
        struct stat st;
        int fd, r = 0;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode) && !deep)
                return 0;
        if (st.st_uid != owner && fchownat(dir, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return 0;

        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        r = tree_own(fd, owner, deep, depth + 1);
        (void)close(fd);
        return r;
}

static int tree_own(int dir, uid_t owner, bool deep, unsigned depth)
{
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *d = fd < 0 || depth == DEPTH ? NULL : fdopendir(fd);

        if (!d) {
                r = depth == DEPTH ? -ELOOP : -errno;
                if (fd >= 0)
                        (void)close(fd);
                return r;
        }
        for (struct dirent *e = readdir(d); !r && e; e = readdir(d))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        r = entry_own(dir, e->d_name, owner, deep, depth);
        (void)closedir(d);
        return r;
}

int confine_own(const struct confine *c, unsigned user, int dir)
{
        uid_t owner = confine_owner(c, user);
        struct stat st;

        if (geteuid() != 0)
                return 0;
        if (fstat(dir, &st) < 0)
                return -errno;
        if (st.st_uid != owner && fchown(dir, owner, owner) < 0)
                return -errno;

        return tree_own(dir, owner, user != USER_SESSIOND, 0);
}
