/*
 * conf-impl: Conf of test/peers/conf.capnp, on the Cap'n Proto C++ library. conf-server puts it on
 * a socket of its own; conf-service (../session) puts it behind an instance.
 *
 * fresh() makes an object with a state of its own. finishStream() reports and starts again at zero.
 */
#include "conf-impl.h"

#include <capnp/rpc-twoparty.h>
#include <kj/debug.h>
#include <kj/refcount.h>

namespace
{

/* What one Conf object and everything made by it share. */
struct State final : public kj::Refcounted {
        explicit State(kj::Timer &timer) : timer(timer)
        {
        }

        kj::Timer &timer;
        uint32_t live = 0;
        uint32_t cancelled = 0;
        uint64_t stream_bytes = 0;
        uint32_t stream_calls = 0;
        kj::Maybe<Counter::Client> held;
};

class CounterImpl final : public Counter::Server
{
      public:
        explicit CounterImpl(uint64_t start) : value(start)
        {
        }
        CounterImpl(uint64_t start, kj::Own<State> owner) : value(start), state(kj::mv(owner))
        {
                state->live++;
        }
        ~CounterImpl() noexcept(false)
        {
                if (state.get() != nullptr)
                        state->live--;
        }

      protected:
        kj::Promise<void> inc(IncContext c) override
        {
                value += c.getParams().getBy();
                c.getResults().setValue(value);
                return kj::READY_NOW;
        }
        kj::Promise<void> get(GetContext c) override
        {
                c.getResults().setValue(value);
                return kj::READY_NOW;
        }

      private:
        uint64_t value;
        kj::Own<State> state;
};

class DerivedImpl final : public Derived::Server
{
      public:
        explicit DerivedImpl(kj::StringPtr name) : text(kj::str(name))
        {
        }

      protected:
        kj::Promise<void> inc(IncContext c) override
        {
                value += c.getParams().getBy();
                c.getResults().setValue(value);
                return kj::READY_NOW;
        }
        kj::Promise<void> get(GetContext c) override
        {
                c.getResults().setValue(value);
                return kj::READY_NOW;
        }
        kj::Promise<void> name(NameContext c) override
        {
                c.getResults().setName(text);
                return kj::READY_NOW;
        }

      private:
        kj::String text;
        uint64_t value = 0;
};

/* Lives as long as a hanging call: its end is the call's cancellation. */
struct HangGuard {
        explicit HangGuard(kj::Own<State> s) : state(kj::mv(s))
        {
        }
        HangGuard(HangGuard &&) = default;
        ~HangGuard()
        {
                if (state.get() != nullptr)
                        state->cancelled++;
        }
        kj::Own<State> state;
};

class ConfImpl final : public Eager::Server
{
      public:
        explicit ConfImpl(kj::Own<State> state) : state(kj::mv(state))
        {
        }

      protected:
        kj::Promise<void> null(NullContext) override
        {
                return kj::READY_NOW;
        }

        kj::Promise<void> add(AddContext c) override
        {
                auto p = c.getParams();
                c.getResults().setSum(int64_t(p.getA()) + p.getB());
                return kj::READY_NOW;
        }

        kj::Promise<void> echo(EchoContext c) override
        {
                c.getResults().setX(c.getParams().getX());
                return kj::READY_NOW;
        }

        kj::Promise<void> getSelf(GetSelfContext c) override
        {
                c.getResults().setCap(thisCap());
                return kj::READY_NOW;
        }

        kj::Promise<void> makeCounter(MakeCounterContext c) override
        {
                auto start = c.getParams().getStart();
                c.getResults().setC(kj::heap<CounterImpl>(start, kj::addRef(*state)));
                return kj::READY_NOW;
        }

        kj::Promise<void> liveCounters(LiveCountersContext c) override
        {
                c.getResults().setN(state->live);
                return kj::READY_NOW;
        }

        kj::Promise<void> echoCap(EchoCapContext c) override
        {
                if (c.getParams().hasCap())
                        c.getResults().setCap(c.getParams().getCap());
                return kj::READY_NOW;
        }

        kj::Promise<void> echoCapLater(EchoCapLaterContext c) override
        {
                c.allowCancellation();
                auto delay = c.getParams().getDelayMs() * kj::MILLISECONDS;
                return state->timer.afterDelay(delay).then([c]() mutable {
                        if (c.getParams().hasCap())
                                c.getResults().setCap(c.getParams().getCap());
                });
        }

        kj::Promise<void> callBack(CallBackContext c) override
        {
                auto cb = c.getParams().getCb();
                auto sum = kj::heap<uint64_t>(0);
                uint64_t *total = sum.get();
                kj::Vector<kj::Promise<void>> calls;
                for (uint32_t i = 0; i < c.getParams().getN(); i++) {
                        auto req = cb.callRequest();
                        req.setI(i);
                        calls.add(req.send().then([total](auto &&r) { *total += r.getV(); }));
                }
                c.allowCancellation();
                return kj::joinPromises(calls.releaseAsArray())
                        .then([c, total]() mutable { c.getResults().setSum(*total); })
                        .attach(kj::mv(sum));
        }

        kj::Promise<void> hold(HoldContext c) override
        {
                state->held = nullptr;
                if (c.getParams().hasCap())
                        state->held = c.getParams().getCap();
                return kj::READY_NOW;
        }

