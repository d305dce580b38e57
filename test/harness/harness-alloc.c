/*
 * malloc and its kin as the code under test sees them.
 *
 * The linker sends every call of the program and of the static libraries here (--wrap). Two things
 * happen on the way: the n-th call can be made to fail, and while a TORTURE body runs, each block
 * is remembered until it is freed. Shared libraries keep calling the real functions, so that
 * neither libc nor a crypto library is made to fail: their blocks, when our code frees them, are
 * simply unknown here. This works the same under AddressSanitizer, which sits below.
 */
#include "harness-alloc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define TABLE_SIZE (1u << 17)
#define GONE       ((void *)-1)

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void __real_free(void *p);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_posix_memalign(void **ret_p, size_t align, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_posix_memalign(void **ret_p, size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

void (*test_alloc_on_fail)(void *caller);

/* A test program may have threads (a foreign server, say); one lock for all of this. */
static volatile bool locked;
static uint64_t tried;
static uint64_t fail_at;
static void *failed_at;
static bool tracking;
static bool overflow;
static size_t used;
static struct test_alloc_block table[TABLE_SIZE];

static void lock(void)
{
        while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE))
                ;
}

static void unlock(void)
{
        __atomic_clear(&locked, __ATOMIC_RELEASE);
}

void test_fail_alloc_at(uint64_t n)
{
        lock();
        tried = 0;
        fail_at = n;
        failed_at = NULL;
        unlock();
}

bool test_alloc_failed(void)
{
        return failed_at;
}

void *test_alloc_failed_at(void)
{
        return failed_at;
}

uint64_t test_alloc_count(void)
{
        return tried;
}

static bool must_fail(void *caller)
{
        bool fail;

        lock();
        fail = ++tried == fail_at;
        if (fail)
                failed_at = caller;
        unlock();

        if (fail && test_alloc_on_fail)
                test_alloc_on_fail(caller);
        if (fail)
                errno = ENOMEM;
        return fail;
}

static size_t slot_of(const void *p)
{
        return ((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 47;
}

static void track(void *p, size_t size, void *caller)
{
        size_t i;

        if (!tracking || !p)
                return;

        lock();
        if (used >= TABLE_SIZE / 2) {
                overflow = true;
                unlock();
                return;
        }
        for (i = slot_of(p); table[i].p && table[i].p != GONE; i = (i + 1) % TABLE_SIZE)
                ;
        used += !table[i].p;
        table[i] = (struct test_alloc_block){.p = p, .caller = caller, .size = size};
        unlock();
}

static void untrack(const void *p)
{
        size_t i;

        if (!tracking || !p)
                return;

        lock();
        for (i = slot_of(p); table[i].p; i = (i + 1) % TABLE_SIZE)
                if (table[i].p == p) {
                        table[i].p = GONE;
                        break;
                }
        unlock();
}

void test_alloc_track(void)
{
        memset(table, 0, sizeof(table));
        used = 0;
        overflow = false;
        tracking = true;
}

size_t test_alloc_leaks(struct test_alloc_block *ret_blocks, size_t max)
{
        size_t i, n = 0;

        tracking = false;
        if (overflow)
                return 0;

        for (i = 0; i < TABLE_SIZE; i++) {
                if (!table[i].p || table[i].p == GONE)
                        continue;
                if (n < max)
                        ret_blocks[n] = table[i];
                n++;
        }
        return n;
}

void *__wrap_malloc(size_t size)
{
        void *p;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        p = __real_malloc(size);
        track(p, size, __builtin_return_address(0));
        return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
        void *p;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        p = __real_calloc(n, size);
        track(p, n * size, __builtin_return_address(0));
        return p;
}

void *__wrap_realloc(void *p, size_t size)
{
        void *q;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        untrack(p);
        q = __real_realloc(p, size);
        track(q, size, __builtin_return_address(0));
        return q;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
        void *q;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        untrack(p);
        q = __real_reallocarray(p, n, size);
        track(q, n * size, __builtin_return_address(0));
        return q;
}

void __wrap_free(void *p)
{
        untrack(p);
        __real_free(p);
}

char *__wrap_strdup(const char *s)
{
        char *p;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        p = __real_strdup(s);
        track(p, strlen(s) + 1, __builtin_return_address(0));
        return p;
}

char *__wrap_strndup(const char *s, size_t n)
{
        char *p;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        p = __real_strndup(s, n);
        track(p, p ? strlen(p) + 1 : 0, __builtin_return_address(0));
        return p;
}

int __wrap_posix_memalign(void **ret_p, size_t align, size_t size)
{
        int r;

        if (must_fail(__builtin_return_address(0)))
                return ENOMEM;
        r = __real_posix_memalign(ret_p, align, size);
        if (!r)
                track(*ret_p, size, __builtin_return_address(0));
        return r;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
        void *p;

        if (must_fail(__builtin_return_address(0)))
                return NULL;
        p = __real_aligned_alloc(align, size);
        track(p, size, __builtin_return_address(0));
        return p;
}
