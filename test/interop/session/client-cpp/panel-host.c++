/*
 * panel-host: lends a host, or one surface, to a service that composes panes, with the Cap'n Proto
 * C++ library and nothing of ours but schema/.
 *
 * Why: that a service can be lent a pane, and nothing but that, must hold for hosts that nobody
 * here wrote. The service (test/ui/panel.capnp) does what it is told, also with what it has no
 * more.
 *
 * Usage: panel-host ADDRESS NAME PASSWORD proof
 *        panel-host ADDRESS NAME PASSWORD end withdraw|drop|logout|finish|wait
 *        panel-host ADDRESS NAME PASSWORD offers N
 *
 * proof: `ok NAME` or `not ok NAME - why` for every step, and `N passed, N failed` as the last
 * line. end: lends a host, says `lent` when it has a pane that was patched and is asked for events,
 * ends that, or waits until somebody else has, and says `ended`, what is left of it, and why.
 * offers: lends N surfaces, and one that is refused; one more when one was taken back.
 */
#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include <stdio.h>
#include <string.h>
#include <string>
#include <vector>

#include "panel.capnp.h"
#include "remote_session.capnp.h"
#include "remote_ui.capnp.h"

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

/* What the host has seen and holds. */
struct Screen {
        unsigned hosts = 0, panes = 0; /* that somebody holds */
        unsigned patches = 0, opened = 0, persisted = 0, themes = 0, closed = 0, secrets = 0;
        std::string shown; /* keys of what was patched */
        kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> asked;
        bool pressed = false;
};

/* A surface, and beside it, on the same object, what no service may reach. */
class Pane final : public RemoteUiSurface::Server, public UserSession::Server
{
      public:
        explicit Pane(Screen &screen) : screen(screen)
        {
                screen.panes++;
        }
        ~Pane()
        {
                screen.panes--;
        }

        kj::Promise<void> apply(ApplyContext c) override
        {
                auto patch = c.getParams().getPatch();

                if (patch.getKind() != UiPatchKind::UPDATE_MODEL)
                        return KJ_EXCEPTION(FAILED, "refused.kind");
                auto model = patch.getPayload().getModel();
                auto counters = model.isWhole() ? model.getWhole().getCounters().getCounters()
                                                : model.getCounters();
                for (auto counter : counters)
                        screen.shown += std::string(counter.getKey().cStr()) + " ";
                c.getResults().setRevision(++screen.patches);
                return kj::READY_NOW;
        }

        /* Waits for a person; or nobody does any more: without this the call would hold the pane.
         */
        kj::Promise<void> poll(PollContext c) override
        {
                auto press = kj::newPromiseAndFulfiller<void>();

                c.allowCancellation();
                screen.asked = kj::mv(press.fulfiller);
                return press.promise.then([this, c]() mutable {
                        auto e = c.getResults().initEvents(1)[0];

                        e.setCommand("make");
                        e.setUserInitiated(true);
                        e.setSequence(1);
                        screen.pressed = true;
                });
        }

        kj::Promise<void> close(CloseContext) override
        {
                screen.closed++;
                return kj::READY_NOW;
        }

        kj::Promise<void> persist(PersistContext) override
        {
                screen.persisted++;
                return kj::READY_NOW;
        }

        kj::Promise<void> describe(DescribeContext) override
        {
                return kj::READY_NOW;
        }

        kj::Promise<void> info(InfoContext) override
        {
                screen.secrets++;
                return kj::READY_NOW;
        }

        DispatchCallResult dispatchCall(
                uint64_t interface, uint16_t method,
                capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override
        {
                if (interface == capnp::typeId<UserSession>())
                        return UserSession::Server::dispatchCall(interface, method, context);
                return RemoteUiSurface::Server::dispatchCall(interface, method, context);
        }

      private:
        Screen &screen;
};

class Host final : public RemoteUiHost::Server
{
      public:
        explicit Host(Screen &screen) : screen(screen)
        {
                screen.hosts++;
        }
        ~Host()
        {
                screen.hosts--;
        }

