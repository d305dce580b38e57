/* One thread's event loop: descriptors that are watched, timers, and work put off to the end of the
 * turn. */
#ifndef CAPOS_IO_LOOP_H
#define CAPOS_IO_LOOP_H

#include "base-list.h"
#include "io-timer.h"

#include <sys/epoll.h>

/* Milliseconds on the clock that goes on while the machine sleeps (CLOCK_BOOTTIME). */
uint64_t capos_io_now_ms(void);

/* A descriptor of somebody else's that the loop watches. Embedded in what it belongs to. */
struct capos_io_watch {
        struct capos_io_loop *loop; /* NULL: not watched */
        int fd;                     /* borrowed */
        uint32_t events;            /* EPOLLIN and so on, as the kernel knows them */
        void (*fn)(struct capos_io_watch *w, uint32_t events);
};

/* Work for the end of the turn. Embedded; adding it cannot fail. */
struct capos_io_task {
        struct capnp_i_list link;
        void (*fn)(struct capos_io_task *t);
};

enum { CAPOS_IO_BATCH = 128 };

struct capos_io_loop {
        int epoll_fd;
        int timer_fd;
        uint64_t armed_ms; /* when timer_fd fires; 0: not armed */
        uint32_t nwatches; /* watches that exist, timer_watch not counted */
        struct capos_io_watch timer_watch;
        struct capos_io_timers timers;
        struct capnp_i_list tasks;
        struct epoll_event batch[CAPOS_IO_BATCH];
        uint32_t batch_at, batch_len; /* what is left of the batch being handled */
};

/* 0; -EMFILE or another errno value of the kernel. */
int capos_io_loop_init(struct capos_io_loop *l) CAPNP_MUST_USE;
/* Watches, timers and tasks must have been ended by their owners. */
void capos_io_loop_deinit(struct capos_io_loop *l);
/* How long the loop may sleep: 0 when tasks wait, -1 for ever. */
int capos_io_loop_timeout_ms(const struct capos_io_loop *l);
/*
 * Sleeps at most timeout_ms (-1: until something happens), then calls the functions of the watches
 * that are ready and of the timers that are due: with a timeout that is not 0, if no watch was, for
 * then the next timeout is 0. 0; a negative errno value: the loop is broken. A
 * signal that interrupts the sleep is no error.
 */
int capos_io_loop_wait(struct capos_io_loop *l, int timeout_ms) CAPNP_MUST_USE;
/* Runs the tasks that are there now, not those that they add. */
void capos_io_loop_run_all(struct capos_io_loop *l);
static inline void capos_io_loop_run_tasks(struct capos_io_loop *l)
{
        if (!capnp_i_list_empty(&l->tasks))
                capos_io_loop_run_all(l);
}

/* A whole turn for programs that have nothing to do in between: wait, then tasks. */
int capos_io_loop_turn(struct capos_io_loop *l, int timeout_ms) CAPNP_MUST_USE;

/* Begins to watch. 0; -EPERM: cannot be polled; -ENOMEM, -ENOSPC. Events are level-triggered. */
int capos_io_watch_init(struct capos_io_watch *w, struct capos_io_loop *l, int fd, uint32_t events,
                        void (*fn)(struct capos_io_watch *w, uint32_t events)) CAPNP_MUST_USE;
/* Changes what is watched for; asks the kernel only if that is a change. 0, or -errno. */
int capos_io_watch_change(struct capos_io_watch *w, uint32_t events) CAPNP_MUST_USE;
static inline int CAPNP_MUST_USE capos_io_watch_set(struct capos_io_watch *w, uint32_t events)
{
        return w->events == events ? 0 : capos_io_watch_change(w, events);
}

/* Ends it, before the descriptor is closed; its function is not called any more, not even for
 * events that have been fetched. Allowed from any callback, also its own. A zeroed one is fine. */
void capos_io_watch_deinit(struct capos_io_watch *w);

/* Prepares a timer. 0, or -ENOMEM; after that starting cannot fail. */
int capos_io_timer_init(struct capos_io_timer *t, struct capos_io_loop *l,
                        void (*fn)(struct capos_io_timer *t)) CAPNP_MUST_USE;
/* Has fn called once, delay_ms from now; a running timer is set anew. fn may start it again. */
void capos_io_timer_start(struct capos_io_timer *t, uint64_t delay_ms);
void capos_io_timer_stop(struct capos_io_timer *t);
/* Stops it and gives its place back. Allowed from fn. A zeroed one is fine. */
void capos_io_timer_deinit(struct capos_io_timer *t);

void capos_io_task_init(struct capos_io_task *t, void (*fn)(struct capos_io_task *t));
/* Has fn called at the end of the turn, once, however often it is added before. */
static inline void capos_io_task_add(struct capos_io_task *t, struct capos_io_loop *l)
{
        if (capnp_i_list_empty(&t->link))
                capnp_i_list_append(&l->tasks, &t->link);
}

void capos_io_task_deinit(struct capos_io_task *t);

#endif
