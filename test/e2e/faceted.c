/*
 * A service for facets.py: it has two facets, and gives every one of them all of its methods. So
 * what a caller cannot call is refused by the kit, or by nobody.
 *
 *     faceted [FACET …]      these are its facets, beside the ordinary one; else `read` and `write`
 *     faceted --stop         it stops before it has said anything
 *     faceted --late         of calls that hang it is not told when nobody waits any more, and what
 * it is given to echo it keeps: all that it lets go of when it stops … faceted --lost         … or
 * not even then
 */
#include <capos/kit.h>

#include "faceted.capnp-c.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct faceted {
        capnp_vat *vat;
        capnp_cap *object;
        const char *const *facets;
        bool late, lost;
        capnp_answer *hanging;
        capnp_cap *given;
};

static int on_keep(void *self, capnp_answer *a)
{
        (void)self;
        keeper_keep_results_set_said(a, "keep");
        return capnp_answer_return(a);
}

static int on_keep_count(void *self, capnp_answer *a)
{
        (void)self;
        keeper_count_results_set_n(a, 1);
        return capnp_answer_return(a);
}

static int on_tell(void *self, capnp_answer *a)
{
        (void)self;
        teller_tell_results_set_said(a, "tell");
        return capnp_answer_return(a);
}

static int on_tell_count(void *self, capnp_answer *a)
{
        (void)self;
        teller_count_results_set_n(a, 2);
        return capnp_answer_return(a);
}

static int on_list(void *self, capnp_answer *a)
{
        (void)self;
        shelf_list_results_set_said(a, "list");
        return capnp_answer_return(a);
}

/* On stderr as well, which is the instance's log: whoever has called it was not stopped. */
static int on_forbid(void *self, capnp_answer *a)
{
        (void)self;
        fprintf(stderr, "faceted: forbid was called\n");
        shelf_forbid_results_set_said(a, "forbid");
        return capnp_answer_return(a);
}

static int on_self(void *self, capnp_answer *a)
{
        struct faceted *f = self;

        shelf_self_results_set_shelf(a, (shelf_client){f->object});
        return capnp_answer_return(a);
}

static int on_echo(void *self, capnp_answer *a)
{
        struct faceted *f = self;

        if (f->late && !f->given)
                f->given = capnp_cap_ref(shelf_echo_param_shelf(a).c);
        shelf_echo_results_set_shelf(a, shelf_echo_param_shelf(a));
        return capnp_answer_return(a);
}

static void on_hang_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int on_hang(void *self, capnp_answer *a)
{
        struct faceted *f = self;

        if (!f->late || f->hanging)
                return capnp_answer_keep(a, on_hang_canceled, NULL);
        f->hanging = a;
        return capnp_answer_keep(a, NULL, NULL);
}

static int on_other(void *self, capnp_answer *a);

static const struct shelf_ops ops = {
        .keeper = {.keep = on_keep, .count = on_keep_count},
        .teller = {.tell = on_tell, .count = on_tell_count},
        .list = on_list,
        .forbid = on_forbid,
        .self = on_self,
        .echo = on_echo,
        .other = on_other,
        .hang = on_hang,
};

static int on_other(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct faceted *f = self;
        int r = shelf_serve(f->vat, &ops, self, &c);

        if (r)
                return r;
        shelf_other_results_set_shelf(a, (shelf_client){c});
        return capnp_answer_return(a);
}

static int faceted_start(const struct kit_start *s, void **ret_self)
{
        static const char *const ordinary[] = {"read", "write", NULL};
        static struct faceted f;

        if (s->argc > 1 && !strcmp(s->argv[1], "--stop"))
                (void)raise(SIGSTOP);
        f.lost = s->argc > 1 && !strcmp(s->argv[1], "--lost");
        f.late = f.lost || (s->argc > 1 && !strcmp(s->argv[1], "--late"));
        f.vat = s->vat;
        f.facets = s->argc > 1 ? (const char *const *)s->argv + 1 : ordinary;
        *ret_self = &f;
        return shelf_serve(s->vat, &ops, &f, &f.object);
}

static int faceted_open(void *self, struct kit_caller *caller, const char *facet, capnp_cap **ret)
{
        struct faceted *f = self;
        bool known = !facet[0];

        (void)caller;
        for (const char *const *at = f->facets; *at; at++)
                known |= !strcmp(*at, facet);
        if (!known)
                return CAPNP_E_UNKNOWN;

        *ret = capnp_cap_ref(f->object);
        return 0;
}

static void faceted_stop(void *self)
{
        struct faceted *f = self;

        f->object = capnp_cap_unref(f->object);
        if (f->hanging && !f->lost)
                (void)capnp_answer_fail(f->hanging, CAPNP_FAILED, "the service stops");
        if (!f->lost)
                f->given = capnp_cap_unref(f->given);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "faceted",
                .schema = &faceted_capnp_schema,
                .start = faceted_start,
                .open = faceted_open,
                .stop = faceted_stop,
        };

        return kit_run(&service, argc, argv);
}
