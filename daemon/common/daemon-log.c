/*
 * The log of a process: its standard error, which it shares with all others of the instance.
 *
 * A line is put together first and goes out in one write(), so that lines of two processes never
 * mix. Nobody waits for it and nobody hears when it fails: a full disk is no reason to stop.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon-log.h"

enum { LINE_BYTES = 1024 };

void daemon_log(int priority, const char *fmt, ...)
{
        char line[LINE_BYTES];
        va_list args;
        ssize_t written;
        size_t n;
        int r;

        r = snprintf(line, sizeof(line), "<%d>%s: ", priority, program_invocation_short_name);
        n = r < 0 ? 0 : (size_t)r;
        if (n > sizeof(line) - 2)
                n = sizeof(line) - 2;
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
