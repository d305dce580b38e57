/*
 * A zygote: a process that has everything its copies need except authority, and makes copies of
 * itself when caposd says so.
 */
#ifndef CAPOS_DAEMON_ZYGOTE_H
#define CAPOS_DAEMON_ZYGOTE_H

#include "daemon-filter.h"
#include "daemon-link.h"

/* Where the zygote of workers finds the certificate, when the instance has one. */
enum { CERTIFICATE_FD = 7, RULES_FD = 8 };

struct daemon_zygote {
        int link;     /* to caposd; borrowed */
        pid_t parent; /* caposd, which becomes the parent of every copy */
        /* The life of a copy, which has the zygote's descriptors and the socket that FORK brought.
         * Does not return. */
        void (*live)(struct daemon_zygote *z, int socket);
        void *arg;                   /* live's own */
        enum daemon_role own_role;   /* ROLE_ZYGOTE, or one that has what its copies need beyond */
        enum daemon_role role;       /* of the copies */
        struct daemon_filter filter; /* theirs, too: daemon_zygote_enter() */
};

/* Enters the sandbox of a zygote, after having made ready what its copies enter: z->filter, which
 * is the caller's to free. 0, or -errno: then the process must end. */
int daemon_zygote_enter(struct daemon_zygote *z) CAPNP_MUST_USE;
/* The same for one that has nothing but its link, after a look at that; says that it is ready. */
int daemon_zygote_begin(struct daemon_zygote *z) CAPNP_MUST_USE;

/*
 * Copies itself when it is told to, until the link closes. Returns in the zygote alone: 0, or
 * -errno.
 */
int daemon_zygote_run(struct daemon_zygote *z) CAPNP_MUST_USE;

/* Why a copy cannot live: exit codes. */
enum daemon_copy_exit {
        COPY_EXIT_OK = 0,
        COPY_EXIT_SANDBOX = 10,     /* it could not give up what it has */
        COPY_EXIT_DESCRIPTORS = 11, /* it had one too many, or too few */
};

/*
 * In a copy: gives up everything but the socket, which is LINK_FD from here on, and enters the
 * sandbox of its role. fds: descriptors it may have at once; 0: what the role may. Standard error
 * stays in builds that report on it.
 */
enum daemon_copy_exit daemon_copy_confine(struct daemon_zygote *z, int socket, unsigned fds);

/* Waits for the next packet, with its descriptors. 0; CAPOS_IO_E_CLOSED; an error. */
int daemon_packet_await(int fd, struct packet *p, int fds[LINK_FDS + 1]) CAPNP_MUST_USE;

#endif
