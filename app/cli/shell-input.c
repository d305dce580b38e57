/*
 * Lines for `capos shell`: typed, or from a pipe or a file.
 *
 * A line is edited by libedit, which asks for a key at a time. While it waits for one the vat runs,
 * so what others say comes in meanwhile: it is printed above the line that is being typed. Signals
 * come as input, too. Ctrl-C gives the line up, or what is waited for, and never the shell; one
 * that ends us ends the loop, and the terminal is given back on the way out.
 *
 * What is typed is kept in a file for its user alone, but not a line that begins with a space, and
 * only until the end where lines are not the shell's own (`capos ui`).
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

enum { HISTORY_LINES = 1000, READ_BYTES = 4096 };

struct shell_input {
        struct shell *s;
        EditLine *el; /* NULL: nobody types */
        History *history;
        char history_file[512]; /* "": none */
        char prompt[160], usage[400];
        char bytes[READ_BYTES]; /* read, and not yet taken */
        size_t at, len;
        bool readable, is_file, ended, editing;
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

/* Runs the vat until there is input. false: interrupted, or at an end. */
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
        while (!in->readable && !in->s->interrupted && !in->s->ending)
                if (capnp_vat_run(in->s->c->vat))
                        break;
        capnp_watch_free(w);
        return in->readable;
}

/* 1: a byte; 0: the end; -1: interrupted. */
static int input_byte(struct shell_input *in, char *ret)
{
        while (in->at == in->len) {
                ssize_t n;

                if (!input_wait(in))
                        return in->s->ending ? 0 : -1;
                n = read(STDIN_FILENO, in->bytes, sizeof(in->bytes));
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return 0;
                in->at = 0;
                in->len = (size_t)n;
        }
        *ret = in->bytes[in->at++];
        return 1;
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
        (void)el_cursor(in->el, (int)(l->lastchar - l->cursor));
        l = el_line(in->el);
        el_deletestr(in->el, (int)(l->cursor - l->buffer));
        printf("^C");
        *ret = L'\n';
        return 1;
}

static int key_get(EditLine *el, wchar_t *ret)
{
        struct shell_input *in = input_of(el);
        mbstate_t state = {0};

        for (;;) {
                char byte;
                int r = input_byte(in, &byte);
                size_t n;

                if (r < 0)
                        return key_give_up(in, ret);
                if (!r)
                        return 0;
                n = mbrtowc(ret, &byte, 1, &state);
                if (n == (size_t)-1) { /* no character: not for the line */
                        state = (mbstate_t){0};
                        continue;
                }
                if (n != (size_t)-2)
                        return 1;
        }
}

static char *prompt_get(EditLine *el)
{
        return input_of(el)->prompt;
}

/* On the right: how what is being typed is called, dimmed; \1 encloses what takes no place. */
static char *usage_get(EditLine *el)
{
        struct shell_input *in = input_of(el);
        const LineInfo *l = el_line(el);
        char line[1024], how[300], text[300];
        struct winsize size = {0};
        size_t room, used = (size_t)(l->lastchar - l->buffer);

        in->usage[0] = '\0';
        (void)snprintf(line, sizeof(line), "%.*s", (int)(l->cursor - l->buffer), l->buffer);
        shell_usage(in->s, line, how, sizeof(how));
        cli_escape(how, text, sizeof(text));
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        room = size.ws_col > strlen(in->prompt) + used + 8
                       ? size.ws_col - strlen(in->prompt) - used - 8
                       : 0;
        if (*text && room >= 16) {
                if (strlen(text) > room)
                        (void)snprintf(text + room - 3, sizeof(text) - room + 3, "...");
                (void)snprintf(in->usage, sizeof(in->usage), "\1\033[2m\1%s\1\033[0m\1", text);
        }
        return in->usage;
}

/* What Tab offers: what all have in common goes into the line, the rest is shown. */
struct offers {
        const char *typed;
        char common[256];
        unsigned n;
        char shown[4096];
        size_t len;
};

