/*
 * What the account store consists of, and how an older one gets there. The schema version is
 * SQLite's user_version: an older one is brought forward step by step, a newer one refused, because
 * an older program cannot know what it would overlook.
 */
#include "store-sql.h"

#include <errno.h>
#include <stdio.h>

#include "daemon-log.h"

static const char *const steps[STORE_VERSION] = {
        "CREATE TABLE instance (one INTEGER PRIMARY KEY CHECK (one = 1), secret BLOB NOT NULL,"
        " epoch INTEGER NOT NULL) STRICT;"
        "CREATE TABLE account (name TEXT PRIMARY KEY, verifier TEXT NOT NULL) STRICT;"
        "CREATE TABLE profile (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " place INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, place)) STRICT;"
        "CREATE TABLE key (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " fingerprint TEXT NOT NULL, blob BLOB NOT NULL, comment TEXT NOT NULL,"
        " PRIMARY KEY (account, fingerprint)) STRICT;",
        "CREATE TABLE audit (one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER NOT NULL,"
        " records INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;",
        "ALTER TABLE account ADD COLUMN service INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE service_key (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " id TEXT NOT NULL, fingerprint TEXT NOT NULL, jwk TEXT NOT NULL,"
        " PRIMARY KEY (account, id), UNIQUE (account, fingerprint)) STRICT;"
        "CREATE TABLE used (hash BLOB PRIMARY KEY, until INTEGER NOT NULL) STRICT;"
        "CREATE INDEX used_until ON used (until);",
        "CREATE TABLE passkey (fingerprint TEXT PRIMARY KEY,"
        " account TEXT NOT NULL REFERENCES account ON DELETE CASCADE, algorithm INTEGER NOT NULL,"
        " id BLOB NOT NULL, key BLOB NOT NULL, aaguid BLOB NOT NULL, count INTEGER NOT NULL,"
        " label TEXT NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) STRICT;",
        "CREATE TABLE identity (issuer TEXT NOT NULL, subject TEXT NOT NULL,"
        " account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " PRIMARY KEY (issuer, subject)) STRICT;",
        "ALTER TABLE account ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;"
        "UPDATE account SET serial = random();"
        "CREATE INDEX key_blob ON key (blob);",
        "ALTER TABLE instance ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;",
        "ALTER TABLE account ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE account ADD COLUMN reason TEXT NOT NULL DEFAULT '';",
        "ALTER TABLE account ADD COLUMN expires_ms INTEGER NOT NULL DEFAULT 0;",
        "ALTER TABLE account ADD COLUMN last_ms INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE account ADD COLUMN last_kind TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE account ADD COLUMN last_from TEXT NOT NULL DEFAULT '';"
        "CREATE TABLE credential (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " fingerprint TEXT NOT NULL, added_ms INTEGER NOT NULL DEFAULT 0,"
        " used_ms INTEGER NOT NULL DEFAULT 0, used_from TEXT NOT NULL DEFAULT '',"
        " PRIMARY KEY (account, fingerprint)) STRICT;"
        "INSERT INTO credential (account, fingerprint) SELECT account, fingerprint FROM key;"
        "INSERT INTO credential (account, fingerprint)"
        " SELECT account, fingerprint FROM service_key;"
        "INSERT INTO credential (account, fingerprint, added_ms, used_ms)"
        " SELECT account, fingerprint, made_ms, used_ms FROM passkey;"
        "CREATE TRIGGER key_gone AFTER DELETE ON key BEGIN DELETE FROM credential"
        " WHERE account = old.account AND fingerprint = old.fingerprint; END;"
        "CREATE TRIGGER service_key_gone AFTER DELETE ON service_key BEGIN DELETE FROM credential"
        " WHERE account = old.account AND fingerprint = old.fingerprint; END;"
        "CREATE TRIGGER passkey_gone AFTER DELETE ON passkey BEGIN DELETE FROM credential"
        " WHERE account = old.account AND fingerprint = old.fingerprint; END;",
        "ALTER TABLE credential ADD COLUMN sources TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE credential ADD COLUMN profile TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE credential ADD COLUMN expires_ms INTEGER NOT NULL DEFAULT 0;",
};

static int store_migrate_step(struct store *s, int64_t from)
{
        char pragma[64];
        int r = store_exec(s, "BEGIN IMMEDIATE");

        snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", (int)from + 1);
        if (!r)
                r = store_exec(s, steps[from]);
        if (!r)
                r = store_exec(s, pragma);
        if (!r)
                r = store_exec(s, "COMMIT");
        return r;
}

int store_migrate(struct store *s)
{
        int64_t version = 0;
        int r = store_number(s, "PRAGMA user_version", &version);

        if (!r && version > STORE_VERSION) {
                daemon_log(LOG_ERR, "the account store has version %d, this program knows %d",
                           (int)version, STORE_VERSION);
                return -EPROTO;
        }

        for (; !r && version < STORE_VERSION; version++)
                r = store_migrate_step(s, version);
        return r;
}
