/* What a build with sanitizers must be allowed beyond what the code itself needs. */
#ifndef CAPOS_DAEMON_SANDBOX_BUILD_H
#define CAPOS_DAEMON_SANDBOX_BUILD_H

#include <stdbool.h>

struct sandbox_build {
        const int *calls;  /* system calls for every role, -1 at the end */
        bool reports;      /* it writes to standard error, and forks to look for leaks */
        bool wide_address; /* it reserves more address space than any limit leaves */
};

extern const struct sandbox_build sandbox_build;

#endif
