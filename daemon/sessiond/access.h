/* Access tokens of identity providers, by which programs log in. */
#ifndef SESSIOND_ACCESS_H
#define SESSIOND_ACCESS_H

#include "issuers.h"
#include "method.h"

enum { ACCESS_BYTES = 16 * 1024 }; /* of a token */
#define ACCESS_WITHOUT UINT32_MAX

/* A flow's part: struct claim.own. */
struct access {
        struct flow *f;
        struct issuers *issuers;
        struct issuer_wait wait;
        struct issuer *only; /* who it is from, as far as a prover has said; NULL: not yet */
        uint32_t generation[ISSUERS]; /* of keys that the prover had; ACCESS_WITHOUT: it had none */
        uint8_t *asked;               /* what it was told last */
        uint32_t len;
        uint8_t token[ACCESS_BYTES];
};

/* Whether any provider's are taken here. */
bool access_is_on(const struct issuers *is);
/* Keeps a token, and has it proved: method_ops.wait. */
void access_wait(struct claim *c, struct flow *f, capnp_data token);
/*
 * Adds the providers whose token it may be to what a prover is asked; begun: what there is of that
 * already. 0: *ret, borrowed until the next time; CAPNP_E_LIMIT; -ENOMEM.
 */
int access_ask(struct access *a, capnp_data begun, capnp_data *ret) CAPNP_MUST_USE;
/* The token itself, borrowed. */
capnp_data access_token(const struct access *a);
/* A provider's key was not known: method_ops.again. first: how many issuers are in front of them.
 */
bool access_again(struct access *a, const struct proof_verdict *v, unsigned first);
/* Who it is, by a good verdict. */
enum capos_denial access_accept(const struct claim *c, const struct proof_verdict *v,
                                unsigned first, struct principal *ret);
/* method_ops.end */
void access_end(struct claim *c);

#endif
