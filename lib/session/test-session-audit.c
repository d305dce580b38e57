/* The chain of the audit log: what is written verifies, and every change, cut and end is found. */
#include "harness.h"

#include "session-audit.h"

#include <errno.h>
#include <fcntl.h>
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

static struct capos_audit_verdict verify_known(const char *p, size_t len,
                                               const struct capos_audit_chain *known)
{
        struct capos_audit_verdict v;
        int fd = memfd_create("log", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, p, len), len);
        CHECK_OK(capos_audit_verify(fd, known, &v));
        close(fd);
        return v;
}

static struct capos_audit_verdict verify(const char *p, size_t len)
{
        return verify_known(p, len, NULL);
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
                                       .event = UINT64_MAX,
                                       .times = UINT64_MAX,
                                       .segment = UINT32_MAX};
        size_t len;

        memset(huge, '\n', sizeof(huge));
        huge[sizeof(huge) - 1] = 0;
        len = capos_audit_line(&c, &r, out);
        CHECK(len < sizeof(out));
        CHECK(memchr(out, '\n', len) == out + len - 1);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void text_becomes(const char *text, const char *expected)
{
        struct capos_audit_chain c = {0};
        char out[CAPOS_AUDIT_LINE_BYTES + 1], found[1024];
        struct capos_audit_record r = {.what = "attempt", .claim = text};
        char *from, *to;

        out[capos_audit_line(&c, &r, out)] = 0;
        from = strstr(out, "\"claim\":\"") + 9;
        to = strstr(from, "\",\"hash\"");
        CHECK(to && to - from < 1000);
        snprintf(found, sizeof(found), "%.*s", (int)(to - from), from);
        CHECK_STR(found, expected);
}

TEST(text_is_utf_8)
{
        text_becomes("\xc3\xa9t\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80",
                     "\xc3\xa9t\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80");
        text_becomes("a\"b\\c\n\x1b[31m\x7f", "a\\u0022b\\u005cc\\u000a\\u001b[31m\\u007f");
        /* What is none: a byte alone, overlong, a surrogate, beyond the end, cut. */
        text_becomes("\xff|\xc0\xaf|\xed\xa0\x80|\xf4\x90\x80\x80|\xe6\xbc",
                     "\\\\xff|\\\\xc0\\\\xaf|\\\\xed\\\\xa0\\\\x80|\\\\xf4\\\\x90\\\\x80\\\\x80|"
                     "\\\\xe6\\\\xbc");
        /* Next line (C1), right-to-left override, isolate, zero width, line separator, a tag. */
        text_becomes("\xc2\x85\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\xa8\xf3\xa0\x81\x81",
                     "\\u0085\\u202e\\u2066\\u200b\\u2028\\udb40\\udc41");
}

TEST(text_is_cut_between_characters)
{
        char text[CAPOS_AUDIT_TEXT_BYTES + 8], expected[CAPOS_AUDIT_TEXT_BYTES + 8];

        snprintf(text, sizeof(text), "%0*d\xc3\xa9more", CAPOS_AUDIT_TEXT_BYTES - 2, 0);
        snprintf(expected, sizeof(expected), "%0*d\xc3\xa9", CAPOS_AUDIT_TEXT_BYTES - 2, 0);
        text_becomes(text, expected);
        snprintf(text, sizeof(text), "%0*d\xc3\xa9more", CAPOS_AUDIT_TEXT_BYTES - 1, 0);
        expected[CAPOS_AUDIT_TEXT_BYTES - 2] = '0';
        expected[CAPOS_AUDIT_TEXT_BYTES - 1] = 0;
        text_becomes(text, expected);
}

/* ---- segments ------------------------------------------------------------------------------- */

/* Another segment that goes on from l. */
static void log_make_next(const struct log *l, struct log *ret, uint32_t segment)
{
        *ret = (struct log){.p = malloc((size_t)3 * CAPOS_AUDIT_LINE_BYTES), .chain = l->chain};
        CHECK(ret->p);
        for (unsigned i = 0; i < 3; i++) {
                struct capos_audit_record r = {.what = i ? "grant" : "segment", .outcome = "ok"};

                r.segment = i ? 0 : segment;
                ret->len += capos_audit_line(&ret->chain, &r, ret->p + ret->len);
        }
}

