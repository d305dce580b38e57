/*
 * The account store: service accounts, what was used once, and a folder of an older version.
 */
#include "harness.h"

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void store_begin(struct store *s, char dir[64])
{
        snprintf(dir, 64, "/tmp/capos-store-XXXXXX");
        CHECK(mkdtemp(dir) && !chdir(dir));
        CHECK_OK(store_init(s));
}

static void store_done(struct store *s, const char *dir)
{
        char command[128];

        store_deinit(s);
        for (unsigned i = 0; i < 3; i++) {
                snprintf(command, sizeof(command), "%s/" STORE_FILE "%s", dir,
                         i == 0   ? ""
                         : i == 1 ? "-wal"
                                  : "-shm");
                (void)unlink(command);
        }
        CHECK(!chdir("/") && !rmdir(dir));
}

static int make(struct store *s, const char *name, bool service)
{
        static const char *const profiles[] = {"robot"};

        return store_add(s, &(struct store_new){.name = name,
                                                .verifier = "",
                                                .profiles = profiles,
                                                .nprofiles = 1,
                                                .service = service});
}

static int key(struct store *s, const char *name, const char *id, const char *fingerprint)
{
        struct store_service_key k = {.jwk = (char[]){"{}"}};

        snprintf(k.id, sizeof(k.id), "%s", id);
        snprintf(k.fingerprint, sizeof(k.fingerprint), "%s", fingerprint);
        return store_add_service_key(s, name, &k, &(struct store_options){0});
}

TEST(service_accounts_have_keys)
{
        char dir[64], print[STORE_FINGERPRINT_BYTES], id[8];
        struct store_account a;
        struct store s;

        store_begin(&s, dir);
        CHECK_OK(make(&s, "ci", true));
        CHECK_OK(make(&s, "ada", false));
        CHECK_EQ(make(&s, "ci", false), STORE_E_EXISTS);
        CHECK_EQ(key(&s, "ada", "a", "jwk:a"), STORE_E_NONE);
        CHECK_EQ(key(&s, "bob", "a", "jwk:a"), STORE_E_NONE);
        CHECK_OK(key(&s, "ci", "a", "jwk:a"));
        CHECK_EQ(key(&s, "ci", "a", "jwk:b"), STORE_E_EXISTS);
        CHECK_EQ(key(&s, "ci", "b", "jwk:a"), STORE_E_EXISTS);
        CHECK_OK(key(&s, "ci", "b", "jwk:b"));
        CHECK_OK(store_load(&s, "ci", &a));
        CHECK(a.service);
        CHECK_EQ(a.nservice_keys, 2);
        CHECK_STR(a.service_keys[0].id, "a");
        CHECK_STR(a.service_keys[1].fingerprint, "jwk:b");
        CHECK_STR(a.service_keys[1].jwk, "{}");
        store_account_deinit(&a);
        CHECK_OK(store_load(&s, "ada", &a));
        CHECK(!a.service);
        store_account_deinit(&a);

        CHECK_EQ(store_remove_service_key(&s, "ci", "c", print), STORE_E_NONE);
        CHECK_EQ(store_remove_service_key(&s, "ada", "a", print), STORE_E_NONE);
        CHECK_OK(store_remove_service_key(&s, "ci", "a", print));
        CHECK_STR(print, "jwk:a");
        for (unsigned i = 0; i < STORE_SERVICE_KEYS - 1; i++) {
                snprintf(id, sizeof(id), "n%u", i);
                CHECK_OK(key(&s, "ci", id, id));
        }
        CHECK_EQ(key(&s, "ci", "more", "more"), STORE_E_FULL);

        /* Who comes after has none of them. */
        CHECK_OK(store_remove(&s, "ci"));
        CHECK_OK(make(&s, "ci", true));
        CHECK_OK(store_load(&s, "ci", &a));
        CHECK_EQ(a.nservice_keys, 0);
        store_account_deinit(&a);
        store_done(&s, dir);
}

