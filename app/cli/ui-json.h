/* What `capos ui` prints of a workspace as JSON, an object a line. */
#ifndef CAPOS_CLI_UI_JSON_H
#define CAPOS_CLI_UI_JSON_H

#include "cli.h"

#include <capos/ui.h>

/* The contract's word for a kind of pane. */
const char *ui_kind_word(unsigned kind);

/* Each returns how many bytes it has printed. Where a pane may not be shown, nothing that its
 * service says is in it. */

/* A whole pane; changes: how many that are, 0: it is not said. */
size_t ui_json_pane(const struct cli *c, const capos_ui_surface *s, const char *event, bool may,
                    uint32_t changes);
/* What one patch has changed. */
size_t ui_json_change(const struct cli *c, const capos_ui_surface *s,
                      const struct capos_ui_change *change);
size_t ui_json_closed(const struct cli *c, const capos_ui_surface *s, const char *why, bool may);
size_t ui_json_prompt(const struct cli *c, const struct capos_ui_prompt *p);
size_t ui_json_ran(const struct cli *c, const struct capos_ui_ran *r);
size_t ui_json_theme(const struct cli *c, const char *service, const struct capos_ui_theme *t);
size_t ui_json_ended(const struct cli *c, const char *service, const char *why);

#endif