static void offers_add(void *arg, const char *word)
{
        struct offers *o = arg;
        size_t same = 0;

        if (strncmp(word, o->typed, strlen(o->typed)) != 0)
                return;
        if (!o->n++)
                (void)snprintf(o->common, sizeof(o->common), "%s", word);
        while (o->common[same] && o->common[same] == word[same])
                same++;
        o->common[same] = '\0';
        if (o->len < sizeof(o->shown))
                o->len += (size_t)snprintf(o->shown + o->len, sizeof(o->shown) - o->len, "%s  ",
                                           word);
}

static unsigned char key_complete(EditLine *el, int ch)
{
        struct shell_input *in = input_of(el);
        const LineInfo *l = el_line(el);
        char line[1024];
        struct offers o = {.n = 0};
        size_t typed;

        (void)ch;
        (void)snprintf(line, sizeof(line), "%.*s", (int)(l->cursor - l->buffer), l->buffer);
        o.typed = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line;
        typed = strlen(o.typed);
        shell_complete(in->s, line, offers_add, &o);
        if (!o.n)
                return CC_REFRESH_BEEP;
        if (strlen(o.common) > typed) {
                if (el_insertstr(el, o.common + typed))
                        return CC_ERROR;
                if (o.n == 1 && !strchr("=.", o.common[strlen(o.common) - 1]))
                        (void)el_insertstr(el, " ");
                return CC_REFRESH;
        }
        if (o.n == 1)
                return CC_REFRESH;
        (void)putchar('\n');
        cli_print_safe(o.shown);
        (void)putchar('\n');
        return CC_REDISPLAY;
}

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
        in->el = el_init("capos", stdin, stdout, stderr);
        if (!in->el)
                return -ENOMEM;
        history_open(in);
        (void)el_set(in->el, EL_CLIENTDATA, in);
        (void)el_set(in->el, EL_EDITOR, "emacs");
        (void)el_set(in->el, EL_SIGNAL, 0);
        (void)el_set(in->el, EL_PROMPT, prompt_get);
        (void)el_set(in->el, EL_RPROMPT_ESC, usage_get, '\1');
        (void)el_set(in->el, EL_ADDFN, "capos-complete", "Complete", key_complete);
        (void)el_set(in->el, EL_BIND, "^I", "capos-complete", NULL);
        (void)el_wset(in->el, EL_GETCFN, key_get);
        if (in->history)
                (void)el_set(in->el, EL_HIST, history, in->history);
        return 0;
}

static const char *typed_line(struct shell_input *in)
{
        const char *line;
        HistEvent e;
        int n = 0;

        in->s->interrupted = false; /* what comes from now on is for what will be typed */
        in->editing = true;
        line = el_gets(in->el, &n);
        in->editing = false;
        if (!line || n <= 0 || in->s->ending) {
                (void)putchar('\n');
                return NULL;
        }
        free(in->line);
        in->line = strndup(line, line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n);
        if (in->line && *in->line && *in->line != ' ' && in->history)
                (void)history(in->history, &e, H_ENTER, in->line);
        return in->line;
}

/* ---- a script -------------------------------------------------------------------------------- */

static const char *script_line(struct shell_input *in)
{
        size_t len = 0;
        int r = 0;

        if (!in->line)
                in->line = malloc(SHELL_LINE);
        if (!in->line || in->ended)
                return NULL;
        in->s->interrupted = false;
        while (len < SHELL_LINE - 1) {
                r = input_byte(in, &in->line[len]);
                if (r <= 0 || in->line[len] == '\n')
                        break;
                len++;
        }
        in->line[len] = '\0';
        in->ended = r <= 0;
        if (r < 0)
                in->s->ending = true;
        in->number++;
        return (in->ended && !len) || in->s->ending ? NULL : in->line;
}

/* ---- both ------------------------------------------------------------------------------------ */

const char *shell_input_line(struct shell_input *in)
{
        return in->el ? typed_line(in) : script_line(in);
}

bool shell_input_is_typed(const struct shell_input *in)
{
        return in->el != NULL;
}

unsigned shell_input_number(const struct shell_input *in)
{
        return in->number;
}

void shell_input_hide(struct shell_input *in)
{
        if (in->editing)
                printf("\r\033[K");
}

void shell_input_show(struct shell_input *in)
{
        (void)fflush(stdout);
        if (in->editing)
                (void)el_set(in->el, EL_REFRESH);
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
