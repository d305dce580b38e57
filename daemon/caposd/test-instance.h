/* An instance of real processes for a test, with stand-ins for session manager and services. */
#ifndef CAPOS_TEST_INSTANCE_H
#define CAPOS_TEST_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        IDLE = 2,     /* workers */
        CHILDREN = 9, /* sessiond, gateway, two zygotes, three services, two idle workers */
        WAIT_MS = 60 * 1000,
};

struct instance {
        char dir[64];       /* of the test */
        char state[96];     /* of the instance */
        char libexec[96];   /* with the stand-ins */
        char errors[96];    /* its standard error */
        char manifest[96];  /* written by instance_manifest(); "" */
        const char *listen; /* NULL: plain:127.0.0.1:0; "": the option is left out */
        pid_t pid;
        int out;
        uint16_t port;
};

/* What is to be counted of a process. */
struct census {
        unsigned children; /* of caposd, zombies and all */
        unsigned fds;      /* of caposd */
        unsigned gateway_fds, sessiond_fds;
};

/* Makes the folders. */
void instance_init(struct instance *i);
/* Ends what runs, removes the folders. */
void instance_deinit(struct instance *i);
/* Has the next start use this manifest. */
void instance_manifest(struct instance *i, const char *text);
/* Starts it, with one more argument or NULL. */
void instance_spawn(struct instance *i, const char *argument);
/* Starts it and waits for the endpoint line. */
void instance_start(struct instance *i);
/* Waits for the endpoint line of one that was spawned. */
void instance_await_up(struct instance *i);
/* Waits until there are idle workers, and what is on its way between the processes has arrived. */
void instance_settle(const struct instance *i);
/* Waits for its end: the exit code, or minus the signal. */
int instance_wait(struct instance *i);
/* Whether its log has this text by now. */
bool instance_logged(const struct instance *i, const char *text);
/* Waits until it has. */
void instance_await_log(const struct instance *i, const char *text);

/* Asks the session manager's stand-in (test-stand-in.c). */
unsigned instance_ask(const struct instance *i, char what);
/* Waits until the answer is n. */
void instance_await(const struct instance *i, char what, unsigned n);
/* Waits until a worker has the only connection, fd, or that is closed: whether one has it. */
bool instance_serves(const struct instance *i, int fd);
/* Waits until it is n or more. */
void instance_await_more(const struct instance *i, char what, unsigned n);
/* Asks for a line of text. */
void instance_ask_text(const struct instance *i, char what, char *text, size_t size);
/* How long its log is. */
size_t instance_log_bytes(const struct instance *i);
/* A TCP connection to it. */
int instance_connect(const struct instance *i);
/* Waits until the other side has closed. */
void client_await_end(int fd);

/* The n-th child whose program is name; workers do not count as capos-worker, the zygote does. 0:
 * there is none. */
pid_t instance_child(const struct instance *i, const char *name);
/* Workers, idle ones or all. */
unsigned instance_workers(const struct instance *i, pid_t *pids, unsigned max);
/* Waits until there is a child of this name that is not old. */
pid_t instance_await_child(const struct instance *i, const char *name, pid_t old);
struct census instance_census(const struct instance *i);
/* Waits until the census is this one again. */
void instance_await_census(const struct instance *i, const struct census *c);
/* 0: not ours to see; of a process that is not dumpable only root may. */
unsigned process_fds(pid_t pid);
/* Reads a number behind a name in /proc/PID/status; -1: it is not there. */
long process_status(pid_t pid, const char *name);
void pause_ms(unsigned ms);

#endif
