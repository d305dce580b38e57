/* The session manager: everything it holds. */
#ifndef SESSIOND_SESSIOND_H
#define SESSIOND_SESSIOND_H

#include <capos/capnp.h>

#include "admin.h"
#include "arrivals.h"
#include "asker.h"
#include "audit.h"
#include "base-list.h"
#include "daemon-link.h"
#include "daemon-log.h"
#include "expiry.h"
#include "fetch.h"
#include "identity.h"
#include "issuers.h"
#include "ledgers.h"
#include "live.h"
#include "passkey-codes.h"
#include "policy.h"
#include "prove.h"
#include "recheck.h"
#include "registrations.h"
#include "reload.h"
#include "rules.h"
#include "services.h"
#include "store.h"
#include "throttle.h"

enum { FD_ADMIN = 4, FD_STATE = 5, FD_MANIFEST = 6 };

struct sessiond {
        capnp_vat *vat;
        struct daemon_link up;   /* to caposd */
        struct daemon_link gate; /* to the gateway */
        struct daemon_link signer;
        struct policy policy; /* who points into it for longer is in follow_all(), or swap_do() */
        struct next *next;    /* that is being looked at; NULL: there is none … */
        uint64_t next_number; /* … or caposd's number for the last one */
        struct reload reload;
        struct store store;
        struct audit audit;
        struct live live;
        struct ledgers ledgers;
        struct prover prover;
        struct fetcher fetcher;
        struct issuers issuers; /* identity providers */
        struct expiry expiry;
        struct throttle throttle;
        struct rules rules; /* for client certificates */
        struct recheck recheck;
        struct daemon_log_rate refused; /* lines about logins */
        struct service **services;      /* as many as the policy has, in its order */
        struct capnp_i_list checks;     /* of services, under way */
        struct admin admin;
        struct asker *asker; /* for whom things are done just now; NULL: for nobody elsewhere */
        struct registrations registrations; /* of passkeys */
        struct passkey_codes passkey_codes;
        struct arrivals arrivals;
        struct capnp_i_list admissions, sessions;
        struct capnp_i_list untold;     /* answers that wait for workers to be told */
        uint64_t notices;               /* to workers: how many there were, or more */
        struct capnp_i_list attempts;   /* proofs under way */
        struct capnp_i_list enrolments; /* keys of clients whose line may drop */
        uint64_t last_enrolment;
        struct capnp_i_list patient; /* flows that wait for a person */
        uint32_t nadmissions;
        uint8_t boot_secret[32]; /* what references of callers are made with */
        uint32_t workers, nsessions;
        uint32_t introduction;        /* caposd's number for our link to the gateway */
        uint32_t signer_introduction; /* … to the signer */
        struct identity identity;
        int failed; /* why the loop was stopped; 0: it was not */
};

/* Takes over the descriptors of doc/design/instance.md. 0, or what policy_init() says, or -errno.
 */
int sessiond_init(struct sessiond *s) CAPNP_MUST_USE;
/* Says READY and serves until caposd has gone. 0, or -errno. */
int sessiond_run(struct sessiond *s) CAPNP_MUST_USE;
/* Whether all that was in use has been given back. */
bool sessiond_deinit(struct sessiond *s);

enum { SESSIOND_EXIT_LEDGER = EXIT_LEDGER };

#endif
