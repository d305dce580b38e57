/*
 * `capos up`: the instance in the foreground, which is capos-caposd in this process's place. It is
 * looked for beside this program, as it is built, and where it is installed.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cmd_up(struct cli *c)
{
        static const char *const places[] = {"capos-caposd", "../libexec/capos/capos-caposd",
                                             "../lib/capos/capos-caposd"};
        const char *argv[8] = {"capos-caposd"};
        char self[2048], path[2200];
        ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
        int n = 1;

        if (c->state) {
                argv[n++] = "--state";
                argv[n++] = c->state;
        }
        if (c->listen) {
                argv[n++] = "--listen";
                argv[n++] = c->listen;
        }
        if (c->manifest) {
                argv[n++] = "--manifest";
                argv[n++] = c->manifest;
        }
        self[len > 0 ? len : 0] = 0;
        if (strrchr(self, '/'))
                strrchr(self, '/')[1] = 0;
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", self, places[i]);
                (void)execv(path, (char *const *)argv);
        }
        return cli_fail(c, EXIT_FAILED, "failed", "capos-caposd: %s (looked beside %scapos)",
                        strerror(errno), self);
}
