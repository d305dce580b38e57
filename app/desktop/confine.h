/* What the window may not do, nor what it starts: WebKit's processes. */
#ifndef CAPOS_DESKTOP_CONFINE_H
#define CAPOS_DESKTOP_CONFINE_H

#include <capos/capnp-base.h>

/*
 * From here on no process of this one's makes a socket that leads out of the machine, or to another
 * service of it but by a path: the kernel refuses. For all threads, and for good. 0, or -errno.
 */
int confine_window(void) CAPNP_MUST_USE;
/*
 * Whether a sandbox can be made as WebKit makes one for the page's process (bubblewrap). Where it
 * cannot, WebKit ends this process in the midst of its work; so it is asked before, and after
 * confine_window(), which takes from programs what they could gain.
 */
bool confine_can_sandbox(void);

#endif
