/*
 * capos-system-info: what anybody may know about the instance.
 *
 * The message is the manifest's `motd`, which caposd puts into the environment of every service
 * (CAPOS_MOTD); `arguments = ["--motd", "Welcome."]` in the manifest entry takes its place.
 *
 * It keeps nothing about its callers: all of them share one object.
 */
#include <capos/kit.h>

#include "system_info.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOTD_BYTES = 16 * 1024 };

struct info {
        const char *motd;
        uint64_t started_s;
        capnp_cap *object;
};

static uint64_t now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec;
}

static int info_motd(void *self, capnp_answer *a)
{
        const struct info *i = self;

        system_info_motd_results_set_text(a, i->motd);
        return capnp_answer_return(a);
}

static int info_version(void *self, capnp_answer *a)
{
        (void)self;
        system_info_version_results_set_text(a, CAPOS_VERSION);
        return capnp_answer_return(a);
}

static int info_uptime(void *self, capnp_answer *a)
{
        const struct info *i = self;

        system_info_uptime_results_set_seconds(a, now_s() - i->started_s);
        return capnp_answer_return(a);
}

static const struct system_info_ops info_ops = {
        .motd = info_motd,
        .version = info_version,
        .uptime = info_uptime,
};

static int info_arguments(struct info *i, const struct kit_start *s)
{
        const char *motd = getenv("CAPOS_MOTD");

        i->motd = motd ? motd : "";
        if (s->argc == 1)
                return 0;
        if (s->argc != 3 || strcmp(s->argv[1], "--motd") != 0) {
                fprintf(stderr, "usage: capos-system-info [--motd TEXT]\n");
                return -EINVAL;
        }
        if (strlen(s->argv[2]) > MOTD_BYTES) {
                fprintf(stderr, "capos-system-info: --motd has more than 16 KiB\n");
                return -EINVAL;
        }

        i->motd = s->argv[2];
        return 0;
}

static int info_start(const struct kit_start *s, void **ret_self)
{
        static struct info i;
        int r = info_arguments(&i, s);

        if (r)
                return r;

        i.started_s = now_s();
        r = system_info_serve(s->vat, &info_ops, &i, &i.object);
        if (r)
                return r;

        *ret_self = &i;
        return 0;
}

static int info_open(void *self, struct kit_caller *caller, const char *facet,
                     capnp_cap **ret_bootstrap)
{
        const struct info *i = self;

        (void)caller;
        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        *ret_bootstrap = capnp_cap_ref(i->object);
        return 0;
}

static void info_stop(void *self)
{
        struct info *i = self;

        i->object = capnp_cap_unref(i->object);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-system-info",
                .schema = &system_info_capnp_schema,
                .start = info_start,
                .open = info_open,
                .stop = info_stop,
        };

        return kit_run(&service, argc, argv);
}
