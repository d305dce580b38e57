/* The calls of Admission about what a session has. */
#ifndef SESSIOND_BUNDLE_H
#define SESSIOND_BUNDLE_H

#include <capos/capnp.h>

struct admission;

/* One for each call; each takes a. That it is legal now has been seen to. */
int bundle_open(struct admission *ad, capnp_answer *a);
int bundle_schema(struct admission *ad, capnp_answer *a);
int bundle_report(struct admission *ad, capnp_answer *a);

#endif
