/*
 * The command line: `capos [OPTION]… COMMAND [OPTION]… [WORD]…`. Commands may be two or three words
 * (`account key add`). Options are looked up in the command's table, then in the common one; they
 * may stand anywhere after the command's name, as --name VALUE, --name=VALUE or -n VALUE, and a
 * lone -- ends them.
 *
 * Help and completion are written from the same tables.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

const struct cli_option cli_common_options[] = {
        {"json", 0, NULL, "print JSON, errors included", offsetof(struct cli, json)},
        {"session", 's', "ALIAS", "use this login (default: $CAPOS_SESSION, or the only one)",
         offsetof(struct cli, session)},
        {"runtime", 0, "DIR", "where the agents' sockets are (default: $XDG_RUNTIME_DIR/capos)",
         offsetof(struct cli, runtime)},
        {"help", 'h', NULL, "print this help", offsetof(struct cli, help)},
        {0},
};

static int usage_fail(const struct cli *c, const char *what, const char *word)
{
        return cli_fail(c, EXIT_USAGE, "usage", "%s: %s (see `capos %s%s--help`)", word, what,
                        c->command ? c->command->name : "", c->command ? " " : "");
}

/* The words of a command's name; 0: argv does not begin with them. */
static int command_match(const struct cli_command *k, int argc, char **argv)
{
        const char *name = k->name;
        int n = 0;
        size_t len;

        while (*name) {
                len = strcspn(name, " ");
                if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], name, len) != 0)
                        return 0;
                n++;
                name += len;
                name += strspn(name, " ");
        }
        return n;
}

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
                return usage_fail(c, "no such option", word) ? -1 : 0;
        if (!o->arg && value)
                return usage_fail(c, "takes no value", word) ? -1 : 0;
        if (o->arg && !value && i + 1 >= argc)
                return usage_fail(c, "needs a value", word) ? -1 : 0;

        option_set(c, o, value ? value : argv[i + 1]);
        return o->arg && !value ? 1 : 0;
}

/* Options before the command; then its name. The index of what follows; -1: said why. */
static int command_read(struct cli *c, int argc, char **argv)
{
        int i = 1, n, best = 0;

        for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
                n = option_read(c, argc, argv, i);
                if (n < 0)
                        return -1;
                i += n;
        }
        for (const struct cli_command *k = cli_commands; i < argc && k->name; k++) {
                n = command_match(k, argc - i, argv + i);
                if (n > best) {
                        best = n;
                        c->command = k;
                }
        }
        if (c->command || i >= argc)
                return i + best;
        (void)usage_fail(c, "no such command", argv[i]);
        return -1;
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
        if (c->help || !c->command)
                return EXIT_OK;
        if (c->nwords < c->command->min_words)
                return usage_fail(c, "something is missing", c->command->name);
        if (c->nwords > c->command->max_words)
                return usage_fail(c, "one word too many", c->words[c->command->max_words]);
        return EXIT_OK;
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

static void commands_print(void)
{
        for (const struct cli_command *k = cli_commands; k->name; k++)
                if (!k->hidden)
                        printf("  %-20s %s\n", k->name, k->brief);
}

void cli_print_help(const struct cli_command *k)
{
        if (!k) {
                printf("usage: capos COMMAND [OPTION]... [WORD]...\n\n"
                       "Log in to capOS instances and use what they grant.\n\n");
                commands_print();
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