TEST(what_was_used_is_used_until_it_is_over)
{
        uint8_t one[STORE_HASH_BYTES] = {1}, other[STORE_HASH_BYTES] = {2};
        char dir[64];
        struct store s;

        store_begin(&s, dir);
        CHECK_OK(store_use_once(&s, one, 1000, 900));
        CHECK_EQ(store_use_once(&s, one, 1000, 900), STORE_E_EXISTS);
        CHECK_EQ(store_use_once(&s, one, 2000, 901), STORE_E_EXISTS);
        CHECK_OK(store_use_once(&s, other, 5000, 901));
        store_deinit(&s);
        CHECK_OK(store_init(&s));
        CHECK_EQ(store_use_once(&s, one, 1000, 1000 + TOKEN_SKEW_S), STORE_E_EXISTS);
        CHECK_EQ(store_use_once(&s, one, 1000, 1001 + TOKEN_SKEW_S), STORE_E_OVER);
        CHECK_EQ(store_use_once(&s, other, 5000, 4000), STORE_E_EXISTS);
        store_done(&s, dir);
}

static int commit_count(void *arg)
{
        ++*(unsigned *)arg;
        return 0;
}

static unsigned used_rows(struct store *s)
{
        sqlite3_stmt *q;
        unsigned n;

        CHECK_EQ(sqlite3_prepare_v2(s->db, "SELECT count(*) FROM used", -1, &q, NULL), SQLITE_OK);
        CHECK_EQ(sqlite3_step(q), SQLITE_ROW);
        n = (unsigned)sqlite3_column_int(q, 0);
        sqlite3_finalize(q);
        return n;
}

TEST(a_clock_that_goes_back_makes_nothing_good_again)
{
        uint8_t one[STORE_HASH_BYTES] = {1}, late[STORE_HASH_BYTES] = {2}, early[32] = {3},
                next[STORE_HASH_BYTES] = {4};
        char dir[64];
        struct store s;

        store_begin(&s, dir);
        CHECK_OK(store_use_once(&s, one, 1000, 900));
        CHECK_OK(store_use_once(&s, late, 100000, 50000)); /* ahead, for a moment */
        CHECK_EQ(used_rows(&s), 1);
        store_deinit(&s);
        CHECK_OK(store_init(&s));
        CHECK_EQ(store_use_once(&s, one, 1000, 900), STORE_E_OVER);
        CHECK_EQ(store_use_once(&s, early, 1000, 900), STORE_E_OVER); /* it may be that one */
        CHECK_OK(store_use_once(&s, early, 1001, 900)); /* and no longer than for what there was */
        CHECK_EQ(store_use_once(&s, late, 100000, 900), STORE_E_EXISTS);
        CHECK_OK(store_use_once(&s, next, 1000000, 900000));
        CHECK_EQ(store_use_once(&s, early, 1001, 900), STORE_E_OVER);
        CHECK_EQ(used_rows(&s), 1);
        store_done(&s, dir);
}

TEST(what_is_good_once_takes_one_transaction_or_none)
{
        uint8_t one[STORE_HASH_BYTES] = {1}, other[STORE_HASH_BYTES] = {2};
        unsigned commits = 0;
        struct store s;
        sqlite3 *db;
        char dir[64];

        store_begin(&s, dir);
        sqlite3_commit_hook(s.db, commit_count, &commits);
        CHECK_OK(store_use_once(&s, one, 1000, 900));
        CHECK_EQ(commits, 1);
        CHECK_OK(store_use_once(&s, other, 5000, 2000));
        CHECK_EQ(commits, 2);

        /* What cannot be remembered is not taken, and nothing is forgotten for it. */
        CHECK_EQ(sqlite3_open(STORE_FILE, &db), SQLITE_OK);
        CHECK_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        CHECK_EQ(store_use_once(&s, one, 9000, 6000), -EIO);
        CHECK_EQ(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);
        CHECK_EQ(commits, 2);
        CHECK_EQ(store_use_once(&s, other, 5000, 2000), STORE_E_EXISTS);
        CHECK_OK(store_use_once(&s, one, 9000, 6000));
        store_done(&s, dir);
}

