/* Errors in words, and the defaults of every limit. */
#ifndef CAPNP_BASE_ERROR_H
#define CAPNP_BASE_ERROR_H

#include <capos/capnp-base.h>

/*
 * Fills every 0 of *l (NULL: all) with its default, but for traversal: its default depends on the
 * size of the message it is for, so 0 stays 0 and capnp_i_msg_init_received() decides.
 */
struct capnp_limits capnp_i_limits(const struct capnp_limits *l);

#endif
