/*
 * conf-proxy: serves what another server serves, one connection to it for each client, and nothing
 * of its own: all that a relay does, and only that. The C++ driver and the C++ server on its two
 * sides see whether anything of theirs is lost on the way, through one such vat or several.
 *
 * Usage: conf-proxy [--membrane] LISTEN CONNECT        (prints `ready` once it listens)
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <capos/capnp-vat.h>

struct proxy {
        capnp_vat *vat;
        const char *to;
        bool membrane;
};

static const struct capnp_membrane_ops open_membrane; /* lets everything pass */

/* What a client of ours is given: the other's bootstrap object, behind a membrane if need be. */
static int proxy_root(const struct proxy *p, capnp_cap **ret_c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;
        capnp_membrane *m;
        int r;

        r = capnp_vat_connect(p->vat, p->to, NULL, &inside);
        if (r)
                return r;

        if (!p->membrane) {
                *ret_c = inside;
                inside = NULL;
                return 0;
        }

        r = capnp_membrane_new(p->vat, &open_membrane, NULL, &m);
        if (r)
                return r;

        *ret_c = capnp_membrane_wrap(m, inside);
        capnp_membrane_unref(m);
        return *ret_c ? 0 : -1;
}

static void proxy_accept(void *self, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        struct proxy *p = self;
        capnp_conn *conn;

        if (proxy_root(p, &root) || capnp_conn_new(p->vat, fd, NULL, root, &conn)) {
                (void)close(fd);
                return;
        }
        capnp_conn_unref(conn);
}

static const struct capnp_listener_ops listener_ops = {.accept = proxy_accept};

int main(int argc, char **argv)
{
        struct proxy p = {0};
        capnp_listener *listener;
        int at = 1;

        if (argc > 1 && !strcmp(argv[1], "--membrane")) {
                p.membrane = true;
                at++;
        }
        if (argc != at + 2) {
                fprintf(stderr, "usage: conf-proxy [--membrane] LISTEN CONNECT\n");
                return 2;
        }

        p.to = argv[at + 1];
        if (capnp_vat_new(&p.vat) ||
            capnp_listener_new(p.vat, argv[at], &listener_ops, &p, &listener)) {
                fprintf(stderr, "conf-proxy: %s: cannot listen\n", argv[at]);
                return 1;
        }
        puts("ready");
        fflush(stdout);
        return capnp_vat_run(p.vat) ? 1 : 0;
}
