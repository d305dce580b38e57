/* What the user's agents wait for, and what a person answers. For session.c. */
#ifndef CAPOS_WEB_AGENTS_H
#define CAPOS_WEB_AGENTS_H

#include "bridge.h"

/* 0; -ENOMEM. Without `--agents` there is nothing to look at, and nothing is ever said. */
int agents_new(struct bridge *b) CAPNP_MUST_USE;
void agents_free(struct bridge *b);
/* Looks for processes that are new, and asks all what waits there. Called every now and then. */
void agents_look(struct bridge *b);
/* Tells a tab that has come. */
void agents_tell(struct bridge *b, const struct bridge_tab *t);
/* A person's answer to one that waits. */
void agents_decide(struct bridge *b, struct asker a, web_up_decide_reader r);

#endif
