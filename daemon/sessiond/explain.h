/* What a login would come to, told without one. */
#ifndef SESSIOND_EXPLAIN_H
#define SESSIOND_EXPLAIN_H

#include "broker.h"

enum { EXPLAIN_WAYS = 64, EXPLAIN_TEXT = 256 };

/* Something that could be proved, and what the broker says then. */
struct explain_way {
        char by[EXPLAIN_TEXT];           /* what it is, for people */
        struct broker_case c;            /* by which it is decided */
        struct principal who;            /* whom it proves; credential: what it is stored as */
        enum capos_denial denial;        /* NONE: it is granted */
        bool closed;                     /* … nobody is told: the connection is closed */
        char why[EXPLAIN_TEXT];          /* which rule decides; "": granted */
        const struct policy_profile *to; /* the profile; NULL: none */
        enum strength strength;          /* what a session is worth then */
};

struct explanation {
        const char *file;          /* the manifest's name */
        const char *account;       /* NULL: the method has none */
        const char *wanted;        /* the profile that is asked for; "": none */
        const char *facts;         /* where those of the account are from */
        const struct origin *from; /* where the client is */
        const struct policy *policy;
        enum capos_auth kind;       /* the method */
        bool there;                 /* there is such an account */
        struct store_account about; /* … and this is known of it */
        struct explain_way ways[EXPLAIN_WAYS];
        unsigned nways;
};

/* For people, and as one JSON object in a line, on standard output. */
void explain_print(const struct explanation *e);
void explain_print_json(const struct explanation *e);

/* The program `capos-sessiond --explain`, which is started by caposd, with the manifest as FD_
 * MANIFEST; an exit code. */
int explain_main(int argc, char **argv);

#endif
