/*
 * A game as it lies on disk: a file for each player, a message with a StorySave (story.capnp),
 * which names rooms, facts and things by their keys.
 *
 * A file is written beside the old one and renamed over it, so whenever the process ends, what is
 * there is the old game or the new one. What is there and is no game of this story - a file from
 * elsewhere, a room that the story has no more - is not thrown away: it is called NAME.bad, and the
 * player begins anew. One such file is kept of a player, the last.
 */
#include "adv-save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, NAME_BYTES = 64 };

#define UNFINISHED "new" /* one at a time, since nothing here waits */

/* ---- as a message ---------------------------------------------------------------------------- */

static const char *place_name(const struct adv_world *w, uint8_t place)
{
        return place == ADV_CARRIED   ? "carried"
               : place == ADV_NOWHERE ? "nowhere"
                                      : w->rooms[place].key;
}

static uint32_t bits(uint32_t v)
{
        return (uint32_t)__builtin_popcount(v);
}

static void state_encode(const struct adv_world *w, const struct adv_state *s,
                         story_save_game_builder b)
{
        capnp_lbuilder facts = story_save_game_init_facts(b, bits(s->facts));
        capnp_lbuilder found = story_save_game_init_found(b, bits(s->found));
        story_save_place_list_builder places = story_save_game_init_places(b, w->nthings);
        uint32_t nfacts = 0, nfound = 0;

        story_save_game_set_room(b, w->rooms[s->room].key);
        story_save_game_set_turn(b, s->turn);
        story_save_game_set_state(b, s->end);
        for (uint8_t i = 0; i < w->nfacts; i++)
                if (s->facts >> i & 1)
                        story_save_game_set_facts_at(facts, nfacts++, w->facts[i]);
        for (uint8_t i = 0; i < w->nrooms; i++)
                if (s->found >> i & 1)
                        story_save_game_set_found_at(found, nfound++, w->rooms[i].key);
        for (uint8_t i = 0; i < w->nthings; i++) {
                story_save_place_builder p = story_save_place_list_builder_get(places, i);

                story_save_place_set_thing(p, w->things[i].key);
                story_save_place_set_place(p, place_name(w, s->place[i]));
        }
}

/* Where a saved thing is; false: neither there nor anywhere. */
static bool place_decode(const struct adv_world *w, story_save_place_reader p, struct adv_state *s)
{
        uint8_t thing = adv_world_thing(w, story_save_place_thing(p));
        capnp_text at = story_save_place_place(p);
        uint8_t room = adv_world_room(w, at);

        if (thing == ADV_NONE)
                return false;
        s->place[thing] = !strcmp(at.p, "carried") ? ADV_CARRIED : room;
        return s->place[thing] != ADV_NONE || !strcmp(at.p, "nowhere");
}

static bool state_decode(const struct adv_world *w, story_save_game_reader g, struct adv_state *ret)
{
        capnp_list facts = story_save_game_facts(g), found = story_save_game_found(g);
        story_save_place_list places = story_save_game_places(g);
        uint8_t i;

        adv_state_begin(w, ret);
        ret->room = adv_world_room(w, story_save_game_room(g));
        ret->turn = story_save_game_turn(g);
        ret->end = story_save_game_state(g);
        if (ret->room == ADV_NONE || ret->end > ADV_WON || facts.len > ADV_FACTS ||
            found.len > ADV_ROOMS || story_save_place_list_len(places) > ADV_THINGS)
                return false;
        for (uint32_t k = 0; k < facts.len; k++) {
                i = adv_world_fact(w, story_save_game_facts_at(facts, k));
                if (i == ADV_NONE)
                        return false;
                ret->facts |= UINT32_C(1) << i;
        }
        for (uint32_t k = 0; k < found.len; k++) {
                i = adv_world_room(w, story_save_game_found_at(found, k));
                if (i == ADV_NONE)
                        return false;
                ret->found |= UINT32_C(1) << i;
        }
        for (uint32_t k = 0; k < story_save_place_list_len(places); k++)
                if (!place_decode(w, story_save_place_list_get(places, k), ret))
                        return false;
        return true;
}

/* ---- as a file ------------------------------------------------------------------------------- */

/* A buffer that a message can be read from. */
struct saved {
        size_t len;
        _Alignas(8) uint8_t bytes[ADV_SAVE_BYTES];
};

static int saved_read(int fd, struct saved *ret)
{
        ssize_t n;

        ret->len = 0;
        do {
                n = read(fd, ret->bytes + ret->len, sizeof(ret->bytes) - ret->len);
                if (n > 0)
                        ret->len += (size_t)n;
        } while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 ? -errno : 0;
}

static int saved_write(int fd, const struct saved *s)
{
        size_t at = 0;

        while (at < s->len) {
                ssize_t n = write(fd, s->bytes + at, s->len - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        }
        return fdatasync(fd) < 0 ? -errno : 0;
}

static int saved_encode(const struct adv_world *w, const struct adv_game *g, struct saved *ret)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        story_save_builder b;
        int r = capnp_msg_new(&m);

        if (r)
                return r;
        b = story_save_build(m);
        story_save_set_format(b, FORMAT);
        state_encode(w, &g->now, story_save_init_now(b));
        state_encode(w, &g->before, story_save_init_before(b));
        r = capnp_msg_check(m);
        ret->len = capnp_msg_size(m);
        if (!r)
                r = capnp_msg_write(m, ret->bytes, sizeof(ret->bytes));
        return r > 0 ? -EFBIG : r;
}

/* 0; ADV_SAVE_BAD; -ENOMEM. */
static int saved_decode(const struct saved *s, const struct adv_world *w, struct adv_game *ret)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct adv_game game;
        story_save_reader save;
        int r = capnp_msg_parse(s->bytes, s->len, NULL, &m);

        if (r)
                return r < 0 ? r : ADV_SAVE_BAD;
        save = story_save_root(m);
        if (story_save_format(save) != FORMAT ||
            !state_decode(w, story_save_now(save), &game.now) ||
            !state_decode(w, story_save_before(save), &game.before))
                return ADV_SAVE_BAD;
        r = capnp_msg_check(m);
        if (r)
                return r < 0 ? r : ADV_SAVE_BAD;
        *ret = game;
        return 0;
}

int adv_save_store(int folder, const char *name, const struct adv_world *w,
                   const struct adv_game *g)
{
        static struct saved s;
        int fd, r = saved_encode(w, g, &s);

        if (r)
                return r;
        fd = openat(folder, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = saved_write(fd, &s);
        (void)close(fd);
        if (!r && renameat(folder, UNFINISHED, folder, name) < 0)
                r = -errno;
        return r;
}

int adv_save_load(int folder, const char *name, const struct adv_world *w, struct adv_game *ret)
{
        static struct saved s;
        char bad[NAME_BYTES];
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC), r;

        if (fd < 0)
                return errno == ENOENT ? ADV_SAVE_NONE : -errno;
        r = saved_read(fd, &s);
        (void)close(fd);
        if (!r)
                r = saved_decode(&s, w, ret);
        if (r != ADV_SAVE_BAD)
                return r;
        (void)snprintf(bad, sizeof(bad), "%s.bad", name);
        return renameat(folder, name, folder, bad) < 0 ? -errno : ADV_SAVE_BAD;
}
