/* The files of the state folder, before they are opened. */
#ifndef SESSIOND_STATE_H
#define SESSIOND_STATE_H

#include <capos/capnp-base.h>

/*
 * Looks at what the folder dir has under the names of this process's files: each must be a regular
 * file with one name, ours alone. A mode that lets others in is set right, and the log says so;
 * what is something else is said, too. 0; -EPERM: there is something else; -errno.
 */
int state_check(int dir) CAPNP_MUST_USE;

#endif
