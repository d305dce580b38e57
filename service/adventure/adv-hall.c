/*
 * Everybody who plays. What has happened to a player is his own: two who stand in one room see each
 * other, and hear what is said, but the door that one has opened is shut to the other. So nobody
 * can spoil or solve another's story, and each game is one value that can be looked at whole.
 *
 * A player is an account, by its pseudonym, or a session that has none. He is here while he has a
 * socket, and a while after he has done something: a command that is run for itself opens a socket
 * and closes it, and others should not see him come and go by each. Whoever is not here makes room
 * when room is needed, the one who has been away longest first; of an account nothing is lost by
 * it, since each change is on disk before it is answered.
 */
#include "adv-hall.h"

#include "ui-text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct adv_player *player_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct adv_player, link);
}

static uint64_t clock_ms(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t boot_ms(void)
{
        return clock_ms(CLOCK_BOOTTIME);
}

static uint64_t wall_ms(void)
{
        return clock_ms(CLOCK_REALTIME);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static const char *const manners[] = {
        "barnacled", "brave",  "briny",    "calm",    "cheerful", "damp",  "distant", "early",
        "foggy",     "grey",   "hasty",    "hopeful", "lonely",   "lucky", "mild",    "musical",
        "northern",  "polite", "punctual", "quiet",   "rusty",    "salty", "silver",  "sleepy",
        "southern",  "spare",  "steady",   "tidal",   "upright",  "vague", "windy",   "wistful"};
static const char *const birds[] = {
        "auk",    "avocet",    "bittern", "brant",  "curlew", "dipper", "dunlin",  "eider",
        "fulmar", "gannet",    "godwit",  "grebe",  "gull",   "ibis",   "kestrel", "kittiwake",
        "knot",   "lapwing",   "merlin",  "osprey", "petrel", "pipit",  "plover",  "puffin",
        "rail",   "sandpiper", "shag",    "skua",   "snipe",  "teal",   "tern",    "turnstone"};

enum { WORDS = 32 };

_Static_assert(sizeof(manners) == WORDS * sizeof(*manners), "as many as the hash chooses from");
_Static_assert(sizeof(birds) == WORDS * sizeof(*birds), "as many as the hash chooses from");

static bool label_is_free(const struct adv_hall *h, const char *label)
{
        for (struct capnp_i_list *l = h->players.next; l != &h->players; l = l->next)
                if (!strcmp(player_of(l)->label, label))
                        return false;
        return true;
}

/* The same for the same key whenever it comes, but for one that another has. The key cannot be
 * found from it. */
static void label_make(const struct adv_hall *h, const uint8_t *key, char *ret)
{
        char label[ADV_LABEL_BYTES];
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (unsigned i = 0; i < ADV_KEY_BYTES; i++)
                hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
        do {
                hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd) + 1;
                (void)snprintf(label, sizeof(label), "%s-%s-%02u", manners[hash >> 40 & 31],
                               birds[hash >> 48 & 31], (unsigned)(hash >> 20 & 0xfffff) % 100);
        } while (!label_is_free(h, label));
        memcpy(ret, label, sizeof(label));
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void player_touch(struct adv_player *p)
{
        if (p->hall->ops && p->hall->ops->happened)
                p->hall->ops->happened(p);
}

/* Without memory the line is not there, and the gap shows. */
static void player_hear(struct adv_player *p, const char *who, const char *text)
{
        struct adv_line *l = &p->lines[++p->sequence % ADV_LINES];

        free(l->text);
        l->sequence = p->sequence;
        l->at_ms = p->hall->wall_ms();
        (void)snprintf(l->who, sizeof(l->who), "%s", who);
        l->text = strndup(text, ADV_LINE_BYTES - 1);
        player_touch(p);
}

const struct adv_line *adv_player_line(const struct adv_player *p, uint64_t after)
{
        const struct adv_line *best = NULL;

        for (unsigned i = 0; i < ADV_LINES; i++) {
                const struct adv_line *l = &p->lines[i];

                if (l->text && l->sequence > after && (!best || l->sequence < best->sequence))
                        best = l;
        }
        return best;
}

/* Whoever opens the service without a session, as it is done to see what it is, at the start. */
static bool player_is_nobody(const struct adv_player *p)
{
        static const uint8_t nobody[ADV_KEY_BYTES];

        return !p->is_kept && !memcmp(p->key, nobody, sizeof(nobody));
}

static bool player_is_here(const struct adv_player *p)
{
        if (player_is_nobody(p))
                return false;
        return p->sockets || (p->seen_ms && p->hall->now_ms() - p->seen_ms < ADV_HERE_MS);
}

const struct adv_player *adv_player_next_other(const struct adv_player *p,
                                               const struct adv_player *after)
{
        struct capnp_i_list *l = after ? after->link.next : p->hall->players.next;

        for (; l != &p->hall->players; l = l->next) {
                struct adv_player *o = player_of(l);

                if (o != p && o->game.now.room == p->game.now.room && player_is_here(o))
                        return o;
        }
        return NULL;
}

/* Everybody in a room but one. */
static uint32_t room_hear(struct adv_hall *h, uint8_t room, const struct adv_player *but,
                          const char *who, const char *text)
{
        uint32_t n = 0;

        for (struct capnp_i_list *l = h->players.next; l != &h->players; l = l->next) {
                struct adv_player *p = player_of(l);

                if (p == but || p->game.now.room != room || !player_is_here(p))
                        continue;
                player_hear(p, who, text);
                n++;
        }
        return n;
}

static void room_note(struct adv_player *p, uint8_t room, const char *what)
{
        char text[ADV_LABEL_BYTES + 32];

        (void)snprintf(text, sizeof(text), "%s %s", p->label, what);
        (void)room_hear(p->hall, room, p, "", text);
}

static void person_speaks(struct adv_hall *h, uint8_t person, const char *text)
{
        const struct adv_person *who = &h->world->people[person];

        if (h->ops && h->ops->spoken)
                h->ops->spoken(h->arg, &h->world->rooms[who->place], who->label, text);
}

/* Somebody has come into a room: whoever is there of the story may say something, now and then. */
static void room_idle(struct adv_hall *h, uint8_t room)
{
        uint64_t now = h->now_ms();

        for (uint8_t i = 0; i < h->world->npeople; i++) {
                const struct adv_person *who = &h->world->people[i];
                const char *text;

                if (who->place != room || !who->idle.len ||
                    (h->spoken_ms[room] && now - h->spoken_ms[room] < ADV_IDLE_MS))
                        continue;
                h->spoken_ms[room] = now;
                text = story_person_idle_at(who->idle, h->spoken[i]++ % who->idle.len).p;
                (void)room_hear(h, room, NULL, who->label, text);
                person_speaks(h, i, text);
        }
}

/* ---- players --------------------------------------------------------------------------------- */

void adv_hall_init(struct adv_hall *h, const struct adv_world *w, int folder)
{
        *h = (struct adv_hall){.world = w, .folder = folder, .now_ms = boot_ms, .wall_ms = wall_ms};
        capnp_i_list_init(&h->players);
}

static void player_free(struct adv_player *p)
{
        for (unsigned i = 0; i < ADV_LINES; i++)
                free(p->lines[i].text);
        capnp_i_list_remove(&p->link);
        p->hall->nplayers--;
        free(p);
}

void adv_hall_deinit(struct adv_hall *h)
{
        while (!capnp_i_list_empty(&h->players))
                player_free(player_of(h->players.next));
}

static void player_name(const struct adv_player *p, char ret[static 2 * ADV_KEY_BYTES + 1])
{
        for (unsigned i = 0; i < ADV_KEY_BYTES; i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", p->key[i]);
}

static int player_keep(const struct adv_player *p)
{
        char name[2 * ADV_KEY_BYTES + 1];

        if (!p->is_kept || p->hall->folder < 0)
                return 0;
        player_name(p, name);
        return adv_save_store(p->hall->folder, name, p->hall->world, &p->game);
}

static void player_begin(struct adv_player *p)
{
        adv_state_begin(p->hall->world, &p->game.now);
        p->game.before = p->game.now;
        player_hear(p, "", p->hall->world->intro);
}

static int player_load(struct adv_player *p)
{
        char name[2 * ADV_KEY_BYTES + 1];
        int r = ADV_SAVE_NONE;

        player_name(p, name);
        if (p->is_kept && p->hall->folder >= 0)
                r = adv_save_load(p->hall->folder, name, p->hall->world, &p->game);
        if (r < 0)
                return r;
        if (r)
                player_begin(p);
        if (r == ADV_SAVE_BAD)
                player_hear(p, "",
                            "What was kept of your game could not be read. It was put aside, and "
                            "you begin anew.");
        return 0;
}

/* The one who has been away longest makes room. ADV_E_FULL: all are here. */
static int hall_give_way(struct adv_hall *h)
{
        struct adv_player *first = NULL;

        if (h->nplayers < ADV_PLAYERS)
                return 0;
        for (struct capnp_i_list *l = h->players.next; l != &h->players; l = l->next) {
                struct adv_player *p = player_of(l);

                if (!p->sockets && !player_is_here(p) && (!first || p->seen_ms < first->seen_ms))
                        first = p;
        }
        if (!first)
                return ADV_E_FULL;
        player_free(first);
        return 0;
}

static int player_new(struct adv_hall *h, const uint8_t *key, bool is_kept,
                      struct adv_player **ret_p)
{
        struct adv_player *p;
        int r = hall_give_way(h);

        if (r)
                return r;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->hall = h;
        p->is_kept = is_kept;
        p->credit = ADV_BURST * 1000;
        memcpy(p->key, key, sizeof(p->key));
        label_make(h, key, p->label);
        capnp_i_list_init(&p->guests);
        capnp_i_list_append(&h->players, &p->link);
        h->nplayers++;
        r = player_load(p);
        if (r) {
                player_free(p);
                return r;
        }
        *ret_p = p;
        return 0;
}

static struct adv_player *player_find(const struct adv_hall *h, const uint8_t *key, bool is_kept)
{
        for (struct capnp_i_list *l = h->players.next; l != &h->players; l = l->next) {
                struct adv_player *p = player_of(l);

                if (p->is_kept == is_kept && !memcmp(p->key, key, sizeof(p->key)))
                        return p;
        }
        return NULL;
}

int adv_player_enter(struct adv_hall *h, const uint8_t *key, bool is_kept,
                     struct adv_player **ret_p)
{
        struct adv_player *p = player_find(h, key, is_kept);
        bool was_here = p && player_is_here(p);
        int r = p ? 0 : player_new(h, key, is_kept, &p);

        if (r)
                return r;
        p->sockets++;
        if (!was_here && player_is_here(p))
                room_note(p, p->game.now.room, "is here.");
        *ret_p = p;
        return 0;
}

/* He is here, and may do more, the longer ago it was that he was seen. */
static void player_seen(struct adv_player *p)
{
        uint64_t now = p->hall->now_ms(), gained = (now - p->seen_ms) * ADV_PER_SECOND;

        if (gained > ADV_BURST * 1000 - p->credit)
                gained = ADV_BURST * 1000 - p->credit;
        p->credit += (uint32_t)gained;
        p->seen_ms = now;
}

void adv_player_leave(struct adv_player *p)
{
        p->sockets--;
        player_seen(p);
}

/* ---- doing ----------------------------------------------------------------------------------- */

static int player_pay(struct adv_player *p)
{
        player_seen(p);
        if (p->credit < 1000)
                return ADV_E_FAST;
        p->credit -= 1000;
        return 0;
}

/* Everybody in both rooms sees another company. */
static void player_moved(struct adv_player *p, uint8_t from)
{
        room_note(p, from, "goes.");
        room_note(p, p->game.now.room, "comes in.");
        room_idle(p->hall, p->game.now.room);
}

/* The game is another one from now on, if that can be kept. */
static int player_set(struct adv_player *p, const struct adv_game *g)
{
        struct adv_game before = p->game;
        int r;

        p->game = *g;
        r = player_keep(p);
        if (r) {
                p->game = before;
                return r;
        }
        if (before.now.room != g->now.room)
                player_moved(p, before.now.room);
        player_touch(p);
        return 0;
}

/* What a player hears of what he has done: a room he sees, so of a way only what it was like. */
static const char *told_line(const struct adv_player *p, struct adv_act act, uint8_t room,
                             const struct adv_told *t)
{
        return act.verb == ADV_GO && t->what == ADV_DONE
                       ? p->hall->world->rooms[room].exits[act.what].text
                       : t->text;
}

int adv_player_do(struct adv_player *p, struct adv_act act, struct adv_told *ret)
{
        struct adv_game g = {.now = p->game.now, .before = p->game.now};
        uint8_t person = act.verb == ADV_TALK ? act.what & ~ADV_A_PERSON : 0;
        uint8_t room = g.now.room;
        const char *line;
        int r = player_pay(p);

        if (r)
                return r;
        adv_do(p->hall->world, &g.now, act, ret);
        line = told_line(p, act, room, ret);
        if (ret->has_changed)
                r = player_set(p, &g);
        if (r)
                return r;
        if (act.verb != ADV_TALK || ret->what != ADV_DONE) {
                if (line[0])
                        player_hear(p, "", line);
                return 0;
        }
        player_hear(p, p->hall->world->people[person].label, ret->text);
        (void)room_hear(p->hall, room, p, p->hall->world->people[person].label, ret->text);
        person_speaks(p->hall, person, ret->text);
        return 0;
}

int adv_player_again(struct adv_player *p, struct adv_told *ret)
{
        struct adv_game g = {.now = p->game.before, .before = p->game.before};
        int r = player_pay(p);

        if (r)
                return r;
        ret->has_changed = p->game.now.end == ADV_LOST;
        ret->what = ret->has_changed ? ADV_DONE : ADV_BLOCKED;
        (void)snprintf(ret->text, sizeof(ret->text), "%s",
                       ret->has_changed ? "You blink, and have not done it yet."
                                        : "Nothing has been lost that could be taken back.");
        if (ret->has_changed)
                r = player_set(p, &g);
        if (!r)
                player_hear(p, "", ret->text);
        return r;
}

int adv_player_start_over(struct adv_player *p)
{
        struct adv_game g;
        int r = player_pay(p);

        if (r)
                return r;
        adv_state_begin(p->hall->world, &g.now);
        g.before = g.now;
        r = player_set(p, &g);
        if (!r)
                player_hear(p, "", p->hall->world->intro);
        return r;
}

/* ---- saying ---------------------------------------------------------------------------------- */

int adv_player_say(struct adv_player *p, capnp_text text, uint32_t *ret_heard)
{
        char copy[ADV_SAY_BYTES + 1];
        int r = player_pay(p);

        if (r)
                return r;
        if (text.len == 0 || text.len > ADV_SAY_BYTES || memchr(text.p, '\n', text.len) ||
            ui_text_wrong(UI_TEXT_MESSAGE, text))
                return ADV_E_TEXT;
        (void)snprintf(copy, sizeof(copy), "%.*s", (int)text.len, text.p);
        player_hear(p, p->label, copy);
        *ret_heard = room_hear(p->hall, p->game.now.room, p, p->label, copy);
        return 0;
}
