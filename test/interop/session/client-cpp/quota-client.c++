/*
 * quota-client: fills the quotas of a session, as test/e2e/quotas-cpp.py tells it on standard
 * input, with the Cap'n Proto C++ library and nothing of ours but schema/ (and Conf of test/peers,
 * which the service there serves). What came of each command is a line of JSON.
 *
 *     password NAME PASSWORD      logs in
 *     get NAME INTERFACE          a capability of the bundle: what the calls below are made on
 *     use                         {quota: [limit, used, most]}, as the session says of itself
 *     hang N BYTES CAPS           N calls that never return, with BYTES of data and CAPS references
 *                                 to objects of this client's each
 *     refused                     the calls that have been refused: their codes
 *     sets N                      N references to objects of the session
 *     let-go N                    of the last N of either, or of fewer if there are not so many
 *     call METHOD BYTES           a call with so much data, to its return
 *     nest METHOD DEPTH           a call, whose parameters have structs in structs
 *     voids METHOD N              a call, with a list of N times nothing
 *     inward N                    has the service call this client N times at once …
 *     answer                      … which answers now: what came of it
 *     number METHOD               a call, and the number that it returns
 *     logout
 *
 * Usage: quota-client HOST:PORT
 */
#include <capnp/any.h>
#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include <deque>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "conf.capnp.h"
#include "remote_session.capnp.h"
#include "user_session.capnp.h"

using namespace capos;

namespace
{

constexpr int WAIT_S = 60;
constexpr uint16_t HANG = 16;

std::string quoted(const std::string &text)
{
        std::string all = "\"";

        for (char c : text)
                all += (c == '"' || c == '\\' || (unsigned char)c < 0x20) ? '?' : c;
        return all + "\"";
}

/* What an exception says, whatever the libraries on the way put before it. */
std::string reason_of(const kj::Exception &e)
{
        static const std::string prefix = "remote exception: ";
        std::string text = e.getDescription().cStr();

        while (text.compare(0, prefix.size(), prefix) == 0)
                text.erase(0, prefix.size());
        return text;
}

const char *kind_of(const kj::Exception &e)
{
        static const char *const kinds[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};

        return kinds[(int)e.getType()];
}

std::string refusal(const kj::Exception &e)
{
        std::string text = reason_of(e);

        return "{\"refused\": " + quoted(text.substr(0, text.find_first_of(" :"))) +
               ", \"kind\": " + quoted(kind_of(e)) + ", \"reason\": " + quoted(text) + "}";
}

/* An object of ours. */
class Own final : public Callback::Server
{
};

/* One that answers when it is told to, and from then on at once. */
class Waiting final : public Callback::Server
{
      public:
        explicit Waiting(kj::Promise<void> told) : told(told.fork())
        {
        }

      protected:
        kj::Promise<void> call(CallContext) override
        {
                return told.addBranch();
        }

      private:
        kj::ForkedPromise<void> told;
};

/* A call that is not waited for, and how it has ended. */
struct Open {
        bool ended = false;
        std::string said;
        kj::Own<kj::Promise<void>> result;
};

class Client
{
      public:
        explicit Client(const char *address)
            : io(kj::setupAsyncIo()),
              stream(wait(wait(io.provider->getNetwork().parseAddress(address))->connect())),
              rpc(*stream), gateway(rpc.bootstrap().castAs<RemoteSessionGateway>()),
              session(nullptr), service(nullptr)
        {
        }

        std::string run(const std::vector<std::string> &words);

      private:
        template <typename T> T wait(kj::Promise<T> &&p)
        {
                auto late = io.provider->getTimer().afterDelay(WAIT_S * kj::SECONDS);

                return p.exclusiveJoin(late.then([]() -> kj::Promise<T> {
                                return KJ_EXCEPTION(FAILED, "nothing came within a minute");
                        }))
                        .wait(io.waitScope);
        }

        using Request = capnp::Request<capnp::AnyPointer, capnp::AnyPointer>;

        Request request(uint16_t method)
        {
                return service.typelessRequest(interface, method, nullptr);
        }
        std::string password(const std::string &name, const std::string &secret);
        std::string use();
        void hang(unsigned n, unsigned bytes, unsigned references);
        void let_go(unsigned n);
        std::string refused();
        void nest(uint16_t method, unsigned depth);
        void voids(uint16_t method, unsigned n);
        void inward(unsigned n);
        std::string number(uint16_t method);

