/*
 * Plays the instance for a test of a service: starts the program as caposd does, speaks
 * ServiceControl as sessiond does, and gives the test what a session would hold. Every step is a
 * CHECK.
 *
 *         struct play p;
 *         struct play_caller alice;
 *
 *         play_start(&p, (const char *const[]){"capos-chat", NULL});
 *         play_open(&p, &alice, 1, "");           alice.object is the service's object
 *         CHECK_OK(capnp_question_wait(q));
 *         play_close(&alice);
 *         play_stop(&p);                          // it has to end in order
 */
#ifndef CAPOS_KIT_PLAY_H
#define CAPOS_KIT_PLAY_H

#include "harness.h"
#include <capos/kit.h>

#include <sys/types.h>

struct play {
        capnp_vat *vat;
        pid_t pid;
        int pidfd;
        int link; /* our end */
        capnp_conn *conn;
        capnp_cap *control; /* its ServiceControl */
        capnp_cap *host;    /* what it asks, the test's, from the next control connection on; NULL:
                               nothing */
        uint8_t origin; /* what the origin of callers is made of from now on; 0: they have none */
};

/* What a session has of the service. */
struct play_caller {
        capnp_conn *conn;
        capnp_cap *object; /* the service's bootstrap object */
        int raw;           /* play_open_raw(): the socket itself; else -1 */
        bool closed;       /* the service has hung up */
};

/* Starts build/bin/argv[0] (with a slash in it: build/argv[0]), waits until it is ready, and
 * connects as a session manager. */
void play_start(struct play *p, const char *const *argv);
/* The same in two steps. state_fd: its state directory, borrowed; -1: it gets none. */
void play_spawn(struct play *p, const char *const *argv, int state_fd);
void play_ready(struct play *p);
/* A session manager anew: the old connection is kept open, but void. */
void play_control(struct play *p);
/* The session manager's connection is gone. */
void play_control_kill(struct play *p);
/* Opens a facet for a caller; its reference (and pseudonym) are made of n. 0 has no pseudonym. */
void play_open(struct play *p, struct play_caller *c, uint8_t n, const char *facet);
/* The same, of an object that has one of its methods. */
void play_open_narrow(struct play *p, struct play_caller *c, uint64_t interface, uint16_t method);
/* The same, but the caller's socket is the test's to write to. */
void play_open_raw(struct play *p, struct play_caller *c, uint8_t n);
/* An open() that is not sent yet. end: borrowed, -1: none attached. */
capnp_question *play_ask(struct play *p, uint8_t n, const char *facet, int end);
/* The caller hangs up. */
void play_close(struct play_caller *c);
/* Runs the loop until *done, for at most 20 seconds. */
void play_until(struct play *p, const bool *done);
/* Runs the loop for so long. */
void play_for_ms(struct play *p, unsigned ms);
/* How many descriptors the service has open; -1: this user may not know. */
int play_count_fds(const struct play *p);
/* Waits until it has that many, for at most 10 seconds; where nobody may know, not at all. */
void play_expect_fds(struct play *p, int n);
/* Ends the instance; the service must end in order, with exit code 0. */
void play_stop(struct play *p);
/* The exit code of a service that is expected to end by itself; -signal. */
int play_wait(struct play *p);

#endif
