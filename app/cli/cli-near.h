/* The name that was probably meant. */
#ifndef CAPOS_CLI_NEAR_H
#define CAPOS_CLI_NEAR_H

#include <stddef.h>

/* A search: what was typed, and the nearest name so far. */
struct cli_near {
        const char *word;
        char name[64];    /* "": none is near */
        unsigned changes; /* letters to be changed to get there */
};

/* Offers one name. */
void cli_near_try(struct cli_near *n, const char *name);
/* " (did you mean `chat`?)", or nothing when no name is near. Returns to. */
const char *cli_near_text(const struct cli_near *n, char *to, size_t room);

#endif
