/*
 * `capos methods`: the ways to log in to an instance, as it offers them to this connection, and
 * which of them there is something for here.
 */
#include "login-ways.h"

#include <stdio.h>

/* A way, from both sides. */
struct seen {
        struct capos_method m;
        struct way_state here;
};

static bool methods_read(const struct login *l, uint32_t i, struct seen *ret)
{
        if (!capos_client_method(l->c->client, i, &ret->m))
                return false;

        ways_look(l, ret->m.kind, &ret->here);
        return true;
}

static json_t *methods_json(const struct login *l)
{
        json_t *all = json_array(), *profiles;
        const char *profile;
        struct seen s;

        for (uint32_t i = 0; methods_read(l, i, &s); i++) {
                profiles = json_array();
                for (uint32_t j = 0; (profile = capos_client_method_profile(l->c->client, i, j));
                     j++)
                        (void)json_array_append_new(profiles, cli_json_text(profile));
                (void)json_array_append_new(
                        all, json_pack("{s:s,s:s,s:b,s:b,s:o,s:o,s:o,s:b,s:o}", "kind",
                                       capos_auth_name(s.m.kind), "method", s.here.name, "enabled",
                                       s.m.enabled, "interactive", s.m.interactive, "label",
                                       cli_json_text(s.m.label), "reason",
                                       cli_json_text(s.m.reason), "profiles", profiles, "here",
                                       s.here.here, "hereWhy", cli_json_text(s.here.why)));
        }
        return json_pack("{s:o}", "methods", all);
}

/* Why not; of one that is offered, first which profiles it may give. */
static void methods_print_words(const struct login *l, const struct seen *s)
{
        const char *profiles = l->offers[s->m.kind].profiles;

        if (!s->m.enabled) {
                cli_print_safe(s->m.reason);
                return;
        }
        printf("for ");
        cli_print_safe(*profiles ? profiles : "no profile");
        if (s->here.here)
                return;
        printf("; ");
        cli_print_safe(s->here.why);
}

static void methods_print(const struct login *l)
{
        struct seen s;

        for (uint32_t i = 0; methods_read(l, i, &s); i++) {
                printf("%-26s %-12s %-9s %-9s ", capos_auth_name(s.m.kind), s.here.name,
                       s.m.enabled ? "enabled" : "disabled", s.here.here ? "here" : "not here");
                methods_print_words(l, &s);
                printf("\n");
        }
}

int cmd_methods(struct cli *c)
{
        struct login l = {.c = c};
        int r = greet_place_read(c, c->words[0], &l.place);

        if (!r)
                r = greet(c, &l.place);
        if (r)
                return r;
        login_note_offers(&l);
        if (c->json)
                return cli_print_json(c, methods_json(&l));
        methods_print(&l);
        return EXIT_OK;
}
