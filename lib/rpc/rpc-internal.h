/* The objects of the RPC core, each with a header of its own. See rpc-call.c for the plot. */
#ifndef CAPNP_RPC_INTERNAL_H
#define CAPNP_RPC_INTERNAL_H

#include "rpc-membrane.h"
#include "rpc-message.h"
#include "rpc-stream.h"

#endif
