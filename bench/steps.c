/*
 * steps: counts the instructions of a running process in user space, one step at a time.
 *
 * Why: sshd locks itself in as it starts, which a tool that translates code does not survive; once
 * somebody has logged in, the process that serves him can be stepped through. Takes microseconds
 * for each instruction. The process must have one thread, and be one's own or the caller root; it
 * ends with the counting.
 *
 * Usage: steps PID. Prints `ready` when it has begun; ends with the standard input, and prints the
 * count then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALARM_US = 20000 };

/* Whether standard input has ended, or somebody has written to it. */
static bool told_to_end(void)
{
        struct pollfd p = {.fd = 0, .events = POLLIN};

        return poll(&p, 1, 0) == 1;
}

/* Waits for the process's next stop; false: it sleeps and we were told to end, or it is gone. */
static bool stopped(pid_t pid, int *ret_status)
{
        while (waitpid(pid, ret_status, 0) != pid)
                if (errno != EINTR || told_to_end()) /* EINTR: the alarm */
                        return false;
        return WIFSTOPPED(*ret_status);
}

static void on_alarm(int signal)
{
        (void)signal;
}

/* Sleeping calls return now and then. */
static void alarms_begin(void)
{
        const struct sigaction a = {.sa_handler = on_alarm};

        sigaction(SIGALRM, &a, NULL);
        ualarm(ALARM_US, ALARM_US);
}

int main(int argc, char **argv)
{
        pid_t pid = argc == 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
        unsigned long count = 0;
        int status, signal = 0;

        if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL) ||
            ptrace(PTRACE_INTERRUPT, pid, NULL, NULL)) {
                fprintf(stderr, "usage: steps PID, of a process that may be traced\n");
                return 2;
        }

        printf("ready\n");
        fflush(stdout);
        alarms_begin();
        while (stopped(pid, &status)) {
                if (WSTOPSIG(status) == SIGTRAP && status >> 16 == 0)
                        count++;
                else
                        signal = status >> 16 ? 0 : WSTOPSIG(status);
                if (ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)signal))
                        break;
                signal = 0;
        }

        printf("%lu\n", count);
        return 0;
}
