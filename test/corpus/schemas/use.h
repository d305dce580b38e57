/* The parts of the program that all of the corpus is linked into. */
#ifndef USE_H
#define USE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A macro, so that a message names the line. */
#define check(ok) \
        ((ok) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #ok), exit(1)))

#ifdef __cplusplus
extern "C" {
#endif

void use_words(void);
void use_nested(void);
void use_left(void);
void use_right(void);
void use_enums(void);

#ifdef __cplusplus
}
#endif

#endif
