/* Statements of the account store, for the files that it is made of. */
#ifndef SESSIOND_STORE_SQL_H
#define SESSIOND_STORE_SQL_H

#include "store.h"

static inline void statement_end(sqlite3_stmt **q)
{
        sqlite3_finalize(*q);
}

#define AUTO_STATEMENT CAPNP_AUTO(statement_end) sqlite3_stmt

#define TEXTS(...) ((const char *const[3]){__VA_ARGS__})

/* Logs what has failed. -EIO, or -ENOMEM. */
int store_errno(struct store *s, const char *what);
/* Binds up to three texts; NULL ends them. 0; -errno. */
int store_prepare(struct store *s, const char *sql, const char *const texts[3],
                  sqlite3_stmt **ret) CAPNP_MUST_USE;
/* Runs a statement that returns no rows. 0; STORE_E_EXISTS; -errno. */
int store_step(struct store *s, sqlite3_stmt *q) CAPNP_MUST_USE;
/* A change of one row. 0; STORE_E_NONE; -errno. */
int store_change(struct store *s, const char *sql, const char *const texts[3]) CAPNP_MUST_USE;

#endif
