/*
 * The command line: `capos [OPTION]… COMMAND [OPTION]… [WORD]…`. Commands may be two or three words
 * (`account key add`). Options are looked up in the command's table, then in the common one; they
 * may stand anywhere after the command's name, as --name VALUE, --name=VALUE or -n VALUE, and a
 * lone -- ends them.
 *
 * Words that begin some commands and are none themselves (`account`, `account key`) are a group: it
 * answers with its commands.
 *
 * Help and completion are written from the same tables.
 */
#include "cli-near.h"
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64, NAME_WORDS = 3, HELP_COLUMN = 20 };

const struct cli_option cli_common_options[] = {
        {"json", 0, NULL, "print JSON, errors included", offsetof(struct cli, json)},
        {"session", 's', "ALIAS", "use this login (default: $CAPOS_SESSION, or the only one)",
         offsetof(struct cli, session)},
        {"timeout", 0, "TIME",
         "give up waiting after this: 20, 90s, 2m (default: 15 s to be answered at all)",
         offsetof(struct cli, timeout)},
        {"runtime", 0, "DIR", "where the agents' sockets are (default: $XDG_RUNTIME_DIR/capos)",
         offsetof(struct cli, runtime)},
        {"transcript", 0, "FILE", "note each call, without its content, in a new file",
         offsetof(struct cli, transcript)},
        {"help", 'h', NULL, "print this help", offsetof(struct cli, help)},
        {"version", 'V', NULL, "print the version", offsetof(struct cli, version)},
        {0},
};

static int usage_fail(const struct cli *c, const char *what, const char *word)
{
        return cli_fail(c, EXIT_USAGE, "usage", "%s: %s (see `capos %s%s--help`)", word, what,
                        c->command ? c->command->name : "", c->command ? " " : "");
}

