/*
 * session-client: logs in to an instance and does what every client must be able to do, with the
 * Cap'n Proto C++ library and nothing of ours but schema/.
 *
 * Why: that any Cap'n Proto client can log in is a promise about programs nobody here wrote. The
 * clients in the folders beside this one do the same steps, by the same names, in other languages.
 *
 * Usage: session-client HOST:PORT [--user NAME --password PW] [--guest] [--hold HOST:PORT]
 *
 * Output: `ok NAME` or `not ok NAME - why` for every step, and `N passed, N failed` as the last
 * line. --hold names an address where a proxy withholds the server's bytes until all requests of
 * the step `pipelined` have arrived.
 */
#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/encoding.h>

#include <stdio.h>
#include <string.h>
#include <string>
#include <vector>

#include "chat.capnp.h"
#include "remote_session.capnp.h"
#include "system_info.capnp.h"
#include "user_session.capnp.h"

using namespace capos;

namespace
{

constexpr int WAIT_S = 60;

struct Failed {
        kj::String why;
};

#define CHECK(condition, ...)                                                                      \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        throw Failed{                                                              \
                                kj::str("line ", __LINE__, ": ", #condition, " ", ##__VA_ARGS__)}; \
        } while (0)

struct Options {
        const char *address = nullptr;
        const char *hold = nullptr;
        const char *user = nullptr;
        const char *password = nullptr;
        bool guest = false;
};

/* What the steps share: the event loop and where the server is. */
struct Env {
        Options options;
        kj::AsyncIoContext io = kj::setupAsyncIo();

