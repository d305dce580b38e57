/*
 * A whole service: a counter that every session shares, and a face of it that can only be read.
 *
 * What is here is what is the service's own. Who calls, how many, with what limits, over what
 * sockets, and what happens when a session ends, is the kit's.
 */
#include <capos/kit.h>

#include "counter.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counter {
        capnp_vat *vat;
        uint64_t total;
};

/* A caller's view of it. Lives as long as somebody can call it. */
struct view {
        struct counter *counter;
        uint64_t mine;
};

static int view_read(void *self, capnp_answer *a)
{
        const struct view *v = self;

        counter_read_results_set_total(a, v->counter->total);
        counter_read_results_set_mine(a, v->mine);
        return capnp_answer_return(a);
}

static int view_add(void *self, capnp_answer *a)
{
        struct view *v = self;
        uint32_t n = counter_add_param_n(a);

        /* Decode, ask whether that was sound, then act. */
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "not a number");

        v->counter->total += n;
        v->mine += n;
        counter_add_results_set_total(a, v->counter->total);
        return capnp_answer_return(a);
}

/* The order of members is the schema's; what is left out answers `unimplemented`. */
static const struct counter_ops writer_ops = {.gone = free, .read = view_read, .add = view_add};
static const struct counter_ops reader_ops = {.gone = free, .read = view_read};

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct counter counter;

        if (s->argc > 1) {
                fprintf(stderr, "counter: takes no arguments\n");
                return -EINVAL;
        }

        counter.vat = s->vat;
        *ret_self = &counter;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct counter *c = self;
        const struct counter_ops *ops = &writer_ops;
        struct view *v;
        int r;

        (void)caller; /* caller->reference names the session, to this service alone */
        if (strcmp(facet, "reader") == 0)
                ops = &reader_ops;
        else if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;

        v->counter = c;
        r = counter_serve(c->vat, ops, v, ret_bootstrap);
        if (r)
                free(v);
        return r;
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "counter",
                .schema = &counter_capnp_schema,
                .start = service_start,
                .open = service_open,
        };

        return kit_run(&service, argc, argv);
}
