/* The objects of the RPC core, each with a header of its own, and what its files ask of each other.
 */
#ifndef CAPNP_RPC_INTERNAL_H
#define CAPNP_RPC_INTERNAL_H

#include "rpc-membrane.h"
#include "rpc-message.h"
#include "rpc-stream.h"

#endif
