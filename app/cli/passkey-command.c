/*
 * A program in the place of a browser. It is given what navigator.credentials would be, and says
 * what that would: so whatever can speak to a security key, or to a phone, can be used from a
 * terminal. It has the terminal's standard error, to ask for a touch.
 */
#include "passkey-command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void command_exec(const char *command, int in, int out)
{
        if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
                _exit(127);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
}

/* Writes all of it, which a pipe has room for. */
static bool pipe_write(int fd, const char *p, size_t len)
{
        while (len) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return false;
                p += n;
                len -= (size_t)n;
        }
        return true;
}

/* Reads to the end. false: there is too much, or it cannot be read. */
static bool pipe_read(int fd, char *to, size_t room, size_t *ret_len)
{
        size_t len = 0;

        for (;;) {
                ssize_t n = read(fd, to + len, room - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0) {
                        *ret_len = len;
                        return true;
                }
                len += n > 0 ? (size_t)n : 0;
                if (n < 0 || len == room)
                        return false;
        }
}

static void pipe_close(int fds[2])
{
        for (unsigned i = 0; i < 2; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        fds[0] = fds[1] = -1;
}

/* Talks to it. What is wrong; NULL: nothing, yet. */
static const char *command_talk(int to, int from, const char *options, size_t len, char *answer,
                                size_t *ret_len)
{
        bool told = pipe_write(to, options, len);

        (void)close(to);
        if (!pipe_read(from, answer, PASSKEY_ANSWER_BYTES, ret_len))
                return "the passkey command says too much";

        return told || *ret_len ? NULL : "the passkey command does not listen";
}

const char *passkey_command_run(const char *command, const char *options, size_t options_len,
                                char to[PASSKEY_ANSWER_BYTES], size_t *ret_len)
{
        int in[2] = {-1, -1}, out[2] = {-1, -1}, status = 0;
        const char *wrong;
        pid_t pid = -1;

        if (!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC))
                pid = fork();
        if (!pid)
                command_exec(command, in[0], out[1]);
        if (pid < 0) {
                pipe_close(in);
                pipe_close(out);
                return "the passkey command cannot be started";
        }

        (void)close(in[0]);
        (void)close(out[1]);
        wrong = command_talk(in[1], out[0], options, options_len, to, ret_len);
        (void)close(out[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (wrong)
                return wrong;
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                return "the passkey command has failed";

        return *ret_len ? NULL : "the passkey command says nothing";
}
