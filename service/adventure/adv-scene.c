/*
 * What a player sees, and what he can do there. Commands, completions and panes offer the same: a
 * field's choices are found here alone. What is offered is what can be tried, not what will help;
 * a story would be short otherwise.
 */
#include "adv-scene.h"

#include <stdio.h>
#include <string.h>

#define METHOD(n) .interface = ADVENTURE_ID, .method = (n)
#define FIELD(path_, label_)                                                         \
        {                                                                            \
                .path = path_, .label = label_, .required = true, .completed = true, \
                .max_bytes = 64                                                      \
        }

static const struct kit_command_field exit_fields[] = {FIELD("exit", "Way")};
static const struct kit_command_field thing_fields[] = {FIELD("thing", "Thing")};
static const struct kit_command_field use_fields[] = {
        FIELD("thing", "Thing"),
        {.path = "on",
         .label = "On what",
         .help = "A thing or somebody; nothing: by itself.",
         .completed = true,
         .max_bytes = 64}};
static const struct kit_command_field talk_fields[] = {FIELD("person", "With"),
                                                       FIELD("topic", "About")};
static const struct kit_command_field say_fields[] = {
        {.path = "text", .label = "Words", .required = true, .max_bytes = ADV_SAY_BYTES}};
static const struct kit_command_field lines_fields[] = {
        {.path = "after", .label = "After line", .kind = KIT_FIELD_INTEGER}};

const struct kit_command adv_commands[ADV_COMMANDS] = {
        [ADV_CMD_LOOK] = {.id = "look",
                          .title = "Look around",
                          .summary = "Tells where you are, and how far you have got.",
                          .effect = KIT_READS,
                          METHOD(0)},
        [ADV_CMD_GO] = {.id = "go",
                        .title = "Go somewhere",
                        .effect = KIT_OWN,
                        METHOD(1),
                        .fields = exit_fields,
                        .nfields = 1},
        [ADV_CMD_TAKE] = {.id = "take",
                          .title = "Take something",
                          .effect = KIT_OWN,
                          METHOD(2),
                          .fields = thing_fields,
                          .nfields = 1},
        [ADV_CMD_DROP] = {.id = "drop",
                          .title = "Put something down",
                          .effect = KIT_OWN,
                          METHOD(3),
                          .fields = thing_fields,
                          .nfields = 1},
        [ADV_CMD_INSPECT] = {.id = "inspect",
                             .title = "Look at something",
                             .summary = "Or at somebody. It is never a turn.",
                             .effect = KIT_READS,
                             METHOD(4),
                             .fields = thing_fields,
                             .nfields = 1},
        [ADV_CMD_USE] = {.id = "use",
                         .title = "Use something",
                         .summary = "By itself, or on a thing or somebody.",
                         .effect = KIT_OWN,
                         METHOD(5),
                         .fields = use_fields,
                         .nfields = 2},
        [ADV_CMD_TALK] = {.id = "talk",
                          .title = "Talk to somebody",
                          .summary = "Who is in the room hears the answer.",
                          .effect = KIT_SHARED,
                          METHOD(6),
                          .fields = talk_fields,
                          .nfields = 2},
        [ADV_CMD_SAY] = {.id = "say",
                         .title = "Say something",
                         .summary = "To who else plays and is in this room.",
                         .effect = KIT_SHARED,
                         METHOD(7),
                         .fields = say_fields,
                         .nfields = 1},
        [ADV_CMD_LINES] = {.id = "lines",
                           .title = "Hear what was said",
                           .effect = KIT_READS,
                           METHOD(8),
                           .fields = lines_fields,
                           .nfields = 1},
        [ADV_CMD_AGAIN] = {.id = "again",
                           .title = "Take it back",
                           .summary = "After a story that was lost: as it was before.",
                           .effect = KIT_OWN,
                           METHOD(9)},
        [ADV_CMD_START_OVER] = {.id = "start-over",
                                .title = "Start over",
                                .summary = "From the beginning. What was there is forgotten.",
                                .effect = KIT_LASTING,
                                METHOD(10)},
};

const char *adv_why_not(const struct adv_player *p, enum adv_command c)
{
        uint8_t end = p->game.now.end;

        switch (c) {
        case ADV_CMD_GO:
        case ADV_CMD_TAKE:
        case ADV_CMD_DROP:
        case ADV_CMD_INSPECT:
        case ADV_CMD_USE:
        case ADV_CMD_TALK:
                return end == ADV_LOST  ? "it is over: take it back, or start over"
                       : end == ADV_WON ? "the story has been told: start over"
                                        : NULL;
        case ADV_CMD_AGAIN:
                return end == ADV_LOST ? NULL : "nothing has been lost";
        case ADV_CMD_LOOK:
        case ADV_CMD_SAY:
        case ADV_CMD_LINES:
        case ADV_CMD_START_OVER:
        case ADV_COMMANDS:
                return NULL;
        }
        return NULL;
}

