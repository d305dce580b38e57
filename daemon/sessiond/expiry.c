/*
 * What ends at a date, when the date or the clock is set. A session's lease is cut to its dates
 * when it begins, so nothing has to happen on the day. That the clock was set since is told by a
 * timer that is never due, and canceled then. Nothing is made longer by either: what a client was
 * promised was the end by what held before.
 */
#include "expiry.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "daemon-log.h"
#include "enrolment.h"
#include "session.h"
#include "sessiond.h"

void expiry_of_account(struct sessiond *s, const char *account, uint64_t expires_ms)
{
        struct capnp_i_list *l = s->sessions.next;

        if (expires_ms && expires_ms <= clock_wall_ms()) {
                sessions_end(s, account, NULL, REVOKED_EXPIRED);
                return;
        }

        for (struct enrolment *n = enrolments_next(s, NULL); n; n = enrolments_next(s, n))
                if (!strcmp(n->account, account)) {
                        n->dates.account_ms = expires_ms;
                        n->dates.over = NULL;
                        enrolment_cut(n);
                }
        while (l != &s->sessions) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                l = l->next;
                if (!strcmp(e->account, account)) {
                        e->dates.account_ms = expires_ms;
                        e->dates.over = NULL;
                        session_cut(e);
                }
        }
}

void expiry_clock_set(struct sessiond *s)
{
        struct capnp_i_list *l = s->sessions.next;

        for (struct enrolment *n = enrolments_next(s, NULL); n; n = enrolments_next(s, n))
                enrolment_cut(n);
        while (l != &s->sessions) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                l = l->next;
                session_cut(e);
        }
}

/* Armed again each time: what was canceled says so once. */
static int clock_arm(int fd)
{
        const struct itimerspec never = {.it_value = {.tv_sec = INT64_C(1) << 33}};

        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL)
                       ? -errno
                       : 0;
}

static void clock_on_event(void *arg, uint32_t events)
{
        struct sessiond *s = arg;
        uint64_t times;

        (void)events;
        (void)!read(s->expiry.fd, &times, sizeof(times));
        if (clock_arm(s->expiry.fd))
                daemon_log(LOG_ERR, "nobody will say any more that the clock was set");
        expiry_clock_set(s);
}

int expiry_init(struct sessiond *s)
{
        int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC), r;

        if (fd < 0)
                return -errno;
        r = clock_arm(fd);
        if (!r)
                r = capnp_watch_new(s->vat, fd, EPOLLIN, clock_on_event, s, &s->expiry.watch);
        if (r) {
                close(fd);
                return r;
        }

        s->expiry.fd = fd;
        return 0;
}

void expiry_deinit(struct sessiond *s)
{
        if (!s->expiry.watch)
                return;

        s->expiry.watch = capnp_watch_free(s->expiry.watch);
        close(s->expiry.fd);
}
