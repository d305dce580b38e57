/*
 * Adventure as callers see it. A guest is one socket, and what he calls is his player's
 * (adv-hall.c): two sessions of one account play one game.
 *
 * A handler decodes, does, and answers with what has come of it and the scene that is there now.
 * What somebody names is looked for in his room and in what he carries, by key or by label.
 */
#include "adv-serve.h"

#include "adv-show.h"
#include "adventure.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct adv_guest {
        struct adventure *adventure;
        struct adv_player *player; /* NULL: the socket is gone */
        struct adv_show show;      /* his panes */
        struct kit_commands *commands;
        struct kit_command table[ADV_COMMANDS];
        struct capnp_i_list link; /* adv_player.guests */
        uint8_t end;              /* that the table is of */
        bool has_object;
};

/* ---- commands -------------------------------------------------------------------------------- */

static void complete(void *arg, const char *command, const char *path, const char *prefix,
                     struct kit_choices *to)
{
        const struct adv_guest *g = arg;
        struct adv_choices found;

        (void)prefix;
        for (enum adv_command c = ADV_CMD_LOOK; c < ADV_COMMANDS; c++)
                for (uint32_t i = 0; i < adv_commands[c].nfields; i++) {
                        if (strcmp(adv_commands[c].id, command) != 0 ||
                            strcmp(adv_commands[c].fields[i].path, path) != 0 || !g->player)
                                continue;
                        adv_choices_find(g->player, c, i, &found);
                        for (uint32_t k = 0; k < found.n; k++)
                                kit_choices_add(to, &found.v[k]);
                }
}

/* What can be done has an end when the story has one. */
static void table_fill(struct adv_guest *g)
{
        g->end = g->player->game.now.end;
        for (enum adv_command c = ADV_CMD_LOOK; c < ADV_COMMANDS; c++) {
                g->table[c] = adv_commands[c];
                g->table[c].why_not = adv_why_not(g->player, c);
        }
}

static void table_renew(struct adv_guest *g)
{
        if (g->end == g->player->game.now.end)
                return;
        table_fill(g);
        kit_commands_set(g->commands, g->table, ADV_COMMANDS);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void on_happened(struct adv_player *p)
{
        adv_show_touch(p);
        for (struct capnp_i_list *l = p->guests.next; l != &p->guests; l = l->next)
                table_renew(CAPNP_I_OF(l, struct adv_guest, link));
}

static void on_spoken(void *arg, const struct adv_room *room, const char *who, const char *text)
{
        struct adventure *a = arg;

        adv_voice_speak(&a->voice, room, who, text, a->hall.now_ms());
}

static const struct adv_hall_ops hall_ops = {.happened = on_happened, .spoken = on_spoken};

void adventure_init(struct adventure *a, const struct adv_world *w, capnp_vat *v, int folder)
{
        *a = (struct adventure){.vat = v};
        adv_hall_init(&a->hall, w, folder);
        a->hall.ops = &hall_ops;
        a->hall.arg = a;
}

void adventure_stop(struct adventure *a)
{
        adv_voice_deinit(&a->voice);
}

void adventure_deinit(struct adventure *a)
{
        adv_hall_deinit(&a->hall);
}

/* ---- answers --------------------------------------------------------------------------------- */

static int fail(capnp_answer *a, int r)
{
        if (r == ADV_E_FAST)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too fast: try again in a second");
        if (r == ADV_E_TEXT)
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "say 1 to %d bytes of UTF-8 in one line, without control "
                                         "or direction characters",
                                         ADV_SAY_BYTES);
        fprintf(stderr, "capos-adventure: %s\n", strerror(-r));
        return capnp_answer_fail(
                a, CAPNP_OVERLOADED,
                "your game cannot be kept, so nothing was done: the instance's log "
                "says why");
}

static int fail_gone(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "you have left");
}

