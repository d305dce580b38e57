/*
 * The connections: bytes are moved only when an act says so.
 *
 * Everything a core offers is taken out of it first, in pieces of a size that depends on the act,
 * so that a pipe always holds the whole header of each frame and can find where the next one
 * starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "model.h"

/* Bytes: one stream call has room, or two. Of so many a read brings more at a time. */
enum { MODEL_WINDOW = 300, LONG = 4000 };

static void wire_end(struct world *w, struct vat *v, uint32_t peer)
{
        const struct capnp_limits l = {.fds = MODEL_FDS, .window_bytes = MODEL_WINDOW};
        int r = capnp_rpc_new(v->v, &l, v->root_cap, &v->to[peer]);

        if (model_starved(w, r))
                r = capnp_rpc_new(v->v, &l, v->root_cap, &v->to[peer]);
        model_check(w, r == 0);
}

void wire_connect(struct world *w, uint32_t a, uint32_t b)
{
        struct vat *x = &w->vat[a], *y = &w->vat[b];

        wire_end(w, x, b);
        wire_end(w, y, a);
        if (!w->spoken)
                return;

        x->line[b] = (struct trace_line){a, b};
        y->line[a] = (struct trace_line){b, a};
        capnp_rpc_set_trace(x->to[b], model_trace, &x->line[b]);
        capnp_rpc_set_trace(y->to[a], model_trace, &y->line[a]);
}

/* Takes the first descriptors of a pipe out of it. */
static struct parcel *parcel_take(struct pipe *p)
{
        struct parcel *d = p->first;

        p->first = d->next;
        return d;
}

static void pipe_clear(struct pipe *p)
{
        while (p->first) {
                struct parcel *d = parcel_take(p);

                while (d->n)
                        close(d->fds[--d->n]);
                free(d);
        }
        free(p->b);
        *p = (struct pipe){0};
}

void wire_disconnect(struct world *w, uint32_t a, uint32_t b)
{
        w->vat[a].to[b] = capnp_rpc_free(w->vat[a].to[b]);
        w->vat[b].to[a] = capnp_rpc_free(w->vat[b].to[a]);
        pipe_clear(&w->vat[a].out[b]);
        pipe_clear(&w->vat[b].out[a]);
}

static void pipe_add(struct pipe *p, const void *b, size_t len)
{
        if (p->len + len > p->room) {
                p->room = 2 * p->room + len;
                p->b = model_realloc(p->b, p->room);
        }
        memcpy(p->b + p->len, b, len);
        p->len += len;
}

/* As the kernel does: the receiver gets descriptors of its own, whatever becomes of these. */
static struct parcel *pipe_add_fds(struct pipe *p, const int *fds, unsigned n)
{
        struct parcel *d = model_calloc(sizeof(*d)), **last = &p->first;

        d->at = p->len;
        for (; d->n < n && d->n < MODEL_FDS; d->n++) {
                d->fds[d->n] = fcntl(fds[d->n], F_DUPFD_CLOEXEC, 3);
                if (d->fds[d->n] < 0)
                        abort();
        }
        while (*last)
                last = &(*last)->next;
        *last = d;
        return d;
}

/* Takes all there is out of a core, at most step bytes at a time. */
static void wire_pull(capnp_rpc *from, struct pipe *p, size_t step)
{
        const int *fds;
        struct iovec v[3];
        unsigned nfds;
        int n;

        while ((n = capnp_rpc_out_peek(from, v, 3, &fds, &nfds)) > 0) {
                size_t sent = 0;
                struct parcel *d = NULL;

                if (nfds)
                        d = pipe_add_fds(p, fds, nfds);

                for (int i = 0; i < n && sent < step; i++) {
                        size_t len = v[i].iov_len;

                        if (len > step - sent)
                                len = step - sent;
                        pipe_add(p, v[i].iov_base, len);
                        sent += len;
                }
                if (d)
                        d->end = p->len;
                capnp_rpc_out_sent(from, sent);
        }
}

