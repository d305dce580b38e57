/*
 * What is known of keys and passkeys beside what proves them: since when they are there, what they
 * are restricted to, and when they were used last; and of accounts, who got in last. Who got in is
 * only told, so it is not waited for until it is on disk: the audit log has it, too. A row comes
 * and goes with its key: in the same transaction, and by triggers.
 */
#include "store-sql.h"

#include <stdio.h>

#include "clock.h"

static void column_text(sqlite3_stmt *q, int column, char *to, size_t room)
{
        const char *text = (const char *)sqlite3_column_text(q, column);

        (void)snprintf(to, room, "%s", text ? text : "");
}

int store_add_credential(struct store *s, const char *name, const char *fingerprint,
                         const struct store_options *may)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "INSERT INTO credential (account, fingerprint, sources, profile,"
                              " expires_ms, added_ms) VALUES (?, ?, ?, ?, ?, ?)",
                              TEXTS(name, fingerprint, may->sources), &q);

        if (!r && (sqlite3_bind_text(q, 4, may->profile, -1, SQLITE_STATIC) != SQLITE_OK ||
                   sqlite3_bind_int64(q, 5, (sqlite3_int64)may->expires_ms) != SQLITE_OK ||
                   sqlite3_bind_int64(q, 6, (sqlite3_int64)clock_wall_ms()) != SQLITE_OK))
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

/* The columns sources, profile, expires_ms from this one on. */
static void options_read(sqlite3_stmt *q, int column, struct store_options *ret)
{
        column_text(q, column, ret->sources, sizeof(ret->sources));
        column_text(q, column + 1, ret->profile, sizeof(ret->profile));
        ret->expires_ms = (uint64_t)sqlite3_column_int64(q, column + 2);
}

int store_options(struct store *s, const char *name, const char *fingerprint,
                  struct store_options *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT sources, profile, expires_ms FROM credential"
                              " WHERE account = ? AND fingerprint = ?",
                              TEXTS(name, fingerprint), &q);

        if (!r)
                r = store_one(s, q);
        if (!r)
                options_read(q, 0, ret);
        return r;
}

/* ---- who got in ----------------------------------------------------------------------------- */

void store_read_login(sqlite3_stmt *q, int column, struct store_login *ret)
{
        ret->at_ms = (uint64_t)sqlite3_column_int64(q, column);
        column_text(q, column + 1, ret->kind, sizeof(ret->kind));
        column_text(q, column + 2, ret->from, sizeof(ret->from));
}

static int note_account(struct store *s, const char *name, const struct store_login *l)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "UPDATE account SET last_kind = ?2, last_from = ?3, last_ms = ?4"
                              " WHERE name = ?1",
                              TEXTS(name, l->kind, l->from), &q);

        if (!r && sqlite3_bind_int64(q, 4, (sqlite3_int64)l->at_ms) != SQLITE_OK)
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

static int note_credential(struct store *s, const char *name, const char *fingerprint,
                           const struct store_login *l)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "UPDATE credential SET used_from = ?3, used_ms = ?4"
                              " WHERE account = ?1 AND fingerprint = ?2",
                              TEXTS(name, fingerprint, l->from), &q);

        if (!r && sqlite3_bind_int64(q, 4, (sqlite3_int64)l->at_ms) != SQLITE_OK)
                r = store_errno(s, "bind");
        return r ? r : store_step(s, q);
}

int store_note_login(struct store *s, const char *name, const char *fingerprint,
                     const struct store_login *l, bool renewal)
{
        int r = store_exec(s, "PRAGMA synchronous = NORMAL"), full;

        if (!r && !renewal)
                r = note_account(s, name, l);
        if (!r)
                r = note_credential(s, name, fingerprint, l);
        full = store_exec(s, "PRAGMA synchronous = FULL");
        return r ? r : full;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* The type of an SSH key is the string that its blob begins with; the next one's length begins with
 * a zero. A service account's key was written by a prover. */
static const char keys[] =
        "SELECT fingerprint, fingerprint,"
        " CAST(substr(blob, 5, instr(substr(blob, 5), x'00') - 1) AS TEXT), comment,"
        " added_ms, used_ms, used_from, sources, profile, expires_ms"
        " FROM key JOIN credential USING (account, fingerprint) WHERE account = ?1"
        " UNION ALL SELECT fingerprint, id,"
        " ifnull(json_extract(jwk, '$.crv'), json_extract(jwk, '$.kty')), '',"
        " added_ms, used_ms, used_from, sources, profile, expires_ms"
        " FROM service_key JOIN credential USING (account, fingerprint) WHERE account = ?1"
        " ORDER BY added_ms";

int store_each_key(struct store *s, const char *name,
                   void (*fn)(void *arg, const struct store_credential *c), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, keys, TEXTS(name), &q);

        while (!r && store_row(s, q, &r)) {
                struct store_credential c = {.added_ms = (uint64_t)sqlite3_column_int64(q, 4),
                                             .used_ms = (uint64_t)sqlite3_column_int64(q, 5)};

                column_text(q, 0, c.fingerprint, sizeof(c.fingerprint));
                column_text(q, 1, c.id, sizeof(c.id));
                column_text(q, 2, c.type, sizeof(c.type));
                column_text(q, 3, c.comment, sizeof(c.comment));
                column_text(q, 6, c.used_from, sizeof(c.used_from));
                options_read(q, 7, &c.may);
                fn(arg, &c);
        }
        return r;
}