bool cli_parse_duration(const char *s, uint64_t *ret_ms)
{
        static const struct {
                const char *unit;
                uint64_t ms;
        } units[] = {{"", 1000},     {"s", 1000},    {"ms", 1},      {"m", 60000},
                     {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
        char *end;
        unsigned long long v;

        errno = 0;
        v = strtoull(s, &end, 10);
        for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (end == s || errno || *s < '0' || *s > '9' || strcmp(end, units[i].unit) != 0 ||
                    v > UINT64_MAX / 2 / units[i].ms)
                        continue;
                *ret_ms = v * units[i].ms;
                return true;
        }
        return false;
}

/* ---- names of commands -------------------------------------------------------------------- */

/* The first words of an argument list, with one space between: at most as many as a name has. */
static void name_join(char *to, size_t room, const char *const *words, int n)
{
        size_t len = 0;

        to[0] = 0;
        for (int i = 0; i < n && len < room; i++)
                len += (size_t)snprintf(to + len, room - len, "%s%s", i ? " " : "", words[i]);
}

/* Whether name is prefix, or goes on after it with a further word. */
static bool name_is_in(const char *name, const char *prefix)
{
        size_t len = strlen(prefix);

        return !strncmp(name, prefix, len) && (!name[len] || name[len] == ' ');
}

const struct cli_command *cli_command_find(const struct cli *c, const char *name)
{
        for (const struct cli_command *k = c->commands; k->name; k++)
                if (!strcmp(k->name, name))
                        return k;
        return NULL;
}

bool cli_command_is_group(const struct cli *c, const char *name)
{
        for (const struct cli_command *k = c->commands; k->name; k++)
                if (!k->hidden && name_is_in(k->name, name))
                        return true;
        return false;
}

/* What stands at the beginning of words: the longest command, else the longest group. How many
 * words that are; 0: neither. */
static int name_read(struct cli *c, const char *const *words, int n)
{
        char name[NAME_BYTES];

        for (int len = n < NAME_WORDS ? n : NAME_WORDS; len > 0; len--) {
                name_join(name, sizeof(name), words, len);
                c->command = cli_command_find(c, name);
                if (c->command)
                        return len;
                if (cli_command_is_group(c, name)) {
                        (void)snprintf(c->group, sizeof(c->group), "%s", name);
                        return len;
                }
        }
        return 0;
}

/* Offers all commands, and the groups that they are in. */
static void commands_offer(const struct cli *c, struct cli_near *near)
{
        char group[NAME_BYTES];

        for (const struct cli_command *k = c->commands; k->name; k++) {
                if (k->hidden)
                        continue;
                cli_near_try(near, k->name);
                for (const char *end = strchr(k->name, ' '); end; end = strchr(end + 1, ' ')) {
                        (void)snprintf(group, sizeof(group), "%.*s", (int)(end - k->name), k->name);
                        cli_near_try(near, group);
                }
        }
}

int cli_fail_command(const struct cli *c, const char *const *words, int n)
{
        char name[NAME_BYTES], hint[2 * NAME_BYTES];
        struct cli_near near = {.word = name};

        for (int len = 1; len <= n && len <= NAME_WORDS; len++) {
                name_join(name, sizeof(name), words, len);
                if (!cli_command_is_group(c, name)) /* right so far: the next word is the one */
                        commands_offer(c, &near);
        }
        name_join(name, sizeof(name), words, n < NAME_WORDS ? n : NAME_WORDS);
        return cli_fail(c, EXIT_USAGE, "usage", "%s: no such command%s; see `capos %s%s--help`",
                        name, cli_near_text(&near, hint, sizeof(hint)), c->group,
                        *c->group ? " " : "");
}

/* ---- options ------------------------------------------------------------------------------ */

static const struct cli_option *option_find(const struct cli_option *o, const char *name,
                                            size_t len, char letter)
{
        for (; o && o->name; o++) {
                if (letter ? o->letter == letter
                           : strlen(o->name) == len && !strncmp(o->name, name, len))
                        return o;
        }
        return NULL;
}

static void option_set(struct cli *c, const struct cli_option *o, const char *value)
{
        char *to = (char *)c + o->offset;

        if (!o->arg) {
                *(bool *)(void *)to = true;
                return;
        }
        *(const char **)(void *)to = value;
        if (o->offset == offsetof(struct cli, profile) && c->nprofiles < CLI_WORDS)
                c->profiles[c->nprofiles++] = value;
        if (o->offset == offsetof(struct cli, listen) && c->nlistens < CLI_LISTENS)
                c->listens[c->nlistens++] = value;
        if (o->offset == offsetof(struct cli, allow) && c->nallows < CLI_ALLOWS)
                c->allows[c->nallows++] = value;
        if (o->offset == offsetof(struct cli, instance) && c->ninstances < CLI_ALLOWS)
                c->instances[c->ninstances++] = value;
}

/* Whether a command has an option, as it was typed. */
static bool option_is_of_any(const struct cli *c, const char *typed)
{
        const char *name = typed + (typed[1] == '-' ? 2 : 1);

        for (const struct cli_command *k = c->commands; k->name; k++)
                if (option_find(k->options, name, strlen(name), typed[1] == '-' ? 0 : typed[1]))
                        return true;

        return false;
}

static int option_unknown(const struct cli *c, const char *word)
{
        const struct cli_option *tables[] = {c->command ? c->command->options : NULL,
                                             cli_common_options};
        char typed[NAME_BYTES], name[NAME_BYTES], text[2 * NAME_BYTES], what[3 * NAME_BYTES];
        struct cli_near near = {.word = typed};

        (void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="), word);
        if (!c->command && option_is_of_any(c, typed))
                return usage_fail(c, "this option goes behind the command", word);
        for (unsigned i = 0; i < 2; i++) {
                for (const struct cli_option *o = tables[i]; o && o->name; o++) {
                        (void)snprintf(name, sizeof(name), "--%s", o->name);
                        cli_near_try(&near, name);
                }
        }
        (void)snprintf(what, sizeof(what), "no such option%s",
                       cli_near_text(&near, text, sizeof(text)));
        return usage_fail(c, what, word);
}

/* One option at argv[i]. How many further words it has eaten; -1: said what is wrong. */
static int option_read(struct cli *c, int argc, char **argv, int i)
{
        const char *word = argv[i], *name = word + (word[1] == '-' ? 2 : 1);
        size_t len = strcspn(name, "=");
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        char letter = word[1] == '-' ? 0 : word[1];
        const struct cli_option *o = NULL;

        if (letter && word[2])
                value = word + 2;
        if (c->command)
                o = option_find(c->command->options, name, len, letter);
        if (!o)
                o = option_find(cli_common_options, name, len, letter);
        if (!o)
                return option_unknown(c, word) ? -1 : 0;
        if (!o->arg && value)
                return usage_fail(c, "takes no value", word) ? -1 : 0;
        if (o->arg && !value && i + 1 >= argc)
                return usage_fail(c, "needs a value", word) ? -1 : 0;

        option_set(c, o, value ? value : argv[i + 1]);
        return o->arg && !value ? 1 : 0;
}

/* ---- the whole line ----------------------------------------------------------------------- */

/* Options before the command; then its name. The index of what follows; -1: said why. */
static int command_read(struct cli *c, int argc, char **argv)
{
        const char *const *words = (const char *const *)argv;
        int i = 1, n;

        for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
                n = option_read(c, argc, argv, i);
                if (n < 0)
                        return -1;
                i += n;
        }
        n = name_read(c, words + i, argc - i);
        if (n || i >= argc)
                return i + n;
        (void)cli_fail_command(c, words + i, argc - i);
        return -1;
}

/* A group and a word that is none of its commands; with options alone it shows what it has. */
static int group_check(struct cli *c)
{
        const char *words[NAME_WORDS + 1] = {c->group};

        if (!c->nwords)
                return EXIT_OK;

        words[1] = c->words[0];
        return cli_fail_command(c, words, 2);
}

static int words_check(struct cli *c)
{
        char what[3 * NAME_BYTES];
        uint64_t ms = 0;

        if (c->timeout && (!cli_parse_duration(c->timeout, &ms) || !ms || ms > INT32_MAX))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: a time is like 20, 90s or 2m",
                                c->timeout);
        c->timeout_ms = (uint32_t)ms;
        if (c->help || c->version)
                return EXIT_OK;
        if (!c->command)
                return group_check(c);
        if (c->nwords < c->command->min_words) {
                (void)snprintf(what, sizeof(what), "something is missing: capos %s %.100s",
                               c->command->name, c->command->args);
                return usage_fail(c, what, c->command->name);
        }
        if (c->nwords > c->command->max_words)
                return usage_fail(c, "one word too many", c->words[c->command->max_words]);
        return EXIT_OK;
}

