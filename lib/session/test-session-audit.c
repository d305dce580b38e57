/* The chain of the audit log: what is written verifies, and every change, cut and end is found. */
#include "harness.h"

#include "session-audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RECORDS = 40 };

struct log {
        char *p;
        size_t len, ends[RECORDS + 1];
        struct capos_audit_chain chain;
};

static void log_make(struct log *l)
{
        *l = (struct log){.p = malloc((size_t)RECORDS * CAPOS_AUDIT_LINE_BYTES)};
        CHECK(l->p);
        for (unsigned i = 0; i < RECORDS; i++) {
                struct capos_audit_record r = {
                        .time_ms = 1700000000123 + i,
                        .what = i % 2 ? "attempt" : "grant",
                        .outcome = "ok",
                        .event = i,
                        .account = "alice",
                        .claim = i % 3 ? NULL : "a \"quoted\"\n\\ line \x01\xff",
                };

                l->len += capos_audit_line(&l->chain, &r, l->p + l->len);
                l->ends[i + 1] = l->len;
        }
}

static struct capos_audit_verdict verify(const char *p, size_t len)
{
        struct capos_audit_verdict v;
        int fd = memfd_create("log", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, p, len), len);
        CHECK_OK(capos_audit_verify(fd, &v));
        close(fd);
        return v;
}

TEST(what_is_written_verifies)
{
        struct capos_audit_verdict v;
        struct log l;

        log_make(&l);
        v = verify(l.p, l.len);
        CHECK_EQ(v.fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(v.chain.records, RECORDS);
        CHECK_EQ(v.good_bytes, l.len);
        CHECK_MEM(v.chain.hash, l.chain.hash, sizeof(l.chain.hash));
        CHECK_EQ(verify("", 0).fault, CAPOS_AUDIT_GOOD);
        free(l.p);
}

TEST_T(every_cut_is_torn_or_between_lines, 120)
{
        struct capos_audit_verdict v;
        struct log l;
        unsigned line = 0;

        log_make(&l);
        for (size_t cut = 0; cut < l.ends[5]; cut++) {
                while (l.ends[line + 1] <= cut)
                        line++;
                v = verify(l.p, cut);
                CHECK_EQ(v.fault, cut == l.ends[line] ? CAPOS_AUDIT_GOOD : CAPOS_AUDIT_TORN);
                CHECK_EQ(v.good_bytes, l.ends[line]);
                CHECK_EQ(v.chain.records, line);
        }
        free(l.p);
}

TEST_T(every_change_is_found, 120)
{
        struct capos_audit_verdict v;
        struct log l;

        log_make(&l);
        for (size_t at = 0; at < l.ends[3]; at++) {
                l.p[at] ^= 1;
                v = verify(l.p, l.len);
                CHECK(v.fault == CAPOS_AUDIT_CHAIN || v.fault == CAPOS_AUDIT_FORM);
                CHECK(v.line >= 1 && v.line <= 3);
                l.p[at] ^= 1;
        }
        free(l.p);
}

TEST(a_line_taken_out_is_found)
{
        struct capos_audit_verdict v;
        struct log l;
        size_t rest;

        log_make(&l);
        rest = l.len - l.ends[8];
        memmove(l.p + l.ends[7], l.p + l.ends[8], rest);
        v = verify(l.p, l.ends[7] + rest);
        CHECK(v.fault == CAPOS_AUDIT_FORM || v.fault == CAPOS_AUDIT_CHAIN);
        CHECK_EQ(v.line, 8);
        free(l.p);
}

TEST(a_record_is_one_line)
{
        struct capos_audit_chain c = {0};
        char out[CAPOS_AUDIT_LINE_BYTES], huge[4096];
        struct capos_audit_record r = {.what = huge,
                                       .outcome = huge,
                                       .source = huge,
                                       .transport = huge,
                                       .binding = huge,
                                       .account = huge,
                                       .profile = huge,
                                       .kind = huge,
                                       .session = huge,
                                       .capability = huge,
                                       .detail = huge,
                                       .claim = huge,
                                       .reporter = huge,
                                       .event = UINT64_MAX};
        size_t len;

        memset(huge, '\n', sizeof(huge));
        huge[sizeof(huge) - 1] = 0;
        len = capos_audit_line(&c, &r, out);
        CHECK(len < sizeof(out));
        CHECK(memchr(out, '\n', len) == out + len - 1);
}
