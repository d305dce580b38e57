/*
 * Completion: `capos __complete WORD...` prints the candidates for the last word, one a line. The
 * shell's part (pkg/completion/capos) is a few lines; everything it needs to know is here, in the
 * same tables that the commands are read from, and in the agents.
 *
 * A Tab must never hang or complain: what cannot be found out is left out.
 */
#include "runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void offer(const char *candidate, const char *word)
{
        if (!strncmp(candidate, word, strlen(word)))
                printf("%s\n", candidate);
}

static void offer_options(const struct cli_option *o, const char *word)
{
        char name[64];

        for (; o && o->name; o++) {
                (void)snprintf(name, sizeof(name), "--%s", o->name);
                offer(name, word);
        }
}

/* Words of a command's name that follow those that are there. */
static void offer_commands(struct cli *c, const char *so_far, const char *word)
{
        size_t len = strlen(so_far);
        char next[64], last[64] = "";

        for (const struct cli_command *k = c->commands; k->name; k++) {
                const char *rest = k->name + len;

                if (k->hidden || strncmp(k->name, so_far, len) != 0 || (len && *rest != ' '))
                        continue;
                rest += strspn(rest, " ");
                (void)snprintf(next, sizeof(next), "%.*s", (int)strcspn(rest, " "), rest);
                if (*next && strcmp(next, last) != 0)
                        offer(next, word);
                (void)snprintf(last, sizeof(last), "%s", next);
        }
}

static void offer_sessions(struct cli *c, const char *word)
{
        struct runtime_aliases all;

        if (runtime_list(c, &all))
                return;
        for (unsigned i = 0; i < all.n; i++)
                offer(all.name[i], word);
}

static void offer_caps(struct cli *c, const char *word)
{
        struct capos_cap_entry e;

        if (cli_open_and_fetch(c))
                return;
        for (uint32_t i = 0; capos_client_entry(c->client, i, &e); i++)
                offer(e.name, word);
}

static void offer_methods(struct cli *c, const char *cap, const char *word)
{
        struct capos_cap_entry e;
        struct capnp_method_info m;
        const capnp_schema *s;

        if (cli_open_and_fetch(c) || !capos_client_find(c->client, cap, &e) ||
            capos_client_wait(c->client,
                              capos_client_fetch_schema(c->client, e.interface, NULL, NULL)))
                return;

        s = capos_client_schema_peek(c->client);
        for (uint32_t i = 0; !capnp_schema_method(s, e.interface, i, &m); i++)
                offer(m.name, word);
}

/* What has been typed before the last word. */
struct typed {
        const struct cli_command *command; /* whole; NULL: not yet */
        char name[64];                     /* of the command, as far as it goes */
        const char *words[CLI_WORDS];      /* after it, without options */
        unsigned n;
};

static bool option_takes_value(const struct typed *t, const char *word)
{
        const struct cli_option *tables[] = {t->command ? t->command->options : NULL,
                                             cli_common_options};

        for (unsigned i = 0; i < 2; i++)
                for (const struct cli_option *o = tables[i]; o && o->name; o++)
                        if (o->arg && word[0] == '-' &&
                            ((word[1] == '-' && !strcmp(word + 2, o->name)) ||
                             (o->letter && word[1] == o->letter && !word[2])))
                                return true;
        return false;
}

/* Reads one word that is finished. value: the option it belongs to, or NULL. */
static void typed_add(struct cli *c, struct typed *t, const char *option, const char *word)
{
        char longer[64];

        if (option) {
                if (!strcmp(option, "--session") || !strcmp(option, "-s"))
                        c->session = word;
                if (!strcmp(option, "--runtime"))
                        c->runtime = word;
                return;
        }
        (void)snprintf(longer, sizeof(longer), "%.40s%s%.20s", t->name, *t->name ? " " : "", word);
        if (!t->n && cli_command_is_group(c, longer)) {
                (void)snprintf(t->name, sizeof(t->name), "%s", longer);
                t->command = cli_command_find(c, longer);
                return;
        }
        if (t->n < CLI_WORDS)
                t->words[t->n++] = word;
}

static void complete_word(struct cli *c, struct typed *t, const char *word)
{
        const char *name = t->command ? t->command->name : "";

        if (*word == '-') {
                offer_options(t->command ? t->command->options : NULL, word);
                offer_options(cli_common_options, word);
                return;
        }
        if (!t->n)
                offer_commands(c, t->name, word);
        if (!strcmp(name, "call") || !strcmp(name, "describe")) {
                if (t->n == 0)
                        offer_caps(c, word);
                if (t->n == 1)
                        offer_methods(c, t->words[0], word);
        }
}

int cmd_complete(struct cli *c)
{
        struct typed t = {0};
        const char *option = NULL, *word = c->nwords ? c->words[c->nwords - 1] : "";
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        /* Nobody wants to read complaints in the middle of a command line. */
        if (null >= 0)
                (void)dup2(null, STDERR_FILENO);
        for (unsigned i = 0; i + 1 < c->nwords; i++) {
                const char *w = c->words[i];

                if (!option && *w == '-') {
                        option = option_takes_value(&t, w) ? w : NULL;
                        continue;
                }
                typed_add(c, &t, option, w);
                option = NULL;
        }
        if (option && (!strcmp(option, "--session") || !strcmp(option, "-s")))
                offer_sessions(c, word);
        else if (!option)
                complete_word(c, &t, word);
        return EXIT_OK;
}
