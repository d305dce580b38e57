/*
 * Streams to a server that knows nothing of the instance.
 *
 * A connector (daemon/connector) may neither connect nor start anything: it asks for a stream, and
 * gets one of the kind that its manifest entry names. It cannot say where to. caposd connects and
 * hands the socket on, without waiting: one over TCP may still be on its way, which the connector
 * finds out by using it.
 *
 * A program is started with one end of a socket pair as its standard input and output, and is
 * confined as a service is that does nothing to itself. It has its stream to end with: when the
 * connector's end is closed, it is given a few seconds, and then killed, with what it has started,
 * as far as that has stayed in its group. For that a copy of its end is kept here, on which the
 * hang-up is seen. What it writes to its standard error is told as its own (remarks.c). When the
 * program has ended, whatever is left of its group is killed, and the stream is shut down by that
 * copy: so the connector sees it, whoever else still has the other end.
 *
 * Callers cause these starts. So there are only so many at once, and so many in a second: what is
 * asked for beyond that is refused for now, and the connector asks again. What is asked for by one
 * that does not read what it gets is a descriptor of ours each: such a connector is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-capacity.h"
#include "daemon-log.h"
#include "remarks.h"
#include "streams.h"

enum {
        STARTS = 16,       /* … in a second, for they keep caposd from other things */
        UNREAD = 64,       /* packets that a connector may leave unread */
        PATIENCE_MS = 5000 /* for a program whose caller has gone */
};

struct streams {
        struct keeper *keeper;
        struct connect to;
        char *name; /* the service's */
        char *schema;
        char *path; /* of the program, and how it is started: program_argv(); NULL: none */
        const char **argv;
        unsigned user;                /* whose number programs get */
        struct capnp_i_list programs; /* struct server */
        unsigned nprograms;
        uint64_t second; /* of the clock, and … */
        unsigned starts; /* … how many were started in it */
        struct daemon_log_rate said;
        struct remarks remarks; /* what programs write to their standard error */
};

/* A program that serves one caller. */
struct server {
        struct capnp_i_list link;
        struct streams *s;
        struct capos_io_child child;
        struct capos_io_watch watch; /* on end: that nobody calls any more */
        struct capos_io_timer timer; /* the end of patience */
        int end;
        pid_t pid;
        bool killed;
};

/* ---- a program's end ------------------------------------------------------------------------ */

static void server_free(struct server *p)
{
        capnp_i_list_remove(&p->link);
        p->s->nprograms--;
        capos_io_watch_deinit(&p->watch);
        capos_io_timer_deinit(&p->timer);
        capos_io_child_deinit(&p->child);
        (void)shutdown(p->end, SHUT_RDWR);
        (void)close(p->end);
        free(p);
}

static void server_ended(struct capos_io_child *c, int code, int status)
{
        struct server *p = CAPNP_I_OF(c, struct server, child);
        struct streams *s = p->s;
        bool good = (code == CLD_EXITED && !status) || p->killed;
        char how[128];

        if (!good && !s->keeper->ending && daemon_log_may(&s->said, capos_io_now_ms())) {
                program_describe(code, status, how, sizeof(how));
                daemon_log(LOG_WARNING, "%s: its program %s", s->name, how);
        }
        server_free(p);
}

/* With what it has started: its group has its number, which is its own until it is reaped. */
static void server_kill(struct server *p)
{
        p->killed = true;
        (void)kill(-p->pid, SIGKILL);
        (void)!capos_io_child_kill(&p->child, SIGKILL);
}

static void server_time(struct capos_io_timer *t)
{
        struct server *p = CAPNP_I_OF(t, struct server, timer);

        if (daemon_log_may(&p->s->said, capos_io_now_ms()))
                daemon_log(LOG_WARNING, "%s: its program stays, though its caller has gone: killed",
                           p->s->name);
        server_kill(p);
}

static void server_hung_up(struct capos_io_watch *w, uint32_t events)
{
        struct server *p = CAPNP_I_OF(w, struct server, watch);

        (void)events;
        capos_io_watch_deinit(&p->watch);
        capos_io_timer_start(&p->timer, PATIENCE_MS);
}

/* ---- a program's start ---------------------------------------------------------------------- */

static bool may_start(struct streams *s)
{
        uint64_t second = capos_io_now_ms() / 1000;

        if (second != s->second)
                s->starts = 0;
        s->second = second;
        return s->nprograms < DAEMON_PROGRAMS && s->starts++ < STARTS;
}

