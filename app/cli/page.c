/*
 * Pages that somebody is to open. What is opened is printed, too: a browser that does not start, or
 * starts on another screen, is no reason to fail. Nothing of it is a secret to whoever sees the
 * terminal.
 */
#include "page.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static const char OPENER[] = "xdg-open";

static bool page_has_screen(void)
{
        const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

        return (x && *x) || (wayland && *wayland);
}

const char *page_opener(void)
{
        const char *browser = getenv("BROWSER");

        if (browser && *browser)
                return browser;

        return page_has_screen() ? OPENER : NULL;
}

static void page_say(const char *fmt, ...) CAPNP_PRINTF(1, 2);

static void page_say(const char *fmt, ...)
{
        char text[LINE_BYTES], safe[2 * LINE_BYTES];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        cli_escape(text, safe, sizeof(safe));
        (void)fprintf(stderr, "capos: %s\n", safe);
        explicit_bzero(text, sizeof(text)); /* to who sees the terminal alone: a state, a code */
        explicit_bzero(safe, sizeof(safe));
}

/* Not waited for: a browser that was not running becomes the process itself. */
static void browser_start(const char *opener, const char *url)
{
        char *argv[] = {(char *)(uintptr_t)opener, (char *)(uintptr_t)url, NULL};
        posix_spawn_file_actions_t files;
        posix_spawnattr_t how;
        pid_t pid;

        if (posix_spawn_file_actions_init(&files))
                return;
        if (!posix_spawnattr_init(&how)) {
                (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
                for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                        (void)posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
                (void)!posix_spawnp(&pid, opener, &files, &how, argv, environ);
                (void)posix_spawnattr_destroy(&how);
        }
        (void)posix_spawn_file_actions_destroy(&files);
}

void page_open(const struct cli *c, const char *url)
{
        const char *opener = cli_has_terminal(c) ? page_opener() : NULL;

        page_say(opener ? "log in with your browser, on this machine; should it not open by itself:"
                        : "open this page in a browser on this machine, to log in:");
        page_say("%s", url);
        if (opener)
                browser_start(opener, url);
}

void page_say_code(const char *url, const char *code)
{
        page_say("open %s in a browser, on any machine, and enter the code %s", url, code);
        page_say("waiting for that; interrupt to give up");
}
