/*
 * An ordinary build: nothing beyond what the code needs.
 */
#include "daemon-sandbox-build.h"

static const int CALLS[] = {-1};

const struct sandbox_build sandbox_build = {.calls = CALLS};
