/*
 * broker-client: does what it is told on standard input, a command a line, its words apart by tabs,
 * with the Cap'n Proto C++ library and nothing of ours but schema/. What came of each is a line of
 * JSON.
 *
 * Why: what a profile grants, and when that ends, must hold for programs that nobody here wrote. So
 * the table is somewhere else (test/e2e/broker-cpp.py, which reloads manifests and locks accounts
 * meanwhile), and a client of another library says what it sees.
 *
 *     password NAME PASSWORD [PROFILE] | guest | anonymous     logs in
 *     raise NAME PASSWORD PROFILE     the session, which goes on with the bundle it has
 *     info | list | logout        of the session
 *     former                      info, of the session that was replaced when it was raised
 *     get NAME INTERFACE          a capability of the bundle, kept under its name
 *     methods NAME                that the bundle says it has
 *     early NAME INTERFACE METHOD get, and a call on what that will give, without waiting between
 *     call NAME METHOD [INTERFACE]   without parameters; of another interface than was asked for
 *     drop NAME                   lets go of it
 *     again NAME METHOD           what METHOD gives is NAME from now on; what was is let go
 *     around NAME INTERFACE METHOD METHOD   get, a call on that, and one on what it gives
 *     send NAME METHOD            the same, without waiting
 *     wait                        for the first that was sent and not waited for
 *     until NAME METHOD           calls again and again, until it is refused
 *
 * Usage: broker-client HOST:PORT
 */
#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/encoding.h>

#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "remote_session.capnp.h"

using namespace capos;

namespace
{

constexpr int WAIT_S = 60, PAUSE_MS = 20;

/* `"text"`, as JSON has it. */
std::string quoted(kj::StringPtr text)
{
        std::string all = "\"";

        for (char c : text) {
                static const char hex[] = "0123456789abcdef";

                if (c == '"' || c == '\\')
                        all += std::string("\\") + c;
                else if ((unsigned char)c < 0x20)
                        all += std::string("\\u00") + hex[c >> 4 & 15] + hex[c & 15];
                else
                        all += c;
        }
        return all + "\"";
}

using Called = capnp::RemotePromise<capnp::AnyPointer>;

class Client
{
      public:
        explicit Client(const char *address)
            : io(kj::setupAsyncIo()),
              stream(wait(wait(io.provider->getNetwork().parseAddress(address))->connect())),
              rpc(*stream), gateway(rpc.bootstrap().castAs<RemoteSessionGateway>()),
              session(nullptr), former(nullptr), caps(nullptr)
        {
        }

        /* What came of a command; an exception is a refusal. */
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

        std::string entered(RemoteSession::Client s)
        {
                session = s;
                caps = wait(session.capSetRequest().send()).getCaps();
                return info_of(session);
        }
        template <typename R>
        RemoteSession::Client by_password(R &&start, const std::vector<std::string> &words);
        std::string raise(const std::vector<std::string> &words);
        std::string info_of(RemoteSession::Client of);
        std::string list();
        std::string get(const std::string &name, uint64_t interface);
        std::string methods(const std::string &name);
        Called early(const std::string &name, uint64_t interface, uint16_t method);
        Called around(const std::string &name, uint64_t interface, uint16_t method, uint16_t then);
        Called send(const std::string &name, uint16_t method, uint64_t interface = 0);
        void again(const std::string &name, uint16_t method);
        std::string until(const std::string &name, uint16_t method);

