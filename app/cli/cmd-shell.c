/*
 * `capos shell`: one session, line by line: calls by name, names for what they return, and calls on
 * these before they have returned.
 *
 * A line that begins with a dot is for the shell, or any command of `capos`, which then has this
 * session: `.caps`, `.describe chat`. That is a process of its own, so it is as it always is, and
 * Ctrl-C ends it and not the shell; what has a name here it does not know.
 *
 * Without a terminal the lines are a script's: no prompt, and the first that fails ends it, with
 * its number and that command's exit code.
 */
#include "params.h"
#include "shell.h"
#include "transcript.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- commands in processes of their own ------------------------------------------------------ */

static void child_on_end(void *arg, uint32_t events)
{
        struct shell *s = arg;

        (void)events;
        capnp_vat_stop(s->c->vat);
}

/* Runs the vat until a child has ended. Its exit code. */
static int child_wait(struct shell *s, pid_t pid)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
        capnp_watch *w = NULL;

        if (fd >= 0 && !capnp_watch_new(s->c->vat, fd, EPOLLIN, child_on_end, s, &w))
                while (waitpid(pid, &status, WNOHANG) == 0)
                        if (capnp_vat_run(s->c->vat))
                                break;
        capnp_watch_free(w);
        if (fd >= 0)
                (void)close(fd);
        else
                (void)waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* One of them: its words, its standard input (-1: ours), and where it tells that it has asked for a
 * secret. */
struct child {
        const char *const *words;
        unsigned n;
        char last[300]; /* one word more; "": none */
        int input, asked;
};

/* In the child. */
static void child_exec(const struct shell *s, const struct child *k)
{
        const char *argv[CLI_WORDS + 8];
        char asked[16];
        unsigned i = 0;
        sigset_t none;

        argv[i++] = "capos";
        if (*s->c->login) {
                argv[i++] = "--session";
                argv[i++] = s->c->login;
        }
        if (s->c->json)
                argv[i++] = "--json";
        for (unsigned w = 0; w < k->n; w++)
                argv[i++] = k->words[w];
        if (*k->last)
                argv[i++] = k->last;
        argv[i] = NULL;
        (void)snprintf(asked, sizeof(asked), "%d", k->asked);
        if (k->asked >= 0 && !fcntl(k->asked, F_SETFD, 0))
                (void)setenv(CLI_SECRET_FD, asked, 1);
        if (k->input >= 0)
                (void)dup2(k->input, STDIN_FILENO);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)execv("/proc/self/exe", (char **)(uintptr_t)argv);
        _exit(EXIT_FAILED);
}

/* What a child reads: the lines behind `<<END` or `FIELD=<<END`, nothing where lines are a
 * script's, which are not its own, and else what we do. An exit code. */
static int child_input(struct shell *s, struct child *k)
{
        const char *last = k->words[k->n - 1], *at = strstr(last, "<<");
        int before = at && (at == last || at[-1] == '=') ? (int)(at - last) : -1;
        char *p = NULL;
        size_t len = 0;
        int r = EXIT_OK;

        k->input = -1;
        if (before < 0 || before + 3 > (int)sizeof(k->last) || !params_block_name(at + 2) ||
            k->n == 1) {
                if (!shell_input_is_typed(s->input))
                        k->input = open("/dev/null", O_RDONLY | O_CLOEXEC);
                return EXIT_OK;
        }
        k->n--;
        if (before)
                (void)snprintf(k->last, sizeof(k->last), "%.*s@-", before, last);
        r = shell_input_block(s->input, at + 2, &p, &len);
        if (r)
                return r;
        k->input = memfd_create("lines", MFD_CLOEXEC);
        if (k->input < 0 || write(k->input, p, len) != (ssize_t)len ||
            lseek(k->input, 0, SEEK_SET) < 0)
                r = cli_fail_code(s->c, -errno, last);
        explicit_bzero(p, len);
        free(p);
        return r;
}

