/*
 * bench-client: measures the calls of test/peers/bench.capnp against any Echo server, with our
 * library as the client. The counterpart of bench/peer/bench-client.c++: same figures, same lines.
 *
 * Usage: bench-client [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] ADDRESS
 */
#include <stdio.h>
#include <string.h>

#include "bench-load.h"
#include "bench.capnp-c.h"

static void null_start(struct bench_load *l)
{
        capnp_question_send(echo_null((echo_client){l->cap}), bench_load_done, l);
}

static void echo_start(struct bench_load *l)
{
        capnp_question *q = echo_echo((echo_client){l->cap});

        memset(echo_echo_init_x(q, 1024), 'e', 1024);
        capnp_question_send(q, bench_load_done, l);
}

/* A stream is one call in flight, however many its window takes: it ends with its done(). */
static void push_done(capnp_question *q, int r, void *arg)
{
        struct bench_load *l = arg;

        capnp_question_free(q);
        l->failed += r != 0;
        l->open--;
        capnp_vat_stop(l->vat);
}

static void push_ready(void *arg);

static void push_start(struct bench_load *l)
{
        echo_client echo = {l->cap};
        int r = 0;

        while (!r && bench_load_next(l)) {
                capnp_question *q = echo_push(echo);

                memset(echo_push_init_x(q, 4096), 'p', 4096);
                r = capnp_question_stream(q, push_ready, l);
        }

        if (r != CAPNP_E_LIMIT)
                capnp_question_send(echo_done(echo), push_done, l);
}

static void push_ready(void *arg)
{
        push_start(arg);
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *first = NULL;
        struct bench_options o = {.seconds = 0.4, .rounds = 5, .name = "capos"};
        struct bench_load loads[] = {
                {.what = "null", .start = null_start, .in_flight = 1},
                {.what = "null", .start = null_start, .in_flight = 64},
                {.what = "null", .start = null_start, .in_flight = 1024},
                {.what = "echo-1k", .start = echo_start, .in_flight = 64},
                {.what = "push-4k", .start = push_start, .in_flight = 1},
        };
        size_t i;

        if (!bench_options_parse(&o, argc, argv))
                return 2;

        if (capnp_vat_new(&vat) || capnp_vat_connect(vat, o.address, NULL, &cap))
                return 1;

        first = echo_null((echo_client){cap});
        if (capnp_question_wait(first)) {
                fprintf(stderr, "bench-client: %s\n", capnp_question_exception(first).reason);
                return 1;
        }

        for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
                loads[i].vat = vat;
                loads[i].cap = cap;
                bench_load_figure(&loads[i], &o);
        }

        return 0;
}
