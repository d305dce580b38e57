/*
 * The Unix socket of an instance of this machine.
 *
 * An instance that listens at a TCP port has a Unix socket beside it, named by that port
 * (daemon/caposd/listen.c). Over it, the two sides know from the kernel who the other is: a client
 * is not led to another user's listener, and the instance can tell its users apart. So to `capos`,
 * and to its bridge, `localhost` means that socket where there is one. `127.0.0.1` and all other
 * addresses mean TCP.
 *
 * Only root and the user himself can have put one where it is looked for; whether it is them who
 * listen there is asked of the kernel all the same.
 */
#include "client-local.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool socket_serves(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        struct ucred who;
        socklen_t len = sizeof(who);
        bool serves;
        int fd;

        if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= (int)sizeof(a.sun_path))
                return false;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return false;

        serves = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
                 (who.uid == 0 || who.uid == geteuid());
        (void)close(fd);
        return serves;
}

const char *client_local_address(const char *address, char *to, size_t room)
{
        static const char host[] = "localhost:";
        const char *folders[] = {secure_getenv("XDG_RUNTIME_DIR"), "/run"};
        const char *port = address + sizeof(host) - 1;

        if (strncmp(address, host, sizeof(host) - 1) != 0 || !*port ||
            port[strspn(port, "0123456789")])
                return address;

        for (unsigned i = 0; i < 2; i++) {
                int n;

                if (!folders[i] || folders[i][0] != '/')
                        continue;
                n = snprintf(to, room, "unix:%s/capos/instance-%s.sock", folders[i], port);
                if (n > 0 && (size_t)n < room && socket_serves(to + sizeof("unix:") - 1))
                        return to;
        }
        return address;
}
