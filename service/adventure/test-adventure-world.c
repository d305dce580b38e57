/*
 * What is wrong with a story is said, and where (R42); and the rules by which one is played
 * (adv-game.c). The story is the real one, spoiled in one place each time.
 */
#include "adv-game.h"
#include "harness.h"
#include "tidehouse.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- stories that are wrong ------------------------------------------------------------------ */

static story_room_builder room(story_builder s, uint32_t i)
{
        return story_room_list_builder_get(story_build_rooms(s), i);
}

static story_exit_builder exit_of(story_builder s, uint32_t i, uint32_t k)
{
        return story_exit_list_builder_get(story_room_build_exits(room(s, i)), k);
}

static story_thing_builder thing(story_builder s, uint32_t i)
{
        return story_thing_list_builder_get(story_build_things(s), i);
}

static story_deed_builder deed(story_builder s, uint32_t i)
{
        return story_deed_list_builder_get(story_build_deeds(s), i);
}

static void needs(story_builder s, const char *word)
{
        story_step_builder step = story_step_list_builder_get(story_build_mission(s), 0);

        story_step_set_needs_at(story_step_init_needs(step, 1), 0, word);
}

static void effect(story_builder s, const char *word)
{
        story_deed_set_effects_at(story_deed_init_effects(deed(s, 0), 1), 0, word);
}

#define SPOIL(name, act)                  \
        static void name(story_builder s) \
        {                                 \
                act;                      \
        }

SPOIL(no_start, story_set_start(s, "atlantis"))
SPOIL(no_rooms, (void)story_init_rooms(s, 0))
SPOIL(too_many_rooms, (void)story_init_rooms(s, 33))
SPOIL(no_title, story_set_title(s, ""))
SPOIL(bad_key, story_room_set_key(room(s, 1), "The Shingle"))
SPOIL(two_of_a_key, story_room_set_key(room(s, 1), "landing"))
SPOIL(two_of_a_place, story_room_set_x(room(s, 1), 2))
SPOIL(off_the_map, story_room_set_x(room(s, 1), 16))
SPOIL(no_way_there, story_exit_set_to(exit_of(s, 0, 1), "atlantis"))
SPOIL(no_exits, (void)story_room_init_exits(room(s, 13), 0))
SPOIL(a_line_break, story_room_set_title(room(s, 0), "The\nLanding"))
SPOIL(a_thing_nowhere, story_thing_set_place(thing(s, 0), "atlantis"))
SPOIL(a_thing_without_home, story_thing_set_home(thing(s, 1), ""))
SPOIL(a_thing_stuck, story_thing_set_needs_at(story_thing_init_needs(thing(s, 1), 1), 0, "open"))
SPOIL(two_things, story_thing_set_key(thing(s, 1), "door"))
SPOIL(a_person_called_door,
      story_person_set_key(story_person_list_builder_get(story_build_people(s), 0), "door"))
SPOIL(a_deed_with_nothing, story_deed_set_use(deed(s, 0), "spoon"))
SPOIL(a_deed_on_nobody, story_deed_set_on(deed(s, 0), "spoon"))
SPOIL(a_need_unmade, needs(s, "rich"))
SPOIL(a_need_of_nothing, needs(s, "spoon@hall"))
SPOIL(a_need_of_nowhere, needs(s, "lamp@atlantis"))
SPOIL(a_need_here, needs(s, "lamp@here"))
SPOIL(a_need_spelt_badly, needs(s, "Open"))
SPOIL(an_effect_unneeded, effect(s, "opne"))
SPOIL(an_effect_on_nothing, effect(s, "spoon@hall"))
SPOIL(an_effect_that_moves_not, effect(s, "!lamp@hall"))
SPOIL(an_effect_to_nowhere, effect(s, ">atlantis"))
/* Nothing leads there any more: the ways to the landing are elsewhere's. */
SPOIL(an_island, (story_exit_set_to(exit_of(s, 1, 1), "landing")))

