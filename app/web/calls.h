/* Calls of capabilities, and what they return that can be called in its turn. */
#ifndef CAPOS_WEB_CALLS_H
#define CAPOS_WEB_CALLS_H

#include "bridge.h"

int calls_new(struct bridge *b) CAPNP_MUST_USE;
void calls_free(struct bridge *b);
/* A session has begun: keeps a reference to it, though nobody may call it, to be called when it is
 * over. */
void calls_begin(struct bridge *b);
/* Lets go of everything that came of a session: another begins. */
void calls_clear(struct bridge *b);

/* Tells a tab that comes what is held, and what was called and heard lately. */
void calls_tell(struct bridge *b, const struct bridge_tab *t);
void calls_call(struct bridge *b, struct asker a, web_up_call_reader r);
void calls_cancel(struct bridge *b, struct asker a, uint32_t id);
void calls_forget(struct bridge *b, struct asker a, uint32_t handle);

#endif