/* ---- choices --------------------------------------------------------------------------------- */

static void choice_add(struct adv_choices *to, const char *value, const char *label)
{
        if (to->n == ADV_CHOICES)
                return;
        (void)snprintf(to->labels[to->n], sizeof(to->labels[0]), "%s", label);
        to->v[to->n] = (struct kit_choice){.value = value, .label = to->labels[to->n]};
        to->n++;
}

static void choices_of_exits(const struct adv_player *p, struct adv_choices *to)
{
        const struct adv_world *w = p->hall->world;
        const struct adv_room *room = &w->rooms[p->game.now.room];
        char label[64];

        for (uint8_t i = 0; i < room->nexits; i++) {
                uint8_t there = room->exits[i].to;

                if (!adv_exit_stands(w, &p->game.now, i))
                        continue;
                (void)snprintf(label, sizeof(label), "%s%s%s", room->exits[i].key,
                               p->game.now.found >> there & 1 ? ": " : "",
                               p->game.now.found >> there & 1 ? w->rooms[there].title : "");
                choice_add(to, room->exits[i].key, label);
        }
}

/* Things that are here and can be taken, perhaps; that are carried; that stand here for good. */
static void choices_of_things(const struct adv_player *p, bool loose, bool carried, bool fixed,
                              struct adv_choices *to)
{
        const struct adv_world *w = p->hall->world;

        for (uint8_t i = 0; i < w->nthings; i++) {
                bool is_here = p->game.now.place[i] == p->game.now.room;
                bool is_fixed = w->things[i].fixed[0] != '\0';

                if ((is_here && (is_fixed ? fixed : loose)) ||
                    (carried && p->game.now.place[i] == ADV_CARRIED))
                        choice_add(to, w->things[i].key, w->things[i].label);
        }
}

static void choices_of_people(const struct adv_player *p, struct adv_choices *to)
{
        const struct adv_world *w = p->hall->world;

        for (uint8_t i = 0; i < w->npeople; i++)
                if (w->people[i].place == p->game.now.room)
                        choice_add(to, w->people[i].key, w->people[i].label);
}

static void choices_of_topics(const struct adv_player *p, struct adv_choices *to)
{
        const struct adv_world *w = p->hall->world;

        for (uint8_t i = 0; i < w->npeople; i++) {
                const struct adv_person *who = &w->people[i];

                if (who->place != p->game.now.room)
                        continue;
                for (uint8_t k = 0; k < who->ntopics; k++)
                        if (adv_topic_stands(who, &p->game.now, k))
                                choice_add(to, who->topics[k].key, who->topics[k].label);
        }
}

void adv_choices_find(const struct adv_player *p, enum adv_command c, uint32_t field,
                      struct adv_choices *ret)
{
        ret->n = 0;
        switch (c) {
        case ADV_CMD_GO:
                choices_of_exits(p, ret);
                return;
        case ADV_CMD_TAKE:
                choices_of_things(p, true, false, false, ret);
                return;
        case ADV_CMD_DROP:
                choices_of_things(p, false, true, false, ret);
                return;
        case ADV_CMD_INSPECT:
                choices_of_things(p, true, true, true, ret);
                choices_of_people(p, ret);
                return;
        case ADV_CMD_USE:
                choices_of_things(p, field == 1, true, true, ret);
                if (field == 1)
                        choices_of_people(p, ret);
                return;
        case ADV_CMD_TALK:
                if (field == 0)
                        choices_of_people(p, ret);
                else
                        choices_of_topics(p, ret);
                return;
        case ADV_CMD_LOOK:
        case ADV_CMD_SAY:
        case ADV_CMD_LINES:
        case ADV_CMD_AGAIN:
        case ADV_CMD_START_OVER:
        case ADV_COMMANDS:
                return;
        }
}

/* ---- the room in words ----------------------------------------------------------------------- */

static void page_add(struct adv_page *p, enum ui_paragraph_style style, enum ui_tone tone,
                     const char *before, const char *text)
{
        if (p->n == ADV_PAGE || !text[0])
                return;
        p->v[p->n].style = style;
        p->v[p->n].tone = tone;
        (void)snprintf(p->v[p->n++].text, ADV_TOLD_BYTES, "%s%s", before, text);
}

