/*
 * bench-stage: a server, a client and perhaps a relay, vats of this one process, joined by Unix
 * sockets and turned in a fixed order: so a run takes the same way through the code each time.
 */
#include "bench-stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void stage_must(int r, const char *what)
{
        if (!r)
                return;

        fprintf(stderr, "%s: %s\n", what, capnp_strerror(r));
        exit(1);
}

static int stage_on_null(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static int stage_on_self(void *self, capnp_answer *a)
{
        struct stage *s = self;

        echo_self_results_set_cap(a, (echo_client){s->served});
        return capnp_answer_return(a);
}

const struct echo_ops stage_ops = {.null = stage_on_null, .self = stage_on_self};
static const struct capnp_membrane_ops membrane_ops;

/* The counting tool can be told to count inside of one of these alone (bench/instructions). */
__attribute__((noinline)) int stage_turn_server(struct stage *s)
{
        return capnp_vat_process(s->vats[SERVER]);
}

__attribute__((noinline)) int stage_turn_relay(struct stage *s)
{
        return capnp_vat_process(s->vats[RELAY]);
}

void stage_turn(struct stage *s)
{
        stage_must(capnp_vat_process(s->vats[CLIENT]), "a turn");
        stage_must(stage_turn_relay(s), "a turn");
        stage_must(stage_turn_server(s), "a turn");
}

static void stage_null_done(capnp_question *q, int r, void *arg);

static void stage_null(struct stage *s)
{
        s->left--;
        s->in_flight++;
        capnp_question_send(echo_null((echo_client){s->target}), stage_null_done, s);
}

static void stage_null_done(capnp_question *q, int r, void *arg)
{
        struct stage *s = arg;

        stage_must(r, "a call");
        capnp_question_free(q);
        s->in_flight--;
        if (s->left)
                stage_null(s);
}

void stage_calls(struct stage *s, uint64_t count, uint32_t in_flight)
{
        s->left = count;
        while (s->left && s->in_flight < in_flight)
                stage_null(s);
        while (s->in_flight)
                stage_turn(s);
}

void stage_init(struct stage *s, const struct echo_ops *ops, const struct capnp_limits *l,
                bool relay)
{
        char address[2][64];

        *s = (struct stage){0};
        for (int i = SERVER; i < VATS; i++) {
                stage_must(capnp_vat_new(&s->vats[i]), "a vat");
                if (i < CLIENT)
                        snprintf(address[i], sizeof(address[i]), "unix-abstract:bench-stage-%d-%d",
                                 (int)getpid(), i);
        }

        stage_must(echo_serve(s->vats[SERVER], ops, s, &s->served), "an object");
        stage_must(capnp_vat_listen(s->vats[SERVER], address[SERVER], l, s->served), "listening");
        if (relay) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;

                stage_must(capnp_vat_connect(s->vats[RELAY], address[SERVER], l, &inside),
                           "connecting");
                stage_must(capnp_membrane_new(s->vats[RELAY], &membrane_ops, NULL, &s->membrane),
                           "a membrane");
                s->wrapped = capnp_membrane_wrap(s->membrane, inside);
                stage_must(capnp_vat_listen(s->vats[RELAY], address[RELAY], l, s->wrapped),
                           "listening");
        }
        stage_must(
                capnp_vat_connect(s->vats[CLIENT], address[relay ? RELAY : SERVER], l, &s->target),
                "connecting");
        stage_calls(s, 100, 1);
}

void stage_deinit(struct stage *s)
{
        s->target = capnp_cap_unref(s->target);
        s->wrapped = capnp_cap_unref(s->wrapped);
        s->served = capnp_cap_unref(s->served);
        s->membrane = capnp_membrane_unref(s->membrane);
        for (int i = CLIENT; i >= SERVER; i--)
                s->vats[i] = capnp_vat_free(s->vats[i]);
}
