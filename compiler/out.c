/*
 * A text that grows, and the file it becomes.
 *
 * Everything is generated in memory first. Only when all files of the run are known to be good are
 * they written, each beside its final name, and only when all are written do they get their names.
 * So a failed run leaves neither half a file nor a new header beside an old table.
 */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void out_grow(struct out *o, size_t more)
{
        size_t room = o->room ? o->room : 4096;
        char *s;

        while (room - o->len <= more)
                room *= 2;
        if (room == o->room)
                return;

        s = realloc(o->s, room);
        if (!s) {
                fputs("capnpc-c: out of memory\n", stderr);
                exit(1);
        }

        o->s = s;
        o->room = room;
}

void out_bytes(struct out *o, const char *s, size_t n)
{
        out_grow(o, n);
        if (n)
                memcpy(o->s + o->len, s, n);
        o->len += n;
}

void out_v(struct out *o, const char *fmt, va_list args)
{
        va_list again;
        int n;

        va_copy(again, args);
        n = vsnprintf(NULL, 0, fmt, again);
        va_end(again);

        out_grow(o, (size_t)n + 1);
        (void)vsnprintf(o->s + o->len, (size_t)n + 1, fmt, args);
        o->len += (size_t)n;
}

void out_f(struct out *o, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        out_v(o, fmt, args);
        va_end(args);
}

/* One line of a comment. What would end or nest the comment, or be a trigraph, is broken up by a
 * space. */
static void out_doc_line(struct out *o, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                out_bytes(o, s + i, 1);
                if (i + 1 < n &&
                    ((s[i] == '*' && s[i + 1] == '/') || (s[i] == '/' && s[i + 1] == '*') ||
                     (s[i] == '?' && s[i + 1] == '?')))
                        out_bytes(o, " ", 1);
        }
}

void out_doc(struct out *o, const char *indent, const char *text)
{
        size_t len = strlen(text);

        while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
                len--;
        if (!len)
                return;

        out_f(o, "%s/**\n", indent);
        while (len) {
                const char *end = memchr(text, '\n', len);
                size_t n = end ? (size_t)(end - text) : len;

                out_f(o, "%s *%s", indent, n ? " " : "");
                out_doc_line(o, text, n);
                out_bytes(o, "\n", 1);
                text += end ? n + 1 : n;
                len -= end ? n + 1 : n;
        }
        out_f(o, "%s */\n", indent);
}

void out_literal(struct out *o, const char *s, size_t n)
{
        out_bytes(o, "\"", 1);
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];

                if (c == '"' || c == '\\')
                        out_f(o, "\\%c", c);
                else if (c == '\n')
                        out_f(o, "\\n");
                else if (c < 0x20 || c >= 0x7f || (c == '?' && i && s[i - 1] == '?'))
                        out_f(o, "\\%03o", c);
                else
                        out_bytes(o, s + i, 1);
        }
        out_bytes(o, "\"", 1);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int make_folders(const char *path)
{
        char part[4096];

        for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                size_t n = (size_t)(p - path);

                if (n >= sizeof(part))
                        return -ENAMETOOLONG;

                memcpy(part, path, n);
                part[n] = '\0';
                if (mkdir(part, 0777) < 0 && errno != EEXIST)
                        return -errno;
        }

        return 0;
}

static int temporary_name(const char *path, char *ret, size_t room)
{
        int n = snprintf(ret, room, "%s.part", path);

        return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

int out_write(const struct out *o, const char *path)
{
        char part[4096];
        FILE *f;
        int r;

        r = temporary_name(path, part, sizeof(part));
        if (!r)
                r = make_folders(path);
        if (r)
                return r;

        f = fopen(part, "we");
        if (!f)
                return -errno;

        errno = 0;
        if (fwrite(o->s, 1, o->len, f) != o->len)
                r = errno ? -errno : -EIO;
        if (fclose(f) && !r)
                r = -errno;

        return r;
}

int out_commit(const char *path)
{
        char part[4096];
        int r = temporary_name(path, part, sizeof(part));

        if (r)
                return r;

        return rename(part, path) < 0 ? -errno : 0;
}

void out_discard(const char *path)
{
        char part[4096];

        if (!temporary_name(path, part, sizeof(part)))
                (void)unlink(part);
}

void out_deinit(struct out *o)
{
        free(o->s);
        *o = (struct out){0};
}
