/* What the instance is to its clients, as far as the session manager knows: by caposd. */
#ifndef SESSIOND_IDENTITY_H
#define SESSIOND_IDENTITY_H

#include <capos/capnp.h>

#include "daemon-packets.h"

struct sessiond;

enum { IDENTITY_ADDRESSES = 8 };

struct identity {
        char addresses[IDENTITY_ADDRESSES][120]; /* where clients connect; "" after the last */
        char needs_tls[160];                     /* identity_needs_tls(); "": no TLS here */
        char names[120];                         /* of the certificate; "": there is none */
        int64_t until_s;                         /* its end, in seconds since 1970 */
        int64_t lists_until_s;                   /* when a list of revocations is out of date */
        int64_t authorities_s;                   /* when an authority's certificate is over */
        bool full;                               /* confinement that was asked for */
        unsigned layers;                         /* of it, had: of enum daemon_layer */
        capnp_answer *reloading;                 /* who waits for a new one; NULL: nobody */
        capnp_timer *deadline;
        uint32_t request; /* the last one to caposd */
};

/* ENDPOINT, IDENTITY, CONFINED, RELOADED. Whether it was one of these. */
bool identity_got(struct sessiond *s, const struct packet *p);
/* What is said of a way in that needs TLS: that, and at which address it is spoken. No fingerprint:
 * who is told this has been told it by nobody in particular. */
const char *identity_needs_tls(const struct identity *id);
/* Adds what status tells of it. */
void identity_describe(const struct identity *id, capnp_answer *status);
/* Has caposd take a new identity; the answer is ended when it has, or after a deadline. A handler
 * returns this value. */
int identity_reload(struct sessiond *s, capnp_answer *a);
/* Refuses who waits. */
void identity_deinit(struct identity *id);

#endif
