/*
 * The audit log on disk: segments and their end, what a start notices, room that runs out; and the
 * counting of what strangers cause.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit-count.h"
#include "audit-log.h"
#include "harness.h"
#include "state.h"
#include "store.h"

enum { SEGMENT = 64 * 1024 };

/* A state folder, which is the current one, and its log. */
struct place {
        char path[64];
        int dir;
        struct store store;
        struct audit_log log;
        struct audit_found found;
};

static void place_open(struct place *p)
{
        CHECK_OK(store_init(&p->store));
        CHECK_OK(audit_log_open(&p->log, p->dir, &p->store, &p->found));
        p->log.segment_bytes = SEGMENT;
}

static void place_make(struct place *p)
{
        CHECK(sodium_init() >= 0);
        snprintf(p->path, sizeof(p->path), "/tmp/capos-audit-XXXXXX");
        CHECK(mkdtemp(p->path) && !chdir(p->path));
        p->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(p->dir >= 0);
        place_open(p);
}

static void place_close(struct place *p)
{
        audit_log_close(&p->log);
        store_deinit(&p->store);
}

/* As a crash does. */
static void place_drop(struct place *p)
{
        close(p->log.fd);
        store_deinit(&p->store);
}

static void place_remove(struct place *p)
{
        DIR *d = opendir(p->path);
        struct dirent *e;

        CHECK(d);
        while ((e = readdir(d)))
                if (e->d_name[0] != '.')
                        CHECK(!unlink(e->d_name));
        closedir(d);
        close(p->dir);
        CHECK(!chdir("/") && !rmdir(p->path));
}

static void write_some(struct place *p, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                audit_log_write(&p->log, &(struct capos_audit_record){.what = "attempt",
                                                                      .outcome = "ok",
                                                                      .account = "alice"});
        audit_log_sync(&p->log);
}

static bool there_is(const char *name)
{
        return !access(name, F_OK);
}