static void list_add(char to[static ADV_TOLD_BYTES], const char *text)
{
        size_t at = strlen(to);

        (void)snprintf(to + at, ADV_TOLD_BYTES - at, "%s%s", at ? ", " : "", text);
}

static void page_choices(const struct adv_player *p, struct adv_page *page, enum adv_command c,
                         uint32_t field, const char *before)
{
        char text[ADV_TOLD_BYTES] = "";
        struct adv_choices found;

        adv_choices_find(p, c, field, &found);
        for (uint32_t i = 0; i < found.n; i++)
                list_add(text, found.v[i].label);
        page_add(page, UI_PARAGRAPH_STYLE_BULLET, UI_TONE_NEUTRAL, before, text);
}

/* What is seen here that is not carried. */
static void page_things(const struct adv_player *p, struct adv_page *page)
{
        const struct adv_world *w = p->hall->world;
        const struct adv_state *s = &p->game.now;
        char text[ADV_TOLD_BYTES] = "";

        for (uint8_t i = 0; i < w->nthings; i++)
                if (s->place[i] == s->room)
                        list_add(text, w->things[i].label);
        page_add(page, UI_PARAGRAPH_STYLE_BULLET, UI_TONE_NEUTRAL, "You see: ", text);
}

static void page_others(const struct adv_player *p, struct adv_page *page)
{
        const struct adv_player *o = NULL;
        char text[ADV_TOLD_BYTES] = "";

        while ((o = adv_player_next_other(p, o)))
                list_add(text, o->label);
        page_add(page, UI_PARAGRAPH_STYLE_BULLET, UI_TONE_INFO, "Also here: ", text);
}

void adv_page_fill(const struct adv_player *p, struct adv_page *page)
{
        const struct adv_world *w = p->hall->world;
        const struct adv_state *s = &p->game.now;
        char text[ADV_TOLD_BYTES];

        page->n = 0;
        page_add(page, UI_PARAGRAPH_STYLE_HEADING, UI_TONE_NEUTRAL, "", w->rooms[s->room].title);
        if (s->end == ADV_LOST)
                page_add(page, UI_PARAGRAPH_STYLE_BODY, UI_TONE_BAD, "",
                         "It is over. You can take it back, or start over.");
        if (s->end == ADV_WON)
                page_add(page, UI_PARAGRAPH_STYLE_BODY, UI_TONE_GOOD, "",
                         "The story has been told, and you are in it.");
        page_add(page, UI_PARAGRAPH_STYLE_BODY, UI_TONE_NEUTRAL, "", adv_room_text(w, s, text));
        page_things(p, page);
        page_choices(p, page, ADV_CMD_TALK, 0, "Somebody is here: ");
        page_others(p, page);
        page_choices(p, page, ADV_CMD_GO, 0, "Ways: ");
}

void adv_page_tell(const struct adv_player *p, char ret[static ADV_PAGE_BYTES])
{
        struct adv_page page;
        size_t at = 0;

        adv_page_fill(p, &page);
        ret[0] = '\0';
        for (uint32_t i = 0; i < page.n && at < ADV_PAGE_BYTES; i++)
                at += (size_t)snprintf(ret + at, ADV_PAGE_BYTES - at, "%s%s%s", i ? "\n" : "",
                                       page.v[i].style == UI_PARAGRAPH_STYLE_BULLET ? "- " : "",
                                       page.v[i].text);
}

/* ---- the scene ------------------------------------------------------------------------------- */

void adv_channel_name(const struct adv_room *room, char ret[static 32])
{
        (void)snprintf(ret, 32, "#adv-%s", room->key);
}

static void scene_exits(const struct adv_player *p, adventure_scene_builder b)
{
        const struct adv_world *w = p->hall->world;
        const struct adv_room *room = &w->rooms[p->game.now.room];
        adventure_scene_exit_list_builder list;
        struct adv_choices c;

        choices_of_exits(p, (c.n = 0, &c));
        list = adventure_scene_init_exits(b, c.n);
        for (uint32_t i = 0; i < c.n; i++) {
                adventure_scene_exit_builder e = adventure_scene_exit_list_builder_get(list, i);
                uint8_t at = adv_exit_find(w, &p->game.now, capnp_text_of(c.v[i].value));

                adventure_scene_exit_set_key(e, c.v[i].value);
                adventure_scene_exit_set_label(e, c.v[i].label);
                adventure_scene_exit_set_open(e,
                                              adv_needs_hold(&room->exits[at].needs, &p->game.now));
        }
}

