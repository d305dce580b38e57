/**
 * @file
 * Cap'n Proto for C: everything. See capnp-base.h (errors, limits), capnp-msg.h (messages),
 * capnp-rpc.h (calls and references), capnp-dynamic.h (by schema at run time: JSON, text) and
 * capnp-vat.h (sockets).
 */
#ifndef CAPOS_CAPNP_H
#define CAPOS_CAPNP_H

#include "capnp-base.h"
#include "capnp-dynamic.h"
#include "capnp-msg.h"
#include "capnp-rpc.h"
#include "capnp-vat.h"

#endif
