/*
 * Texts of others on a terminal. What comes from an instance or from other people is not trusted
 * with it: characters that steer, that reorder or hide text, that nobody sees, and marks that climb
 * into other lines are spelled byte by byte instead of sent. Which these are is one table, lib/ui's
 * (capos_ui_char_next()), which says of panes what may stand in them.
 *
 * Where lines of ours stand beside those of others, a line of theirs never goes on at the left edge
 * by itself: it is broken before the terminal would, and moved in from then on. A terminal may
 * count the columns of what is not ASCII in another way than we do. So while such a line is drawn
 * it may not break lines at all (DECAWM); what exceeds its edge is lost there.
 */
#include "cli.h"

#include <capos/ui.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STAY_ON_LINE "\033[?7l"
#define BREAK_LINES  "\033[?7h"
#define MARGIN       "  "

enum { PIECE = 32 };

/* The next character as it may be sent, and its columns. false: there is none. */
static bool piece_take(capnp_text *t, unsigned *room, char to[PIECE], size_t *ret_len,
                       unsigned *ret_columns)
{
        struct capos_ui_char c;
        const char *p = t->p;

        if (!capos_ui_char_next(t, room, &c))
                return false;
        if (c.plain) {
                memcpy(to, p, c.bytes);
                *ret_len = c.bytes;
                *ret_columns = c.columns;
                return true;
        }
        *ret_len = 0;
        for (unsigned i = 0; i < c.bytes; i++)
                *ret_len += (size_t)snprintf(to + *ret_len, PIECE - *ret_len, "\\x%02x",
                                             (unsigned char)p[i]);
        *ret_columns = (unsigned)*ret_len;
        return true;
}

void cli_escape(const char *s, char *to, size_t room)
{
        capnp_text t = capnp_text_of(s);
        unsigned marks = 0, columns;
        size_t len = 0, n;
        char piece[PIECE];

        while (piece_take(&t, &marks, piece, &n, &columns) && len + n < room) {
                memcpy(to + len, piece, n);
                len += n;
        }
        to[len] = 0;
}

void cli_print_safe(const char *s)
{
        capnp_text t = capnp_text_of(s);
        unsigned marks = 0, columns;
        char piece[PIECE];
        size_t n;

        while (piece_take(&t, &marks, piece, &n, &columns))
                (void)fwrite(piece, 1, n, stdout);
}

void cli_print_lines(const char *s)
{
        while (*s) {
                size_t len = strcspn(s, "\n");

                cli_print_line(stdout, "", s, len, 0);
                s += len + (s[len] == '\n');
        }
}

void cli_print_padded(const char *s, unsigned columns)
{
        capnp_text t = capnp_text_of(s);
        unsigned marks = 0, wide, all = 0;
        char piece[PIECE];
        size_t n;

        while (piece_take(&t, &marks, piece, &n, &wide))
                all += wide;
        cli_print_safe(s);
        printf("%*s", all < columns ? (int)(columns - all) : 0, "");
}

unsigned cli_columns(FILE *to)
{
        struct winsize size;

        if (!isatty(fileno(to)))
                return 0;
        if (ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || !size.ws_col)
                return 80;
        return size.ws_col < 20 ? 20 : size.ws_col;
}

/* How wide the word is that a text begins with; more than so many columns is not counted. */
static unsigned word_wide(capnp_text t, unsigned marks, unsigned most)
{
        unsigned wide, all = 0;
        char piece[PIECE];
        size_t n;

        while (all <= most && t.len && *t.p != ' ' && piece_take(&t, &marks, piece, &n, &wide))
                all += wide;
        return all;
}

/* Appends to a line that is at a column, breaking it where it has to be, between words if one has
 * room on a line; more: what the next ones begin with. */
static unsigned line_add(FILE *to, const char *more, const char *text, size_t len, unsigned columns,
                         unsigned at)
{
        capnp_text t = {text, (uint32_t)len};
        unsigned marks = 0, wide, margin = (unsigned)strlen(more);
        char piece[PIECE];
        size_t n;

        while (piece_take(&t, &marks, piece, &n, &wide)) {
                bool space = n == 1 && *piece == ' ';
                unsigned word = columns && space ? word_wide(t, marks, columns) : 0;

                if (columns && (at + wide > columns ||
                                (at + wide + word > columns && margin + word <= columns))) {
                        (void)fprintf(to, "\n%s", more);
                        at = margin;
                        if (space)
                                continue;
                }
                (void)fwrite(piece, 1, n, to);
                at += wide;
        }
        return at;
}

/* Whether every terminal agrees on how wide it is. */
static bool is_ascii(const char *p, size_t len)
{
        while (len && !(*p & 0x80)) {
                p++;
                len--;
        }
        return !len;
}

/* Written at once: a line on standard error is not to come in pieces, between those of others. */
void cli_print_more(FILE *to, const char *first, const char *more, const char *text, size_t len,
                    unsigned columns)
{
        bool guarded = columns && isatty(fileno(to)) &&
                       (!is_ascii(text, len) || !is_ascii(first, strlen(first)));
        char *line = NULL;
        size_t n = 0;
        FILE *whole = open_memstream(&line, &n), *f = whole ? whole : to;
        unsigned at;

        if (guarded)
                (void)fputs(STAY_ON_LINE, f);
        at = line_add(f, more, first, strlen(first), columns, 0);
        (void)line_add(f, more, text, len, columns, at);
        (void)fputs(guarded ? BREAK_LINES "\n" : "\n", f);
        if (whole && !fclose(whole))
                (void)fwrite(line, 1, n, to);
        free(line);
}

void cli_print_line(FILE *to, const char *first, const char *text, size_t len, unsigned columns)
{
        cli_print_more(to, first, MARGIN, text, len, columns);
}

/* In JSON they can only be in a string; those below a space are escaped in any. A quote is none of
 * the text's, so no mark may stand on it. */
void cli_print_json_text(const char *s, size_t len)
{
        capnp_text t = {s, (uint32_t)len};
        struct capos_ui_char c;
        unsigned marks = 0;

        for (const char *p = s; capos_ui_char_next(&t, &marks, &c); p = t.p) {
                if (c.plain || c.code == '\n' || c.code == UINT32_MAX)
                        (void)fwrite(p, 1, c.bytes, stdout);
                else if (c.code > 0xffff)
                        printf("\\u%04x\\u%04x", 0xd7c0 + (c.code >> 10),
                               0xdc00 + (c.code & 0x3ff));
                else
                        printf("\\u%04x", c.code);
                if (c.code == '"')
                        marks = 0;
        }
}