static int server_spawn(struct server *p, int *ret_pidfd)
{
        const struct streams *s = p->s;
        struct daemon_spawn spawn = {.path = s->path,
                                     .argv = s->argv,
                                     .fds = {{p->end, STDIN_FILENO},
                                             {p->end, STDOUT_FILENO},
                                             {s->remarks.to, STDERR_FILENO}},
                                     .nfds = 3};

        confine_program(&s->keeper->confinement, s->user, 0, &spawn);
        spawn.seclusion.processes = spawn.seclusion.namespaces;
        return daemon_spawn(&spawn, &p->pid, ret_pidfd);
}

/* It runs, but there is no memory to watch it. */
static void server_abandon(struct server *p, int pidfd)
{
        if (pidfd >= 0) {
                (void)kill(-p->pid, SIGKILL);
                (void)waitpid(p->pid, NULL, 0);
                (void)close(pidfd);
        }
        server_free(p);
}

/* p has its end of the pair. On failure it is freed. */
static int server_start(struct server *p)
{
        struct capos_io_loop *loop = &p->s->keeper->loop;
        int pidfd = -1, r;

        r = capos_io_timer_init(&p->timer, loop, server_time);
        if (!r)
                r = server_spawn(p, &pidfd);
        if (!r)
                r = capos_io_watch_init(&p->watch, loop, p->end, EPOLLRDHUP, server_hung_up);
        if (!r)
                r = capos_io_child_init(&p->child, loop, pidfd, server_ended);
        if (r)
                server_abandon(p, pidfd);
        else
                p->child.leads = true;
        return r;
}

static int streams_start(struct streams *s, int *ret_fd)
{
        struct server *p;
        int pair[2], r;

        if (!may_start(s))
                return -EAGAIN;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                r = -errno;
                free(p);
                return r;
        }

        p->s = s;
        p->end = pair[1];
        p->child.pidfd = -1;
        capnp_i_list_init(&p->link);
        capnp_i_list_append(&s->programs, &p->link);
        s->nprograms++;
        r = server_start(p);
        if (r) {
                (void)close(pair[0]);
                if (daemon_log_may(&s->said, capos_io_now_ms()))
                        daemon_log(LOG_ERR, "%s: %s cannot be started: %s", s->name, s->path,
                                   capnp_strerror(r));
                return r;
        }
        *ret_fd = pair[0];
        return 0;
}

/* ---- answering ------------------------------------------------------------------------------ */

static int streams_connect(const struct streams *s, int *ret_fd)
{
        int r = capos_io_socket_connect(&s->to.address, SOCK_STREAM, ret_fd);

        if (r == CAPOS_IO_E_BUSY)
                return -EAGAIN;

        return r == CAPOS_IO_E_AGAIN ? 0 : r;
}

bool streams_dial(struct streams *s, struct daemon_link *to)
{
        struct packet p = {.type = PACKET_STREAM};
        int fd = -1;

        if (to->waiting >= UNREAD)
                return false;

        p.result = s->to.program ? streams_start(s, &fd) : streams_connect(s, &fd);
        if (p.result)
                p.type = PACKET_NO_STREAM;
        daemon_link_send(to, &p, &fd);
        return true;
}

int streams_schema(const struct streams *s)
{
        int fd = open(s->schema, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        return fd < 0 ? -errno : fd;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int streams_init(struct streams *s, service_reader r)
{
        if (!manifest_connect_read(service_connect(r), &s->to))
                return -EINVAL;

        s->name = strdup(service_name(r).p);
        s->schema = strdup(service_schema(r).p);
        if (!s->name || !s->schema)
                return -ENOMEM;
        if (!s->to.program)
                return 0;

        s->path = program_find(service_program(r).p);
        if (!s->path) {
                daemon_log(LOG_ERR, "%s: there is no program %s beside capos-caposd", s->name,
                           service_program(r).p);
                return CAPOSD_E_SAID;
        }
        s->argv = program_argv(s->path, service_arguments(r), s->name, false);
        return s->argv ? remarks_init(&s->remarks, &s->keeper->loop, s->name) : -ENOMEM;
}

int streams_new(struct keeper *k, service_reader r, unsigned user, struct streams **ret)
{
        struct streams *s = calloc(1, sizeof(*s));
        int e;

        if (!s)
                return -ENOMEM;

        *s = (struct streams){.keeper = k, .user = user};
        capnp_i_list_init(&s->programs);
        e = streams_init(s, r);
        if (e)
                (void)streams_free(s);
        else
                *ret = s;
        return e;
}

struct streams *streams_free(struct streams *s)
{
        struct server *p;

        if (!s)
                return NULL;

        while (!capnp_i_list_empty(&s->programs)) {
                p = CAPNP_I_OF(s->programs.next, struct server, link);
                server_kill(p);
                (void)waitpid(p->pid, NULL, 0);
                server_free(p);
        }
        remarks_deinit(&s->remarks);
        free(s->name);
        free(s->schema);
        free(s->path);
        free(s->argv);
        free(s);
        return NULL;
}
