/*
 * Reads a story, and says what is wrong with it.
 *
 * A story is a constant (tidehouse.capnp), so what is checked here is not a stranger's doing but an
 * author's: a key that nothing has, a fact that is waited for and never made, a room without a way
 * to it, a text that no pane takes. The service does not start with such a story, and a test says
 * which one it is. That a story can be won is more than this can see; test-adventure-solve.c plays
 * all of it.
 *
 * Afterwards the game looks up nothing: keys are places in tables, needs and effects are bits.
 */
#include "adv-world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 24, LABEL_BYTES = 48, TEXT_BYTES = 1000, WHY_BYTES = 160 };

struct load {
        struct adv_world *w;
        char where[64]; /* what is being read: rooms[3].exits[0] */
        char *why;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct load *l, const char *format, ...)
{
        int n = snprintf(l->why, WHY_BYTES, "%s", l->where);
        va_list args;

        va_start(args, format);
        if (n >= 0 && n < WHY_BYTES)
                (void)vsnprintf(l->why + n, WHY_BYTES - (size_t)n, format, args);
        va_end(args);
        return -EINVAL;
}

/* ---- finding --------------------------------------------------------------------------------- */

static bool is(const char *a, capnp_text b)
{
        return strlen(a) == b.len && !memcmp(a, b.p, b.len);
}

uint8_t adv_world_room(const struct adv_world *w, capnp_text key)
{
        for (uint8_t i = 0; i < w->nrooms; i++)
                if (is(w->rooms[i].key, key))
                        return i;
        return ADV_NONE;
}

uint8_t adv_world_thing(const struct adv_world *w, capnp_text key)
{
        for (uint8_t i = 0; i < w->nthings; i++)
                if (is(w->things[i].key, key) || is(w->things[i].label, key))
                        return i;
        return ADV_NONE;
}

uint8_t adv_world_person(const struct adv_world *w, capnp_text key)
{
        for (uint8_t i = 0; i < w->npeople; i++)
                if (is(w->people[i].key, key) || is(w->people[i].label, key))
                        return i;
        return ADV_NONE;
}

