/* Places for what waits for a person. */
#ifndef SESSIOND_PATIENCE_H
#define SESSIOND_PATIENCE_H

#include "base-list.h"

enum {
        PATIENCE_PLACES = 64,  /* in all … */
        PATIENCE_OF_PARTY = 8, /* … and of one user or address */
};

/* Embedded in what waits. */
struct patient {
        struct capnp_i_list link;   /* among all of them, oldest first; alone: it does not wait */
        const char *party, *source; /* borrowed: whose it is, and where from */
};

/* It does not wait. */
void patience_init(struct patient *p);
/* Takes a place, whether or not there is one. Texts are borrowed while it waits. */
void patience_add(struct capnp_i_list *all, struct patient *p, const char *party,
                  const char *source);
/* Gives its place back, if it has one. */
void patience_remove(struct patient *p);
/* While more wait than may: who gives way. NULL: all is well. */
struct patient *patience_excess(const struct capnp_i_list *all);

#endif