/* What is told of an account's keys, at most one of each name. */
struct told {
        struct store_credential all[4];
        unsigned n;
};

static void told_add(void *arg, const struct store_credential *c)
{
        struct told *t = arg;

        CHECK(t->n < 4);
        t->all[t->n++] = *c;
}

static void told_read(struct store *s, const char *name, struct told *ret)
{
        *ret = (struct told){0};
        CHECK_OK(store_each_key(s, name, told_add, ret));
}

static uint32_t credential_rows(struct store *s)
{
        sqlite3_stmt *q;
        uint32_t n;

        CHECK_EQ(sqlite3_prepare_v2(s->db, "SELECT count(*) FROM credential", -1, &q, NULL),
                 SQLITE_OK);
        CHECK_EQ(sqlite3_step(q), SQLITE_ROW);
        n = (uint32_t)sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
        return n;
}

static int ssh_key(struct store *s, const char *name, const char *fingerprint)
{
        static uint8_t blob[] = {0,   0,   0,   11,  's', 's', 'h', '-', 'e', 'd',
                                 '2', '5', '5', '1', '9', 0,   0,   0,   1,   7};
        struct store_key k = {.blob = blob, .len = sizeof(blob), .comment = "at home"};

        snprintf(k.fingerprint, sizeof(k.fingerprint), "%s", fingerprint);
        return store_add_key(s, name, &k, &(struct store_options){0});
}

TEST(logins_are_noted_where_they_belong)
{
        const struct store_login l = {.at_ms = 1234, .kind = "publicKey", .from = "192.0.2.7"};
        const struct store_login other = {.at_ms = 2345, .kind = "password", .from = "uid:7"};
        struct store_options may;
        struct store_door door;
        struct store_account a;
        struct told t;
        struct store s;
        char dir[64];

        store_begin(&s, dir);
        CHECK_OK(make(&s, "ada", false));
        CHECK_OK(make(&s, "ci", true));
        CHECK_OK(ssh_key(&s, "ada", "SHA256:a"));
        CHECK_OK(ssh_key(&s, "ada", "SHA256:b"));
        CHECK_EQ(ssh_key(&s, "ada", "SHA256:a"), STORE_E_EXISTS);
        CHECK_OK(store_add_service_key(
                &s, "ci",
                &(struct store_service_key){.id = "one",
                                            .fingerprint = "jwk:one",
                                            .jwk = (char[]){"{\"kty\":\"EC\",\"crv\":\"P-256\"}"}},
                &(struct store_options){.sources = "unix", .profile = "robot", .expires_ms = 77}));
        CHECK_OK(store_door(&s, "ada", &door));
        CHECK_EQ(door.last.at_ms, 0);

        CHECK_OK(store_note_login(&s, "ada", "SHA256:b", &l, false));
        CHECK_OK(store_note_login(&s, "ada", "password", &other, true));
        CHECK_OK(store_load(&s, "ada", &a));
        CHECK_EQ(a.last.at_ms, 1234);
        CHECK_STR(a.last.kind, "publicKey");
        CHECK_STR(a.last.from, "192.0.2.7");
        store_account_deinit(&a);
        told_read(&s, "ada", &t);
        CHECK_EQ(t.n, 2);
        for (unsigned i = 0; i < 2; i++) {
                bool used = !strcmp(t.all[i].fingerprint, "SHA256:b");

                CHECK_STR(t.all[i].id, t.all[i].fingerprint);
                CHECK_STR(t.all[i].type, "ssh-ed25519");
                CHECK_STR(t.all[i].comment, "at home");
                CHECK(t.all[i].added_ms > 0);
                CHECK_EQ(t.all[i].used_ms, used ? 1234 : 0);
                CHECK_STR(t.all[i].used_from, used ? "192.0.2.7" : "");
        }
        CHECK_OK(store_note_login(&s, "ada", "SHA256:b", &other, true));
        CHECK_OK(store_door(&s, "ada", &door));
        CHECK_EQ(door.last.at_ms, 1234);
        told_read(&s, "ci", &t);
        CHECK_EQ(t.n, 1);
        CHECK_STR(t.all[0].id, "one");
        CHECK_STR(t.all[0].type, "P-256");
        CHECK_STR(t.all[0].may.sources, "unix");
        CHECK_STR(t.all[0].may.profile, "robot");
        CHECK_EQ(t.all[0].may.expires_ms, 77);
        CHECK_OK(store_options(&s, "ci", "jwk:one", &may));
        CHECK_EQ(may.expires_ms, 77);
        CHECK_EQ(store_options(&s, "ada", "jwk:one", &may), STORE_E_NONE);

        /* What is known of a key goes with it. */
        CHECK_EQ(credential_rows(&s), 3);
        CHECK_OK(store_remove_key(&s, "ada", "SHA256:b"));
        CHECK_EQ(credential_rows(&s), 2);
        CHECK_OK(ssh_key(&s, "ada", "SHA256:b"));
        told_read(&s, "ada", &t);
        CHECK_EQ(t.n, 2);
        CHECK_EQ(t.all[0].used_ms + t.all[1].used_ms, 0);
        CHECK_OK(store_remove(&s, "ada"));
        CHECK_OK(store_remove(&s, "ci"));
        CHECK_EQ(credential_rows(&s), 0);
        store_done(&s, dir);
}

