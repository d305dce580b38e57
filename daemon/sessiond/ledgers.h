/* The ledgers of an instance, and a session's place in them. */
#ifndef SESSIOND_LEDGERS_H
#define SESSIOND_LEDGERS_H

#include "daemon-ledger.h"

/* Those of a session's place come first, in the order in which they are asked. */
enum ledger_of {
        LEDGER_ACCOUNTS, /* sessions: a pool for each account */
        LEDGER_PROFILES, /* sessions: a pool for each profile */
        LEDGER_MEMORY,   /* bytes that sessions may make the instance hold: a pool for each class */
        LEDGER_SESSIONS, /* a pool for each class, and there is a bound for all of them */
        LEDGER_FLOWS,    /* attempts to log in */
        LEDGER_PROVERS,  /* processes: a pool for each lane */
        LEDGER_FETCHERS, /* processes */
        LEDGERS,
        PLACES = LEDGER_FLOWS
};

struct ledgers {
        struct ledger of[LEDGERS];
};

/* Zeroed: none. */
struct place {
        struct ledger_hold of[PLACES];
};

void ledgers_init(struct ledgers *l);
/* Whether nothing is in use any more, as it must be when all has ended; the log says what is. */
bool ledgers_end(const struct ledgers *l);
/* For people, and for programs: "sessions", "accounts" … */
const char *ledger_name(enum ledger_of l);

void place_give(struct place *p);

#endif
