/*
 * capos-sessiond: accounts, sessions, broker and audit log of an instance. Started by caposd with
 * the descriptors that doc/design/instance.md names; it opens nothing but files in its state
 * folder. `--explain` is another program, for who asks about logins (explain.c).
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon-log.h"
#include "explain.h"
#include "sessiond.h"

int main(int argc, char **argv)
{
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        static struct sessiond s;
        int r;

        if (sodium_init() < 0)
                return 1;
        if (argc > 1 && !strcmp(argv[1], "--explain"))
                return explain_main(argc - 1, argv + 1);
        if (argc > 1) {
                fputs("capos-sessiond is started by caposd, without arguments\n", stderr);
                return 2;
        }
        if (sigaction(SIGPIPE, &ignore, NULL))
                return 1;

        r = sessiond_init(&s);
        if (!r)
                r = sessiond_run(&s);
        if (r)
                daemon_log(LOG_ERR, "cannot go on: %s", capnp_strerror(r));
        if (!sessiond_deinit(&s) && !r)
                return SESSIOND_EXIT_LEDGER;

        return r ? 1 : 0;
}
