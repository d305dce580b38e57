/* Eight things that an instance has to refuse, sent to it, and what came. */
#ifndef CAPOS_WEB_PROBES_H
#define CAPOS_WEB_PROBES_H

#include "bridge.h"

void probes_probe(struct bridge *b, struct asker a, enum web_up_probe which);
/* Ends those that are under way: the client goes. */
void probes_end(struct bridge *b);

#endif
