/* The workspace: what services compose, told to tabs, and what people do with it. */
#ifndef CAPOS_WEB_PANES_H
#define CAPOS_WEB_PANES_H

#include "bridge.h"

/* Makes one for the session that has begun; what can compose is offered as its consent says, or as
 * it was when panes_drop() ended the one before. */
void panes_begin(struct bridge *b);
/* Ends it, and with it every offer, because the line has dropped. */
void panes_drop(struct bridge *b);
/* … for good: also after panes_drop(). */
void panes_end(struct bridge *b);
/* All that there is, to a tab that is new. */
void panes_tell(struct bridge *b, const struct bridge_tab *t);

void panes_offer(struct bridge *b, struct asker a, capnp_text service);
void panes_withdraw(struct bridge *b, struct asker a, capnp_text service);
void panes_act(struct bridge *b, struct asker a, web_up_act_reader r);
void panes_run(struct bridge *b, struct asker a, web_up_run_reader r);
void panes_confirm(struct bridge *b, struct asker a, web_up_confirm_reader r);
void panes_reset(struct bridge *b, struct asker a);
void panes_size(struct bridge *b, struct asker a, web_up_size_reader r);
/* What the person's system is set to. Light or dark is not among it: it always is one of both, and
 * a service may wish for the other. */
void panes_seen(struct bridge *b, struct asker a, web_up_theme_reader r);
void panes_consent(struct bridge *b, struct asker a, web_up_consent_reader r);

#endif
