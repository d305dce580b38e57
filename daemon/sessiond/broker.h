/* What a good proof comes to: which profile, or why none. */
#ifndef SESSIOND_BROKER_H
#define SESSIOND_BROKER_H

#include "method.h"

/* What is decided by. All of it is borrowed. */
struct broker_case {
        const struct policy *policy;
        const struct method_ops *method;
        const struct store_account *account; /* whose it was; NULL: it is made by this login */
        const char *only;     /* the one profile that what was proved gives; NULL: any */
        const char *wanted;   /* the one that was asked for; "": none */
        enum binding binding; /* what was proved is bound to this */
        bool unbound;         /* … or to nothing, whatever the method */
        bool local;           /* origin_is_local() */
};

/* The profile that was asked for, or the account's first; NULL: there is none for this case.
 * *ret_why: by which rule, for whoever keeps the manifest; may be NULL. */
const struct policy_profile *broker_profile(const struct broker_case *c, const char **ret_why);
/* Whether that profile takes what was proved, as far as it is bound to this connection. NULL: it
 * does; else why not, for the client. */
const char *broker_unbound(const struct broker_case *c, const struct policy_profile *p);

#endif
