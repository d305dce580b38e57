/* The zygote, and the workers it makes. */
#ifndef CAPOS_CAPOSD_WORKERS_H
#define CAPOS_CAPOSD_WORKERS_H

#include "base-list.h"
#include "copies.h"
#include "program.h"

enum { LATE_KILLS = 64 };

struct workers {
        /* Borrowed, and set before workers_init(). */
        struct keeper *keeper;
        struct daemon_link *gateway, *sessiond; /* closed at times */
        struct copies *copies;
        int certificate_fd;   /* for the zygote; -1: none is needed */
        int rules_fd;         /* for client certificates, likewise; -1: none are asked for */
        uint32_t wanted_idle; /* how many should be waiting */

        struct program zygote;
        struct capnp_i_list list; /* struct worker */
        uint32_t last_id, used;
        unsigned forks; /* of this zygote */
        bool tired;     /* the zygote has to be replaced */
        bool offered;   /* a worker has been idle: the instance can serve */
        struct capos_io_timer again;
        uint64_t pause_ms;
        unsigned young_deaths;     /* of idle workers, in a row */
        uint64_t late[LATE_KILLS]; /* events to be killed that no worker has yet */
        unsigned nlate;
};

/* 0, or -errno: workers_deinit() is to be called all the same. */
int workers_init(struct workers *ws) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void workers_deinit(struct workers *ws);
/* Forks idle ones until there are enough. */
void workers_fill(struct workers *ws);
/* What the zygote is started with has changed: it and idle workers are replaced; or it is started
 * for the first time. */
void workers_renew(struct workers *ws);
/* Tells a new gateway what there is. */
void workers_offer_all(struct workers *ws);
/* The gateway has died. */
void workers_gateway_gone(struct workers *ws);
/* Kills those that have a connection. */
void workers_kill_all(struct workers *ws);
/* The instance ends: the zygote is told, and those that have no connection go at once. */
void workers_end(struct workers *ws);
/* The worker of an event must go, also when it is only about to get it. */
void workers_kill_event(struct workers *ws, uint64_t event);
/* A packet of the gateway's about a worker. */
void workers_got(struct workers *ws, const struct packet *p);
/* Whether none is left. */
bool workers_none(const struct workers *ws);

#endif
