/*
 * The core of a connection: bytes in, bytes out, and its end.
 *
 * It does no I/O and reads no clock, so it can be fuzzed, replayed and run many to a process.
 * Frames may be cut anywhere on their way in; the buffer for an incomplete one grows with what has
 * come, not with what was announced.
 *
 * A connection ends once. capnp_i_rpc_break() marks it, queues the abort and an event that empties
 * the tables; nothing is torn down in the middle of something else.
 */
#include "rpc-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

static void rpc_teardown(struct event *e)
{
        capnp_rpc *r = CAPNP_I_OF(e, capnp_rpc, teardown);

        capnp_i_table_close(r);
        capnp_i_rpc_dirty(r);
        capnp_i_rpc_unref(r);
}

int capnp_rpc_new(capnp_vat *v, const struct capnp_limits *l, capnp_cap *bootstrap,
                  capnp_rpc **ret_r)
{
        capnp_rpc *r = calloc(1, sizeof(*r));
        capnp_cap *why;

        if (!r)
                return -ENOMEM;

        /* Made now, because the moment it is needed may be the one without memory. */
        why = capnp_cap_new_broken(v, (capnp_exception){CAPNP_DISCONNECTED, "out of memory"});
        if (!why) {
                free(r);
                return -ENOMEM;
        }

        r->why = capnp_i_cap_broken(why);
        r->vat = capnp_i_vat_ref(v);
        r->refs = 1;
        r->limits = capnp_i_limits(l);
        if (r->limits.segments > CAPNP_I_MAX_SEGMENTS)
                r->limits.segments = CAPNP_I_MAX_SEGMENTS;
        r->bootstrap = capnp_cap_ref(bootstrap);
        capnp_i_list_init(&r->outq);
        capnp_i_list_init(&r->link);
        capnp_i_list_append(&v->rpcs, &r->link);
        capnp_i_event_init(&r->teardown, rpc_teardown);
        *ret_r = r;
        return 0;
}

capnp_rpc *capnp_i_rpc_ref(capnp_rpc *r)
{
        r->refs++;
        return r;
}

void capnp_i_rpc_unref(capnp_rpc *r)
{
        capnp_vat *v = r->vat;

        if (--r->refs > 0)
                return;

        capnp_i_list_remove(&r->link);
        capnp_i_out_clear(r);
        while (r->nfds_in)
                close(r->fds_in[--r->nfds_in]);
        capnp_cap_unref(&r->why->cap);
        free(r->in);
        free(r);
        capnp_i_vat_unref(v);
}

capnp_rpc *capnp_rpc_free(capnp_rpc *r)
{
        if (!r)
                return NULL;

        r->owner = NULL;
        r->trace = NULL;
        capnp_i_rpc_break(r, CAPNP_E_DISCONNECTED, CAPNP_DISCONNECTED, "the connection was closed",
                          false);
        capnp_i_out_clear(r);
        capnp_i_rpc_unref(r);
        return NULL;
}

void capnp_i_rpc_set_owner(capnp_rpc *r, const struct capnp_i_owner *o, void *self)
{
        r->owner = o;
        r->owner_self = self;
}

void capnp_i_rpc_dirty(capnp_rpc *r)
{
        if (r->owner)
                r->owner->dirty(r->owner_self);
}

void capnp_i_rpc_check_idle(capnp_rpc *r)
{
        if (r->owner && !r->closed && !r->questions.live && !r->exports.live && !r->answers.used &&
            !r->imports.used)
                r->owner->idle(r->owner_self);
}

/* ---- the end -------------------------------------------------------------------------------- */

void capnp_i_rpc_break(capnp_rpc *r, int code, enum capnp_kind kind, const char *reason, bool tell)
{
        capnp_cap *why;

        if (r->closed)
                return;

        if (tell)
                capnp_i_send_abort(r, kind, reason);
        if (r->closed) /* sending failed and brought us here before */
                return;

        r->closed = code;
        why = capnp_cap_new_broken(r->vat, (capnp_exception){CAPNP_DISCONNECTED, reason});
        if (why) {
                capnp_cap_unref(&r->why->cap);
                r->why = capnp_i_cap_broken(why);
        }

        capnp_i_rpc_ref(r); /* the event's */
        capnp_i_event_queue(r->vat, &r->teardown);
        capnp_i_rpc_dirty(r);
}

