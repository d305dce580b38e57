/* What a capability's interface is, for forms: methods, types, and what their author wrote. */
#ifndef CAPOS_WEB_SCHEMAS_H
#define CAPOS_WEB_SCHEMAS_H

#include "bridge.h"

/* name: a capability's of the bundle. */
void schemas_answer(struct bridge *b, struct asker a, capnp_text name);

#endif
