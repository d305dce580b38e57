/*
 * A line of `capos shell` as words: between spaces, with quotes, and JSON as it is; and which words
 * are commands.
 */
#include "shell.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const shell_own[] = {"drop", "exit", "help", "quit", "refs", "trace", "wait", NULL};

size_t shell_name_length(const char *p)
{
        size_t n = 0;

        while (isalnum((unsigned char)p[n]) || p[n] == '_')
                n++;
        return n;
}

/* One word, from *p on to *to; both move. false: a quote has no end. */
static bool word_take(const char **p, char **to)
{
        char quote = 0;

        for (; **p && (quote || !isspace((unsigned char)**p)); (*p)++) {
                if (quote ? **p == quote : **p == '"' || **p == '\'') {
                        quote = quote ? 0 : **p;
                        continue;
                }
                if (**p == '\\' && quote != '\'' && (*p)[1])
                        (*p)++;
                *(*to)++ = **p;
        }
        *(*to)++ = '\0';
        return !quote;
}

bool shell_words(const char *line, char *store, const char *words[static CLI_WORDS],
                 unsigned *ret_n)
{
        const char *p = line;
        char *to = store;

        *ret_n = 0;
        for (;;) {
                while (isspace((unsigned char)*p))
                        p++;
                if (!*p)
                        return true;
                if (*ret_n == CLI_WORDS)
                        return false;
                words[(*ret_n)++] = to;
                if (*p == '{') {
                        memcpy(to, p, strlen(p) + 1);
                        return true;
                }
                if (!word_take(&p, &to))
                        return false;
        }
}

static bool is_own(const char *word)
{
        for (const char *const *o = shell_own; *o; o++)
                if (!strcmp(*o, word))
                        return true;
        return false;
}

const char *shell_dot_text(const struct shell *s, const char *word, char *to, size_t room)
{
        bool is_program = !strcmp(word, "capos");

        to[0] = '\0';
        if (is_program || is_own(word) || cli_command_find(s->c, word) ||
            cli_command_is_group(s->c, word))
                (void)snprintf(to, room, " (a command has a dot in front: `.%s`)",
                               is_program ? "caps" : word);
        return to;
}
