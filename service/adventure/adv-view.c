/*
 * Adventure's panes as they are told: where one is, the map of what one has seen, what one carries,
 * what was to be heard, and the mission.
 *
 * Nothing here remembers what has changed. What there is now is made into a number, and where that
 * is another one than the pane was told, it is told the whole, which is small. The log alone goes
 * on from the last line that was told. So a pane that has refused a patch, and a host that was lent
 * late, are served by the same few lines as a step that has just been taken.
 *
 * A command offers the choices that there are now, so that a person can pick: it is offered anew
 * when they change. Commands are told before what they are about, and the log comes last: who sees
 * something can do what he sees. A drawing is a patch for each pane and each command at most, and
 * is not done again for a while (adv-show.c), so no host finds it too fast.
 */
#include "adv-view.h"

#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <string.h>

enum { LINES = 24, KEEP = 200 };

static const struct {
        const char *id, *title, *summary;
        enum ui_surface_kind kind;
        enum ui_safety_class safety;
        uint64_t model;
        enum ui_place place;
} panes[ADV_PANES] = {
        {"room", "The room", "Where you are, and what is there.", UI_SURFACE_KIND_TEXT,
         UI_SAFETY_CLASS_ORDINARY, UI_TEXT_ID, UI_PLACE_MAIN},
        {"map", "Map", "The rooms that you have seen.", UI_SURFACE_KIND_MAP,
         UI_SAFETY_CLASS_AMBIENT, UI_MAP_ID, UI_PLACE_SIDE},
        {"carried", "Carried", "What you carry.", UI_SURFACE_KIND_LIST, UI_SAFETY_CLASS_ORDINARY,
         UI_LIST_ID, UI_PLACE_SIDE},
        {"log", "What happens", "What has come of what you did, and what is said in this room.",
         UI_SURFACE_KIND_TRANSCRIPT, UI_SAFETY_CLASS_PERSONAL, UI_TRANSCRIPT_ID, UI_PLACE_MAIN},
        {"mission", "Mission", "What there is to do, and how much of it is done.",
         UI_SURFACE_KIND_PROGRESS, UI_SAFETY_CLASS_CONSEQUENTIAL, UI_PROGRESS_ID, UI_PLACE_SIDE},
};

/* Which pane has which command. */
static const struct {
        enum adv_command command;
        enum adv_pane pane;
} offers[] = {
        {ADV_CMD_GO, ADV_PANE_ROOM},
        {ADV_CMD_TAKE, ADV_PANE_ROOM},
        {ADV_CMD_INSPECT, ADV_PANE_ROOM},
        {ADV_CMD_USE, ADV_PANE_ROOM},
        {ADV_CMD_TALK, ADV_PANE_ROOM},
        {ADV_CMD_AGAIN, ADV_PANE_ROOM},
        {ADV_CMD_DROP, ADV_PANE_CARRIED},
        {ADV_CMD_SAY, ADV_PANE_LOG},
        {ADV_CMD_START_OVER, ADV_PANE_MISSION},
};

enum { OFFERS = sizeof(offers) / sizeof(*offers) };

/* ---- patches --------------------------------------------------------------------------------- */

static capnp_data pane_id(enum adv_pane p)
{
        return (capnp_data){(const uint8_t *)panes[p].id, (uint32_t)strlen(panes[p].id)};
}

capnp_question *adv_view_open(struct adv_view *v, enum adv_pane p)
{
        capnp_question *q =
                remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(v->c)});
        ui_surface_spec_builder b = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_surface_id(b, pane_id(p));
        ui_surface_spec_set_title(b, panes[p].title);
        ui_surface_spec_set_summary(b, panes[p].summary);
        ui_surface_spec_set_kind(b, panes[p].kind);
        ui_surface_spec_set_safety_class(b, panes[p].safety);
        ui_surface_spec_set_model_schema(b, panes[p].model);
        ui_layout_hint_set_place(ui_surface_spec_init_layout(b), panes[p].place);
        return q;
}

