/* What the session is and what it was granted, as pages see it. */
#ifndef CAPOS_WEB_HOLDINGS_H
#define CAPOS_WEB_HOLDINGS_H

#include "bridge.h"

/* Says both to a tab, or with NULL to all. */
void holdings_tell(struct bridge *b, const struct bridge_tab *t);
/* … to who has asked, and to all others. */
void holdings_answer(struct bridge *b, struct asker a);
/* Asks the instance for both anew. */
void holdings_refresh(struct bridge *b, struct asker a);
/* Fetches the schemas of all that was granted, and says the bundle again with what they tell. Then
 * done is called. */
void holdings_learn(struct bridge *b, void (*done)(struct bridge *b));
/* From now on whatever changes of the bundle is said to all at once … */
void holdings_watch(struct bridge *b);
/* … and no more. */
void holdings_unwatch(struct bridge *b);
/* The sessions of the account. */
void holdings_sessions(struct bridge *b, struct asker a);
void holdings_end_session(struct bridge *b, struct asker a, capnp_text id);

#endif
