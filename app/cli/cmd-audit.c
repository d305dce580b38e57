/*
 * The audit log, read as a file: verifying needs no instance, and could not trust one. The chain is
 * lib/session's.
 */
#include "state.h"

#include "session-audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 200, DEFAULT_LINES = 10, MOST_LINES = 1000 * 1000 };

/* The log: as given, or the instance's. An exit code. */
static int log_open(struct cli *c, FILE **ret_f, char *path, size_t room)
{
        char folder[3072];
        int r;

        if (c->nwords) {
                (void)snprintf(path, room, "%s", c->words[0]);
        } else {
                r = state_folder(c, folder, sizeof(folder));
                if (r)
                        return r;
                (void)snprintf(path, room, "%s/audit.log", folder);
        }
        *ret_f = fopen(path, "re");
        if (!*ret_f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));
        return EXIT_OK;
}

int cmd_audit_verify(struct cli *c)
{
        struct capos_audit_verdict v;
        char path[4096], hash[2 * CAPOS_AUDIT_HASH_BYTES + 1];
        FILE *f;
        int r = log_open(c, &f, path, sizeof(path));

        if (r)
                return r;

        r = capos_audit_verify(fileno(f), &v);
        (void)fclose(f);
        if (r)
                return cli_fail_code(c, r, path);
        if (v.fault)
                return cli_fail(c, EXIT_FAILED, "audit", "%s: line %" PRIu64 ": %s", path, v.line,
                                capos_audit_fault_text(v.fault));

        for (unsigned i = 0; i < CAPOS_AUDIT_HASH_BYTES; i++)
                (void)snprintf(hash + 2 * i, 3, "%02x", v.chain.hash[i]);
        if (c->json)
                return cli_print_json(c, json_pack("{s:s,s:I,s:s}", "file", path, "records",
                                                   (json_int_t)v.chain.records, "hash", hash));
        printf("%s: %" PRIu64 " records, complete and unchanged. The last one's hash, to be kept "
               "elsewhere:\n%s\n",
               path, v.chain.records, hash);
        return EXIT_OK;
}

/* ---- tail --------------------------------------------------------------------------------- */

static void record_print_member(json_t *o, const char *name, const char *before)
{
        const char *s = json_string_value(json_object_get(o, name));

        if (!s || !*s)
                return;
        printf("%s", before);
        cli_print_safe(s);
}

/* The members that say most, in one line; a line that is not ours is shown as it is. */
static void record_print(const struct cli *c, const char *line)
{
        json_t *o = json_loads(line, 0, NULL);

        if (c->json || !json_is_object(o)) {
                cli_print_safe(line);
                printf("\n");
                json_decref(o);
                return;
        }
        record_print_member(o, "time", "");
        record_print_member(o, "what", " ");
        record_print_member(o, "outcome", " ");
        record_print_member(o, "account", " account=");
        record_print_member(o, "profile", " profile=");
        record_print_member(o, "kind", " by=");
        record_print_member(o, "session", " session=");
        record_print_member(o, "capability", " capability=");
        record_print_member(o, "source", " from=");
        record_print_member(o, "detail", " ");
        printf("\n");
        json_decref(o);
}

/* Prints whole lines from where the file stands; half a line at the end is left for later. */
static void tail_print(const struct cli *c, FILE *f, uint64_t skip)
{
        char *line = NULL;
        size_t room = 0;
        ssize_t n;
        off_t at;

        for (;;) {
                at = ftello(f);
                n = getline(&line, &room, f);
                if (n <= 0 || line[n - 1] != '\n')
                        break;
                line[n - 1] = 0;
                if (skip)
                        skip--;
                else
                        record_print(c, line);
        }
        (void)fseeko(f, at, SEEK_SET);
        clearerr(f);
        free(line);
        (void)cli_finish(c, EXIT_OK);
}

static uint64_t tail_count(FILE *f)
{
        uint64_t n = 0;
        int ch;

        while ((ch = getc_unlocked(f)) != EOF)
                n += ch == '\n';
        rewind(f);
        return n;
}

int cmd_audit_tail(struct cli *c)
{
        unsigned long lines = DEFAULT_LINES;
        char path[4096], *end;
        uint64_t have;
        FILE *f;
        int r;

        if (c->lines) {
                lines = strtoul(c->lines, &end, 10);
                if (*end || end == c->lines || *c->lines == '-' || lines > MOST_LINES)
                        return cli_fail(c, EXIT_USAGE, "usage", "%s: not a number of lines",
                                        c->lines);
        }
        r = log_open(c, &f, path, sizeof(path));
        if (r)
                return r;

        have = tail_count(f);
        tail_print(c, f, have > lines ? have - lines : 0);
        while (c->follow && !ferror(stdout)) {
                (void)poll(NULL, 0, LOOK_MS);
                tail_print(c, f, 0);
        }
        (void)fclose(f);
        return EXIT_OK;
}