        template <typename T> T wait(kj::Promise<T> &&p)
        {
                auto late = io.provider->getTimer().afterDelay(WAIT_S * kj::SECONDS);
                return p.exclusiveJoin(late.then([]() -> kj::Promise<T> {
                                return KJ_EXCEPTION(FAILED, "nothing came within ten seconds");
                        }))
                        .wait(io.waitScope);
        }
};

/* One connection and its bootstrap object. */
struct Link {
        explicit Link(Env &env, const char *address)
            : stream(env.wait(
                      env.wait(env.io.provider->getNetwork().parseAddress(address))->connect())),
              client(*stream), gateway(client.bootstrap().castAs<RemoteSessionGateway>())
        {
        }
        explicit Link(Env &env) : Link(env, env.options.address)
        {
        }

        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient client;
        RemoteSessionGateway::Client gateway;
};

/* ---- refusals ------------------------------------------------------------------------------- */

/* The code an exception begins with, whatever the libraries on the way put before it. */
std::string code(const kj::Exception &e)
{
        static const std::string prefix = "remote exception: ";
        std::string text = e.getDescription().cStr();

        while (text.compare(0, prefix.size(), prefix) == 0)
                text.erase(0, prefix.size());
        return text.substr(0, text.find_first_of(" :"));
}

/* The promise must be refused with this code; another outcome is a failure. */
template <typename P> void refused(Env &env, int line, P &&promise, const char *expected)
{
        kj::Maybe<kj::Exception> got =
                kj::runCatchingExceptions([&]() { env.wait(promise.ignoreResult()); });

        KJ_IF_MAYBE(e, got) {
                if (code(*e) != expected || e->getType() != kj::Exception::Type::FAILED)
                        throw Failed{kj::str("line ", line, ": expected ", expected, ", got ",
                                             e->getType(), " ", e->getDescription())};
                return;
        }
        throw Failed{kj::str("line ", line, ": expected ", expected, ", but it worked")};
}
#define REFUSED(promise, expected) refused(env, __LINE__, (promise), (expected))

/* ---- logging in ----------------------------------------------------------------------------- */

RemoteSession::Client login_anonymous(Env &env, Link &link)
{
        auto r = env.wait(link.gateway.anonymousRequest().send());
        return r.getSession();
}

kj::Promise<capnp::Response<RemoteAuthFlow::NextResults>> answer(RemoteAuthFlow::Client flow,
                                                                 kj::StringPtr response)
{
        auto next = flow.nextRequest();
        next.setResponse(response.asBytes());
        return next.send();
}

RemoteAuthFlow::Client flow_start(Link &link, RemoteAuthKind kind, const char *account)
{
        auto start = link.gateway.startRequest();
        auto request = start.initRequest();
        request.setKind(kind);
        request.initSelector().setAccount(account);
        request.initSource().setClient("session-client (C++)");
        return start.send().getFlow();
}

RemoteSession::Client login_password(Env &env, Link &link)
{
        auto flow = flow_start(link, RemoteAuthKind::PASSWORD, env.options.user);
        auto r = env.wait(answer(flow, env.options.password));
        CHECK(r.getDone());
        return r.getSession();
}

RemoteCapSet::Client cap_set(Env &env, RemoteSession::Client session)
{
        return env.wait(session.capSetRequest().send()).getCaps();
}

capnp::RemotePromise<RemoteCapSet::GetResults> get_later(RemoteCapSet::Client caps,
                                                         const char *name, uint64_t interface)
{
        auto get = caps.getRequest();
        get.setName(name);
        get.setExpectedInterfaceId(interface);
        return get.send();
}

template <typename I> typename I::Client get(Env &env, RemoteCapSet::Client caps, const char *name)
{
        return env.wait(get_later(caps, name, capnp::typeId<I>())).getCap().template castAs<I>();
}

bool listed(Env &env, RemoteCapSet::Client caps, const char *name, uint64_t interface)
{
        auto r = env.wait(caps.listRequest().send());

        for (auto e : r.getEntries())
                if (e.getName() == name) {
                        CHECK(e.getInterfaceId() == interface);
                        CHECK(e.getLeaseExpiresAtMs() != 0);
                        CHECK(e.getTransferPolicy() == "session" ||
                              e.getTransferPolicy() == "services");
                        return true;
                }
        return false;
}

kj::String motd(Env &env, SystemInfo::Client info)
{
        return kj::str(env.wait(info.motdRequest().send()).getText());
}

/* ---- the steps ------------------------------------------------------------------------------ */

void step_auth_methods(Env &env)
{
        Link link(env);
        auto r = env.wait(link.gateway.authMethodsRequest().send());
        unsigned seen = 0;

        CHECK(r.getMethods().size() == 9);
        for (auto m : r.getMethods()) {
                bool enabled = m.getState() == RemoteAuthState::ENABLED;
                bool expected = m.getKind() == RemoteAuthKind::PUBLIC_KEY ||
                                m.getKind() == RemoteAuthKind::PASSWORD ||
                                m.getKind() == RemoteAuthKind::ANONYMOUS ||
                                (m.getKind() == RemoteAuthKind::GUEST && env.options.guest);

                seen |= 1u << (unsigned)m.getKind();
                CHECK(m.getLabel().size() > 0);
                CHECK(enabled == expected, m.getKind());
                CHECK(enabled == (m.getReason().size() == 0), m.getKind());
        }
        CHECK(seen == 0x1ff);
}

void step_disabled_method(Env &env)
{
        Link link(env);

        for (auto kind : {RemoteAuthKind::OIDC_DEVICE_CODE,
                          RemoteAuthKind::OIDC_AUTHORIZATION_CODE_PKCE, RemoteAuthKind::PASSKEY,
                          RemoteAuthKind::MTLS_CLIENT_CERT, RemoteAuthKind::SERVICE_CREDENTIAL}) {
                auto start = link.gateway.startRequest();
                start.initRequest().setKind(kind);
                REFUSED(start.send(), "denied.method-disabled");
        }
        if (!env.options.guest)
                REFUSED(link.gateway.guestRequest().send(), "denied.method-disabled");
}

void step_anonymous(Env &env)
{
        Link link(env);
        auto session = login_anonymous(env, link);
        auto r = env.wait(session.infoRequest().send());
        auto info = r.getInfo();
        auto caps = cap_set(env, session);

        CHECK(info.getKind() == "anonymous");
        CHECK(info.getAccount().size() == 0);
        CHECK(info.getId().size() > 0);
        CHECK(info.getExpiresAtMs() > info.getStartedAtMs());
        CHECK(listed(env, caps, "session", capnp::typeId<UserSession>()));
        CHECK(listed(env, caps, "system_info", capnp::typeId<SystemInfo>()));
        CHECK(!listed(env, caps, "chat", capnp::typeId<Chat>()));
        CHECK(motd(env, get<SystemInfo>(env, caps, "system_info")).size() > 0);

        auto self = get<UserSession>(env, caps, "session");
        auto again = env.wait(self.infoRequest().send());
        CHECK(again.getInfo().getId() == info.getId());
        REFUSED(link.gateway.anonymousRequest().send(), "denied.already-bound");
}

void step_guest(Env &env)
{
        Link link(env);
        auto r = env.wait(link.gateway.guestRequest().send());
        auto info = env.wait(r.getSession().infoRequest().send());
        auto caps = cap_set(env, r.getSession());

        CHECK(info.getInfo().getKind() == "guest");
        CHECK(listed(env, caps, "system_info", capnp::typeId<SystemInfo>()));
        CHECK(motd(env, get<SystemInfo>(env, caps, "system_info")).size() > 0);
}

void step_password(Env &env)
{
        Link link(env);
        auto session = login_password(env, link);
        auto info = env.wait(session.infoRequest().send());
        auto caps = cap_set(env, session);

        CHECK(info.getInfo().getKind() == "password");
        CHECK(info.getInfo().getAccount() == env.options.user);
        CHECK(listed(env, caps, "chat", capnp::typeId<Chat>()));
        CHECK(motd(env, get<SystemInfo>(env, caps, "system_info")).size() > 0);
}

void step_wrong_password(Env &env)
{
        Link link(env);
        auto wrong = flow_start(link, RemoteAuthKind::PASSWORD, env.options.user);
        auto nobody = flow_start(link, RemoteAuthKind::PASSWORD, "nobody-of-that-name");

        REFUSED(answer(wrong, "not the password"), "denied.credentials");
        REFUSED(answer(nobody, env.options.password), "denied.credentials");
        REFUSED(answer(wrong, env.options.password), "denied.flow");
}

void step_refused(Env &env)
{
        Link link(env);
        auto caps = cap_set(env, login_anonymous(env, link));

        REFUSED(get_later(caps, "no-such-thing", capnp::typeId<SystemInfo>()),
                "denied.unknown-name");
        REFUSED(get_later(caps, "chat", capnp::typeId<Chat>()), "denied.unknown-name");
        REFUSED(get_later(caps, "system_info", capnp::typeId<Chat>()), "denied.wrong-interface");
        CHECK(motd(env, get<SystemInfo>(env, caps, "system_info")).size() > 0);
}

/* Keeps what it is told, until the step is over. */
class Listener final : public ChatListener::Server
{
      public:
        struct Said {
                std::string label, text;
        };

