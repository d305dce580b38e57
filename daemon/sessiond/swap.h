/* Another manifest, while the instance runs. */
#ifndef SESSIOND_SWAP_H
#define SESSIOND_SWAP_H

#include "daemon-packets.h"

#include <capos/capnp-base.h>

struct next;
struct sessiond;

/* NEXT: reads it, beside the present one; NEXT_READ tells caposd how it went. fds are taken. */
void swap_read(struct sessiond *s, const struct packet *p, const int *fds);
/* NEXT_SERVICE: one that the next manifest has, and the present one not, or not so. fd is taken. */
void swap_service(struct sessiond *s, uint32_t index, int fd);
/* NEXT_CHECK: NEXT_CHECKED tells what was found. */
void swap_check(struct sessiond *s, uint32_t index);
/* SWAP: it is the manifest now. 0; -errno: this process cannot go on. */
int swap_do(struct sessiond *s) CAPNP_MUST_USE;
/* DROP: nothing has been. NULL does nothing. */
void swap_drop(struct sessiond *s);

#endif
