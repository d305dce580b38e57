/*
 * Accounts on disk.
 *
 * One connection, one process, every change a transaction that is on disk when the function
 * returns (WAL, synchronous=FULL). The schema version is SQLite's user_version: an older one is
 * brought forward step by step, a newer one refused, because an older program cannot know what it
 * would overlook. The instance's secret and its epoch lie beside the accounts: they are as old as
 * the folder is.
 */
#include "store-sql.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

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
};

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

static int store_exec(struct store *s, const char *sql)
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

static int store_number(struct store *s, const char *sql, int64_t *ret)
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

/* ---- opening -------------------------------------------------------------------------------- */

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

static int store_migrate(struct store *s)
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

static int store_make_instance(struct store *s)
{
        AUTO_STATEMENT *q = NULL;
        uint8_t secret[STORE_SECRET_BYTES];
        int r;

        randombytes_buf(secret, sizeof(secret));
        r = store_prepare(s, "INSERT OR IGNORE INTO instance (one, secret, epoch) VALUES (1, ?, 0)",
                          TEXTS(NULL), &q);
        if (!r && sqlite3_bind_blob(q, 1, secret, sizeof(secret), SQLITE_TRANSIENT) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        sodium_memzero(secret, sizeof(secret));
        return r;
}

static int store_read_instance(struct store *s)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT secret, epoch FROM instance", TEXTS(NULL), &q);

        if (r)
                return r;
        if (sqlite3_step(q) != SQLITE_ROW || sqlite3_column_bytes(q, 0) != (int)sizeof(s->secret))
                return store_errno(s, "instance");

        memcpy(s->secret, sqlite3_column_blob(q, 0), sizeof(s->secret));
        s->epoch = (uint64_t)sqlite3_column_int64(q, 1);
        return 0;
}

static int store_set_up(struct store *s)
{
        int r = store_exec(s, "PRAGMA foreign_keys = ON");

        if (!r)
                r = store_exec(s, "PRAGMA secure_delete = ON");
        if (!r)
                r = store_exec(s, "PRAGMA temp_store = MEMORY");
        if (!r)
                r = store_exec(s, "PRAGMA journal_mode = WAL");
        if (!r)
                r = store_exec(s, "PRAGMA synchronous = FULL");
        if (!r)
                r = store_migrate(s);
        if (!r)
                r = store_make_instance(s);
        if (!r)
                r = store_exec(s, "UPDATE instance SET epoch = epoch + 1");
        if (!r)
                r = store_read_instance(s);
        return r;
}

/* Says that there was an earlier start, whose accounts are here: whoever has forgotten it, or has
 * started the instance as another user, thinks that it is a new one. */
static int store_tell(struct store *s)
{
        char since[32] = "";
        int64_t accounts = 0;
        struct statx st;
        time_t born;
        struct tm tm;
        int r;

        if (s->epoch <= 1)
                return 0;
        r = store_number(s, "SELECT count(*) FROM account", &accounts);
        if (r)
                return r;

        if (!statx(AT_FDCWD, STORE_FILE, 0, STATX_BTIME, &st) && (st.stx_mask & STATX_BTIME)) {
                born = st.stx_btime.tv_sec;
                if (localtime_r(&born, &tm))
                        (void)strftime(since, sizeof(since), ", there since %Y-%m-%d", &tm);
        }
        daemon_log(LOG_NOTICE, "goes on with the state of earlier starts: %" PRId64 " account%s%s",
                   accounts, accounts == 1 ? "" : "s", since);
        return 0;
}

int store_init(struct store *s)
{
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
        int r;

        *s = (struct store){0};
        (void)umask(077);
        if (sqlite3_open_v2(STORE_FILE, &s->db, flags, NULL) != SQLITE_OK)
                r = s->db ? store_errno(s, "open") : -ENOMEM;
        else
                r = store_set_up(s);
        if (!r)
                r = store_tell(s);
        if (r)
                store_deinit(s);
        return r;
}

void store_deinit(struct store *s)
{
        sqlite3_stmt *q;

        while (s->db && (q = sqlite3_next_stmt(s->db, NULL)))
                (void)sqlite3_finalize(q);
        (void)sqlite3_close(s->db);
        sodium_memzero(s, sizeof(*s));
}

/* ---- reading -------------------------------------------------------------------------------- */

bool store_name_ok(const char *name, size_t len)
{
        return len >= 1 && len <= STORE_NAME_BYTES &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len;
}