static int child_run(struct shell *s, struct child *k)
{
        int asked[2];
        char word;
        pid_t pid;
        int r;

        if (pipe2(asked, O_CLOEXEC | O_NONBLOCK) < 0)
                return cli_fail_code(s->c, -errno, k->words[0]);
        k->asked = asked[1];
        (void)fflush(stdout);
        pid = fork();
        if (!pid)
                child_exec(s, k);
        if (pid > 0 && shell_input_is_typed(s->input))
                shell_listen_hold(s);
        r = pid < 0 ? cli_fail_code(s->c, -errno, k->words[0]) : child_wait(s, pid);
        shell_listen_release(s);
        s->secret |= read(asked[0], &word, 1) > 0;
        (void)close(asked[0]);
        (void)close(asked[1]);
        return r;
}

static int command_run(struct shell *s, const char *const *words, unsigned n)
{
        struct child k = {.words = words, .n = n};
        int r;

        if (!strcmp(words[0], "shell"))
                return cli_fail(s->c, EXIT_USAGE, "usage", "this is the shell");
        r = child_input(s, &k);
        if (!r)
                r = child_run(s, &k);
        if (k.input >= 0)
                (void)close(k.input);
        return r;
}

/* ---- commands of the shell's own ------------------------------------------------------------- */

static int own_help(struct shell *s, const char *const *words, unsigned n)
{
        (void)s;
        (void)words;
        (void)n;
        printf("  CAP.METHOD FIELD=VALUE...     call, and print what it returns\n"
               "  $x = CAP.METHOD ...           call, and go on: $x is what it returns\n"
               "  $x.FIELD.METHOD ...           call a reference in it, also before it is there\n"
               "  $x = CAP                      a name for a reference\n"
               "  FIELD=$x.FIELD                pass a reference\n"
               "  $x                            what it stands for; $_ is the last result\n"
               "  .refs                         all names\n"
               "  .drop $x...                   let go of names\n"
               "  .wait [DURATION]              until all has returned, or so long\n"
               "  .trace, .trace off            show each call and answer as it goes by\n"
               "  FIELD=<<END, or <<END alone   the lines that follow, up to one that is END\n"
               "  .caps .describe CAP .ui CAP   any command of `capos`, with this session\n"
               "  .whoami .sessions .renew      what the session is, and makes of itself:\n"
               "  .logout                         `session` says only who it is\n"
               "  .quit                         leave; the login stays\n"
               "Parameters are as for `capos call` (`capos call --help`). Tab completes.\n");
        return EXIT_OK;
}

static int own_refs(struct shell *s, const char *const *words, unsigned n)
{
        (void)words;
        (void)n;
        for (unsigned i = 0; i < s->nrefs; i++) {
                const struct shell_ref *r = s->refs[i];
                const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(s->c->client),
                                                        r->q ? r->m.interface : r->interface);

                printf("  $%-16s ", r->name);
                cli_print_safe(d ? capnp_decl_name(d) : "?");
                if (r->q) {
                        printf(".%s", r->m.name);
                        printf("%s", !capnp_question_is_done(r->q) ? ", not returned yet"
                                     : capnp_question_result(r->q) ? ", failed"
                                                                   : "");
                }
                (void)putchar('\n');
        }
        return EXIT_OK;
}

static int own_drop(struct shell *s, const char *const *words, unsigned n)
{
        int result = EXIT_OK;

        for (unsigned i = 0; i < n; i++) {
                const char *name = words[i] + (*words[i] == '$');
                struct shell_ref *r = shell_ref_find(s, name, strcspn(name, "."));

                if (r)
                        shell_ref_drop(s, r);
                else
                        result = cli_fail(s->c, EXIT_USAGE, "unknown-reference",
                                          "$%s: nothing has this name", name);
        }
        return n ? result : cli_fail(s->c, EXIT_USAGE, "usage", ".drop which? (`.refs`)");
}

static int own_wait(struct shell *s, const char *const *words, unsigned n)
{
        uint64_t ms;

        if (!n) {
                shell_wait_all(s);
                return s->result;
        }
        if (!cli_parse_duration(words[0], &ms) || ms > UINT32_MAX)
                return cli_fail(s->c, EXIT_USAGE, "usage", "%s: is no duration (10s, 500ms)",
                                words[0]);
        shell_wait_for(s, ms);
        return EXIT_OK;
}