static capnp_question *patch_new(const struct adv_view *v, enum adv_pane p, enum ui_patch_kind kind,
                                 ui_patch_payload_builder *ret)
{
        remote_ui_surface_client surface = {kit_pane_surface_peek(v->pane[p])};
        capnp_question *q = remote_ui_surface_apply(surface);
        ui_patch_builder b = remote_ui_surface_apply_init_patch(q);

        ui_patch_set_kind(b, kind);
        ui_patch_set_surface_id(b, pane_id(p));
        *ret = ui_patch_init_payload(b);
        return q;
}

/* A whole model, to be filled in. */
static capnp_question *whole_new(const struct adv_view *v, enum adv_pane p, ui_model_builder *ret)
{
        ui_patch_payload_builder payload;
        capnp_question *q = patch_new(v, p, UI_PATCH_KIND_UPDATE_MODEL, &payload);

        *ret = ui_model_patch_init_whole(ui_patch_payload_init_model(payload));
        return q;
}

void adv_view_forget(struct adv_view *v, enum adv_pane p)
{
        v->told[p] = 0;
        for (unsigned i = 0; i < OFFERS; i++)
                if (offers[i].pane == p)
                        v->offered[offers[i].command] = 0;
        if (p == ADV_PANE_LOG)
                v->heard = 0;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *p, size_t len)
{
        const uint8_t *b = p;

        for (size_t i = 0; i < len; i++)
                h = (h ^ b[i]) * UINT64_C(0x100000001b3);
        return h;
}

static uint64_t mix_text(uint64_t h, const char *s)
{
        return mix(h, s, strlen(s) + 1);
}

/* Whether a pane has to be told, by the number of what it would be told; not 0. */
static bool is_news(uint64_t *told, uint64_t h)
{
        h |= 1;
        if (*told == h)
                return false;
        *told = h;
        return true;
}

enum { SEED = 0x811c9dc5 };

/* ---- the room -------------------------------------------------------------------------------- */

static void room_draw(struct adv_view *v)
{
        ui_model_builder m;
        ui_paragraph_list_builder list;
        uint64_t h = SEED;
        struct adv_page page;
        capnp_question *q;

        adv_page_fill(v->player, &page);
        for (uint32_t i = 0; i < page.n; i++)
                h = mix_text(h, page.v[i].text);
        if (!is_news(&v->told[ADV_PANE_ROOM], h))
                return;
        q = whole_new(v, ADV_PANE_ROOM, &m);
        list = ui_text_init_paragraphs(ui_model_init_text(m), page.n);
        for (uint32_t i = 0; i < page.n; i++) {
                ui_paragraph_builder b = ui_paragraph_list_builder_get(list, i);
                ui_run_builder run = ui_run_list_builder_get(ui_paragraph_init_runs(b, 1), 0);

                ui_paragraph_set_style(b, page.v[i].style);
                ui_run_set_text(run, page.v[i].text);
                ui_run_set_tone(run, page.v[i].tone);
        }
        kit_pane_send(v->pane[ADV_PANE_ROOM], q);
}

/* ---- the map --------------------------------------------------------------------------------- */

enum { TILE_SEA, TILE_ROOM, TILES };

static void map_tiles(ui_map_builder map)
{
        static const struct {
                const char *glyph, *label;
                enum ui_tone tone;
        } tiles[TILES] = {[TILE_SEA] = {"~", "sea, as far as you know", UI_TONE_MUTED},
                          [TILE_ROOM] = {"#", "a room", UI_TONE_NEUTRAL}};
        ui_tile_list_builder list = ui_map_init_tiles(map, TILES);

        for (uint32_t i = 0; i < TILES; i++) {
                ui_tile_builder t = ui_tile_list_builder_get(list, i);

                ui_tile_set_glyph(t, tiles[i].glyph);
                ui_tile_set_label(t, tiles[i].label);
                ui_tile_set_tone(t, tiles[i].tone);
        }
}

