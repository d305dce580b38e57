/* The layers of confinement `full` that a process gets before its program runs. */
#ifndef CAPOS_DAEMON_SECLUDE_H
#define CAPOS_DAEMON_SECLUDE_H

#include <capos/capnp-base.h>

#include <sys/types.h>

/* What the kernel, the container and the user who starts an instance let it have: a set of these.
 */
enum daemon_layer {
        LAYER_PATHS = 1,      /* Landlock: no path leads out of a process's own folder */
        LAYER_NAMESPACES = 2, /* network, files, IPC and host name of its own, all empty */
        LAYER_USERS = 4,      /* a user number of its own; the superuser's instances only */
};

/*
 * Which layers can be had, each tried in a child process. LAYER_USERS counts as had by whoever is
 * not the superuser: there is no number to give away. first_user: the first of those that would be
 * used. Takes some milliseconds.
 */
unsigned daemon_layers_probe(uid_t first_user) CAPNP_MUST_USE;
/* What a layer is called: "paths", "namespaces", "users". */
const char *daemon_layer_name(enum daemon_layer layer);
enum { LAYERS_ALL = LAYER_PATHS | LAYER_NAMESPACES | LAYER_USERS };

/* The manifest's default for the first number. */
enum { DAEMON_FIRST_USER = 1823014912 };

/* What the C library reads when it looks a host up. */
#define DAEMON_RESOLVER_FILES \
        "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf"

struct daemon_seclusion {
        bool namespaces;
        bool network; /* it keeps the machine's, and sees the files that hosts are looked up in */
        /*
         * It has to know users by their numbers. Namespaces of an ordinary user's come with one of
         * users, in which all others are nobody: such a process goes without then.
         */
        bool sees_users;
        /* Beside namespaces: it is the first of its own processes, names no others, and is the end
         * of them all. daemon_spawn() sees to that. */
        bool processes;
        uid_t user; /* 0: the one who starts it */
};

/*
 * In a child, before exec: gives it what s says, for good. Its root is then a memory file system
 * with the system's libraries and the program's folder, read-only, and its state directory as
 * /state, writable. program: an absolute path without links. state_fd: the state directory, which
 * afterwards is the same in the new root; or -1. 0, or -errno: then it must not go on.
 */
int daemon_seclude(const struct daemon_seclusion *s, const char *program,
                   int state_fd) CAPNP_MUST_USE;

/* In a fresh namespace of users, without the superuser's powers over the old one: we are who we
 * were there. 0, or -errno. */
int daemon_seclude_users(uid_t uid, gid_t gid) CAPNP_MUST_USE;

#endif
