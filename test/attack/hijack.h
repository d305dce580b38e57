/* A process that has been taken over, led from outside. */
#ifndef ATTACK_HIJACK_H
#define ATTACK_HIJACK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Does what comes over a socket until it ends: system calls with any arguments, and reading and
 * writing a piece of memory that they can point to. other: a descriptor that is told to who leads.
 */
void hijack_serve(int fd, int other);
/* Puts up to 64 bytes of what the process knows where who leads begins to look. */
void hijack_show(const void *p, size_t len);
/* One system call: seven words, number and arguments. Its result, or -errno. */
int64_t hijack_call(const uint64_t words[7]);

#endif
