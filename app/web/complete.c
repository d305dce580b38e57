/*
 * What a field of a command may be: its service is asked (CommandSurface.complete), and its answer
 * handed on. It is a call of the page's own, which changes nothing; so it is in no record, and who
 * types faster than a service answers is told that it is busy.
 */
#include "complete.h"

#include "command.capnp-c.h"

#include <stdlib.h>

enum { NAME = 96, ASKS = 8, CHOICES = 50 };

struct completion {
        struct bridge *b;
        struct asker a;
};

static bool interface_completes(const capnp_schema *s, uint64_t interface)
{
        struct capnp_method_info m;

        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, &m); i++)
                if (m.interface == COMMAND_SURFACE_ID)
                        return true;
        return false;
}

static void complete_on_answer(capnp_question *q, int r, void *arg)
{
        struct completion c = *(struct completion *)arg;
        struct capos_error e;
        struct down d;

        (void)r;
        free(arg);
        c.b->completions--;
        if (capos_error_of_question(q, &e)) {
                bridge_fail_error(c.b, c.a, &e);
        } else {
                command_choice_list l = command_surface_complete_choices(q);

                d = down_new(c.a.id);
                if (d.m && command_choice_list_len(l) <= CHOICES)
                        web_down_set_choices(d.d, l);
                else if (d.m)
                        (void)web_down_init_choices(d.d, 0);
                down_answer(c.b, c.a, &d);
        }
        capnp_question_free(q);
}

void complete_ask(struct bridge *b, struct asker a, web_up_complete_reader r)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct completion *c = NULL;
        struct capos_cap_entry e;
        capnp_question *q = NULL;
        char name[NAME];

        text_copy(web_up_complete_service(r), name, sizeof(name));
        if (!b->is_in || !capos_client_find(b->client, name, &e) ||
            !interface_completes(capos_client_schema_peek(b->client), e.interface)) {
                bridge_fail(b, a, "bridge.no-target", "no such capability has commands");
                return;
        }
        if (b->completions < ASKS) {
                c = malloc(sizeof(*c));
                cap = capos_client_get(b->client, name, e.interface);
        }
        if (c && cap)
                q = command_surface_complete((command_surface_client){cap});
        if (!q) {
                free(c);
                bridge_fail(b, a, "bridge.busy", "too much is under way");
                return;
        }
        *c = (struct completion){b, a};
        b->completions++;
        command_surface_complete_set_command_n(q, web_up_complete_command(r));
        command_surface_complete_set_path_n(q, web_up_complete_path(r));
        command_surface_complete_set_prefix_n(q, web_up_complete_prefix(r));
        capnp_question_send(q, complete_on_answer, c);
}
