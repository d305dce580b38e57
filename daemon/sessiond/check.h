/* Whether a service is what the manifest says of it: asked by caposd while the instance starts. */
#ifndef SESSIOND_CHECK_H
#define SESSIOND_CHECK_H

#include <stdint.h>

struct sessiond;

/* Looks at a service; the answer goes to caposd as a packet CHECKED, after 10 seconds at most. */
void check_start(struct sessiond *s, uint32_t index);
/* Gives up all that are under way. */
void checks_deinit(struct sessiond *s);

#endif
