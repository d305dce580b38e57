/*
 * What accounts sign with: SSH keys of people, and keys of service accounts. How many there may be
 * is decided here, before another is added.
 */
#include "store-sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- SSH keys ------------------------------------------------------------------------------- */

static int account_read_key(struct store_account *a, sqlite3_stmt *q)
{
        struct store_key *k = &a->keys[a->nkeys];
        int len = sqlite3_column_bytes(q, 1);

        k->blob = malloc((size_t)len + 1);
        if (!k->blob)
                return -ENOMEM;

        if (len)
                memcpy(k->blob, sqlite3_column_blob(q, 1), (size_t)len);
        k->len = (uint32_t)len;
        snprintf(k->fingerprint, sizeof(k->fingerprint), "%s",
                 (const char *)sqlite3_column_text(q, 0));
        snprintf(k->comment, sizeof(k->comment), "%s", (const char *)sqlite3_column_text(q, 2));
        a->nkeys++;
        return 0;
}

int store_read_keys(struct store *s, struct store_account *a)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT fingerprint, blob, comment FROM key WHERE account = ?"
                              " ORDER BY rowid",
                              TEXTS(a->name), &q);

        while (!r && a->nkeys < STORE_KEYS && store_row(s, q, &r))
                r = account_read_key(a, q);
        return r;
}

int store_remove_key(struct store *s, const char *name, const char *fingerprint)
{
        return store_change(s, "DELETE FROM key WHERE account = ? AND fingerprint = ?",
                            TEXTS(name, fingerprint));
}

int store_has_key(struct store *s, capnp_data key, bool *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT 1 FROM key WHERE blob = ?", TEXTS(NULL), &q);

        if (!r && sqlite3_bind_blob(q, 1, key.p, (int)key.len, SQLITE_STATIC) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (r)
                return r;

        r = sqlite3_step(q);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return store_errno(s, "key");
        *ret = r == SQLITE_ROW;
        return 0;
}

/* Whether there is room for another key. 0; STORE_E_NONE; STORE_E_FULL; -errno. */
static int key_room(struct store *s, const char *name)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT (SELECT count(*) FROM key WHERE account = name)"
                              " FROM account WHERE name = ?",
                              TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        return !r && sqlite3_column_int(q, 0) >= STORE_KEYS ? STORE_E_FULL : r;
}

static int key_insert(struct store *s, const char *name, const struct store_key *k)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "INSERT INTO key (account, fingerprint, comment, blob)"
                              " VALUES (?, ?, ?, ?)",
                              TEXTS(name, k->fingerprint, k->comment), &q);
        if (!r && sqlite3_bind_blob(q, 4, k->blob, (int)k->len, SQLITE_STATIC) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        return r;
}

int store_add_key(struct store *s, const char *name, const struct store_key *k,
                  const struct store_options *may)
{
        int r = key_room(s, name);

        if (!r)
                r = store_exec(s, "BEGIN IMMEDIATE");
        if (r)
                return r;

        r = key_insert(s, name, k);
        if (!r)
                r = store_add_credential(s, name, k->fingerprint, may);
        return store_end(s, r);
}

/* ---- service accounts ----------------------------------------------------------------------- */

static int account_read_service_key(struct store_account *a, sqlite3_stmt *q)
{
        struct store_service_key *k = &a->service_keys[a->nservice_keys];

        k->jwk = strdup((const char *)sqlite3_column_text(q, 2));
        if (!k->jwk)
                return -ENOMEM;

        snprintf(k->id, sizeof(k->id), "%s", (const char *)sqlite3_column_text(q, 0));
        snprintf(k->fingerprint, sizeof(k->fingerprint), "%s",
                 (const char *)sqlite3_column_text(q, 1));
        a->nservice_keys++;
        return 0;
}

int store_read_service_keys(struct store *s, struct store_account *a)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT id, fingerprint, jwk FROM service_key WHERE account = ?"
                              " ORDER BY rowid",
                              TEXTS(a->name), &q);

        while (!r && a->nservice_keys < STORE_SERVICE_KEYS && store_row(s, q, &r))
                r = account_read_service_key(a, q);
        return r;
}

#define ACCOUNT_COLUMNS "SELECT name, verifier, service, serial, locked, reason FROM account"

/* Likewise; there is none for another kind of account. */
static int service_key_room(struct store *s, const char *name)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT (SELECT count(*) FROM service_key WHERE account = name)"
                              " FROM account WHERE name = ? AND service",
                              TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        return !r && sqlite3_column_int(q, 0) >= STORE_SERVICE_KEYS ? STORE_E_FULL : r;
}

static int service_key_insert(struct store *s, const char *name, const struct store_service_key *k)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "INSERT INTO service_key (account, id, fingerprint, jwk)"
                              " VALUES (?, ?, ?, ?)",
                              TEXTS(name, k->id, k->fingerprint), &q);
        if (!r && sqlite3_bind_text(q, 4, k->jwk, -1, SQLITE_STATIC) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        return r;
}

int store_add_service_key(struct store *s, const char *name, const struct store_service_key *k,
                          const struct store_options *may)
{
        int r = service_key_room(s, name);

        if (!r)
                r = store_exec(s, "BEGIN IMMEDIATE");
        if (r)
                return r;

        r = service_key_insert(s, name, k);
        if (!r)
                r = store_add_credential(s, name, k->fingerprint, may);
        return store_end(s, r);
}

int store_remove_service_key(struct store *s, const char *name, const char *id,
                             char ret_fingerprint[STORE_FINGERPRINT_BYTES])
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "DELETE FROM service_key WHERE account = ? AND id = ?"
                              " RETURNING fingerprint",
                              TEXTS(name, id), &q);

        if (r)
                return r;
        r = sqlite3_step(q);
        if (r == SQLITE_DONE)
                return STORE_E_NONE;
        if (r != SQLITE_ROW)
                return store_errno(s, "service key");

        snprintf(ret_fingerprint, STORE_FINGERPRINT_BYTES, "%s",
                 (const char *)sqlite3_column_text(q, 0));
        return sqlite3_step(q) == SQLITE_DONE ? 0 : store_errno(s, "service key");
}
