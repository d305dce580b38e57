/*
 * conf-server: the reference server for test/peers/conf.capnp, on the Cap'n Proto C++ library.
 *
 * Why: a conformance test that only ever meets our own code proves that our code agrees with
 * itself. This server shares no line with the project; it is the far end for our client, and it
 * is also what the two drivers in this directory are checked against, so that a driver's
 * expectation is known to be one that the reference satisfies.
 *
 * Usage: conf-server unix:/path | HOST:PORT      (prints `ready` once it listens)
 *
 * Every connection gets the same Conf object, so a counter made on one connection is counted on
 * another, and a capability held for one is found by the other.
 */
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <stdio.h>

#include "conf-impl.h"

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: %s unix:/path | HOST:PORT\n", argv[0]);
                return 2;
        }

        auto io = kj::setupAsyncIo();
        capnp::TwoPartyServer server(conf_new(io.provider->getTimer()));
        auto addr = io.provider->getNetwork().parseAddress(argv[1]).wait(io.waitScope);
        auto listener = addr->listen();
        puts("ready");
        fflush(stdout);
        server.listen(*listener).wait(io.waitScope);
        return 0;
}
