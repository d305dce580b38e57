/*
 * Floats in decimal.
 *
 * The C library converts exactly, but in the locale of its caller, and a library must neither
 * change that nor depend on it: the functions that take a locale of their own are used, with "C",
 * which the C library keeps as a constant. Digits as the reference prints them: few, then many; one
 * more where that does not read back the same (the reference loses a bit there).
 */
#include "dynamic-float.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t float_locale(void)
{
        return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double float_read(const char *s, bool is_single, locale_t c)
{
        return is_single ? (double)strtof_l(s, NULL, c) : strtod_l(s, NULL, c);
}

/* 1e+10 is written 1e10. */
static void float_drop_plus(char *s)
{
        char *plus = strchr(s, '+');

        if (plus)
                memmove(plus, plus + 1, strlen(plus));
}

void dynamic_float_print(double v, bool is_single, char out[DYNAMIC_FLOAT_ROOM])
{
        static const int digits[2][3] = {{DBL_DIG, DBL_DIG + 2, DBL_DIG + 2},
                                         {FLT_DIG, FLT_DIG + 2, FLT_DIG + 3}};
        locale_t c = float_locale(), old;

        out[0] = 0;
        if (!c)
                return;

        old = uselocale(c);
        for (unsigned i = 0; i < 3; i++) {
                (void)snprintf(out, DYNAMIC_FLOAT_ROOM, "%.*g", digits[is_single][i], v);
                if (float_read(out, is_single, c) == v)
                        break;
        }

        uselocale(old);
        freelocale(c);
        float_drop_plus(out);
}

bool dynamic_float_parse(const char *p, size_t len, bool is_single, double *ret_v)
{
        char copy[1100]; /* the longest exact decimal of a double has 1,077 characters */
        locale_t c;

        if (len >= sizeof(copy))
                return false;

        c = float_locale();
        if (!c)
                return false;

        memcpy(copy, p, len);
        copy[len] = 0;
        *ret_v = float_read(copy, is_single, c);
        freelocale(c);
        return isfinite(*ret_v);
}
