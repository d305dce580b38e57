/*
 * Lines and their chain.
 *
 * A line is `{"n":N,…,"hash":"H"}`, where H is SHA-256 over the hash of the line before it and the
 * bytes of this line up to the comma before "hash". So a line can be verified without a JSON
 * parser: what is hashed is what stands there. Whoever changes, removes or inserts a line has to
 * write every later one anew, and the last hash, which an operator may note elsewhere, is another.
 *
 * The chain goes through all segments. The first line of a segment that goes on from another says
 * so itself, in its last two members (`segment`, `before`: the hash it goes on from), so that each
 * file can be verified alone. A part that is taken out of a log stands between two lines that say
 * the same of it: `{"part-from":"N","hash":"H"}` and `{"part-to":"N","hash":"H"}`.
 *
 * Text comes from clients in part. It is UTF-8 as it stands, but for what could end a line, forge
 * one or turn one around on a terminal: controls, marks of direction and of no width, line
 * separators. What is no UTF-8 appears byte by byte as \\xNN. So a line is always one line, and
 * always JSON.
 */
#include "session-audit.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char segment_begins[] = ",\"segment\":\"";
static const char before_begins[] = "\",\"before\":\"";
static const char part_begins[] = "{\"part-from\":\"";
static const char part_ends[] = "{\"part-to\":\"";
static const char tail_begins[] = ",\"hash\":\"";
static const char tail_ends[] = "\"}";

enum {
        HEX_BYTES = 2 * CAPOS_AUDIT_HASH_BYTES,
        TAIL_BYTES = sizeof(tail_begins) - 1 + HEX_BYTES + sizeof(tail_ends) - 1,
        READ_BYTES = 64 * 1024,
        FIRST_BYTES = sizeof("{\"n\":") - 1,
};

_Static_assert((int)READ_BYTES > (int)CAPOS_AUDIT_LINE_BYTES, "a line fits");

struct line {
        char *p;
        size_t len;
};

static void line_put(struct line *l, const char *s)
{
        size_t n = strlen(s);

        memcpy(l->p + l->len, s, n);
        l->len += n;
}

/* ---- text ----------------------------------------------------------------------------------- */

struct rune {
        uint32_t c;
        unsigned len; /* bytes; 0: these are no UTF-8 */
};

/* The character that begins at p. Overlong forms, surrogates and what is beyond Unicode are none.
 */
static struct rune rune_at(const unsigned char *p, size_t left)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        unsigned len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        struct rune r = {.c = len > 1 ? *p & (0x7fu >> len) : *p, .len = len};

        if (!len || *p > 0xf4 || len > left)
                return (struct rune){0};
        for (unsigned i = 1; i < len; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return (struct rune){0};
                r.c = r.c << 6 | (p[i] & 0x3fu);
        }
        if (r.c < least[len] || r.c > 0x10ffff || (r.c >= 0xd800 && r.c < 0xe000))
                return (struct rune){0};

        return r;
}

/* Controls, and what has no width or changes the direction. */
static bool rune_is_plain(uint32_t c)
{
        static const uint32_t hidden[][2] = {
                {0, 0x1f},          {'"', '"'},       {'\\', '\\'},     {0x7f, 0x9f},
                {0xad, 0xad},       {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},
                {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
                {0xe0000, 0xe0fff},
        };

        for (unsigned i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
                if (c >= hidden[i][0] && c <= hidden[i][1])
                        return false;
        return true;
}

static void line_rune(struct line *l, const unsigned char *p, struct rune r)
{
        char text[16];

        if (r.len && rune_is_plain(r.c)) { /* nearly all: not by way of a format */
                memcpy(l->p + l->len, p, r.len);
                l->len += r.len;
                return;
        }

        if (!r.len)
                snprintf(text, sizeof(text), "\\\\x%02x", *p);
        else if (r.c < 0x10000)
                snprintf(text, sizeof(text), "\\u%04x", r.c);
        else
                snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xd7c0 + (r.c >> 10),
                         0xdc00 | (r.c & 0x3ff));
        line_put(l, text);
}

static void line_text(struct line *l, const char *name, const char *value)
{
        const unsigned char *p = (const unsigned char *)value;
        size_t len, at = 0;

        if (!value)
                return;

        line_put(l, ",\"");
        line_put(l, name);
        line_put(l, "\":\"");
        len = strnlen(value, CAPOS_AUDIT_TEXT_BYTES + 4);
        while (at < len) {
                struct rune r = rune_at(p + at, len - at);
                unsigned step = r.len ? r.len : 1;

                if (at + step > CAPOS_AUDIT_TEXT_BYTES)
                        break;
                line_rune(l, p + at, r);
                at += step;
        }
        line_put(l, "\"");
}

static void line_number(struct line *l, const char *name, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        line_text(l, name, value ? text : NULL);
}

/* ---- making --------------------------------------------------------------------------------- */

static void line_begin(struct line *l, uint64_t n, uint64_t time_ms)
{
        time_t seconds = (time_t)(time_ms / 1000);
        char text[96], date[32];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm))
                memset(&tm, 0, sizeof(tm));
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text, sizeof(text), "{\"n\":%llu,\"time\":\"%s.%03uZ\"", (unsigned long long)n,
                 date, (unsigned)(time_ms % 1000));
        line_put(l, text);
}

