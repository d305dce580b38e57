/* Where in a manifest's text something is. */
#ifndef CAPOS_CAPOSD_MANIFEST_PLACE_H
#define CAPOS_CAPOSD_MANIFEST_PLACE_H

#include <capos/capnp.h>

struct manifest_place {
        unsigned line, column; /* from 1; the column in characters */
};

/* Where the value at a path as `profiles[2].bundle[0].name` begins. What the text leaves out is
 * where the innermost value around it that is there begins. text: one that has been parsed. */
struct manifest_place manifest_place(capnp_text text, const char *path);

#endif
