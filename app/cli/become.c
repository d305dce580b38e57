/* Some commands are another program of this project in this process's place: a person starts one
 * command, and what it is made of is not his concern. */
#include "become.h"

#include "transcript.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int become(struct cli *c, const char *const *argv)
{
        static const char *const places[] = {"", "../libexec/capos/", "../lib/capos/"};
        char self[2048], path[2200];
        ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

        if (transcript_end(c, EXIT_OK))
                return EXIT_FAILED;
        self[len > 0 ? len : 0] = 0;
        if (strrchr(self, '/'))
                strrchr(self, '/')[1] = 0;
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s%s%s", self, places[i], argv[0]);
                (void)execv(path, (char **)(uintptr_t)argv);
        }
        return cli_fail(c, EXIT_FAILED, "failed", "%s: %s (looked beside %scapos)", argv[0],
                        strerror(errno), self);
}
