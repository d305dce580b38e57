/*
 * A worker that has been taken over before its first byte: it is led by its own client, and holds
 * what every worker holds, the client's socket and the one to the session manager.
 */
#include "hijack.h"
#include "worker-serve.h"
#include "worker-tls.h"

int worker_serve(const struct worker_start *s)
{
        hijack_serve(s->client_fd, s->sessiond_fd);
        return 0;
}

void worker_tls_deinit(struct worker_tls *t)
{
        (void)t;
}

/* What it has of TLS is of no use to it: it is led over plain connections. */
int worker_tls_init(struct worker_tls *t, int certificate_fd, int rules_fd)
{
        (void)t, (void)certificate_fd, (void)rules_fd;
        return 0;
}
