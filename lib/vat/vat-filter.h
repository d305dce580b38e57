/* A connection's filter (capnp_conn_set_filter()), as the other files of this layer use it. */
#ifndef CAPNP_VAT_FILTER_H
#define CAPNP_VAT_FILTER_H

#include "vat-internal.h"

/* One read of what was kept or of the socket, and what the filter makes of it. 1: there may be
 * more; 0: not now; -errno: the connection is of no more use. */
int capnp_i_filter_read(capnp_conn *c) CAPNP_MUST_USE;
/* One turn of the filter and one write. As stream_write_once() of vat-stream.c. */
int capnp_i_filter_write(capnp_conn *c, size_t *ret_bytes) CAPNP_MUST_USE;
/* Bytes that the socket will not tell of again: they are read before anything else is. */
bool capnp_i_filter_is_full(const capnp_conn *c);
/* Nothing is left that the socket has not taken. */
bool capnp_i_filter_is_drained(const capnp_conn *c);
/* Frees the filter of a connection that ends; a connection without one is fine. */
void capnp_i_filter_free(capnp_conn *c);

#endif
