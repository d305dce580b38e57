/*
 * `capos up`: the instance in the foreground, which is capos-caposd in this process's place. It is
 * looked for beside this program, as it is built, and where it is installed. `capos manifest` is
 * answered by the same program, for it is the one that reads manifests.
 *
 * Who starts an instance knows it: caposd is told in which file that is kept. With --demo it is
 * demo.c's.
 */
#include "become.h"
#include "client-known.h"
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_up(struct cli *c)
{
        const char *argv[8 + 2 * CLI_LISTENS] = {"capos-caposd"},
                                 *state = secure_getenv("CAPOS_STATE");
        char known[CLIENT_KNOWN_PATH];
        int n = 1;

        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "up prints no JSON: `capos status --json` says where it listens");
        if (c->demo)
                return demo_run(c);
        if (c->state || (state && *state)) {
                argv[n++] = "--state";
                argv[n++] = c->state ? c->state : state;
        }
        for (unsigned i = 0; i < c->nlistens; i++) {
                argv[n++] = "--listen";
                argv[n++] = c->listens[i];
        }
        if (c->manifest) {
                argv[n++] = "--manifest";
                argv[n++] = c->manifest;
        }
        if (!client_known_path(known, sizeof(known))) {
                argv[n++] = "--known";
                argv[n++] = known;
        }
        return become(c, argv);
}

/* Has caposd look at a manifest; file NULL: the built-in one. */
static int manifest_exec(struct cli *c, const char *how, const char *file)
{
        const char *argv[6] = {"capos-caposd", how};
        int n = 2;

        if (c->json)
                argv[n++] = "--json";
        if (file) {
                argv[n++] = "--manifest";
                argv[n++] = file;
        }
        return become(c, argv);
}

int cmd_manifest_show(struct cli *c)
{
        return manifest_exec(c, "--show", NULL);
}

int cmd_manifest_check(struct cli *c)
{
        return manifest_exec(c, "--check", c->nwords ? c->words[0] : NULL);
}

/* What caposd hands on to the session manager. */
struct login_args {
        char text[8][300];
        const char *argv[24];
        int n, ntext;
};

static void login_arg(struct login_args *a, const char *name, const char *value)
{
        char *to = a->text[a->ntext++];

        (void)snprintf(to, sizeof(a->text[0]), "--login=--%s%s%s", name, *value ? "=" : "", value);
        a->argv[a->n++] = to;
}

/* What a login would come to. */
static int login_explain(struct cli *c, const char *file)
{
        const char *state = c->state ? c->state : secure_getenv("CAPOS_STATE");
        struct login_args a = {.argv = {"capos-caposd"}, .n = 1};
        const struct {
                const char *name, *value;
        } texts[] = {{"account", c->account},
                     {"method", c->method},
                     {"profile", c->profile},
                     {"from", c->from},
                     {"profiles", c->supposed}};

        if (!c->method)
                return cli_fail(c, EXIT_USAGE, "usage", "--method METHOD: how it logs in");
        for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                if (texts[i].value)
                        login_arg(&a, texts[i].name, texts[i].value);
        if (c->service_account)
                login_arg(&a, "service-account", "");
        if (c->server_key)
                login_arg(&a, "server-key", "");
        if (c->touched)
                login_arg(&a, "touched", "");
        if (c->json)
                a.argv[a.n++] = "--json";
        if (state && *state) {
                a.argv[a.n++] = "--state";
                a.argv[a.n++] = state;
        }
        if (file) {
                a.argv[a.n++] = "--manifest";
                a.argv[a.n++] = file;
        }
        return become(c, a.argv);
}

int cmd_manifest_explain(struct cli *c)
{
        const char *what = c->nwords ? c->words[0] : "";
        char field[256];

        if (c->method || c->account)
                return login_explain(c, *what ? what : NULL);

        if (!c->nwords || strchr(what, '/') || access(what, F_OK) == 0)
                return manifest_exec(c, "--explain", *what ? what : NULL);
        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage", "what a field means is text, not JSON");
        (void)snprintf(field, sizeof(field), "--explain=%s", what);
        return become(c, (const char *[]){"capos-caposd", field, NULL});
}
