/*
 * motd-server: serves SystemInfo to whoever connects.
 *
 * A server is an operations struct with one handler for each method. A handler reads its
 * parameters, fills in its results and ends the answer, now (as here) or later.
 */
#include <stdio.h>
#include <time.h>

#include "system_info.capnp-c.h"

struct info {
        const char *motd;
        time_t started;
};

static int info_motd(void *self, capnp_answer *a)
{
        struct info *i = self;

        system_info_motd_results_set_text(a, i->motd);
        return capnp_answer_return(a);
}

static int info_version(void *self, capnp_answer *a)
{
        (void)self;
        system_info_version_results_set_text(a, "0.1.0");
        return capnp_answer_return(a);
}

static int info_uptime(void *self, capnp_answer *a)
{
        struct info *i = self;

        system_info_uptime_results_set_seconds(a, (uint64_t)(time(NULL) - i->started));
        return capnp_answer_return(a);
}

static const struct system_info_ops info_ops = {
        .motd = info_motd,
        .version = info_version,
        .uptime = info_uptime,
};

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct info info = {.motd = argc > 2 ? argv[2] : "welcome", .started = time(NULL)};
        int r;

        if (capnp_vat_new(&vat) || system_info_serve(vat, &info_ops, &info, &cap))
                return 1;

        r = capnp_vat_listen(vat, argc > 1 ? argv[1] : "localhost:2327", NULL, cap);
        if (!r)
                r = capnp_vat_run(vat);
        if (r)
                fprintf(stderr, "motd-server: %s\n", capnp_strerror(r));
        return r ? 1 : 0;
}
