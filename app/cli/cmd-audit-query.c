/*
 * What is in an audit log: the records that somebody looks for, and a part of it for somewhere
 * else.
 *
 * Both read the files, whether an instance writes them or not, and verify what they read. So what
 * is shown is what was recorded, and the first line that does not follow ends it.
 */
#include "audit-read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIME_BYTES = 32 };

struct query {
        struct cli *c;
        char since[TIME_BYTES], until[TIME_BYTES]; /* beginnings of times; "": none */
        bool begun, over;                          /* an export */
        struct capos_audit_chain end;              /* … so far */
};

/* ---- times -------------------------------------------------------------------------------- */

/* A time in UTC as records have it, or its beginning: a day, a minute. */
static bool time_is_date(const char *s)
{
        static const char form[] = "0000-00-00T00:00:00.000";
        size_t len = strlen(s);

        if (len < 7 || len >= sizeof(form))
                return false;
        for (size_t i = 0; i < len; i++)
                if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
                        return false;

        return true;
}

/* As it was typed: a date, or how long ago. An exit code. */
static int time_read(const struct cli *c, const char *s, char to[TIME_BYTES])
{
        uint64_t ago_ms = 0, now_ms = cli_now_ms();
        struct tm tm;
        time_t t;

        if (!s)
                return EXIT_OK;

        (void)snprintf(to, TIME_BYTES, "%s", s);
        if (*to && to[strlen(to) - 1] == 'Z')
                to[strlen(to) - 1] = 0;
        if (time_is_date(to))
                return EXIT_OK;
        if (!cli_parse_duration(s, &ago_ms) || ago_ms > now_ms)
                return cli_fail(
                        c, EXIT_USAGE, "usage",
                        "%s: neither a time in UTC (2026-11-23T02:06) nor how long ago (2h)", s);

        t = (time_t)((now_ms - ago_ms) / 1000);
        if (!gmtime_r(&t, &tm) || !strftime(to, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm))
                *to = 0;
        return EXIT_OK;
}

/* The time of a record, which stands behind its number. */
static const char *line_time(const char *p, size_t len)
{
        static const char name[] = "\"time\":\"";
        const char *at = memmem(p, len, name, sizeof(name) - 1);

        return at ? at + sizeof(name) - 1 : p;
}

static bool time_is_before(const char *time, const char *limit)
{
        return strncmp(time, limit, strlen(limit)) < 0;
}

static bool time_is_after(const char *time, const char *limit)
{
        return *limit && strncmp(time, limit, strlen(limit)) > 0;
}

/* ---- query -------------------------------------------------------------------------------- */

/* A member is what is wanted, or begins with it up to this character. */
static bool member_is(const json_t *o, const char *name, const char *wanted, char up_to)
{
        const char *s = json_string_value(json_object_get(o, name));
        size_t len = wanted ? strlen(wanted) : 0;

        return !wanted || (s && !strncmp(s, wanted, len) && (!s[len] || s[len] == up_to));
}

/* Ids of sessions are shown by their beginnings. */
static bool session_is(const json_t *o, const char *wanted)
{
        const char *s = json_string_value(json_object_get(o, "session"));

        return !wanted || (s && !strncmp(s, wanted, strlen(wanted)));
}

static bool record_is(const struct cli *c, const json_t *o)
{
        return member_is(o, "what", c->what, 0) && member_is(o, "outcome", c->outcome, '.') &&
               member_is(o, "event", c->event, 0) && member_is(o, "source", c->source, ':') &&
               member_is(o, "account", c->account, 0) && member_is(o, "actor", c->actor, 0) &&
               member_is(o, "capability", c->capability, 0) && session_is(o, c->of_session);
}

static void query_line(void *arg, const char *p, size_t len, const struct capos_audit_chain *before,
                       const struct capos_audit_chain *after)
{
        const struct query *q = arg;
        const char *time = line_time(p, len);
        char text[CAPOS_AUDIT_LINE_BYTES];
        json_t *o;

        (void)before, (void)after;
        if (time_is_before(time, q->since) || time_is_after(time, q->until))
                return;

        o = json_loadb(p, len, 0, NULL);
        if (o && record_is(q->c, o)) {
                (void)snprintf(text, sizeof(text), "%.*s", (int)len, p);
                audit_show(q->c, text);
        }
        json_decref(o);
}

static int query_begin(struct cli *c, struct query *q, char path[AUDIT_PATH_BYTES])
{
        int r = time_read(c, c->since, q->since);

        q->c = c;
        if (!r)
                r = time_read(c, c->until, q->until);
        return r ? r : audit_place(c, path, AUDIT_PATH_BYTES);
}

int cmd_audit_query(struct cli *c)
{
        struct query q = {0};
        struct audit_reading reading = {
                .c = c, .line = query_line, .arg = &q, .since = q.since, .from_any = true};
        char path[AUDIT_PATH_BYTES];
        int r = query_begin(c, &q, path);

        return r ? r : cli_finish(c, audit_read(&reading, path));
}

/* ---- export ------------------------------------------------------------------------------- */

static void export_line(void *arg, const char *p, size_t len,
                        const struct capos_audit_chain *before,
                        const struct capos_audit_chain *after)
{
        const char *time = line_time(p, len);
        char text[CAPOS_AUDIT_LINE_BYTES];
        struct query *q = arg;

        /* What is exported has no gaps, whatever the clock did. */
        q->over = q->over || (q->begun && time_is_after(time, q->until));
        if (q->over ||
            (!q->begun && (time_is_before(time, q->since) || time_is_after(time, q->until))))
                return;
        if (!q->begun)
                (void)fwrite(text, 1, capos_audit_part_begin(before, text), stdout);
        q->begun = true;
        q->end = *after;
        (void)fwrite(p, 1, len, stdout);
        (void)fputc('\n', stdout);
}

int cmd_audit_export(struct cli *c)
{
        struct query q = {0};
        struct audit_reading reading = {
                .c = c, .line = export_line, .arg = &q, .since = q.since, .from_any = true};
        char path[AUDIT_PATH_BYTES], text[CAPOS_AUDIT_LINE_BYTES];
        int r = query_begin(c, &q, path);

        if (!r)
                r = audit_read(&reading, path);
        if (r)
                return cli_finish(c, r);
        if (!q.begun)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: there are no records of that time",
                                path);

        (void)fwrite(text, 1, capos_audit_part_end(&q.end, text), stdout);
        return cli_finish(c, EXIT_OK);
}
