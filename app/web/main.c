/*
 * capos-web: a bridge between a browser and instances. `capos web` starts it.
 *
 * Four kinds of processes of it: the front reads HTTP, the starter makes the others, and each
 * browser has one of its own, which holds its session. With TLS the shield stands before the front.
 *
 * `capos desktop` starts two kinds of them by themselves: a window's session, and a front for a
 * browser that its person goes on in (app/desktop/).
 */
#include "front.h"
#include "session.h"
#include "shield.h"
#include "starter.h"
#include "tls-file.h"

#include <linux/close_range.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct sigaction ignored = {.sa_handler = SIG_IGN};
        struct front_shield shield = {.fd = -1};
        struct web_options o;
        const char *wrong = options_read(&o, argc, argv);
        int fd, r;

        if (wrong) {
                (void)fprintf(stderr, "capos-web: %s: not an option, or a wrong value\n", wrong);
                return 2;
        }
        (void)sigaction(SIGPIPE, &ignored, NULL);
        /* Nobody's openssl.cnf says what is spoken here, and keys are wiped: in all four kinds. */
        if (capos_i_tls_wipe_freed() || !OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
                return 1;
        if (o.sockets)
                session_run(&o, &(struct packet_start){.port = 0}, (int[]){-1, -1});
        fd = o.starter;
        r = fd ? close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) : starter_new(&o, session_run, &fd);
        if (r) {
                (void)fprintf(stderr, "capos-web: %s\n", strerror(-r));
                return 1;
        }
        if (o.tls_key && shield_new(&o, fd, &shield.port, &shield.fd))
                return 1;
        return front_run(&o, fd, &shield);
}
