/*
 * A service, from its first line to its last: descriptors, signals, confinement, the loop.
 *
 * A service is started with descriptor 3, its link to caposd, with 5, its state directory, when the
 * manifest gives it one, and with the manifest's arguments (one of the instance's own that speaks
 * for others, kit-link.h, also with 6, a file that says what it serves). Over the link comes a
 * control connection for every session manager there is in its life, and when the link ends, so
 * does the instance. SIGTERM is an orderly end, too; SIGINT is for whoever runs the instance, and
 * ignored here.
 *
 * Before a line of the service's own code runs, the process is confined: it can neither connect nor
 * start anything, and files it can keep only where it was given a directory (ROLE_SERVICE and
 * ROLE_KEEPER in daemon-filter.c).
 */
#include "kit-internal.h"

#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-packets.h"
#include "daemon-sandbox.h"
#include "io-child.h"
#include "io-packet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_FD = DAEMON_STATE_FD, SCHEMA_BYTES = 4 * 1024 * 1024, END_ROUNDS = 1000 };

static void kit_complain(const struct kit_service *s, const char *what, int r)
{
        daemon_log(LOG_ERR, "%s: %s: %s", s->name, what, capnp_strerror(r));
}

/* ---- what it starts with ------------------------------------------------------------------- */

static bool link_is_there(void)
{
        int type = 0;
        socklen_t len = sizeof(type);

        return getsockopt(LINK_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
               type == SOCK_SEQPACKET && capos_io_socket_adopt(LINK_FD) == 0;
}

/* -1: there is none. */
static int state_directory(void)
{
        struct stat st;

        if (fstat(STATE_FD, &st) < 0 || !S_ISDIR(st.st_mode))
                return -1;
        if (fcntl(STATE_FD, F_SETFD, FD_CLOEXEC) < 0)
                return -1;

        return STATE_FD;
}

/* Nothing may have come along by mistake: whatever is open here, every caller's bugs can reach. */
static int descriptors_check(int state_fd)
{
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD, STATE_FD};
        int fd;

        return daemon_check_fds(allowed, state_fd < 0 ? 4 : 5, &fd);
}

/* Reads what it serves, and closes that. 0; -EMSGSIZE: it is too long; -ENODATA: empty; -errno. */
static int schema_take(struct capnp_buf *b)
{
        struct stat st;
        ssize_t n = 1;
        int r = 0;

        if (fstat(KIT_SCHEMA_FD, &st) < 0)
                return -errno;
        if (st.st_size <= 0 || st.st_size > SCHEMA_BYTES)
                r = st.st_size > 0 ? -EMSGSIZE : -ENODATA;
        if (!r)
                b->p = malloc((size_t)st.st_size);
        if (!r && !b->p)
                r = -ENOMEM;
        while (!r && n > 0 && b->len < (size_t)st.st_size) {
                n = pread(KIT_SCHEMA_FD, b->p + b->len, (size_t)st.st_size - b->len, (off_t)b->len);
                if (n > 0)
                        b->len += (size_t)n;
                else if (n < 0)
                        r = -errno;
        }
        (void)close(KIT_SCHEMA_FD);
        return r;
}

