/*
 * Lines and their chain.
 *
 * A line is `{"n":N,…,"hash":"H"}`, where H is SHA-256 over the hash of the line before it and the
 * bytes of this line up to the comma before "hash". So a line can be verified without a JSON
 * parser: what is hashed is what stands there. Whoever changes, removes or inserts a line has to
 * write every later one anew, and the last hash, which an operator may note elsewhere, is another.
 *
 * Text comes from clients in part. All but printable ASCII is escaped byte by byte, so a line is
 * always one line, and always JSON.
 */
#include "session-audit.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char tail_begins[] = ",\"hash\":\"";
static const char tail_ends[] = "\"}";

enum {
        HEX_BYTES = 2 * CAPOS_AUDIT_HASH_BYTES,
        TAIL_BYTES = sizeof(tail_begins) - 1 + HEX_BYTES + sizeof(tail_ends) - 1,
        READ_BYTES = 64 * 1024,
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

static void line_text(struct line *l, const char *name, const char *value)
{
        char escaped[8];

        if (!value)
                return;

        line_put(l, ",\"");
        line_put(l, name);
        line_put(l, "\":\"");
        for (size_t i = 0; i < CAPOS_AUDIT_TEXT_BYTES && value[i]; i++) {
                unsigned char c = (unsigned char)value[i];

                if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
                        snprintf(escaped, sizeof(escaped), "\\u%04x", c);
                else
                        snprintf(escaped, sizeof(escaped), "%c", c);
                line_put(l, escaped);
        }
        line_put(l, "\"");
}

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
        char hex[HEX_BYTES + 1], event[32];

        snprintf(event, sizeof(event), "%llu", (unsigned long long)r->event);
        line_begin(&l, c->records + 1, r->time_ms);
        line_text(&l, "what", r->what);
        line_text(&l, "outcome", r->outcome);
        line_text(&l, "event", r->event ? event : NULL);
        line_text(&l, "source", r->source);
        line_text(&l, "transport", r->transport);
        line_text(&l, "binding", r->binding);
        line_text(&l, "account", r->account);
        line_text(&l, "profile", r->profile);
        line_text(&l, "kind", r->kind);
        line_text(&l, "session", r->session);
        line_text(&l, "capability", r->capability);
        line_text(&l, "detail", r->detail);
        line_text(&l, "claim", r->claim);
        line_text(&l, "reporter", r->reporter);

        chain_hash(c->hash, out, l.len, c->hash);
        c->records++;
        sodium_bin2hex(hex, sizeof(hex), c->hash, sizeof(c->hash));
        line_put(&l, tail_begins);
        line_put(&l, hex);
        line_put(&l, tail_ends);
        line_put(&l, "\n");
        return l.len;
}

/* ---- verifying ---------------------------------------------------------------------------- */

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
        size_t bytes;

        if (!line_is_ours(p, len, c->records + 1))
                return CAPOS_AUDIT_FORM;
        if (sodium_hex2bin(says, sizeof(says), hex, HEX_BYTES, NULL, &bytes, NULL) ||
            bytes != sizeof(says))
                return CAPOS_AUDIT_FORM;

        chain_hash(c->hash, p, len - TAIL_BYTES, is);
        if (memcmp(says, is, sizeof(is)) != 0)
                return CAPOS_AUDIT_CHAIN;

        memcpy(c->hash, is, sizeof(is));
        c->records++;
        return CAPOS_AUDIT_GOOD;
}

/* Follows the whole lines in a block. Returns the bytes they take. */
static size_t verdict_block(struct capos_audit_verdict *v, const char *p, size_t len)
{
        size_t at = 0;

        while (at < len && !v->fault) {
                const char *end = memchr(p + at, '\n', len - at);

                if (!end)
                        break;
                v->fault = chain_follow(&v->chain, p + at, (size_t)(end - p) - at);
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

int capos_audit_verify(int fd, struct capos_audit_verdict *ret)
{
        struct capos_audit_verdict v = {0};
        char *block = malloc(READ_BYTES);
        size_t len = 0, used;
        int r = block ? 0 : -ENOMEM;

        while (!r && !v.fault) {
                r = audit_read(fd, block, READ_BYTES, v.good_bytes, &len);
                if (r || !len)
                        break;
                used = verdict_block(&v, block, len);
                if (!v.fault && !used)
                        v.fault =
                                len < CAPOS_AUDIT_LINE_BYTES ? CAPOS_AUDIT_TORN : CAPOS_AUDIT_FORM;
        }
        free(block);
        if (r)
                return r;

        v.line = v.fault ? v.chain.records + 1 : 0;
        v.bytes = (uint64_t)lseek(fd, 0, SEEK_END);
        *ret = v;
        return 0;
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
        }
        return "unknown";
}