static int account_read_profiles(struct store *s, struct store_account *a)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT name FROM profile WHERE account = ? ORDER BY place",
                              TEXTS(a->name), &q);

        while (!r && a->nprofiles < STORE_PROFILES && store_row(s, q, &r)) {
                char *to = a->profiles[a->nprofiles++];

                snprintf(to, sizeof(a->profiles[0]), "%s", (const char *)sqlite3_column_text(q, 0));
        }
        return r;
}

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

static int account_read_keys(struct store *s, struct store_account *a)
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

static int account_read_service_keys(struct store *s, struct store_account *a)
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

static int account_read(struct store *s, sqlite3_stmt *q, struct store_account *a)
{
        int r;

        *a = (struct store_account){0};
        snprintf(a->name, sizeof(a->name), "%s", (const char *)sqlite3_column_text(q, 0));
        snprintf(a->verifier, sizeof(a->verifier), "%s", (const char *)sqlite3_column_text(q, 1));
        a->service = sqlite3_column_int(q, 2) != 0;
        a->serial = sqlite3_column_int64(q, 3);
        a->locked = sqlite3_column_int(q, 4) != 0;
        snprintf(a->reason, sizeof(a->reason), "%s", (const char *)sqlite3_column_text(q, 5));
        r = account_read_profiles(s, a);
        if (!r)
                r = account_read_keys(s, a);
        if (!r && a->service)
                r = account_read_service_keys(s, a);
        if (r)
                store_account_deinit(a);
        return r;
}

int store_load(struct store *s, const char *name, struct store_account *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, ACCOUNT_COLUMNS " WHERE name = ?", TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        if (r)
                return r;

        return account_read(s, q, ret);
}

int store_serial(struct store *s, const char *name, int64_t *ret)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT serial FROM account WHERE name = ?", TEXTS(name), &q);

        if (!r)
                r = store_one(s, q);
        if (r)
                return r;

        *ret = sqlite3_column_int64(q, 0);
        return 0;
}

void store_account_deinit(struct store_account *a)
{
        for (unsigned i = 0; i < a->nkeys; i++)
                free(a->keys[i].blob);
        for (unsigned i = 0; i < a->nservice_keys; i++)
                free(a->service_keys[i].jwk);
        sodium_memzero(a, sizeof(*a));
}

int store_each(struct store *s, void (*fn)(void *arg, const struct store_account *a), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, ACCOUNT_COLUMNS " ORDER BY name", TEXTS(NULL), &q);

        while (!r && store_row(s, q, &r)) {
                struct store_account a;

                r = account_read(s, q, &a);
                if (r)
                        break;
                fn(arg, &a);
                store_account_deinit(&a);
        }
        return r;
}

uint32_t store_count(struct store *s)
{
        int64_t n = 0;

        if (store_number(s, "SELECT count(*) FROM account", &n))
                return 0;

        return (uint32_t)n;
}

/* ---- changing ------------------------------------------------------------------------------- */

static int store_add_profile(struct store *s, const char *name, unsigned place, const char *profile)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "INSERT INTO profile (account, name, place) VALUES (?, ?, ?)",
                              TEXTS(name, profile), &q);

        if (!r && sqlite3_bind_int(q, 3, (int)place) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        return r;
}

/* Ends a transaction as its outcome says. */
static int store_end(struct store *s, int r)
{
        if (!r)
                r = store_exec(s, "COMMIT");
        if (r)
                (void)store_exec(s, "ROLLBACK");
        return r;
}

int store_add(struct store *s, const struct store_new *a)
{
        int r = store_exec(s, "BEGIN IMMEDIATE");

        if (r)
                return r;

        r = store_change(s,
                         "INSERT INTO account (name, verifier, service, serial)"
                         " VALUES (?1, ?2, CAST(?3 AS INTEGER), random())",
                         TEXTS(a->name, a->verifier, a->service ? "1" : "0"));
        for (unsigned i = 0; i < a->nprofiles && !r; i++)
                r = store_add_profile(s, a->name, i, a->profiles[i]);
        return store_end(s, r);
}

int store_remove(struct store *s, const char *name)
{
        return store_change(s, "DELETE FROM account WHERE name = ?", TEXTS(name));
}

