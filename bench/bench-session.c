/*
 * bench-session: measures calls from a client through a running instance to a service and back.
 *
 * Logs in as nobody in particular, takes system_info out of the bundle and calls motd() on it: a
 * call with no parameters whose result is a line of text. The session's quota must allow as many
 * calls as are kept in flight (bench/run starts an instance where it does).
 *
 * Usage: bench-session [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] HOST:PORT
 *        bench-session --calls N IN_FLIGHT HOST:PORT
 *
 * The second makes so many calls and measures nothing: for what counts instructions.
 */
#include <capos/capos-client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-load.h"
#include "system_info.capnp-c.h"

static void motd_start(struct bench_load *l)
{
        capnp_question_send(system_info_motd((system_info_client){l->cap}), bench_load_done, l);
}

/* So many calls. */
struct count {
        capnp_vat *vat;
        capnp_cap *cap;
        long left, open;
        bool failed;
};

static void count_start(struct count *n);

static void count_done(capnp_question *q, int r, void *arg)
{
        struct count *n = arg;

        capnp_question_free(q);
        n->failed |= r != 0;
        n->open--;
        if (n->left)
                count_start(n);
        else if (!n->open)
                capnp_vat_stop(n->vat);
}

static void count_start(struct count *n)
{
        n->left--;
        n->open++;
        capnp_question_send(system_info_motd((system_info_client){n->cap}), count_done, n);
}

/* The program's exit code. */
static int count_calls(capnp_vat *vat, capnp_cap *cap, long calls, long in_flight)
{
        struct count n = {.vat = vat, .cap = cap, .left = calls};

        while (n.left && n.open < in_flight)
                count_start(&n);
        return calls < 1 || capnp_vat_run(vat) || n.failed;
}

int main(int argc, char **argv)
{
        static const int in_flight[] = {1, 64, 1024};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_login login = {.kind = CAPOS_AUTH_ANONYMOUS};
        struct bench_options o = {.seconds = 0.4, .rounds = 5, .name = "capos"};
        bool counts = argc == 5 && !strcmp(argv[1], "--calls");
        size_t i;

        if (counts)
                o.address = argv[4];
        else if (!bench_options_parse(&o, argc, argv))
                return 2;

        if (capnp_vat_new(&vat) || capos_client_new(vat, o.address, NULL, &c))
                return 1;

        if (capos_client_wait(c, capos_client_login(c, &login, NULL, NULL))) {
                fprintf(stderr, "bench-session: %s\n", capos_client_error_peek(c)->text);
                return 1;
        }

        cap = capos_client_get(c, "system_info", SYSTEM_INFO_ID);
        if (cap && counts)
                return count_calls(vat, cap, strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
        for (i = 0; cap && i < sizeof(in_flight) / sizeof(in_flight[0]); i++) {
                struct bench_load l = {.vat = vat,
                                       .cap = cap,
                                       .what = "motd-through-instance",
                                       .start = motd_start,
                                       .in_flight = in_flight[i]};

                bench_load_figure(&l, &o);
        }

        return cap ? 0 : 1;
}
