/*
 * A gateway that is taken over by who comes from one address. Until then it is the real one: it is
 * linked with getpeername() replaced, which it calls for each connection.
 */
#include "hijack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "daemon-link.h"
#include "daemon-packets.h"

int __real_getpeername(int fd, struct sockaddr *a, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *len);

int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *len)
{
        const struct sockaddr_in *in = (const void *)a;
        int r = __real_getpeername(fd, a, len);

        if (r || a->sa_family != AF_INET || in->sin_addr.s_addr != inet_addr("127.0.66.66"))
                return r;

        /* What is told along with the link is how large a packet has to be. */
        hijack_serve(fd, LINK_FD | (int)sizeof(struct packet) << 8);
        errno = ECONNRESET;
        return -1;
}
