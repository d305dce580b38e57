/*
 * `capos pipe`: joins standard input and output to the Unix socket of an instance of this machine.
 * It is what `--via ssh` starts at the other end. It understands no byte of what goes through, and
 * asks the kernel who listens, as a login does.
 *
 * Each direction has a buffer; it is filled when it is empty. Writing never waits: as much is
 * written as there is room for (PIPE_BUF, of which poll() knows that a pipe has room).
 */
#include "client-local.h"
#include "client.h"
#include "greet.h"
#include "io-socket.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long the instance may take to close its side after we have. */
enum { LINGER_MS = 5000 };

struct lane {
        int from, to;
        char bytes[PIPE_BUF];
        size_t at, len;
        bool ended;  /* nothing more will come */
        bool broken; /* nothing more can be written */
};

static bool lane_is_full(const struct lane *l)
{
        return l->at < l->len;
}

static void lane_fill(struct lane *l)
{
        ssize_t n = read(l->from, l->bytes, sizeof(l->bytes));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        l->at = 0;
        l->len = n > 0 ? (size_t)n : 0;
        l->ended = n <= 0;
}

static void lane_empty(struct lane *l)
{
        ssize_t n = write(l->to, l->bytes + l->at, l->len - l->at);

        if (n >= 0) {
                l->at += (size_t)n;
                return;
        }
        if (errno == EAGAIN || errno == EINTR)
                return;
        l->ended = l->broken = true;
        l->at = l->len = 0;
}

/* What a lane waits for: its source where it is empty, else its sink. */
static struct pollfd lane_poll(const struct lane *l)
{
        if (lane_is_full(l))
                return (struct pollfd){.fd = l->to, .events = POLLOUT};
        return (struct pollfd){.fd = l->ended ? -1 : l->from, .events = POLLIN};
}

static void lane_move(struct lane *l, short revents)
{
        if (!revents)
                return;
        if (lane_is_full(l))
                lane_empty(l);
        else
                lane_fill(l);
}

/* Until the instance has closed its side and all of it is written, or the reader has gone. */
static void pipe_run(int instance)
{
        struct lane in = {.from = STDIN_FILENO, .to = instance};
        struct lane out = {.from = instance, .to = STDOUT_FILENO};
        bool told = false;

        while ((!out.ended || lane_is_full(&out)) && !out.broken) {
                struct pollfd p[3] = {lane_poll(&in), lane_poll(&out), {.fd = STDOUT_FILENO}};
                int n = poll(p, 3, told ? LINGER_MS : -1);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0 || (p[2].revents & (POLLERR | POLLNVAL)))
                        return;
                lane_move(&in, p[0].revents);
                lane_move(&out, p[1].revents);
                if (in.ended && !lane_is_full(&in) && !told) {
                        (void)shutdown(instance, SHUT_WR);
                        told = true;
                }
        }
}

int cmd_pipe(struct cli *c)
{
        char local[CLIENT_LOCAL_ADDRESS];
        struct capos_io_addresses all;
        struct greet_place place;
        const char *address;
        int fd, r = greet_place_read(c, c->nwords ? c->words[0] : "localhost", &place);

        if (r)
                return r;

        address = place.at.named ? place.text
                                 : client_local_address(place.text, local, sizeof(local));
        if (strncmp(address, "unix:", 5) != 0)
                return cli_fail(c, EXIT_NO_CONNECTION, "no-instance",
                                "%s: no instance of this machine has a Unix socket for it: it is "
                                "in $XDG_RUNTIME_DIR/capos or /run/capos, or named by unix:PATH",
                                place.text);
        r = capos_io_address_parse(address, false, &all);
        if (!r)
                r = capos_io_socket_connect(&all.a[0], SOCK_STREAM, &fd);
        if (r == CAPOS_IO_E_BUSY)
                r = -EAGAIN;
        if (!r && !client_trusts_server(fd))
                r = -EPERM;
        if (r)
                return cli_fail(c, EXIT_NO_CONNECTION, "cannot-connect", "%s: %s", address,
                                capos_strerror(r));

        pipe_run(fd);
        return EXIT_OK;
}