uint8_t adv_world_fact(const struct adv_world *w, capnp_text word)
{
        for (uint8_t i = 0; i < w->nfacts; i++)
                if (is(w->facts[i], word))
                        return i;
        return ADV_NONE;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static int key_read(struct load *l, capnp_text t, const char **ret)
{
        if (t.len == 0 || t.len > KEY_BYTES)
                return wrong(l, ".key: it has 1 to %d characters", KEY_BYTES);
        for (uint32_t i = 0; i < t.len; i++)
                if (!((t.p[i] >= 'a' && t.p[i] <= 'z') || t.p[i] == '-'))
                        return wrong(l, ".key: `%s` is not of a-z and dashes", t.p);
        *ret = t.p;
        return 0;
}

static int text_read(struct load *l, const char *name, capnp_text t, uint32_t most,
                     const char **ret)
{
        if (t.len == 0 || t.len > most)
                return wrong(l, ".%s: it has 1 to %u bytes, and not %u", name, most, t.len);
        for (uint32_t i = 0; i < t.len; i++)
                if ((uint8_t)t.p[i] < ' ')
                        return wrong(l, ".%s: it has a control character", name);
        *ret = t.p;
        return 0;
}

/* The same, where there may be none. */
static int text_read_if(struct load *l, const char *name, capnp_text t, const char **ret)
{
        *ret = "";
        return t.len ? text_read(l, name, t, TEXT_BYTES, ret) : 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* A word without its `!`: a fact, or a thing (else ADV_NONE) and where. */
struct word {
        bool is_not;
        uint8_t fact, thing, place;
};

static int place_read(struct load *l, capnp_text t, uint8_t *ret)
{
        *ret = is("carried", t)   ? ADV_CARRIED
               : is("nowhere", t) ? ADV_NOWHERE
               : is("here", t)    ? ADV_HERE
                                  : adv_world_room(l->w, t);
        if (*ret == ADV_NONE && !is("nowhere", t))
                return wrong(l, ": there is no place `%s`", t.p);
        return 0;
}

static int fact_read(struct load *l, capnp_text t, uint8_t *ret)
{
        const char *key;
        int r;

        *ret = adv_world_fact(l->w, t);
        if (*ret != ADV_NONE)
                return 0;
        r = key_read(l, t, &key);
        if (r)
                return r;
        if (l->w->nfacts == ADV_FACTS)
                return wrong(l, ": there are more than %d facts", ADV_FACTS);
        *ret = l->w->nfacts;
        l->w->facts[l->w->nfacts++] = key;
        return 0;
}

static capnp_text text_after(capnp_text t, uint32_t n)
{
        return (capnp_text){t.p + n, t.len - n};
}

static int word_read(struct load *l, capnp_text t, struct word *ret)
{
        const char *at;
        capnp_text thing;

        *ret = (struct word){.fact = ADV_NONE, .thing = ADV_NONE, .place = ADV_CARRIED};
        if (t.len && t.p[0] == '!') {
                ret->is_not = true;
                t = text_after(t, 1);
        }
        at = memchr(t.p, '@', t.len);
        if (!at)
                return fact_read(l, t, &ret->fact);

        thing = (capnp_text){t.p, (uint32_t)(at - t.p)};
        if (thing.len == 0) { /* @lamp: the lamp is carried */
                thing = text_after(t, 1);
                t = capnp_text_of("carried");
        } else {
                t = text_after(t, thing.len + 1);
        }
        ret->thing = adv_world_thing(l->w, thing);
        if (ret->thing == ADV_NONE)
                return wrong(l, ": there is no thing `%.*s`", (int)thing.len, thing.p);
        return place_read(l, t, &ret->place);
}

static int needs_read(struct load *l, capnp_list words, struct adv_needs *to)
{
        for (uint32_t i = 0; i < words.len; i++) {
                capnp_text t = story_text_needs_at(words, i);
                struct word word;
                int r = word_read(l, t, &word);

                if (r)
                        return r;
                if (word.thing != ADV_NONE && (to->nwords == ADV_WORDS || word.place == ADV_HERE))
                        return wrong(l, ".needs: `%s` is one too many, or of no place", t.p);
                if (word.thing != ADV_NONE) {
                        to->words[to->nwords++] =
                                (struct adv_word){word.thing, word.place, word.is_not};
                        continue;
                }
                *(word.is_not ? &to->no_facts : &to->facts) |= UINT32_C(1) << word.fact;
                l->w->needed |= UINT32_C(1) << word.fact;
        }
        return 0;
}

static int effect_read(struct load *l, capnp_text t, struct adv_effects *to)
{
        struct word word;
        int r;

        if (is("lost", t) || is("won", t)) {
                to->end = is("won", t) ? ADV_WON : ADV_LOST;
                return 0;
        }
        if (t.len && t.p[0] == '>') {
                to->room = adv_world_room(l->w, text_after(t, 1));
                return to->room == ADV_NONE ? wrong(l, ": there is no room `%s`", t.p + 1) : 0;
        }
        r = word_read(l, t, &word);
        if (r)
                return r;
        if (word.thing != ADV_NONE && (word.is_not || to->nmoves == ADV_MOVES))
                return wrong(l, ".effects: `%s` is one too many, or moves nothing", t.p);
        if (word.thing != ADV_NONE) {
                to->moves[to->nmoves].thing = word.thing;
                to->moves[to->nmoves++].place = word.place;
                return 0;
        }
        *(word.is_not ? &to->clear : &to->set) |= UINT32_C(1) << word.fact;
        l->w->made |= word.is_not ? 0 : UINT32_C(1) << word.fact;
        return 0;
}

static int effects_read(struct load *l, capnp_list words, struct adv_effects *to)
{
        int r = 0;

        to->room = ADV_NONE;
        for (uint32_t i = 0; !r && i < words.len; i++)
                r = effect_read(l, story_exit_effects_at(words, i), to);
        return r;
}

static int texts_read(struct load *l, story_text_list list, struct adv_texts *to)
{
        uint32_t n = story_text_list_len(list);
        int r = 0;

        if (n == 0 || n > ADV_TEXTS)
                return wrong(l, ".texts: there are 1 to %d, and not %u", ADV_TEXTS, n);
        for (uint32_t i = 0; !r && i < n; i++) {
                story_text_reader t = story_text_list_get(list, i);

                r = text_read(l, "texts", story_text_text(t), TEXT_BYTES, &to->v[i].text);
                if (!r)
                        r = needs_read(l, story_text_needs(t), &to->v[i].needs);
        }
        to->n = (uint8_t)n;
        return r;
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static int exit_read(struct load *l, story_exit_reader s, struct adv_exit *to)
{
        int r = key_read(l, story_exit_key(s), &to->key);

        to->to = adv_world_room(l->w, story_exit_to(s));
        if (!r && to->to == ADV_NONE)
                r = wrong(l, ".to: there is no room `%s`", story_exit_to(s).p);
        if (!r)
                r = needs_read(l, story_exit_needs(s), &to->needs);
        if (!r)
                r = text_read_if(l, "blocked", story_exit_blocked(s), &to->blocked);
        if (!r)
                r = text_read_if(l, "text", story_exit_text(s), &to->text);
        return r ? r : effects_read(l, story_exit_effects(s), &to->effects);
}

static int exits_read(struct load *l, story_exit_list list, uint32_t i)
{
        struct adv_room *room = &l->w->rooms[i];
        uint32_t n = story_exit_list_len(list);
        int r = 0;

        if (n == 0 || n > ADV_EXITS)
                return wrong(l, ".exits: there are 1 to %d, and not %u", ADV_EXITS, n);
        for (uint32_t k = 0; !r && k < n; k++) {
                (void)snprintf(l->where, sizeof(l->where), "rooms[%u].exits[%u]", i, k);
                r = exit_read(l, story_exit_list_get(list, k), &room->exits[k]);
        }
        room->nexits = (uint8_t)n;
        return r;
}

static int room_read(struct load *l, story_room_reader s, uint32_t i)
{
        struct adv_room *to = &l->w->rooms[i];
        int r = text_read(l, "title", story_room_title(s), LABEL_BYTES, &to->title);

        to->x = story_room_x(s);
        to->y = story_room_y(s);
        if (!r && (to->x >= ADV_MAP || to->y >= ADV_MAP))
                r = wrong(l, ".x: a map has %d places by %d", ADV_MAP, ADV_MAP);
        for (uint32_t k = 0; !r && k < i; k++)
                if (l->w->rooms[k].x == to->x && l->w->rooms[k].y == to->y)
                        r = wrong(l, ".x: it is where `%s` is", l->w->rooms[k].key);
        if (to->x >= l->w->width)
                l->w->width = to->x + 1;
        if (to->y >= l->w->height)
                l->w->height = to->y + 1;
        if (!r)
                r = texts_read(l, story_room_texts(s), &to->texts);
        return r ? r : exits_read(l, story_room_exits(s), i);
}

/* ---- things and people ----------------------------------------------------------------------- */

/* A room by its key; ADV_NOWHERE if there is no word. */
static int where_read(struct load *l, capnp_text t, uint8_t *ret)
{
        *ret = t.len ? adv_world_room(l->w, t) : ADV_NOWHERE;
        return t.len && *ret == ADV_NONE ? wrong(l, ": there is no room `%s`", t.p) : 0;
}

static int thing_read(struct load *l, story_thing_reader s, struct adv_thing *to)
{
        int r = where_read(l, story_thing_place(s), &to->place);

        if (!r)
                r = where_read(l, story_thing_home(s), &to->home);
        if (!r)
                r = text_read_if(l, "fixed", story_thing_fixed(s), &to->fixed);
        if (!r)
                r = text_read_if(l, "stuck", story_thing_stuck(s), &to->stuck);
        if (!r && !to->fixed[0] && to->home == ADV_NOWHERE)
                r = wrong(l, ".home: it can be taken, and has none");
        if (!r && !to->stuck[0] && story_thing_needs(s).len)
                r = wrong(l, ".stuck: it has needs, and does not say why it cannot be taken");
        if (!r)
                r = needs_read(l, story_thing_needs(s), &to->needs);
        return r ? r : texts_read(l, story_thing_texts(s), &to->texts);
}

static int topic_read(struct load *l, story_topic_reader s, struct adv_topic *to)
{
        int r = key_read(l, story_topic_key(s), &to->key);

        if (!r)
                r = text_read(l, "label", story_topic_label(s), LABEL_BYTES, &to->label);
        if (!r)
                r = text_read(l, "text", story_topic_text(s), TEXT_BYTES, &to->text);
        if (!r)
                r = needs_read(l, story_topic_needs(s), &to->needs);
        return r ? r : effects_read(l, story_topic_effects(s), &to->effects);
}

static int person_read(struct load *l, story_person_reader s, uint32_t i)
{
        struct adv_person *to = &l->w->people[i];
        story_topic_list topics = story_person_topics(s);
        uint32_t n = story_topic_list_len(topics);
        const char *line;
        int r = where_read(l, story_person_place(s), &to->place);

        to->idle = story_person_idle(s);
        for (uint32_t k = 0; !r && k < to->idle.len; k++)
                r = text_read(l, "idle", story_person_idle_at(to->idle, k), TEXT_BYTES, &line);
        if (!r)
                r = texts_read(l, story_person_texts(s), &to->texts);
        if (!r && (n == 0 || n > ADV_TOPICS))
                r = wrong(l, ".topics: there are 1 to %d, and not %u", ADV_TOPICS, n);
        for (uint32_t k = 0; !r && k < n; k++) {
                (void)snprintf(l->where, sizeof(l->where), "people[%u].topics[%u]", i, k);
                r = topic_read(l, story_topic_list_get(topics, k), &to->topics[k]);
        }
        to->ntopics = (uint8_t)n;
        return r;
}

static int deed_read(struct load *l, story_deed_reader s, struct adv_deed *to)
{
        capnp_text on = story_deed_on(s);
        uint8_t person;
        int r = text_read(l, "text", story_deed_text(s), TEXT_BYTES, &to->text);

        to->use = adv_world_thing(l->w, story_deed_use(s));
        to->on = on.len ? adv_world_thing(l->w, on) : ADV_NONE;
        person = adv_world_person(l->w, on);
        if (to->on == ADV_NONE && person != ADV_NONE)
                to->on = ADV_A_PERSON | person;
        if (!r && to->use == ADV_NONE)
                r = wrong(l, ".use: there is no thing `%s`", story_deed_use(s).p);
        if (!r && on.len && to->on == ADV_NONE)
                r = wrong(l, ".on: there is no thing and nobody `%s`", on.p);
        if (!r)
                r = needs_read(l, story_deed_needs(s), &to->needs);
        return r ? r : effects_read(l, story_deed_effects(s), &to->effects);
}

static int step_read(struct load *l, story_step_reader s, struct adv_step *to)
{
        int r = key_read(l, story_step_key(s), &to->key);

        if (!r)
                r = text_read(l, "title", story_step_title(s), LABEL_BYTES, &to->title);
        return r ? r : needs_read(l, story_step_needs(s), &to->needs);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int names_read(struct load *l, story_reader s)
{
        struct adv_world *w = l->w;
        int r = 0;

        for (uint8_t i = 0; !r && i < w->nrooms; i++) {
                (void)snprintf(l->where, sizeof(l->where), "rooms[%u]", i);
                r = key_read(l, story_room_key(story_room_list_get(story_rooms(s), i)),
                             &w->rooms[i].key);
        }
        for (uint8_t i = 0; !r && i < w->nthings; i++) {
                story_thing_reader t = story_thing_list_get(story_things(s), i);

                (void)snprintf(l->where, sizeof(l->where), "things[%u]", i);
                r = key_read(l, story_thing_key(t), &w->things[i].key);
                if (!r)
                        r = text_read(l, "label", story_thing_label(t), LABEL_BYTES,
                                      &w->things[i].label);
        }
        for (uint8_t i = 0; !r && i < w->npeople; i++) {
                story_person_reader p = story_person_list_get(story_people(s), i);

                (void)snprintf(l->where, sizeof(l->where), "people[%u]", i);
                r = key_read(l, story_person_key(p), &w->people[i].key);
                if (!r)
                        r = text_read(l, "label", story_person_label(p), LABEL_BYTES,
                                      &w->people[i].label);
        }
        return r;
}

/* Who has a key is found by it: it is the first that has. */
static int names_check(struct load *l)
{
        const struct adv_world *w = l->w;

        l->where[0] = '\0';
        for (uint8_t i = 0; i < w->nrooms; i++)
                if (adv_world_room(w, capnp_text_of(w->rooms[i].key)) != i)
                        return wrong(l, "rooms[%u].key: there is another `%s`", i, w->rooms[i].key);
        for (uint8_t i = 0; i < w->nthings; i++)
                if (adv_world_thing(w, capnp_text_of(w->things[i].key)) != i)
                        return wrong(l, "things[%u].key: there is another `%s`", i,
                                     w->things[i].key);
        for (uint8_t i = 0; i < w->npeople; i++)
                if (adv_world_person(w, capnp_text_of(w->people[i].key)) != i ||
                    adv_world_thing(w, capnp_text_of(w->people[i].key)) != ADV_NONE)
                        return wrong(l, "people[%u].key: there is another `%s`", i,
                                     w->people[i].key);
        return 0;
}

static int counts_read(struct load *l, story_reader s)
{
        struct adv_world *w = l->w;
        const struct {
                const char *name;
                uint32_t n, most;
                uint8_t *to;
        } counts[] = {
                {"rooms", story_room_list_len(story_rooms(s)), ADV_ROOMS, &w->nrooms},
                {"things", story_thing_list_len(story_things(s)), ADV_THINGS, &w->nthings},
                {"people", story_person_list_len(story_people(s)), ADV_PEOPLE, &w->npeople},
                {"deeds", story_deed_list_len(story_deeds(s)), ADV_DEEDS, &w->ndeeds},
                {"mission", story_step_list_len(story_mission(s)), ADV_STEPS, &w->nsteps},
        };

        for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
                if (counts[i].n == 0 || counts[i].n > counts[i].most)
                        return wrong(l, "%s: there are 1 to %u, and not %u", counts[i].name,
                                     counts[i].most, counts[i].n);
                *counts[i].to = (uint8_t)counts[i].n;
        }
        return 0;
}

/* Rooms that no chain of exits leads to, and facts that only one side knows of. */
static int links_check(struct load *l)
{
        struct adv_world *w = l->w;
        uint32_t found = UINT32_C(1) << w->start, before = 0;

        l->where[0] = '\0';
        while (found != before) {
                before = found;
                for (uint8_t i = 0; i < w->nrooms; i++)
                        for (uint8_t k = 0; found >> i & 1 && k < w->rooms[i].nexits; k++)
                                found |= UINT32_C(1) << w->rooms[i].exits[k].to;
        }
        for (uint8_t i = 0; i < w->nrooms; i++)
                if (!(found >> i & 1))
                        return wrong(l, "rooms[%u]: no way leads to `%s`", i, w->rooms[i].key);
        for (uint8_t i = 0; i < w->nfacts; i++)
                if ((w->needed ^ w->made) >> i & 1)
                        return wrong(l, "`%s` is %s", w->facts[i],
                                     w->made >> i & 1 ? "made, and nothing needs it"
                                                      : "needed, and nothing makes it so");
        return 0;
}

static int parts_read(struct load *l, story_reader s)
{
        struct adv_world *w = l->w;
        int r = 0;

        for (uint8_t i = 0; !r && i < w->nrooms; i++) {
                (void)snprintf(l->where, sizeof(l->where), "rooms[%u]", i);
                r = room_read(l, story_room_list_get(story_rooms(s), i), i);
        }
        for (uint8_t i = 0; !r && i < w->nthings; i++) {
                (void)snprintf(l->where, sizeof(l->where), "things[%u]", i);
                r = thing_read(l, story_thing_list_get(story_things(s), i), &w->things[i]);
        }
        for (uint8_t i = 0; !r && i < w->npeople; i++) {
                (void)snprintf(l->where, sizeof(l->where), "people[%u]", i);
                r = person_read(l, story_person_list_get(story_people(s), i), i);
        }
        for (uint8_t i = 0; !r && i < w->ndeeds; i++) {
                (void)snprintf(l->where, sizeof(l->where), "deeds[%u]", i);
                r = deed_read(l, story_deed_list_get(story_deeds(s), i), &w->deeds[i]);
        }
        for (uint8_t i = 0; !r && i < w->nsteps; i++) {
                (void)snprintf(l->where, sizeof(l->where), "mission[%u]", i);
                r = step_read(l, story_step_list_get(story_mission(s), i), &w->steps[i]);
        }
        return r;
}

int adv_world_load(struct adv_world *w, story_reader s, char ret_why[static WHY_BYTES])
{
        struct load l = {.w = w, .why = ret_why};
        int r;

        memset(w, 0, sizeof(*w));
        r = counts_read(&l, s);
        if (!r)
                r = text_read(&l, "title", story_title(s), LABEL_BYTES, &w->title);
        if (!r)
                r = text_read(&l, "intro", story_intro(s), TEXT_BYTES, &w->intro);
        if (!r)
                r = text_read(&l, "nothing", story_nothing(s), TEXT_BYTES, &w->nothing);
        if (!r)
                r = text_read(&l, "put", story_put(s), TEXT_BYTES, &w->put);
        if (!r)
                r = names_read(&l, s);
        if (!r)
                r = names_check(&l);
        if (r)
                return r;

        w->start = adv_world_room(w, story_start(s));
        if (w->start == ADV_NONE)
                return wrong(&l, "start: there is no room `%s`", story_start(s).p);
        r = parts_read(&l, s);
        return r ? r : links_check(&l);
}