static void scene_things(const struct adv_player *p, const struct adv_choices *c,
                         adventure_scene_thing_list_builder list)
{
        const struct adv_world *w = p->hall->world;

        for (uint32_t i = 0; i < c->n; i++) {
                adventure_scene_thing_builder t = adventure_scene_thing_list_builder_get(list, i);
                uint8_t thing = adv_world_thing(w, capnp_text_of(c->v[i].value));

                adventure_scene_thing_set_key(t, c->v[i].value);
                adventure_scene_thing_set_label(t, c->v[i].label);
                adventure_scene_thing_set_portable(t, !w->things[thing].fixed[0]);
        }
}

static void scene_topics(const struct adv_player *p, const struct adv_person *who,
                         adventure_scene_person_builder b)
{
        adventure_scene_topic_list_builder list;
        uint32_t n = 0, at = 0;

        for (uint8_t k = 0; k < who->ntopics; k++)
                n += adv_topic_stands(who, &p->game.now, k);
        list = adventure_scene_person_init_topics(b, n);
        for (uint8_t k = 0; k < who->ntopics; k++) {
                adventure_scene_topic_builder t;

                if (!adv_topic_stands(who, &p->game.now, k))
                        continue;
                t = adventure_scene_topic_list_builder_get(list, at++);
                adventure_scene_topic_set_key(t, who->topics[k].key);
                adventure_scene_topic_set_label(t, who->topics[k].label);
        }
}

static void scene_people(const struct adv_player *p, adventure_scene_builder b)
{
        const struct adv_world *w = p->hall->world;
        adventure_scene_person_list_builder list;
        struct adv_choices c;

        choices_of_people(p, (c.n = 0, &c));
        list = adventure_scene_init_people(b, c.n);
        for (uint32_t i = 0; i < c.n; i++) {
                adventure_scene_person_builder e = adventure_scene_person_list_builder_get(list, i);

                adventure_scene_person_set_key(e, c.v[i].value);
                adventure_scene_person_set_label(e, c.v[i].label);
                scene_topics(p, &w->people[adv_world_person(w, capnp_text_of(c.v[i].value))], e);
        }
}

static void scene_others(const struct adv_player *p, adventure_scene_builder b)
{
        const struct adv_player *o = NULL;
        capnp_lbuilder list;
        uint32_t n = 0;

        while ((o = adv_player_next_other(p, o)))
                n++;
        list = adventure_scene_init_others(b, n);
        for (uint32_t i = 0; i < n && (o = adv_player_next_other(p, o)); i++)
                adventure_scene_set_others_at(list, i, o->label);
}

static void scene_mission(const struct adv_player *p, adventure_scene_builder b)
{
        const struct adv_world *w = p->hall->world;
        adventure_scene_step_list_builder list = adventure_scene_init_mission(b, w->nsteps);

        for (uint8_t i = 0; i < w->nsteps; i++) {
                adventure_scene_step_builder s = adventure_scene_step_list_builder_get(list, i);

                adventure_scene_step_set_key(s, w->steps[i].key);
                adventure_scene_step_set_title(s, w->steps[i].title);
                adventure_scene_step_set_done(s, adv_needs_hold(&w->steps[i].needs, &p->game.now));
        }
}

void adv_scene_write(const struct adv_player *p, adventure_scene_builder b)
{
        const struct adv_state *s = &p->game.now;
        const struct adv_room *room = &p->hall->world->rooms[s->room];
        char text[ADV_TOLD_BYTES], channel[32], told[ADV_PAGE_BYTES];
        struct adv_choices c = {.n = 0};

        adv_channel_name(room, channel);
        adventure_scene_set_room(b, room->key);
        adventure_scene_set_title(b, room->title);
        adventure_scene_set_text(b, adv_room_text(p->hall->world, s, text));
        scene_exits(p, b);
        choices_of_things(p, true, false, true, &c);
        scene_things(p, &c, adventure_scene_init_things(b, c.n));
        scene_people(p, b);
        choices_of_things(p, false, true, false, (c.n = 0, &c));
        scene_things(p, &c, adventure_scene_init_carried(b, c.n));
        scene_others(p, b);
        scene_mission(p, b);
        adventure_scene_set_turn(b, s->turn);
        adventure_scene_set_state(b, (enum adventure_scene_state)s->end);
        adventure_scene_set_channel(b, channel);
        adventure_scene_set_label(b, p->label);
        adv_page_tell(p, told);
        adventure_scene_set_told(b, told);
}
