/*
 * bench-server: the echo server of test/peers/bench.capnp on the Cap'n Proto C++ library.
 *
 * Why: "not slower than the C++ library" needs that library's numbers from the same machine and the
 * same run. This is the far end for every client that is measured, and it is itself measured with
 * the C++ client.
 *
 * Usage: bench-server unix:/path | HOST:PORT      (prints `ready` once it listens)
 */
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <stdio.h>

#include "bench.capnp.h"

namespace
{

class EchoImpl final : public Echo::Server
{
      public:
        kj::Promise<void> echo(EchoContext c) override
        {
                c.getResults().setX(c.getParams().getX());
                return kj::READY_NOW;
        }

        kj::Promise<void> self(SelfContext c) override
        {
                c.getResults().setCap(thisCap());
                return kj::READY_NOW;
        }

        kj::Promise<void> null(NullContext) override
        {
                return kj::READY_NOW;
        }

        kj::Promise<void> push(PushContext c) override
        {
                bytes += c.getParams().getX().size();
                return kj::READY_NOW;
        }

        kj::Promise<void> done(DoneContext c) override
        {
                c.getResults().setBytes(bytes);
                bytes = 0;
                return kj::READY_NOW;
        }

      private:
        uint64_t bytes = 0;
};

} // namespace

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: %s unix:/path | HOST:PORT\n", argv[0]);
                return 2;
        }

        auto io = kj::setupAsyncIo();
        capnp::TwoPartyServer server(kj::heap<EchoImpl>());
        auto addr = io.provider->getNetwork().parseAddress(argv[1]).wait(io.waitScope);
        auto listener = addr->listen();
        puts("ready");
        fflush(stdout);
        server.listen(*listener).wait(io.waitScope);
        return 0;
}
