/* The listeners of an instance. */
#ifndef CAPOS_CAPOSD_LISTEN_H
#define CAPOS_CAPOSD_LISTEN_H

#include "io-socket.h"
#include "options.h"
#include "session-address.h"

#include <sys/types.h>

struct place;

enum {
        LISTENING_TEXT = CAPOS_IO_ADDRESS_TEXT + 8,
        LISTENING_ADDRESS = LISTENING_TEXT + 64, /* with a fingerprint */
};

struct listening {
        int fd;
        enum capos_transport transport;
        struct capos_io_address address;
        dev_t dev; /* of a Unix socket's file: what we remove must be ours */
        ino_t ino;
        bool unasked; /* the Unix socket beside a port */
};

/* Opens what was asked for. What goes wrong is said in the log. 0, or -errno. */
int listen_open(struct place *p, const struct options *o) CAPNP_MUST_USE;
/* Whether there is one that others than this machine's users can reach. */
bool listen_is_exposed(const struct place *p);
/* Closes it, and removes the files of Unix sockets. */
void listen_close(struct place *p);
/* A line on standard output for each that was asked for: where clients connect, and of TLS the
 * fingerprint. key_hash: of its key. 0, or -errno. */
int listen_print(const struct place *p, const uint8_t key_hash[32]) CAPNP_MUST_USE;
/* The host of a TCP one, as in a certificate: `127.0.0.1`, `::1`; of one on all addresses the
 * machine's name; "": there is none. */
void listening_host(const struct listening *l, char text[static LISTENING_TEXT]);
/* The address of one as clients write it: `plain:127.0.0.1:2327`,
 * `capos://127.0.0.1:2327/#sha256:…`. key_hash: of its key, for TLS; NULL: none is known yet. */
void listening_format(const struct listening *l, const uint8_t key_hash[32],
                      char text[static LISTENING_ADDRESS]);

#endif
