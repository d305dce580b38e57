/* The manifest as every process gets it: one serialized message in a descriptor. */
#ifndef CAPOS_DAEMON_MANIFEST_H
#define CAPOS_DAEMON_MANIFEST_H

#include <capos/capnp.h>

#include "manifest.capnp-c.h"

enum {
        MANIFEST_FD = 6, /* where a process finds it */
        MANIFEST_BYTES = 16 * 1024 * 1024,
};

/* A manifest in memory; its root is manifest_root(m.msg). */
struct daemon_manifest {
        capnp_msg *msg;
        void *bytes;      /* what msg reads */
        const char *name; /* who has read it: for people; borrowed */
        char *text;       /* as somebody has written it; NULL: there is no text */
        uint32_t text_len;
};

/* Reads a manifest from the start of fd, which is closed in any case. 0; -EBADMSG: that is none;
 * -errno. */
int daemon_manifest_take(struct daemon_manifest *m, int fd) CAPNP_MUST_USE;
/* Writes one into a new sealed memfd, to be handed to processes. 0, or -errno. */
int daemon_manifest_give(const struct daemon_manifest *m, int *ret_fd) CAPNP_MUST_USE;
/* Frees it. Also a CAPNP_AUTO function. */
void daemon_manifest_deinit(struct daemon_manifest *m);

#endif
