/*
 * What programs of others say goes into the log as theirs.
 *
 * The log is the standard error of all processes of the instance, and people and programs
 * (fail2ban) believe its lines. So a program that is not the instance's has a pipe there instead,
 * and what it writes is told line by line: with the service's name before it, escaped, and only so
 * many. All programs of a service share one pipe, which costs two descriptors, however many there
 * are.
 *
 * Nobody is made to wait by a log: what is too much is read and thrown away. One that writes
 * without an end is slowed down, so that reading it costs next to nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "remarks.h"

enum { READ_BYTES = 16 * 1024, PAUSE_MS = 20 };

static void remarks_tell(struct remarks *r)
{
        if (r->len && daemon_log_may(&r->rate, capos_io_now_ms()))
                daemon_log(LOG_NOTICE, "%s: its program says: %s", r->name,
                           daemon_log_text(r->line, r->len).s);
        r->len = 0;
}

static void remarks_read(struct remarks *r)
{
        char text[READ_BYTES];
        ssize_t n = read(r->from, text, sizeof(text));

        for (ssize_t i = 0; i < n; i++) {
                if (text[i] != '\n')
                        r->line[r->len++] = text[i];
                if (text[i] == '\n' || r->len == sizeof(r->line))
                        remarks_tell(r);
        }
}

static void remarks_ready(struct capos_io_watch *w, uint32_t events)
{
        struct remarks *r = CAPNP_I_OF(w, struct remarks, watch);

        (void)events;
        remarks_read(r);
        if (!capos_io_watch_set(&r->watch, 0))
                capos_io_timer_start(&r->timer, PAUSE_MS);
}

static void remarks_again(struct capos_io_timer *t)
{
        struct remarks *r = CAPNP_I_OF(t, struct remarks, timer);

        if (capos_io_watch_set(&r->watch, EPOLLIN))
                capos_io_timer_start(t, PAUSE_MS);
}

int remarks_init(struct remarks *r, struct capos_io_loop *loop, const char *name)
{
        int ends[2], e;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;

        *r = (struct remarks){.name = name, .from = ends[0], .to = ends[1]};
        e = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
        if (!e)
                e = capos_io_timer_init(&r->timer, loop, remarks_again);
        if (!e)
                e = capos_io_watch_init(&r->watch, loop, ends[0], EPOLLIN, remarks_ready);
        if (e) {
                (void)close(ends[0]);
                (void)close(ends[1]);
                capos_io_timer_deinit(&r->timer);
                *r = (struct remarks){0};
        }
        return e;
}

void remarks_deinit(struct remarks *r)
{
        if (!r->name)
                return;

        remarks_read(r);
        remarks_tell(r);
        capos_io_watch_deinit(&r->watch);
        capos_io_timer_deinit(&r->timer);
        (void)close(r->from);
        (void)close(r->to);
        *r = (struct remarks){0};
}
