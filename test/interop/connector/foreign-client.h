/*
 * What the C++ clients of servers behind a connector share: a session of an instance, with the
 * Cap'n Proto C++ library and nothing of ours but schema/, and commands on standard input, a line
 * each with tabs between the words. What came of each is a line of JSON.
 */
#ifndef FOREIGN_CLIENT_H
#define FOREIGN_CLIENT_H

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "remote_session.capnp.h"

namespace foreign
{

constexpr int WAIT_S = 60;

inline std::string quoted(const std::string &text)
{
        std::string all = "\"";

        for (char c : text)
                all += (c == '"' || c == '\\' || (unsigned char)c < 0x20) ? '?' : c;
        return all + "\"";
}

inline std::string refusal(const kj::Exception &e)
{
        static const char *const kinds[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};
        static const std::string prefix = "remote exception: ";
        std::string text = e.getDescription().cStr();

        while (text.compare(0, prefix.size(), prefix) == 0)
                text.erase(0, prefix.size());
        return "{\"refused\": " + quoted(text.substr(0, text.find_first_of(" :"))) +
               ", \"kind\": " + quoted(kinds[(int)e.getType()]) +
               ", \"reason\": " + quoted(text) + "}";
}

class Session
{
      public:
        explicit Session(const char *address)
            : io(kj::setupAsyncIo()),
              stream(wait(wait(io.provider->getNetwork().parseAddress(address))->connect())),
              rpc(*stream), gateway(rpc.bootstrap().castAs<capos::RemoteSessionGateway>()),
              session(nullptr), caps(nullptr)
        {
        }

        template <typename T> T wait(kj::Promise<T> &&p)
        {
                auto late = io.provider->getTimer().afterDelay(WAIT_S * kj::SECONDS);

                return p.exclusiveJoin(late.then([]() -> kj::Promise<T> {
                                return KJ_EXCEPTION(FAILED, "nothing came within a minute");
                        }))
                        .wait(io.waitScope);
        }

        void password(const std::string &name, const std::string &secret)
        {
                auto request = gateway.startRequest();
                auto start = request.initRequest();

                start.setKind(capos::RemoteAuthKind::PASSWORD);
                start.initSelector().setAccount(name);
                auto next = request.send().getFlow().nextRequest();
                next.setResponse(kj::StringPtr(secret.c_str()).asBytes());
                session = wait(next.send()).getSession();
                caps = session.capSetRequest().send().getCaps();
        }

        /* One of the bundle, without waiting for it. */
        template <typename T> typename T::Client got(const std::string &name)
        {
                auto get = caps.getRequest();

                get.setName(name);
                get.setExpectedInterfaceId(capnp::typeId<T>());
                return get.send().getCap().template castAs<T>();
        }

        void logout()
        {
                wait(session.logoutRequest().send().ignoreResult());
        }

        kj::AsyncIoContext io;

      private:
        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient rpc;
        capos::RemoteSessionGateway::Client gateway;
        capos::RemoteSession::Client session;
        capos::RemoteCapSet::Client caps;
};

/* Commands until standard input ends: client.run(words) says what came of each. */
template <typename Client> int serve(Client &client)
{
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

} // namespace foreign

#endif
