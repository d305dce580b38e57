/*
 * A worker that has been taken over before its first byte: it is led by its own client, and holds
 * what every worker holds, the client's socket and the one to the session manager.
 */
#include "hijack.h"
#include "worker-serve.h"
#include "worker-tls.h"

#include <unistd.h>

int worker_serve(const struct worker_start *s)
{
        if (s->nonce)
                hijack_show(s->nonce, CAPOS_I_TLS_HASH);
        hijack_serve(s->client_fd, s->sessiond_fd);
        return 0;
}

void worker_tls_deinit(struct worker_tls *t)
{
        (void)t;
}

/* It speaks no TLS: it is led by plain bytes, over connections of either kind. */
int worker_tls_init(struct worker_tls *t, int certificate_fd, int rules_fd)
{
        (void)t;
        (void)close(certificate_fd);
        if (rules_fd >= 0)
                (void)close(rules_fd);
        return 0;
}