        kj::Promise<void> open(OpenContext c) override
        {
                screen.opened++;
                c.getResults().setSurface(RemoteUiSurface::Client(
                        kj::Own<RemoteUiSurface::Server>(kj::heap<Pane>(screen))));
                return kj::READY_NOW;
        }

        kj::Promise<void> theme(ThemeContext) override
        {
                screen.themes++;
                return kj::READY_NOW;
        }

      private:
        Screen &screen;
};

/* A login, and the service that it was granted. */
struct Session {
        Session(kj::AsyncIoContext &io, char **argv)
            : io(io),
              stream(wait(wait(io.provider->getNetwork().parseAddress(argv[0]))->connect())),
              client(*stream), session(nullptr), panel(nullptr)
        {
                auto gateway = client.bootstrap().castAs<RemoteSessionGateway>();
                auto start = gateway.startRequest();

                start.initRequest().setKind(RemoteAuthKind::PASSWORD);
                start.getRequest().initSelector().setAccount(argv[1]);
                auto next = start.send().getFlow().nextRequest();
                next.setResponse(kj::StringPtr(argv[2]).asBytes());
                session = wait(next.send()).getSession();
                auto get = wait(session.capSetRequest().send()).getCaps().getRequest();
                get.setName("panel");
                get.setExpectedInterfaceId(capnp::typeId<Panel>());
                panel = wait(get.send()).getCap().castAs<Panel>();
        }

        template <typename T> T wait(kj::Promise<T> &&p)
        {
                auto late = io.provider->getTimer().afterDelay(WAIT_S * kj::SECONDS);
                return p.exclusiveJoin(late.then([]() -> kj::Promise<T> {
                                return KJ_EXCEPTION(FAILED, "nothing came within a minute");
                        }))
                        .wait(io.waitScope);
        }

        template <typename F> void until(F condition)
        {
                for (int i = 0; i < WAIT_S * 100 && !condition(); i++)
                        wait(io.provider->getTimer().afterDelay(10 * kj::MILLISECONDS));
                CHECK(condition());
        }

        /* What came of what the service was told to do: "" or an exception's text. */
        std::string attempt(Panel::Act act, uint32_t count = 1)
        {
                auto r = panel.attemptRequest();

                r.setAct(act);
                r.setCount(count);
                return wait(r.send()).getOutcome().cStr();
        }

        RemoteUiOffer::Client lend(RemoteUiSurface::Client surface)
        {
                auto r = session.offerSurfaceRequest();

                r.setSurface(kj::mv(surface));
                r.setService("panel");
                return wait(r.send()).getOffer();
        }

        RemoteUiOffer::Client lend_host(RemoteUiHost::Client host)
        {
                auto r = session.offerUiRequest();

                r.setHost(kj::mv(host));
                r.setService("panel");
                return wait(r.send()).getOffer();
        }

        kj::AsyncIoContext &io;
        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient client;
        RemoteSession::Client session;
        Panel::Client panel;
};

bool begins(const std::string &text, const char *with)
{
        return text.compare(0, strlen(with), with) == 0;
}

/* ---- the proof ------------------------------------------------------------------------------ */

/* Each goes on where the one before it ended. */
struct Proof {
        Proof(Session &s) : s(s), offer(nullptr)
        {
        }

        void lends_a_surface()
        {
                RemoteUiSurface::Client pane(
                        kj::Own<RemoteUiSurface::Server>(kj::heap<Pane>(screen)));

                offer = s.lend(kj::mv(pane));
                CHECK(screen.panes == 1);
        }

        void accepts_one_patch()
        {
                s.until([this]() { return screen.patches == 1; });
                CHECK(screen.shown == "clips ", screen.shown.c_str());
                CHECK(s.attempt(Panel::Act::PATCH) == "");
                CHECK(screen.shown == "clips more ", screen.shown.c_str());
        }

