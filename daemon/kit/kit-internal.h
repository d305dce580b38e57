/* The parts of the kit, to each other. */
#ifndef CAPOS_KIT_INTERNAL_H
#define CAPOS_KIT_INTERNAL_H

#include "base-list.h"
#include "kit-link.h"
#include "service_control.capnp-c.h"
#include <capos/capnp-dynamic.h>
#include <capos/kit.h>

struct kit;

/* One control connection. Lives as long as its object. */
struct kit_control {
        struct kit *k;
        capnp_conn *conn; /* NULL: it has ended */
        capnp_cap *cap;   /* the object itself, as long as it is the current one */
        capnp_cap *host;  /* the session manager's ServiceHost; NULL: nobody has asked for it */
};

/* A caller and its socket. */
struct kit_socket {
        struct capnp_i_list link; /* kit.sockets */
        struct kit *k;
        capnp_conn *conn;
        struct kit_caller caller;
        struct capnp_i_list questions; /* struct kit_question, kit-disclose.c */
        unsigned nquestions;
};

/* A service that runs. */
struct kit {
        const struct kit_service *service;
        const struct kit_link_ops *linked; /* NULL: the link brings CONTROL alone */
        void *self;
        capnp_vat *vat;
        struct kit_control *control; /* NULL: no session manager */
        struct capnp_i_list sockets; /* struct kit_socket */
        uint32_t nsockets, max_sockets;
        struct capnp_i_list held; /* struct kit_held, kit-get.c */
        uint32_t nheld;
        struct capnp_limits limits;
        struct capnp_buf schema; /* what describe() returns; empty: nobody has asked yet */
        int failed;              /* -errno: why the loop was stopped; 0: orderly */
};

/* Serves ServiceControl on a socket, which is taken. What came over an older one is void. 0; -errno
 */
int kit_control_begin(struct kit *k, int fd) CAPNP_MUST_USE;
/* Ends it, and every caller with it, and what is held of others. */
void kit_control_end(struct kit *k);
/* The session manager's ServiceHost, borrowed. NULL: there is none, or no memory. */
capnp_cap *kit_host(struct kit *k);
/* A socket of our own from the one in a message. 0; CAPNP_E_POISON: there is none; -errno. */
int kit_socket_dup(capnp_cap *end, int *ret_fd) CAPNP_MUST_USE;

/* Puts an object behind what has these methods alone; an empty list: it has all. *object is another
 * reference then, and on failure none. 0; CAPNP_E_LIMIT: too many; -ENOMEM. */
int kit_narrow(struct kit *k, method_id_list l, capnp_cap **object) CAPNP_MUST_USE;

/* The control connection is gone, and with it what came over it; what is still asked for waits for
 * the next. */
void kit_held_void(struct kit *k);
/* Nothing is held any more, nor asked for. */
void kit_held_end(struct kit *k);

/* What was asked about a caller is not told any more. */
void kit_disclose_end(struct kit_socket *s);

#endif