/* As it was before there were service accounts, with two accounts, which are people's. */
static const char old_store[] =
        "CREATE TABLE instance (one INTEGER PRIMARY KEY CHECK (one = 1), secret BLOB NOT NULL,"
        " epoch INTEGER NOT NULL) STRICT;"
        "CREATE TABLE account (name TEXT PRIMARY KEY, verifier TEXT NOT NULL) STRICT;"
        "CREATE TABLE profile (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " place INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, place)) STRICT;"
        "CREATE TABLE key (account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,"
        " fingerprint TEXT NOT NULL, blob BLOB NOT NULL, comment TEXT NOT NULL,"
        " PRIMARY KEY (account, fingerprint)) STRICT;"
        "CREATE TABLE audit (one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER NOT NULL,"
        " records INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
        "INSERT INTO account VALUES ('ada', ''), ('bob', '');"
        "INSERT INTO profile VALUES ('ada', 0, 'robot');"
        "INSERT INTO key VALUES ('bob', 'SHA256:old', x'0000000b7373682d65643235353139000000', '');"
        "PRAGMA user_version = 2";

TEST(an_older_store_is_brought_forward)
{
        struct store_account a;
        int64_t serial, other;
        char dir[64];
        struct told t;
        struct store s;
        sqlite3 *db;

        snprintf(dir, sizeof(dir), "/tmp/capos-store-XXXXXX");
        CHECK(mkdtemp(dir) && !chdir(dir));
        CHECK_EQ(sqlite3_open(STORE_FILE, &db), SQLITE_OK);
        CHECK_EQ(sqlite3_exec(db, old_store, NULL, NULL, NULL), SQLITE_OK);
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);

        CHECK_OK(store_init(&s));
        CHECK_OK(store_load(&s, "ada", &a));
        CHECK(!a.service);
        CHECK(!a.locked);
        CHECK_STR(a.reason, "");
        CHECK_STR(a.profiles[0], "robot");
        serial = a.serial;
        store_account_deinit(&a);
        CHECK_OK(store_serial(&s, "bob", &other));
        CHECK(serial && other && serial != other);
        CHECK_OK(store_remove(&s, "ada"));
        CHECK_EQ(store_serial(&s, "ada", &other), STORE_E_NONE);
        CHECK_OK(make(&s, "ada", false));
        CHECK_OK(store_serial(&s, "ada", &other));
        CHECK(serial != other);
        CHECK_OK(make(&s, "ci", true));
        CHECK_OK(key(&s, "ci", "a", "jwk:a"));
        told_read(&s, "bob", &t);
        CHECK_EQ(t.n, 1);
        CHECK_STR(t.all[0].type, "ssh-ed25519");
        CHECK_EQ(t.all[0].added_ms, 0);
        store_done(&s, dir);
}
