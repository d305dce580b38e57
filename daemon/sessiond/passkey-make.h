/* A new passkey: what an administrator and an account's owner have in common who register one. */
#ifndef SESSIOND_PASSKEY_MAKE_H
#define SESSIOND_PASSKEY_MAKE_H

#include "prove.h"
#include "store-passkey.h"

/* Has a response judged as a new passkey's. w: its path, done and arg; the rest is filled in. As
 * prover_start(). */
int passkey_judge(struct sessiond *s, const uint8_t challenge[PASSKEY_CHALLENGE_BYTES],
                  capnp_text response, struct prove_what *w,
                  struct prove_job **ret_job) CAPNP_MUST_USE;
/* Keeps one that was judged good: k has its account and label; fills in the rest. As
 * store_add_passkey(). */
int passkey_keep(struct sessiond *s, struct store_passkey *k, int64_t serial,
                 const struct store_options *may, const struct proof_verdict *v) CAPNP_MUST_USE;
/* The ids of an account's passkeys, into the list that init(arg, n) makes for n of them. 0; -errno.
 */
int passkey_known(struct store *s, const char *account,
                  capnp_lbuilder (*init)(void *arg, uint32_t n), void *arg) CAPNP_MUST_USE;
/* A label is for people: what does not print becomes a question mark. */
void label_copy(char *to, capnp_text t, size_t room);

#endif
