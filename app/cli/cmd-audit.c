/*
 * The audit log, read as a file: verifying needs no instance, and could not trust one. The chain is
 * lib/session's.
 */
#include "audit-read.h"
#include "witness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- verify ------------------------------------------------------------------------------- */

/* What users were told, and whether the log still has it. */
struct testimony {
        const struct cli *c;
        struct witness *all;
        size_t n, next; /* in the order of their records: those before it agree, or are elsewhere */
        size_t agree;
        const struct witness *against; /* the first that does not agree */
        bool begun;
};

/* Those of a place in the log. */
static void testimony_hear(struct testimony *t, const struct capos_audit_chain *at)
{
        for (; t->next < t->n && t->all[t->next].chain.records <= at->records; t->next++) {
                const struct witness *w = &t->all[t->next];

                if (w->chain.records < at->records) /* before a part */
                        continue;
                if (!memcmp(w->chain.hash, at->hash, sizeof(at->hash)))
                        t->agree++;
                else if (!t->against)
                        t->against = w;
        }
}

static void testimony_line(void *arg, const char *p, size_t len,
                           const struct capos_audit_chain *before,
                           const struct capos_audit_chain *after)
{
        struct testimony *t = arg;

        (void)p, (void)len;
        if (!t->begun)
                testimony_hear(t, before);
        t->begun = true;
        testimony_hear(t, after);
}

/* An exit code. part: what lies behind it is elsewhere. */
static int testimony_judge(const struct testimony *t, const char *path, bool part)
{
        const struct witness *behind = t->next < t->n && !part ? &t->all[t->next] : NULL;
        const struct cli *c = t->c;

        if (t->against)
                return cli_fail(c, EXIT_FAILED, "audit",
                                "%s: it is not the log that users were told of: record %" PRIu64
                                " has another hash than in %s, line %u",
                                path, t->against->chain.records, c->witness, t->against->line);
        if (behind)
                return cli_fail(c, EXIT_FAILED, "audit",
                                "%s: its end is missing: %s, line %u, tells of %" PRIu64 " records",
                                path, c->witness, behind->line, behind->chain.records);
        if (!t->agree)
                return cli_fail(c, EXIT_FAILED, "audit", "%s: it has no record that %s tells of",
                                path, c->witness);
        return EXIT_OK;
}

static int verify_print(const struct cli *c, const char *path, const struct audit_reading *p,
                        const struct testimony *t)
{
        char hash[2 * CAPOS_AUDIT_HASH_BYTES + 1];

        for (unsigned i = 0; i < CAPOS_AUDIT_HASH_BYTES; i++)
                (void)snprintf(hash + 2 * i, 3, "%02x", p->chain.hash[i]);
        if (c->json)
                return cli_print_json(c, json_pack("{s:s,s:I,s:I,s:s,s:I}", "file", path, "records",
                                                   (json_int_t)p->chain.records, "segments",
                                                   (json_int_t)p->segment, "hash", hash,
                                                   "witnesses", (json_int_t)t->agree));
        printf("%s: %" PRIu64 " %s, complete and unchanged. The last one's hash, to be kept "
               "elsewhere:\n%s\n",
               path, p->chain.records, p->chain.records == 1 ? "record" : "records", hash);
        if (c->witness)
                printf("What users were told of it is in it: %zu %s.\n", t->agree,
                       t->agree == 1 ? "time" : "times");
        return EXIT_OK;
}

int cmd_audit_verify(struct cli *c)
{
        struct testimony t = {.c = c};
        struct audit_reading p = {.c = c, .line = testimony_line, .arg = &t};
        char path[AUDIT_PATH_BYTES];
        int r = audit_place(c, path, sizeof(path));

        if (!r && c->witness)
                r = witness_read(c, c->witness, &t.all, &t.n);
        if (!r)
                r = audit_read(&p, path);
        if (!r && c->witness)
                r = testimony_judge(&t, path, p.alone);
        if (!r)
                r = verify_print(c, path, &p, &t);
        free(t.all);
        return r;
}