TEST(a_segment_verifies_alone)
{
        struct capos_audit_verdict v;
        struct log l, next;
        char *at;

        log_make(&l);
        log_make_next(&l, &next, 123);
        v = verify(next.p, next.len);
        CHECK_EQ(v.fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(v.segment, 123);
        CHECK_EQ(v.begin.records, RECORDS);
        CHECK_MEM(v.begin.hash, l.chain.hash, sizeof(l.chain.hash));
        CHECK_EQ(v.chain.records, RECORDS + 3);
        CHECK_EQ(verify(l.p, l.len).segment, 1);

        at = strstr(next.p, "\"before\":\"") + 10;
        *at = *at == 'a' ? 'b' : 'a';
        CHECK_EQ(verify(next.p, next.len).fault, CAPOS_AUDIT_CHAIN);
        free(next.p);
        free(l.p);
}

TEST(what_is_known_must_be_there)
{
        struct capos_audit_verdict v;
        struct capos_audit_chain known, other;
        struct log l;

        log_make(&l);
        known = verify(l.p, l.ends[20]).chain;
        CHECK_EQ(verify_known(l.p, l.len, &known).fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(verify_known(l.p, l.ends[20], &known).fault, CAPOS_AUDIT_GOOD);
        v = verify_known(l.p, l.ends[19], &known);
        CHECK_EQ(v.fault, CAPOS_AUDIT_CUT);
        CHECK_EQ(v.chain.records, 19);
        CHECK_EQ(verify_known(l.p, l.ends[20] - 1, &known).fault, CAPOS_AUDIT_CUT);
        CHECK_EQ(verify_known(l.p, l.ends[20] + 1, &known).fault, CAPOS_AUDIT_TORN);
        CHECK_EQ(verify_known("", 0, &known).fault, CAPOS_AUDIT_CUT);

        other = known;
        other.hash[0] ^= 1;
        v = verify_known(l.p, l.len, &other);
        CHECK_EQ(v.fault, CAPOS_AUDIT_OTHER);
        CHECK_EQ(v.line, 20);
        free(l.p);
}

/* Records 11 to 20, to be verified elsewhere. */
static size_t part_make(const struct log *l, char *to)
{
        struct capos_audit_chain from = verify(l->p, l->ends[10]).chain,
                                 end = verify(l->p, l->ends[20]).chain;
        size_t len = capos_audit_part_begin(&from, to), n = l->ends[20] - l->ends[10];

        memcpy(to + len, l->p + l->ends[10], n);
        return len + n + capos_audit_part_end(&end, to + len + n);
}

struct reading {
        unsigned lines;
        uint64_t last;
};

static void reading_line(void *arg, const char *p, size_t len,
                         const struct capos_audit_chain *before,
                         const struct capos_audit_chain *after)
{
        struct reading *r = arg;

        CHECK(len > 2 && *p == '{' && p[len - 1] == '}');
        CHECK_EQ(after->records, before->records + 1);
        CHECK(!r->lines || before->records == r->last);
        r->last = after->records;
        r->lines++;
}

TEST_T(a_part_verifies_alone, 120)
{
        struct capos_audit_verdict v;
        struct reading reading = {0};
        const struct capos_audit_reader reader = {reading_line, &reading};
        struct log l;
        char *part;
        size_t len, last;
        int fd = memfd_create("part", MFD_CLOEXEC);

        log_make(&l);
        part = malloc(l.len + 1);
        CHECK(part && fd >= 0);
        len = part_make(&l, part);
        CHECK_EQ(write(fd, part, len), len);
        CHECK_OK(capos_audit_read(fd, NULL, &reader, &v));
        close(fd);
        CHECK_EQ(v.fault, CAPOS_AUDIT_GOOD);
        CHECK(v.part && v.ended);
        CHECK_EQ(v.begin.records, 10);
        CHECK_EQ(v.chain.records, 20);
        CHECK_EQ(reading.lines, 10);
        CHECK_EQ(reading.last, 20);

        for (size_t i = 0; i < len; i++) {
                if (i)
                        CHECK(verify(part, i).fault);
                part[i] ^= 1;
                CHECK(verify(part, len).fault);
                part[i] ^= 1;
        }
        /* Without its last line, and with more behind it. */
        last = len - 1;
        while (part[last - 1] != '\n')
                last--;
        CHECK_EQ(verify(part, last).fault, CAPOS_AUDIT_CUT);
        part[len] = '\n';
        CHECK_EQ(verify(part, len + 1).fault, CAPOS_AUDIT_FORM);
        CHECK_EQ(verify(part, len + 1).line, 12);
        free(part);
        free(l.p);
}

TEST(what_is_no_file_is_not_waited_for)
{
        struct capos_audit_verdict v;
        int fds[2];

        CHECK(!pipe2(fds, O_CLOEXEC));
        CHECK_EQ(capos_audit_verify(fds[0], NULL, &v), -EINVAL);
        close(fds[0]);
        close(fds[1]);
}

TEST(segments_have_names)
{
        char name[CAPOS_AUDIT_NAME_BYTES];

        capos_audit_segment_name(7, name);
        CHECK_STR(name, "audit-000007.log");
        CHECK_EQ(capos_audit_segment_of(name), 7);
        capos_audit_segment_name(12345678, name);
        CHECK_EQ(capos_audit_segment_of(name), 12345678);
        CHECK_EQ(capos_audit_segment_of("audit.log"), 0);
        CHECK_EQ(capos_audit_segment_of("audit-7.log"), 0);
        CHECK_EQ(capos_audit_segment_of("audit-000000.log"), 0);
        CHECK_EQ(capos_audit_segment_of("audit-000007.log.gz"), 0);
        CHECK_EQ(capos_audit_segment_of("audit-999999999999999999999.log"), 0);
}
