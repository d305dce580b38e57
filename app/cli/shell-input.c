/*
 * Lines for `capos shell`: typed, or from a pipe or a file.
 *
 * A line is edited by libedit, which asks for a key at a time. While it waits for one the vat runs,
 * so what others say comes in meanwhile: it is printed above the line that is being typed. Signals
 * come as input, too. Ctrl-C gives the line up, or what is waited for, and never the shell; one
 * that ends us ends the loop, and the terminal is given back on the way out.
 *
 * Tab answers from what is known, and waits for what is not so short that nobody sees it. What
 * comes later is shown when it comes, if the line is still the same; so a service that is stuck
 * costs who types nothing, and whoever goes on typing is not answered any more.
 *
 * What is typed is kept in a file for its user alone, but not a line that begins with a space, and
 * none that was answered by a secret; and only until the end where lines are not the shell's own
 * (`capos ui`).
 */
#include "shell.h"

#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum {
        HISTORY_LINES = 1000,
        READ_BYTES = 4096,
        LINE_TYPED = 1024,
        HINT_LEAST = 16,
        HINT_MOST = 200,
        HINT_BYTES = 1200
};
/* Of a here-document; and how often Tab looks for what it lacks. */
enum { BLOCK_BYTES = 16 * 1024 * 1024, TAB_ROUNDS = 3, TAB_LATER_ROUNDS = 8 };
/* A key that nobody has to type, ^_: what Tab has asked for has come. */
enum { KEY_LOOK = 0x1f };

/* What has been typed by now was typed before. */
struct mark {
        size_t ahead; /* bytes that were there, and have not been taken yet */
        bool due;     /* no line is edited: how many there are is not known before one is */
        bool under;   /* a part of the line that is being typed was */
        bool taken;   /* … of the last one that was */
};

struct shell_input {
        struct shell *s;
        EditLine *el; /* NULL: nobody types */
        History *history;
        char history_file[512]; /* "": none */
        char prompt[160];
        char tab[LINE_TYPED];   /* the line that Tab could not complete yet; "": none */
        unsigned tab_rounds;    /* … and how often it may still be tried */
        bool news;              /* something is known that was not, or the line was drawn anew */
        bool hints, hinted;     /* they can be drawn; there is one on the right */
        bool more;              /* lines of a here-document are typed */
        char bytes[READ_BYTES]; /* read, and not yet taken */
        size_t at, len;
        struct mark marks[SHELL_MARKS];
        bool readable, is_file, ended, editing, hidden;
        char *line; /* of a script */
        unsigned number;
        int signals;
        capnp_watch *on_signal;
};

/* ---- signals --------------------------------------------------------------------------------- */

static void input_on_signal(void *arg, uint32_t events)
{
        struct shell_input *in = arg;
        struct signalfd_siginfo what;

        (void)events;
        while (read(in->signals, &what, sizeof(what)) == (ssize_t)sizeof(what)) {
                if (what.ssi_signo == SIGWINCH && in->s->on_size)
                        in->s->on_size(in->s->on_arg);
                if (what.ssi_signo == SIGWINCH && in->el)
                        el_resize(in->el);
                else if (what.ssi_signo == SIGCONT && in->el && in->editing)
                        (void)el_set(in->el, EL_PREP_TERM, 1);
                else if (what.ssi_signo == SIGINT)
                        in->s->interrupted = true;
                else if (what.ssi_signo == SIGTERM || what.ssi_signo == SIGHUP)
                        in->s->ending = true;
        }
        capnp_vat_stop(in->s->c->vat);
}

