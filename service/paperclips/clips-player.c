/*
 * Games are driven by one timer, once a second, as long as somebody plays; what has gone by is
 * measured, so a second that came late is made up for, and a machine that slept is treated as a
 * player who was away.
 *
 * A game that is kept belongs to a pseudonym. It is loaded when the first of the account's sessions
 * comes, and saved in the end, every AUTOSAVE, and not more than a few in one second, since each
 * save waits for the disk. So a process that is killed loses what has happened since the last one.
 *
 * Who has no pseudonym gets a game of his session's. As nothing of it may be kept, it lies in
 * memory for a while after the last call: a client that comes for one command at a time finds it
 * again.
 */
#include "clips-player.h"

#include "paperclips.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
        TICK_MS = 1000,
        LATE_SECONDS = 5, /* that are made up for one by one */
        SAVES_A_TICK = 40,
        LINGER_MS = 10 * 60 * 1000,
        LINGERING = 256, /* games that nobody plays, and nobody keeps */
};

/* ---- clocks ---------------------------------------------------------------------------------- */

static uint64_t clock_ms(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clips_wall_ms(void)
{
        return clock_ms(CLOCK_REALTIME);
}

/* One that never goes back, and goes on while the machine sleeps. */
static uint64_t now_ms(void)
{
        return clock_ms(CLOCK_BOOTTIME);
}

/* ---- commands -------------------------------------------------------------------------------- */

static const struct kit_command_field make_field[] = {{.path = "count",
                                                       .label = "How many",
                                                       .kind = KIT_FIELD_INTEGER,
                                                       .min = 1,
                                                       .max = CLIPS_MAKE_MOST}};
static const struct kit_command_field buy_fields[] = {{.path = "machine",
                                                       .label = "What",
                                                       .kind = KIT_FIELD_CHOICE,
                                                       .required = true,
                                                       .completed = true},
                                                      {.path = "count",
                                                       .label = "How many",
                                                       .kind = KIT_FIELD_INTEGER,
                                                       .min = 1,
                                                       .max = CLIPS_BUY_MOST}};
static const struct kit_command_field price_field[] = {{.path = "cents",
                                                        .label = "Cents for a clip",
                                                        .kind = KIT_FIELD_INTEGER,
                                                        .required = true,
                                                        .min = 1,
                                                        .max = CLIPS_CENTS_MOST}};
static const struct kit_command_field begin_field[] = {{.path = "project",
                                                        .label = "Project",
                                                        .kind = KIT_FIELD_CHOICE,
                                                        .required = true,
                                                        .completed = true}};

const struct kit_command clips_commands[CLIPS_COMMANDS] = {
        [CLIPS_STATUS] = {.id = "status",
                          .title = "See how it stands",
                          .effect = KIT_READS,
                          .interface = PAPERCLIPS_ID,
                          .method = 0},
        [CLIPS_MAKE] = {.id = "make",
                        .title = "Bend clips by hand",
                        .summary = "Each takes a span of wire and some strength.",
                        .key = "m",
                        .effect = KIT_OWN,
                        .interface = PAPERCLIPS_ID,
                        .method = 1,
                        .fields = make_field,
                        .nfields = 1},
        [CLIPS_BUY] = {.id = "buy",
                       .title = "Buy a machine, or goods",
                       .summary = "As many as can be paid, of those that are wanted.",
                       .key = "b",
                       .effect = KIT_OWN,
                       .interface = PAPERCLIPS_ID,
                       .method = 2,
                       .fields = buy_fields,
                       .nfields = 2},
        [CLIPS_PRICE] = {.id = "price",
                         .title = "Set the price of a clip",
                         .summary = "At half the price, four times as many are wanted.",
                         .key = "p",
                         .effect = KIT_OWN,
                         .interface = PAPERCLIPS_ID,
                         .method = 3,
                         .fields = price_field,
                         .nfields = 1},
        [CLIPS_BEGIN] = {.id = "begin",
                         .title = "Begin a project",
                         .summary = "Or take an order. It is paid at once.",
                         .key = "g",
                         .effect = KIT_OWN,
                         .interface = PAPERCLIPS_ID,
                         .method = 4,
                         .fields = begin_field,
                         .nfields = 1},
        [CLIPS_START_OVER] = {.id = "start-over",
                              .title = "Give up this game and begin another",
                              .effect = KIT_LASTING,
                              .interface = PAPERCLIPS_ID,
                              .method = 6}};

static void complete_machines(const struct clips_game *g, struct kit_choices *to)
{
        char price[CLIPS_TEXT_BYTES];

        for (unsigned i = 0; i < g->w->nmachines; i++) {
                const struct clips_machine *m = &g->w->machines[i];
                struct clips_amounts cost = clips_game_cost(g, i);

                if (g->open[i] && !m->pace)
                        kit_choices_add(to, &(struct kit_choice){.value = m->key,
                                                                 .label = m->title,
                                                                 .detail = clips_amounts_text(
                                                                         g->w, &cost, price)});
        }
}

static void complete_projects(const struct clips_game *g, struct kit_choices *to)
{
        char price[CLIPS_TEXT_BYTES];

        for (unsigned i = 0; i < g->w->nprojects; i++) {
                const struct clips_project *p = &g->w->projects[i];

                if (g->project[i].state == CLIPS_OFFERED)
                        kit_choices_add(to, &(struct kit_choice){.value = p->key,
                                                                 .label = p->title,
                                                                 .detail = clips_amounts_text(
                                                                         g->w, &p->price, price)});
        }
}

static void commands_complete(void *arg, const char *command, const char *path, const char *prefix,
                              struct kit_choices *to)
{
        const struct clips_player *p = arg;

        (void)command;
        (void)prefix;
        if (!strcmp(path, "machine"))
                complete_machines(&p->game, to);
        if (!strcmp(path, "project"))
                complete_projects(&p->game, to);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static void player_save(struct clips_player *p)
{
        int r = 0;

        p->saved_ms = now_ms();
        if (!p->file[0] || !p->dirty)
                return;
        r = clips_keep_store(p->all->folder, p->file, &p->game, clips_wall_ms());
        if (r)
                fprintf(stderr, "capos-paperclips: a game cannot be saved: %s\n", strerror(-r));
        else
                p->dirty = false;
}

static void player_load(struct clips_player *p)
{
        uint64_t at_ms = 0, now = clips_wall_ms();
        int r = clips_keep_load(p->all->folder, p->file, &p->game, &at_ms);

        if (r == CLIPS_KEEP_NONE)
                return;
        if (!r) {
                clips_game_away(&p->game, now > at_ms ? (now - at_ms) / 1000 : 0);
                return;
        }
        if (r < 0) {
                fprintf(stderr, "capos-paperclips: a game cannot be read: %s\n", strerror(-r));
                p->file[0] = '\0';
        }
        clips_game_note(&p->game, false,
                        r < 0 ? "Your game cannot be read now. This one is for today, and is not "
                                "kept."
                              : "Your game could not be read, and was put aside. This is a new "
                                "one.");
}

/* ---- what happens ---------------------------------------------------------------------------- */

void clips_player_tell(struct clips_player *p)
{
        struct capnp_i_list told;

        p->revision++;
        /* Who watches once may take himself off, and others with him. */
        capnp_i_list_init(&told);
        capnp_i_list_splice(&told, &p->watchers);
        while (!capnp_i_list_empty(&told)) {
                struct clips_watcher *w =
                        CAPNP_I_OF(capnp_i_list_pop(&told), struct clips_watcher, link);

                capnp_i_list_append(&p->watchers, &w->link);
                w->happened(w);
        }
}

/* ---- time ------------------------------------------------------------------------------------ */

static void player_free(struct clips_player *p)
{
        p->all->n--;
        capnp_i_list_remove(&p->link);
        kit_commands_free(p->commands);
        free(p);
}

static void player_go_on(struct clips_player *p, uint64_t seconds)
{
        if (seconds > LATE_SECONDS)
                clips_game_away(&p->game, seconds);
        for (uint64_t i = 0; i < seconds && seconds <= LATE_SECONDS; i++)
                clips_game_tick(&p->game);
        p->dirty = true;
        clips_player_tell(p);
}

static void players_on_time(void *arg);

static void players_wait(struct clips_players *all)
{
        if (all->n && !all->timer)
                (void)!capnp_timer_new(all->vat, TICK_MS, players_on_time, all, &all->timer);
}

static void players_on_time(void *arg)
{
        struct clips_players *all = arg;
        uint64_t now = now_ms(), seconds = (now - all->last_ms) / TICK_MS;
        uint32_t period = all->autosave_ms ? all->autosave_ms : 30 * 1000;
        unsigned saves = 0;

        all->timer = NULL;
        all->last_ms += seconds * TICK_MS;
        for (struct capnp_i_list *next, *l = all->list.next; l != &all->list; l = next) {
                struct clips_player *p = CAPNP_I_OF(l, struct clips_player, link);

                next = l->next;
                if (!p->sessions && now - p->left_ms >= LINGER_MS) {
                        player_free(p);
                } else if (p->sessions && seconds) {
                        player_go_on(p, seconds);
                        if (now - p->saved_ms >= period && saves < SAVES_A_TICK) {
                                saves += p->dirty && p->file[0];
                                player_save(p);
                        }
                }
        }
        players_wait(all);
}

/* ---- acts ------------------------------------------------------------------------------------ */

void clips_player_save_act(struct clips_player *p)
{
        p->dirty = true;
        players_wait(p->all); /* should there have been no memory for that */
        if (!p->all->autosave_ms)
                player_save(p);
}

void clips_player_start_over(struct clips_player *p)
{
        clips_game_init(&p->game, p->all->world, p->game.random * 2 + clips_wall_ms());
        p->generation++;
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* A game of a session's that was left, the one that was left longest ago, has to go. */
static void players_make_room(struct clips_players *all)
{
        struct clips_player *oldest = NULL;
        unsigned n = 0;

        for (struct capnp_i_list *l = all->list.next; l != &all->list; l = l->next) {
                struct clips_player *p = CAPNP_I_OF(l, struct clips_player, link);

                if (p->sessions)
                        continue;
                n++;
                if (!oldest || p->left_ms < oldest->left_ms)
                        oldest = p;
        }
        if (n > LINGERING)
                player_free(oldest);
}

static struct clips_player *players_find(const struct clips_players *all, const uint8_t *id,
                                         bool kept)
{
        for (struct capnp_i_list *l = all->list.next; l != &all->list; l = l->next) {
                struct clips_player *p = CAPNP_I_OF(l, struct clips_player, link);

                if (!memcmp(p->id, id, CLIPS_ID_BYTES) && p->by_pseudonym == kept)
                        return p;
        }
        return NULL;
}

static uint64_t seed_of(const uint8_t *id)
{
        uint64_t seed;

        memcpy(&seed, id, sizeof(seed));
        return seed ^ clips_wall_ms();
}

static int player_new(struct clips_players *all, const uint8_t *id, bool kept,
                      struct clips_player **ret_player)
{
        struct clips_player *p;
        int r;

        if (all->n >= CLIPS_PLAYERS)
                return CAPNP_E_LIMIT;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->all = all;
        p->by_pseudonym = kept;
        memcpy(p->id, id, sizeof(p->id));
        capnp_i_list_init(&p->watchers);
        capnp_i_list_init(&p->link);
        r = kit_commands_new(all->vat, clips_commands, CLIPS_COMMANDS, commands_complete, p,
                             &p->commands);
        if (r) {
                free(p);
                return r;
        }

        clips_game_init(&p->game, all->world, seed_of(id));
        for (unsigned i = 0; kept && all->folder >= 0 && i < CLIPS_ID_BYTES; i++)
                (void)snprintf(p->file + 2 * i, 3, "%02x", id[i]);
        if (p->file[0])
                player_load(p);
        p->revision = p->game.tick + p->game.acts + 1;
        p->saved_ms = now_ms();
        capnp_i_list_append(&all->list, &p->link);
        all->n++;
        *ret_player = p;
        return 0;
}

int clips_player_enter(struct clips_players *all, const uint8_t id[CLIPS_ID_BYTES], bool kept,
                       struct clips_player **ret_player)
{
        struct clips_player *p = players_find(all, id, kept);
        int r = 0;

        if (!all->timer)
                all->last_ms = now_ms();
        if (p && !p->sessions)
                clips_game_away(&p->game, (now_ms() - p->left_ms) / TICK_MS);
        if (!p)
                r = player_new(all, id, kept, &p);
        if (r)
                return r;

        p->sessions++;
        players_wait(all);
        *ret_player = p;
        return 0;
}

void clips_player_leave(struct clips_player *p)
{
        if (--p->sessions)
                return;
        p->left_ms = now_ms();
        if (p->file[0]) {
                player_save(p);
                player_free(p);
                return;
        }
        players_make_room(p->all);
}

/* ---- life ------------------------------------------------------------------------------------ */

void clips_players_init(struct clips_players *p, capnp_vat *v, const struct clips_world *w,
                        int folder, uint32_t autosave_ms)
{
        *p = (struct clips_players){
                .vat = v, .world = w, .folder = folder, .autosave_ms = autosave_ms};
        capnp_i_list_init(&p->list);
}

void clips_players_stop(struct clips_players *all)
{
        all->timer = capnp_timer_free(all->timer);
        while (!capnp_i_list_empty(&all->list)) {
                struct clips_player *p = CAPNP_I_OF(all->list.next, struct clips_player, link);

                player_save(p);
                player_free(p);
        }
}
