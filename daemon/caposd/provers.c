/*
 * Provers: a process for one proof.
 *
 * The session manager asks for one and gets a socket to it, in any case: if the process could not
 * be started, the socket's other end is closed and the proof has failed. A prover has ten seconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "caposd.h"
#include "daemon-log.h"

enum { PROOF_MS = 10 * 1000 };

struct prover {
        struct capnp_i_list link; /* provers.list */
        struct caposd *c;
        struct capos_io_child child;
        struct capos_io_timer timer;
};

static void prover_free(struct prover *p)
{
        capnp_i_list_remove(&p->link);
        p->c->provers.n--;
        capos_io_child_deinit(&p->child);
        capos_io_timer_deinit(&p->timer);
        free(p);
}

static void prover_ended(struct capos_io_child *child, int code, int status)
{
        struct prover *p = CAPNP_I_OF(child, struct prover, child);

        if (code != CLD_EXITED && !p->c->ending)
                daemon_log(LOG_ERR, "capos-prover was killed by signal %d%s", status,
                           status == SIGSYS ? ": it tried what its confinement forbids" : "");
        prover_free(p);
}

static void prover_kill(struct prover *p)
{
        if (capos_io_child_kill(&p->child, SIGKILL) == -EPERM)
                daemon_log(LOG_ERR, "a prover cannot be killed");
}

static void prover_late(struct capos_io_timer *t)
{
        daemon_log(LOG_ERR, "capos-prover has taken more than 10 seconds: killed");
        prover_kill(CAPNP_I_OF(t, struct prover, timer));
}

static int prover_watch(struct caposd *c, int pidfd)
{
        struct prover *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;

        p->c = c;
        capnp_i_list_append(&c->provers.list, &p->link);
        c->provers.n++;
        p->child.pidfd = -1;
        r = capos_io_timer_init(&p->timer, &c->loop, prover_late);
        if (!r)
                r = capos_io_child_init(&p->child, &c->loop, pidfd, prover_ended);
        if (r) {
                prover_free(p);
                return r;
        }

        capos_io_timer_start(&p->timer, PROOF_MS);
        return 0;
}

static int prover_launch(struct caposd *c, int socket)
{
        const char *argv[] = {"capos-prover", NULL};
        struct daemon_spawn s = {
                .path = c->provers.path, .argv = argv, .fds = {{socket, LINK_FD}}, .nfds = 1};
        int pidfd, r;
        pid_t pid;

        if (c->provers.n >= PROVERS)
                return -EAGAIN;

        r = daemon_spawn(&s, &pid, &pidfd);
        if (r)
                return r;

        r = prover_watch(c, pidfd);
        if (r)
                (void)close(pidfd);
        return r;
}

void provers_start(struct caposd *c, uint32_t request)
{
        const struct packet p = {.type = PACKET_PROVER, .index = request};
        int pair[2], r;

        r = capos_io_packet_pair(pair);
        if (r) {
                /* Without an answer it would wait for ever. */
                daemon_log(LOG_ERR, "no socket for a proof: %s", capnp_strerror(r));
                program_renew(&c->sessiond);
                return;
        }

        r = prover_launch(c, pair[1]);
        if (r)
                daemon_log(LOG_ERR, "capos-prover: %s", capnp_strerror(r));
        (void)close(pair[1]);
        daemon_link_send(&c->sessiond.link, &p, &pair[0]);
}

void provers_kill_all(struct caposd *c)
{
        struct capnp_i_list *all = &c->provers.list;

        for (struct capnp_i_list *l = all->next; l != all; l = l->next)
                prover_kill(CAPNP_I_OF(l, struct prover, link));
}

bool provers_none(const struct caposd *c)
{
        return c->provers.n == 0;
}

int provers_init(struct caposd *c)
{
        capnp_i_list_init(&c->provers.list);
        c->provers.path = program_find("capos-prover");
        if (c->provers.path)
                return 0;

        daemon_log(LOG_ERR, "there is no program capos-prover beside capos-caposd");
        return -ENOENT;
}

void provers_deinit(struct caposd *c)
{
        if (c->provers.list.next)
                while (!capnp_i_list_empty(&c->provers.list))
                        prover_free(CAPNP_I_OF(c->provers.list.next, struct prover, link));
        free(c->provers.path);
        c->provers.path = NULL;
}
