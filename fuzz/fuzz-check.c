/*
 * What a check of the test runner (harness.h) does in a fuzzer that uses helpers of tests: it
 * aborts, which the fuzzer notices.
 */
#include "harness.h"

#include <stdarg.h>
#include <stdlib.h>

void test_fail(const char *file, int line, const char *fmt, ...)
{
        va_list ap;

        fprintf(stderr, "%s:%d: ", file, line);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        abort();
}

void test_check_eq(const char *file, int line, const char *what, int64_t a, int64_t b)
{
        if (a != b)
                test_fail(file, line, "%s: %lld is not %lld", what, (long long)a, (long long)b);
}

void test_check_ok(const char *file, int line, const char *what, int r)
{
        if (r)
                test_fail(file, line, "%s: %d", what, r);
}
