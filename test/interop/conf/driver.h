/*
 * driver.h: what the files of conf-driver share: the table of cases, the connection a case makes,
 * the objects a case serves itself, and the checks.
 *
 * A case runs in a process of its own (see conf-driver.c++), so it may block, leak or crash
 * without touching the next one. It says what went wrong by throwing Failed; what it waits for at
 * this moment is kept in memory shared with the parent, so that a hang can be named, too.
 */
#pragma once

#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/vector.h>

#include <string>
#include <vector>

#include "conf.capnp.h"

namespace conf
{

/* A check that did not hold, with the reason for the report. */
struct Failed {
        kj::String why;
};

/* What a child leaves behind for its parent. */
struct Report {
        char step[256];
        char why[512];
};

class Env;
class Entrance;

/* Of direct.c++ or of session.c++, whichever the driver is linked with. */
kj::Own<Entrance> entrance_new(Env &env, capnp::TwoPartyClient &client);

/* How Conf is come by on a connection: its bootstrap object, or what a session there is granted. */
class Entrance
{
      public:
        virtual ~Entrance() noexcept(false) = default;

        /* Asks for it, every time anew. */
        virtual Conf::Client conf() = 0;
};

/* One connection to the server. */
struct Wire {
        explicit Wire(kj::Own<kj::AsyncIoStream> s) : stream(kj::mv(s)), client(*stream)
        {
        }

        kj::Own<kj::AsyncIoStream> stream;
        capnp::TwoPartyClient client;
};

/* One connection to the server and what it offers. */
struct Link : Wire {
        Link(kj::Own<kj::AsyncIoStream> s, Env &env)
            : Wire(kj::mv(s)), entrance(entrance_new(env, client)), conf(entrance->conf())
        {
        }

        kj::Own<Entrance> entrance;
        Conf::Client conf;
};

/* What a case is given. */
class Env
{
      public:
        Env(const char *address, Report &report)
            : io(kj::setupAsyncIo()), address(address), report(report)
        {
        }

        /* A new connection. To end it with calls open, reset the returned pointer. */
        kj::Own<Link> connect();

        /* The same without asking for anything. */
        kj::Own<Wire> connect_only();

        kj::WaitScope &scope()
        {
                return io.waitScope;
        }
        kj::Timer &timer()
        {
                return io.provider->getTimer();
        }

        /* Runs the event loop for a while. */
        void sleep(unsigned ms)
        {
                timer().afterDelay(ms * kj::MILLISECONDS).wait(scope());
        }

        /* Notes what is being waited for, for the report of a hang. */
        void step(int line, const char *text);

