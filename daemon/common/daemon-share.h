/* What one may have of what many share. */
#ifndef CAPOS_DAEMON_SHARE_H
#define CAPOS_DAEMON_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Something of which there is so much, and who has how much of it. */
struct share {
        uint64_t limit; /* how much there is */
        uint64_t used;  /* … of which so much is taken, the asker's included … */
        uint32_t users; /* … by so many who have any, or want some: the asker is one of them */
        uint64_t own;   /* what the asker has */
};

/* Whether the asker may have n more. */
bool share_has(const struct share *s, uint64_t n);

#endif
