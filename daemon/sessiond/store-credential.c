/*
 * What is known of keys and passkeys beside what proves them: since when they are there, and when
 * they were used last; and of accounts, who got in last. All that is only told, so it is not waited
 * for until it is on disk: the audit log has it, too. A row goes with its key, by triggers.
 */
#include "store-sql.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"

static void column_text(sqlite3_stmt *q, int column, char *to, size_t room)
{
        const char *text = (const char *)sqlite3_column_text(q, column);

        (void)snprintf(to, room, "%s", text ? text : "");
}

int store_add_credential(struct store *s, const char *name, const char *fingerprint)
{
        char now[24];

        (void)snprintf(now, sizeof(now), "%" PRIu64, clock_wall_ms());
        return store_change(s,
                            "INSERT INTO credential (account, fingerprint, added_ms)"
                            " VALUES (?1, ?2, CAST(?3 AS INTEGER))",
                            TEXTS(name, fingerprint, now));
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
        " added_ms, used_ms, used_from"
        " FROM key JOIN credential USING (account, fingerprint) WHERE account = ?1"
        " UNION ALL SELECT fingerprint, id,"
        " ifnull(json_extract(jwk, '$.crv'), json_extract(jwk, '$.kty')), '',"
        " added_ms, used_ms, used_from"
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
                fn(arg, &c);
        }
        return r;
}
