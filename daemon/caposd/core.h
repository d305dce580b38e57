/* Session manager, gateway and services: who is introduced to whom. */
#ifndef CAPOS_CAPOSD_CORE_H
#define CAPOS_CAPOSD_CORE_H

#include "identity.h"
#include "place.h"
#include "requests.h"
#include "streams.h"
#include "workers.h"

struct service {
        struct program program;
        struct core *core;
        char *name;
        struct streams *streams;    /* the program is a connector's; NULL: it is the service */
        struct capnp_i_list of_all; /* core.all */
        struct capnp_i_list link;   /* core.leaving */
        uint32_t index;             /* in the manifest */
        unsigned user;              /* whose number it gets: no other's as long as it is there */
        bool state;
        bool checked; /* the session manager has looked at it */
        bool next;    /* the manifest that it is of does not count yet */
        bool late;    /* it is started when the one before it, whose folder it has, has ended */
};

struct core {
        /* Borrowed, and set before core_init(). */
        struct keeper *keeper;
        const struct options *options;
        const struct place *place;
        const struct daemon_manifest *manifest;
        int manifest_fd;
        int rules_fd;          /* for client certificates; -1: there are none */
        int64_t lists_until_s; /* of them: struct certificates_made */
        int64_t authorities_s; /* likewise */
        int providers_fd;      /* files of identity providers; -1: there are none */
        /* The session manager wants their files to be read again. */
        void (*reread)(struct core *c, uint32_t request);
        /* Somebody wants the manifest to be read again; the session manager has something to say of
         * the next one; or has ended (packet NULL). */
        void (*change)(struct core *c, const struct packet *p);
        struct workers *workers;
        struct requests *provers, *fetchers;
        struct identity *identity;

        struct program sessiond, gateway;
        struct service **services;
        uint32_t nservices;
        struct capnp_i_list all; /* struct service: those, and those of the next manifest, and … */
        struct capnp_i_list leaving;      /* … those that are not wanted any more */
        char *motd;                       /* CAPOS_MOTD=..., for the environment of services */
        struct capos_io_timer meet_again; /* those whose link to the session manager has broken */
        uint32_t introductions;           /* to the session manager, in all */
        uint32_t gateway_met, signer_met; /* the last ones */
};

/* 0, or -errno: core_deinit() is to be called all the same. */
int core_init(struct core *c) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void core_deinit(struct core *c);
/* Whether all of them are there, and have been looked at. */
bool core_is_ready(const struct core *c);
/* Tells the session manager what `capos status` shows of the instance: where clients connect, the
 * certificate, the confinement. */
void core_tell(struct core *c);
/* The signer runs, and has to meet the session manager. */
void core_meet_signer(struct core *c);
/* There are other rules for client certificates: rules_fd. request: of the session manager's, 0:
 * none. result: 0; else they are those of before. */
void core_tell_rules(struct core *c, uint32_t request, int result);
/* Makes a service of a manifest, which need not be there any longer; it is not started. 0;
 * CAPOSD_E_SAID; -errno. */
int core_new_service(struct core *c, manifest_reader m, uint32_t index,
                     struct service **ret) CAPNP_MUST_USE;
/* It is not wanted any more. */
void core_dismiss(struct core *c, struct service *s);
/* Frees those that have left, and starts those that wait for that: between two turns of the loop.
 */
void core_sweep(struct core *c);
/* Introduces a service to the session manager: of the next manifest, if it is that. */
void core_meet_service(struct core *c, struct service *s);
/* Says in the log what the session manager has found of a manifest, with its place. */
void core_complain(const struct daemon_manifest *m, const struct packet *p);
/* Whether an instance cannot live by that. demanding: it has been asked whether it could,
 * and every service has to answer. */
bool core_found_wrong(const struct packet *p, bool demanding);
/* Whether a program is there, as far as it says so. */
bool core_service_is_ready(const struct service *s);
/* Whether one of them still runs. */
bool core_is_running(const struct core *c);

#endif