        kj::AsyncIoContext io;
        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient rpc;
        RemoteSessionGateway::Client gateway;
        RemoteSession::Client session, former;
        RemoteCapSet::Client caps;
        struct Held {
                capnp::Capability::Client cap;
                uint64_t interface;
        };
        std::map<std::string, std::unique_ptr<Held>> held;
        std::deque<Called> sent;
};

/* start: a request for a flow, of the gateway or of a session. */
template <typename R>
RemoteSession::Client Client::by_password(R &&start, const std::vector<std::string> &words)
{
        auto request = start.initRequest();

        request.setKind(RemoteAuthKind::PASSWORD);
        request.initSelector().setAccount(words.at(1));
        if (words.size() > 3)
                request.setRequestedProfile(words.at(3));
        auto next = start.send().getFlow().nextRequest();
        next.setResponse(kj::StringPtr(words.at(2).c_str()).asBytes());
        return wait(next.send()).getSession();
}

std::string Client::raise(const std::vector<std::string> &words)
{
        RemoteSession::Client raised = by_password(session.reauthenticateRequest(), words);

        former = session;
        session = raised;
        return info_of(session);
}

std::string Client::info_of(RemoteSession::Client of)
{
        auto r = wait(of.infoRequest().send());
        auto i = r.getInfo();

        return "{\"account\": " + quoted(i.getAccount()) + ", \"profile\": " +
               quoted(i.getProfile()) + ", \"kind\": " + quoted(i.getKind()) +
               ", \"ends\": " + std::to_string(i.getExpiresAtMs()) + "}";
}

std::string Client::list()
{
        auto r = wait(caps.listRequest().send());
        std::string all;

        for (auto e : r.getEntries())
                all += (all.empty() ? "" : ", ") + quoted(e.getName()) + ": " +
                       std::to_string(e.getLeaseExpiresAtMs());
        return "{" + all + "}";
}

std::string Client::get(const std::string &name, uint64_t interface)
{
        auto get = caps.getRequest();

        get.setName(name);
        get.setExpectedInterfaceId(interface);
        auto r = wait(get.send());
        held[name] = std::make_unique<Held>(
                Held{r.getCap().castAs<capnp::Capability>(), interface});
        return "{}";
}

std::string Client::methods(const std::string &name)
{
        auto r = wait(caps.listRequest().send());
        std::string all;

        for (auto e : r.getEntries())
                for (auto m : e.getMethods())
                        if (e.getName() == name.c_str())
                                all += (all.empty() ? "" : ", ") + quoted(m.getName()) + ": [" +
                                       std::to_string(m.getInterfaceId()) + ", " +
                                       std::to_string(m.getOrdinal()) + "]";
        return "{" + all + "}";
}

Called Client::early(const std::string &name, uint64_t interface, uint16_t method)
{
        auto get = caps.getRequest();

        get.setName(name);
        get.setExpectedInterfaceId(interface);
        auto cap = get.send().getCap();
        auto r = capnp::Capability::Client(cap).typelessRequest(interface, method, nullptr);

        r.initAsAnyStruct(0, 0);
        return r.send();
}

Called Client::send(const std::string &name, uint16_t method, uint64_t interface)
{
        Held &h = *held.at(name);
        auto r = h.cap.typelessRequest(interface ? interface : h.interface, method, nullptr);

        /* All parameters are what they are by default. */
        r.initAsAnyStruct(0, 0);
        return r.send();
}

Called Client::around(const std::string &name, uint64_t interface, uint16_t method, uint16_t then)
{
        auto first = early(name, interface, method);
        auto r = capnp::Capability::Client(first.getPointerField(0).asCap())
                         .typelessRequest(interface, then, nullptr);

        r.initAsAnyStruct(0, 0);
        return r.send();
}

/* Nobody waits for the first one, or holds it, when its Release goes out behind the call. */
void Client::again(const std::string &name, uint16_t method)
{
        auto r = send(name, method);
        uint64_t interface = held.at(name)->interface;

        held[name] = std::make_unique<Held>(
                Held{capnp::Capability::Client(r.getPointerField(0).asCap()), interface});
}

std::string Client::until(const std::string &name, uint16_t method)
{
        for (int i = 0; i < WAIT_S * 1000 / PAUSE_MS; i++) {
                wait(send(name, method).ignoreResult());
                wait(io.provider->getTimer().afterDelay(PAUSE_MS * kj::MILLISECONDS));
        }
        return "{}";
}

std::string Client::run(const std::vector<std::string> &words)
{
        const std::string &what = words.at(0);

        if (what == "password")
                return entered(by_password(gateway.startRequest(), words));
        if (what == "raise")
                return raise(words);
        if (what == "guest")
                return entered(wait(gateway.guestRequest().send()).getSession());
        if (what == "anonymous")
                return entered(wait(gateway.anonymousRequest().send()).getSession());
        if (what == "info")
                return info_of(session);
        if (what == "former")
                return info_of(former);
        if (what == "list")
                return list();
        if (what == "get")
                return get(words.at(1), std::stoull(words.at(2), nullptr, 0));
        if (what == "logout") {
                wait(session.logoutRequest().send().ignoreResult());
        } else if (what == "call") {
                uint64_t other = words.size() > 3 ? std::stoull(words.at(3), nullptr, 0) : 0;

                wait(send(words.at(1), (uint16_t)std::stoul(words.at(2)), other).ignoreResult());
        } else if (what == "methods") {
                return methods(words.at(1));
        } else if (what == "early") {
                wait(early(words.at(1), std::stoull(words.at(2), nullptr, 0),
                           (uint16_t)std::stoul(words.at(3)))
                             .ignoreResult());
        } else if (what == "around") {
                wait(around(words.at(1), std::stoull(words.at(2), nullptr, 0),
                            (uint16_t)std::stoul(words.at(3)), (uint16_t)std::stoul(words.at(4)))
                             .ignoreResult());
        } else if (what == "drop") {
                held.erase(words.at(1));
        } else if (what == "again") {
                again(words.at(1), (uint16_t)std::stoul(words.at(2)));
        } else if (what == "send") {
                sent.push_back(send(words.at(1), (uint16_t)std::stoul(words.at(2))));
        } else if (what == "until") {
                return until(words.at(1), (uint16_t)std::stoul(words.at(2)));
        } else if (what == "wait") {
                Called first = kj::mv(sent.front());

                sent.pop_front();
                wait(first.ignoreResult());
        } else {
                KJ_FAIL_REQUIRE("no such command", what);
        }
        return "{}";
}

/* What an exception says, whatever the libraries on the way put before it. */
std::string reason(const kj::Exception &e)
{
        static const std::string prefix = "remote exception: ";
        std::string text = e.getDescription().cStr();

        while (text.compare(0, prefix.size(), prefix) == 0)
                text.erase(0, prefix.size());
        return "{\"refused\": " + quoted(text.substr(0, text.find_first_of(" :"))) +
               ", \"reason\": " + quoted(text) + "}";
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
                        said = reason(*e);
                std::cout << said << std::endl;
        }
        return 0;
}
