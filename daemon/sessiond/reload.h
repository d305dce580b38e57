/* Who wants the manifest to be read again. */
#ifndef SESSIOND_RELOAD_H
#define SESSIOND_RELOAD_H

#include "daemon-packets.h"

#include <capos/capnp.h>

struct sessiond;

struct reload {
        capnp_answer *waiting; /* NULL: nobody does */
        capnp_timer *deadline;
        uint32_t request; /* the last one to caposd */
};

/* Admin.reload: has caposd do it. Takes a. */
int reload_ask(struct sessiond *s, capnp_answer *a);
/* CHANGED: what came of it, whoever wanted it. fd is taken. */
void reload_told(struct sessiond *s, const struct packet *p, int fd);
void reload_deinit(struct sessiond *s);

#endif
