/*
 * The log of a process: its standard error, which it shares with all others of the instance.
 *
 * Two kinds of readers: the journal wants a priority in front of each line and adds the time
 * itself; people, files and what watches them (fail2ban) want a time and a word. Which of the two
 * is there, the journal says itself: $JOURNAL_STREAM has the device and inode of the stream it
 * reads. The time is UTC, since where the machine is is in a file that a confined process cannot
 * read.
 *
 * A line is put together first and goes out in one write(), so that lines of two processes never
 * mix. Nobody waits for it and nobody hears when it fails: a full disk is no reason to stop.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon-log.h"

enum { LINE_BYTES = 1024 };

static bool log_is_plain;

void daemon_log_to_somebody(void)
{
        log_is_plain = true;
}

static bool log_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;
        char *end;

        if (!stream)
                return false;

        device = strtoull(stream, &end, 10);
        if (*end != ':')
                return false;
        inode = strtoull(end + 1, &end, 10);
        return !*end && !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

static const char *priority_word(int priority)
{
        switch (priority) {
        case LOG_WARNING:
                return "warning: ";
        case LOG_NOTICE:
        case LOG_INFO:
        case LOG_DEBUG:
                return "";
        default:
                return "error: ";
        }
}

/*
 * The time as people write it, in UTC. Not by gmtime_r(): its first call opens the file of the
 * local time zone, which a confined process must not. Years begin in March here, so that the leap
 * day is the last of one.
 */
static void log_date(char *ret, size_t size)
{
        struct timespec now = {0};
        uint64_t days, seconds, era, year, month;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        seconds = (uint64_t)now.tv_sec % 86400;
        days = (uint64_t)now.tv_sec / 86400 + 719468; /* since the first of March of the year 0 */
        era = days / 146097;                          /* of 400 years */
        days %= 146097;
        year = (days - days / 1460 + days / 36524 - days / 146096) / 365;
        days -= 365 * year + year / 4 - year / 100;
        month = (5 * days + 2) / 153;
        days -= (153 * month + 2) / 5;
        year += 400 * era + (month >= 10);
        month = month < 10 ? month + 3 : month - 9;
        (void)snprintf(ret, size, "%04u-%02u-%02u %02u:%02u:%02uZ", (unsigned)year, (unsigned)month,
                       (unsigned)days + 1, (unsigned)(seconds / 3600),
                       (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

/* What stands before the text. */
static size_t log_begin(char *line, size_t size, int priority)
{
        char date[64];
        int r;

        if (log_is_plain) {
                /* Whoever waits for it knows that something is wrong, but not that it may be. */
                r = snprintf(line, size, "%s",
                             priority == LOG_WARNING ? priority_word(priority) : "");
        } else if (log_is_journal()) {
                r = snprintf(line, size, "<%d>%s: ", priority, program_invocation_short_name);
        } else {
                log_date(date, sizeof(date));
                r = snprintf(line, size, "%s %s: %s", date, program_invocation_short_name,
                             priority_word(priority));
        }
        return r < 0 ? 0 : (size_t)r < size ? (size_t)r : size - 1;
}

static int copy_fd = -1;

void daemon_log_copy(int fd)
{
        copy_fd = fd;
}

void daemon_log(int priority, const char *fmt, ...)
{
        char line[LINE_BYTES];
        va_list args;
        ssize_t written;
        size_t n, begin;
        int r;

        begin = n = log_begin(line, sizeof(line) - 1, priority);
        va_start(args, fmt);
        r = vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
        va_end(args);
        n += r < 0 ? 0 : (size_t)r;
        if (n > sizeof(line) - 2)
                n = sizeof(line) - 2;

        line[n++] = '\n';
        do
                written = write(STDERR_FILENO, line, n);
        while (written < 0 && errno == EINTR);
        if (copy_fd >= 0 && priority <= LOG_ERR)
                (void)!write(copy_fd, line + begin, n - begin);
}

/* ---- many of them --------------------------------------------------------------------------- */

enum { RATE_BURST = 60, RATE_EACH_MS = 200 };

bool daemon_log_may(struct daemon_log_rate *r, uint64_t now_ms)
{
        uint64_t earned = (now_ms - r->since_ms) / RATE_EACH_MS;

        if (!r->since_ms || earned >= RATE_BURST) {
                r->left = RATE_BURST;
                r->since_ms = now_ms ? now_ms : 1;
        } else if (earned) {
                r->left = r->left + earned < RATE_BURST ? r->left + (unsigned)earned : RATE_BURST;
                r->since_ms += earned * RATE_EACH_MS;
        }
        if (!r->left) {
                r->lost++;
                return false;
        }

        r->left--;
        if (r->lost)
                daemon_log(LOG_NOTICE, "%" PRIu64 " more lines like the next were left out",
                           r->lost);
        r->lost = 0;
        return true;
}

struct daemon_log_text daemon_log_text(const char *p, size_t len)
{
        struct daemon_log_text t;
        size_t n = 0, used = len < DAEMON_LOG_BYTES ? len : DAEMON_LOG_BYTES;

        for (size_t i = 0; i < used; i++) {
                unsigned char c = (unsigned char)p[i];

                if (c >= ' ' && c < 0x7f && c != '\\' && c != '"')
                        t.s[n++] = (char)c;
                else
                        n += (size_t)snprintf(t.s + n, 5, "\\x%02x", c);
        }
        memcpy(t.s + n, used < len ? "..." : "", used < len ? 4 : 1);
        return t;
}
