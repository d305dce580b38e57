/*
 * sendmsg(), but for a shortage that a test makes: of places for descriptors on their way, of which
 * all processes of a user have so many together (ETOOMANYREFS). To be included by one source of a
 * program.
 */
#ifndef CAPOS_HARNESS_SHORTAGE_H
#define CAPOS_HARNESS_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool shortage;
static unsigned tries; /* to send descriptors while it lasts */

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
        if (shortage && m->msg_controllen) {
                tries++;
                errno = ETOOMANYREFS;
                return -1;
        }
        return syscall(SYS_sendmsg, fd, m, flags);
}

#endif
