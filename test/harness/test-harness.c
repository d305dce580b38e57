/*
 * The runner tested by itself: runs bad-tests, in which each test is bad in one way, and reads what
 * is said about it.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char output[65536];

/* Runs one test of bad-tests; its output is in `output` after, and its exit code is returned. */
static int run_bad(const char *name)
{
        char command[512];
        size_t n;
        FILE *p;

        CHECK(getenv("CAPOS_BAD_TESTS"));
        snprintf(command, sizeof(command), "CAPOS_TEST_COUNTS= exec '%s' %s 2>&1",
                 getenv("CAPOS_BAD_TESTS"), name);
        p = popen(command, "re");
        CHECK(p);
        n = fread(output, 1, sizeof(output) - 1, p);
        output[n] = '\0';
        return pclose(p) >> 8;
}

static void expect(const char *name, const char *text)
{
        CHECK_EQ(run_bad(name), 1);
        if (!strstr(output, text))
                test_fail(__FILE__, __LINE__, "%s: no '%s' in: %s", name, text, output);
        CHECK(strstr(output, "bad-tests: 0 passed, 1 failed\n"));
}

TEST(each_bad_test_is_reported)
{
        expect("check", "not true: 1 == 2");
        expect("check_eq", "1 + 1 == 3: 2 (0x2) is not 3 (0x3)");
        expect("check_str", "found    \"a\"\n        expected NULL");
        expect("check_mem", "byte 9 of 10 differs");
        expect("check_ok", "-ENOENT: -2 (No such file or directory)");
        expect("crash", "not ok crash (");
        expect("hang", "no end after 4 s");
        expect("fd_left", "was left open: /dev/null");
        expect("child_left", "(sleep) was left running");
        expect("check_in_child", "in a child process of the test");
        expect("exits", "not ok exits");
}

TEST(each_bad_torture_is_reported)
{
        expect("torture_leak", "with allocation 2 failing");
        CHECK(strstr(output, "10 bytes leaked, allocated in TEST_torture_leak"));
        expect("torture_crash", "with allocation 2 failing");
        CHECK(strstr(output, "that is in TEST_torture_crash"));
        expect("torture_leak_always", "1 blocks leaked");
        expect("torture_hang", "no end after 4 s");
}

TEST(good_ones_pass)
{
        CHECK_EQ(run_bad("fine torture_fine"), 0);
        CHECK(strstr(output, "bad-tests: 2 passed, 0 failed\n"));
        CHECK_EQ(run_bad("skips"), 0);
        CHECK(strstr(output, "skipped skips: not today\n"));
        CHECK(strstr(output, "bad-tests: 0 passed, 0 failed, 1 skipped\n"));
        CHECK_EQ(run_bad("--verbose torture_fine"), 0);
        CHECK(strstr(output, "ok torture_fine (3 allocations)\n"));
}

TEST(options_are_checked)
{
        CHECK_EQ(run_bad("--what"), 2);
        CHECK_EQ(run_bad("no_such_test"), 2);
        CHECK_EQ(run_bad("--list"), 0);
        CHECK(strstr(output, "torture_fine\n"));
}

TEST(every_wrapper_can_fail)
{
        void *p = NULL, *q;

        for (unsigned n = 1; n <= 8; n++) {
                unsigned failed = 0;

                test_fail_alloc_at(n);
                failed += !(p = malloc(8));
                free(p);
                failed += !(p = calloc(2, 8));
                free(p);
                failed += !(p = realloc(NULL, 8));
                free(p);
                failed += !(p = reallocarray(NULL, 2, 8));
                free(p);
                failed += !(p = strdup("text"));
                free(p);
                failed += !(p = strndup("text", 2));
                free(p);
                q = NULL;
                failed += !!posix_memalign(&q, 64, 64);
                free(q);
                failed += !(p = aligned_alloc(64, 64));
                free(p);
                CHECK_EQ(failed, 1);
                CHECK(test_alloc_failed());
                CHECK_EQ(test_alloc_count(), 8);
        }
        test_fail_alloc_at(0);
        CHECK(!test_alloc_failed());
}

TEST(a_failed_realloc_keeps_the_block)
{
        char *p, *q;

        p = malloc(8);
        CHECK(p);
        test_fail_alloc_at(1);
        q = realloc(p, 16);
        CHECK(!q);
        CHECK_EQ(errno, ENOMEM);
        free(p);
}
