/* The names that admission uses on the wire; they are public. */
#ifndef CAPOS_SESSION_NAMES_H
#define CAPOS_SESSION_NAMES_H

#include <capos/capnp-rpc.h>
#include <capos/capos-names.h>

enum { CAPOS_REFUSAL_BYTES = 256 };

#define CAPOS_I_DENIED "denied." /* the code of every denial begins with it */

/* What there can be too much of (doc/protocol/admission.md, Refusals). */
enum capos_i_quota {
        CAPOS_I_QUOTA_FLOWS,
        CAPOS_I_QUOTA_SESSIONS,
        CAPOS_I_QUOTA_PROOFS,
        CAPOS_I_QUOTA_CALLS,
        CAPOS_I_QUOTA_REFERENCES,
        CAPOS_I_QUOTA_BYTES,
        CAPOS_I_QUOTA_MEMORY,
        CAPOS_I_QUOTA_SOCKETS,
        CAPOS_I_QUOTA_DISK,
        CAPOS_I_QUOTA_REPORTS,
        CAPOS_I_QUOTA_UI_OFFERS,
        CAPOS_I_QUOTA_UI_PATCHES,
        CAPOS_I_QUOTA_UI_PATCH,
        CAPOS_I_QUOTA_UI_TRAFFIC,
        CAPOS_I_QUOTA_UI_REFERENCES,
        CAPOS_I_QUOTA_UI_POLLS,
        CAPOS_I_QUOTAS
};

/* "over-quota.flows" … Static. */
const char *capos_i_quota_code(enum capos_i_quota q);

/*
 * Writes the text of a refusal as all of them are on the wire: its code, and for a person `: ` and
 * more. code: capos_denial_code() or capos_i_quota_code(). detail: NULL or "": the code alone. What
 * does not fit is cut off. Returns out.
 */
const char *capos_i_refusal(char out[CAPOS_REFUSAL_BYTES], const char *code, const char *detail);

/* The codes that a service's own words come behind, and a host's to a service, so that neither can
 * forge a denial. */
#define CAPOS_I_SERVICE "service"
#define CAPOS_I_HOST    "host"
/* Writes somebody else's words behind such a code, as struct capnp_membrane_ops.reason does: once
 * is enough, however often they cross; what could act on a terminal is a question mark. */
void capos_i_mark(char *out, const char *code, const char *words);
/* Whether a text has this code: it alone, or it, `: ` and more. */
bool capos_i_refusal_has(const char *text, const char *code);

/* Fail a call with a refusal. detail: NULL or "": the code alone. Return what capnp_answer_fail()
 * does. */
int capos_i_deny(capnp_answer *a, enum capos_denial d, const char *detail);
int capos_i_over_quota(capnp_answer *a, enum capos_i_quota q, const char *detail);

/* Fails a call for want of memory, and says so by the code for that. Returns what
 * capnp_answer_fail() does. */
int capos_i_refuse_no_memory(capnp_answer *a);

#endif
