/*
 * The process that starts others for the window, which cannot: what it started would be as far from
 * any network as it is itself (confine.h).
 */
#ifndef CAPOS_DESKTOP_HELPER_H
#define CAPOS_DESKTOP_HELPER_H

#include <capos/capnp-base.h>

struct helper_options {
        const char *const *session; /* options of the session's, NULL behind the last */
        const char *port;           /* of the page for a browser; NULL: the usual */
        const char *opener;         /* opens pages in a browser; NULL: nothing does */
};

/* Forks it, before there are threads. fd: what the others take. 0, or -errno. */
int helper_new(const struct helper_options *o, int *ret_fd) CAPNP_MUST_USE;
/*
 * A window's session (capos-web). sockets: by which its tabs come (packets.h); starts: the other
 * end of what helper_browser() is given. Both are closed. 0, or -errno.
 */
int helper_session(int fd, int sockets, int starts) CAPNP_MUST_USE;
/* A front, and a browser that enters by it; what was started before ends. starts stays the
 * caller's; life: it is closed when the front has ended. 0, or -errno. */
int helper_browser(int fd, int starts, int life) CAPNP_MUST_USE;
/* Ends the front, if there is one. */
void helper_browser_end(int fd);
/* Opens an address in a browser. 0, or -errno; -ENAMETOOLONG. */
int helper_link(int fd, const char *url) CAPNP_MUST_USE;

#endif
