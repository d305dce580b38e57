/*
 * The game's rules. They are few, and the same for every story:
 *
 * - One is in a room, and can lay hands on what is in it and on what one carries.
 * - What is put down goes to its home, wherever that is. So nothing is lost by carelessness, and
 *   what can be so is little enough to be looked at whole (test-adventure-solve.c).
 * - Of several exits, topics or deeds that go by one key the first counts whose needs hold.
 * - A deed without effects says why it is not to be done, and takes no turn.
 * - When the story has ended nothing can be done any more.
 *
 * A state is a value. Nothing here allocates, waits, or knows what time it is.
 */
#include "adv-game.h"

#include <stdio.h>
#include <string.h>

/* ---- what is so ------------------------------------------------------------------------------ */

void adv_state_begin(const struct adv_world *w, struct adv_state *s)
{
        memset(s, 0, sizeof(*s));
        s->room = w->start;
        s->found = UINT32_C(1) << w->start;
        for (uint8_t i = 0; i < w->nthings; i++)
                s->place[i] = w->things[i].place;
}

bool adv_needs_hold(const struct adv_needs *n, const struct adv_state *s)
{
        if ((s->facts & n->facts) != n->facts || s->facts & n->no_facts)
                return false;
        for (uint8_t i = 0; i < n->nwords; i++)
                if ((s->place[n->words[i].thing] == n->words[i].place) == n->words[i].is_not)
                        return false;
        return true;
}

bool adv_thing_is_near(const struct adv_state *s, uint8_t thing)
{
        return s->place[thing] == ADV_CARRIED || s->place[thing] == s->room;
}

static bool text_is(const char *a, capnp_text b)
{
        return strlen(a) == b.len && !memcmp(a, b.p, b.len);
}

uint8_t adv_exit_find(const struct adv_world *w, const struct adv_state *s, capnp_text key)
{
        const struct adv_room *room = &w->rooms[s->room];
        uint8_t first = ADV_NONE;

        for (uint8_t i = 0; i < room->nexits; i++) {
                if (!text_is(room->exits[i].key, key))
                        continue;
                if (adv_needs_hold(&room->exits[i].needs, s))
                        return i;
                if (first == ADV_NONE)
                        first = i;
        }
        return first;
}

uint8_t adv_topic_find(const struct adv_person *p, const struct adv_state *s, capnp_text key)
{
        for (uint8_t i = 0; i < p->ntopics; i++)
                if ((text_is(p->topics[i].key, key) || text_is(p->topics[i].label, key)) &&
                    adv_needs_hold(&p->topics[i].needs, s))
                        return i;
        return ADV_NONE;
}

bool adv_exit_stands(const struct adv_world *w, const struct adv_state *s, uint8_t exit)
{
        return adv_exit_find(w, s, capnp_text_of(w->rooms[s->room].exits[exit].key)) == exit;
}

bool adv_topic_stands(const struct adv_person *p, const struct adv_state *s, uint8_t topic)
{
        return adv_topic_find(p, s, capnp_text_of(p->topics[topic].key)) == topic;
}

const char *adv_room_text(const struct adv_world *w, const struct adv_state *s,
                          char ret[static ADV_TOLD_BYTES])
{
        const struct adv_texts *t = &w->rooms[s->room].texts;
        size_t at = 0;

        ret[0] = '\0';
        for (uint8_t i = 0; i < t->n && at < ADV_TOLD_BYTES; i++)
                if (adv_needs_hold(&t->v[i].needs, s)) {
                        int n = snprintf(ret + at, ADV_TOLD_BYTES - at, "%s%s", at ? " " : "",
                                         t->v[i].text);

                        at += n > 0 ? (size_t)n : 0;
                }
        return ret;
}

/* ---- what comes of it ------------------------------------------------------------------------ */

static void tell(struct adv_told *t, enum adv_what what, const char *a, const char *b)
{
        t->what = what;
        (void)snprintf(t->text, sizeof(t->text), "%s%s", a, b);
}

