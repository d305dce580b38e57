/* The calls of Admission by which the owner of an account looks after its sessions. */
#ifndef SESSIOND_OWNER_H
#define SESSIOND_OWNER_H

#include <capos/capnp.h>

struct admission;

/* One for each call; each takes a. That it is legal now has been seen to. */
int owner_list(struct admission *ad, capnp_answer *a);
int owner_end(struct admission *ad, capnp_answer *a);

#endif
