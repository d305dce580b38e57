/*
 * Adventure's story, played in every way there is (R42): all states that a player can get into are
 * gone through, with all that can be done in each. From every one in which he plays on, the story
 * can be won; every one in which nothing can be done any more says that it is over.
 *
 * That can be so because a thing that is put down goes home: there are some ten thousand
 * states, and no proof by argument is needed. What has been done how often, and which rooms one has
 * seen, no rule looks at, so states are taken to be the same without them.
 */
#include "adv-game.h"
#include "harness.h"
#include "tidehouse.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2000000, SLOTS = 1 << 22 };

struct search {
        struct adv_world w;
        struct adv_state *states;
        uint32_t n;
        uint32_t *slots; /* of the hash table: a place in states, plus one */
        struct edge {
                uint32_t from, to;
        } * edges;
        size_t nedges, room;
        uint32_t lost, won;
};

static uint32_t state_hash(const struct adv_state *s)
{
        const uint8_t *p = (const uint8_t *)s;
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < sizeof(*s); i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return (uint32_t)(h ^ h >> 32);
}

/* Its place, new or not. */
static uint32_t search_add(struct search *x, const struct adv_state *s)
{
        struct adv_state key = *s;
        uint32_t at;

        key.found = 0;
        key.turn = 0;
        for (at = state_hash(&key) % SLOTS; x->slots[at]; at = (at + 1) % SLOTS)
                if (!memcmp(&x->states[x->slots[at] - 1], &key, sizeof(key)))
                        return x->slots[at] - 1;
        CHECK(x->n < MOST);
        x->states[x->n] = key;
        x->slots[at] = ++x->n;
        x->lost += key.end == ADV_LOST;
        x->won += key.end == ADV_WON;
        return x->n - 1;
}

static void edge_add(struct search *x, uint32_t from, uint32_t to)
{
        if (x->nedges == x->room) {
                x->room = x->room ? 2 * x->room : 1 << 16;
                x->edges = realloc(x->edges, x->room * sizeof(*x->edges));
                CHECK(x->edges != NULL);
        }
        x->edges[x->nedges++] = (struct edge){from, to};
}

/* Does it, and looks at whether the game keeps its rules. */
static void search_try(struct search *x, uint32_t from, struct adv_act act)
{
        struct adv_state s = x->states[from];
        struct adv_told told;

        adv_do(&x->w, &s, act, &told);
        CHECK(told.text[0] != '\0');
        CHECK(strlen(told.text) < sizeof(told.text) - 1);
        CHECK(told.what != ADV_OVER);
        if (told.what != ADV_DONE || act.verb == ADV_INSPECT)
                CHECK(!told.has_changed);
        if (told.has_changed)
                edge_add(x, from, search_add(x, &s));
}

static void search_uses(struct search *x, uint32_t from, uint8_t thing)
{
        const struct adv_state *s = &x->states[from];

        search_try(x, from, (struct adv_act){ADV_USE, thing, ADV_NONE});
        for (uint8_t i = 0; i < x->w.nthings; i++)
                if (adv_thing_is_near(s, i))
                        search_try(x, from, (struct adv_act){ADV_USE, thing, i});
        for (uint8_t i = 0; i < x->w.npeople; i++)
                if (x->w.people[i].place == s->room)
                        search_try(x, from, (struct adv_act){ADV_USE, thing, ADV_A_PERSON | i});
}

/* All that can be done in a state, but for what is not there. */
static void search_expand(struct search *x, uint32_t from)
{
        const struct adv_state s = x->states[from];

        for (uint8_t i = 0; i < x->w.rooms[s.room].nexits; i++)
                search_try(x, from, (struct adv_act){ADV_GO, i, ADV_NONE});
        for (uint8_t i = 0; i < x->w.nthings; i++) {
                if (!adv_thing_is_near(&s, i))
                        continue;
                search_try(x, from, (struct adv_act){ADV_TAKE, i, ADV_NONE});
                search_try(x, from, (struct adv_act){ADV_DROP, i, ADV_NONE});
                search_try(x, from, (struct adv_act){ADV_INSPECT, i, ADV_NONE});
                search_uses(x, from, i);
        }
        for (uint8_t i = 0; i < x->w.npeople; i++)
                for (uint8_t k = 0; x->w.people[i].place == s.room && k < x->w.people[i].ntopics;
                     k++)
                        search_try(x, from, (struct adv_act){ADV_TALK, ADV_A_PERSON | i, k});
}

