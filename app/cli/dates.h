/* What of an instance ends at a time that somebody should know before. */
#ifndef CAPOS_CLI_DATES_H
#define CAPOS_CLI_DATES_H

#include "admin.h"

#include <jansson.h>

/* Of a status: a line for each date that comes near, and for each identity provider that does not
 * answer, begun by a newline. How many. */
unsigned dates_warn(capnp_question *status);
/* Adds all of them to an object. */
void dates_json(json_t *to, capnp_question *status);

#endif
