/*
 * The ledgers of an instance: whatever many people share, and what is in use of it.
 *
 * They are in one array, so that the end of the instance and whoever looks at it see all of them.
 * Which limits hold is the policy's, as it is when somebody asks.
 */
#include "ledgers.h"

#include "daemon-log.h"

void ledgers_init(struct ledgers *l)
{
        for (unsigned i = 0; i < LEDGERS; i++)
                ledger_init(&l->of[i]);
}

bool ledgers_end(const struct ledgers *l)
{
        bool empty = true;

        for (unsigned i = 0; i < LEDGERS; i++) {
                if (ledger_is_empty(&l->of[i]))
                        continue;
                daemon_log(LOG_ERR, "ledger: of %s %llu were not given back", ledger_name(i),
                           (unsigned long long)l->of[i].used);
                empty = false;
        }
        return empty;
}

const char *ledger_name(enum ledger_of l)
{
        static const char *const names[LEDGERS] = {
                [LEDGER_ACCOUNTS] = "accounts", [LEDGER_PROFILES] = "profiles",
                [LEDGER_MEMORY] = "memory",     [LEDGER_SESSIONS] = "sessions",
                [LEDGER_FLOWS] = "flows",       [LEDGER_PROVERS] = "provers",
                [LEDGER_FETCHERS] = "fetchers",
        };

        return names[l];
}

void place_give(struct place *p)
{
        for (unsigned i = 0; i < PLACES; i++)
                ledger_give(&p->of[i]);
}
