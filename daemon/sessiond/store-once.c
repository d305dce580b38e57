/*
 * What is good once. It is remembered until it would not be good anyway, and until when, for ever.
 */
#include "store-sql.h"

static int store_change_at(struct store *s, const char *sql, int64_t time_s)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, sql, TEXTS(NULL), &q);

        if (!r && sqlite3_bind_int64(q, 1, time_s) != SQLITE_OK)
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

/* What is over is forgotten first, so that there is never more than what is still good; but not
 * until when: a clock that goes back would make it good again. */
static int used_forget(struct store *s, int64_t now_s)
{
        int r = store_change_at(s,
                                "UPDATE instance SET forgotten = max(forgotten, ifnull("
                                "(SELECT max(until) FROM used WHERE until < ?), 0))",
                                now_s);

        return r ? r : store_change_at(s, "DELETE FROM used WHERE until < ?", now_s);
}

static int used_add(struct store *s, const uint8_t hash[STORE_HASH_BYTES], int64_t until_s)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "INSERT INTO used (hash, until) VALUES (?, ?)", TEXTS(NULL), &q);

        if (!r && (sqlite3_bind_blob(q, 1, hash, STORE_HASH_BYTES, SQLITE_STATIC) != SQLITE_OK ||
                   sqlite3_bind_int64(q, 2, until_s) != SQLITE_OK))
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

int store_use_once(struct store *s, const uint8_t hash[STORE_HASH_BYTES], int64_t until_s,
                   int64_t now_s)
{
        int64_t forgotten = 0, over_s = until_s + TOKEN_SKEW_S;
        int r = store_exec(s, "BEGIN IMMEDIATE");

        if (r)
                return r;

        r = used_forget(s, now_s);
        if (!r)
                r = store_number(s, "SELECT forgotten FROM instance", &forgotten);
        if (!r && (over_s < now_s || over_s <= forgotten))
                r = STORE_E_OVER;
        if (!r)
                r = used_add(s, hash, over_s);
        return store_end(s, r);
}
