/* The Unix socket of an instance of this machine. */
#ifndef CAPOS_CLIENT_LOCAL_H
#define CAPOS_CLIENT_LOCAL_H

#include <stddef.h>

enum { CLIENT_LOCAL_ADDRESS = 160 };

/* Where to connect for an address: `localhost:PORT` is an instance's Unix socket where that serves.
 * Written to `to` then; else it is the address itself. */
const char *client_local_address(const char *address, char *to, size_t room);

#endif