        void sends_one_event()
        {
                s.until([this]() { return screen.asked != nullptr; });
                KJ_IF_MAYBE(press, screen.asked) {
                        (*press)->fulfill();
                }
                s.until([this]() {
                        return s.wait(s.panel.eventsRequest().send()).getByPerson() == 1;
                });
                auto r = s.wait(s.panel.eventsRequest().send());
                CHECK(r.getCommands().size() == 1);
                CHECK(r.getCommands()[0] == "make");
        }

        /* While it has the surface: it was lent no host, and not what else the object can do. */
        void reaches_nothing_else()
        {
                auto stray = s.attempt(Panel::Act::STRAY), open = s.attempt(Panel::Act::OPEN);

                CHECK(begins(stray, "a host has lent no such thing"), stray.c_str());
                CHECK(begins(open, "a host has lent no such thing"), open.c_str());
                CHECK(screen.secrets == 0);
                CHECK(screen.opened == 0);
        }

        void withdraws()
        {
                s.wait(offer.withdrawRequest().send().ignoreResult());
                s.until([this]() {
                        return screen.panes == 0;
                }); /* the service holds it all the same */
                auto over = s.wait(offer.endedRequest().send());
                CHECK(over.getEnd() == UiEnd::WITHDRAWN, kj::str(over));
                s.until([this]() {
                        auto r = s.wait(s.panel.stateRequest().send());
                        return r.getOpen() == 0 && r.getPanes() == 0;
                });
        }

        void cannot_patch()
        {
                gone(Panel::Act::PATCH);
                CHECK(screen.patches == 2);
        }

        void cannot_reach_chrome()
        {
                gone(Panel::Act::STRAY);
                gone(Panel::Act::OPEN);
                gone(Panel::Act::THEME);
                CHECK(screen.secrets == 0);
                CHECK(screen.opened == 0);
                CHECK(screen.themes == 0);
        }

        void cannot_persist()
        {
                gone(Panel::Act::PERSIST);
                CHECK(screen.persisted == 0);
        }

        /* Another one begins anew. */
        void lends_again()
        {
                RemoteUiSurface::Client pane(
                        kj::Own<RemoteUiSurface::Server>(kj::heap<Pane>(screen)));
                auto again = s.lend(kj::mv(pane));

                s.until([this]() { return screen.patches == 3; });
                CHECK(s.attempt(Panel::Act::PATCH) == "");
                s.wait(s.panel.finishRequest().send().ignoreResult());
                auto over = s.wait(again.endedRequest().send());
                CHECK(over.getEnd() == UiEnd::FINISHED, kj::str(over));
                s.until([this]() { return screen.panes == 0; });
        }

        void gone(Panel::Act act)
        {
                auto outcome = s.attempt(act);

                CHECK(outcome.find("denied.withdrawn") != std::string::npos, outcome.c_str());
        }

        Session &s;
        Screen screen;
        RemoteUiOffer::Client offer;
};

struct Step {
        const char *name;
        void (Proof::*run)();
};

const Step steps[] = {
        {"lends-a-surface", &Proof::lends_a_surface},
        {"accepts-one-patch", &Proof::accepts_one_patch},
        {"sends-one-event", &Proof::sends_one_event},
        {"reaches-nothing-else", &Proof::reaches_nothing_else},
        {"withdraws", &Proof::withdraws},
        {"cannot-patch", &Proof::cannot_patch},
        {"cannot-reach-chrome", &Proof::cannot_reach_chrome},
        {"cannot-persist", &Proof::cannot_persist},
        {"lends-again", &Proof::lends_again},
};

bool step_run(Proof &proof, const Step &step)
{
        kj::String why;

        KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() {
                            try {
                                    (proof.*step.run)();
                            } catch (const Failed &f) {
                                    why = kj::str(f.why);
                            }
                    }))
                why = kj::str(e->getType(), " ", e->getDescription());
        if (why.size() == 0)
                printf("ok %s\n", step.name);
        else
                printf("not ok %s - %s\n", step.name, why.cStr());
        return why.size() == 0;
}

