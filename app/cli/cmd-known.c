/*
 * `capos known`: the instances whose keys this user knows (lib/client/client-known.c has the file
 * and why it is as it is).
 */
#include "client-known.h"
#include "greet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct known {
        struct cli *c;
        char path[CLIENT_KNOWN_PATH];
        json_t *all;       /* of a list */
        unsigned bad_line; /* the first that cannot be read; 0: none */
};

static int known_init(struct known *k, struct cli *c)
{
        *k = (struct known){.c = c};
        if (client_known_path(k->path, sizeof(k->path)))
                return cli_fail(c, EXIT_FAILED, "failed",
                                "which file? Neither HOME nor XDG_CONFIG_HOME is set");
        return EXIT_OK;
}

static int known_fail(const struct known *k, int r)
{
        if (r == -EPERM)
                return cli_fail(k->c, EXIT_FAILED, "failed",
                                "%s: others can write to it: chmod go-w %s", k->path, k->path);
        return cli_fail_code(k->c, r, k->path);
}

/* The words: HOST:PORT [sha256:…], or capos://HOST:PORT/#sha256:…. fingerprint: "" when there is
 * none. */
static int known_words(const struct known *k, struct capos_address *a, const char **ret_fingerprint)
{
        const struct cli *c = k->c;
        const char *typed = c->nwords > 1 ? c->words[1] : "", *why;

        if (capos_address_parse(c->words[0], CAPOS_ADDRESS_TYPED, a, &why))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: not an address: %s", c->words[0], why);
        if (a->transport == CAPOS_TRANSPORT_UNIX ||
            (a->named && a->transport == CAPOS_TRANSPORT_PLAIN))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: only instances behind TLS show a key: HOST:PORT", c->words[0]);
        if (*typed && !capos_fingerprint_check(typed, strlen(typed)))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: no fingerprint: sha256: and 43 characters", typed);
        if (*typed && *a->pin && strcmp(typed, a->pin) != 0)
                return cli_fail(c, EXIT_USAGE, "usage", "two fingerprints: which one?");

        *ret_fingerprint = *typed ? typed : a->pin;
        return EXIT_OK;
}

/* ---- the commands ------------------------------------------------------------------------- */

static void list_got(void *arg, const struct client_known_entry *e)
{
        struct known *k = arg;

        if (!e->place) {
                k->bad_line = k->bad_line ? k->bad_line : e->line;
                return;
        }
        if (k->all) {
                (void)json_array_append_new(
                        k->all, json_pack("{s:i,s:o,s:s,s:o}", "line", (int)e->line, "place",
                                          cli_json_text(e->place), "fingerprint", e->fingerprint,
                                          "note", cli_json_text(e->rest)));
                return;
        }
        cli_print_safe(e->place);
        printf(" %s ", e->fingerprint);
        cli_print_safe(e->rest);
        printf("\n");
}

int cmd_known_list(struct cli *c)
{
        struct known k;
        int r = known_init(&k, c);

        if (r)
                return r;

        k.all = c->json ? json_array() : NULL;
        r = client_known_each(k.path, list_got, &k);
        if (!r && !k.bad_line)
                return c->json ? cli_print_json(c, json_pack("{s:o}", "known", k.all)) : EXIT_OK;

        json_decref(k.all);
        if (r)
                return known_fail(&k, r);
        return cli_fail(c, EXIT_FAILED, "unreadable",
                        "%s, line %u: this is no known instance (HOST:PORT sha256:…): mend or "
                        "remove it",
                        k.path, k.bad_line);
}

int cmd_known_add(struct cli *c)
{
        char note[CLIENT_KNOWN_LINE / 2] = "";
        const char *fingerprint;
        struct capos_address a;
        struct known k;
        int r = known_init(&k, c);

        if (!r)
                r = known_words(&k, &a, &fingerprint);
        if (r)
                return r;
        if (!*fingerprint)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "which key? `capos cert show` there has its fingerprint: capos "
                                "known add %s sha256:…",
                                a.where);

        for (unsigned i = 2; i < c->nwords; i++)
                (void)snprintf(note + strlen(note), sizeof(note) - strlen(note), "%s%s",
                               i > 2 ? " " : "", c->words[i]);
        r = client_known_add(k.path, a.where, fingerprint, note);
        return r && r != -EEXIST ? known_fail(&k, r) : EXIT_OK;
}

int cmd_known_remove(struct cli *c)
{
        const char *fingerprint;
        struct capos_address a;
        struct known k;
        unsigned n = 0;
        int r = known_init(&k, c);

        if (!r)
                r = known_words(&k, &a, &fingerprint);
        if (r)
                return r;

        r = client_known_remove(k.path, a.where, *fingerprint ? fingerprint : NULL, &n);
        if (r)
                return known_fail(&k, r);
        if (!n)
                return cli_fail(c, EXIT_FAILED, "not-known", "%s is not in %s", a.where, k.path);
        return EXIT_OK;
}
