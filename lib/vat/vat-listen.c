/*
 * Listeners.
 *
 * A name may stand for several addresses (localhost is two); a listener has a socket on each. If
 * port 0 was asked for, the first socket's port is used for the others, as far as it is free there.
 *
 * When descriptors or memory run out, accept() fails and the connection stays in the queue, so that
 * the listener remains readable: without a pause the loop would spin. It stops watching for 100 ms.
 *
 * accept() callbacks may free the listener; then the rest of the batch is left alone and the memory
 * goes when the batch is done.
 *
 * A Unix socket file is removed with its listener, while that still listens: until then nobody else
 * can have replaced it, unless by force, and the inode number tells that.
 */
#include "vat-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCEPTS_ROUND = 64, PAUSE_MS = 100 };

struct listener_socket {
        struct capos_io_watch watch;
        capnp_listener *listener;
        struct capos_io_address address;
        int fd;
        dev_t device;
        ino_t inode; /* of its file; 0: it has none */
};

struct capnp_listener {
        struct vat_io *io; /* NULL: the vat has been freed */
        struct capnp_i_list link;
        const struct capnp_listener_ops *ops;
        void *self;
        struct capos_io_timer pause;
        bool held, accepting, freed;
        unsigned n;
        struct listener_socket sockets[CAPOS_IO_ADDRESSES];
        char text[CAPOS_IO_ADDRESS_TEXT];
        /* of capnp_vat_listen() and capnp_vat_listen_each() */
        capnp_cap *bootstrap;
        capnp_cap *(*offer)(void *self, const struct capnp_peer *peer);
        void *offer_self;
        struct capnp_limits limits;
};

static void socket_note_file(struct listener_socket *s)
{
        const struct sockaddr_un *un = &s->address.u.un;
        struct stat st;

        if (un->sun_family != AF_UNIX || !un->sun_path[0] || lstat(un->sun_path, &st) < 0)
                return;

        s->device = st.st_dev;
        s->inode = st.st_ino;
}

