/* The manifest, read again while the instance runs. */
#ifndef CAPOS_CAPOSD_RELOAD_H
#define CAPOS_CAPOSD_RELOAD_H

#include "certificates.h"
#include "daemon-packets.h"
#include "io-loop.h"

struct caposd;
struct service;

enum reload_state {
        RELOAD_IDLE,
        RELOAD_READING,  /* the session manager reads it */
        RELOAD_CHECKING, /* services start, and are looked at */
};

struct reload {
        enum reload_state state;
        uint64_t number;  /* of it: what is said of an earlier one is no news */
        bool reread;      /* the files for client certificates were read again meanwhile */
        uint32_t request; /* the session manager's; 0: nobody waits */
        bool again;       /* another one was wanted meanwhile … */
        uint32_t again_request;
        int text; /* what is wrong, for who waits; -1 */
        struct daemon_manifest manifest;
        int manifest_fd, providers_fd;  /* -1 */
        struct certificates_made rules; /* fd: -1: there are none */
        struct service **services;      /* as many as the manifest has, in its order */
        bool *checked;                  /* each of them */
        uint32_t nservices;
        struct capos_io_timer timer;
        uint64_t until_ms;
};

/* 0, or -errno. */
int reload_init(struct caposd *c) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void reload_deinit(struct caposd *c);
/* Begins one, or has one follow the one that is under way. request: the session manager's; 0: a
 * signal. */
void reload_want(struct caposd *c, uint32_t request);
/* What the session manager says of the next manifest; NULL: it has ended. */
void reload_got(struct caposd *c, const struct packet *p);
/* Something has changed that one may wait for. */
void reload_look(struct caposd *c);
/* The instance ends. */
void reload_drop(struct caposd *c);

#endif
