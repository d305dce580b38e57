// The other end of test-fds: an unmodified vat of the C++ library on descriptor 3. It serves an
// object that says what is in the file of the reference it is given, or calls such an object.
//
// usage: fds-peer serve | call
//
// There is no schema: the parameters are a struct of two pointers (data, a capability), the result
// is a struct of one (data).

#include <capnp/any.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>
#include <kj/async-unix.h>
#include <kj/debug.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

constexpr uint64_t INTERFACE = 0x517e;
constexpr uint MOST_FDS = 4;

char readOf(int fd)
{
        char what = '?';

        return pread(fd, &what, 1, 0) == 1 ? what : '-';
}

int fileOf(char what)
{
        char name[] = "/tmp/test-fds-XXXXXX";
        int fd = mkstemp(name);

        KJ_ASSERT(fd >= 0 && write(fd, &what, 1) == 1);
        unlink(name);
        return fd;
}

class Look final : public capnp::Capability::Server {
public:
        DispatchCallResult dispatchCall(
                uint64_t, uint16_t,
                capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override
        {
                auto params = context.getParams().getAs<capnp::AnyStruct>();
                auto cap = params.getPointerSection()[1].getAs<capnp::Capability>();

                return {cap.getFd()
                                .then([context, cap](kj::Maybe<int> fd) mutable {
                                        char what = '-';

                                        KJ_IF_MAYBE(f, fd) { what = readOf(*f); }
                                        auto results =
                                                context.getResults().initAsAnyStruct(0, 1);
                                        results.getPointerSection()[0].setAs<capnp::Data>(
                                                kj::arrayPtr((kj::byte *)&what, 1));
                                })
                                .eagerlyEvaluate(nullptr),
                        false};
        }
};

class File final : public capnp::Capability::Server {
public:
        explicit File(int file) : fd(file) {}

        DispatchCallResult dispatchCall(
                uint64_t, uint16_t,
                capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>) override
        {
                return {KJ_EXCEPTION(UNIMPLEMENTED, "nothing to call"), false};
        }

        kj::Maybe<int> getFd() override
        {
                return fd.get();
        }

private:
        kj::AutoCloseFd fd;
};

class Nothing final : public capnp::Capability::Server {
        DispatchCallResult dispatchCall(
                uint64_t, uint16_t,
                capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>) override
        {
                return {KJ_EXCEPTION(UNIMPLEMENTED, "nothing to call"), false};
        }
};

using Reply = capnp::RemotePromise<capnp::AnyPointer>;

Reply ask(capnp::Capability::Client to, char what, size_t bytes)
{
        auto request = to.typelessRequest(INTERFACE, 0, nullptr);
        auto params = request.initAsAnyStruct(0, 2);
        std::string fill(bytes, 'x');

        params.getPointerSection()[0].setAs<capnp::Data>(
                kj::arrayPtr((const kj::byte *)fill.data(), fill.size()));
        if (what == '-')
                params.getPointerSection()[1].setAs<capnp::Capability>(
                        capnp::Capability::Client(kj::heap<Nothing>()));
        else
                params.getPointerSection()[1].setAs<capnp::Capability>(
                        capnp::Capability::Client(kj::heap<File>(fileOf(what))));
        return request.send();
}

void check(capnp::Capability::Client to, const std::string &files, const std::vector<size_t> &bytes,
           kj::WaitScope &scope)
{
        std::vector<Reply> replies;
        std::string got;

        for (size_t i = 0; i < files.size(); i++)
                replies.push_back(ask(to, files[i], i < bytes.size() ? bytes[i] : 0));
        for (auto &reply : replies) {
                auto response = reply.wait(scope);
                auto data = response.getAs<capnp::AnyStruct>().getPointerSection()[0].getAs<
                        capnp::Data>();

                got += (char)data[0];
        }
        KJ_ASSERT(got == files, got.c_str(), files.c_str(), bytes[0]);
}

void callAll(capnp::Capability::Client to, kj::WaitScope &scope)
{
        for (size_t size : {0, 8 << 10, 36 << 10, 37 << 10, 40000, 64 << 10, 1 << 20})
                for (const char *files : {"A", "AB", "A-", "-A", "ABC", "A-B", "--AB", "A---BC"}) {
                        check(to, files, {size}, scope);
                        check(to, files, {size, size, size, size, size, size}, scope);
                        check(to, files, {0, 0, size}, scope);
                }
}

} // namespace

int main(int argc, char **argv)
{
        auto io = kj::setupAsyncIo();
        auto stream = io.lowLevelProvider->wrapUnixSocketFd(kj::AutoCloseFd(3));
        bool serves = argc > 1 && strcmp(argv[1], "serve") == 0;
        capnp::TwoPartyVatNetwork network(*stream, MOST_FDS,
                                          serves ? capnp::rpc::twoparty::Side::SERVER
                                                 : capnp::rpc::twoparty::Side::CLIENT);

        if (serves) {
                auto system = capnp::makeRpcServer(
                        network, capnp::Capability::Client(kj::heap<Look>()));
                network.onDisconnect().wait(io.waitScope);
                return 0;
        }

        auto system = capnp::makeRpcClient(network);
        capnp::MallocMessageBuilder message(8);
        auto side = message.initRoot<capnp::rpc::twoparty::VatId>();

        side.setSide(capnp::rpc::twoparty::Side::SERVER);
        callAll(system.bootstrap(side), io.waitScope);
        return 0;
}