static bool effects_are_none(const struct adv_effects *e)
{
        return !e->set && !e->clear && !e->nmoves && e->room == ADV_NONE && e->end == ADV_PLAYING;
}

static void effects_apply(const struct adv_effects *e, struct adv_state *s)
{
        s->facts = (s->facts & ~e->clear) | e->set;
        for (uint8_t i = 0; i < e->nmoves; i++)
                s->place[e->moves[i].thing] =
                        e->moves[i].place == ADV_HERE ? s->room : e->moves[i].place;
        if (e->room != ADV_NONE)
                s->room = e->room;
        s->found |= UINT32_C(1) << s->room;
        s->end = (uint8_t)e->end;
}

static void do_go(const struct adv_world *w, struct adv_state *s, uint8_t exit,
                  struct adv_told *ret)
{
        const struct adv_exit *e = &w->rooms[s->room].exits[exit];
        char room[ADV_TOLD_BYTES];

        if (exit >= w->rooms[s->room].nexits) {
                tell(ret, ADV_ABSENT, "There is no such way.", "");
                return;
        }
        if (!adv_needs_hold(&e->needs, s)) {
                tell(ret, ADV_BLOCKED, e->blocked[0] ? e->blocked : "Not that way, now.", "");
                return;
        }
        s->room = e->to;
        effects_apply(&e->effects, s);
        ret->what = ADV_DONE;
        ret->has_moved = s->end != ADV_LOST;
        ret->room_at = (uint16_t)(strlen(e->text) + (e->text[0] ? 2 : 0));
        (void)snprintf(ret->text, sizeof(ret->text), "%s%s%s", e->text, e->text[0] ? "\n\n" : "",
                       s->end == ADV_LOST ? "" : adv_room_text(w, s, room));
}

static void do_take(const struct adv_world *w, struct adv_state *s, uint8_t thing,
                    struct adv_told *ret)
{
        const struct adv_thing *t = &w->things[thing];

        if (s->place[thing] == ADV_CARRIED) {
                tell(ret, ADV_BLOCKED, "You have it already: ", t->label);
        } else if (s->place[thing] != s->room) {
                tell(ret, ADV_ABSENT, "That is not here.", "");
        } else if (t->fixed[0]) {
                tell(ret, ADV_BLOCKED, t->fixed, "");
        } else if (!adv_needs_hold(&t->needs, s)) {
                tell(ret, ADV_BLOCKED, t->stuck, "");
        } else {
                s->place[thing] = ADV_CARRIED;
                tell(ret, ADV_DONE, "You have it: ", t->label);
        }
}

static void do_drop(const struct adv_world *w, struct adv_state *s, uint8_t thing,
                    struct adv_told *ret)
{
        if (s->place[thing] != ADV_CARRIED) {
                tell(ret, ADV_ABSENT, "You do not carry that.", "");
                return;
        }
        s->place[thing] = w->things[thing].home;
        tell(ret, ADV_DONE, w->put, "");
}

static void do_inspect(const struct adv_world *w, const struct adv_state *s, uint8_t what,
                       struct adv_told *ret)
{
        bool is_person = what & ADV_A_PERSON;
        const struct adv_texts *t =
                is_person ? &w->people[what & ~ADV_A_PERSON].texts : &w->things[what].texts;

        if (is_person ? w->people[what & ~ADV_A_PERSON].place != s->room
                      : !adv_thing_is_near(s, what)) {
                tell(ret, ADV_ABSENT, "That is not here.", "");
                return;
        }
        tell(ret, ADV_DONE, "There is nothing special about it.", "");
        for (uint8_t i = 0; i < t->n; i++)
                if (adv_needs_hold(&t->v[i].needs, s)) {
                        tell(ret, ADV_DONE, t->v[i].text, "");
                        return;
                }
}

static void do_use(const struct adv_world *w, struct adv_state *s, uint8_t thing, uint8_t on,
                   struct adv_told *ret)
{
        bool is_near = on == ADV_NONE      ? true
                       : on & ADV_A_PERSON ? w->people[on & ~ADV_A_PERSON].place == s->room
                                           : adv_thing_is_near(s, on);