static void chain_hash(const uint8_t before[CAPOS_AUDIT_HASH_BYTES], const char *p, size_t len,
                       uint8_t ret[CAPOS_AUDIT_HASH_BYTES])
{
        crypto_hash_sha256_state h;

        crypto_hash_sha256_init(&h);
        crypto_hash_sha256_update(&h, before, CAPOS_AUDIT_HASH_BYTES);
        crypto_hash_sha256_update(&h, (const unsigned char *)p, len);
        crypto_hash_sha256_final(&h, ret);
}

size_t capos_audit_line(struct capos_audit_chain *c, const struct capos_audit_record *r,
                        char out[CAPOS_AUDIT_LINE_BYTES])
{
        struct line l = {.p = out};
        char hex[HEX_BYTES + 1];

        line_begin(&l, c->records + 1, r->time_ms);
        line_text(&l, "what", r->what);
        line_text(&l, "outcome", r->outcome);
        line_number(&l, "event", r->event);
        line_text(&l, "source", r->source);
        line_text(&l, "transport", r->transport);
        line_text(&l, "binding", r->binding);
        line_text(&l, "account", r->account);
        line_text(&l, "profile", r->profile);
        line_text(&l, "kind", r->kind);
        line_text(&l, "session", r->session);
        line_text(&l, "capability", r->capability);
        line_text(&l, "detail", r->detail);
        line_text(&l, "actor", r->actor);
        line_text(&l, "actorSession", r->actor_session);
        line_text(&l, "claim", r->claim);
        line_text(&l, "reporter", r->reporter);
        line_number(&l, "times", r->times);
        line_number(&l, "segment", r->segment);
        sodium_bin2hex(hex, sizeof(hex), c->hash, sizeof(c->hash));
        line_text(&l, "before", r->segment ? hex : NULL);

        chain_hash(c->hash, out, l.len, c->hash);
        c->records++;
        sodium_bin2hex(hex, sizeof(hex), c->hash, sizeof(c->hash));
        line_put(&l, tail_begins);
        line_put(&l, hex);
        line_put(&l, tail_ends);
        line_put(&l, "\n");
        return l.len;
}

static size_t part_put(const struct capos_audit_chain *c, const char *begins, char *out)
{
        char hex[HEX_BYTES + 1];

        sodium_bin2hex(hex, sizeof(hex), c->hash, sizeof(c->hash));
        return (size_t)snprintf(out, CAPOS_AUDIT_LINE_BYTES, "%s%llu\"%s%s%s\n", begins,
                                (unsigned long long)c->records, tail_begins, hex, tail_ends);
}

size_t capos_audit_part_begin(const struct capos_audit_chain *before,
                              char out[CAPOS_AUDIT_LINE_BYTES])
{
        return part_put(before, part_begins, out);
}

size_t capos_audit_part_end(const struct capos_audit_chain *after, char out[CAPOS_AUDIT_LINE_BYTES])
{
        return part_put(after, part_ends, out);
}

/* ---- verifying ---------------------------------------------------------------------------- */

static bool hash_of_hex(const char *hex, uint8_t ret[CAPOS_AUDIT_HASH_BYTES])
{
        size_t bytes;

        return !sodium_hex2bin(ret, CAPOS_AUDIT_HASH_BYTES, hex, HEX_BYTES, NULL, &bytes, NULL) &&
               bytes == CAPOS_AUDIT_HASH_BYTES;
}

/* The number that stands at p; 0: there is none, or it is too long. */
static uint64_t number_at(const char *p, const char *end)
{
        uint64_t n = 0;

        for (unsigned digits = 0; p < end && *p >= '0' && *p <= '9'; p++) {
                if (++digits > 18)
                        return 0;
                n = 10 * n + (uint64_t)(*p - '0');
        }
        return n;
}

/*
 * What a first line says about the segment before it, if it does: the last members before the hash
 * are then ,"segment":"N","before":"H". Members of text cannot look like that, their quotes are
 * escaped.
 */
