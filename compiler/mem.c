/*
 * Memory that is given back all at once.
 *
 * Names, paths and tables of one run live exactly as long as the run, so nothing frees them one by
 * one. Each piece is a block of its own in a list: a name is some tens of bytes and a schema has
 * some thousands of them, which is no reason to pool. A compiler without memory has nothing better
 * to do than to say so and stop, before it has written a file.
 */
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mem_block {
        struct mem_block *next;
        max_align_t data[];
};

void *mem_alloc(struct mem *m, size_t bytes)
{
        struct mem_block *b = NULL;

        if (bytes < SIZE_MAX - sizeof(*b))
                b = calloc(1, sizeof(*b) + bytes);
        if (!b) {
                fputs("capnpc-c: out of memory\n", stderr);
                exit(1);
        }

        b->next = m->last;
        m->last = b;
        return b->data;
}

char *mem_fmt(struct mem *m, const char *fmt, ...)
{
        va_list args;
        char *s;
        int n;

        va_start(args, fmt);
        n = vsnprintf(NULL, 0, fmt, args);
        va_end(args);

        s = mem_alloc(m, (size_t)n + 1);
        va_start(args, fmt);
        (void)vsnprintf(s, (size_t)n + 1, fmt, args);
        va_end(args);
        return s;
}

char *mem_dup(struct mem *m, const char *s, size_t n)
{
        char *copy = mem_alloc(m, n + 1);

        if (n)
                memcpy(copy, s, n);
        return copy;
}

void mem_deinit(struct mem *m)
{
        while (m->last) {
                struct mem_block *b = m->last;

                m->last = b->next;
                free(b);
        }
}