static void socket_end(struct listener_socket *s)
{
        const char *path = s->address.u.un.sun_path;
        struct stat st;

        capos_io_watch_deinit(&s->watch);
        if (s->inode && lstat(path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
                (void)unlink(path);
        (void)close(s->fd);
}

static void listener_watch(capnp_listener *l, uint32_t events)
{
        /* Changing the events of a watched descriptor takes no memory. */
        for (unsigned i = 0; i < l->n; i++)
                (void)!capos_io_watch_set(&l->sockets[i].watch, events);
}

static void listener_on_pause_end(struct capos_io_timer *t)
{
        listener_watch(CAPNP_I_OF(t, capnp_listener, pause), EPOLLIN);
}

static void listener_on_event(struct capos_io_watch *w, uint32_t events)
{
        struct listener_socket *s = CAPNP_I_OF(w, struct listener_socket, watch);
        capnp_listener *l = s->listener;
        int fd, r = 0;

        (void)events;
        l->accepting = true;
        for (unsigned i = 0; i < ACCEPTS_ROUND && !l->freed; i++) {
                r = capos_io_socket_accept(s->fd, &fd);
                if (r)
                        break;
                l->ops->accept(l->self, fd);
        }
        l->accepting = false;
        if (l->freed) {
                free(l);
        } else if (r && r != CAPOS_IO_E_AGAIN) {
                listener_watch(l, 0);
                capos_io_timer_start(&l->pause, PAUSE_MS);
        }
}

static void listener_end(capnp_listener *l)
{
        for (unsigned i = 0; i < l->n; i++)
                socket_end(&l->sockets[i]);
        l->n = 0;
        capos_io_timer_deinit(&l->pause);
        capnp_i_list_remove(&l->link);
        l->bootstrap = capnp_cap_unref(l->bootstrap);
        l->io = NULL;
        if (l->held)
                return;
        if (l->accepting)
                l->freed = true;
        else
                free(l);
}

void capnp_i_listeners_end(struct vat_io *io)
{
        while (!capnp_i_list_empty(&io->listeners))
                listener_end(CAPNP_I_OF(io->listeners.next, capnp_listener, link));
}

/* ---- making one --------------------------------------------------------------------------- */

static int listener_add(capnp_listener *l, const struct capos_io_address *a)
{
        struct listener_socket *s = &l->sockets[l->n];
        int r;

        r = capos_io_socket_listen(a, SOCK_STREAM, 0, &s->fd);
        if (r)
                return r;

        s->listener = l;
        s->address = *a;
        socket_note_file(s);
        r = capos_io_watch_init(&s->watch, &l->io->loop, s->fd, EPOLLIN, listener_on_event);
        if (!r)
                r = capos_io_socket_address(s->fd, &s->address);
        if (r) {
                socket_end(s);
                return r;
        }
        l->n++;
        return 0;
}

/* Addresses that this machine does not have right now do not matter if another one works. */
static bool listener_may_skip(const capnp_listener *l, bool any_port, int r)
{
        if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT)
                return true;

        return l->n > 0 && any_port && r == -EADDRINUSE;
}

static int listener_open(capnp_listener *l, struct capos_io_addresses *as)
{
        bool any_port = capos_io_address_port(&as->a[0]) == 0;
        int r, first = 0;

        for (unsigned i = 0; i < as->n && !(as->either && l->n); i++) {
                if (any_port && l->n)
                        capos_io_address_set_port(&as->a[i],
                                                  capos_io_address_port(&l->sockets[0].address));
                r = listener_add(l, &as->a[i]);
                if (r && !listener_may_skip(l, any_port, r))
                        return r;
                if (r && !first)
                        first = r;
        }
        if (!l->n)
                return first;

        capos_io_address_format(&l->sockets[0].address, l->text);
        return 0;
}

static int listener_make(capnp_vat *v, const char *addr, const struct capnp_listener_ops *o,
                         void *self, capnp_listener **ret_l)
{
        struct capos_io_addresses as;
        struct vat_io *io;
        capnp_listener *l;
        int r;

        r = capnp_i_vat_io(v, &io);
        if (!r)
                r = capos_io_address_parse(addr, true, &as);
        if (r)
                return r;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;

        l->io = io;
        l->ops = o;
        l->self = self;
        capnp_i_list_init(&l->link);
        capnp_i_list_append(&io->listeners, &l->link);
        r = capos_io_timer_init(&l->pause, &io->loop, listener_on_pause_end);
        if (!r)
                r = listener_open(l, &as);
        if (r) {
                listener_end(l);
                return r;
        }
        *ret_l = l;
        return 0;
}

int capnp_listener_new(capnp_vat *v, const char *addr, const struct capnp_listener_ops *o,
                       void *self, capnp_listener **ret_l)
{
        int r;

        r = listener_make(v, addr, o, self, ret_l);
        if (r)
                return r;

        (*ret_l)->held = true;
        return 0;
}

const char *capnp_listener_address(const capnp_listener *l)
{
        return l->text;
}

capnp_listener *capnp_listener_free(capnp_listener *l)
{
        if (!l)
                return NULL;

        l->held = false;
        if (l->io)
                listener_end(l);
        else
                free(l);
        return NULL;
}

/* ---- serving ------------------------------------------------------------------------------ */

static capnp_cap *serve_offer(capnp_listener *l, int fd)
{
        struct capnp_peer peer = {0};
        struct ucred who;

        if (!capos_io_socket_peer(fd, &who))
                peer = (struct capnp_peer){true, who.pid, who.uid, who.gid};
        return l->offer(l->offer_self, &peer);
}

/* Without memory this connection is lost and the next one may not be. */
static void serve_accept(void *self, int fd)
{
        capnp_listener *l = self;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *own = l->offer ? serve_offer(l, fd) : NULL;
        capnp_conn *c;

        if ((l->offer && !own) ||
            capnp_i_conn_adopt(l->io, fd, &l->limits, own ? own : l->bootstrap, &c))
                (void)close(fd);
}

static const struct capnp_listener_ops serve_ops = {.accept = serve_accept};

static int listener_serve(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                          capnp_listener **ret_s)
{
        int r = listener_make(v, addr, &serve_ops, NULL, ret_s);

        if (r)
                return r;

        (*ret_s)->self = *ret_s;
        if (l)
                (*ret_s)->limits = *l;
        return 0;
}

int capnp_vat_listen(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                     capnp_cap *bootstrap)
{
        capnp_listener *s;
        int r = listener_serve(v, addr, l, &s);

        if (!r)
                s->bootstrap = capnp_cap_ref(bootstrap);
        return r;
}

int capnp_vat_listen_each(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                          capnp_cap *(*offer)(void *self, const struct capnp_peer *peer),
                          void *self)
{
        capnp_listener *s;
        int r = listener_serve(v, addr, l, &s);

        if (!r) {
                s->offer = offer;
                s->offer_self = self;
        }
        return r;
}
