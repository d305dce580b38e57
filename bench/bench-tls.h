/* A connection with TLS between two vats of one process, for benchmarks. */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <capos/capnp-vat.h>

/* Serves an object to the other vat. ret: what the client has of it. Ends the program if it cannot.
 */
void bench_tls_join(capnp_vat *server, capnp_cap *served, capnp_vat *client, capnp_cap **ret);

#endif
