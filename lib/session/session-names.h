/* The names that admission uses on the wire; they are public. */
#ifndef CAPOS_SESSION_NAMES_H
#define CAPOS_SESSION_NAMES_H

#include <capos/capnp-rpc.h>
#include <capos/capos-names.h>

enum { CAPOS_REFUSAL_BYTES = 256 };

/*
 * Writes the text of a refusal as all of them are on the wire: its code, and for a person `: ` and
 * more. code: capos_denial_code(), or "over-quota.…". detail: NULL or "": the code alone. What does
 * not fit is cut off. Returns out.
 */
const char *capos_i_refusal(char out[CAPOS_REFUSAL_BYTES], const char *code, const char *detail);

/* Fails a call for want of memory, and says so by the code for that. Returns what
 * capnp_answer_fail() does. */
int capos_i_refuse_no_memory(capnp_answer *a);

#endif
