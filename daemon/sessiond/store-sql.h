/* Statements of the account store, for the files that it is made of. */
#ifndef SESSIOND_STORE_SQL_H
#define SESSIOND_STORE_SQL_H

#include "store.h"

/* It may be used again by whoever prepares the same text; what was bound to it is gone. */
static inline void statement_end(sqlite3_stmt **q)
{
        if (!*q)
                return;

        (void)sqlite3_reset(*q);
        (void)sqlite3_clear_bindings(*q);
}

#define AUTO_STATEMENT CAPNP_AUTO(statement_end) sqlite3_stmt

#define TEXTS(...) ((const char *const[3]){__VA_ARGS__})

/* Logs what has failed. -EIO, or -ENOMEM. */
int store_errno(struct store *s, const char *what);
/* Finds a statement that is not in use, or compiles one, which costs ten times as much, and binds
 * up to three texts; NULL ends them. It is in use until statement_end(). 0; -errno. */
int store_prepare(struct store *s, const char *sql, const char *const texts[3],
                  sqlite3_stmt **ret) CAPNP_MUST_USE;
/* The next row of a statement. false: there is none, and *r is 0, or -errno: it cannot be read,
 * which is not the same. */
bool store_row(struct store *s, sqlite3_stmt *q, int *r) CAPNP_MUST_USE;
/* The one row of a statement. 0; STORE_E_NONE: there is none; -errno. */
int store_one(struct store *s, sqlite3_stmt *q) CAPNP_MUST_USE;
/* Runs a statement that returns no rows. 0; STORE_E_EXISTS; -errno. */
int store_step(struct store *s, sqlite3_stmt *q) CAPNP_MUST_USE;
/* A change of one row. 0; STORE_E_NONE; -errno. */
int store_change(struct store *s, const char *sql, const char *const texts[3]) CAPNP_MUST_USE;
/* Runs what nothing is bound to. 0; -errno. */
int store_exec(struct store *s, const char *sql);
/* The one number that a statement gives. 0; -errno. */
int store_number(struct store *s, const char *sql, int64_t *ret) CAPNP_MUST_USE;
/* Ends a transaction as its outcome says, which it returns, unless that fails. */
int store_end(struct store *s, int r);

/* Brings the store to this version. 0; -EPROTO: it was written by a newer one; -errno. */
int store_migrate(struct store *s) CAPNP_MUST_USE;

/* What is known of something that is being added to an account, in the same transaction. 0; -errno.
 */
int store_add_credential(struct store *s, const char *name, const char *fingerprint,
                         const struct store_options *may) CAPNP_MUST_USE;
/* The columns last_ms, last_kind, last_from from this one on. */
void store_read_login(sqlite3_stmt *q, int column, struct store_login *ret);

/* Parts of an account. 0; -errno, and what was read is to be freed with the account. */
int store_read_keys(struct store *s, struct store_account *a) CAPNP_MUST_USE;
int store_read_service_keys(struct store *s, struct store_account *a) CAPNP_MUST_USE;
/* Another profile of an account that is being made. 0; STORE_E_EXISTS; -errno. */
int store_add_profile(struct store *s, const char *name, unsigned place,
                      const char *profile) CAPNP_MUST_USE;

#endif
