/* Errors of our own making. */
#ifndef CAPOS_CLIENT_ERROR_H
#define CAPOS_CLIENT_ERROR_H

#include <capos/capos-client.h>

/* Fills in *e (may be NULL) and returns code. */
int client_fail(struct capos_error *e, int code, const char *fmt, ...) CAPNP_PRINTF(3, 4);

#endif
