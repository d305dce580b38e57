/* Names of tools. */
#ifndef CAPOS_MCP_NAME_H
#define CAPOS_MCP_NAME_H

#include <capos/capnp-dynamic.h>

enum { MCP_NAME_BYTES = 48 }; /* of a name: clients put a prefix before it, and models stop at 64 */

/*
 * The name of a method's tool: `OWNER__METHOD` over letters, digits, _ and -; owner is a capability
 * or an interface. What is too long, and with hashed any, ends with six digits of a hash of what it
 * stands for.
 */
void mcp_name_make(const char *owner, const struct capnp_method_info *m, bool hashed,
                   char to[static MCP_NAME_BYTES + 1]);

#endif
