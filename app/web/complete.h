/* What a field of a command may be, as its service says while a person types. */
#ifndef CAPOS_WEB_COMPLETE_H
#define CAPOS_WEB_COMPLETE_H

#include "bridge.h"

void complete_ask(struct bridge *b, struct asker a, web_up_complete_reader r);

#endif
