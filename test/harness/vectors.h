/* The vectors of doc/protocol/admission.md, for the tests of what they are of: each is a block of
 * lines `name: value`; what is long goes on in a further line of the same name. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vectors {
        const char *kind; /* "vector-signature": how its blocks begin */
        void *vector;     /* of size bytes: zero before each block */
        size_t size;
        void (*line)(void *vector, const char *line); /* without its newline */
        void (*check)(void *vector);                  /* at the end of each block */
};

/* How many blocks there were. */
static inline unsigned vectors_each(const struct vectors *v)
{
        const char *root = getenv("CAPOS_SRCDIR");
        char path[4096], line[2048];
        bool inside = false;
        unsigned n = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/doc/protocol/admission.md", root ? root : ".");
        f = fopen(path, "re");
        CHECK(f);
        while (fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (inside && strcmp(line, "```") != 0) {
                        v->line(v->vector, line);
                } else if (inside) {
                        v->check(v->vector);
                        inside = false;
                        n++;
                } else if (!strncmp(line, "```", 3) && !strcmp(line + 3, v->kind)) {
                        memset(v->vector, 0, v->size);
                        inside = true;
                }
        }
        fclose(f);
        return n;
}

/* Adds the bytes of a line of this name, in hexadecimal, to the *len that are there. */
static inline void vectors_hex(const char *line, const char *name, uint8_t *to, size_t room,
                               size_t *len)
{
        const size_t skip = strlen(name);
        unsigned byte;

        if (strncmp(line, name, skip) != 0)
                return;
        for (line += skip; sscanf(line, "%2x", &byte) == 1; line += 2) {
                CHECK(*len < room);
                to[(*len)++] = (uint8_t)byte;
        }
}

#endif
