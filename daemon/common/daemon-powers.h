/* What the kernel grants a process beyond its list of calls: capabilities, and files by path. */
#ifndef CAPOS_DAEMON_POWERS_H
#define CAPOS_DAEMON_POWERS_H

#include <capos/capnp-base.h>

/* What caposd keeps when it runs as the superuser: finding a program wherever it lies. */
enum { POWERS_NONE = 0, POWERS_FIND_PROGRAMS = 1u << 1 | 1u << 2 };

/*
 * Gives up every capability but these (bits by CAP_…), for good and also for programs that are
 * started later: effective, permitted, inheritable, ambient and bounding. Costs nothing where there
 * is none. 0, or -errno.
 */
int daemon_powers_drop(uint64_t keep) CAPNP_MUST_USE;

/*
 * Confines what this process can reach by a path to what lies beneath a folder, as far as the
 * kernel has Landlock; where it has it, signals to processes outside and TCP ports are out of
 * reach, too. Needs no_new_privs. dir_fd: -1: nothing is within reach. 0: done, or this kernel
 * cannot; -errno.
 */
int daemon_powers_paths(int dir_fd) CAPNP_MUST_USE;

/* The same for who connects to hosts: within reach are the files that hosts are looked up in, to be
 * read, and ports to connect to. */
int daemon_powers_dial(void) CAPNP_MUST_USE;

#endif
