/* A call of a method that is known by its schema, from its parameters to its results. */
#ifndef CAPOS_CLI_CALL_H
#define CAPOS_CLI_CALL_H

#include "cli.h"

/* Calls a method of the capability that c->words[0] names and prints what it returns; with --watch,
 * then what its listeners are told. params: JSON, taken. typed: somebody has written it as it is.
 * An exit code. */
int call_method(struct cli *c, const struct capnp_method_info *m, char *params,
                bool typed) CAPNP_MUST_USE;
/* Prints what a call has returned. An exit code. */
int call_results_print(struct cli *c, const struct capnp_method_info *m,
                       capnp_question *q) CAPNP_MUST_USE;
/* Prints what a person reads of results that are there as JSON: texts that the schema says are all
 * that needs to be read. false: there is none. */
bool call_prose_print(const struct cli *c, const struct capnp_method_info *m, const char *json);
/* Says what is wrong with the parameters of one that could not be made. An exit code. */
int call_fault_fail(struct cli *c, int r, const struct capnp_fault *f) CAPNP_MUST_USE;

#endif
