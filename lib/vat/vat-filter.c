/*
 * What lies between the socket and the core of a connection that has a filter.
 *
 * The filter sees bytes only: what was read from the socket, and room for what is to be sent. Both
 * are buffers of the loop, shared by all connections, so an idle connection has none. Bytes stay
 * with the connection in two cases: the core wanted no more input before all that was read was
 * used up, and the kernel did not take all that was to be sent. What a filter sends while it reads
 * (an answer of a handshake) is kept likewise until the end of the round, when it leaves in one
 * write together with what the core has queued.
 *
 * Two rules keep a connection from hanging or from spinning. Bytes that are kept, or that the
 * filter itself has inside, come before those of the socket: the kernel has handed them out and
 * will not tell of them again, so the end of each round looks for them (conn_settle()). And as long
 * as there are any, the socket is not watched for input.
 */
#include "vat-filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for so much output in one turn, and for one piece of clear text. */
enum { OUT_BYTES = 66 * 1024, SCRATCH_BYTES = 16 * 1024 };

/* Bytes of one connection that wait; at: how many of them are done with. */
struct kept {
        uint8_t *b;
        size_t at, len;
};

struct conn_filter {
        const struct capnp_filter_ops *ops;
        void *self;
        struct kept in, out;
};

/* ---- bytes that wait ------------------------------------------------------------------------ */

static size_t kept_left(const struct kept *k)
{
        return k->len - k->at;
}

/* What waits may be clear text of a filter that has nothing to hide, so it goes as it came. */
static void kept_clear(struct kept *k)
{
        free(k->b);
        *k = (struct kept){0};
}

static void kept_drop(struct kept *k, size_t n)
{
        k->at += n;
        if (k->at == k->len)
                kept_clear(k);
}

static int kept_add(struct kept *k, const uint8_t *b, size_t len)
{
        size_t left = kept_left(k);
        uint8_t *all;

        if (!len)
                return 0;

        all = malloc(left + len);
        if (!all)
                return -ENOMEM;

        if (left)
                memcpy(all, k->b + k->at, left);
        memcpy(all + left, b, len);
        kept_clear(k);
        *k = (struct kept){.b = all, .len = left + len};
        return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct capnp_filter_io filter_io(capnp_conn *c)
{
        return (struct capnp_filter_io){
                .rpc = c->rpc,
                .out = c->io->filter_bytes,
                .out_room = OUT_BYTES - kept_left(&c->filter->out),
                .scratch = c->io->filter_bytes + OUT_BYTES,
                .scratch_room = SCRATCH_BYTES,
        };
}

/* Runs the filter over what x has, keeps what it leaves, and what it wants to be sent. */
static int filter_run(capnp_conn *c, struct capnp_filter_io *x, struct kept *in)
{
        struct conn_filter *f = c->filter;
        size_t had = x->in_len;
        int r;

        c->io->filtering = true;
        f->ops->read(f->self, x);
        c->io->filtering = false;
        if (x->note)
                capnp_i_trace_note(c, x->note);
        r = kept_add(&f->out, x->out, x->out_len);
        if (r)
                return r;

        /* What a closed core has not read is read by nobody. */
        if (capnp_rpc_is_closed(c->rpc, NULL)) {
                kept_clear(&f->in);
                return 0;
        }
        if (!in)
                return kept_add(&f->in, x->in, x->in_len);

        kept_drop(in, had - x->in_len);
        return 0;
}

/* First what was kept. That may have been all that there was to come. */
static int filter_read_kept(capnp_conn *c)
{
        struct capnp_filter_io x = filter_io(c);
        struct kept *in = &c->filter->in;

        x.in = in->b ? in->b + in->at : NULL;
        x.in_len = kept_left(in);
        return filter_run(c, &x, in);
}

int capnp_i_filter_read(capnp_conn *c)
{
        struct capnp_filter_io x;
        ssize_t n;
        int r;

        if (capnp_i_filter_is_full(c)) {
                r = filter_read_kept(c);
                return r ? r : !capnp_i_filter_is_full(c);
        }

        n = capos_io_stream_read(c->fd, c->io->in, READ_BYTES);
        if (n == -EAGAIN)
                return 0;
        if (n < 0)
                return (int)n;

        c->io->read_bytes += (uint64_t)n;
        c->peer_ended = n == 0;
        x = filter_io(c);
        x.in = c->io->in;
        x.in_len = (size_t)n;
        x.ended = n == 0;
        r = filter_run(c, &x, NULL);
        return r ? r : n == READ_BYTES && !capnp_i_filter_is_full(c);
}

bool capnp_i_filter_is_full(const capnp_conn *c)
{
        const struct conn_filter *f = c->filter;

        return f && (f->in.b || f->ops->pending(f->self));
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Takes off what has been sent; keeps what has not. */
static int filter_sent(struct conn_filter *f, const struct capnp_filter_io *x, size_t sent)
{
        size_t kept = kept_left(&f->out), first = sent < kept ? sent : kept;

        if (first)
                kept_drop(&f->out, first);
        return kept_add(&f->out, x->out + (sent - first), x->out_len - (sent - first));
}

int capnp_i_filter_write(capnp_conn *c, size_t *ret_bytes)
{
        struct conn_filter *f = c->filter;
        struct capnp_filter_io x = filter_io(c);
        struct iovec v[2];
        unsigned n = 0;
        size_t total;
        ssize_t sent;
        int r;

        /* Somebody who was called by a filter wants output flushed: the buffers are in use. It
         * leaves at the end of the round. */
        if (c->io->filtering)
                return 0;

        c->io->filtering = true;
        f->ops->write(f->self, &x);
        c->io->filtering = false;
        total = kept_left(&f->out) + x.out_len;
        if (f->out.b)
                v[n++] = (struct iovec){f->out.b + f->out.at, kept_left(&f->out)};
        if (x.out_len)
                v[n++] = (struct iovec){x.out, x.out_len};
        if (!n)
                return 0;

        sent = capos_io_stream_write(c->fd, v, n, NULL, 0);
        if (sent < 0 && sent != -EAGAIN)
                return (int)sent;
        if (sent < 0)
                sent = 0;

        r = filter_sent(f, &x, (size_t)sent);
        if (r)
                return r;

        *ret_bytes += (size_t)sent;
        c->blocked = (size_t)sent < total;
        return !c->blocked;
}

bool capnp_i_filter_is_drained(const capnp_conn *c)
{
        return !c->filter || !c->filter->out.b;
}

/* ---- life ----------------------------------------------------------------------------------- */

int capnp_conn_set_filter(capnp_conn *c, const struct capnp_filter_ops *o, void *self)
{
        struct conn_filter *f;

        if (!c->io)
                return -ESHUTDOWN;
        if (c->filter)
                return -EALREADY;

        if (!c->io->filter_bytes)
                c->io->filter_bytes = malloc(OUT_BYTES + SCRATCH_BYTES);
        f = calloc(1, sizeof(*f));
        if (!c->io->filter_bytes || !f) {
                free(f);
                return -ENOMEM;
        }

        f->ops = o;
        f->self = self;
        c->filter = f;
        capnp_i_rpc_forbid_fds(c->rpc);
        return 0;
}

void capnp_i_filter_free(capnp_conn *c)
{
        struct conn_filter *f = c->filter;

        if (!f)
                return;

        c->filter = NULL;
        f->ops->free(f->self);
        kept_clear(&f->in);
        kept_clear(&f->out);
        free(f);
}
