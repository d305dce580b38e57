/* A second of a thousand players of Paperclips. */
#ifndef CAPOS_BENCH_CLIPS_H
#define CAPOS_BENCH_CLIPS_H

#include <stdint.h>

/* So many seconds of all of them. */
void bench_clips(uint64_t count);

#endif