        kj::Promise<void> getHeld(GetHeldContext c) override
        {
                KJ_IF_MAYBE(cap, state->held)
                        c.getResults().setCap(*cap);
                return kj::READY_NOW;
        }

        kj::Promise<void> dropHeld(DropHeldContext) override
        {
                state->held = nullptr;
                return kj::READY_NOW;
        }

        kj::Promise<void> getPromiseCap(GetPromiseCapContext c) override
        {
                auto delay = c.getParams().getDelayMs() * kj::MILLISECONDS;
                c.getResults().setC(state->timer.afterDelay(delay).then(
                        []() -> Counter::Client { return kj::heap<CounterImpl>(100); }));
                return kj::READY_NOW;
        }

        kj::Promise<void> getBrokenPromise(GetBrokenPromiseContext c) override
        {
                auto p = c.getParams();
                auto delay = p.getDelayMs() * kj::MILLISECONDS;
                c.getResults().setC(state->timer.afterDelay(delay).then(
                        [why = kj::str(p.getReason())]() mutable -> Counter::Client {
                                kj::throwFatalException(kj::Exception(kj::Exception::Type::FAILED,
                                                                      __FILE__, __LINE__,
                                                                      kj::mv(why)));
                                KJ_UNREACHABLE;
                        }));
                return kj::READY_NOW;
        }

        kj::Promise<void> tail(TailContext c) override
        {
                auto req = c.getParams().getCallee().fooRequest();
                req.setI(c.getParams().getI());
                c.allowCancellation();
                return c.tailCall(kj::mv(req));
        }

        kj::Promise<void> fail(FailContext c) override
        {
                auto p = c.getParams();
                auto type = p.getType() <= 3 ? kj::Exception::Type(p.getType())
                                             : kj::Exception::Type::FAILED;
                return kj::Exception(type, __FILE__, __LINE__, kj::str(p.getReason()));
        }

        kj::Promise<void> hang(HangContext c) override
        {
                c.allowCancellation();
                return kj::Promise<void>(kj::NEVER_DONE).attach(HangGuard(kj::addRef(*state)));
        }

        kj::Promise<void> counter(CounterContext c) override
        {
                capnp::PipelineBuilder<Eager::CounterResults> early;

                early.setC(kj::heap<CounterImpl>(c.getParams().getStart(), kj::addRef(*state)));
                c.setPipeline(early.build());
                c.allowCancellation();
                return kj::Promise<void>(kj::NEVER_DONE).attach(HangGuard(kj::addRef(*state)));
        }

        kj::Promise<void> cancelCount(CancelCountContext c) override
        {
                c.getResults().setN(state->cancelled);
                return kj::READY_NOW;
        }

        kj::Promise<void> write(WriteContext c) override
        {
                auto chunk = c.getParams().getChunk();
                KJ_REQUIRE(chunk.size() == 0 || chunk[0] != 0xff, "poison");
                state->stream_bytes += chunk.size();
                state->stream_calls++;
                return kj::READY_NOW;
        }

        kj::Promise<void> finishStream(FinishStreamContext c) override
        {
                auto r = c.getResults();
                r.setBytes(state->stream_bytes);
                r.setCalls(state->stream_calls);
                state->stream_bytes = 0;
                state->stream_calls = 0;
                return kj::READY_NOW;
        }

        kj::Promise<void> delayedAdd(DelayedAddContext c) override
        {
                c.allowCancellation();
                auto delay = c.getParams().getDelayMs() * kj::MILLISECONDS;
                return state->timer.afterDelay(delay).then([c]() mutable {
                        auto p = c.getParams();
                        c.getResults().setSum(int64_t(p.getA()) + p.getB());
                });
        }

        kj::Promise<void> sumAll(SumAllContext c) override
        {
                auto caps = c.getParams().getCaps();
                auto sum = kj::heap<uint64_t>(0);
                uint64_t *total = sum.get();
                kj::Vector<kj::Promise<void>> calls;
                for (Counter::Client cap : caps) {
                        if (capnp::ClientHook::from(cap)->isNull())
                                continue;
                        calls.add(cap.getRequest().send().then(
                                [total](auto &&r) { *total += r.getValue(); }));
                }
                return kj::joinPromises(calls.releaseAsArray())
                        .then([c, total]() mutable { c.getResults().setSum(*total); })
                        .attach(kj::mv(sum));
        }

        kj::Promise<void> getDerived(GetDerivedContext c) override
        {
                c.getResults().setD(kj::heap<DerivedImpl>(c.getParams().getName()));
                return kj::READY_NOW;
        }

        kj::Promise<void> echoAny(EchoAnyContext c) override
        {
                c.getResults().getP().set(c.getParams().getP());
                return kj::READY_NOW;
        }

        kj::Promise<void> echoPayload(EchoPayloadContext c) override
        {
                if (c.getParams().hasP())
                        c.getResults().setP(c.getParams().getP());
                return kj::READY_NOW;
        }

        kj::Promise<void> isNull(IsNullContext c) override
        {
                c.getResults().setNull(!c.getParams().hasCap());
                return kj::READY_NOW;
        }

        kj::Promise<void> fresh(FreshContext c) override
        {
                c.getResults().setC(kj::heap<ConfImpl>(kj::refcounted<State>(state->timer)));
                return kj::READY_NOW;
        }

      private:
        kj::Own<State> state;
};

} // namespace

Conf::Client conf_new(kj::Timer &timer)
{
        return kj::heap<ConfImpl>(kj::refcounted<State>(timer));
}