static void verdict_begin(struct capos_audit_verdict *v, const char *p, size_t len)
{
        size_t before = sizeof(before_begins) - 1 + HEX_BYTES + 1, n = sizeof(segment_begins) - 1;
        struct capos_audit_chain c = {0};
        uint64_t records, segment;
        const char *at;

        v->segment = 1;
        if (len < TAIL_BYTES + before + n + FIRST_BYTES)
                return;
        at = p + len - TAIL_BYTES - before;
        if (memcmp(at, before_begins, sizeof(before_begins) - 1) != 0 ||
            !hash_of_hex(at + sizeof(before_begins) - 1, c.hash))
                return;
        while (at > p + n && at[-1] >= '0' && at[-1] <= '9')
                at--;
        records = number_at(p + FIRST_BYTES, p + len);
        segment = number_at(at, p + len);
        if (memcmp(at - n, segment_begins, n) != 0 || segment < 2 || segment > UINT32_MAX ||
            !records)
                return;

        c.records = records - 1;
        v->segment = (uint32_t)segment;
        v->begin = v->chain = c;
}

static bool line_is_ours(const char *p, size_t len, uint64_t n)
{
        char begin[40];
        size_t bytes = (size_t)snprintf(begin, sizeof(begin), "{\"n\":%llu,\"time\":\"",
                                        (unsigned long long)n);

        return len >= bytes + TAIL_BYTES && len < CAPOS_AUDIT_LINE_BYTES &&
               !memcmp(p, begin, bytes) &&
               !memcmp(p + len - TAIL_BYTES, tail_begins, sizeof(tail_begins) - 1) &&
               !memcmp(p + len - (sizeof(tail_ends) - 1), tail_ends, sizeof(tail_ends) - 1);
}

/* One line, without its newline. */
static enum capos_audit_fault chain_follow(struct capos_audit_chain *c, const char *p, size_t len)
{
        const char *hex = p + len - TAIL_BYTES + sizeof(tail_begins) - 1;
        uint8_t says[CAPOS_AUDIT_HASH_BYTES], is[CAPOS_AUDIT_HASH_BYTES];

        if (!line_is_ours(p, len, c->records + 1) || !hash_of_hex(hex, says))
                return CAPOS_AUDIT_FORM;

        chain_hash(c->hash, p, len - TAIL_BYTES, is);
        if (memcmp(says, is, sizeof(is)) != 0)
                return CAPOS_AUDIT_CHAIN;

        memcpy(c->hash, is, sizeof(is));
        c->records++;
        return CAPOS_AUDIT_GOOD;
}

/* At a place that is known, the hash must be the one that is known. */
static enum capos_audit_fault chain_compare(const struct capos_audit_chain *c,
                                            const struct capos_audit_chain *known)
{
        if (!known || c->records != known->records ||
            !memcmp(c->hash, known->hash, sizeof(c->hash)))
                return CAPOS_AUDIT_GOOD;

        return CAPOS_AUDIT_OTHER;
}

/* A line around a part: at how many records, and their hash. */
static bool part_line(const char *p, size_t len, const char *begins, struct capos_audit_chain *ret)
{
        struct capos_audit_chain c;
        char again[CAPOS_AUDIT_LINE_BYTES];
        size_t n = strlen(begins);

        if (len < n + TAIL_BYTES || memcmp(p, begins, n) != 0 ||
            !hash_of_hex(p + len - (sizeof(tail_ends) - 1) - HEX_BYTES, c.hash))
                return false;

        c.records = number_at(p + n, p + len);
        if (part_put(&c, begins, again) != len + 1 || memcmp(again, p, len) != 0)
                return false;

        *ret = c;
        return true;
}

/* The lines around a part. False: it is a record, or nothing. */
static bool verdict_part(struct capos_audit_verdict *v, const char *p, size_t len)
{
        struct capos_audit_chain c;

        if (!v->segment && part_line(p, len, part_begins, &c)) {
                v->segment = 1;
                v->part = true;
                v->begin = v->chain = c;
                return true;
        }
        if (!v->part || !part_line(p, len, part_ends, &c))
                return false;

        v->ended = true;
        if (c.records != v->chain.records || memcmp(c.hash, v->chain.hash, sizeof(c.hash)) != 0)
                v->fault = CAPOS_AUDIT_CHAIN;
        return true;
}

