/*
 * A small table of what happens again and again.
 *
 * The first of a kind from a source is recorded at once, with all that is known of it; what follows
 * within a minute is counted, and the count becomes one record. A kind is what, outcome, account,
 * way of proving, capability and the words about it, and most of these are the sender's choice. So
 * a source has a few rows only; what it does beyond them is told apart by what and outcome, of
 * which there are few. The table has a number of rows for all sources, too; who finds none shares
 * those of the others. What can be written in a minute is bounded by that, whoever sends however
 * much.
 *
 * A source is an address without its port, of IPv6 the first 64 bits. Rows are found by a keyed
 * hash, as senders choose what is hashed.
 */
#include "audit-count.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

void audit_counts_init(struct audit_counts *c)
{
        *c = (struct audit_counts){.used = 0};
        randombytes_buf(c->secret, sizeof(c->secret));
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* The address alone; of [2001:db8:1:2:3::4]:5 the first four groups. */
static void source_cut(const char *address, char ret[64])
{
        unsigned colons = 0;
        char *p;

        snprintf(ret, 64, "%s", address ? address : "");
        if (*ret != '[') {
                p = strchr(ret, ':');
                if (p && p == strrchr(ret, ':') && strspn(ret, "0123456789.") == (size_t)(p - ret))
                        *p = 0;
                return;
        }
        p = strchr(ret, ']');
        if (p)
                p[1] = 0;
        for (p = ret; *p; p++) {
                if (*p != ':' || ++colons < 4)
                        continue;
                snprintf(p, (size_t)(ret + 64 - p), "::/64]");
                break;
        }
}

static void key_text(crypto_generichash_state *h, const char *s)
{
        s = s ? s : "";
        crypto_generichash_update(h, (const unsigned char *)s, strlen(s) + 1);
}

enum depth { BY_SOURCE, BY_KIND, BY_ALL };

/* An outcome of a known few; a worker's own words are not. */
static const char *kind_outcome(const struct capos_audit_record *r)
{
        bool known =
                r->outcome && (!strcmp(r->outcome, "ok") || !strncmp(r->outcome, "denied.", 7) ||
                               !strncmp(r->outcome, "over-quota.", 11));

        return known && !r->reporter ? r->outcome : NULL;
}

/* Words of this process, likewise. */
static const char *kind_detail(const struct capos_audit_record *r)
{
        return r->reporter ? NULL : r->detail;
}

static uint64_t key_make(const struct audit_counts *c, const char *source,
                         const struct capos_audit_record *r, enum depth d)
{
        const char *const all[] = {r->account, r->kind, r->capability, r->reporter, kind_detail(r)};
        crypto_generichash_state h;
        uint8_t out[crypto_generichash_BYTES_MIN];
        uint64_t key;

        crypto_generichash_init(&h, c->secret, sizeof(c->secret), sizeof(out));
        key_text(&h, source);
        if (d != BY_SOURCE) {
                key_text(&h, r->what);
                key_text(&h, d == BY_ALL ? r->outcome : kind_outcome(r));
        }
        for (unsigned i = 0; d == BY_ALL && i < sizeof(all) / sizeof(*all); i++)
                key_text(&h, all[i]);
        crypto_generichash_final(&h, out, sizeof(out));
        memcpy(&key, out, sizeof(key));
        return key ? key : 1;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct audit_count *rows_find(struct audit_counts *c, uint64_t key)
{
        for (unsigned i = 0; i < AUDIT_COUNT_ROWS + AUDIT_COUNT_OTHERS; i++)
                if (c->rows[i].key == key)
                        return &c->rows[i];

        return NULL;
}

static bool source_is_full(const struct audit_counts *c, uint64_t source_key)
{
        unsigned n = 0;

        for (unsigned i = 0; i < AUDIT_COUNT_ROWS; i++)
                n += c->rows[i].key && c->rows[i].source_key == source_key;
        return n >= AUDIT_COUNT_OF_SOURCE;
}

static struct audit_count *rows_free(struct audit_counts *c, unsigned from, unsigned to)
{
        for (unsigned i = from; i < to; i++)
                if (!c->rows[i].key)
                        return &c->rows[i];

        return NULL;
}

static void row_copy(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ? from : "");
}

static void row_fill(struct audit_count *row, const char *source,
                     const struct capos_audit_record *r, enum depth d)
{
        row_copy(row->source, sizeof(row->source), source);
        row_copy(row->what, sizeof(row->what), r->what);
        row_copy(row->outcome, sizeof(row->outcome), d == BY_ALL ? r->outcome : kind_outcome(r));
        row_copy(row->account, sizeof(row->account), d == BY_ALL ? r->account : NULL);
        row_copy(row->profile, sizeof(row->profile), d == BY_ALL ? r->profile : NULL);
        row_copy(row->kind, sizeof(row->kind), d == BY_ALL ? r->kind : NULL);
        row_copy(row->capability, sizeof(row->capability), d == BY_ALL ? r->capability : NULL);
        row_copy(row->reporter, sizeof(row->reporter), r->reporter);
        row_copy(row->detail, sizeof(row->detail), d == BY_ALL ? kind_detail(r) : NULL);
}

/* The row of a record; a new one, with no key yet; NULL: there is no more room. */
static struct audit_count *row_for(struct audit_counts *c, const char *source,
                                   const struct capos_audit_record *r, uint64_t *ret_key)
{
        uint64_t source_key = key_make(c, source, r, BY_SOURCE);
        enum depth d = BY_ALL;
        struct audit_count *row;

        *ret_key = key_make(c, source, r, d);
        row = rows_find(c, *ret_key);
        if (!row && source_is_full(c, source_key)) {
                d = BY_KIND;
                *ret_key = key_make(c, source, r, d);
                row = rows_find(c, *ret_key);
        }
        if (row)
                return row;

        row = rows_free(c, 0, AUDIT_COUNT_ROWS);
        if (!row) {
                source = "others";
                d = BY_KIND;
                *ret_key = key_make(c, source, r, d);
                row = rows_find(c, *ret_key);
                if (!row)
                        row = rows_free(c, AUDIT_COUNT_ROWS, AUDIT_COUNT_ROWS + AUDIT_COUNT_OTHERS);
        }
        if (row && !row->key) {
                row_fill(row, source, r, d);
                row->source_key = d == BY_ALL ? source_key : 0;
        }
        return row;
}

bool audit_counts_first(struct audit_counts *c, const struct capos_audit_record *r, bool deferred,
                        uint64_t now_ms)
{
        struct audit_count *row;
        char source[64];
        uint64_t key;

        source_cut(r->source, source);
        row = row_for(c, source, r, &key);
        if (!row) /* more kinds than there are: to any of the others */
                row = &c->rows[AUDIT_COUNT_ROWS];
        if (row->key) {
                row->times += r->times ? r->times : 1;
                return false;
        }

        row->key = key;
        row->begun_ms = now_ms;
        row->times = !deferred ? 0 : r->times ? r->times : 1;
        c->used++;
        return !deferred;
}

/* ---- the end of a minute -------------------------------------------------------------------- */

static const char *row_text(const char *s)
{
        return *s ? s : NULL;
}

bool audit_counts_take(struct audit_counts *c, bool all, uint64_t now_ms,
                       struct capos_audit_record *ret)
{
        for (unsigned i = 0; c->used && i < AUDIT_COUNT_ROWS + AUDIT_COUNT_OTHERS; i++) {
                struct audit_count *row = &c->rows[i];

                if (!row->key || (!all && now_ms - row->begun_ms < AUDIT_COUNT_MS))
                        continue;
                row->key = 0;
                c->used--;
                if (!row->times)
                        continue;
                *ret = (struct capos_audit_record){
                        .what = row_text(row->what),
                        .outcome = row_text(row->outcome),
                        .source = row_text(row->source),
                        .account = row_text(row->account),
                        .profile = row_text(row->profile),
                        .kind = row_text(row->kind),
                        .capability = row_text(row->capability),
                        .detail = row_text(row->detail),
                        .reporter = row_text(row->reporter),
                        .times = row->times,
                };
                return true;
        }
        return false;
}