static void outcome_write(const struct adv_guest *g, const struct adv_told *told,
                          adventure_outcome_builder b)
{
        char page[ADV_PAGE_BYTES], all[ADV_TOLD_BYTES + ADV_PAGE_BYTES];

        adventure_outcome_set_text(b, told->text);
        if (told->has_moved) {
                adv_page_tell(g->player, page);
                (void)snprintf(all, sizeof(all), "%.*s%s", (int)told->room_at, told->text, page);
        }
        adventure_outcome_set_told(b, told->has_moved ? all : told->text);
        adventure_outcome_set_what(b, (enum adventure_outcome_what)told->what);
        if (told->has_changed)
                adv_scene_write(g->player, adventure_outcome_init_scene(b));
}

/* The place of a thing's or person's key or label in an act. */
static uint8_t what_find(const struct adv_guest *g, capnp_text name)
{
        const struct adv_world *w = g->adventure->hall.world;
        uint8_t thing = adv_world_thing(w, name), person = adv_world_person(w, name);

        return thing != ADV_NONE    ? thing
               : person != ADV_NONE ? (uint8_t)(ADV_A_PERSON | person)
                                    : ADV_NONE;
}

/* ---- methods --------------------------------------------------------------------------------- */

static int serve_look(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;

        if (!g->player)
                return fail_gone(a);
        adv_scene_write(g->player, adventure_look_results_init_scene(a));
        return capnp_answer_return(a);
}

/* Every act goes through here: what is done, and what is said of it in these results. */
static int serve_act(struct adv_guest *g, capnp_answer *a, struct adv_act act,
                     adventure_outcome_builder (*results)(capnp_answer *a))
{
        static struct adv_told told;
        int r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "this cannot be read");
        r = adv_player_do(g->player, act, &told);
        if (r)
                return fail(a, r);
        outcome_write(g, &told, results(a));
        return capnp_answer_return(a);
}

static int serve_go(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_GO, .on = ADV_NONE};

        if (!g->player)
                return fail_gone(a);
        act.what = adv_exit_find(g->adventure->hall.world, &g->player->game.now,
                                 adventure_go_param_exit(a));
        return serve_act(g, a, act, adventure_go_results_init_outcome);
}

static int serve_take(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_TAKE, .on = ADV_NONE};

        if (!g->player)
                return fail_gone(a);
        act.what = what_find(g, adventure_take_param_thing(a));
        return serve_act(g, a, act, adventure_take_results_init_outcome);
}

static int serve_drop(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_DROP, .on = ADV_NONE};

        if (!g->player)
                return fail_gone(a);
        act.what = what_find(g, adventure_drop_param_thing(a));
        return serve_act(g, a, act, adventure_drop_results_init_outcome);
}

static int serve_inspect(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_INSPECT, .on = ADV_NONE};

        if (!g->player)
                return fail_gone(a);
        act.what = what_find(g, adventure_inspect_param_thing(a));
        return serve_act(g, a, act, adventure_inspect_results_init_outcome);
}

static int serve_use(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_USE, .on = ADV_NONE};
        capnp_text on = adventure_use_param_on(a);

        if (!g->player)
                return fail_gone(a);
        act.what = what_find(g, adventure_use_param_thing(a));
        if (on.len) {
                act.on = what_find(g, on);
                if (act.on == ADV_NONE)
                        act.what = ADV_NONE; /* on what is not there: not by itself */
        }
        return serve_act(g, a, act, adventure_use_results_init_outcome);
}

static int serve_talk(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        struct adv_act act = {.verb = ADV_TALK, .on = ADV_NONE};
        uint8_t person = adv_world_person(g->adventure->hall.world, adventure_talk_param_person(a));

        if (!g->player)
                return fail_gone(a);
        act.what = person == ADV_NONE ? ADV_NONE : ADV_A_PERSON | person;
        if (person != ADV_NONE)
                act.on = adv_topic_find(&g->adventure->hall.world->people[person],
                                        &g->player->game.now, adventure_talk_param_topic(a));
        return serve_act(g, a, act, adventure_talk_results_init_outcome);
}

