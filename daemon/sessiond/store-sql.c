/*
 * Statements of the account store. They are compiled once and used again; what fails is logged
 * where it fails, and remembered until somebody asks.
 */
#include "store-sql.h"

#include <errno.h>
#include <string.h>

#include "daemon-log.h"

int store_errno(struct store *s, const char *what)
{
        daemon_log(LOG_ERR, "the account store: %s: %s", what, sqlite3_errmsg(s->db));
        s->failed = sqlite3_errcode(s->db) == SQLITE_NOMEM ? -ENOMEM : -EIO;
        return s->failed;
}

int store_failure(struct store *s)
{
        int r = s->failed;

        s->failed = 0;
        return r;
}

int store_exec(struct store *s, const char *sql)
{
        return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_errno(s, sql);
}

/* One of this text whose last use is over; NULL: none. A use begins with its first step, and
 * nothing prepares the same text between that and its own. */
static sqlite3_stmt *statement_find(sqlite3 *db, const char *sql)
{
        sqlite3_stmt *q = sqlite3_next_stmt(db, NULL);

        while (q && (sqlite3_stmt_busy(q) || strcmp(sqlite3_sql(q), sql) != 0))
                q = sqlite3_next_stmt(db, q);
        return q;
}

int store_prepare(struct store *s, const char *sql, const char *const texts[3], sqlite3_stmt **ret)
{
        *ret = statement_find(s->db, sql);
        if (!*ret &&
            sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
                return store_errno(s, "prepare");
        for (int i = 0; i < 3 && texts[i]; i++)
                if (sqlite3_bind_text(*ret, i + 1, texts[i], -1, SQLITE_STATIC) != SQLITE_OK)
                        return store_errno(s, "bind");

        return 0;
}

bool store_row(struct store *s, sqlite3_stmt *q, int *r)
{
        int row = sqlite3_step(q);

        *r = row == SQLITE_ROW || row == SQLITE_DONE ? 0 : store_errno(s, "row");
        return row == SQLITE_ROW;
}

int store_one(struct store *s, sqlite3_stmt *q)
{
        int r;

        if (store_row(s, q, &r))
                return 0;

        return r ? r : STORE_E_NONE;
}

int store_step(struct store *s, sqlite3_stmt *q)
{
        int r = sqlite3_step(q);

        if (r == SQLITE_DONE)
                return 0;
        if (r == SQLITE_CONSTRAINT)
                return STORE_E_EXISTS;

        return store_errno(s, "step");
}

int store_change(struct store *s, const char *sql, const char *const texts[3])
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, sql, texts, &q);

        if (!r)
                r = store_step(s, q);
        if (!r && !sqlite3_changes(s->db))
                r = STORE_E_NONE;
        return r;
}

int store_number(struct store *s, const char *sql, int64_t *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, sql, TEXTS(NULL), &q);

        if (r)
                return r;
        if (sqlite3_step(q) != SQLITE_ROW)
                return store_errno(s, sql);

        *ret = sqlite3_column_int64(q, 0);
        return 0;
}

int store_end(struct store *s, int r)
{
        if (!r)
                r = store_exec(s, "COMMIT");
        if (r)
                (void)store_exec(s, "ROLLBACK");
        return r;
}