int capnp_i_rpc_violation(capnp_rpc *r, const char *fmt, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        capnp_i_rpc_break(r, CAPNP_E_PROTOCOL, CAPNP_FAILED, text, true);
        return CAPNP_E_PROTOCOL;
}

void capnp_rpc_close(capnp_rpc *r, capnp_exception why)
{
        capnp_i_rpc_break(r, CAPNP_E_DISCONNECTED, why.kind, why.reason,
                          why.kind != CAPNP_DISCONNECTED);
}

bool capnp_rpc_is_closed(const capnp_rpc *r, capnp_exception *ret_why)
{
        if (r->closed && ret_why)
                *ret_why = (capnp_exception){r->why->kind, r->why->reason};

        return r->closed != 0;
}

/* ---- bytes in ------------------------------------------------------------------------------- */

static void rpc_drop_fds(capnp_rpc *r)
{
        while (r->nfds_in)
                close(r->fds_in[--r->nfds_in]);
}

/* Descriptors wait for the message that ends where the read that brought them ended. */
static void rpc_take_fds(capnp_rpc *r, const int *fds, unsigned n)
{
        unsigned i;

        for (i = 0; i < n; i++) {
                if (r->closed || r->nfds_in >= MAX_FDS || r->nfds_in >= r->limits.fds)
                        close(fds[i]);
                else
                        r->fds_in[r->nfds_in++] = fds[i];
        }
}

static int rpc_frame(capnp_rpc *r, const uint8_t *b, size_t len, bool last)
{
        struct frame *f;
        int k;

        f = capnp_i_frame_new_received(b, len, &r->limits, &k);
        if (!f && k == -ENOMEM) {
                capnp_i_rpc_break(r, k, CAPNP_DISCONNECTED, "out of memory", true);
                return k;
        }

        if (!f)
                return capnp_i_rpc_violation(r, "a message is malformed");

        if (r->trace)
                r->trace(r->trace_arg, true, &f->msg);
        f->msg.broken = r->vat->bad_index;
        r->fds_ready = last;
        k = capnp_i_in_message(r, f);
        r->fds_ready = false;
        if (last)
                rpc_drop_fds(r);
        capnp_i_frame_unref(f);
        return k ? k : r->closed;
}

static int rpc_room(capnp_rpc *r, size_t need, size_t most)
{
        size_t room = r->in_room ? r->in_room : 4096;
        uint8_t *in;

        if (need <= r->in_room)
                return 0;

        while (room < need)
                room *= 2;
        if (room > most && most >= need)
                room = most;

        in = realloc(r->in, room);
        if (!in)
                return -ENOMEM;

        r->in = in;
        r->in_room = room;
        return 0;
}

/* Adds to the incomplete frame what it still lacks. ret_used: bytes taken. */
static int rpc_fill(capnp_rpc *r, const uint8_t *b, size_t len, size_t *ret_used)
{
        size_t header, want, n;
        uint64_t total;
        int k;

        k = capnp_i_frame_size(r->in, r->in_len, r->limits.segments, r->limits.message_bytes,
                               &header, &total);
        if (k == CAPNP_E_LIMIT)
                return capnp_i_rpc_violation(r, "a message is too large");

        want = k ? header : (size_t)total;
        n = want - r->in_len < len ? want - r->in_len : len;
        k = rpc_room(r, r->in_len + n, want);
        if (k) {
                capnp_i_rpc_break(r, k, CAPNP_DISCONNECTED, "out of memory", true);
                return k;
        }

        memcpy(r->in + r->in_len, b, n);
        r->in_len += n;
        *ret_used = n;
        return 0;
}

/* Goes on with an incomplete frame until it is complete or the bytes are used up. */
static int rpc_continue(capnp_rpc *r, const uint8_t **b, size_t *len)
{
        size_t header, used = 0;
        uint64_t total;
        int k;

        while (*len) {
                k = rpc_fill(r, *b, *len, &used);
                if (k)
                        return k;

                *b += used;
                *len -= used;
                k = capnp_i_frame_size(r->in, r->in_len, r->limits.segments,
                                       r->limits.message_bytes, &header, &total);
                if (k == CAPNP_E_LIMIT)
                        return capnp_i_rpc_violation(r, "a message is too large");

                if (k || r->in_len < total)
                        continue;

                k = rpc_frame(r, r->in, (size_t)total, !*len);
                r->in_len = 0;
                if (r->in_room > IN_KEEP) {
                        free(r->in);
                        r->in = NULL;
                        r->in_room = 0;
                }
                return k;
        }

        return 0;
}

