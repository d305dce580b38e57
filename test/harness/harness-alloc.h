/* Between the runner and the allocation wrappers: what was allocated since, and where it failed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where the injected failure struck, as an address in the program; NULL before. */
void *test_alloc_failed_at(void);

/* Is told at the moment of the failure, while the process is still sound. */
extern void (*test_alloc_on_fail)(void *caller);

/* Starts remembering blocks; what was allocated earlier is not counted. */
void test_alloc_track(void);

struct test_alloc_block {
        void *p;
        void *caller;
        size_t size;
};

/* Stops remembering; gives up to max blocks still held, returns how many there are in all. */
size_t test_alloc_leaks(struct test_alloc_block *ret_blocks, size_t max);
