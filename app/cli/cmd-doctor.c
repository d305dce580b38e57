/*
 * `capos doctor`: what this machine's kernel lets an instance confine, found by asking it, each
 * question in a child where it changes anything; and the versions of what is used.
 */
#include "cli.h"

#include <errno.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <openssl/crypto.h>
#include <sched.h>
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
        const char *why; /* what it is for */
        bool (*ask)(void);
        bool basic; /* the confinement set `basic` needs it; else `full` does */
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

static bool has_landlock(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static int try_user_namespace(void)
{
        return unshare(CLONE_NEWUSER);
}

static bool has_user_namespace(void)
{
        return ask_in_child(try_user_namespace);
}

static int try_net_namespace(void)
{
        return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC);
}

static bool has_net_namespace(void)
{
        return ask_in_child(try_net_namespace);
}

static bool has_runtime_dir(void)
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        struct stat st;

        return dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
               !(st.st_mode & 022);
}

static const struct finding findings[] = {
        {"no-new-privs", "a process cannot regain what it gave up", has_no_new_privs, true},
        {"seccomp", "a process may make only the system calls of its role", has_seccomp, true},
        {"pidfd", "the right process is killed, always", has_pidfd, true},
        {"landlock", "a process sees only its own files", has_landlock, false},
        {"user-namespace", "own users without being root", has_user_namespace, false},
        {"net-namespace", "no network but what was handed over", has_net_namespace, false},
};

enum { FINDINGS = sizeof(findings) / sizeof(findings[0]) };

static int doctor_json(struct cli *c, const bool *has, const struct utsname *u)
{
        json_t *all = json_object();
        bool basic = true, full = true;

        for (unsigned i = 0; i < FINDINGS; i++) {
                (void)json_object_set_new(all, findings[i].name, json_boolean(has[i]));
                basic &= has[i] || !findings[i].basic;
                full &= has[i];
        }
        return cli_print_json(c, json_pack("{s:o,s:b,s:b,s:b,s:b,s:s,s:s,s:s,s:s}", "kernel", all,
                                           "basic", basic, "full", 0, "kernelAllowsFull", full,
                                           "runtimeDir", has_runtime_dir(), "release", u->release,
                                           "machine", u->machine, "version", CAPOS_VERSION,
                                           "openssl", OpenSSL_version(OPENSSL_VERSION_STRING)));
}

int cmd_doctor(struct cli *c)
{
        bool has[FINDINGS], basic = true, full = true;
        struct utsname u;

        (void)uname(&u);
        for (unsigned i = 0; i < FINDINGS; i++) {
                has[i] = findings[i].ask();
                basic &= has[i] || !findings[i].basic;
                full &= has[i];
        }
        if (c->json)
                return doctor_json(c, has, &u);

        printf("capos %s, Linux %s %s, %s\n\n", CAPOS_VERSION, u.release, u.machine,
               OpenSSL_version(OPENSSL_VERSION));
        for (unsigned i = 0; i < FINDINGS; i++)
                printf("%-16s %-4s %s\n", findings[i].name, has[i] ? "yes" : "no", findings[i].why);
        printf("\nConfinement `basic` (the default of `capos up`): %s.\n",
               basic ? "possible" : "not possible, an instance will not start");
        printf("Confinement `full`: not there yet, a manifest that asks for it is refused%s.\n",
               full ? " (this kernel could)" : "");
        printf("Runtime folder for logins: %s.\n",
               has_runtime_dir() ? "as it should be"
                                 : "none; set XDG_RUNTIME_DIR, or use --runtime DIR");
        return basic ? EXIT_OK : EXIT_FAILED;
}

int cmd_version(struct cli *c)
{
        if (c->json)
                return cli_print_json(c, json_pack("{s:s}", "version", CAPOS_VERSION));
        printf("capos %s\n", CAPOS_VERSION);
        return EXIT_OK;
}
