/*
 * `capos doctor`: what this machine's kernel lets an instance confine, found by asking it, each
 * question in a child where it changes anything; the versions of what is used; and which dates of
 * an instance that runs here come near.
 */
#include "admin.h"
#include "dates.h"

#include "daemon-seclude.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

struct finding {
        const char *name;
        const char *why;         /* what it is for */
        bool (*ask)(void);       /* the confinement set `basic` needs it; or: */
        enum daemon_layer layer; /* `full` does */
};

/* Runs a question in a child: 0 is yes. */
static bool ask_in_child(int (*question)(void))
{
        int status = 1;
        pid_t pid = fork();

        if (pid < 0)
                return false;
        if (!pid)
                _exit(question() ? 1 : 0);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int try_no_new_privs(void)
{
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static bool has_no_new_privs(void)
{
        return ask_in_child(try_no_new_privs);
}

static bool has_seccomp(void)
{
        uint32_t action = SECCOMP_RET_KILL_PROCESS;

        return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool has_pidfd(void)
{
        long fd = syscall(SYS_pidfd_open, getpid(), 0);

        if (fd >= 0)
                (void)close((int)fd);
        return fd >= 0;
}

static bool has_runtime_dir(void)
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        struct stat st;

        return dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
               !(st.st_mode & 022);
}

static const struct finding findings[] = {
        {"no-new-privs", "a process cannot regain what it gave up", has_no_new_privs, 0},
        {"seccomp", "a process may make only the system calls of its role", has_seccomp, 0},
        {"pidfd", "the right process is killed, always", has_pidfd, 0},
        {"paths", "a process sees only its own files (Landlock)", NULL, LAYER_PATHS},
        {"namespaces", "no network, and no files to see", NULL, LAYER_NAMESPACES},
        {"users", "a process of the superuser's instance is a user of its own", NULL, LAYER_USERS},
};

enum { FINDINGS = sizeof(findings) / sizeof(findings[0]) };

/* What there is of the findings. */
struct answers {
        bool has[FINDINGS], basic, full;
};

static struct answers doctor_ask(void)
{
        unsigned layers = daemon_layers_probe(DAEMON_FIRST_USER);
        struct answers a = {.basic = true, .full = true};

        for (unsigned i = 0; i < FINDINGS; i++) {
                const struct finding *f = &findings[i];

                a.has[i] = f->ask ? f->ask() : layers & f->layer;
                a.basic &= a.has[i] || !f->ask;
                a.full &= a.has[i];
        }
        return a;
}

/* The status of the instance that runs here; NULL: none does, or it is another's. */
static capnp_question *doctor_status(struct cli *c)
{
        capnp_question *q;

        if (!state_has_admin(c))
                return NULL;

        q = admin_status(admin_of(c));
        if (!cli_wait(c, q, CLI_LOGIN_MS))
                return q;

        capnp_question_free(q);
        return NULL;
}

/* NULL: there is none. */
static json_t *doctor_dates(capnp_question *status)
{
        json_t *j = status ? json_object() : NULL;

        if (!j)
                return NULL;
        (void)json_object_set_new(
                j, "certificateUntilMs",
                json_integer((json_int_t)admin_status_certificate_until_ms(status)));
        dates_json(j, status);
        return j;
}

static int doctor_json(struct cli *c, const struct answers *a, const struct utsname *u)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *status = doctor_status(c);
        json_t *all = json_object();

        for (unsigned i = 0; i < FINDINGS; i++)
                (void)json_object_set_new(all, findings[i].name, json_boolean(a->has[i]));
        return cli_print_json(c, json_pack("{s:o,s:b,s:b,s:b,s:s,s:s,s:s,s:s,s:o*}", "kernel", all,
                                           "basic", a->basic, "full", a->full, "runtimeDir",
                                           has_runtime_dir(), "release", u->release, "machine",
                                           u->machine, "version", CAPOS_VERSION, "openssl",
                                           OpenSSL_version(OPENSSL_VERSION_STRING), "dates",
                                           doctor_dates(status)));
}

static void doctor_print_dates(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *status = doctor_status(c);

        if (!status)
                return;
        printf("Dates of the instance that runs here:");
        if (!dates_warn(status))
                printf(" none comes near.");
        printf("\n");
}

int cmd_doctor(struct cli *c)
{
        struct answers a = doctor_ask();
        struct utsname u;

        (void)uname(&u);
        if (c->json)
                return doctor_json(c, &a, &u);

        printf("capos %s, Linux %s %s, %s\n\n", CAPOS_VERSION, u.release, u.machine,
               OpenSSL_version(OPENSSL_VERSION));
        for (unsigned i = 0; i < FINDINGS; i++)
                printf("%-16s %-4s %s\n", findings[i].name, a.has[i] ? "yes" : "no",
                       findings[i].why);
        printf("\nConfinement `basic` (the default of `capos up`): %s.\n",
               a.basic ? "possible" : "not possible, an instance will not start");
        printf("Confinement `full` (what a listener that others can reach demands): %s.\n",
               a.full ? "possible"
                      : "not possible; such an instance starts only with exposed = acceptBasic in "
                        "its manifest");
        printf("Runtime folder for logins: %s.\n",
               has_runtime_dir() ? "as it should be"
                                 : "none; set XDG_RUNTIME_DIR, or use --runtime DIR");
        doctor_print_dates(c);
        return a.basic ? EXIT_OK : EXIT_FAILED;
}

int cmd_version(struct cli *c)
{
        if (c->json)
                return cli_print_json(c, json_pack("{s:s}", "version", CAPOS_VERSION));
        printf("capos %s\n", CAPOS_VERSION);
        return EXIT_OK;
}
