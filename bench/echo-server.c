/*
 * echo-server: the Echo interface of test/peers/bench.capnp, on our library.
 *
 * It is the far end for clients that measure; bench/peer has the same on the C++ library. Nothing
 * here is tuned beyond what any server would write.
 *
 * Usage: echo-server unix:/path | HOST:PORT      (prints `ready` once it listens)
 */
#include <stdio.h>

#include "bench.capnp-c.h"

struct server {
        capnp_cap *self; /* borrowed */
        uint64_t bytes;  /* pushed since the last done() */
};

static int echo_on_echo(void *self, capnp_answer *a)
{
        (void)self;
        echo_echo_results_set_x(a, echo_echo_param_x(a));
        return capnp_answer_return(a);
}

static int echo_on_self(void *self, capnp_answer *a)
{
        struct server *s = self;

        echo_self_results_set_cap(a, (echo_client){s->self});
        return capnp_answer_return(a);
}

static int echo_on_null(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static int echo_on_push(void *self, capnp_answer *a)
{
        struct server *s = self;

        s->bytes += echo_push_param_x(a).len;
        return capnp_answer_return(a);
}

static int echo_on_done(void *self, capnp_answer *a)
{
        struct server *s = self;

        echo_done_results_set_bytes(a, s->bytes);
        s->bytes = 0;
        return capnp_answer_return(a);
}

static const struct echo_ops echo_ops = {
        .echo = echo_on_echo,
        .self = echo_on_self,
        .null = echo_on_null,
        .push = echo_on_push,
        .done = echo_on_done,
};

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct server s = {0};
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: %s unix:/path | HOST:PORT\n", argv[0]);
                return 2;
        }

        if (capnp_vat_new(&vat) || echo_serve(vat, &echo_ops, &s, &cap))
                return 1;

        s.self = cap;
        r = capnp_vat_listen(vat, argv[1], NULL, cap);
        if (r) {
                fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], capnp_strerror(r));
                return 1;
        }

        puts("ready");
        fflush(stdout);
        return capnp_vat_run(vat) ? 1 : 0;
}
