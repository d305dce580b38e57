/* What has been accepted of one surface: all that a front end draws of it. Who serves the surface
 * (ui-surface.h) has one of these in it. */
#ifndef CAPOS_UI_PANE_H
#define CAPOS_UI_PANE_H

#include "ui-ledger.h"
#include "ui-model.h"
#include "ui-spec.h"

struct ui_pane {
        uint8_t id[UI_ID_BYTES];
        uint8_t id_len;
        enum ui_surface_kind kind;
        enum ui_safety_class safety_class;
        struct ui_block *spec; /* UiSurfaceSpec: title and summary, as they are now */
        struct ui_model *model;
        struct ui_block *layout;    /* UiLayoutHint; NULL: no wish */
        struct ui_block *theme;     /* UiThemeHint; NULL: no wish */
        uint64_t layout_expires_ms; /* 0: never; the same for the theme */
        uint64_t theme_expires_ms;
        struct ui_block **commands; /* Command, in the order they came */
        uint32_t ncommands;
        uint64_t revision; /* patches that were accepted */
        bool pinned;       /* set by a person: layout hints are refused */
        struct ui_account account;
};

/* Opens one: decode, text, spec, quota. 0: ret_p is the caller's; CAPNP_E_EXCEPTION; -ENOMEM. */
int ui_pane_new(struct ui_ledger *l, ui_surface_spec_reader spec, uint64_t now_ms,
                struct ui_pane **ret_p, struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Also gives back what it held of its ledger. */
struct ui_pane *ui_pane_free(struct ui_pane *p);

/* What all of it costs, counted anew: p->account.bytes. */
uint64_t ui_pane_bytes(const struct ui_pane *p);

/* Title and summary; its layout is that of ui_pane_layout(). */
ui_surface_spec_reader ui_pane_spec(const struct ui_pane *p);
/* All defaults when there is no wish. */
ui_layout_hint_reader ui_pane_layout(const struct ui_pane *p);
ui_theme_hint_reader ui_pane_theme(const struct ui_pane *p);
command_reader ui_pane_command(const struct ui_pane *p, uint32_t i);
/* The place of a command; UINT32_MAX: there is none. */
uint32_t ui_pane_find_command(const struct ui_pane *p, capnp_text id);

/* Takes back hints whose time is over; the UI_CHANGED_… of what changed. */
unsigned ui_pane_tick(struct ui_pane *p, uint64_t now_ms);
/* The soonest of these times; 0: there is none. */
uint64_t ui_pane_next_ms(const struct ui_pane *p);

#endif
