/*
 * gateway-server [LEASE_MS [WORD]]: the gateway to test clients against, as a program. Prints the
 * line that an instance prints, and ends with its standard input. WORD: instead of a pointer to the
 * results of `uptime`.
 */
#include "gateway-play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void on_input(void *arg, uint32_t events)
{
        char b[16];

        (void)events;
        if (read(STDIN_FILENO, b, sizeof(b)) <= 0)
                capnp_vat_stop(arg);
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        struct play p;
        capnp_watch *w;
        int r;

        if (capnp_vat_new(&vat) || play_init(&p, vat, "127.0.0.1:0"))
                return 1;

        if (argc > 1)
                p.lease_ms = (uint32_t)strtoul(argv[1], NULL, 10);
        if (argc > 2)
                p.malformed = strtoull(argv[2], NULL, 16);
        p.motd = "welcome \x1b[2J to the play";
        printf("remote CapSet: plain 127.0.0.1 %s\n",
               strrchr(capnp_listener_address(p.listener), ':') + 1);
        (void)fflush(stdout);
        if (capnp_watch_new(vat, STDIN_FILENO, EPOLLIN, on_input, vat, &w))
                return 1;
        r = capnp_vat_run(vat);
        capnp_watch_free(w);
        play_deinit(&p);
        return r ? 1 : 0;
}
