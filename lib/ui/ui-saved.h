/* What a person has chosen about services and their panes, and what of it may be kept. */
#ifndef CAPOS_UI_SAVED_H
#define CAPOS_UI_SAVED_H

#include <capos/ui.h>

#include "base-list.h"
#include "ui-prompt.h"
#include "ui-spec.h"

enum {
        UI_SAVED_SERVICES = 64,
        UI_SAVED_PANES = 256, /* of all services */
        UI_SAVED_NAME = 64,
        UI_SAVED_TAB = 64,
};

/* UiLayoutHint. */
struct ui_hint {
        unsigned place;
        uint32_t weight, min_columns, min_rows;
        int32_t order;
        bool collapsed;
        char tab[UI_SAVED_TAB + 1];
};

struct ui_saved_pane {
        struct capnp_i_list link;
        uint8_t id[UI_ID_BYTES];
        uint8_t id_len;
        struct ui_hint hint;
        bool placed;   /* hint counts: a person has moved it, or had it kept */
        bool pinned;   /* likewise, and stays */
        bool closed;   /* by a person */
        bool personal; /* is never written */
        uint64_t chosen;
};

struct ui_saved_service {
        struct capnp_i_list link;
        char name[UI_SAVED_NAME + 1];
        enum capos_ui_consent consent;
        struct capos_ui_theme theme;
        struct capnp_i_list panes;
        struct ui_prompt_meter meter; /* of this session; is never written, nor are the next two */
        uint64_t lent_ms;             /* when it was lent something last */
        unsigned again;               /* so often without a word, since one lasted */
        uint64_t consent_chosen, theme_chosen;
};

/* Each choice has a number. Those behind `kept` are nowhere but here. */
struct ui_saved {
        struct capnp_i_list services;
        struct capos_ui_theme theme; /* of the workspace */
        unsigned nservices, npanes;
        uint64_t choices; /* so many were made … */
        uint64_t stored;  /* … when they were written … */
        uint64_t kept;    /* … and when that was known to be kept */
        uint64_t reset;   /* the number of the last reset */
};

void ui_saved_init(struct ui_saved *s);
void ui_saved_deinit(struct ui_saved *s);
/* Moves all of it to where nothing is yet; from is as after deinit. */
void ui_saved_move(struct ui_saved *to, struct ui_saved *from);
/* Forgets all but consents. */
void ui_saved_reset(struct ui_saved *s);

/* NULL: nothing is known of it. */
struct ui_saved_service *ui_saved_find(const struct ui_saved *s, const char *name);
/* Whether a service may show panes; one of which nothing is known has to ask. */
enum capos_ui_consent ui_saved_consent(const struct ui_saved *s, const char *name);
struct ui_saved_pane *ui_saved_find_pane(const struct ui_saved *s, const char *name, capnp_data id);
/* As they are, or new ones. 0; CAPNP_E_LIMIT: there are too many; -ENOMEM. */
int ui_saved_get(struct ui_saved *s, const char *name,
                 struct ui_saved_service **ret_s) CAPNP_MUST_USE;
int ui_saved_get_pane(struct ui_saved *s, const char *name, capnp_data id,
                      struct ui_saved_pane **ret_p) CAPNP_MUST_USE;

struct ui_hint ui_hint_of(ui_layout_hint_reader r);
struct capos_ui_theme ui_theme_of(ui_theme_hint_reader r);
bool ui_themes_are_equal(const struct capos_ui_theme *a, const struct capos_ui_theme *b);
/* What b wishes, else what a does. */
struct capos_ui_theme ui_theme_over(struct capos_ui_theme a, struct capos_ui_theme b);
/* A wish, as far as what the person's system is set to lets it. */
struct capos_ui_theme ui_theme_bound(struct capos_ui_theme wish, const struct capos_ui_theme *user);

/* What is kept now. Of what was known, only choices that are nowhere but here stay. */
int ui_saved_load(struct ui_saved *s, ui_saved_reader r) CAPNP_MUST_USE;
void ui_saved_store(struct ui_saved *s, ui_saved_builder to);

#endif
