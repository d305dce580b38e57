/* Keys that are not believed any more, whoever has them. */
#ifndef SESSIOND_REVOKED_KEYS_H
#define SESSIOND_REVOKED_KEYS_H

#include <capos/capnp.h>

struct enrolment;
struct session;

struct revoked_keys {
        const char **all; /* fingerprints, sorted; in the policy's message */
        uint32_t n;
};

/* 0; -ENOMEM. list: of texts, which it borrows. */
int revoked_keys_init(struct revoked_keys *r, capnp_list list) CAPNP_MUST_USE;
void revoked_keys_deinit(struct revoked_keys *r);
/* Whether it is among them. NULL, "": it is not. */
bool revoked_keys_have(const struct revoked_keys *r, const char *fingerprint);
/* Whether a session rests on one of them; or what a client comes back to, or comes back by. */
bool revoked_keys_have_session(const struct revoked_keys *r, const struct session *e);
bool revoked_keys_have_enrolment(const struct revoked_keys *r, const struct enrolment *n);

#endif
