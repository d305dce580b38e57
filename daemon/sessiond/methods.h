/* The ways of logging in: which there are, and what is told of them before anybody has. */
#ifndef SESSIOND_METHODS_H
#define SESSIOND_METHODS_H

#include "method.h"

#include "admission.capnp-c.h"

/* The method of a kind; NULL: this version has none, or there is no such kind. */
const struct method *method_of_kind(unsigned kind);
/* The kind that a proof of a renewal is of: of a method that takes proofs. */
enum capos_auth method_of_proof(capnp_data proof);
/* Whether a way in without an account, which is open, is for who comes from there. */
bool method_entry_is_near(const struct origin *o, const struct method *m);
/* Whether somebody can log in by proofs of this kind, where he comes from. */
bool method_takes_proofs(const struct origin *o, unsigned kind);
/* Why nobody can log in by this kind, where he comes from; "": one can. */
const char *method_off(const struct origin *o, unsigned kind);
/* Whether service accounts log in by it, or people do. */
bool method_is_for(const struct method_ops *m, bool service);

/* Admission.methods. Takes a. */
int methods_tell(const struct origin *o, capnp_answer *a);

#endif
