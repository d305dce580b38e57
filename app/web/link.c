/*
 * What a program is given as an argument everybody on the machine can read, and whoever is first
 * enters by that address. So a browser is given a file instead, that only its user can read, and
 * which leads on. It is gone when the address is of no use any more.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 256, LIFE_S = 60 };

/* 0, or -errno. */
static int file_write(const char *url, char path[PATH_ROOM])
{
        const char *folder = getenv("XDG_RUNTIME_DIR");
        mode_t mask = umask(077);
        int fd;

        (void)snprintf(path, PATH_ROOM, "%s/capos-web-XXXXXX.html",
                       folder && *folder ? folder : "/tmp");
        fd = mkstemps(path, (int)strlen(".html"));
        (void)umask(mask);
        if (fd < 0)
                return -errno;
        (void)dprintf(fd,
                      "<!doctype html><meta charset=\"utf-8\"><title>capOS</title>"
                      "<meta http-equiv=\"refresh\" content=\"0;url=%s\">",
                      url);
        (void)close(fd);
        return 0;
}

void link_open(const char *opener, const char *url)
{
        char path[PATH_ROOM];
        char *argv[] = {(char *)(uintptr_t)opener, path, NULL};
        posix_spawn_file_actions_t files;
        pid_t pid = -1;
        int r = file_write(url, path);

        if (!r)
                r = -posix_spawn_file_actions_init(&files);
        if (!r) {
                for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                        (void)posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
                r = -posix_spawnp(&pid, opener, &files, NULL, argv, environ);
                (void)posix_spawn_file_actions_destroy(&files);
        }
        if (r) {
                (void)fprintf(stderr, "capos: %s: %s\n", opener, strerror(-r));
                (void)unlink(path);
        } else if (fork() == 0) {
                (void)close_range(STDOUT_FILENO, ~0U, 0);
                (void)sleep(LIFE_S);
                (void)unlink(path);
                _exit(0);
        }
}