        explicit Listener(std::vector<Said> &said) : said(said)
        {
        }

        kj::Promise<void> event(EventContext c) override
        {
                auto e = c.getParams().getEvent();

                if (e.isSaid() && !e.getHistory())
                        said.push_back({e.getLabel().cStr(), e.getSaid().cStr()});
                return kj::READY_NOW;
        }

      private:
        std::vector<Said> &said;
};

capnp::RemotePromise<Chat::JoinResults> join(Chat::Client chat, const char *channel,
                                             ChatListener::Client listener)
{
        auto r = chat.joinRequest();
        r.setChannel(channel);
        r.setListener(listener);
        return r.send();
}

void step_chat(Env &env)
{
        std::vector<Listener::Said> here, there;
        Link one(env), two(env);
        auto chat_one = get<Chat>(env, cap_set(env, login_password(env, one)), "chat");
        auto chat_two = get<Chat>(env, cap_set(env, login_password(env, two)), "chat");
        auto first = env.wait(join(chat_one, "#cpp", kj::heap<Listener>(here)));
        auto second = env.wait(join(chat_two, "#cpp", kj::heap<Listener>(there)));

        CHECK(first.getLabel() != second.getLabel());
        for (int i = 0; i < 3; i++) {
                auto send = second.getMembership().sendRequest();
                send.setText(kj::str("word ", i));
                env.wait(send.send());
        }
        for (int i = 0; i < 500 && here.size() < 3; i++)
                env.wait(env.io.provider->getTimer().afterDelay(10 * kj::MILLISECONDS));
        CHECK(here.size() == 3, here.size());
        for (int i = 0; i < 3; i++) {
                CHECK(here[i].text == kj::str("word ", i).cStr());
                CHECK(second.getLabel() == here[i].label.c_str());
        }
        auto members = env.wait(first.getMembership().membersRequest().send());
        CHECK(members.getLabels().size() == 2);
}

void step_logout(Env &env)
{
        std::vector<Listener::Said> said;
        Link link(env);
        auto session = login_password(env, link);
        auto caps = cap_set(env, session);
        auto self = get<UserSession>(env, caps, "session");
        auto info = get<SystemInfo>(env, caps, "system_info");
        auto chat = get<Chat>(env, caps, "chat");
        auto member = env.wait(join(chat, "#bye", kj::heap<Listener>(said))).getMembership();

        env.wait(session.logoutRequest().send());
        REFUSED(session.infoRequest().send(), "denied.stale-session");
        REFUSED(session.capSetRequest().send(), "denied.stale-session");
        REFUSED(session.logoutRequest().send(), "denied.stale-session");
        REFUSED(caps.listRequest().send(), "denied.stale-session");
        REFUSED(get_later(caps, "system_info", capnp::typeId<SystemInfo>()),
                "denied.stale-session");
        REFUSED(self.infoRequest().send(), "denied.stale-session");
        REFUSED(info.motdRequest().send(), "denied.stale-session");
        REFUSED(chat.channelsRequest().send(), "denied.stale-session");
        REFUSED(member.membersRequest().send(), "denied.stale-session");
        REFUSED(link.gateway.anonymousRequest().send(), "denied.stale-session");
}

void step_pipelined(Env &env)
{
        Link link(env, env.options.hold ? env.options.hold : env.options.address);
        auto caps = link.gateway.anonymousRequest().send().getSession().capSetRequest().send();
        auto got = get_later(caps.getCaps(), "system_info", capnp::typeId<SystemInfo>());
        auto info = got.getCap().castAs<SystemInfo>();

        CHECK(motd(env, info).size() > 0);
}

/* ---- running them --------------------------------------------------------------------------- */

struct Step {
        const char *name;
        void (*run)(Env &);
        bool needs_user, needs_guest;
};

const Step steps[] = {
        {"auth-methods", step_auth_methods, false, false},
        {"disabled-method", step_disabled_method, false, false},
        {"anonymous", step_anonymous, false, false},
        {"guest", step_guest, false, true},
        {"password", step_password, true, false},
        {"wrong-password", step_wrong_password, true, false},
        {"refused", step_refused, false, false},
        {"chat", step_chat, true, false},
        {"logout", step_logout, true, false},
        {"pipelined", step_pipelined, false, false},
};

bool step_run(Env &env, const Step &step)
{
        kj::String why;

        KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() {
                            try {
                                    step.run(env);
                            } catch (const Failed &f) {
                                    why = kj::str(f.why);
                            }
                    }))
                why = kj::str(e->getType(), " ", e->getDescription());
        if (why.size() == 0)
                printf("ok %s\n", step.name);
        else
                printf("not ok %s - %s\n", step.name, why.cStr());
        fflush(stdout);
        return why.size() == 0;
}

