/*
 * capos-caposd: starts an instance and stays until it ends.
 *
 * Exit codes: 0 an orderly end, or a good manifest; 1 something failed, said on standard error;
 * 2 wrong arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caposd.h"
#include "certificates.h"
#include "daemon-log.h"
#include "daemon-powers.h"
#include "manifest-explain.h"
#include "manifest-load.h"

static int instance_run(const struct options *o, struct daemon_manifest *m)
{
        struct caposd c;
        int code;

        if (caposd_init(&c, o, m))
                return 1;

        *m = (struct daemon_manifest){0};
        if (daemon_powers_drop(confine_powers(&c.keeper.confinement)))
                daemon_log(LOG_WARNING, "the superuser's powers cannot be given up");
        code = caposd_run(&c);
        caposd_deinit(&c);
        return code;
}

/* ---- looking at a manifest ------------------------------------------------------------------ */

static int tree_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
        (void)st;
        (void)kind;
        (void)at;
        (void)remove(path);
        return 0;
}

static uint32_t manifest_count(const struct daemon_manifest *m)
{
        return service_list_len(manifest_services(manifest_root(m->msg)));
}

/* An exit code: what was printed has got there, or it is said that it has not. */
static int printed(void)
{
        if (fflush(stdout) || ferror(stdout)) {
                daemon_log(LOG_ERR, "standard output: %s", strerror(errno));
                return 1;
        }
        return 0;
}

/* Starts all of it in a directory of its own, where nobody can connect, and ends when it is up.
 */
static int manifest_try(struct options *o, struct daemon_manifest *m)
{
        char dir[] = "/tmp/capos-check-XXXXXX", listen[64];
        uint32_t services = manifest_count(m);
        int code;

        if (!mkdtemp(dir)) {
                daemon_log(LOG_ERR, "%s: %s", dir, strerror(errno));
                return 1;
        }
        o->state = dir;
        snprintf(listen, sizeof(listen), "unix:%s/clients.sock", dir);
        o->listen[0] = listen;
        o->nlisten = 1;
        code = instance_run(o, m);
        (void)nftw(dir, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
        if (code)
                return code;

        if (o->json)
                printf("{\"good\":true,\"services\":%u}\n", services);
        else
                printf("%s is good: %u services have started, and are what it says\n",
                       o->manifest ? o->manifest : "the built-in manifest", services);
        return printed();
}

static bool manifest_is_closed(manifest_reader m)
{
        authentication_reader a = manifest_authentication(m);

        return !profile_list_len(manifest_profiles(m)) ||
               (!authentication_password(a) && !authentication_public_key(a) &&
                !certificates_wanted(m) && !entry_enabled(authentication_guest(a)) &&
                !entry_enabled(authentication_anonymous(a)));
}

/* What is closed of the first three, as by `2>&-`, would become something else's number. */
static int standard_open(void)
{
        int fd;

        do {
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO);
        (void)close(fd);
        return 0;
}

/* What it grants to whom, or all of it as JSON; an exit code. */
static int manifest_say(const struct options *o, manifest_reader m)
{
        if (!o->json)
                manifest_explain(m);
        else if (manifest_print_json(m))
                return 1;
        return printed();
}

/*
 * Becomes the session manager, which is asked about a login and has nobody else to talk to: who
 * decides about logins is there. Returns an exit code only when that fails.
 */
static int login_explain(const struct options *o, const struct daemon_manifest *m)
{
        const char *argv[LOGIN_ARGS + 8] = {"capos-sessiond", "--explain", "--manifest", m->name,
                                            "--state"};
        char *program = program_find(argv[0]), state[PATH_MAX];
        unsigned n = 6;
        int fd = -1, r;

        r = program ? place_path(o, state, sizeof(state)) : -ENOENT;
        argv[5] = state;
        for (unsigned i = 0; i < o->nlogin; i++)
                argv[n++] = o->login[i];
        if (o->json)
                argv[n++] = "--json";
        if (!r)
                r = daemon_manifest_give(m, &fd);
        if (!r && (dup2(fd, MANIFEST_FD) < 0 || fcntl(MANIFEST_FD, F_SETFD, 0) < 0 ||
                   execv(program, (char **)(uintptr_t)argv)))
                r = -errno;
        daemon_log(LOG_ERR, "%s: %s", argv[0], capnp_strerror(r));
        free(program);
        return 1;
}

/* What was asked for, of a manifest that is good; an exit code. */
static int manifest_use(struct options *o, struct daemon_manifest *m)
{
        if (o->nlogin)
                return login_explain(o, m);
        if (o->show || o->explain)
                return manifest_say(o, manifest_root(m->msg));
        if (programs_check(manifest_root(m->msg), manifest_complain, m))
                return 1;
        if (manifest_is_closed(manifest_root(m->msg)))
                daemon_log(LOG_WARNING, "%s: nobody can log in: no profile, or no way in", m->name);

        /* What the caller had open (locks, pipes) is his: an instance lives long. */
        if (close_range(3, ~0u, 0) < 0)
                return 1;
        return o->check ? manifest_try(o, m) : instance_run(o, m);
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};
        struct options o;
        int r;

        if (standard_open())
                return 1;
        r = options_parse(&o, argc, argv);
        if (r)
                return r == OPTIONS_HELP ? 0 : EXIT_USAGE;
        if (o.check || o.show || o.explain || o.nlogin)
                daemon_log_to_somebody();
        if (o.show && !o.json) {
                (void)fputs(manifest_built_in_text, stdout);
                return printed();
        }
        if (o.explain && o.explain[0])
                return manifest_explain_field(o.explain) ? 1 : printed();

        (void)umask(077);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || manifest_load(&m, o.manifest))
                return 1;
        return manifest_use(&o, &m);
}
