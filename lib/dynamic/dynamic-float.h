/* Floats in decimal: the shortest that reads back the same, and never in the words of a locale. */
#ifndef CAPNP_DYNAMIC_FLOAT_H
#define CAPNP_DYNAMIC_FLOAT_H

#include <stdbool.h>
#include <stddef.h>

enum { DYNAMIC_FLOAT_ROOM = 40 };

/* Finite numbers only. is_single: the value came from a Float32. */
void dynamic_float_print(double v, bool is_single, char out[DYNAMIC_FLOAT_ROOM]);
/* Reads a decimal number that was checked to be one. False: it is too long, or no float is near. */
bool dynamic_float_parse(const char *p, size_t len, bool is_single, double *ret_v);

#endif