        kj::AsyncIoContext io;
        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient rpc;
        RemoteSessionGateway::Client gateway;
        RemoteSession::Client session;
        capnp::Capability::Client service;
        uint64_t interface = 0;
        std::deque<std::unique_ptr<Open>> open;
        kj::Own<kj::PromiseFulfiller<void>> answer;
        kj::Own<kj::Promise<void>> called;
        std::deque<std::unique_ptr<RemoteCapSet::Client>> sets;
};

std::string Client::password(const std::string &name, const std::string &secret)
{
        auto request = gateway.startRequest();
        auto start = request.initRequest();

        start.setKind(RemoteAuthKind::PASSWORD);
        start.initSelector().setAccount(name);
        auto next = request.send().getFlow().nextRequest();
        next.setResponse(kj::StringPtr(secret.c_str()).asBytes());
        session = wait(next.send()).getSession();
        return "{}";
}

std::string Client::use()
{
        auto r = wait(session.infoRequest().send());
        std::string all;

        for (auto u : r.getInfo().getUse())
                all += (all.empty() ? "" : ", ") + quoted(u.getName().cStr()) + ": [" +
                       std::to_string(u.getLimit()) + ", " + std::to_string(u.getUsed()) + ", " +
                       std::to_string(u.getMost()) + "]";
        return "{" + all + "}";
}

void Client::hang(unsigned n, unsigned bytes, unsigned references)
{
        while (n-- > 0) {
                auto r = request(HANG);
                auto s = r.initAsAnyStruct(0, (uint16_t)(1 + references)).getPointerSection();
                auto o = std::make_unique<Open>();
                Open *to = o.get();

                if (bytes)
                        s[0].setAs<capnp::Data>(kj::heapArray<kj::byte>(bytes).asPtr());
                for (unsigned i = 0; i < references; i++)
                        s[1 + i].setAs<Callback>(kj::heap<Own>());
                o->result = kj::heap(r.send().ignoreResult().then(
                        [to]() { to->ended = true; },
                        [to](kj::Exception &&e) {
                                to->ended = true;
                                to->said = refusal(e);
                        }).eagerlyEvaluate(nullptr));
                open.push_back(std::move(o));
        }
}

void Client::let_go(unsigned n)
{
        for (; n > 0 && !open.empty(); n--)
                open.pop_back();
        for (; n > 0 && !sets.empty(); n--)
                sets.pop_back();
}

/* Calls are answered in their order, if they are answered: a later answer is behind them. */
std::string Client::refused()
{
        std::string all;

        (void)use();
        for (auto &o : open)
                if (o->ended)
                        all += (all.empty() ? "" : ", ") + o->said;
        for (size_t i = open.size(); i-- > 0;)
                if (open[i]->ended)
                        open.erase(open.begin() + (long)i);
        return "[" + all + "]";
}

void Client::nest(uint16_t method, unsigned depth)
{
        auto r = request(method);
        capnp::AnyPointer::Builder at = r;

        for (unsigned i = 0; i < depth; i++)
                at = at.initAsAnyStruct(0, 1).getPointerSection()[0];
        wait(r.send().ignoreResult());
}

void Client::voids(uint16_t method, unsigned n)
{
        auto r = request(method);

        r.initAsAnyStruct(0, 1).getPointerSection()[0].initAsAnyList(capnp::ElementSize::VOID, n);
        wait(r.send().ignoreResult());
}

void Client::inward(unsigned n)
{
        auto r = service.castAs<Conf>().callBackRequest();
        auto told = kj::newPromiseAndFulfiller<void>();

        answer = kj::mv(told.fulfiller);
        r.setCb(kj::heap<Waiting>(kj::mv(told.promise)));
        r.setN(n);
        called = kj::heap<kj::Promise<void>>(r.send().ignoreResult());
}

std::string Client::number(uint16_t method)
{
        auto r = request(method);

        r.initAsAnyStruct(0, 0);
        auto said = wait(r.send());
        auto data = said.getAs<capnp::AnyStruct>().getDataSection();
        uint32_t n = 0;

        for (size_t i = 0; i < sizeof(n) && i < data.size(); i++)
                n |= (uint32_t)data[i] << 8 * i;
        return "{\"number\": " + std::to_string(n) + "}";
}

std::string Client::run(const std::vector<std::string> &words)
{
        const std::string &what = words.at(0);
        auto n = [&words](size_t i) { return (unsigned)std::stoul(words.at(i)); };

        if (what == "password")
                return password(words.at(1), words.at(2));
        if (what == "use")
                return use();
        if (what == "refused")
                return refused();
        if (what == "number")
                return number((uint16_t)n(1));
        if (what == "get") {
                auto get = wait(session.capSetRequest().send()).getCaps().getRequest();

                interface = std::stoull(words.at(2), nullptr, 0);
                get.setName(words.at(1));
                get.setExpectedInterfaceId(interface);
                service = wait(get.send()).getCap().castAs<capnp::Capability>();
        } else if (what == "hang") {
                hang(n(1), n(2), n(3));
        } else if (what == "sets") {
                for (unsigned i = n(1); i > 0; i--)
                        sets.push_back(std::make_unique<RemoteCapSet::Client>(
                                wait(session.capSetRequest().send()).getCaps()));
        } else if (what == "inward") {
                inward(n(1));
        } else if (what == "answer") {
                answer->fulfill();
                wait(kj::mv(*called));
        } else if (what == "let-go") {
                let_go(n(1));
        } else if (what == "call") {
                auto r = request((uint16_t)n(1));

                r.initAsAnyStruct(0, 1).getPointerSection()[0].setAs<capnp::Data>(
                        kj::heapArray<kj::byte>(n(2)).asPtr());
                wait(r.send().ignoreResult());
        } else if (what == "nest") {
                nest((uint16_t)n(1), n(2));
        } else if (what == "voids") {
                voids((uint16_t)n(1), n(2));
        } else if (what == "logout") {
                wait(session.logoutRequest().send().ignoreResult());
        } else {
                KJ_FAIL_REQUIRE("no such command", what);
        }
        return "{}";
}

} // namespace

int main(int argc, char **argv)
{
        if (argc != 2) {
                std::cerr << "usage: " << argv[0] << " HOST:PORT\n";
                return 2;
        }

        Client client(argv[1]);
        std::string line;

        while (std::getline(std::cin, line)) {
                std::istringstream in(line);
                std::vector<std::string> words;
                std::string said;

                for (std::string word; std::getline(in, word, '\t');)
                        words.push_back(word);
                KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() { said = client.run(words); }))
                        said = refusal(*e);
                std::cout << said << std::endl;
        }
        return 0;
}