static const struct {
        void (*spoil)(story_builder s);
        const char *why;
} rows[] = {
        {no_start, "start: there is no room `atlantis`"},
        {no_rooms, "rooms: there are 1 to 32, and not 0"},
        {too_many_rooms, "rooms: there are 1 to 32, and not 33"},
        {no_title, ".title: it has 1 to 48 bytes, and not 0"},
        {bad_key, "rooms[1].key: `The Shingle` is not of a-z and dashes"},
        {two_of_a_key, "rooms[1].key: there is another `landing`"},
        {two_of_a_place, "rooms[1].x: it is where `landing` is"},
        {off_the_map, "rooms[1].x: a map has 16 places by 16"},
        {no_way_there, "rooms[0].exits[1].to: there is no room `atlantis`"},
        {no_exits, "rooms[13].exits: there are 1 to 8, and not 0"},
        {a_line_break, "rooms[0].title: it has a control character"},
        {a_thing_nowhere, "things[0]: there is no room `atlantis`"},
        {a_thing_without_home, "things[1].home: it can be taken, and has none"},
        {a_thing_stuck, "things[1].stuck: it has needs, and does not say why it cannot be taken"},
        {two_things, "things[1].key: there is another `door`"},
        {a_person_called_door, "people[0].key: there is another `door`"},
        {a_deed_with_nothing, "deeds[0].use: there is no thing `spoon`"},
        {a_deed_on_nobody, "deeds[0].on: there is no thing and nobody `spoon`"},
        {a_need_unmade, "`rich` is needed, and nothing makes it so"},
        {a_need_of_nothing, "mission[0]: there is no thing `spoon`"},
        {a_need_of_nowhere, "mission[0]: there is no place `atlantis`"},
        {a_need_here, "mission[0].needs: `lamp@here` is one too many, or of no place"},
        {a_need_spelt_badly, "mission[0].key: `Open` is not of a-z and dashes"},
        {an_effect_unneeded, "`open` is needed, and nothing makes it so"},
        {an_effect_on_nothing, "deeds[0]: there is no thing `spoon`"},
        {an_effect_that_moves_not,
         "deeds[0].effects: `!lamp@hall` is one too many, or moves nothing"},
        {an_effect_to_nowhere, "deeds[0]: there is no room `atlantis`"},
        {an_island, "rooms[2]: no way leads to `wreck`"},
};

TEST(what_is_wrong_with_a_story_is_said)
{
        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                static struct adv_world w;
                char why[160] = "";

                CHECK_OK(capnp_msg_new(&m));
                capnp_abuilder_set_struct(capnp_msg_build(m), tide_house().r);
                rows[i].spoil((story_builder){
                        capnp_abuilder_struct(capnp_msg_build(m), STORY_WORDS, STORY_PTRS, NULL)});
                CHECK_OK(capnp_msg_check(m));
                CHECK_EQ(adv_world_load(&w, story_root(m), why), -EINVAL);
                CHECK_STR(why, rows[i].why);
        }
}

/* ---- playing --------------------------------------------------------------------------------- */

static struct adv_world w;
static struct adv_state s;
static struct adv_told told;

static void begin(void)
{
        char why[160] = "";

        CHECK_EQ(adv_world_load(&w, tide_house(), why), 0);
        CHECK_STR(why, "");
        adv_state_begin(&w, &s);
}

static uint8_t what(const char *name)
{
        capnp_text t = capnp_text_of(name);
        uint8_t thing_at = adv_world_thing(&w, t), person = adv_world_person(&w, t);

        CHECK(thing_at != ADV_NONE || person != ADV_NONE);
        return thing_at != ADV_NONE ? thing_at : ADV_A_PERSON | person;
}

static enum adv_what does(enum adv_verb verb, const char *name, const char *on)
{
        struct adv_act act = {.verb = verb, .on = ADV_NONE};