        if (!adv_thing_is_near(s, thing) || !is_near) {
                tell(ret, ADV_ABSENT, "That is not here.", "");
                return;
        }
        if (s->place[thing] != ADV_CARRIED && !w->things[thing].fixed[0]) {
                tell(ret, ADV_BLOCKED, "You would have to take it first: ", w->things[thing].label);
                return;
        }
        for (uint8_t i = 0; i < w->ndeeds; i++) {
                const struct adv_deed *d = &w->deeds[i];

                if (d->use != thing || d->on != on || !adv_needs_hold(&d->needs, s))
                        continue;
                tell(ret, effects_are_none(&d->effects) ? ADV_BLOCKED : ADV_DONE, d->text, "");
                effects_apply(&d->effects, s);
                return;
        }
        tell(ret, ADV_BLOCKED, w->nothing, "");
}

static void do_talk(const struct adv_world *w, struct adv_state *s, uint8_t who, uint8_t topic,
                    struct adv_told *ret)
{
        const struct adv_person *p = &w->people[who & ~ADV_A_PERSON];

        if (p->place != s->room) {
                tell(ret, ADV_ABSENT, p->label, " is not here.");
                return;
        }
        if (topic >= p->ntopics || !adv_needs_hold(&p->topics[topic].needs, s)) {
                tell(ret, ADV_ABSENT, p->label, " has nothing to say about that.");
                return;
        }
        tell(ret, ADV_DONE, p->topics[topic].text, "");
        effects_apply(&p->topics[topic].effects, s);
}

static bool state_is_same(const struct adv_state *a, const struct adv_state *b)
{
        return a->facts == b->facts && a->room == b->room && a->end == b->end &&
               !memcmp(a->place, b->place, sizeof(a->place));
}

/* Whether what was named is in the tables; what it names may still be elsewhere. */
static bool act_is_there(const struct adv_world *w, struct adv_act a)
{
        bool is_person = a.what & ADV_A_PERSON && a.what != ADV_NONE &&
                         (a.what & ~ADV_A_PERSON) < w->npeople;
        bool on_is_there =
                a.on == ADV_NONE ||
                (a.on & ADV_A_PERSON ? (a.on & ~ADV_A_PERSON) < w->npeople : a.on < w->nthings);

        switch (a.verb) {
        case ADV_GO:
                return a.what < ADV_EXITS;
        case ADV_TAKE:
        case ADV_DROP:
                return a.what < w->nthings;
        case ADV_INSPECT:
                return a.what < w->nthings || is_person;
        case ADV_USE:
                return a.what < w->nthings && on_is_there;
        case ADV_TALK:
                return is_person;
        }
        return false;
}

void adv_do(const struct adv_world *w, struct adv_state *s, struct adv_act act,
            struct adv_told *ret)
{
        struct adv_state before = *s;

        ret->has_changed = false;
        ret->has_moved = false;
        if (s->end != ADV_PLAYING) {
                tell(ret, ADV_OVER, s->end == ADV_WON ? "The story has been told." : "It is over.",
                     "");
                return;
        }
        if (!act_is_there(w, act)) {
                tell(ret, ADV_ABSENT, "That is not here.", "");
                return;
        }
        switch (act.verb) {
        case ADV_GO:
                do_go(w, s, act.what, ret);
                break;
        case ADV_TAKE:
                do_take(w, s, act.what, ret);
                break;
        case ADV_DROP:
                do_drop(w, s, act.what, ret);
                break;
        case ADV_INSPECT:
                do_inspect(w, s, act.what, ret);
                break;
        case ADV_USE:
                do_use(w, s, act.what, act.on, ret);
                break;
        case ADV_TALK:
                do_talk(w, s, act.what, act.on, ret);
                break;
        }
        ret->has_changed = !state_is_same(&before, s);
        s->turn += ret->has_changed && s->turn < UINT32_MAX;
}