/* Ways between rooms that both were seen, beside each other; each once. Writes nothing when no list
 * is given. */
static uint32_t map_paths(const struct adv_view *v, const ui_map_path_list_builder *to)
{
        const struct adv_world *w = v->player->hall->world;
        uint32_t found = v->player->game.now.found, n = 0;

        for (uint8_t i = 0; i < w->nrooms; i++)
                for (uint8_t k = 0; k < w->rooms[i].nexits; k++) {
                        const struct adv_room *a = &w->rooms[i];
                        const struct adv_room *b = &w->rooms[a->exits[k].to];
                        int dx = a->x - b->x, dy = a->y - b->y;

                        if (a->exits[k].to < i || !(found >> i & 1) ||
                            !(found >> a->exits[k].to & 1) || dx * dx + dy * dy != 1)
                                continue;
                        if (to) {
                                ui_map_path_builder p = ui_map_path_list_builder_get(*to, n);

                                ui_map_path_set_from_x(p, a->x);
                                ui_map_path_set_from_y(p, a->y);
                                ui_map_path_set_to_x(p, b->x);
                                ui_map_path_set_to_y(p, b->y);
                        }
                        n++;
                }
        return n;
}

static void map_rooms(const struct adv_view *v, ui_map_builder map)
{
        const struct adv_world *w = v->player->hall->world;
        const struct adv_state *s = &v->player->game.now;
        capnp_lbuilder cells = ui_map_init_cells(map, (uint32_t)w->width * w->height);
        ui_marker_list_builder markers =
                ui_map_init_markers(map, (uint32_t)__builtin_popcount(s->found));
        uint32_t n = 0;

        for (uint8_t i = 0; i < w->nrooms; i++) {
                const struct adv_room *room = &w->rooms[i];
                ui_marker_builder m;

                if (!(s->found >> i & 1))
                        continue;
                ui_map_set_cells_at(cells, (uint32_t)room->y * w->width + room->x, TILE_ROOM);
                m = ui_marker_list_builder_get(markers, n++);
                ui_marker_set_key(m, room->key);
                ui_marker_set_x(m, room->x);
                ui_marker_set_y(m, room->y);
                ui_marker_set_icon(m, UI_ICON_PLACE);
                ui_marker_set_label(m, room->title);
                ui_marker_set_here(m, i == s->room);
                ui_marker_set_tone(m, i == s->room ? UI_TONE_ACCENT : UI_TONE_NEUTRAL);
        }
}

static void map_draw(struct adv_view *v)
{
        const struct adv_world *w = v->player->hall->world;
        const struct adv_state *s = &v->player->game.now;
        uint64_t h = mix(mix(SEED, &s->found, sizeof(s->found)), &s->room, sizeof(s->room));
        ui_map_path_list_builder paths;
        ui_model_builder m;
        ui_map_builder map;
        capnp_question *q;

        if (!is_news(&v->told[ADV_PANE_MAP], h))
                return;
        q = whole_new(v, ADV_PANE_MAP, &m);
        map = ui_model_init_map(m);
        ui_map_set_width(map, w->width);
        ui_map_set_height(map, w->height);
        map_tiles(map);
        map_rooms(v, map);
        paths = ui_map_init_paths(map, map_paths(v, NULL));
        (void)map_paths(v, &paths);
        kit_pane_send(v->pane[ADV_PANE_MAP], q);
}

/* ---- what is carried, and the mission ---------------------------------------------------------
 */

