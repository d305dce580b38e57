/*
 * Accounts that are locked: all that is theirs stays, and nobody gets in by it. It is in the same
 * row as the account, so one that is made anew under the name is not.
 */
#include "store-sql.h"

int store_lock(struct store *s, const char *name, const char *reason)
{
        return store_change(s, "UPDATE account SET locked = 1, reason = ?2 WHERE name = ?1",
                            TEXTS(name, reason));
}

int store_unlock(struct store *s, const char *name)
{
        return store_change(s, "UPDATE account SET locked = 0, reason = '' WHERE name = ?1",
                            TEXTS(name));
}

int store_locked(struct store *s, const char *name, bool *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT locked FROM account WHERE name = ?", TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        if (r)
                return r;

        *ret = sqlite3_column_int(q, 0) != 0;
        return 0;
}
