/*
 * Preloaded into a program under test: the n-th allocation of one of its processes fails, when a
 * test says so in a file that both have mapped. It stands before all that a process is made of,
 * the libraries as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* Three numbers: whose; how many until then, 0: none; how many have failed. */
static volatile long *told;

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("CAPOS_FAIL_MALLOC");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *at = fd < 0 ? MAP_FAILED
                          : mmap(NULL, 3 * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (at != MAP_FAILED)
                told = at;
        if (fd >= 0)
                (void)close(fd);
}

static bool fails(void)
{
        if (!told || !told[1] || told[0] != getpid() || --told[1])
                return false;
        told[2]++;
        errno = ENOMEM;
        return true;
}

void *malloc(size_t size)
{
        return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
        return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
        return fails() ? NULL : __libc_realloc(p, size);
}
