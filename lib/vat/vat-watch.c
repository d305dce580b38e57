/*
 * Timers and watches of the program.
 *
 * Both may be freed from their own callback. A watch's callback is the last thing its dispatch
 * does, so that needs nothing. A timer stays until its callback has returned: freeing it meanwhile
 * is allowed and does nothing, because it is going anyway.
 *
 * When the vat is freed, a watch that the program still holds goes dead and stays valid until it is
 * freed. Timers end with the vat: the program never had to free them.
 */
#include "vat-internal.h"

#include <errno.h>
#include <stdlib.h>

struct capnp_timer {
        struct capos_io_timer timer;
        struct capnp_i_list link;
        bool firing;
        void (*fn)(void *arg);
        void *arg;
};

struct capnp_watch {
        struct capos_io_watch watch;
        struct capnp_i_list link;
        void (*fn)(void *arg, uint32_t events);
        void *arg;
};

static void timer_end(capnp_timer *t)
{
        capos_io_timer_deinit(&t->timer);
        capnp_i_list_remove(&t->link);
        free(t);
}

static void timer_on_fire(struct capos_io_timer *io_timer)
{
        capnp_timer *t = CAPNP_I_OF(io_timer, capnp_timer, timer);

        t->firing = true;
        t->fn(t->arg);
        timer_end(t);
}

int capnp_timer_new(capnp_vat *v, uint32_t delay_ms, void (*fn)(void *arg), void *arg,
                    capnp_timer **ret_t)
{
        struct vat_io *io;
        capnp_timer *t;
        int r;

        r = capnp_i_vat_io(v, &io);
        if (r)
                return r;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        r = capos_io_timer_init(&t->timer, &io->loop, timer_on_fire);
        if (r) {
                free(t);
                return r;
        }

        t->fn = fn;
        t->arg = arg;
        capnp_i_list_init(&t->link);
        capnp_i_list_append(&io->timers, &t->link);
        capos_io_timer_start(&t->timer, delay_ms);
        if (ret_t)
                *ret_t = t;
        return 0;
}

capnp_timer *capnp_timer_free(capnp_timer *t)
{
        if (t && !t->firing)
                timer_end(t);
        return NULL;
}

static void watch_on_event(struct capos_io_watch *io_watch, uint32_t events)
{
        capnp_watch *w = CAPNP_I_OF(io_watch, capnp_watch, watch);

        w->fn(w->arg, events);
}

static void watch_end(capnp_watch *w)
{
        capos_io_watch_deinit(&w->watch);
        capnp_i_list_remove(&w->link);
}

int capnp_watch_new(capnp_vat *v, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events),
                    void *arg, capnp_watch **ret_w)
{
        struct vat_io *io;
        capnp_watch *w;
        int r;

        r = capnp_i_vat_io(v, &io);
        if (r)
                return r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;

        r = capos_io_watch_init(&w->watch, &io->loop, fd, events, watch_on_event);
        if (r) {
                free(w);
                return r;
        }

        w->fn = fn;
        w->arg = arg;
        capnp_i_list_init(&w->link);
        capnp_i_list_append(&io->watches, &w->link);
        *ret_w = w;
        return 0;
}

capnp_watch *capnp_watch_free(capnp_watch *w)
{
        if (w) {
                watch_end(w);
                free(w);
        }
        return NULL;
}

void capnp_i_watches_end(struct vat_io *io)
{
        while (!capnp_i_list_empty(&io->watches))
                watch_end(CAPNP_I_OF(io->watches.next, capnp_watch, link));
        while (!capnp_i_list_empty(&io->timers))
                timer_end(CAPNP_I_OF(io->timers.next, capnp_timer, link));
}