bool options_parse(Options &o, int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--guest") == 0)
                        o.guest = true;
                else if (strcmp(argv[i], "--user") == 0 && i + 1 < argc)
                        o.user = argv[++i];
                else if (strcmp(argv[i], "--password") == 0 && i + 1 < argc)
                        o.password = argv[++i];
                else if (strcmp(argv[i], "--hold") == 0 && i + 1 < argc)
                        o.hold = argv[++i];
                else if (argv[i][0] == '-' || o.address != nullptr)
                        return false;
                else
                        o.address = argv[i];
        }
        return o.address != nullptr && (o.user == nullptr) == (o.password == nullptr);
}

} // namespace

int main(int argc, char **argv)
{
        unsigned passed = 0, failed = 0;
        Env env;

        if (!options_parse(env.options, argc, argv)) {
                fprintf(stderr,
                        "usage: %s ADDRESS [--user NAME --password PW] [--guest]"
                        " [--hold ADDRESS]\n",
                        argv[0]);
                return 2;
        }
        for (const Step &step : steps) {
                if ((step.needs_user && !env.options.user) ||
                    (step.needs_guest && !env.options.guest))
                        continue;
                if (step_run(env, step))
                        passed++;
                else
                        failed++;
        }
        printf("%u passed, %u failed\n", passed, failed);
        return failed == 0 ? 0 : 1;
}