static int input_take_signals(struct shell_input *in)
{
        static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigset_t set;

        /* Who has started us may have it ignored, and then it never comes. */
        if (isatty(STDIN_FILENO))
                (void)sigaction(SIGINT, &usual, NULL);
        (void)sigemptyset(&set);
        for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                (void)sigaddset(&set, taken[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        in->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (in->signals < 0)
                return -errno;
        return capnp_watch_new(in->s->c->vat, in->signals, EPOLLIN, input_on_signal, in,
                               &in->on_signal);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void input_on_readable(void *arg, uint32_t events)
{
        struct shell_input *in = arg;

        (void)events;
        in->readable = true;
        capnp_vat_stop(in->s->c->vat);
}

/* Runs the vat until there is input. false: interrupted, at an end, or there is news for a line. */
static bool input_wait(struct shell_input *in)
{
        capnp_watch *w = NULL;
        int r = 0;

        in->readable = in->is_file;
        if (!in->is_file)
                r = capnp_watch_new(in->s->c->vat, STDIN_FILENO, EPOLLIN, input_on_readable, in,
                                    &w);
        if (r == -EPERM) /* it is all there */
                in->is_file = in->readable = true;
        else if (r)
                return false;
        while (!in->readable && !in->s->interrupted && !in->s->ending && !in->news) {
                if (capnp_vat_run(in->s->c->vat))
                        break;
                if (in->s->on_turn)
                        in->s->on_turn(in->s->on_arg);
        }
        capnp_watch_free(w);
        /* Ctrl-C was first, also where what was typed behind it is there by now. */
        return in->readable && !in->s->interrupted;
}

/* How much is there to be taken. */
static size_t input_pending(const struct shell_input *in)
{
        int n = 0;

        return in->len - in->at + (ioctl(STDIN_FILENO, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0);
}

/* Nothing is left of what was there. */
static void marks_pass(struct shell_input *in)
{
        for (unsigned i = 0; i < SHELL_MARKS; i++) {
                in->marks[i].ahead = 0;
                in->marks[i].due = false;
        }
}

/* One byte more is about to be taken. */
static void marks_take(struct shell_input *in)
{
        for (struct mark *m = in->marks; m < in->marks + SHELL_MARKS; m++) {
                if (m->due)
                        m->ahead = input_pending(in);
                m->due = false;
                m->under |= m->ahead > 0;
                m->ahead -= m->ahead > 0;
        }
}

/* A line is taken. */
static void marks_end_line(struct shell_input *in)
{
        for (struct mark *m = in->marks; m < in->marks + SHELL_MARKS; m++) {
                m->taken = m->under;
                m->under = false;
        }
}

enum { BYTE_END, BYTE_TAKEN, BYTE_INTERRUPTED, BYTE_NEWS };

/* One byte, or why there is none. */
static int input_byte(struct shell_input *in, char *ret)
{
        while (in->at == in->len) {
                ssize_t n;

                if (in->el && !input_pending(in))
                        marks_pass(in);
                if (!input_wait(in))
                        return in->s->ending        ? BYTE_END
                               : in->s->interrupted ? BYTE_INTERRUPTED
                               : in->news           ? BYTE_NEWS
                                                    : BYTE_INTERRUPTED;
                n = read(STDIN_FILENO, in->bytes, sizeof(in->bytes));
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return BYTE_END;
                in->at = 0;
                in->len = (size_t)n;
        }
        marks_take(in);
        *ret = in->bytes[in->at++];
        return BYTE_TAKEN;
}

/* ---- typed ----------------------------------------------------------------------------------- */

static struct shell_input *input_of(EditLine *el)
{
        struct shell_input *in = NULL;

        (void)el_get(el, EL_CLIENTDATA, &in);
        return in;
}

/* The line is given up: an empty one takes its place. */
static int key_give_up(struct shell_input *in, wchar_t *ret)
{
        const LineInfo *l = el_line(in->el);

        in->s->interrupted = false;
        in->s->given_up = true;
        in->s->given_up_empty = l->lastchar == l->buffer;
        (void)el_cursor(in->el, (int)(l->lastchar - l->cursor));
        l = el_line(in->el);
        el_deletestr(in->el, (int)(l->cursor - l->buffer));
        printf("^C");
        *ret = L'\n';
        return 1;
}

/* The line up to the cursor. false: it is longer than what is completed, or libedit's own while it
 * searches, which has two. */
static bool line_get(struct shell_input *in, char to[static LINE_TYPED])
{
        const LineInfo *l = el_line(in->el);
        size_t len = (size_t)(l->cursor - l->buffer);

        if (len >= LINE_TYPED || memchr(l->buffer, '\n', (size_t)(l->lastchar - l->buffer)))
                return false;
        memcpy(to, l->buffer, len);
        to[len] = '\0';
        return true;
}

/* ---- the hint -------------------------------------------------------------------------------- */

/* Where the line ends, and how many columns there are; false: it has more than one row. */
static bool hint_place(struct shell_input *in, size_t *ret_end, size_t *ret_columns)
{
        const LineInfoW *l = el_wline(in->el);
        struct winsize size = {0};
        size_t end = strlen(in->prompt);

        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        for (const wchar_t *p = l->buffer; p < l->lastchar; p++)
                end += wcwidth(*p) == 1 ? 1 : 2;
        *ret_end = end;
        *ret_columns = size.ws_col;
        return end < size.ws_col;
}

/* As much of a text as has room, in whole characters. How wide it is. */
static size_t hint_cut(const char *text, size_t room, char to[static HINT_BYTES])
{
        size_t used = 0, len = 0;
        mbstate_t state = {0};
        wchar_t c;

        while (*text) {
                size_t n = mbrtowc(&c, text, strlen(text), &state);
                int w = wcwidth(c);

                if (n == (size_t)-1 || n == (size_t)-2 || !n)
                        break;
                if (w > 0 && used + (size_t)w + 3 > room) {
                        memcpy(to + len, "...", 3);
                        len += 3;
                        used += 3;
                        break;
                }
                if (w > 0 && len + n + 4 < HINT_BYTES) {
                        memcpy(to + len, text, n);
                        len += n;
                        used += (size_t)w;
                }
                text += n;
        }
        to[len] = '\0';
        return used;
}

/* Takes the hint away, if there is one, and draws another; "": none. The cursor stays, and what the
 * terminal finds wider than we do is lost at the edge (see cli-text.c). */
static void hint_draw(struct shell_input *in, const char *text)
{
        char shown[HINT_BYTES];
        size_t end, columns, room = 0, wide;

        if ((!*text && !in->hinted) || !hint_place(in, &end, &columns))
                return;
        printf("\0337\033[?7l\033[%zuG\033[K", end + 1);
        if (columns > end + 8)
                room = columns - end - 8;
        in->hinted = *text && room >= HINT_LEAST;
        if (in->hinted) {
                wide = hint_cut(text, room < HINT_MOST ? room : HINT_MOST, shown);
                printf("\033[%zuG\033[2m%s\033[0m", columns - wide, shown);
        }
        printf("\033[?7h\0338");
        (void)fflush(stdout);
}

/* Shows what the line is about, unless more of it is there to be read. */
static void hint_show(struct shell_input *in)
{
        char line[LINE_TYPED], how[600], text[4 * sizeof(how)];

        if (!in->hints || in->more || in->at < in->len || !line_get(in, line))
                return;
        in->s->asks.how = SHELL_HINTS;
        shell_line_hint(in->s, line, how, sizeof(how));
        in->s->asks.how = SHELL_NEEDS;
        cli_escape(*in->tab && !strcmp(in->tab, line) ? "asking..." : how, text, sizeof(text));
        hint_draw(in, text);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int key_get(EditLine *el, wchar_t *ret)
{
        struct shell_input *in = input_of(el);
        mbstate_t state = {0};

        for (;;) {
                char byte;
                int r = BYTE_NEWS;
                size_t n;

                *ret = KEY_LOOK;
                if (in->news && *in->tab && mbsinit(&state))
                        return 1;
                in->news = false;
                hint_show(in);
                r = input_byte(in, &byte);
                if (r == BYTE_NEWS)
                        continue;
                if (r == BYTE_INTERRUPTED) {
                        hint_draw(in, "");
                        return key_give_up(in, ret);
                }
                if (r == BYTE_END)
                        return 0;
                n = mbrtowc(ret, &byte, 1, &state);
                if (n == (size_t)-1) { /* no character: not for the line */
                        state = (mbstate_t){0};
                        continue;
                }
                if (n == (size_t)-2)
                        continue;
                if (*ret == L'\n' || *ret == L'\r')
                        hint_draw(in, "");
                return 1;
        }
}

static char *prompt_get(EditLine *el)
{
        static char more[] = "... ";

        return input_of(el)->more ? more : input_of(el)->prompt;
}

/* ---- Tab ------------------------------------------------------------------------------------- */

/* What Tab offers: what all have in common goes into the line, the rest is shown. */
struct offers {
        const char *typed;
        char common[SHELL_WORD];
        unsigned n, unseen;
        char shown[4096];
        size_t len;
};

static void offers_add(void *arg, const char *word)
{
        struct offers *o = arg;
        size_t same = 0, room = sizeof(o->shown) - o->len;

        if (strncmp(word, o->typed, strlen(o->typed)) != 0)
                return;
        if (!o->n++)
                (void)snprintf(o->common, sizeof(o->common), "%s", word);
        while (o->common[same] && o->common[same] == word[same])
                same++;
        /* No half of a character. */
        while (o->common[same] && same > 0 && ((unsigned char)o->common[same] & 0xc0) == 0x80)
                same--;
        o->common[same] = '\0';
        if (strlen(word) + 3 > room)
                o->unseen++;
        else
                o->len += (size_t)snprintf(o->shown + o->len, room, "%s  ", word);
}

/* What could follow. Whether some of it may be on its way. */
static bool offers_collect(struct shell_input *in, const char *line, struct offers *o)
{
        *o = (struct offers){.typed = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line};
        in->s->asks.lacking = 0;
        in->s->asks.how = SHELL_ASKS;
        shell_line_complete(in->s, line, offers_add, o);
        in->s->asks.how = SHELL_NEEDS;
        return !o->n && in->s->asks.lacking;
}

/* Adds to the line what all have in common. false: there is nothing such. */
static bool offers_insert(struct shell_input *in, const struct offers *o)
{
        size_t typed = strlen(o->typed);

        if (!o->n || strlen(o->common) <= typed || el_insertstr(in->el, o->common + typed))
                return false;
        if (o->n == 1 && !strchr("=.", o->common[strlen(o->common) - 1]))
                (void)el_insertstr(in->el, " ");
        return true;
}

/* Shows them above the line, with what their author says. */
static void offers_show(struct shell_input *in, const char *line, const struct offers *o)
{
        (void)shell_about_print(in->s, line);
        if (!o->n)
                return;
        cli_print_line(stdout, "", o->shown, o->len, cli_columns(stdout));
        if (o->unseen)
                printf("and %u more\n", o->unseen);
}

/* What is on its way is waited for, but not so long that it is seen. */
static unsigned char line_complete(struct shell_input *in, const char *line, unsigned later)
{
        struct offers o;
        bool lacks = offers_collect(in, line, &o);

        for (unsigned i = 0; lacks && i < TAB_ROUNDS && shell_asks_wait(in->s); i++)
                lacks = offers_collect(in, line, &o);
        in->news = false;
        in->tab[0] = '\0';
        if (lacks && later) {
                (void)snprintf(in->tab, sizeof(in->tab), "%s", line);
                in->tab_rounds = later;
                return CC_REFRESH;
        }
        if (offers_insert(in, &o))
                return CC_REFRESH;
        if (!o.n)
                return CC_REFRESH_BEEP;
        if (o.n == 1)
                return CC_REFRESH;
        (void)putchar('\n');
        offers_show(in, line, &o);
        return CC_REDISPLAY;
}

static unsigned char key_complete(EditLine *el, int ch)
{
        struct shell_input *in = input_of(el);
        char line[LINE_TYPED];

        (void)ch;
        if (in->more || !line_get(in, line))
                return CC_REFRESH_BEEP;
        return line_complete(in, line, TAB_LATER_ROUNDS);
}

/* If nothing was typed since, what Tab could not answer then may be answered now. */
static unsigned char key_look(EditLine *el, int ch)
{
        struct shell_input *in = input_of(el);
        char line[LINE_TYPED];

        (void)ch;
        in->news = false;
        if (!*in->tab || !line_get(in, line))
                return CC_NORM;
        if (!strcmp(line, in->tab))
                return line_complete(in, line, in->tab_rounds - 1);
        in->tab[0] = '\0';
        return CC_NORM;
}

static void input_on_news(struct shell *s)
{
        s->input->news = s->input->editing && !s->input->more;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static void history_open(struct shell_input *in)
{
        const char *xdg = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
        bool at_xdg = xdg && *xdg == '/';
        char folder[480];
        HistEvent e;
        int n;

        in->history = history_init();
        if (!in->history)
                return;
        (void)history(in->history, &e, H_SETSIZE, HISTORY_LINES);
        (void)history(in->history, &e, H_SETUNIQUE, 1);
        if (in->s->plain || (!at_xdg && (!home || *home != '/')))
                return;
        n = snprintf(folder, sizeof(folder), "%s%s/capos", at_xdg ? xdg : home,
                     at_xdg ? "" : "/.local/state");
        if (n < 0 || (size_t)n >= sizeof(folder) || runtime_make_folders(folder))
                return;
        (void)snprintf(in->history_file, sizeof(in->history_file), "%s/shell-history", folder);
        (void)history(in->history, &e, H_LOAD, in->history_file);
}

/* Its own before there is anything in it. */
static void history_close(struct shell_input *in)
{
        HistEvent e;
        int fd = -1;

        if (!in->history)
                return;
        if (*in->history_file)
                fd = open(in->history_file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
                (void)fchmod(fd, 0600);
                (void)close(fd);
                (void)history(in->history, &e, H_SAVE, in->history_file);
        }
        history_end(in->history);
}

static int edit_open(struct shell_input *in)
{
        const char *term = getenv("TERM");

        in->el = el_init("capos", stdin, stdout, stderr);
        if (!in->el)
                return -ENOMEM;
        history_open(in);
        (void)el_set(in->el, EL_CLIENTDATA, in);
        (void)el_set(in->el, EL_EDITOR, "emacs");
        (void)el_set(in->el, EL_SIGNAL, 0);
        (void)el_set(in->el, EL_PROMPT, prompt_get);
        in->s->on_news = input_on_news;
        in->hints = term && strcmp(term, "dumb") != 0;
        (void)el_set(in->el, EL_ADDFN, "capos-complete", "Complete", key_complete);
        (void)el_set(in->el, EL_BIND, "^I", "capos-complete", NULL);
        (void)el_set(in->el, EL_ADDFN, "capos-look", "Look at the line", key_look);
        (void)el_set(in->el, EL_BIND, "^_", "capos-look", NULL);
        (void)el_wset(in->el, EL_GETCFN, key_get);
        if (in->history)
                (void)el_set(in->el, EL_HIST, history, in->history);
        return 0;
}

void shell_input_keep(struct shell_input *in, const char *line)
{
        HistEvent e;

        if (in->history && *line && *line != ' ')
                (void)history(in->history, &e, H_ENTER, line);
}

static const char *typed_line(struct shell_input *in)
{
        const char *line;
        int n = 0;

        in->s->interrupted = false; /* what comes from now on is for what will be typed */
        in->s->given_up = in->s->given_up_empty = false;
        in->editing = true;
        in->hidden = false;
        line = el_gets(in->el, &n);
        in->editing = in->news = false;
        marks_end_line(in);
        in->tab[0] = '\0';
        in->hinted = false;
        if (!line || n <= 0 || in->s->ending) {
                (void)putchar('\n');
                return NULL;
        }
        free(in->line);
        in->line = strndup(line, line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n);
        if (in->line && in->s->plain)
                shell_input_keep(in, in->line);
        return in->line;
}

/* ---- a script -------------------------------------------------------------------------------- */

static const char *script_line(struct shell_input *in)
{
        size_t len = 0;
        int r = BYTE_TAKEN;

        if (!in->line)
                in->line = malloc(SHELL_LINE);
        if (!in->line || in->ended)
                return NULL;
        in->s->interrupted = false;
        while (len < SHELL_LINE - 1) {
                r = input_byte(in, &in->line[len]);
                if (r != BYTE_TAKEN || in->line[len] == '\n')
                        break;
                len++;
        }
        if (len == SHELL_LINE - 1) {
                in->s->result = cli_fail(in->s->c, EXIT_USAGE, "usage",
                                         "a line has at most %d bytes", SHELL_LINE - 2);
                in->s->number = in->number + 1;
                in->s->ending = true;
        }
        in->line[len] = '\0';
        in->ended = r != BYTE_TAKEN && !in->s->ending;
        if (r == BYTE_INTERRUPTED)
                in->s->ending = true;
        in->number++;
        return (in->ended && !len) || in->s->ending ? NULL : in->line;
}

bool shell_input_is_over(const struct shell_input *in)
{
        return in->ended;
}

/* ---- both ------------------------------------------------------------------------------------ */

const char *shell_input_line(struct shell_input *in)
{
        return in->el ? typed_line(in) : script_line(in);
}

/* Appends a line and its end. An exit code. */
static int block_add(struct shell_input *in, const char *line, char **to, size_t *len)
{
        size_t n = strlen(line);
        char *more;

        if (*len + n + 2 > BLOCK_BYTES)
                return cli_fail(in->s->c, EXIT_FAILED, "failed", "more than 16 MiB of lines");
        more = realloc(*to, *len + n + 2);
        if (!more)
                return cli_fail_code(in->s->c, -ENOMEM, NULL);
        *to = more;
        memcpy(more + *len, line, n);
        memcpy(more + *len + n, "\n", 2);
        *len += n + 1;
        return EXIT_OK;
}

int shell_input_block(struct shell_input *in, const char *end, char **ret_p, size_t *ret_len)
{
        const char *line = NULL;
        char *p = strdup("");
        size_t len = 0;
        int r = p ? EXIT_OK : cli_fail_code(in->s->c, -ENOMEM, NULL);

        in->more = true;
        while (!r && (line = shell_input_line(in)) && (!end || strcmp(line, end) != 0) &&
               !in->s->given_up)
                r = block_add(in, line, &p, &len);
        in->more = false;
        if (!r && (in->s->given_up || in->s->ending))
                r = cli_fail(in->s->c, EXIT_FAILED, "canceled", "canceled");
        else if (!r && end && !line)
                r = cli_fail(in->s->c, EXIT_USAGE, "usage",
                             "no line is %s, which ends what <<%s begins", end, end);
        if (r) {
                free(p);
                return r;
        }
        if (len)
                p[--len] = '\0';
        *ret_p = p;
        *ret_len = len;
        return EXIT_OK;
}

bool shell_input_is_typed(const struct shell_input *in)
{
        return in->el != NULL;
}

bool shell_input_has_begun(const struct shell_input *in)
{
        const LineInfo *l = in->el && in->editing ? el_line(in->el) : NULL;

        return l && l->lastchar > l->buffer;
}

void shell_input_mark(struct shell_input *in, enum shell_mark which)
{
        in->marks[which] = (struct mark){.ahead = input_pending(in),
                                         .due = !in->editing,
                                         .under = shell_input_has_begun(in)};
}

bool shell_input_was_begun(const struct shell_input *in, enum shell_mark which)
{
        return in->marks[which].taken;
}

unsigned shell_input_number(const struct shell_input *in)
{
        return in->number;
}

/* How many rows below its first one the line has the cursor: libedit breaks it at the edge, and a
 * character that is too wide before. */
static size_t input_row(const struct shell_input *in)
{
        const LineInfoW *l = el_wline(in->el);
        struct winsize size = {0};
        size_t at = strlen(prompt_get(in->el));

        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        if (!size.ws_col)
                return 0;
        for (const wchar_t *p = l->buffer; p < l->cursor; p++) {
                size_t wide = wcwidth(*p) == 1 ? 1 : 2, left = size.ws_col - at % size.ws_col;

                at += wide > left ? left + wide : wide;
        }
        return at / size.ws_col;
}

void shell_input_hide(struct shell_input *in)
{
        size_t rows;

        if (!in->editing || in->hidden)
                return;
        in->hidden = true;
        rows = input_row(in);
        if (rows)
                printf("\033[%zuA", rows);
        printf("\r\033[J");
        (void)fflush(stdout); /* what is printed may be an error */
}

void shell_input_show(struct shell_input *in)
{
        (void)fflush(stdout);
        in->news = in->editing;
        if (in->editing && in->hidden)
                (void)el_set(in->el, EL_REFRESH);
        in->hidden = false;
}

int shell_input_new(struct shell *s, const char *prompt, struct shell_input **ret_i)
{
        struct shell_input *in = calloc(1, sizeof(*in));
        int r;

        if (!in)
                return cli_fail_code(s->c, -ENOMEM, NULL);
        in->s = s;
        in->signals = -1;
        cli_escape(prompt, in->prompt, sizeof(in->prompt));
        r = input_take_signals(in);
        if (!r && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !s->c->json)
                r = edit_open(in);
        if (r) {
                shell_input_free(in);
                return cli_fail_code(s->c, r, "terminal");
        }
        *ret_i = in;
        return EXIT_OK;
}

struct shell_input *shell_input_free(struct shell_input *in)
{
        if (!in)
                return NULL;
        if (in->el) {
                history_close(in);
                el_end(in->el);
        }
        capnp_watch_free(in->on_signal);
        if (in->signals >= 0)
                (void)close(in->signals);
        free(in->line);
        free(in);
        return NULL;
}
