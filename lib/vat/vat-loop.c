/*
 * The loop of a vat.
 *
 * A round is: wait, move bytes in, run timers and watches, run events, move bytes out. Of a read
 * that has brought many messages some events are run in between (vat-stream.c). Bytes go out at the
 * end, so that everything a round has caused on one connection leaves in one write. With one
 * call in flight that makes three system calls for each side: epoll_wait, read, write.
 *
 * Events are bounded by what the round has read, a step for each 32 bytes and 1,024 beyond that.
 * The smallest call has 80 bytes and causes at most two events, so reading cannot outrun the
 * handlers and fill the queue; and handlers that keep calling each other cannot keep the round from
 * ending.
 *
 * A round that may wait first sends what API calls have queued since the last one. If that has
 * broken a connection there are events now, and it must not sleep.
 *
 * No round starts inside a round: a timer, a watch or a closed() that waits for a question gets
 * -EDEADLK, as a handler does from the core.
 */
#include "vat-loop.h"
#include "vat-internal.h"

#include <errno.h>
#include <stdlib.h>

enum { STEPS_ROUND = 1024, BYTES_STEP = 32, STEPS_END = 1000 * 1000 };

static int vat_io_round(struct vat_io *io, bool may_wait)
{
        uint64_t steps = STEPS_ROUND;
        int r, timeout_ms = 0;

        if (io->busy)
                return -EDEADLK;

        io->busy = true;
        if (may_wait && !capnp_rpc_pending(io->vat)) {
                capos_io_loop_run_tasks(&io->loop);
                timeout_ms = capnp_vat_timeout_ms(io->vat);
        }
        io->rounds++;
        r = capos_io_loop_wait(&io->loop, timeout_ms);
        steps += io->read_bytes / BYTES_STEP;
        io->read_bytes = 0;
        while (steps-- > 0 && capnp_rpc_step(io->vat))
                ;
        capos_io_loop_run_tasks(&io->loop);
        io->busy = false;
        return r;
}

struct capos_io_loop *capnp_i_vat_io_loop(capnp_vat *v)
{
        return &((struct vat_io *)capnp_i_vat_loop(v))->loop;
}

static int vat_io_turn(capnp_vat *v)
{
        struct vat_io *io = capnp_i_vat_loop(v);

        /* Nothing that could ever happen: a question would be waited for in vain. */
        if (io->loop.nwatches == 0 && capnp_vat_timeout_ms(v) < 0)
                return -EDEADLK;

        return vat_io_round(io, true);
}

static void vat_io_free(capnp_vat *v)
{
        struct vat_io *io = capnp_i_vat_loop(v);
        struct capnp_i_list *l;
        unsigned steps = STEPS_END;

        io->ending = true;
        io->busy = true;
        capnp_i_listeners_end(io);
        for (l = io->conns.next; l != &io->conns; l = l->next)
                capnp_rpc_close(CAPNP_I_OF(l, capnp_conn, link)->rpc,
                                (capnp_exception){CAPNP_DISCONNECTED, "the vat is gone"});
        while (steps-- > 0 && capnp_rpc_step(v))
                ;
        while (!capnp_i_list_empty(&io->conns))
                capnp_i_conn_end(CAPNP_I_OF(io->conns.next, capnp_conn, link));
        capnp_i_watches_end(io); /* a filter may have a timer, and so may who is told of an end */

        capnp_i_vat_set_loop(v, NULL, NULL);
        capos_io_timer_deinit(&io->refs);
        capos_io_timer_deinit(&io->turns);
        capos_io_loop_deinit(&io->loop);
        free(io->filter_bytes);
        free(io->in);
        free(io);
}

static const struct capnp_i_loop vat_io_loop = {.turn = vat_io_turn, .free = vat_io_free};

int capnp_vat_new(capnp_vat **ret_v)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        struct vat_io *io;
        int r;

        r = capnp_vat_new_bare(&v);
        if (r)
                return r;

        io = calloc(1, sizeof(*io));
        if (!io)
                return -ENOMEM;

        io->in = malloc(READ_BYTES);
        r = io->in ? capos_io_loop_init(&io->loop) : -ENOMEM;
        if (!r) {
                r = capos_io_timer_init(&io->refs, &io->loop, capnp_i_stream_on_refs);
                if (!r)
                        r = capos_io_timer_init(&io->turns, &io->loop, capnp_i_stream_on_turns);
                if (r)
                        capos_io_loop_deinit(&io->loop);
        }
        if (r) {
                free(io->in);
                free(io);
                return r;
        }

        io->vat = v;
        io->tracing = capnp_i_trace_is_wanted();
        capnp_i_list_init(&io->conns);
        capnp_i_list_init(&io->listeners);
        capnp_i_list_init(&io->watches);
        capnp_i_list_init(&io->timers);
        capnp_i_vat_set_loop(v, &vat_io_loop, io);
        *ret_v = v;
        v = NULL;
        return 0;
}

int capnp_vat_fd(const capnp_vat *v)
{
        const struct vat_io *io = capnp_i_vat_loop(v);

        return io ? io->loop.epoll_fd : -1;
}

int capnp_vat_timeout_ms(const capnp_vat *v)
{
        const struct vat_io *io = capnp_i_vat_loop(v);

        if (capnp_rpc_pending(v))
                return 0;

        return io ? capos_io_loop_timeout_ms(&io->loop) : -1;
}

int capnp_vat_process(capnp_vat *v)
{
        struct vat_io *io = capnp_i_vat_loop(v);

        if (io)
                return vat_io_round(io, false);

        for (unsigned i = 0; i < STEPS_ROUND && capnp_rpc_step(v); i++)
                ;
        return 0;
}

int capnp_vat_run(capnp_vat *v)
{
        struct vat_io *io;
        int r;

        r = capnp_i_vat_io(v, &io);
        while (!r && !io->stop)
                r = vat_io_round(io, true);
        if (!r)
                io->stop = false;
        return r;
}

void capnp_vat_stop(capnp_vat *v)
{
        struct vat_io *io = capnp_i_vat_loop(v);

        if (io)
                io->stop = true;
}
