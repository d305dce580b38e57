/* Local administration: Admin of schema/admin.capnp, for the instance's own user and root. */
#ifndef SESSIOND_ADMIN_H
#define SESSIOND_ADMIN_H

#include "base-list.h"

#include <capos/capnp.h>

struct sessiond;

struct admin {
        struct sessiond *s;
        capnp_cap *root;
        capnp_watch *watch;
        struct capnp_i_list lines; /* who is connected */
        int fd;                    /* the listener */
        char path[512];            /* of the audit log */
};

/* Serves whoever connects to the listener fd, which is taken. 0 or -errno. */
int admin_init(struct sessiond *s, int fd) CAPNP_MUST_USE;
/* Ends whoever is connected, too. */
void admin_deinit(struct admin *a);

#endif
