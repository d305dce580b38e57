/* What a player sees, and what he can do: for his calls, for his commands and for his panes. */
#ifndef CAPOS_ADV_SCENE_H
#define CAPOS_ADV_SCENE_H

#include "adv-hall.h"

#include "adventure.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include <capos/kit-commands.h>

/* The commands, in the order of adv_commands[]. */
enum adv_command {
        ADV_CMD_LOOK,
        ADV_CMD_GO,
        ADV_CMD_TAKE,
        ADV_CMD_DROP,
        ADV_CMD_INSPECT,
        ADV_CMD_USE,
        ADV_CMD_TALK,
        ADV_CMD_SAY,
        ADV_CMD_LINES,
        ADV_CMD_AGAIN,
        ADV_CMD_START_OVER,
        ADV_COMMANDS
};

enum { ADV_CHOICES = 48, ADV_PAGE = 8 }; /* of a field, of a page: what is more is left out */
enum { ADV_PAGE_BYTES = 2 * ADV_TOLD_BYTES };

/* What a field may be now. */
struct adv_choices {
        uint32_t n;
        struct kit_choice v[ADV_CHOICES];
        char labels[ADV_CHOICES][64];
};

/* Where somebody is, as paragraphs. */
struct adv_page {
        uint32_t n;
        struct {
                enum ui_paragraph_style style;
                enum ui_tone tone;
                char text[ADV_TOLD_BYTES];
        } v[ADV_PAGE];
};

extern const struct kit_command adv_commands[ADV_COMMANDS];

/* Why a command cannot be run now; NULL: it can. */
const char *adv_why_not(const struct adv_player *p, enum adv_command c);
/* The choices for a field of a command, by its place. */
void adv_choices_find(const struct adv_player *p, enum adv_command c, uint32_t field,
                      struct adv_choices *ret);
/* What a room is and has in it, for a person. */
void adv_page_fill(const struct adv_player *p, struct adv_page *ret);
/* The same in one text. */
void adv_page_tell(const struct adv_player *p, char ret[static ADV_PAGE_BYTES]);
void adv_scene_write(const struct adv_player *p, adventure_scene_builder b);
/* `#adv-` and the room's key. */
void adv_channel_name(const struct adv_room *room, char ret[static 32]);

#endif
