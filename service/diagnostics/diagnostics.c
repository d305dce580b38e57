/*
 * capos-diagnostics: what happens in an instance, in panes (schema/diagnostics.capnp).
 *
 * Usage, in the manifest: (program = "capos-diagnostics", powers = [audit, debug],
 * grants = [(name = "instance"), (name = "trace")]), for profiles that are `elevated`
 * (doc/design/diagnostics.md).
 */
#include "diag-serve.h"
#include "diagnostics.capnp-c.h"

#include <capos/kit.h>

#include <errno.h>
#include <stdio.h>

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct feed feed;

        if (s->argc > 1) {
                fprintf(stderr, "capos-diagnostics: takes no arguments\n");
                return -EINVAL;
        }
        feed_init(&feed, s->vat, s->kit);
        *ret_self = &feed;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct diag_guest *g;
        int r;

        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        r = diag_guest_enter(self, &g, ret_bootstrap);
        if (r)
                return r;

        caller->data = g;
        return 0;
}

static void service_closed(void *self, struct kit_caller *caller)
{
        (void)self;
        diag_guest_leave(caller->data);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-diagnostics",
                .schema = &diagnostics_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
        };

        return kit_run(&service, argc, argv);
}
