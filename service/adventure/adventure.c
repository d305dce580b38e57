/*
 * capos-adventure: a house by the sea with a mission in it (schema/adventure.capnp).
 *
 * Usage, in the manifest: (program = "capos-adventure", state = true, disclosure = [pseudonym],
 * grants = [(name = "chat", facet = "narrator")]). Without the last its rooms are silent in Chat.
 *
 * The game is an account's, by its pseudonym, and is kept in the service's folder. A session that
 * has none plays, too, and so does everybody where the manifest does not disclose pseudonyms: such
 * a game is the session's, and is forgotten after it. The folder may be missing; then nothing is
 * kept of anybody.
 */
#include "adv-serve.h"
#include "adventure.capnp-c.h"
#include "chat.capnp-c.h"
#include "tidehouse.capnp-c.h"
#include <capos/kit.h>

#include <errno.h>
#include <stdio.h>

_Static_assert((int)ADV_KEY_BYTES == (int)KIT_REFERENCE_BYTES, "the same reference");

static int chat_take(void *arg, capnp_cap **ret_chat)
{
        return kit_get(arg, "chat", CHAT_ID, ret_chat);
}

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct adventure adventure;
        static struct adv_world world;
        char why[160] = "";

        if (s->argc > 1) {
                fprintf(stderr, "capos-adventure: takes no arguments\n");
                return -EINVAL;
        }
        if (adv_world_load(&world, tide_house(), why)) {
                fprintf(stderr, "capos-adventure: its story: %s\n", why);
                return -EPROTO;
        }

        adventure_init(&adventure, &world, s->vat, s->state_fd);
        adventure.voice.take = chat_take;
        adventure.voice.arg = s->kit;
        *ret_self = &adventure;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct adv_guest *g;
        int r;

        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        r = adv_guest_enter(self, caller->has_pseudonym ? caller->pseudonym : caller->origin,
                            caller->has_pseudonym, &g, ret_bootstrap);
        if (r)
                return r == ADV_E_FULL ? CAPNP_E_LIMIT : r;

        caller->data = g;
        return 0;
}

static void service_closed(void *self, struct kit_caller *caller)
{
        (void)self;
        adv_guest_leave(caller->data);
}

static void service_stop(void *self)
{
        adventure_stop(self);
}

static void service_free(void *self)
{
        adventure_deinit(self);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-adventure",
                .schema = &adventure_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
                .stop = service_stop,
                .free = service_free,
        };

        return kit_run(&service, argc, argv);
}
