/* The account store as somebody sees it who only looks. */
#ifndef SESSIOND_STORE_LOOK_H
#define SESSIOND_STORE_LOOK_H

#include "store.h"

/*
 * Opens the store of a state folder for reading, whether its instance runs or not; nothing is
 * changed there. What needs no secret of the instance's works with it. dir: the folder, which
 * becomes the current one. 0; -EPROTO: it is of another version; -errno.
 */
int store_look(struct store *s, const char *dir) CAPNP_MUST_USE;

#endif
