/* The loop of a vat with sockets, for our own programs that have more to watch than a vat can. */
#ifndef CAPNP_VAT_LOOP_H
#define CAPNP_VAT_LOOP_H

#include "io-loop.h"

#include <capos/capnp-vat.h>

/*
 * The loop that capnp_vat_run() runs. Borrowed, and good as long as the vat is; what is added to it
 * is taken out of it before the vat is freed. v: not a bare vat. Costs nothing. (`used`: the core
 * as one piece keeps what it does not show.)
 */
struct capos_io_loop *capnp_i_vat_io_loop(capnp_vat *v) __attribute__((used));

#endif
