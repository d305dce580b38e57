/* What time it is: for people, and for deadlines. */
#ifndef SESSIOND_CLOCK_H
#define SESSIOND_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970: to be shown, never to be waited for. */
static inline uint64_t clock_wall_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Milliseconds since the machine started, its sleep included. */
static inline uint64_t clock_boot_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#endif
