/*
 * The parent of every process of an instance. See caposd.c for the plot.
 */
#ifndef CAPOS_CAPOSD_H
#define CAPOS_CAPOSD_H

#include "core.h"
#include "reload.h"

struct caposd {
        struct keeper keeper;
        struct options options;
        struct daemon_manifest manifest;
        struct place place;
        int manifest_fd;
        int rules_fd;          /* for client certificates; -1: there are none */
        int64_t lists_until_s; /* of them: struct certificates_made */
        int64_t authorities_s; /* likewise */
        int providers_fd;      /* files of identity providers; -1: there are none */
        int signal_fd;
        struct capos_io_watch signals;
        struct capos_io_timer deadline;   /* of ending */
        struct capos_io_timer look_again; /* at services that never say that they are ready */
        struct copies copies;
        struct workers workers;
        struct requests provers, fetchers;
        struct identity identity;
        struct core core;
        struct reload reload;
        bool gateway_told; /* that it is to end */
        int exit_code;
};

/* Takes the manifest when it returns 0. 0; CAPOSD_E_SAID, -errno: said in the log. */
int caposd_init(struct caposd *c, const struct options *o,
                struct daemon_manifest *m) CAPNP_MUST_USE;
/* The process's exit code. */
int caposd_run(struct caposd *c);
void caposd_deinit(struct caposd *c);

#endif
