/* Local administration: a change of an account that waits for a prover. */
#ifndef SESSIOND_ADMIN_CHANGE_H
#define SESSIOND_ADMIN_CHANGE_H

#include <capos/capnp.h>

#include "admin.capnp-c.h"
#include "prove.h"
#include "store.h"

struct sessiond;

enum { ADMIN_E_SERVICE = 64 /* beside enum store_err: not for service accounts */ };

struct change {
        struct sessiond *s;
        capnp_answer *a;
        struct asker *by; /* who has asked; NULL: this machine's administrator */
        int (*apply)(struct change *c, const struct proof_verdict *v);
        char name[STORE_NAME_BYTES + 1];
        int64_t serial; /* of the account when it was asked for; 0: there was none */
        char profiles[STORE_PROFILES][65];
        unsigned nprofiles;
        bool service; /* the account is a program's */
        struct store_key key;
        char id[STORE_SERVICE_KEY_ID + 1]; /* of a service account's key */
        char reason[STORE_REASON_BYTES + 1];
        uint64_t at_ms;           /* when the account expires */
        struct store_options may; /* what a key that is added is restricted to */
};

/* Reads the account's name. NULL: it is none, or there is no memory; then a is taken. */
struct change *change_new(struct sessiond *s, capnp_answer *a, capnp_text name);
void change_free(struct change *c);

/* Has something proved; whose turn it is and whom it is for is filled in here. Takes c and its
 * answer. */
int change_start(struct change *c, const struct prove_what *what);

/* Reads what a key that is added is restricted to. false: something is wrong with it; c and its
 * answer are taken. */
bool change_options(struct change *c, key_options_reader from);

/* Ends a change that needs no prover. */
int change_now(struct change *c);
int change_fail(struct change *c, const char *why);

/* Whether the account is still the one that it was asked for: not another that has got the name
 * while a prover worked. 0; STORE_E_NONE; -errno. */
int change_is_for_it(const struct change *c) CAPNP_MUST_USE;

/* What a change does with its verdict, if it does nothing else. */
void change_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v);

/* What enum store_err means to whoever administers, and what to do next; NULL: it is none. */
const char *admin_words(int r);
/* Answers with what enum store_err, ADMIN_E_SERVICE or -errno means. */
int admin_fail(capnp_answer *a, int r);

/* Has it on record that an administrator has done it. */
void admin_audit(struct sessiond *s, const char *what, const char *account, const char *detail);

#endif
