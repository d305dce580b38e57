/*
 * A worker that has been taken over before its first byte: it is led by its own client, and holds
 * what every worker holds, the client's socket and the one to the session manager.
 */
#include "hijack.h"
#include "worker-serve.h"

int worker_serve(int client_fd, int sessiond_fd)
{
        hijack_serve(client_fd, sessiond_fd);
        return 0;
}
