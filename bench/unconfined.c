/*
 * unconfined: in the place of daemon/common/daemon-sandbox.c, for programs that run under a tool
 * which translates them. Never installed, and used by nothing but bench/instructions.
 */
#include "daemon-sandbox.h"

int daemon_sandbox(enum daemon_role role)
{
        (void)role;
        return 0;
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

bool daemon_sandbox_reports(void)
{
        return false;
}