static void carried_draw(struct adv_view *v)
{
        struct adv_choices found;
        ui_item_list_builder list;
        ui_model_builder m;
        uint64_t h = SEED;
        capnp_question *q;

        adv_choices_find(v->player, ADV_CMD_DROP, 0, &found);
        for (uint32_t i = 0; i < found.n; i++)
                h = mix_text(h, found.v[i].value);
        if (!is_news(&v->told[ADV_PANE_CARRIED], h))
                return;
        q = whole_new(v, ADV_PANE_CARRIED, &m);
        list = ui_list_init_items(ui_model_init_list_(m), found.n);
        for (uint32_t i = 0; i < found.n; i++) {
                ui_item_builder b = ui_item_list_builder_get(list, i);

                ui_item_set_key(b, found.v[i].value);
                ui_item_set_title(b, found.v[i].label);
                ui_item_set_icon(b, UI_ICON_ITEM);
        }
        kit_pane_send(v->pane[ADV_PANE_CARRIED], q);
}

static void mission_draw(struct adv_view *v)
{
        const struct adv_world *w = v->player->hall->world;
        const struct adv_state *s = &v->player->game.now;
        ui_step_list_builder list;
        ui_model_builder m;
        uint64_t h = mix(SEED, &s->end, sizeof(s->end));
        uint32_t done = 0;
        capnp_question *q;

        for (uint8_t i = 0; i < w->nsteps; i++)
                done |= (uint32_t)adv_needs_hold(&w->steps[i].needs, s) << i;
        if (!is_news(&v->told[ADV_PANE_MISSION], mix(h, &done, sizeof(done))))
                return;
        q = whole_new(v, ADV_PANE_MISSION, &m);
        list = ui_progress_init_steps(ui_model_init_progress(m), w->nsteps);
        for (uint8_t i = 0; i < w->nsteps; i++) {
                ui_step_builder b = ui_step_list_builder_get(list, i);
                bool is_done = done >> i & 1;

                ui_step_set_key(b, w->steps[i].key);
                ui_step_set_title(b, w->steps[i].title);
                ui_step_set_state(b, is_done              ? UI_STEP_STATE_DONE
                                     : s->end == ADV_LOST ? UI_STEP_STATE_FAILED
                                                          : UI_STEP_STATE_WAITING);
                ui_step_set_fraction(b, is_done ? 1 : -1);
        }
        kit_pane_send(v->pane[ADV_PANE_MISSION], q);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void line_write(const struct adv_view *v, const struct adv_line *l, ui_message_builder b)
{
        ui_message_set_sequence(b, l->sequence);
        ui_message_set_at_ms(b, l->at_ms);
        ui_message_set_author(b, l->who);
        ui_message_set_own(b, !strcmp(l->who, v->player->label));
        ui_message_set_kind(b, l->who[0] ? UI_MESSAGE_KIND_SAID : UI_MESSAGE_KIND_NARRATED);
        ui_message_set_text(b, l->text);
}

static uint32_t lines_after(const struct adv_view *v, const struct adv_line *ret[LINES])
{
        uint64_t after = v->heard;
        uint32_t n = 0;

        while (n < LINES && (ret[n] = adv_player_line(v->player, after)))
                after = ret[n++]->sequence;
        return n;
}

static void lines_write(struct adv_view *v, ui_message_list_builder to,
                        const struct adv_line *const *lines, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                line_write(v, lines[i], ui_message_list_builder_get(to, i));
        if (n)
                v->heard = lines[n - 1]->sequence;
}

static void log_draw(struct adv_view *v)
{
        const struct adv_line *lines[LINES];
        uint32_t n = lines_after(v, lines);
        bool is_new = !v->told[ADV_PANE_LOG];
        ui_patch_payload_builder payload;
        ui_model_patch_builder patch;
        ui_transcript_builder t;
        ui_model_builder m;
        capnp_question *q;

        if (!n && !is_new)
                return;
        v->told[ADV_PANE_LOG] = 1;
        if (is_new) {
                q = whole_new(v, ADV_PANE_LOG, &m);
                t = ui_model_init_transcript(m);
                ui_transcript_set_keep(t, KEEP);
                ui_transcript_set_send(t, adv_commands[ADV_CMD_SAY].id);
                ui_transcript_set_draft(t, "Say something to who is here");
                lines_write(v, ui_transcript_init_messages(t, n), lines, n);
        } else {
                q = patch_new(v, ADV_PANE_LOG, UI_PATCH_KIND_UPDATE_MODEL, &payload);
                patch = ui_patch_payload_init_model(payload);
                ui_model_patch_set_base(patch, kit_pane_base(v->pane[ADV_PANE_LOG]));
                lines_write(v, ui_model_patch_init_messages(patch, n), lines, n);
        }
        kit_pane_send(v->pane[ADV_PANE_LOG], q);
}

/* ---- commands -------------------------------------------------------------------------------- */

enum { FIELDS = 2 };

/*
 * A command as it is now, with what there is to pick from. The fields and choices are the caller's.
 * What others hear goes by its key: a host asks about what a label says otherwise than it is
 * called.
 */
static struct kit_command command_now(const struct adv_view *v, enum adv_command c,
                                      struct kit_command_field fields[FIELDS],
                                      struct adv_choices choices[FIELDS])
{
        struct kit_command k = adv_commands[c];

        k.why_not = adv_why_not(v->player, c);
        for (uint32_t i = 0; i < k.nfields; i++) {
                fields[i] = k.fields[i];
                adv_choices_find(v->player, c, i, &choices[i]);
                if (!fields[i].completed)
                        continue;
                for (uint32_t n = 0; k.effect == KIT_SHARED && n < choices[i].n; n++) {
                        choices[i].v[n].detail = choices[i].v[n].label;
                        choices[i].v[n].label = choices[i].v[n].value;
                }
                if (choices[i].n) {
                        fields[i].kind = KIT_FIELD_CHOICE;
                        fields[i].choices = choices[i].v;
                        fields[i].nchoices = choices[i].n;
                } else if (fields[i].required && !k.why_not) {
                        k.why_not = "there is nothing for it here";
                }
        }
        k.fields = fields;
        return k;
}

static void command_draw(struct adv_view *v, enum adv_pane p, enum adv_command c)
{
        struct kit_command_field fields[FIELDS];
        struct adv_choices choices[FIELDS];
        struct kit_command k = command_now(v, c, fields, choices);
        uint64_t h = mix_text(SEED, k.why_not ? k.why_not : "");
        ui_patch_payload_builder payload;
        capnp_question *q;

        for (uint32_t i = 0; i < k.nfields; i++)
                for (uint32_t n = 0; n < fields[i].nchoices; n++)
                        h = mix_text(mix_text(h + i, choices[i].v[n].value), choices[i].v[n].label);
        if (!is_news(&v->offered[c], h))
                return;
        q = patch_new(v, p, UI_PATCH_KIND_ADD_COMMAND, &payload);
        kit_command_write(&k, ui_patch_payload_init_command(payload).b);
        kit_pane_send(v->pane[p], q);
}

bool adv_view_draw(struct adv_view *v)
{
        static const struct {
                enum adv_pane pane;
                void (*draw)(struct adv_view *v);
        } draws[] = {{ADV_PANE_CARRIED, carried_draw},
                     {ADV_PANE_MAP, map_draw},
                     {ADV_PANE_MISSION, mission_draw},
                     {ADV_PANE_ROOM, room_draw},
                     {ADV_PANE_LOG, log_draw}};

        for (unsigned i = 0; i < OFFERS; i++)
                if (v->pane[offers[i].pane])
                        command_draw(v, offers[i].pane, offers[i].command);
        for (unsigned i = 0; i < sizeof(draws) / sizeof(*draws); i++)
                if (v->pane[draws[i].pane])
                        draws[i].draw(v);
        return !v->pane[ADV_PANE_LOG] || !adv_player_line(v->player, v->heard);
}