static struct capos_audit_verdict judged(const char *name)
{
        struct capos_audit_verdict v;
        int fd = open(name, O_RDONLY | O_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_OK(capos_audit_verify(fd, NULL, &v));
        close(fd);
        return v;
}

/* ---- segments ------------------------------------------------------------------------------- */

TEST(a_long_log_is_in_segments_that_go_on_from_each_other)
{
        char name[CAPOS_AUDIT_NAME_BYTES];
        struct capos_audit_chain at = {0};
        struct capos_audit_verdict v;
        struct place p;
        uint32_t n;

        place_make(&p);
        write_some(&p, 2000);
        n = p.log.segment;
        CHECK(n >= 4);
        for (uint32_t i = 1; i <= n; i++) {
                capos_audit_segment_name(i, name);
                v = judged(i < n ? name : CAPOS_AUDIT_FILE);
                CHECK_EQ(v.fault, CAPOS_AUDIT_GOOD);
                CHECK_EQ(v.segment, i);
                CHECK_EQ(v.begin.records, at.records);
                CHECK_MEM(v.begin.hash, at.hash, sizeof(at.hash));
                CHECK(v.bytes < SEGMENT + CAPOS_AUDIT_LINE_BYTES);
                at = v.chain;
        }
        CHECK_EQ(at.records, 2000 + n - 1);
        place_close(&p);

        /* The next start goes on in the last one. */
        place_open(&p);
        CHECK(!p.found.outcome);
        CHECK_EQ(p.log.segment, n);
        CHECK_EQ(p.log.chain.records, at.records);
        write_some(&p, 1);
        place_close(&p);
        CHECK_EQ(judged(CAPOS_AUDIT_FILE).chain.records, at.records + 1);
        place_remove(&p);
}

/* Between the two renames there is no audit.log; before them the next one is there already. */
TEST(a_crash_while_a_segment_is_sealed_is_put_right)
{
        struct place p;
        uint64_t records;

        place_make(&p);
        write_some(&p, 1000);
        CHECK(p.log.segment >= 2);
        records = p.log.chain.records;
        place_drop(&p);
        CHECK(!rename(CAPOS_AUDIT_FILE, AUDIT_NEXT_FILE));
        place_open(&p);
        CHECK(!p.found.outcome);
        CHECK_EQ(p.log.chain.records, records);
        write_some(&p, 1);
        place_drop(&p);

        close(open(AUDIT_NEXT_FILE, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        place_open(&p);
        CHECK(!p.found.outcome && !there_is(AUDIT_NEXT_FILE));
        CHECK_EQ(p.log.chain.records, records + 1);
        place_close(&p);
        place_remove(&p);
}

/* ---- what a start notices ------------------------------------------------------------------- */

/* A log of ten records is spoilt; the next start says what it was, and goes on from the tenth. */
static void is_noticed(void (*spoil)(void), const char *outcome, bool aside)
{
        struct capos_audit_verdict v;
        struct capos_audit_chain before;
        char name[128];
        struct place p;

        place_make(&p);
        write_some(&p, 10);
        before = p.log.chain;
        place_close(&p);
        spoil();
        place_open(&p);
        CHECK_STR(p.found.outcome, outcome);
        CHECK_EQ(p.log.segment, 2);
        write_some(&p, 1);
        place_close(&p);
        v = judged(CAPOS_AUDIT_FILE);
        CHECK_EQ(v.fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(v.segment, 2);
        CHECK_EQ(v.begin.records, 10);
        CHECK_MEM(v.begin.hash, before.hash, sizeof(before.hash));
        if (aside) {
                snprintf(name, sizeof(name), "%s", p.found.detail);
                CHECK(strstr(name, CAPOS_AUDIT_FILE ".broken-") && there_is(name));
        }

        /* And the start after that has nothing to say. */
        place_open(&p);
        CHECK(!p.found.outcome);
        place_close(&p);
        place_remove(&p);
}

static void spoil_remove(void)
{
        CHECK(!unlink(CAPOS_AUDIT_FILE));
}

static void spoil_empty(void)
{
        CHECK(!truncate(CAPOS_AUDIT_FILE, 0));
}

/* The last line whole: what is left is a good chain. */
static void spoil_cut(void)
{
        char b[SEGMENT], *end;
        int fd = open(CAPOS_AUDIT_FILE, O_RDWR | O_CLOEXEC);
        ssize_t n = read(fd, b, sizeof(b));

        CHECK(n > 0 && b[n - 1] == '\n');
        end = memrchr(b, '\n', (size_t)n - 1);
        CHECK(end && !ftruncate(fd, end + 1 - b));
        close(fd);
}

/* In the middle of the last line: not torn by a crash, it was on disk. */
static void spoil_cut_inside(void)
{
        struct stat st;

        CHECK(!stat(CAPOS_AUDIT_FILE, &st));
        CHECK(!truncate(CAPOS_AUDIT_FILE, st.st_size - 5));
}

static void spoil_change(void)
{
        int fd = open(CAPOS_AUDIT_FILE, O_RDWR | O_CLOEXEC);

        CHECK(fd >= 0 && pwrite(fd, "X", 1, 60) == 1);
        close(fd);
}

/* A chain that is good in itself, and as long, but another. */
static void spoil_rewrite(void)
{
        static char line[CAPOS_AUDIT_LINE_BYTES];
        struct capos_audit_record r = {.what = "attempt", .outcome = "ok", .account = "mallory"};
        int fd = open(CAPOS_AUDIT_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);
        struct capos_audit_chain c = {0};

        for (unsigned i = 0; i < 12; i++) {
                size_t len = capos_audit_line(&c, &r, line);

                CHECK_EQ(write(fd, line, len), len);
        }
        close(fd);
        CHECK_EQ(judged(CAPOS_AUDIT_FILE).fault, CAPOS_AUDIT_GOOD);
}

TEST(a_log_that_was_removed_emptied_cut_or_changed_is_noticed)
{
        is_noticed(spoil_remove, "missing", false);
        is_noticed(spoil_empty, "missing", false);
        is_noticed(spoil_cut, "cut", true);
        is_noticed(spoil_cut_inside, "cut", true);
        is_noticed(spoil_change, "broken-chain", true);
        is_noticed(spoil_rewrite, "broken-chain", true);
}

TEST(a_line_torn_by_a_crash_is_cut_off)
{
        struct place p;
        int fd;

        place_make(&p);
        write_some(&p, 3);
        audit_log_mark(&p.log);
        place_drop(&p);
        fd = open(CAPOS_AUDIT_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
        CHECK_EQ(write(fd, "{\"n\":4,", 7), 7);
        close(fd);
        place_open(&p);
        CHECK_STR(p.found.outcome, "ok");
        CHECK_STR(p.found.detail, "7 bytes of a torn line cut off");
        CHECK_EQ(p.log.chain.records, 3);
        write_some(&p, 1);
        place_close(&p);
        CHECK_EQ(judged(CAPOS_AUDIT_FILE).chain.records, 4);
        place_remove(&p);
}

TEST(a_store_that_is_new_is_noticed)
{
        struct place p;

        place_make(&p);
        write_some(&p, 3);
        place_close(&p);
        CHECK(!unlink(STORE_FILE));
        place_open(&p);
        CHECK_STR(p.found.outcome, "new-store");
        CHECK_EQ(p.log.chain.records, 3);
        place_close(&p);
        place_remove(&p);
}

TEST(a_link_in_the_place_of_a_file_is_refused)
{
        struct place p;

        place_make(&p);
        place_close(&p);
        CHECK_OK(state_check(p.dir));
        CHECK(!chmod(STORE_FILE, 0644));
        CHECK_OK(state_check(p.dir));
        {
                struct stat st;

                CHECK(!stat(STORE_FILE, &st));
                CHECK_EQ(st.st_mode & 07777, 0600);
        }
        CHECK(!link(CAPOS_AUDIT_FILE, "other"));
        CHECK_EQ(state_check(p.dir), -EPERM);
        CHECK(!unlink(CAPOS_AUDIT_FILE) && !symlink("other", CAPOS_AUDIT_FILE));
        CHECK_EQ(state_check(p.dir), -EPERM);
        CHECK_OK(store_init(&p.store));
        CHECK_EQ(audit_log_open(&p.log, p.dir, &p.store, &p.found), -ELOOP);
        store_deinit(&p.store);
        CHECK(!unlink(CAPOS_AUDIT_FILE) && !mkfifo(CAPOS_AUDIT_FILE, 0600));
        CHECK_EQ(state_check(p.dir), -EPERM);
        place_remove(&p);
}

/* ---- room ----------------------------------------------------------------------------------- */

/* A small disk of our own, where we may have one. */
static void disk_make(const char *path)
{
        if (!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
            !mount("tmpfs", path, "tmpfs", MS_NOSUID, "size=1m"))
                return;

        (void)rmdir(path);
        test_skip("no file system can be mounted here");
}

/* Takes all the room there is. */
static void disk_fill(const char *path)
{
        static const char block[4096];
        int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        CHECK_EQ(errno, ENOSPC);
        close(fd);
}

TEST(when_the_disk_is_full_there_is_a_reserve)
{
        char path[] = "/tmp/capos-audit-disk-XXXXXX";
        unsigned ends = 0;
        struct place p;
        struct stat st;

        CHECK(mkdtemp(path));
        disk_make(path);
        CHECK(!chdir(path));
        p.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(p.dir >= 0);
        place_open(&p);
        CHECK(audit_log_has_room(&p.log));
        write_some(&p, 1);
        CHECK_EQ(p.log.reserve, 64 * 1024); /* of a small disk, a part */

        disk_fill("balloon");
        while (audit_log_has_room(&p.log))
                write_some(&p, 1);
        for (; ends < 100; ends++)
                write_some(&p, 1);
        CHECK(!audit_log_has_room(&p.log));
        audit_log_mark(&p.log);

        CHECK(!unlink("balloon"));
        CHECK(audit_log_has_room(&p.log));
        write_some(&p, 100);
        audit_log_close(&p.log);
        CHECK_EQ(judged(CAPOS_AUDIT_FILE).fault, CAPOS_AUDIT_GOOD);
        CHECK(!stat(CAPOS_AUDIT_FILE, &st));
        CHECK(st.st_blocks * 512 < st.st_size + 8192); /* what was set aside is given back */
        store_deinit(&p.store);
        close(p.dir);
        CHECK(!chdir("/") && !umount2(path, MNT_DETACH) && !rmdir(path));
}

/* ---- counting ------------------------------------------------------------------------------- */

struct tally {
        uint64_t records, happened;
};

static void tally_add(struct tally *t, struct audit_counts *c, const struct capos_audit_record *r,
                      uint64_t now_ms)
{
        bool first = audit_counts_first(c, r, false, now_ms);

        t->records += first;
        t->happened += first;
}

static void tally_take(struct tally *t, struct audit_counts *c, bool all, uint64_t now_ms)
{
        struct capos_audit_record r;

        while (audit_counts_take(c, all, now_ms, &r)) {
                t->records++;
                t->happened += r.times;
                CHECK(r.times > 0 && r.what && r.source);
        }
}

TEST(the_same_from_one_source_is_one_record_and_a_number)
{
        static struct audit_counts c;
        struct capos_audit_record r = {.what = "attempt",
                                       .outcome = "denied.credentials",
                                       .account = "alice",
                                       .kind = "password"},
                                  sum;
        char address[64];

        audit_counts_init(&c);
        for (unsigned i = 0; i < 1000; i++) {
                snprintf(address, sizeof(address), "192.0.2.7:%u", 1024 + i);
                r.source = address;
                CHECK_EQ(audit_counts_first(&c, &r, false, 5000 + i), i == 0);
        }
        CHECK(!audit_counts_take(&c, false, 5000 + AUDIT_COUNT_MS - 1, &sum));
        CHECK(audit_counts_take(&c, false, 5000 + AUDIT_COUNT_MS, &sum));
        CHECK_EQ(sum.times, 999);
        CHECK_STR(sum.source, "192.0.2.7");
        CHECK_STR(sum.account, "alice");
        CHECK_STR(sum.outcome, "denied.credentials");
        CHECK(!audit_counts_take(&c, true, 5000 + AUDIT_COUNT_MS, &sum));
        CHECK(audit_counts_first(&c, &r, false, 90000));
        CHECK(!audit_counts_take(&c, true, 90000, &sum)); /* once is no count */
}

TEST(one_source_has_few_rows_whatever_it_says)
{
        static struct audit_counts c;
        struct tally t = {0};
        char account[32], event[32];

        audit_counts_init(&c);
        for (unsigned i = 0; i < 20000; i++) {
                struct capos_audit_record r = {.source = "[2001:db8::1]:4711", .kind = "password"};

                snprintf(account, sizeof(account), "made-up-%u", i);
                snprintf(event, sizeof(event), "event %u", i);
                r.what = i % 2 ? "attempt" : "report";
                r.outcome = i % 2 ? "denied.credentials" : event;
                r.reporter = i % 2 ? NULL : "worker";
                r.account = account;
                tally_add(&t, &c, &r, 1000);
        }
        tally_take(&t, &c, true, 1000);
        CHECK(t.records <= 2 * (AUDIT_COUNT_OF_SOURCE + 2));
        CHECK_EQ(t.happened, 20000);

        /* Another one is not told to share with it. */
        {
                struct capos_audit_record r = {.source = "192.0.2.7:1",
                                               .what = "attempt",
                                               .outcome = "denied.credentials"};

                CHECK(audit_counts_first(&c, &r, false, 1000));
        }
}

TEST(many_sources_have_the_table_and_no_more)
{
        static struct audit_counts c;
        struct tally t = {0};
        char source[32];

        audit_counts_init(&c);
        for (unsigned i = 0; i < 50000; i++) {
                struct capos_audit_record r = {.what = i % 3 ? "attempt" : "timeout",
                                               .outcome = "denied.flow"};

                snprintf(source, sizeof(source), "10.%u.%u.%u:9", i >> 16, i >> 8 & 255, i & 255);
                r.source = source;
                tally_add(&t, &c, &r, 1000);
        }
        tally_take(&t, &c, true, 1000);
        CHECK(t.records <= 2 * (AUDIT_COUNT_ROWS + AUDIT_COUNT_OTHERS));
        CHECK_EQ(t.happened, 50000);
}

TEST(what_cannot_be_recorded_now_is_counted)
{
        static struct audit_counts c;
        struct capos_audit_record r = {.source = "192.0.2.7:1", .what = "illegal"}, sum;

        audit_counts_init(&c);
        CHECK(!audit_counts_first(&c, &r, true, 1000));
        CHECK(!audit_counts_first(&c, &r, true, 1000));
        CHECK(audit_counts_take(&c, true, 1000, &sum));
        CHECK_EQ(sum.times, 2);
}
