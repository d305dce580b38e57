/* Streams to a server that knows nothing of the instance, for its connector. */
#ifndef CAPOS_CAPOSD_STREAMS_H
#define CAPOS_CAPOSD_STREAMS_H

#include "manifest-connect.h"
#include "program.h"

struct streams;

/* user: whose number a program gets. 0; CAPOSD_E_SAID: there is no such program; -errno. */
int streams_new(struct keeper *k, service_reader s, unsigned user,
                struct streams **ret) CAPNP_MUST_USE;
/* Ends every program that it has started, at once. NULL is fine; returns NULL. */
struct streams *streams_free(struct streams *s);
/* Answers a DIAL. false: the connector does not read what it asks for. */
bool streams_dial(struct streams *s, struct daemon_link *to) CAPNP_MUST_USE;
/* The file that says what is served, opened anew; -errno. */
int streams_schema(const struct streams *s);

#endif
