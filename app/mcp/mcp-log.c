/*
 * A line for each step of each call, as JSON: when, which process, session and client, which tool,
 * the digest of the call, who has decided what, how it ended. Never an argument or a result: these
 * can hold anything. The digest is the SHA-256 of the tool's name and of the arguments in one form
 * (mcp-seal.c), so whoever has them can tell that they are meant.
 *
 * The file is opened for each line: several processes write to it, and one that has grown too long
 * is put aside by whoever finds it so.
 */
#include "mcp-log.h"

#include "mcp-text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BYTES = 16 * 1024 * 1024 };

static void time_now(char *to, size_t room)
{
        struct timespec t;
        struct tm tm;
        size_t len = 0;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        if (gmtime_r(&t.tv_sec, &tm))
                len = strftime(to, room, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(to + len, room - len, ".%03ldZ", t.tv_nsec / 1000000);
}

static json_t *record_json(const struct mcp_log *l, const struct mcp_record *r)
{
        char at[40], digest[2 * MCP_DIGEST + 1] = "";

        time_now(at, sizeof(at));
        for (unsigned i = 0; r->digest && i < MCP_DIGEST; i++)
                (void)snprintf(digest + 2 * i, 3, "%02x", r->digest[i]);
        return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:s*}", "at", at, "pid",
                         (int)getpid(), "session", l->session, "client", l->client, "event",
                         r->event, "tool", r->tool, "sha256", r->digest ? digest : NULL, "by",
                         r->by, "code", r->code);
}

static int log_open(const struct mcp_log *l)
{
        char old[sizeof(l->path) + 4];
        struct stat st;
        int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < LOG_BYTES)
                return fd;
        (void)close(fd);
        (void)snprintf(old, sizeof(old), "%s.1", l->path);
        (void)rename(l->path, old);
        return open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void mcp_log_write(struct mcp_log *l, const struct mcp_record *r)
{
        json_t *o;
        char *line;
        int fd;

        if (!*l->path)
                return;
        o = record_json(l, r);
        line = o ? mcp_text_json(o) : NULL;
        json_decref(o);
        fd = line ? log_open(l) : -1;
        if (fd < 0 || dprintf(fd, "%s\n", line) < 0) {
                (void)fprintf(stderr, "capos mcp: %s: %s: calls are not recorded here any more\n",
                              l->path, strerror(errno));
                *l->path = 0;
        }
        if (fd >= 0)
                (void)close(fd);
        free(line);
}
