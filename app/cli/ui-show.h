/* What `capos ui` shows of a workspace, and how. */
#ifndef CAPOS_CLI_UI_SHOW_H
#define CAPOS_CLI_UI_SHOW_H

#include "cli.h"

#include <capos/ui.h>

enum { UI_TEXT_BYTES = 16 << 20 };

/* What a pane is called by. */
unsigned ui_show_number(const capos_ui_surface *s);
/* A whole pane: its title, its model, its commands; as text of so many columns, or as JSON. */
void ui_show_pane(const struct cli *c, const capos_ui_surface *s, unsigned columns);
/* What has changed of it. */
void ui_show_change(const struct cli *c, const capos_ui_surface *s,
                    const struct capos_ui_change *change, unsigned columns);
void ui_show_closed(const struct cli *c, const capos_ui_surface *s, enum capos_ui_close_reason why,
                    unsigned columns);
/* Lines of somebody's, moved in, and none longer than that. */
void ui_show_lines(const char *text, unsigned columns);
/* A question that a person is asked, in the frame: never a service's own words alone. */
void ui_show_prompt(const struct cli *c, const struct capos_ui_prompt *p, unsigned columns);
/* How a command has ended; results are printed as `capos call` does. */
/* The look that a service's panes have now; service: "": all of them. */
void ui_show_theme(const struct cli *c, const char *service, const struct capos_ui_theme *t,
                   unsigned columns);
void ui_show_ran(const struct cli *c, const struct capos_ui_ran *r, unsigned columns);

#endif
