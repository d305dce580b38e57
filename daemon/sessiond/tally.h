/* What a worker says of the calls that its client has made. */
#ifndef SESSIOND_TALLY_H
#define SESSIOND_TALLY_H

#include "session.h"

enum { TALLY_WINDOW = 64 }; /* rows of a worker at a time */

/* Of a connection: whose calls they are, also when the session is over; and how many rows it has
 * used up of those that it has. */
struct tallied {
        char session[2 * SESSION_ID_BYTES + 1]; /* "": there was none */
        char account[STORE_NAME_BYTES + 1], profile[64];
        bool each;     /* each call is a row … */
        bool was_each; /* … or was, and the worker may have some of those left */
        uint64_t used, at_ms;
};

struct admission;

/* A session begins, or is raised. */
void tally_begin(struct tallied *t, const struct session *e);
/* Its worker hears of what its profile is now. */
void tally_follow(struct tallied *t, const struct session *e);
/* Admission.tally. Takes a. */
int tally_calls(struct admission *ad, capnp_answer *a);

#endif
