/* Making the instance known to the user who starts it. */
#ifndef CAPOS_CAPOSD_PIN_H
#define CAPOS_CAPOSD_PIN_H

#include "place.h"

/*
 * Adds each TLS listener with its key to a file of known instances; what is there already stays as
 * it is. Waits for another process that is writing there. file: NULL: nothing is done. What fails
 * is a warning in the log.
 */
void pin_listeners(const struct place *p, const char *file, const uint8_t key_hash[32]);

#endif
