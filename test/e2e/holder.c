/*
 * A service for grants.py: it lends whoever calls it what it holds of others, so the test sees by
 * its own calls what a service can do with that.
 *
 *     holder [--early NAME ID]    it asks for this when it starts, and keeps it, and for no more
 */
#include <capos/kit.h>

#include "holder.capnp-c.h"

#include <stdlib.h>
#include <string.h>

struct holder {
        struct kit *kit;
        capnp_cap *object;
        capnp_cap *early; /* NULL: it was not told to */
};

static int on_get(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *it = NULL;
        struct holder *h = self;
        capnp_text name = holder_get_param_name(a);
        int r = 0;

        if (h->early)
                it = capnp_cap_ref(h->early);
        else
                r = kit_get(h->kit, name.p, holder_get_param_interface_id(a), &it);
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "%s", capnp_strerror(r));

        holder_get_results_set_it(a, it);
        return capnp_answer_return(a);
}

static const struct holder_ops ops = {.get = on_get};

static int holder_start(const struct kit_start *s, void **ret_self)
{
        static struct holder h;
        int r = holder_serve(s->vat, &ops, &h, &h.object);

        h.kit = s->kit;
        if (!r && s->argc > 3 && !strcmp(s->argv[1], "--early"))
                r = kit_get(s->kit, s->argv[2], strtoull(s->argv[3], NULL, 0), &h.early);
        *ret_self = &h;
        return r;
}

static int holder_open(void *self, struct kit_caller *caller, const char *facet, capnp_cap **ret)
{
        struct holder *h = self;

        (void)caller;
        if (facet[0])
                return CAPNP_E_UNKNOWN;

        *ret = capnp_cap_ref(h->object);
        return 0;
}

static void holder_stop(void *self)
{
        struct holder *h = self;

        h->object = capnp_cap_unref(h->object);
        h->early = capnp_cap_unref(h->early);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "holder",
                .schema = &holder_capnp_schema,
                .start = holder_start,
                .open = holder_open,
                .stop = holder_stop,
        };

        return kit_run(&service, argc, argv);
}