static int rpc_feed_bytes(capnp_rpc *r, const uint8_t *b, size_t len)
{
        size_t header;
        uint64_t total;
        int k;

        while (len) {
                k = r->in_len ? 0
                              : capnp_i_frame_size(b, len, r->limits.segments,
                                                   r->limits.message_bytes, &header, &total);
                if (k == CAPNP_E_LIMIT)
                        return capnp_i_rpc_violation(r, "a message is too large");

                if (r->in_len || k || total > len) {
                        k = rpc_continue(r, &b, &len);
                        if (k)
                                return k;
                        continue;
                }

                k = rpc_frame(r, b, (size_t)total, total == len);
                if (k)
                        return k;
                b += total;
                len -= (size_t)total;
        }

        return 0;
}

int capnp_rpc_feed(capnp_rpc *r, const void *b, size_t len, const int *fds, unsigned nfds)
{
        int k;

        rpc_take_fds(r, fds, nfds);
        if (r->closed)
                return r->closed;

        if (!len) {
                capnp_i_rpc_break(r, CAPNP_E_DISCONNECTED, CAPNP_DISCONNECTED,
                                  r->in_len ? "the peer closed the connection inside a message"
                                            : "the peer closed the connection",
                                  false);
                return r->closed;
        }

        capnp_i_rpc_ref(r);
        k = rpc_feed_bytes(r, b, len);
        capnp_i_rpc_unref(r);
        return k;
}

bool capnp_rpc_wants_input(const capnp_rpc *r)
{
        return !r->closed && r->out_replies <= r->limits.out_bytes;
}

/* ---- asking --------------------------------------------------------------------------------- */

int capnp_rpc_bootstrap(capnp_rpc *r, capnp_cap **ret_c)
{
        struct call *c;
        int k = 0;

        if (r->closed) {
                *ret_c = capnp_cap_ref(&r->why->cap);
                return 0;
        }

        c = capnp_i_call_new(r->vat);
        if (!c)
                return -ENOMEM;

        *ret_c = capnp_i_call_pipe(c, NULL, 0);
        if (!*ret_c || capnp_i_table_question_new(r, c, &c->out_id)) {
                k = -ENOMEM;
                capnp_i_call_fail(c, CAPNP_OVERLOADED, "out of memory");
                *ret_c = capnp_cap_unref(*ret_c);
        } else {
                capnp_i_call_ref(c); /* the callee's */
                c->state = CALL_REMOTE;
                c->out = capnp_i_rpc_ref(r);
                capnp_i_send_bootstrap(r, c->out_id);
        }

        capnp_i_call_drop_caller(c);
        capnp_i_call_unref(c);
        return k;
}

void capnp_rpc_count(const capnp_rpc *r, struct capnp_rpc_counts *ret_n)
{
        *ret_n = (struct capnp_rpc_counts){
                .questions = r->questions.live,
                .answers = r->answers.used,
                .exports = r->exports.live,
                .imports = r->imports.used,
                .embargoes = r->embargoes.live,
                .held_bytes = r->held,
                .out_bytes = r->out_bytes,
                .calls_in = r->calls_in,
                .calls_out = r->calls_out,
        };
}

void capnp_rpc_set_limits(capnp_rpc *r, const struct capnp_limits *l)
{
        r->limits = capnp_i_limits(l);
        capnp_i_rpc_dirty(r); /* it may want input again */
}

bool capnp_rpc_owns(const capnp_rpc *r, const capnp_cap *c)
{
        return capnp_i_cap_is_on(capnp_i_cap_final((capnp_cap *)(uintptr_t)c), r);
}

void capnp_rpc_set_trace(capnp_rpc *r, void (*fn)(void *arg, bool in, capnp_msg *m), void *arg)
{
        r->trace = fn;
        r->trace_arg = arg;
}
