/* An authenticator, for tests with a rig: what registers a new passkey at RIG_ORIGIN. */
#ifndef SESSIOND_TEST_AUTHENTICATOR_H
#define SESSIOND_TEST_AUTHENTICATOR_H

#include "test-rig.h"

struct response {
        char text[4096];
};

/* A RegistrationResponseJSON of a new key of EdDSA, attested by nobody. */
void response_make(struct response *r, capnp_data challenge);

#endif