int prove(Session &s)
{
        unsigned passed = 0, failed = 0;
        Proof proof(s);

        for (const Step &step : steps)
                step_run(proof, step) ? passed++ : failed++;
        printf("%u passed, %u failed\n", passed, failed);
        return failed != 0;
}

/* ---- an end --------------------------------------------------------------------------------- */

void end_it(Session &s, RemoteUiOffer::Client &offer, const std::string &how)
{
        if (how == "withdraw")
                s.wait(offer.withdrawRequest().send().ignoreResult());
        else if (how == "logout")
                s.wait(s.session.logoutRequest().send().ignoreResult());
        else if (how == "finish")
                s.wait(s.panel.finishRequest().send().ignoreResult());
}

int see_end(Session &s, const char *how)
{
        Screen screen;
        std::string reason;
        auto offer = s.lend_host(kj::heap<Host>(screen));
        auto ended = offer.endedRequest().send();

        s.until([&]() { return screen.patches && screen.asked != nullptr; });
        puts("lent");
        fflush(stdout);
        if (strcmp(how, "drop") == 0) {
                auto gone = kj::mv(offer); /* `ended` was asked of it, and is canceled with it */
                auto dropped = kj::mv(ended);
                reason = "dropped";
        } else {
                end_it(s, offer, how);
                KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() {
                                    auto over = s.wait(kj::mv(ended));
                                    reason = kj::str(over.getEnd(), ": ", over.getReason()).cStr();
                            }))
                        reason = std::string("lost: ") + e->getDescription().cStr();
        }
        s.until([&]() { return screen.panes == 0 && screen.hosts == 0; });
        printf("ended with %u panes, %u hosts: %s\n", screen.panes, screen.hosts, reason.c_str());
        return 0;
}

/* ---- how many ------------------------------------------------------------------------------- */

RemoteUiOffer::Client lend_one(Session &s, Screen &screen)
{
        return s.lend(
                RemoteUiSurface::Client(kj::Own<RemoteUiSurface::Server>(kj::heap<Pane>(screen))));
}

void refused(Session &s, Screen &screen)
{
        kj::String why;

        KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() { lend_one(s, screen); }))
                why = kj::str(e->getDescription());
        CHECK(strstr(why.cStr(), "over-quota.ui-offers: ") != nullptr, why);
}

int see_offers(Session &s, unsigned most)
{
        Screen screen;
        std::vector<RemoteUiOffer::Client> offers;

        for (unsigned i = 0; i < most; i++)
                offers.push_back(lend_one(s, screen));
        refused(s, screen);
        s.wait(offers[0].withdrawRequest().send().ignoreResult());
        offers[0] = lend_one(s, screen);
        refused(s, screen);
        offers.pop_back(); /* dropped */
        s.until([&]() { return screen.panes < most; });
        offers.push_back(lend_one(s, screen));
        refused(s, screen);
        offers.clear();
        s.until([&]() { return screen.panes == 0; });
        puts("1 passed, 0 failed");
        return 0;
}

} // namespace

int main(int argc, char **argv)
{
        bool end = argc == 6 && !strcmp(argv[4], "end");
        bool offers = argc == 6 && !strcmp(argv[4], "offers");

        if (!end && !offers && (argc != 5 || strcmp(argv[4], "proof") != 0)) {
                fprintf(stderr, "usage: %s ADDRESS NAME PASSWORD proof|end HOW|offers N\n",
                        argv[0]);
                return 2;
        }

        auto io = kj::setupAsyncIo();
        try {
                Session s(io, argv + 1);

                if (offers)
                        return see_offers(s, static_cast<unsigned>(std::stoul(argv[5])));
                return end ? see_end(s, argv[5]) : prove(s);
        } catch (const Failed &f) {
                printf("not ok - %s\n", f.why.cStr());
        } catch (const kj::Exception &e) {
                printf("not ok - %s\n", e.getDescription().cStr());
        }
        return 1;
}
