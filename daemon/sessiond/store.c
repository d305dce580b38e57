/*
 * Accounts on disk.
 *
 * One connection, one process, every change a transaction that is on disk when the function
 * returns (WAL, synchronous=FULL). The instance's secret and its epoch lie beside the accounts:
 * they are as old as the folder is.
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

#define ACCOUNT_COLUMNS                                                        \
        "SELECT name, verifier, service, serial, locked, reason, expires_ms, " \
        "last_ms, last_kind, last_from FROM account"

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
        a->expires_ms = (uint64_t)sqlite3_column_int64(q, 6);
        store_read_login(q, 7, &a->last);
        r = account_read_profiles(s, a);
        if (!r)
                r = store_read_keys(s, a);
        if (!r && a->service)
                r = store_read_service_keys(s, a);
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

int store_each(struct store *s, const char *after,
               bool (*fn)(void *arg, const struct store_account *a), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, ACCOUNT_COLUMNS " WHERE name > ? ORDER BY name", TEXTS(after), &q);
        bool more = true;

        while (!r && more && store_row(s, q, &r)) {
                struct store_account a;

                r = account_read(s, q, &a);
                if (r)
                        break;
                more = fn(arg, &a);
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

int store_add_profile(struct store *s, const char *name, unsigned place, const char *profile)
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