        act.what = verb == ADV_GO ? adv_exit_find(&w, &s, capnp_text_of(name)) : what(name);
        if (on && verb == ADV_TALK)
                act.on = adv_topic_find(&w.people[act.what & ~ADV_A_PERSON], &s, capnp_text_of(on));
        else if (on)
                act.on = what(on);
        adv_do(&w, &s, act, &told);
        return told.what;
}

TEST(a_turn_is_what_changes_something)
{
        begin();
        CHECK_EQ(does(ADV_INSPECT, "door", NULL), ADV_DONE);
        CHECK_EQ(does(ADV_GO, "north", NULL), ADV_BLOCKED);
        CHECK_EQ(does(ADV_GO, "nowhere", NULL), ADV_ABSENT);
        CHECK_EQ(does(ADV_TAKE, "door", NULL), ADV_BLOCKED);
        CHECK_EQ(does(ADV_TAKE, "lantern", NULL), ADV_ABSENT);
        CHECK_EQ(does(ADV_DROP, "lantern", NULL), ADV_ABSENT);
        CHECK_EQ(does(ADV_USE, "lantern", NULL), ADV_ABSENT);
        CHECK_EQ(does(ADV_USE, "door", "tam"), ADV_ABSENT);
        CHECK_EQ(does(ADV_USE, "door", NULL), ADV_BLOCKED);
        CHECK_EQ(does(ADV_TALK, "tam", "key"), ADV_ABSENT);
        CHECK_EQ(s.turn, 0);
        CHECK_EQ(does(ADV_GO, "east", NULL), ADV_DONE);
        CHECK_EQ(s.turn, 1);
        CHECK_EQ(does(ADV_TALK, "tam", "weather"), ADV_ABSENT);
        CHECK_EQ(does(ADV_TALK, "Tam", "the mail boat"), ADV_DONE);
        CHECK_EQ(s.turn, 1);
        CHECK_EQ(does(ADV_TALK, "tam", "key"), ADV_DONE);
        CHECK_EQ(s.turn, 2);
}

/* Places that no table has: whoever calls finds them by name, and may find none. */
TEST(what_is_in_no_table_is_not_here)
{
        begin();
        for (unsigned verb = ADV_GO; verb <= ADV_TALK; verb++)
                for (unsigned i = 0; i < 256; i++)
                        for (unsigned k = 0; k < 256; k += 5) {
                                struct adv_state before = s, after = s;

                                adv_do(&w, &after,
                                       (struct adv_act){(enum adv_verb)verb, (uint8_t)i,
                                                        (uint8_t)k},
                                       &told);
                                CHECK(told.text[0] != '\0');
                                if (!told.has_changed)
                                        CHECK_MEM(&after, &before, sizeof(after));
                        }
}

TEST(what_is_put_down_goes_home)
{
        begin();
        (void)does(ADV_GO, "east", NULL);
        (void)does(ADV_TALK, "tam", "key");
        CHECK_EQ(does(ADV_USE, "key", "tam"), ADV_BLOCKED);
        CHECK(strstr(told.text, "take it first") != NULL);
        CHECK_EQ(does(ADV_TAKE, "key", NULL), ADV_DONE);
        CHECK_EQ(does(ADV_TAKE, "key", NULL), ADV_BLOCKED);
        (void)does(ADV_GO, "west", NULL);
        CHECK_EQ(does(ADV_DROP, "key", NULL), ADV_DONE);
        CHECK_EQ(does(ADV_TAKE, "key", NULL), ADV_ABSENT);
        (void)does(ADV_GO, "east", NULL);
        CHECK_EQ(does(ADV_TAKE, "a brass key", NULL), ADV_DONE);
}

