/*
 * `capos web`: a workspace in a browser, by capos-web in this process's place; `capos desktop`: the
 * same in a window, by capos-desktop. What was typed is judged here, where it can be said well;
 * that program is told what is right already.
 */
#include "become.h"
#include "cli.h"
#include "client-known.h"
#include "page.h"
#include "runtime.h"
#include "session-address.h"
#include "tls-identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
        ARGUMENTS = 2 * (2 * CLI_ALLOWS + 15),
        KEYS = 3,
        IDLE_MS = 30 * 60 * 1000,
        LIFE_MS = 12 * 60 * 60 * 1000,
        NAME_BYTES = 64,
        PATH_BYTES = 1024,
};

static const char HERE[] = "localhost:";

struct web_command {
        const char *argv[ARGUMENTS];
        int n;
        char idle[24], life[24], places[CLIENT_KNOWN_PATH], host[254], keys[KEYS][PATH_BYTES];
        char agents[RUNTIME_PATH];
};

static void web_arg(struct web_command *w, const char *name, const char *value)
{
        w->argv[w->n++] = name;
        w->argv[w->n++] = value;
}

static int web_listen(struct cli *c, struct web_command *w)
{
        const char *colon = strrchr(c->listen, ':'), *port = colon ? colon + 1 : "";
        size_t n = colon ? (size_t)(colon - c->listen) : 0;
        char *end;

        if (c->nlistens > 1 || !n || n >= sizeof(w->host) || c->listen[0] == '*' ||
            strtoul(port, &end, 10) > UINT16_MAX || end == port || *end)
                return cli_fail(c, EXIT_USAGE, "usage", "--listen %s: HOST:PORT, once", c->listen);
        if (strncmp(c->listen, HERE, strlen(HERE)) != 0 && !c->tls_key)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--listen %s: beyond localhost only with --tls-certificate and "
                                "--tls-key; or a browser elsewhere comes through ssh -L",
                                c->listen);
        if (c->web_name && (!c->tls_key || !capos_i_tls_identity_takes(c->web_name)))
                return cli_fail(c, EXIT_USAGE, "usage", "--name %s: %s", c->web_name,
                                c->tls_key ? "no name of a host"
                                           : "only with --tls-certificate and --tls-key");
        (void)snprintf(w->host, sizeof(w->host), "%.*s", (int)n, c->listen);
        web_arg(w, "--host", w->host);
        web_arg(w, "--port", port);
        if (c->web_name)
                web_arg(w, "--name", c->web_name);
        return EXIT_OK;
}

static int web_duration(struct cli *c, struct web_command *w, const char *text, uint64_t most,
                        char to[24])
{
        bool idle = to == w->idle;
        uint64_t ms;

        if (!cli_parse_duration(text, &ms) || !ms || ms > most)
                return cli_fail(c, EXIT_USAGE, "usage", "%s %s: a duration, %s at most",
                                idle ? "--idle" : "--life", text, idle ? "30m" : "12h");
        (void)snprintf(to, 24, "%llu", (unsigned long long)ms);
        web_arg(w, idle ? "--idle-ms" : "--life-ms", to);
        return EXIT_OK;
}

static int web_instance(struct cli *c, struct web_command *w, const char *text)
{
        const char *address = strchr(text, '='), *why = "NAME=ADDRESS";
        struct capos_address at;

        if (!address || address == text || address - text > NAME_BYTES ||
            capos_address_parse(address + 1, CAPOS_ADDRESS_TYPED, &at, &why))
                return cli_fail(c, EXIT_USAGE, "usage", "--instance %s: %s", text, why);
        web_arg(w, "--instance", text);
        return EXIT_OK;
}

/* The file of instances that were added on the page: beside that of the keys. */
static void web_places(struct web_command *w)
{
        static const char name[] = "web-instances";
        char *slash;

        if (client_known_path(w->places, sizeof(w->places)))
                return;
        slash = strrchr(w->places, '/');
        if (!slash || slash + 1 + sizeof(name) > w->places + sizeof(w->places))
                return;
        memcpy(slash + 1, name, sizeof(name));
        web_arg(w, "--places", w->places);
}