static int own_quit(struct shell *s, const char *const *words, unsigned n)
{
        (void)words;
        (void)n;
        s->ending = true;
        return EXIT_OK;
}

static const struct {
        const char *name;
        int (*run)(struct shell *s, const char *const *words, unsigned n);
} own[] = {
        {"help", own_help}, {"refs", own_refs},     {"drop", own_drop}, {"wait", own_wait},
        {"quit", own_quit}, {"trace", shell_trace}, {"exit", own_quit},
};

static int command_do(struct shell *s, const char *line)
{
        const char *words[CLI_WORDS];
        char *store = malloc(strlen(line) + 1);
        unsigned n;
        int r = EXIT_USAGE;

        if (!store)
                return cli_fail_code(s->c, -ENOMEM, NULL);
        if (!shell_words(line, store, words, &n) || !n) {
                r = cli_fail(s->c, EXIT_USAGE, "usage", ".%s: is no command (`.help`)", line);
                free(store);
                return r;
        }
        for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                if (!strcmp(words[0], own[i].name)) {
                        r = own[i].run(s, words + 1, n - 1);
                        free(store);
                        return r;
                }
        r = command_run(s, words, n);
        free(store);
        return r;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Lines that follow, for a parameter of this one. */
static int shell_block(void *arg, const char *end, char **ret_p, size_t *ret_len)
{
        struct shell *s = arg;

        return shell_input_block(s->input, end, ret_p, ret_len);
}

static void shell_line(struct shell *s, const char *line)
{
        int r = EXIT_OK;

        s->secret = false;
        while (isspace((unsigned char)*line))
                line++;
        if (!*line || *line == '#')
                return;
        if (*line == '.')
                r = command_do(s, line + 1);
        else
                shell_do(s, line);
        if (r)
                s->result = r;
        (void)cli_finish(s->c, EXIT_OK);
}

static void shell_on_end(capnp_conn *conn, void *arg)
{
        struct shell *s = arg;

        (void)conn;
        if (!s->ending) {
                shell_input_hide(s->input);
                s->result = cli_fail(s->c, EXIT_NO_CONNECTION, "no-session", "the login %s is over",
                                     s->c->login);
        }
        s->ending = true;
        capnp_vat_stop(s->c->vat);
}

static void shell_loop(struct shell *s)
{
        bool typed = shell_input_is_typed(s->input);
        const char *read;

        while (!s->ending && (read = shell_input_line(s->input))) {
                /* It may be followed by lines of its own. */
                char *line = strdup(read);

                s->number = shell_input_number(s->input);
                s->result = typed ? EXIT_OK : s->result;
                if (line)
                        shell_line(s, line);
                else
                        s->result = cli_fail_code(s->c, -ENOMEM, NULL);
                if (line && !s->secret)
                        shell_input_keep(s->input, line);
                free(line);
                if (!typed && s->result)
                        return;
        }
        if (!typed && !s->ending)
                shell_wait_all(s);
        else if (typed && !s->ending)
                s->result = EXIT_OK;
}

int cmd_shell(struct cli *c)
{
        struct shell s = {.c = c};
        char prompt[160];
        int r = cli_open_and_fetch(c);

        if (r)
                return r;
        c->stays = true;
        (void)snprintf(prompt, sizeof(prompt), "%.150s> ", c->login);
        r = shell_input_new(&s, prompt, &s.input);
        if (r)
                return r;

        if (shell_input_is_typed(s.input))
                printf("`.help` says what can be typed, `.quit` leaves.\n");
        c->block = shell_block;
        c->block_arg = &s;
        capnp_conn_on_close(c->conn, shell_on_end, &s);
        shell_back_begin(&s);
        shell_loop(&s);
        if (!shell_input_is_typed(s.input) && s.result)
                (void)fprintf(stderr, "capos: line %u ends the script, with exit code %d\n",
                              s.failed ? s.failed : s.number, s.result);
        capnp_conn_on_close(c->conn, NULL, NULL);
        transcript_tell(c, NULL, NULL);
        back_end(&s.back);
        shell_asks_drop(&s);
        shell_refs_drop_all(&s);
        shell_held_drop(&s);
        s.input = shell_input_free(s.input);
        return s.result;
}
