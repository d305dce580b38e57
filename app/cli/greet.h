/* The first words with an instance. */
#ifndef CAPOS_CLI_GREET_H
#define CAPOS_CLI_GREET_H

#include "cli.h"
#include "session-address.h"

enum { GREET_ADDRESS = CAPOS_ADDRESS_WHERE + 8 };

/* Where an instance is. */
struct greet_place {
        struct capos_address at;
        char text[GREET_ADDRESS]; /* the address in its short form, as it was typed: for people */
};

/* Reads an address, where the port may be left out. An exit code. */
int greet_place_read(const struct cli *c, const char *word, struct greet_place *ret) CAPNP_MUST_USE;
/* Whether an address is this machine's own, as it is written. */
bool greet_is_here(const struct capos_address *a);
/* Connects anew, c->client: over the Unix socket of an instance of this machine where there is one.
 * 0, or what capos_client_new() says. */
int greet_connect(struct cli *c, const struct greet_place *p) CAPNP_MUST_USE;
/*
 * Connects to an instance and asks what ways to log in there are; c->client has them then. What
 * answers wrongly, or not at all, is told apart from an instance. An exit code.
 */
int greet(struct cli *c, const struct greet_place *p) CAPNP_MUST_USE;

#endif
