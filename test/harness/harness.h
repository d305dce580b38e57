/*
 * The test runner. A test file is a list of TEST(name) { ... }; main() comes from here.
 *
 * Each TEST runs in a child of its own, with a deadline. After its body the child must hold no
 * descriptor and no running child process more than before. Output of a test is shown only when it
 * fails.
 *
 *     test-x                     run all
 *     test-x name...             run these
 *     test-x --list              print the names
 *     test-x --verbose           show all output, and a line for each test
 *     test-x --no-fork name      in this process and without a deadline: for gdb and valgrind
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct test {
        const char *name;
        const char *file;
        int line;
        unsigned timeout_s;
        bool torture;
        void (*run)(void);
        struct test *next;
};

#define TEST_ENTRY(n_, seconds_, torture_)                                \
        static void TEST_##n_(void);                                      \
        __attribute__((constructor)) static void TEST_register_##n_(void) \
        {                                                                 \
                static struct test entry;                                 \
                                                                          \
                entry.name = #n_;                                         \
                entry.file = __FILE__;                                    \
                entry.line = __LINE__;                                    \
                entry.timeout_s = (seconds_);                             \
                entry.torture = (torture_);                               \
                entry.run = TEST_##n_;                                    \
                test_register(&entry);                                    \
        }                                                                 \
        static void TEST_##n_(void)

/* A test with 30 seconds, or with as many as it says. */
#define TEST(name)            TEST_ENTRY(name, 30, false)
#define TEST_T(name, seconds) TEST_ENTRY(name, seconds, false)

/*
 * Runs its body again and again, each time in a new child: first with all memory there is, then
 * with the first allocation failing, the second, and so on, until a run ends without having met its
 * failure. In each run the body may see -ENOMEM; it may not crash, hang, or leak memory that it or
 * the libraries under test allocated. The deadline is for one run.
 */
#define TORTURE(name)            TEST_ENTRY(name, 30, true)
#define TORTURE_T(name, seconds) TEST_ENTRY(name, seconds, true)

/* Returns from a TORTURE body if r says that the injected failure was met; else r must be 0. */
#define TORTURE_OK(r_)                                           \
        do {                                                     \
                int test_r_ = (r_);                              \
                                                                 \
                if (test_r_ == -12 && test_alloc_failed())       \
                        return;                                  \
                test_check_ok(__FILE__, __LINE__, #r_, test_r_); \
        } while (0)

/* Every check that fails ends the test at once. First what was found, then what was expected. */
#define CHECK(cond_)                                                           \
        do {                                                                   \
                if (!(cond_))                                                  \
                        test_fail(__FILE__, __LINE__, "not true: %s", #cond_); \
        } while (0)

/* Two integers of any type, compared as 64 bits. */
#define CHECK_EQ(a_, b_) \
        test_check_eq(__FILE__, __LINE__, #a_ " == " #b_, (int64_t)(a_), (int64_t)(b_))

/* Two strings; NULL equals NULL only. */
#define CHECK_STR(a_, b_) test_check_str(__FILE__, __LINE__, #a_ " == " #b_, (a_), (b_))

/* Two blocks of len bytes. */
#define CHECK_MEM(a_, b_, len_) \
        test_check_mem(__FILE__, __LINE__, #a_ " == " #b_, (a_), (b_), (len_))

/* A return code that must be 0; says which errno it is when it is not. */
#define CHECK_OK(r_) test_check_ok(__FILE__, __LINE__, #r_, (r_))

void test_register(struct test *t);

/* Ends the test as failed; may be called from a child process of the test, too. */
__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                               const char *fmt, ...);

/* Ends the test as neither passed nor failed; the reason is always shown. */
__attribute__((noreturn)) void test_skip(const char *why);

void test_check_eq(const char *file, int line, const char *what, int64_t a, int64_t b);
void test_check_str(const char *file, int line, const char *what, const char *a, const char *b);
void test_check_ok(const char *file, int line, const char *what, int r);
void test_check_mem(const char *file, int line, const char *what, const void *a, const void *b,
                    size_t len);

/* The n-th allocation from now (1 is the next) fails; 0 means none. */
void test_fail_alloc_at(uint64_t n);

/* Whether the failure asked for has happened. */
bool test_alloc_failed(void);

/* How many allocations were tried since the last test_fail_alloc_at(). */
uint64_t test_alloc_count(void);

#ifdef __cplusplus
}
#endif