/* A way through, as a player would go it who has been told everything. */
static const struct move {
        enum adv_verb verb;
        const char *what, *on;
} walk[] = {
        {ADV_GO, "east", NULL},
        {ADV_TALK, "tam", "key"},
        {ADV_TAKE, "key", NULL},
        {ADV_GO, "west", NULL},
        {ADV_USE, "key", "door"},
        {ADV_GO, "west", NULL},
        {ADV_TAKE, "kelp", NULL},
        {ADV_GO, "east", NULL},
        {ADV_GO, "north", NULL},
        {ADV_TAKE, "lantern", NULL},
        {ADV_USE, "stand", NULL},
        {ADV_GO, "west", NULL},
        {ADV_TAKE, "matches", NULL},
        {ADV_USE, "matches", "lantern"},
        {ADV_GO, "east", NULL},
        {ADV_GO, "down", NULL},
        {ADV_USE, "handle", "wheel"},
        {ADV_USE, "wheel", NULL},
        {ADV_GO, "up", NULL},
        {ADV_GO, "south", NULL},
        {ADV_GO, "west", NULL},
        {ADV_GO, "west", NULL},
        {ADV_TAKE, "spectacles", NULL},
        {ADV_GO, "east", NULL},
        {ADV_GO, "east", NULL},
        {ADV_GO, "north", NULL},
        {ADV_GO, "west", NULL},
        {ADV_USE, "spectacles", "quill"},
        {ADV_TAKE, "herring", NULL},
        {ADV_TALK, "quill", "oil"},
        {ADV_GO, "west", NULL},
        {ADV_USE, "kelp", "press"},
        {ADV_GO, "east", NULL},
        {ADV_GO, "east", NULL},
        {ADV_GO, "up", NULL},
        {ADV_GO, "east", NULL},
        {ADV_TAKE, "gear", NULL},
        {ADV_GO, "west", NULL},
        {ADV_USE, "gear", "orrery"},
        {ADV_GO, "west", NULL},
        {ADV_TAKE, "almanac", NULL},
        {ADV_GO, "east", NULL},
        {ADV_GO, "down", NULL},
        {ADV_GO, "east", NULL},
        {ADV_USE, "almanac", "osei"},
        {ADV_GO, "west", NULL},
        {ADV_GO, "down", NULL},
        {ADV_GO, "down", NULL},
        {ADV_USE, "herring", "commodore"},
        {ADV_GO, "up", NULL},
        {ADV_USE, "wheel", NULL},
        {ADV_GO, "up", NULL},
        {ADV_GO, "up", NULL},
        {ADV_GO, "up", NULL},
        {ADV_USE, "glass", "lamp"},
        {ADV_USE, "oil", "lamp"},
        {ADV_USE, "dial", NULL},
        {ADV_USE, "lantern", "lamp"},
};

enum { WALK = sizeof(walk) / sizeof(*walk) };

TEST(somebody_who_knows_it_wins)
{
        begin();
        for (unsigned i = 0; i < WALK; i++) {
                CHECK_EQ(s.end, ADV_PLAYING);
                if (does(walk[i].verb, walk[i].what, walk[i].on) != ADV_DONE)
                        test_fail(__FILE__, __LINE__, "move %u, %s: %s", i, walk[i].what,
                                  told.text);
        }
        CHECK_EQ(s.end, ADV_WON);
        CHECK_EQ(s.turn, WALK);
        for (uint8_t i = 0; i < w.nsteps; i++)
                CHECK(adv_needs_hold(&w.steps[i].needs, &s));
        CHECK_EQ(does(ADV_GO, "down", NULL), ADV_OVER);
        CHECK_EQ(does(ADV_INSPECT, "lamp", NULL), ADV_OVER);
}

TEST(who_lights_it_over_a_dry_bar_loses)
{
        begin();
        for (unsigned i = 0; i + 1 < WALK; i++)
                if (i != 50) /* the flood */
                        (void)does(walk[i].verb, walk[i].what, walk[i].on);
        CHECK_EQ(s.end, ADV_PLAYING);
        CHECK_EQ(does(ADV_USE, "lantern", "lamp"), ADV_DONE);
        CHECK_EQ(s.end, ADV_LOST);
        CHECK_EQ(does(ADV_GO, "down", NULL), ADV_OVER);
        CHECK(!told.has_changed);
}