int store_set_verifier(struct store *s, const char *name, const char *verifier)
{
        return store_change(s, "UPDATE account SET verifier = ?2 WHERE name = ?1",
                            TEXTS(name, verifier));
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

int store_add_key(struct store *s, const char *name, const struct store_key *k)
{
        AUTO_STATEMENT *q = NULL;
        struct store_account a;
        int r = store_load(s, name, &a);
        bool full;

        if (r)
                return r;
        full = a.nkeys >= STORE_KEYS;
        store_account_deinit(&a);
        if (full)
                return STORE_E_FULL;

        r = store_prepare(s,
                          "INSERT INTO key (account, fingerprint, comment, blob)"
                          " VALUES (?, ?, ?, ?)",
                          TEXTS(name, k->fingerprint, k->comment), &q);
        if (!r && sqlite3_bind_blob(q, 4, k->blob, (int)k->len, SQLITE_STATIC) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        return r;
}

/* ---- service accounts ----------------------------------------------------------------------- */

/* Whether there is room for another key. 0; STORE_E_NONE; STORE_E_FULL; -errno. */
static int service_key_room(struct store *s, const char *name)
{
        struct store_account a;
        int r = store_load(s, name, &a);

        if (r)
                return r;
        if (!a.service)
                r = STORE_E_NONE;
        else if (a.nservice_keys >= STORE_SERVICE_KEYS)
                r = STORE_E_FULL;
        store_account_deinit(&a);
        return r;
}

int store_add_service_key(struct store *s, const char *name, const struct store_service_key *k)
{
        AUTO_STATEMENT *q = NULL;
        int r = service_key_room(s, name);

        if (!r)
                r = store_prepare(s,
                                  "INSERT INTO service_key (account, id, fingerprint, jwk)"
                                  " VALUES (?, ?, ?, ?)",
                                  TEXTS(name, k->id, k->fingerprint), &q);
        if (!r && sqlite3_bind_text(q, 4, k->jwk, -1, SQLITE_STATIC) != SQLITE_OK)
                r = store_errno(s, "bind");
        if (!r)
                r = store_step(s, q);
        return r;
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

/* ---- what is good once ---------------------------------------------------------------------- */

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

/* ---- identities ----------------------------------------------------------------------------- */

static int identity_insert(struct store *s, const char *name, const struct store_identity *i)
{
        return store_change(s, "INSERT INTO identity (issuer, subject, account) VALUES (?, ?, ?)",
                            TEXTS(i->issuer, i->subject, name));
}

int store_add_identity(struct store *s, const char *name, const struct store_identity *i)
{
        struct store_account a;
        int r = store_load(s, name, &a);

        if (r)
                return r;

        store_account_deinit(&a);
        return identity_insert(s, name, i);
}

int store_remove_identity(struct store *s, const char *name, const struct store_identity *i)
{
        return store_change(s,
                            "DELETE FROM identity WHERE issuer = ? AND subject = ?"
                            " AND account = ?",
                            TEXTS(i->issuer, i->subject, name));
}

int store_find_identity(struct store *s, const struct store_identity *i,
                        char ret_name[STORE_NAME_BYTES + 1])
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT account FROM identity WHERE issuer = ? AND subject = ?",
                              TEXTS(i->issuer, i->subject), &q);

        if (r)
                return r;
        r = sqlite3_step(q);
        if (r == SQLITE_DONE)
                return STORE_E_NONE;
        if (r != SQLITE_ROW)
                return store_errno(s, "identity");

        snprintf(ret_name, STORE_NAME_BYTES + 1, "%s", (const char *)sqlite3_column_text(q, 0));
        return 0;
}

int store_add_with_identity(struct store *s, const char *name, const char *profile,
                            const struct store_identity *i)
{
        int r = store_exec(s, "BEGIN IMMEDIATE");

        if (r)
                return r;

        r = store_change(s,
                         "INSERT INTO account (name, verifier, serial)"
                         " VALUES (?, ?, random())",
                         TEXTS(name, ""));
        if (!r)
                r = store_add_profile(s, name, 0, profile);
        if (!r)
                r = identity_insert(s, name, i);
        return store_end(s, r);
}

int store_each_identity(struct store *s, const char *name,
                        void (*fn)(void *arg, const struct store_identity *i), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT issuer, subject FROM identity WHERE account = ?"
                              " ORDER BY issuer, subject",
                              TEXTS(name), &q);

        while (!r && store_row(s, q, &r)) {
                const struct store_identity i = {(const char *)sqlite3_column_text(q, 0),
                                                 (const char *)sqlite3_column_text(q, 1)};

                fn(arg, &i);
        }
        return r;
}

/* ---- the audit log -------------------------------------------------------------------------- */

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
