/* Files of the fuzzers' corpora, for the tests of what they fuzz. */
#ifndef PROVER_TEST_CORPUS_H
#define PROVER_TEST_CORPUS_H

#include "harness.h"

#include <capos/capnp-base.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One file, which fits into room. */
static inline capnp_data corpus_read(const char *folder, const char *name, uint8_t *to, size_t room)
{
        const char *root = getenv("CAPOS_SRCDIR");
        char path[1024];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "%s/fuzz/corpus/%s/%s", root ? root : ".", folder, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        n = read(fd, to, room);
        CHECK(n > 0);
        close(fd);
        return (capnp_data){to, (uint32_t)n};
}

#endif
