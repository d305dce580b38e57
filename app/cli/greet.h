/* The first words with an instance. */
#ifndef CAPOS_CLI_GREET_H
#define CAPOS_CLI_GREET_H

#include "cli.h"

enum { GREET_ADDRESS = 256 };

/* HOST:PORT, where the port may be left out. false: it does not fit. */
bool greet_address(const char *word, char *to, size_t room);
/* Connects anew, c->client: over the Unix socket of an instance of this machine where there is one.
 * 0, or what capos_client_new() says. */
int greet_connect(struct cli *c, const char *address) CAPNP_MUST_USE;
/*
 * Connects to an address and asks what ways to log in there are; c->client has them then. What
 * answers wrongly, or not at all, is told apart from an instance. An exit code.
 */
int greet(struct cli *c, const char *address) CAPNP_MUST_USE;

#endif