/* What both have. */
static int web_common(struct cli *c, struct web_command *w)
{
        int r = EXIT_OK;

        if (!c->certificate != !c->key)
                return cli_fail(c, EXIT_USAGE, "usage", "--certificate and --key go together");
        if (c->idle)
                r = web_duration(c, w, c->idle, IDLE_MS, w->idle);
        if (!r && c->life)
                r = web_duration(c, w, c->life, LIFE_MS, w->life);
        for (unsigned i = 0; !r && i < c->ninstances; i++)
                r = web_instance(c, w, c->instances[i]);
        if (r)
                return r;
        for (unsigned i = 0; i < c->nallows; i++)
                web_arg(w, "--allow", c->allows[i]);
        web_places(w);
        if (c->certificate) {
                web_arg(w, "--certificate", c->certificate);
                web_arg(w, "--key", c->key);
        }
        return EXIT_OK;
}

/* The key that is named, or those that ssh would try; files that are there. */
static int desktop_keys(struct cli *c, struct web_command *w)
{
        static const char *const names[KEYS] = {"id_ed25519", "id_ecdsa", "id_rsa"};
        const char *home = getenv("HOME");

        if (c->identity) {
                if (access(c->identity, R_OK))
                        return cli_fail(c, EXIT_USAGE, "usage", "--identity %s: %s", c->identity,
                                        strerror(errno));
                web_arg(w, "--identity", c->identity);
                return EXIT_OK;
        }
        for (unsigned i = 0; home && i < KEYS; i++) {
                (void)snprintf(w->keys[i], PATH_BYTES, "%s/.ssh/%s", home, names[i]);
                if (!access(w->keys[i], R_OK))
                        web_arg(w, "--identity", w->keys[i]);
        }
        return EXIT_OK;
}

int cmd_desktop(struct cli *c)
{
        struct web_command w = {.argv = {"capos-desktop"}, .n = 1};
        const char *opener = page_opener(), *port = c->listen ? c->listen + strlen(HERE) : NULL;
        char path[PATH_BYTES], *end = NULL;
        int r;

        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage", "desktop prints no JSON: it is a window");
        if (!become_find(w.argv[0], path, sizeof(path)))
                return cli_fail(c, EXIT_FAILED, "no-desktop",
                                "this build has no window: it needs GTK 3 and WebKitGTK "
                                "(libwebkit2gtk-4.1-dev); `capos web` shows the same in a browser");
        if (c->listen && (strncmp(c->listen, HERE, strlen(HERE)) != 0 || c->nlistens > 1 ||
                          strtoul(port, &end, 10) > UINT16_MAX || end == port || *end))
                return cli_fail(c, EXIT_USAGE, "usage", "--listen %s: localhost:PORT, once",
                                c->listen);
        if (!c->ninstances &&
            !c->nallows) { /* by whoever sits at it, it is asked before it is used */
                web_arg(&w, "--instance", "here=localhost:2327");
                web_arg(&w, "--allow", "*");
        }
        r = web_common(c, &w);
        if (!r)
                r = desktop_keys(c, &w);
        if (r)
                return r;
        if (port)
                web_arg(&w, "--port", port);
        if (opener)
                web_arg(&w, "--opener", opener);
        return become(c, w.argv);
}

int cmd_web(struct cli *c)
{
        struct web_command w = {.argv = {"capos-web"}, .n = 1};
        const char *opener = page_opener();
        int r = EXIT_OK;

        if (c->json)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "web prints no JSON: its standard output is the address");
        if (c->open && !opener)
                return cli_fail(c, EXIT_FAILED, "no-browser",
                                "there is no browser here: neither $BROWSER nor a screen");
        if (!c->tls_certificate != !c->tls_key)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "--tls-certificate and --tls-key go together");
        if (c->web_name && !c->listen)
                return cli_fail(c, EXIT_USAGE, "usage", "--name goes with --listen");
        if (c->listen)
                r = web_listen(c, &w);
        if (!r)
                r = web_common(c, &w);
        if (r)
                return r;
        if (c->tls_key) {
                web_arg(&w, "--tls-certificate", c->tls_certificate);
                web_arg(&w, "--tls-key", c->tls_key);
        }
        if (c->approve && runtime_desk_folder(c, true, w.agents, sizeof(w.agents)))
                return EXIT_FAILED;
        if (c->approve)
                web_arg(&w, "--agents", w.agents);
        if (c->open)
                web_arg(&w, "--opener", opener);
        return become(c, w.argv);
}