int cli_parse(struct cli *c, int argc, char **argv)
{
        bool options = true;
        int i, n;

        /* Errors of the command line itself should be JSON already. */
        for (i = 1; i < argc; i++)
                c->json |= !strcmp(argv[i], "--json");
        i = command_read(c, argc, argv);
        if (i < 0)
                return EXIT_USAGE;

        for (; i < argc; i++) {
                if (options && !strcmp(argv[i], "--")) {
                        options = false;
                        continue;
                }
                if (!options || argv[i][0] != '-' || !argv[i][1]) {
                        if (c->nwords == CLI_WORDS)
                                return usage_fail(c, "too many words", argv[i]);
                        c->words[c->nwords++] = argv[i];
                        continue;
                }
                n = option_read(c, argc, argv, i);
                if (n < 0)
                        return EXIT_USAGE;
                i += n;
        }
        return words_check(c);
}

/* ---- help --------------------------------------------------------------------------------- */

static void options_print(const struct cli_option *o)
{
        char left[64];

        for (; o && o->name; o++) {
                (void)snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ",
                               o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
                               o->arg ? " " : "", o->arg ? o->arg : "");
                printf("  %-26s %s\n", left, o->help);
        }
}

static void commands_print(const struct cli *c, const char *group)
{
        for (const struct cli_command *k = c->commands; k->name; k++)
                if (!k->hidden && (!*group || name_is_in(k->name, group)))
                        printf("  %-*s %s\n", HELP_COLUMN, k->name, k->brief);
}

static void help_print_all(const struct cli *c)
{
        printf("usage: capos COMMAND [OPTION]... [WORD]...\n\n"
               "Log in to capOS instances and use what they grant.\n\n");
        commands_print(c, "");
        printf("\nOptions of all commands:\n");
        options_print(cli_common_options);
        printf("\nExamples:\n"
               "  capos up                              start an instance here\n"
               "  capos account add alice               make an account on it\n"
               "  capos login alice@localhost:2327      log in\n"
               "  capos call system_info motd           use a capability\n"
               "  capos logout\n\n"
               "`capos COMMAND --help` tells more of a command; all of it is in capos(1).\n"
               "Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 cannot connect.\n");
}

void cli_print_help(const struct cli *c, const struct cli_command *k, const char *group)
{
        if (!k && *group) {
                printf("usage: capos %s COMMAND [OPTION]... [WORD]...\n\n", group);
                commands_print(c, group);
                printf("\n`capos COMMAND --help` tells more of each.\n");
                return;
        }
        if (!k) {
                help_print_all(c);
                return;
        }
        printf("usage: capos %s%s%s\n\n%s.\n", k->name, *k->args ? " " : "", k->args, k->brief);
        if (k->help)
                printf("\n%s", k->help);
        if (k->options) {
                printf("\nOptions:\n");
                options_print(k->options);
        }
        printf("\nOptions of all commands:\n");
        options_print(cli_common_options);
}
