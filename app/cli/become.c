/* Some commands are another program of this project in this process's place: a person starts one
 * command, and what it is made of is not his concern. */
#include "become.h"

#include "transcript.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder that this program is in, with a slash behind it. */
static void become_folder(char *to, size_t room)
{
        ssize_t len = readlink("/proc/self/exe", to, room - 1);

        to[len > 0 ? len : 0] = 0;
        if (strrchr(to, '/'))
                strrchr(to, '/')[1] = 0;
}

bool become_find(const char *name, char *ret_path, size_t room)
{
        static const char *const places[] = {"", "../libexec/capos/", "../lib/capos/"};
        char self[2048];
        int n;

        become_folder(self, sizeof(self));
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                n = snprintf(ret_path, room, "%s%s%s", self, places[i], name);
                if (n > 0 && (size_t)n < room && access(ret_path, X_OK) == 0)
                        return true;
        }
        return false;
}

int become(struct cli *c, const char *const *argv)
{
        char self[2048], path[2200];

        if (transcript_end(c, EXIT_OK))
                return EXIT_FAILED;
        become_folder(self, sizeof(self));
        if (become_find(argv[0], path, sizeof(path)))
                (void)execv(path, (char **)(uintptr_t)argv);
        return cli_fail(c, EXIT_FAILED, "failed", "%s: %s (looked beside %scapos)", argv[0],
                        strerror(errno), self);
}
