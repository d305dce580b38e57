/* What a process of the bridge may still do. */
#ifndef CAPOS_WEB_CONFINE_H
#define CAPOS_WEB_CONFINE_H

#include <capos/capnp-base.h>

/* The front, when it listens: it reads and writes what it has, takes connections, and nothing else:
 * no file, no connection of its own, no process. 0, or -errno: then it must not go on. */
int confine_front(void) CAPNP_MUST_USE;
/* A browser's process: it connects and reads, but runs no program, and writes to no file outside of
 * a folder. folder: NULL: none. Where the kernel has no Landlock, the latter is left out. Likewise.
 */
int confine_session(const char *folder) CAPNP_MUST_USE;

#endif
