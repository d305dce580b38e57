/*
 * Passkeys on disk. What one is called is the hash of its credential id, which is as long as its
 * authenticator likes. How often it has signed is compared and stored by one statement: of two
 * logins at once by copies of a passkey, only one can be the later.
 */
#include "store-passkey.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store-sql.h"

#define COLUMNS "fingerprint, account, algorithm, id, key, aaguid, count, label, made_ms, used_ms"

enum column { FINGERPRINT, ACCOUNT, ALGORITHM, ID, KEY, AAGUID, COUNT, LABEL, MADE, USED };

static bool column_copy(sqlite3_stmt *q, enum column c, uint8_t *to, size_t room, uint32_t *ret_len)
{
        int len = sqlite3_column_bytes(q, c);

        if (len <= 0 || (size_t)len > room)
                return false;

        memcpy(to, sqlite3_column_blob(q, c), (size_t)len);
        *ret_len = (uint32_t)len;
        return true;
}

static bool passkey_read(sqlite3_stmt *q, struct store_passkey *k)
{
        uint32_t aaguid;

        *k = (struct store_passkey){
                .count = (uint32_t)sqlite3_column_int64(q, COUNT),
                .made_ms = (uint64_t)sqlite3_column_int64(q, MADE),
                .used_ms = (uint64_t)sqlite3_column_int64(q, USED),
        };
        snprintf(k->fingerprint, sizeof(k->fingerprint), "%s",
                 (const char *)sqlite3_column_text(q, FINGERPRINT));
        snprintf(k->account, sizeof(k->account), "%s",
                 (const char *)sqlite3_column_text(q, ACCOUNT));
        snprintf(k->label, sizeof(k->label), "%s", (const char *)sqlite3_column_text(q, LABEL));
        k->key.algorithm = sqlite3_column_int(q, ALGORITHM);
        return column_copy(q, ID, k->key.id, PASSKEY_ID_BYTES, &k->key.id_len) &&
               column_copy(q, KEY, k->key.key, sizeof(k->key.key), &k->key.key_len) &&
               column_copy(q, AAGUID, k->key.aaguid, sizeof(k->key.aaguid), &aaguid);
}

int store_find_passkey(struct store *s, const char *fingerprint, struct store_passkey *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT " COLUMNS " FROM passkey WHERE fingerprint = ?",
                              TEXTS(fingerprint), &q);

        if (r)
                return r;
        r = sqlite3_step(q);
        if (r == SQLITE_DONE)
                return STORE_E_NONE;
        if (r != SQLITE_ROW || !passkey_read(q, ret))
                return store_errno(s, "passkey");

        return 0;
}

int store_each_passkey(struct store *s, const char *account,
                       void (*fn)(void *arg, const struct store_passkey *k), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        struct store_passkey k;
        int r = store_prepare(s,
                              "SELECT " COLUMNS " FROM passkey WHERE account = ?"
                              " ORDER BY made_ms, rowid",
                              TEXTS(account), &q);

        while (!r && store_row(s, q, &r))
                if (passkey_read(q, &k))
                        fn(arg, &k);
        return r;
}

static void passkey_count(void *arg, const struct store_passkey *k)
{
        (void)k;
        ++*(unsigned *)arg;
}

/* Whether this very account is a person's, and has room. 0; STORE_E_NONE; STORE_E_FULL; -errno. */
static int account_has_room(struct store *s, const char *account, int64_t serial)
{
        struct store_account a;
        unsigned n = 0;
        int r = store_load(s, account, &a);

        if (r)
                return r;
        r = a.serial == serial && !a.service ? 0 : STORE_E_NONE;
        store_account_deinit(&a);
        if (!r)
                r = store_each_passkey(s, account, passkey_count, &n);
        return !r && n >= STORE_PASSKEYS ? STORE_E_FULL : r;
}

static int passkey_insert(struct store *s, const struct store_passkey *k)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "INSERT INTO passkey (fingerprint, account, label, algorithm, id,"
                              " key, aaguid, count, made_ms, used_ms)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              TEXTS(k->fingerprint, k->account, k->label), &q);
        if (r)
                return r;

        if (sqlite3_bind_int(q, 4, k->key.algorithm) != SQLITE_OK ||
            sqlite3_bind_blob(q, 5, k->key.id, (int)k->key.id_len, SQLITE_STATIC) != SQLITE_OK ||
            sqlite3_bind_blob(q, 6, k->key.key, (int)k->key.key_len, SQLITE_STATIC) != SQLITE_OK ||
            sqlite3_bind_blob(q, 7, k->key.aaguid, sizeof(k->key.aaguid), SQLITE_STATIC) !=
                    SQLITE_OK ||
            sqlite3_bind_int64(q, 8, k->count) != SQLITE_OK ||
            sqlite3_bind_int64(q, 9, (sqlite3_int64)k->made_ms) != SQLITE_OK ||
            sqlite3_bind_int64(q, 10, (sqlite3_int64)k->used_ms) != SQLITE_OK)
                return store_errno(s, "bind");

        return store_step(s, q);
}

int store_add_passkey(struct store *s, const struct store_passkey *k, int64_t serial,
                      const struct store_options *may)
{
        int r = account_has_room(s, k->account, serial);

        if (!r)
                r = store_exec(s, "BEGIN IMMEDIATE");
        if (r)
                return r;

        r = passkey_insert(s, k);
        if (!r)
                r = store_add_credential(s, k->account, k->fingerprint, may);
        return store_end(s, r);
}

int store_remove_passkey(struct store *s, const char *account, const char *fingerprint)
{
        return store_change(s, "DELETE FROM passkey WHERE account = ? AND fingerprint = ?",
                            TEXTS(account, fingerprint));
}

int store_use_passkey(struct store *s, const char *fingerprint, uint32_t count, uint64_t now_ms)
{
        char number[16], now[24];

        snprintf(number, sizeof(number), "%" PRIu32, count);
        snprintf(now, sizeof(now), "%" PRIu64, now_ms);
        return store_change(s,
                            "UPDATE passkey SET count = CAST(?2 AS INTEGER),"
                            " used_ms = CAST(?3 AS INTEGER) WHERE fingerprint = ?1 AND"
                            " (count < CAST(?2 AS INTEGER) OR"
                            " (count = 0 AND CAST(?2 AS INTEGER) = 0))",
                            TEXTS(fingerprint, number, now));
}
