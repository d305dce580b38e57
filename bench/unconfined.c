/*
 * unconfined: in the place of daemon-sandbox.c and daemon-filter.c of daemon/common, for programs
 * that run under a tool which translates them. Never installed, and used by nothing but
 * bench/instructions and bench/connector.
 */
#include "daemon-filter.h"

#include <fcntl.h>

int daemon_filter_make(enum daemon_role role, struct daemon_filter *ret_f)
{
        (void)role;
        *ret_f = (struct daemon_filter){0};
        return 0;
}

void daemon_filter_deinit(struct daemon_filter *f)
{
        (void)f;
}

int daemon_filter_enter(struct daemon_filter *f)
{
        (void)f;
        return 0;
}

int daemon_sandbox(enum daemon_role role)
{
        (void)role;
        return 0;
}

int daemon_sandbox_with(enum daemon_role role, struct daemon_filter *f)
{
        (void)f;
        return daemon_sandbox(role);
}

int daemon_sandbox_parent(pid_t parent)
{
        (void)parent;
        return 0;
}

int daemon_sandbox_fds(unsigned max)
{
        (void)max;
        return 0;
}

int daemon_check_fds(const int *allowed, unsigned n, int *ret_fd)
{
        (void)allowed;
        (void)n;
        (void)ret_fd;
        return 0;
}

bool daemon_fd_is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

bool daemon_sandbox_reports(void)
{
        return false;
}