static int signals_open(int *ret_fd)
{
        static const int signals[] = {SIGTERM};
        struct sigaction ignore = {.sa_handler = SIG_IGN};

        if (sigaction(SIGINT, &ignore, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
                return -errno;

        return capos_io_signal_open(signals, 1, ret_fd);
}

/* ---- the link ----------------------------------------------------------------------------- */

static void kit_stop(struct kit *k, int r)
{
        k->failed = r;
        capnp_vat_stop(k->vat);
}

/* One packet. 0; CAPOS_IO_E_AGAIN: there is none; CAPOS_IO_E_CLOSED: the instance ends; -errno. */
static int link_receive(struct kit *k)
{
        int r, fds[LINK_FDS + 1] = {-1};
        struct packet p = {0};
        unsigned n;

        r = daemon_packet_recv(LINK_FD, &p, fds);
        if (r == CAPOS_IO_E_SIZE && k->linked && p.type == PACKET_STREAM)
                return k->linked->got(k->self, &p, -1); /* we may have no more descriptors */
        if (r == CAPOS_IO_E_SIZE)
                return -EPROTO;
        if (r)
                return r;

        n = packet_fds(p.type);
        if (p.type == PACKET_CONTROL)
                return kit_control_begin(k, fds[0]);
        if (k->linked && n <= 1)
                return k->linked->got(k->self, &p, n ? fds[0] : -1);

        capos_io_fds_close(fds, n);
        return -EPROTO;
}

int kit_link_say(const struct packet *p)
{
        int r = capos_io_packet_send(LINK_FD, p, sizeof(*p), NULL, 0);

        return r == CAPOS_IO_E_AGAIN ? -EAGAIN : r;
}

static void link_on_event(void *arg, uint32_t events)
{
        struct kit *k = arg;
        int r;

        (void)events;
        do
                r = link_receive(k);
        while (r == 0);
        if (r == CAPOS_IO_E_AGAIN)
                return;

        kit_stop(k, r == CAPOS_IO_E_CLOSED ? 0 : r);
}

static int link_say_ready(void)
{
        int r = kit_link_say(&(struct packet){.type = PACKET_READY});

        /* Nobody there: reading says so, too, and that is an orderly end. */
        return r < 0 ? r : 0;
}

static void signal_on_event(void *arg, uint32_t events)
{
        (void)events;
        kit_stop(arg, 0);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static int kit_loop(struct kit *k, int signal_fd)
{
        capnp_watch *link = NULL, *term = NULL;
        int r;

        r = capnp_watch_new(k->vat, LINK_FD, EPOLLIN, link_on_event, k, &link);
        if (!r)
                r = capnp_watch_new(k->vat, signal_fd, EPOLLIN, signal_on_event, k, &term);
        if (!r)
                r = link_say_ready();
        if (!r)
                r = capnp_vat_run(k->vat);
        capnp_watch_free(link);
        capnp_watch_free(term);
        return r ? r : k->failed;
}

/* Every caller has gone: whether anything is kept for one. What is when the service is about to
 * stop may be given back by that, a call that it keeps for whoever is there; but nobody can tell it
 * from what was lost an hour ago, so it is worth a line. */
static bool kit_is_clean(const struct kit *k, int level, const char *says)
{
        struct capnp_rpc_counts n;

        for (unsigned i = 0; i < END_ROUNDS && capnp_rpc_pending(k->vat); i++)
                (void)!capnp_vat_process(k->vat);
        capnp_vat_count(k->vat, &n);
        if (!n.questions && !n.answers && !n.exports && !n.imports && !n.held_bytes)
                return true;

        daemon_log(level,
                   "%s: ledger: %u and %u calls, %u and %u references, %llu bytes of callers %s",
                   k->service->name, n.questions, n.answers, n.exports, n.imports,
                   (unsigned long long)n.held_bytes, says);
        return false;
}

/* The process's exit code. */
static int kit_serve(struct kit *k, const struct kit_start *start, int signal_fd)
{
        const struct kit_service *s = k->service;
        bool clean;
        int r;

        r = s->start ? s->start(start, &k->self) : 0;
        if (r == -EINVAL)
                return 2;
        if (r) {
                kit_complain(s, "start", r);
                return 1;
        }

        r = kit_loop(k, signal_fd);
        if (r)
                kit_complain(s, "link", r);
        kit_control_end(k);
        kit_held_end(k);
        clean = kit_is_clean(k, LOG_WARNING, "are held until the service stops");
        if (s->stop)
                s->stop(k->self);
        kit_held_end(k);
        clean = clean || kit_is_clean(k, LOG_ERR, "were not given back");
        k->vat = capnp_vat_free(k->vat);
        if (s->free)
                s->free(k->self);
        if (r)
                return 1;

        return clean ? 0 : EXIT_LEDGER;
}

static int kit_init(struct kit *k, bool keeps, int *ret_signal_fd)
{
        const struct kit_service *s = k->service;
        int r = daemon_sandbox(keeps ? ROLE_KEEPER : ROLE_SERVICE);

        k->limits = kit_limits(&s->limits);
        k->max_sockets = s->max_callers ? s->max_callers : KIT_CALLERS;
        capnp_i_list_init(&k->sockets);
        capnp_i_list_init(&k->held);
        if (!r)
                r = signals_open(ret_signal_fd);
        if (r)
                return r;

        r = capnp_vat_new(&k->vat);
        if (r)
                (void)close(*ret_signal_fd);
        return r;
}

int kit_run_linked(const struct kit_service *s, const struct kit_link_ops *ops, int argc,
                   char **argv)
{
        struct kit_start start = {.argc = argc, .argv = argv};
        struct kit k = {.service = s, .linked = ops};
        int r = 0, signal_fd;

        if (!link_is_there()) {
                fprintf(stderr,
                        "%s: is started by an instance (capos up): descriptor 3 is no link"
                        " to one\n",
                        s->name);
                return 2;
        }

        start.state_fd = state_directory();
        capnp_buf_init(&k.schema, SCHEMA_BYTES);
        if (ops)
                r = schema_take(&k.schema);
        if (!r)
                r = descriptors_check(start.state_fd);
        if (!r)
                r = kit_init(&k, start.state_fd >= 0, &signal_fd);
        if (r) {
                capnp_buf_deinit(&k.schema);
                kit_complain(s, "start", r);
                return 1;
        }

        start.vat = k.vat;
        start.kit = &k;
        r = kit_serve(&k, &start, signal_fd);
        k.vat = capnp_vat_free(k.vat);
        capnp_buf_deinit(&k.schema);
        (void)close(signal_fd);
        return r;
}

int kit_run(const struct kit_service *s, int argc, char **argv)
{
        return kit_run_linked(s, NULL, argc, argv);
}
