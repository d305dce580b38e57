/* The instances that a user knows: places, and the keys that were seen there. */
#ifndef CAPOS_CLIENT_KNOWN_H
#define CAPOS_CLIENT_KNOWN_H

#include "session-address.h"

#include <capos/capnp-base.h>

enum {
        CLIENT_KNOWN_PATH = 4096,
        CLIENT_KNOWN_LINE = 1024, /* a longer line cannot be read */
        CLIENT_KNOWN_OWN = 32,    /* lines that a program keeps by one note */
};

enum client_known_state {
        CLIENT_KNOWN,      /* a line has this place (or, of this machine, a name for it) and key */
        CLIENT_UNKNOWN,    /* no line has this place */
        CLIENT_CHANGED,    /* the lines of this place have other keys */
        CLIENT_UNREADABLE, /* some line is none; whether another one would fit is not asked */
};

/* What the file says of a place. */
struct client_known {
        enum client_known_state state;
        unsigned line;                       /* CHANGED: the first of the place; UNREADABLE: that */
        char fingerprint[CAPOS_FINGERPRINT]; /* CHANGED: what that line has */
};

/* One line. The texts live as long as the call that hands it over. */
struct client_known_entry {
        unsigned line;
        const char *place;       /* HOST:PORT; NULL: the line cannot be read */
        const char *fingerprint; /* `sha256:…` */
        const char *rest;        /* what follows, "" for nothing: not ours to understand */
};

/* What a program keeps in the file for itself. */
struct client_known_own {
        const char *note; /* by which its lines are found again; not "" */
        const char *fingerprint;
        const char *places[CLIENT_KNOWN_OWN];
        unsigned nplaces;
};

/* Where the user's own file is: $XDG_CONFIG_HOME/capos/known-instances, or ~/.config/…; for root,
 * whose environment names another user's folders, in its own home. 0; -ENOENT: nobody has said
 * where; -ENAMETOOLONG. */
int client_known_path(char *to, size_t room) CAPNP_MUST_USE;
/* Makes the folders that a path is in, closed to others; those that are there stay as they are. 0;
 * -errno. */
int client_known_make_folders(const char *path) CAPNP_MUST_USE;
/* What the file says of a place, HOST:PORT. A file that is not there knows nothing. 0; -EPERM:
 * another user may write to it; -errno. */
int client_known_find(const char *path, const char *place, const char *fingerprint,
                      struct client_known *ret) CAPNP_MUST_USE;
/* Whether two places are one: the same, or both a name of this machine's loopback, and a port. */
bool client_known_are_one(const char *a, const char *b);
/* Adds a line, with the day and a note ("": none); folder and file are made. A place may have
 * several. 0; -EEXIST: it is there; -EPERM; -errno. */
int client_known_add(const char *path, const char *place, const char *fingerprint,
                     const char *note) CAPNP_MUST_USE;
/* Makes the lines with a note those of these places and this key: others with it go, those without
 * it stay, and one of the place and key that is there already, with whatever note, is enough. 0;
 * -EINVAL; -EPERM; -errno. */
int client_known_replace(const char *path, const struct client_known_own *own) CAPNP_MUST_USE;
/* Removes the lines of a place, with this key or (NULL) with any; ret_n: how many. Nothing else is
 * touched, not even what cannot be read. 0; -EPERM; -errno. */
int client_known_remove(const char *path, const char *place, const char *fingerprint,
                        unsigned *ret_n) CAPNP_MUST_USE;
/* Hands over each line that is no comment, in order. 0; -EPERM; -errno. */
int client_known_each(const char *path, void (*got)(void *arg, const struct client_known_entry *e),
                      void *arg) CAPNP_MUST_USE;

#endif