/* The size of the frame that begins at b. */
static size_t frame_bytes(const uint8_t *b)
{
        uint32_t n, words;
        size_t bytes;

        memcpy(&n, b, 4);
        n++;
        bytes = ((size_t)n / 2 + 1) * 8;
        for (uint32_t i = 0; i < n; i++) {
                memcpy(&words, b + 4 + 4 * (size_t)i, 4);
                bytes += (size_t)words * 8;
        }

        return bytes;
}

/* Forgets bytes that have been delivered. */
static void pipe_skip(struct pipe *p, size_t len)
{
        while (p->frame < len)
                p->frame += frame_bytes(p->b + p->frame);
        p->frame -= len;
        p->len -= len;
        for (struct parcel *d = p->first; d; d = d->next) {
                d->at -= len;
                d->end -= len;
        }
        memmove(p->b, p->b + len, p->len);
}

/* As a read does that fills the core's place for what a long message lacks, now and then, and puts
 * what is left elsewhere. */
static int wire_hand(capnp_rpc *to, const uint8_t *b, size_t len, const struct parcel *d)
{
        size_t room = 0;
        void *place = d || len % 32 >= 16 || !len ? NULL : capnp_rpc_feed_place(to, &room);
        int r;

        if (!place)
                return capnp_rpc_feed(to, b, len, d ? d->fds : NULL, d ? d->n : 0);

        room = room < len ? room : len;
        memcpy(place, b, room);
        r = capnp_rpc_feed(to, place, room, NULL, 0);
        return r || room == len ? r : capnp_rpc_feed(to, b + room, len - room, NULL, 0);
}

static void wire_feed(struct world *w, capnp_rpc *to, const uint8_t *b, size_t len,
                      const struct parcel *d)
{
        capnp_exception why = {CAPNP_FAILED, ""};
        bool was_closed = capnp_rpc_is_closed(to, NULL);
        int r = wire_hand(to, b, len, d);

        if (r == CAPNP_E_PROTOCOL) {
                capnp_rpc_is_closed(to, &why);
                model_fail(w, "one of ours broke the protocol: %s", why.reason);
        }
        if (was_closed || len == 0)
                model_check(w, r == CAPNP_E_DISCONNECTED || model_starved(w, r));
        else if (r == CAPNP_E_DISCONNECTED)
                model_check(w, w->loose);
        else
                model_check(w, r == 0 || model_starved(w, r));
}

/* As reads do: none goes beyond the bytes that descriptors came with. */
static void wire_feed_some(struct world *w, capnp_rpc *to, struct pipe *p, size_t len)
{
        while (len > 0) {
                struct parcel *d = p->first && p->first->at < len ? parcel_take(p) : NULL;
                size_t n = d && d->end < len ? d->end : len;

                wire_feed(w, to, p->b, n, d);
                free(d);
                pipe_skip(p, n);
                len -= n;
        }
}

bool wire_deliver(struct world *w, uint32_t from, uint32_t to, uint32_t how)
{
        struct pipe *p = &w->vat[from].out[to];
        capnp_rpc *source = w->vat[from].to[to], *sink = w->vat[to].to[from];
        size_t len;

        if (!source || !sink || p->ended)
                return false;

        if (!capnp_rpc_wants_input(sink) && !capnp_rpc_is_closed(sink, NULL))
                return false;

        wire_pull(source, p, how < 2 ? SIZE_MAX : how);
        len = p->len;
        if (how == 1 && len > 0 && p->frame == 0)
                p->frame = frame_bytes(p->b);
        if (how == 1 && p->frame < len)
                len = p->frame;
        if (how > 1 && len > LONG)
                how *= 32;
        if (how > 1 && how < len)
                len = how;

        if (len > 0) {
                wire_feed_some(w, sink, p, len);
                return true;
        }
        if (!capnp_rpc_is_closed(source, NULL))
                return false;
        p->ended = true;
        wire_feed(w, sink, NULL, 0, NULL);
        return true;
}