static void search_open(struct search *x)
{
        char why[160] = "";

        memset(x, 0, sizeof(*x));
        x->states = malloc(MOST * sizeof(*x->states));
        x->slots = calloc(SLOTS, sizeof(*x->slots));
        CHECK(x->states && x->slots);
        CHECK_EQ(adv_world_load(&x->w, tide_house(), why), 0);
}

static void search_all(struct search *x)
{
        struct adv_state begin;

        adv_state_begin(&x->w, &begin);
        (void)search_add(x, &begin);
        for (uint32_t i = 0; i < x->n; i++)
                if (x->states[i].end == ADV_PLAYING)
                        search_expand(x, i);
}

static void search_free(struct search *x)
{
        free(x->states);
        free(x->slots);
        free(x->edges);
}

/* From which states can one that was marked be reached? Marks them, too. */
static void search_back(const struct search *x, uint8_t *marked)
{
        uint32_t *first = calloc((size_t)x->n + 2, sizeof(*first)), *into, *queue, head = 0,
                 tail = 0;

        into = malloc((x->nedges + 1) * sizeof(*into));
        queue = malloc(((size_t)x->n + 1) * sizeof(*queue));
        CHECK(first && into && queue);
        for (size_t i = 0; i < x->nedges; i++)
                first[x->edges[i].to + 2]++;
        for (uint32_t i = 2; i < x->n + 2; i++)
                first[i] += first[i - 1];
        for (size_t i = 0; i < x->nedges; i++)
                into[first[x->edges[i].to + 1]++] = x->edges[i].from;
        for (uint32_t i = 0; i < x->n; i++)
                if (marked[i])
                        queue[tail++] = i;
        while (head < tail) {
                uint32_t at = queue[head++];

                for (uint32_t i = first[at]; i < first[at + 1]; i++)
                        if (!marked[into[i]]) {
                                marked[into[i]] = 1;
                                queue[tail++] = into[i];
                        }
        }
        free(first);
        free(into);
        free(queue);
}

static void state_print(const struct search *x, uint32_t at)
{
        const struct adv_state *s = &x->states[at];

        fprintf(stderr, "in %s:", x->w.rooms[s->room].key);
        for (uint8_t i = 0; i < x->w.nfacts; i++)
                if (s->facts >> i & 1)
                        fprintf(stderr, " %s", x->w.facts[i]);
        for (uint8_t i = 0; i < x->w.nthings; i++)
                if (s->place[i] == ADV_CARRIED)
                        fprintf(stderr, " @%s", x->w.things[i].key);
        fprintf(stderr, "\n");
}

/* How many states there are in which one plays on, and cannot win. Prints one. */
static uint32_t search_stuck(const struct search *x)
{
        uint8_t *can = calloc(x->n, 1);
        uint32_t stuck = 0;

        CHECK(can != NULL);
        for (uint32_t i = 0; i < x->n; i++)
                can[i] = x->states[i].end == ADV_WON;
        search_back(x, can);
        for (uint32_t i = 0; i < x->n; i++)
                if (!can[i] && x->states[i].end == ADV_PLAYING && !stuck++)
                        state_print(x, i);
        free(can);
        return stuck;
}

TEST(it_can_be_won_from_wherever_one_plays_on)
{
        static struct search x;

        search_open(&x);
        search_all(&x);
        fprintf(stderr, "%u states, %zu ways between them, %u of them lost, %u won\n", x.n,
                x.nedges, x.lost, x.won);
        CHECK_EQ(search_stuck(&x), 0);
        CHECK(x.won > 0 && x.lost > 0);
        CHECK(x.n > 10000);
        search_free(&x);
}

