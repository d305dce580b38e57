/*
 * Accounts that are locked, or expire: all that is theirs stays, and nobody gets in by it. It is in
 * the same row as the account, so one that is made anew under the name is not.
 */
#include "store-sql.h"

#include <inttypes.h>
#include <stdio.h>

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

int store_set_expiry(struct store *s, const char *name, uint64_t expires_ms)
{
        char number[24];

        snprintf(number, sizeof(number), "%" PRIu64, expires_ms);
        return store_change(s,
                            "UPDATE account SET expires_ms = CAST(?2 AS INTEGER) WHERE name = ?1",
                            TEXTS(name, number));
}

int store_door(struct store *s, const char *name, struct store_door *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT locked, expires_ms, last_ms, last_kind, last_from"
                              " FROM account WHERE name = ?",
                              TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        if (r)
                return r;

        ret->locked = sqlite3_column_int(q, 0) != 0;
        ret->expires_ms = (uint64_t)sqlite3_column_int64(q, 1);
        store_read_login(q, 2, &ret->last);
        return 0;
}
