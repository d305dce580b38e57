/* The names that admission uses on the wire; they are public. */
#ifndef CAPOS_SESSION_NAMES_H
#define CAPOS_SESSION_NAMES_H

#include <capos/capos-names.h>

#endif
