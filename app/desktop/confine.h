/* What the window may not do, nor what it starts: WebKit's processes. */
#ifndef CAPOS_DESKTOP_CONFINE_H
#define CAPOS_DESKTOP_CONFINE_H

#include <capos/capnp-base.h>

/*
 * From here on no process of this one's makes a socket that leads out of the machine, or to another
 * service of it but by a path: the kernel refuses. For all threads, and for good. 0, or -errno.
 */
int confine_window(void) CAPNP_MUST_USE;

#endif
