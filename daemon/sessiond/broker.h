/* What a good proof comes to: which profile, or why none. */
#ifndef SESSIOND_BROKER_H
#define SESSIOND_BROKER_H

#include "method.h"

/* What is decided by. All of it is borrowed. */
struct broker_case {
        const struct policy *policy;
        const struct method_ops *method;
        const struct store_account *account; /* whose it was; NULL: it is made by this login */
        const char *only;         /* the one profile that what was proved gives; NULL: any */
        const char *wanted;       /* the one that was asked for; "": none */
        struct strength_of proof; /* what was proved, flow_strength() */
        bool back;                /* by a key that was enrolled: as what made the session did */
        bool local;               /* origin_is_local() */
        const char *host;         /* origin_host() */
};

/* The profile that was asked for, and never another; else the account's first that takes such a
 * proof, or if none does its first. NULL: there is none for this case. *ret_why: by which rule, for
 * whoever keeps the manifest; may be NULL. */
const struct policy_profile *broker_profile(const struct broker_case *c, const char **ret_why);
/* Whether that profile takes what was proved: as it is bound to this connection, by its method, and
 * by what it is worth. NULL: it does; else why not, for the client. text: room for that. */
const char *broker_weak(const struct broker_case *c, const struct policy_profile *p,
                        char text[STRENGTH_TEXT]);
/* Why an account lets nobody in at this time, whatever is proved, for the record. NULL: it does not
 * do that. */
const char *broker_shut(const struct store_door *door, uint64_t now_ms);

#endif
