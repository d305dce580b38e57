/*
 * The connections: bytes are moved only when an act says so.
 *
 * Everything a core offers is taken out of it first, in pieces of a size that depends on the act,
 * so that a pipe always holds the whole header of each frame and can find where the next one
 * starts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "model.h"

void wire_connect(struct world *w, uint32_t a, uint32_t b)
{
        struct vat *x = &w->vat[a], *y = &w->vat[b];

        if (capnp_rpc_new(x->v, NULL, x->root_cap, &x->to[b]) ||
            capnp_rpc_new(y->v, NULL, y->root_cap, &y->to[a]))
                abort();
        if (!w->spoken)
                return;

        x->line[b] = (struct trace_line){a, b};
        y->line[a] = (struct trace_line){b, a};
        capnp_rpc_set_trace(x->to[b], model_trace, &x->line[b]);
        capnp_rpc_set_trace(y->to[a], model_trace, &y->line[a]);
}

static void pipe_clear(struct pipe *p)
{
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
                p->b = realloc(p->b, p->room);
                if (!p->b)
                        abort();
        }
        memcpy(p->b + p->len, b, len);
        p->len += len;
}

/* Takes all there is out of a core, at most step bytes at a time. */
static void wire_pull(capnp_rpc *from, struct pipe *p, size_t step)
{
        struct iovec v[3];
        int n;

        while ((n = capnp_rpc_out_peek(from, v, 3, NULL, NULL)) > 0) {
                size_t sent = 0;

                for (int i = 0; i < n && sent < step; i++) {
                        size_t len = v[i].iov_len;

                        if (len > step - sent)
                                len = step - sent;
                        pipe_add(p, v[i].iov_base, len);
                        sent += len;
                }
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
        memmove(p->b, p->b + len, p->len);
}

static void wire_feed(struct world *w, capnp_rpc *to, const uint8_t *b, size_t len)
{
        capnp_exception why = {CAPNP_FAILED, ""};
        bool was_closed = capnp_rpc_is_closed(to, NULL);
        int r = capnp_rpc_feed(to, b, len, NULL, 0);

        if (r == CAPNP_E_PROTOCOL) {
                capnp_rpc_is_closed(to, &why);
                model_fail(w, "one of ours broke the protocol: %s", why.reason);
        }
        if (was_closed || len == 0)
                model_check(w, r == CAPNP_E_DISCONNECTED);
        else if (r == CAPNP_E_DISCONNECTED)
                model_check(w, w->loose);
        else
                model_check(w, r == 0);
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
        if (how > 1 && how < len)
                len = how;

        if (len > 0) {
                wire_feed(w, sink, p->b, len);
                pipe_skip(p, len);
                return true;
        }
        if (!capnp_rpc_is_closed(source, NULL))
                return false;
        p->ended = true;
        wire_feed(w, sink, NULL, 0);
        return true;
}