/* That the search finds what it looks for: were the lantern's home the wreck, then who puts it down
 * on the flood would have no light to get to the wheel, and no ebb to get to the light. */
TEST(a_state_that_is_dead_is_found)
{
        static struct search x;

        search_open(&x);
        x.w.things[adv_world_thing(&x.w, capnp_text_of("lantern"))].home =
                adv_world_room(&x.w, capnp_text_of("wreck"));
        search_all(&x);
        CHECK(search_stuck(&x) > 0);
        CHECK(x.won > 0);
        search_free(&x);
}

/* What of the story somebody has come across in some state. */
struct seen {
        bool rooms[ADV_ROOMS], steps[ADV_STEPS], deeds[ADV_DEEDS], carried[ADV_THINGS];
        bool texts[ADV_THINGS][ADV_TEXTS], topics[ADV_PEOPLE][ADV_TOPICS];
};

static void see_things(const struct adv_world *w, const struct adv_state *s, struct seen *to)
{
        for (uint8_t i = 0; i < w->nthings; i++) {
                const struct adv_texts *t = &w->things[i].texts;
                uint8_t k = 0;

                to->carried[i] |= s->place[i] == ADV_CARRIED;
                while (k < t->n && !adv_needs_hold(&t->v[k].needs, s))
                        k++;
                if (adv_thing_is_near(s, i) && k < t->n)
                        to->texts[i][k] = true;
        }
}

static void see_deeds(const struct adv_world *w, const struct adv_state *s, struct seen *to)
{
        struct adv_told told;

        for (uint8_t i = 0; i < w->ndeeds; i++) {
                const struct adv_deed *d = &w->deeds[i];
                struct adv_state after = *s;

                if (to->deeds[i] || !adv_thing_is_near(s, d->use))
                        continue;
                adv_do(w, &after, (struct adv_act){ADV_USE, d->use, d->on}, &told);
                to->deeds[i] = !strcmp(told.text, d->text);
        }
}

static void see_state(const struct adv_world *w, const struct adv_state *s, struct seen *to)
{
        to->rooms[s->room] = true;
        for (uint8_t i = 0; i < w->nsteps; i++)
                to->steps[i] |= adv_needs_hold(&w->steps[i].needs, s);
        see_things(w, s, to);
        if (s->end != ADV_PLAYING)
                return;
        see_deeds(w, s, to);
        for (uint8_t i = 0; i < w->npeople; i++)
                for (uint8_t k = 0; w->people[i].place == s->room && k < w->people[i].ntopics; k++)
                        to->topics[i][k] |= adv_topic_stands(&w->people[i], s, k);
}

static void expect_seen(bool seen, const char *what, uint32_t i, uint32_t k)
{
        if (!seen)
                test_fail(__FILE__, __LINE__, "nobody comes to %s, %u, %u", what, i, k);
}

TEST(nothing_is_out_of_reach)
{
        static struct search x;
        static struct seen seen;
        const struct adv_world *w = &x.w;

        search_open(&x);
        search_all(&x);
        for (uint32_t i = 0; i < x.n; i++)
                see_state(w, &x.states[i], &seen);
        for (uint8_t i = 0; i < w->nrooms; i++)
                expect_seen(seen.rooms[i], "the room", i, 0);
        for (uint8_t i = 0; i < w->nsteps; i++)
                expect_seen(seen.steps[i], "the step", i, 0);
        for (uint8_t i = 0; i < w->ndeeds; i++)
                expect_seen(seen.deeds[i], "the deed", i, 0);
        for (uint8_t i = 0; i < w->nthings; i++) {
                expect_seen(seen.carried[i] != (w->things[i].fixed[0] != '\0'), "the thing", i, 0);
                for (uint8_t k = 0; k < w->things[i].texts.n; k++)
                        expect_seen(seen.texts[i][k], "the look of a thing", i, k);
        }
        for (uint8_t i = 0; i < w->npeople; i++)
                for (uint8_t k = 0; k < w->people[i].ntopics; k++)
                        expect_seen(seen.topics[i][k], "the topic", i, k);
        search_free(&x);
}
