/* Services that are servers which know nothing of the instance: `connect` and `schema`. */
#ifndef CAPOS_CAPOSD_MANIFEST_CONNECT_H
#define CAPOS_CAPOSD_MANIFEST_CONNECT_H

#include "io-address.h"
#include "manifest.capnp-c.h"

#include <string.h>

enum { CONNECT_SCHEMA_BYTES = 4 * 1024 * 1024 };

/* Where a server is. */
struct connect {
        bool program; /* it is started for each caller */
        bool elsewhere;
        struct capos_io_address address; /* unless it is a program */
};

/* Whether a service's entry is such a server's. */
static inline bool manifest_connects(service_reader s)
{
        return service_connect(s).len > 0;
}

/* Whether nothing is started but a connector: the server runs by itself. */
static inline bool manifest_connect_has_no_program(service_reader s)
{
        return manifest_connects(s) && !service_program(s).len &&
               strcmp(service_connect(s).p, "stdio") != 0;
}

/* Reads `connect`. false: it says nothing that could be meant. */
bool manifest_connect_read(capnp_text text, struct connect *ret) CAPNP_MUST_USE;
/* Complains of what an entry says that such a server cannot have, as manifest_check() does. How
 * many faults. */
unsigned manifest_connect_check(manifest_reader m,
                                void (*complain)(void *arg, const char *path, const char *what),
                                void *arg);
/* The same of the files that it names, at the moment they are to be read. */
unsigned manifest_connect_look(manifest_reader m,
                               void (*complain)(void *arg, const char *path, const char *what),
                               void *arg);

#endif
