/*
 * Tests of which each is bad in the one way its name says; test-harness.c reads what the runner
 * says about them.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(fine)
{
        CHECK(true);
        CHECK_EQ(UINT64_MAX, UINT64_MAX);
        CHECK_STR(NULL, NULL);
        CHECK_MEM("", "", 0);
}

TEST(skips)
{
        test_skip("not today");
}

TEST(check)
{
        CHECK(1 == 2);
}

TEST(check_eq)
{
        CHECK_EQ(1 + 1, 3);
}

TEST(check_str)
{
        CHECK_STR("a", NULL);
}

TEST(check_mem)
{
        CHECK_MEM("0123456789", "012345678a", 10);
}

TEST(check_ok)
{
        CHECK_OK(-ENOENT);
}

TEST(crash)
{
        raise(SIGSEGV);
}

TEST_T(hang, 1)
{
        for (;;)
                pause();
}

TEST(fd_left)
{
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST_T(child_left, 5)
{
        if (!fork()) {
                execlp("sleep", "sleep", "60", NULL);
                _exit(1);
        }
}

TEST(check_in_child)
{
        int status = 0;
        pid_t pid;

        pid = fork();
        if (!pid)
                CHECK(false);
        waitpid(pid, &status, 0);
        CHECK_EQ(status, 0);
}

TEST(exits)
{
        exit(3);
}

/* Three allocations, all given back however far it came. */
TORTURE(torture_fine)
{
        char *a, *b = NULL, *c = NULL;

        a = malloc(10);
        if (a)
                b = calloc(1, 10);
        if (b)
                c = strdup("c");
        free(c);
        free(b);
        free(a);
}

TORTURE(torture_leak)
{
        char *a, *b;

        a = malloc(10);
        if (!a)
                return;
        b = malloc(20);
        if (!b)
                return;
        free(b);
        free(a);
}

TORTURE(torture_leak_always)
{
        char *volatile a = malloc(10);

        (void)a;
}

TORTURE(torture_crash)
{
        char *volatile a, *volatile b;

        a = malloc(10);
        if (!a)
                return;
        b = malloc(20);
        *b = 1;
        free(b);
        free(a);
}

TORTURE_T(torture_hang, 1)
{
        char *volatile a = malloc(10);

        while (!a)
                pause();
        free(a);
}