static void verdict_line(struct capos_audit_verdict *v, const struct capos_audit_chain *known,
                         const struct capos_audit_reader *reader, const char *p, size_t len)
{
        struct capos_audit_chain before;

        if (v->ended) {
                v->fault = CAPOS_AUDIT_FORM;
                return;
        }
        if (verdict_part(v, p, len))
                return;
        if (!v->segment)
                verdict_begin(v, p, len);

        before = v->chain;
        v->fault = chain_follow(&v->chain, p, len);
        if (!v->fault)
                v->fault = chain_compare(&v->chain, known);
        if (!v->fault && reader)
                reader->line(reader->arg, p, len, &before, &v->chain);
}

/* Follows the whole lines in a block. Returns the bytes they take. */
static size_t verdict_block(struct capos_audit_verdict *v, const struct capos_audit_chain *known,
                            const struct capos_audit_reader *reader, const char *p, size_t len)
{
        size_t at = 0;

        while (at < len && !v->fault) {
                const char *end = memchr(p + at, '\n', len - at);

                if (!end)
                        break;
                verdict_line(v, known, reader, p + at, (size_t)(end - p) - at);
                if (!v->fault)
                        at = (size_t)(end - p) + 1;
        }

        v->good_bytes += at;
        return at;
}

static int audit_read(int fd, char *p, size_t len, uint64_t at, size_t *ret_len)
{
        ssize_t n;

        do
                n = pread(fd, p, len, (off_t)at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        *ret_len = (size_t)n;
        return 0;
}

static int verdict_read(struct capos_audit_verdict *v, const struct capos_audit_chain *known,
                        const struct capos_audit_reader *reader, int fd)
{
        char *block = malloc(READ_BYTES);
        size_t len = 0, used;
        int r = block ? 0 : -ENOMEM;

        while (!r && !v->fault) {
                r = audit_read(fd, block, READ_BYTES, v->good_bytes, &len);
                if (r || !len)
                        break;
                used = verdict_block(v, known, reader, block, len);
                if (!v->fault && !used)
                        v->fault =
                                len < CAPOS_AUDIT_LINE_BYTES ? CAPOS_AUDIT_TORN : CAPOS_AUDIT_FORM;
        }
        free(block);
        return r;
}

int capos_audit_read(int fd, const struct capos_audit_chain *known,
                     const struct capos_audit_reader *reader, struct capos_audit_verdict *ret)
{
        struct capos_audit_verdict v = {0};
        struct stat st;
        int r;

        if (fstat(fd, &st))
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;

        r = verdict_read(&v, known, reader, fd);
        if (r)
                return r;

        v.bytes = (uint64_t)st.st_size;
        v.segment = v.segment ? v.segment : 1;
        if (!v.fault)
                v.fault = chain_compare(&v.begin, known);
        if (!v.fault && v.part && !v.ended)
                v.fault = CAPOS_AUDIT_CUT;
        v.line = v.chain.records - v.begin.records + (v.fault != CAPOS_AUDIT_OTHER) + v.part;
        v.line = v.fault ? v.line : 0;
        if ((!v.fault || v.fault == CAPOS_AUDIT_TORN) && known && v.chain.records < known->records)
                v.fault = CAPOS_AUDIT_CUT;
        *ret = v;
        return 0;
}

int capos_audit_verify(int fd, const struct capos_audit_chain *known,
                       struct capos_audit_verdict *ret)
{
        return capos_audit_read(fd, known, NULL, ret);
}

const char *capos_audit_fault_text(enum capos_audit_fault f)
{
        switch (f) {
        case CAPOS_AUDIT_GOOD:
                return "every line follows from those before it";
        case CAPOS_AUDIT_TORN:
                return "the last line has no end: its writer was interrupted";
        case CAPOS_AUDIT_FORM:
                return "a line is not a record";
        case CAPOS_AUDIT_CHAIN:
                return "a line does not follow from those before it";
        case CAPOS_AUDIT_CUT:
                return "its end was cut off";
        case CAPOS_AUDIT_OTHER:
                return "it is another log than the one that was written";
        }
        return "unknown";
}

/* ---- names ---------------------------------------------------------------------------------- */

void capos_audit_segment_name(uint32_t segment, char ret[CAPOS_AUDIT_NAME_BYTES])
{
        snprintf(ret, CAPOS_AUDIT_NAME_BYTES, "audit-%06u.log", segment);
}

uint32_t capos_audit_segment_of(const char *name)
{
        char again[CAPOS_AUDIT_NAME_BYTES];
        uint64_t n = 0;

        if (!strncmp(name, "audit-", 6))
                n = number_at(name + 6, name + strlen(name));
        if (n > UINT32_MAX)
                return 0;

        capos_audit_segment_name((uint32_t)n, again);
        return !strcmp(name, again) ? (uint32_t)n : 0;
}
