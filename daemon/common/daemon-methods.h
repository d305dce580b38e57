/* Which methods an object has: what the session manager tells workers and services. */
#ifndef CAPOS_DAEMON_METHODS_H
#define CAPOS_DAEMON_METHODS_H

#include <stdbool.h>
#include <stdint.h>

#include "service_control.capnp-c.h"

enum { DAEMON_METHODS = 256 }; /* of one object */

struct daemon_method {
        uint64_t interface_id;
        uint16_t method;
};

/* A set. Zeroed: empty. */
struct daemon_methods {
        unsigned n;
        struct daemon_method *v; /* in order, each once */
};

/* What is in it is put in order. */
void daemon_methods_sort(struct daemon_methods *m);
bool daemon_methods_have(const struct daemon_methods *m, uint64_t interface_id, uint16_t method);
bool daemon_methods_equal(const struct daemon_methods *a, const struct daemon_methods *b);
void daemon_methods_deinit(struct daemon_methods *m);

/* Copies a list from a message into an empty set. 0; CAPNP_E_LIMIT: too many; -ENOMEM. */
int daemon_methods_read(method_id_list l, struct daemon_methods *ret_m) CAPNP_MUST_USE;
/* Writes them. l: a list of as many. */
void daemon_methods_write(const struct daemon_methods *m, method_id_list_builder l);

#endif
