/* Whom a connection is counted under. */
#ifndef CAPOS_DAEMON_SOURCE_H
#define CAPOS_DAEMON_SOURCE_H

#include "daemon-packets.h"
#include "io-address.h"

enum { SOURCE_TEXT = 80 }; /* room for any source as text, with its NUL */

/* The source of a peer at an address, when nothing else is known of it. */
struct source source_of_address(const struct capos_io_address *a);
/* The source of a user of this machine. a: where it has connected from; NULL: by a Unix socket. */
struct source source_of_uid(uid_t uid, const struct capos_io_address *a);
/* Whether two are the same source. */
bool source_equal(const struct source *a, const struct source *b);
/* Whether the same party is behind two sources: a user may have many loopback addresses. */
bool source_same_party(const struct source *a, const struct source *b);
/* `uid:1000`, `uid:1000@127.0.0.7`, `192.0.2.7`, `2001:db8::/64`; `unknown`. */
void source_print(const struct source *s, char text[static SOURCE_TEXT]);
/* An address and its port, as people know it: of IPv4 also where an IPv6 socket has it. */
void source_print_address(const struct capos_io_address *a,
                          char text[static CAPOS_IO_ADDRESS_TEXT]);
/* Whether an address is of the machine's loopback network. */
bool source_is_loopback(const struct capos_io_address *a);
/* Whether an address is that of a listener for all of a machine's: 0.0.0.0 or ::. */
bool source_is_any(const struct capos_io_address *a);

#endif
