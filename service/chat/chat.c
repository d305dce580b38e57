/*
 * capos-chat: channels with members, history and live delivery (schema/chat.capnp).
 *
 * Usage, in the manifest: (program = "capos-chat"). It takes no arguments and keeps nothing on
 * disk. It has one facet, `narrator`: to speak in channels `#adv-…` under that name, and no more.
 */
#include "chat-serve.h"
#include "chat.capnp-c.h"
#include <capos/kit.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)CHAT_REFERENCE_BYTES == (int)KIT_REFERENCE_BYTES, "the same reference");

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct chat chat;

        if (s->argc > 1) {
                fprintf(stderr, "capos-chat: takes no arguments\n");
                return -EINVAL;
        }

        *ret_self = &chat;
        return chat_init(&chat, s->vat);
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        bool narrates = !strcmp(facet, "narrator");
        struct chat_guest *g;
        int r;

        if (facet[0] != '\0' && !narrates)
                return CAPNP_E_UNKNOWN;

        r = chat_guest_enter(self, caller, narrates, &g, ret_bootstrap);
        if (r)
                return r == CHAT_E_FULL ? CAPNP_E_LIMIT : r;

        caller->data = g;
        return 0;
}

static void service_closed(void *self, struct kit_caller *caller)
{
        (void)self;
        chat_guest_leave(caller->data);
}

static void service_stop(void *self)
{
        chat_stop(self);
}

static void service_free(void *self)
{
        chat_deinit(self);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-chat",
                .schema = &chat_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
                .stop = service_stop,
                .free = service_free,
        };

        return kit_run(&service, argc, argv);
}
