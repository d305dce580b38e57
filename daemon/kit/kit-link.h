/* The kit for programs of the instance's own that ask caposd for something beside ServiceControl.
 */
#ifndef CAPOS_KIT_LINK_H
#define CAPOS_KIT_LINK_H

#include "daemon-packets.h"
#include <capos/kit.h>

enum { KIT_SCHEMA_FD = 6 };

struct kit_link_ops {
        /* A packet of caposd's other than CONTROL. fd: taken; -1: its type has none, or there was
         * no room for it. 0; -EPROTO: it has not been asked for: the service ends. */
        int (*got)(void *self, const struct packet *p, int fd);
};

/*
 * kit_run(), with a link that says more. What such a service has for an interface is in a file that
 * it is started with, at KIT_SCHEMA_FD, and s->schema is NULL.
 */
int kit_run_linked(const struct kit_service *s, const struct kit_link_ops *ops, int argc,
                   char **argv);
/* Says something to caposd, which has to read it at once. 0, or -errno: the service ends. */
int kit_link_say(const struct packet *p) CAPNP_MUST_USE;

#endif