static int serve_say(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        uint32_t heard = 0;
        int r;

        if (!g->player)
                return fail_gone(a);
        if (capnp_answer_check(a))
                return fail(a, ADV_E_TEXT);
        r = adv_player_say(g->player, adventure_say_param_text(a), &heard);
        if (r)
                return fail(a, r);
        adventure_say_results_set_heard(a, heard);
        return capnp_answer_return(a);
}

static int serve_lines(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        uint64_t after = adventure_lines_param_after(a), at = after;
        adventure_line_list_builder list;
        const struct adv_line *l;
        uint32_t n = 0;

        if (!g->player)
                return fail_gone(a);
        for (; (l = adv_player_line(g->player, at)); n++)
                at = l->sequence;
        list = adventure_lines_results_init_lines(a, n);
        for (uint32_t i = 0; i < n && (l = adv_player_line(g->player, after)); i++) {
                adventure_line_builder b = adventure_line_list_builder_get(list, i);

                after = l->sequence;
                adventure_line_set_sequence(b, l->sequence);
                adventure_line_set_at_ms(b, l->at_ms);
                adventure_line_set_who(b, l->who);
                adventure_line_set_text(b, l->text);
        }
        return capnp_answer_return(a);
}

static int serve_again(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        static struct adv_told told;
        int r;

        if (!g->player)
                return fail_gone(a);
        r = adv_player_again(g->player, &told);
        if (r)
                return fail(a, r);
        outcome_write(g, &told, adventure_again_results_init_outcome(a));
        return capnp_answer_return(a);
}

static int serve_start_over(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;
        int r;

        if (!g->player)
                return fail_gone(a);
        r = adv_player_start_over(g->player);
        if (r)
                return fail(a, r);
        adv_scene_write(g->player, adventure_start_over_results_init_scene(a));
        return capnp_answer_return(a);
}

static int serve_commands(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;

        return g->player ? kit_commands_answer(g->commands, a) : fail_gone(a);
}

static int serve_complete(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;

        return g->player ? kit_commands_complete(g->commands, a) : fail_gone(a);
}

static int serve_compose(void *self, capnp_answer *a)
{
        struct adv_guest *g = self;

        return g->player ? adv_show_compose(&g->show, a) : fail_gone(a);
}

/* ---- guests ---------------------------------------------------------------------------------- */

static void guest_free_unused(struct adv_guest *g)
{
        if (!g->player && !g->has_object)
                free(g);
}

static void guest_gone(void *self)
{
        struct adv_guest *g = self;

        g->has_object = false;
        guest_free_unused(g);
}

static const struct adventure_ops ops = {
        .gone = guest_gone,
        .look = serve_look,
        .go = serve_go,
        .take = serve_take,
        .drop = serve_drop,
        .inspect = serve_inspect,
        .use = serve_use,
        .talk = serve_talk,
        .say = serve_say,
        .lines = serve_lines,
        .again = serve_again,
        .start_over = serve_start_over,
        .ui_composer = {.compose = serve_compose},
        .command_surface = {.commands = serve_commands, .complete = serve_complete},
};

int adv_guest_enter(struct adventure *a, const uint8_t *key, bool is_kept,
                    struct adv_guest **ret_guest, capnp_cap **ret_cap)
{
        struct adv_guest *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->adventure = a;
        r = adv_player_enter(&a->hall, key, is_kept, &g->player);
        if (r) {
                free(g);
                return r;
        }
        capnp_i_list_append(&g->player->guests, &g->link);
        adv_show_init(&g->show, g->player, a->vat);
        table_fill(g);
        r = kit_commands_new(a->vat, g->table, ADV_COMMANDS, complete, g, &g->commands);
        if (!r)
                r = adventure_serve(a->vat, &ops, g, ret_cap);
        if (r) {
                adv_guest_leave(g);
                return r;
        }
        g->has_object = true;
        *ret_guest = g;
        return 0;
}

void adv_guest_leave(struct adv_guest *g)
{
        adv_show_deinit(&g->show);
        g->commands = kit_commands_free(g->commands);
        capnp_i_list_remove(&g->link);
        adv_player_leave(g->player);
        g->player = NULL;
        guest_free_unused(g);
}