      private:
        kj::AsyncIoContext io;
        const char *address;
        Report &report;
};

/* A named case; `reference_skip` says why the 0.9.2 reference cannot satisfy it, or is null. */
struct Case {
        const char *name;
        void (*run)(Env &);
        const char *reference_skip;
};

std::vector<Case> &cases();

struct Registration {
        Registration(const char *name, void (*run)(Env &), const char *skip = nullptr)
        {
                cases().push_back(Case{name, run, skip});
        }
};

#define CASE(id)                                            \
        static void case_##id(conf::Env &env);              \
        static conf::Registration reg_##id(#id, case_##id); \
        static void case_##id([[maybe_unused]] conf::Env &env)

#define CASE_SKIP_REFERENCE(id, why)                             \
        static void case_##id(conf::Env &env);                   \
        static conf::Registration reg_##id(#id, case_##id, why); \
        static void case_##id([[maybe_unused]] conf::Env &env)

/* Waits for a promise, having noted its text. */
#define WAIT(promise) (env.step(__LINE__, #promise), (promise).wait(env.scope()))

#define CHECK(condition)                                                                  \
        do {                                                                              \
                if (!(condition))                                                         \
                        throw conf::Failed{kj::str("line ", __LINE__, ": ", #condition)}; \
        } while (0)

#define CHECK_EQ(left, right)                                                                    \
        do {                                                                                     \
                auto got_ = (left);                                                              \
                auto want_ = (right);                                                            \
                if (!(got_ == want_))                                                            \
                        throw conf::Failed{kj::str("line ", __LINE__, ": ", #left, " is ", got_, \
                                                   ", expected ", want_)};                       \
        } while (0)

/* Waits for a promise that must fail; yields the exception. */
#define CAUGHT(promise)                \
        (env.step(__LINE__, #promise), \
         conf::caught(__LINE__, #promise, [&]() { (void)(promise).wait(env.scope()); }))

template <typename Func> kj::Exception caught(int line, const char *text, Func &&func)
{
        KJ_IF_MAYBE(e, kj::runCatchingExceptions(func))
                return kj::mv(*e);
        throw Failed{kj::str("line ", line, ": ", text, " should have failed")};
}

/* The exception must have this type and carry this text in its reason. */
void check_exception(int line, const kj::Exception &e, kj::Exception::Type type,
                     kj::StringPtr reason);
#define CHECK_EXCEPTION(e, type, reason) \
        conf::check_exception(__LINE__, e, kj::Exception::Type::type, reason)

/* Asks until the answer is the expected one, for at most five seconds. */
template <typename Func>
void eventually(Env &env, int line, const char *text, uint64_t want, Func &&ask)
{
        uint64_t got = 0;
        for (int i = 0; i < 250; i++) {
                env.step(line, text);
                got = ask();
                if (got == want)
                        return;
                env.sleep(20);
        }
        throw Failed{kj::str("line ", line, ": ", text, " stays ", got, ", expected ", want)};
}
#define EVENTUALLY(expression, want) \
        conf::eventually(env, __LINE__, #expression, want, [&]() -> uint64_t { return expression; })

/* ---- short forms of calls that many cases make ---- */

uint64_t inc(Env &env, Counter::Client c, uint64_t by);
uint64_t get(Env &env, Counter::Client c);
kj::Promise<uint64_t> inc_later(Counter::Client c, uint64_t by);
Counter::Client make_counter(Env &env, Conf::Client conf, uint64_t start);
uint32_t live(Env &env, Conf::Client conf);
/* Before a case makes any: gives a server time to let go of those of the case before. */
uint32_t live_settled(Env &env, Conf::Client conf);
uint32_t cancelled(Env &env, Conf::Client conf);
void null_call(Env &env, Conf::Client conf);
Conf::Client fresh(Env &env, Conf::Client conf);
void hold(Env &env, Conf::Client conf, Counter::Client c);
Counter::Client held(Env &env, Conf::Client conf);
Counter::Client promise_cap(Env &env, Conf::Client conf, uint32_t delay_ms);
void drop_held(Env &env, Conf::Client conf);

/* ---- objects that a case serves ---- */

/* What the case sees of an object it serves: declare it before the connection. */
struct Watch {
        std::vector<uint64_t> order; /* the argument of every call, as they arrived */
        uint64_t value = 0;
        bool gone = false; /* the object was destroyed */
};

class LocalCounter final : public Counter::Server
{
      public:
        explicit LocalCounter(Watch &watch) : watch(watch)
        {
        }
        ~LocalCounter() noexcept(false)
        {
                watch.gone = true;
        }

        kj::Promise<void> inc(IncContext c) override;
        kj::Promise<void> get(GetContext c) override;

      private:
        Watch &watch;
};

/* Calls a function for every call(i). */
class LocalCallback final : public Callback::Server
{
      public:
        using Func = kj::Function<kj::Promise<uint64_t>(uint32_t)>;
        explicit LocalCallback(Func func) : func(kj::mv(func))
        {
        }

        kj::Promise<void> call(CallContext c) override;

      private:
        Func func;
};

/* foo(i) answers i + 1 and a counter whose value is i; counts what was called and cancelled. */
struct CalleeWatch {
        uint32_t calls = 0;
        uint32_t cancelled = 0;
        bool hang = false;
        bool fail = false;
        Watch counter;
};

class LocalCallee final : public Callee::Server
{
      public:
        explicit LocalCallee(CalleeWatch &watch) : watch(watch)
        {
        }

        kj::Promise<void> foo(FooContext c) override;

      private:
        CalleeWatch &watch;
};

/* The recorded arguments must be first, first + 1, ... */
void check_order(int line, const Watch &watch, size_t count);
#define CHECK_ORDER(watch, count) conf::check_order(__LINE__, watch, count)

} // namespace conf
