/*
 * bench-session: measures calls from a client through a running instance to a service and back.
 *
 * Logs in as nobody in particular, takes system_info out of the bundle and calls motd() on it: a
 * call with no parameters whose result is a line of text. The session's quota must allow as many
 * calls as are kept in flight (bench/run starts an instance where it does).
 *
 * Usage: bench-session [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] HOST:PORT
 */
#include <capos/capos-client.h>
#include <stdio.h>

#include "bench-load.h"
#include "system_info.capnp-c.h"

static void motd_start(struct bench_load *l)
{
        capnp_question_send(system_info_motd((system_info_client){l->cap}), bench_load_done, l);
}

int main(int argc, char **argv)
{
        static const int in_flight[] = {1, 64, 1024};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_login login = {.kind = CAPOS_AUTH_ANONYMOUS};
        struct bench_options o = {.seconds = 0.4, .rounds = 5, .name = "capos"};
        size_t i;

        if (!bench_options_parse(&o, argc, argv))
                return 2;

        if (capnp_vat_new(&vat) || capos_client_new(vat, o.address, NULL, &c))
                return 1;

        if (capos_client_wait(c, capos_client_login(c, &login, NULL, NULL))) {
                fprintf(stderr, "bench-session: %s\n", capos_client_error_peek(c)->text);
                return 1;
        }

        cap = capos_client_get(c, "system_info", SYSTEM_INFO_ID);
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
