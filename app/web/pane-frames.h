/* Panes as frames: no state, no decision. */
#ifndef CAPOS_WEB_PANE_FRAMES_H
#define CAPOS_WEB_PANE_FRAMES_H

#include "bridge.h"

/* model: with all that it shows and its commands; else only what stands around that. */
void pane_write(const capos_ui_surface *s, bool model, web_down_pane_builder to);
/* What of it a change has made new. */
void pane_change_write(const capos_ui_surface *s, const struct capos_ui_change *c,
                       web_down_change_builder to);
void pane_commands_write(const capos_ui_surface *s, web_down_commands_builder to);
void pane_layout_write(const struct capos_ui_layout *l, web_down_layout_builder to);
void pane_prompt_write(const struct capos_ui_prompt *p, web_down_prompt_builder to);
void pane_theme_write(const struct capos_ui_theme *t, ui_theme_hint_builder to);

#endif
