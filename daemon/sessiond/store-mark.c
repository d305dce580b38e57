/*
 * How far the audit log had got, so that the next start can tell whether its end was cut off.
 */
#include "store-sql.h"

#include <string.h>

int store_mark(struct store *s, struct store_mark *ret)
{
        AUTO_STATEMENT *q = NULL;
        struct store_mark m = {0};
        int r = store_prepare(s, "SELECT segment, records, hash FROM audit", TEXTS(NULL), &q);

        if (r)
                return r;
        r = sqlite3_step(q);
        if (r == SQLITE_ROW && sqlite3_column_bytes(q, 2) == (int)sizeof(m.chain.hash)) {
                m.segment = (uint32_t)sqlite3_column_int64(q, 0);
                m.chain.records = (uint64_t)sqlite3_column_int64(q, 1);
                memcpy(m.chain.hash, sqlite3_column_blob(q, 2), sizeof(m.chain.hash));
        } else if (r != SQLITE_DONE) {
                return store_errno(s, "audit");
        }

        *ret = m;
        return 0;
}

static int mark_write(struct store *s, uint32_t segment, const struct capos_audit_chain *c)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "INSERT OR REPLACE INTO audit VALUES (1, ?, ?, ?)", TEXTS(NULL),
                              &q);

        if (!r && (sqlite3_bind_int64(q, 1, segment) != SQLITE_OK ||
                   sqlite3_bind_int64(q, 2, (int64_t)c->records) != SQLITE_OK ||
                   sqlite3_bind_blob(q, 3, c->hash, sizeof(c->hash), SQLITE_STATIC) != SQLITE_OK))
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

int store_set_mark(struct store *s, uint32_t segment, const struct capos_audit_chain *c)
{
        int r = store_exec(s, "PRAGMA synchronous = NORMAL"), full;

        if (!r)
                r = mark_write(s, segment, c);
        full = store_exec(s, "PRAGMA synchronous = FULL");
        return r ? r : full;
}
