/* The rules for client certificates: what a prover judges by, and whose a certificate is. */
#ifndef SESSIOND_RULES_H
#define SESSIOND_RULES_H

#include "daemon-packets.h"
#include "store.h"

#include <capos/capnp-base.h>

struct origin;
struct policy;
struct policy_rule;

/* Records (lib/tls/tls-rules.h), as caposd has made them. */
struct rules {
        uint8_t *bytes; /* owned; NULL: there are none yet */
        uint32_t len;
        uint32_t generation; /* counts those that have come */
};

/* A file with other records, which is taken. 0, or -errno: nothing has changed. */
int rules_take(struct rules *r, int fd) CAPNP_MUST_USE;
void rules_deinit(struct rules *r);

/* Has a prover look at a connection's handshake: the parts of a PROOF_CERTIFICATE. Borrowed from
 * the origin, from c, which is filled in, and from the rules. */
void rules_ask(const struct rules *r, const struct origin *o, struct proof_connection *c,
               capnp_data parts[3]);
/* The rule that a verdict names; NULL: there is none. */
const struct policy_rule *rules_met(const struct policy *p, const struct proof_verdict *v);
/* The account of whoever meets it, if there can be one. false: there cannot. */
bool rules_account(const struct policy_rule *rule, const struct proof_verdict *v,
                   char ret[STORE_NAME_BYTES + 1]);
/* The fingerprint of the certificate's key: `sha256:` and base64 without padding. */
void rules_fingerprint(const struct proof_verdict *v, char ret[STORE_FINGERPRINT_BYTES]);

#endif
