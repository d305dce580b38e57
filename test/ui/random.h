/* Random patches against the panes of one service, and what has to hold after each. */
#ifndef CAPOS_TEST_UI_RANDOM_H
#define CAPOS_TEST_UI_RANDOM_H

#include "ui-patch.h"

/* Where chance comes from: bytes, until they end; or a number that is turned on without end. */
struct source {
        const uint8_t *p;
        size_t left;
        bool bytes;
        uint64_t state;
};

/* How many patches went which way. */
struct random_count {
        uint64_t taken, refused[UI_REFUSAL_PERSON + 1], over_quota, bad_message;
};

/* So many patches, or until the source ends. A fault is an abort() with a line on stderr. */
void random_patches(struct source *s, uint64_t patches, struct random_count *ret_count);

/* One message as it came, as a spec and as a patch against a pane of each kind. */
void random_message(const uint8_t *data, size_t size);

#endif
