/*
 * The smallest line editor with which one can talk: the terminal shows nothing by itself, so what
 * comes in can take the line off the screen, print, and draw the line again below. Keys: backspace,
 * ^U (all), ^W (a word), ^D on an empty line (the end). What is typed beyond the width of the
 * terminal is shown from its end.
 */
#include "line.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const char PROMPT[] = "> ";

enum { DELETE = 0x7f, BACKSPACE = 8, END = 4, KILL = 21, WORD = 23, ESCAPE = 27, NARROW = 20 };

void line_begin(struct line *l)
{
        l->on = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
                cli_terminal_take(STDIN_FILENO, ECHO | ICANON);
        line_show(l);
}

void line_end(struct line *l)
{
        if (!l->on)
                return;
        line_hide(l);
        cli_terminal_give_back();
        l->on = false;
}

void line_clear(struct line *l)
{
        l->len = 0;
        l->text[0] = 0;
}

static bool byte_continues(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

/* Takes the last character away. */
static void line_chop(struct line *l)
{
        while (l->len && byte_continues(l->text[l->len - 1]))
                l->len--;
        if (l->len)
                l->len--;
        l->text[l->len] = 0;
}

static void line_chop_word(struct line *l)
{
        while (l->len && l->text[l->len - 1] == ' ')
                line_chop(l);
        while (l->len && l->text[l->len - 1] != ' ')
                line_chop(l);
}

/* Arrow keys and the like: ESC, one byte, and after a [ all up to a letter. */
static bool escape_takes(struct line *l, char byte)
{
        if (!l->escape && byte != ESCAPE)
                return false;
        if (!l->escape || (l->escape == 1 && (byte == '[' || byte == 'O')))
                l->escape++;
        else if (l->escape == 1 || (byte >= '@' && byte <= '~'))
                l->escape = 0;
        return true;
}

enum line_state line_feed(struct line *l, char byte)
{
        if (escape_takes(l, byte))
                return LINE_GOES_ON;

        switch (byte) {
        case '\n':
        case '\r':
                return LINE_IS_WHOLE;
        case END:
                return l->len ? LINE_GOES_ON : LINE_IS_END;
        case DELETE:
        case BACKSPACE:
                line_chop(l);
                return LINE_GOES_ON;
        case KILL:
                line_clear(l);
                return LINE_GOES_ON;
        case WORD:
                line_chop_word(l);
                return LINE_GOES_ON;
        default:
                break;
        }
        if ((unsigned char)byte >= ' ' && l->len < LINE_BYTES - 1) {
                l->text[l->len++] = byte;
                l->text[l->len] = 0;
        }
        return LINE_GOES_ON;
}

static unsigned terminal_columns(void)
{
        struct winsize w;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col)
                return 80;
        return w.ws_col > NARROW ? w.ws_col : NARROW;
}

void line_hide(const struct line *l)
{
        if (l->on)
                (void)fputs("\r\033[K", stdout);
}

void line_show(const struct line *l)
{
        unsigned room = terminal_columns() - (unsigned)sizeof(PROMPT);
        const char *from = l->text + l->len;

        if (!l->on)
                return;
        while (from > l->text && room) {
                from--;
                while (from > l->text && byte_continues(*from))
                        from--;
                room--;
        }
        printf("\r\033[K%s%s", PROMPT, from);
        (void)fflush(stdout);
}
