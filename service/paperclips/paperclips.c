/*
 * capos-paperclips: a game of a workshop that grows (schema/paperclips.capnp).
 *
 * Usage, in the manifest: (program = "capos-paperclips", state = true, disclosure = [pseudonym]).
 * Without `state`, or for who has no account, a game lasts as long as its session.
 *
 * arguments = ["--autosave", SECONDS]: how often a game is saved while it is played, 1 to 3600; 30
 * if it is not said. 0 saves after each act, before it is answered.
 */
#include "clips-serve.h"
#include "content.capnp-c.h"
#include "paperclips.capnp-c.h"

#include <capos/kit.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)CLIPS_ID_BYTES == (int)KIT_REFERENCE_BYTES, "the same reference");

enum { AUTOSAVE_SECONDS = 30, AUTOSAVE_MOST = 3600 };

static int arguments_read(int argc, char **argv, uint32_t *ret_seconds)
{
        unsigned long n = AUTOSAVE_SECONDS;
        char *end = NULL;

        if (argc == 3 && !strcmp(argv[1], "--autosave")) {
                errno = 0;
                n = strtoul(argv[2], &end, 10);
                if (errno || end == argv[2] || *end || argv[2][0] == '-' || n > AUTOSAVE_MOST) {
                        fprintf(stderr, "capos-paperclips: --autosave: 0 to %d seconds\n",
                                AUTOSAVE_MOST);
                        return -EINVAL;
                }
        } else if (argc > 1) {
                fprintf(stderr, "capos-paperclips: takes --autosave SECONDS, nothing else\n");
                return -EINVAL;
        }
        *ret_seconds = (uint32_t)n;
        return 0;
}

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct clips_players players;
        static struct clips_world w;
        uint32_t seconds;
        int r = arguments_read(s->argc, s->argv, &seconds);

        if (r)
                return r;
        if (!clips_world_load(world(), &w)) {
                fprintf(stderr, "capos-paperclips: its world: %s\n", w.fault);
                return -EINVAL;
        }

        clips_players_init(&players, s->vat, &w, s->state_fd, seconds * 1000);
        *ret_self = &players;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct clips_guest *g;
        int r;

        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        r = clips_guest_enter(self, caller->has_pseudonym ? caller->pseudonym : caller->origin,
                              caller->has_pseudonym, &g, ret_bootstrap);
        if (r)
                return r;

        caller->data = g;
        return 0;
}

static void service_closed(void *self, struct kit_caller *caller)
{
        (void)self;
        clips_guest_leave(caller->data);
}

static void service_stop(void *self)
{
        clips_players_stop(self);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-paperclips",
                .schema = &paperclips_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
                .stop = service_stop,
        };

        return kit_run(&service, argc, argv);
}
