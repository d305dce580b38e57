/* Whether the one who has shown a key is the instance that was meant. */
#ifndef CAPOS_CLIENT_TRUST_H
#define CAPOS_CLIENT_TRUST_H

#include "client-known.h"

#include <capos/capos-client.h>

enum client_trust {
        CLIENT_TRUST_YES,
        CLIENT_TRUST_ASK, /* never seen, and there is somebody to ask */
        CLIENT_TRUST_NO,
};

/* All that the answer depends on. */
struct client_trust_case {
        const struct capos_address *at;
        const char *expect;     /* the fingerprint that was told beside the address; NULL: none */
        const char *seen;       /* the fingerprint of the key that was shown, and proved */
        const char *ca_refuses; /* why the certificates are not good; NULL: they are. Only looked at
                                   when the address names a CA */
        const char *path;       /* of the file of known instances; NULL: there is none */
        struct client_known known; /* what it says of the place and the key */
        bool can_ask;
};

/* Whether only the file can tell: whether it has to be read. */
bool client_trust_needs_known(const struct capos_address *at, const char *expect);
/* Decides. NO: *ret_e (may be NULL) says why and what to do, CAPOS_E_UNKNOWN_KEY or
 * CAPOS_E_WRONG_KEY. */
enum client_trust client_trust_decide(const struct client_trust_case *t, struct capos_error *ret_e);

#endif
