/*
 * cases-ref: what the reference's own tests are about and no other file has: embargoes over two
 * hops, promises of the client's that are echoed, resolved late or broken, references that are let
 * go of in the middle, streams and tail calls that are given up. Each behaves as between two vats
 * of the reference; they are also run through vats of ours that pass everything on.
 */
#include "driver.h"

#include <string.h>

namespace
{

using conf::Env;
using conf::Link;
using conf::Watch;

kj::Own<conf::LocalCounter> counter(Watch &w)
{
        return kj::heap<conf::LocalCounter>(w);
}

/* A counter that says of itself that it is a promise, for ever. */
class Undecided final : public Counter::Server
{
      public:
        explicit Undecided(Watch &watch) : watch(watch)
        {
        }
        kj::Promise<void> inc(IncContext c) override
        {
                watch.order.push_back(c.getParams().getBy());
                return kj::READY_NOW;
        }
        kj::Maybe<kj::Promise<capnp::Capability::Client>> shortenPath() override
        {
                return kj::Promise<capnp::Capability::Client>(kj::NEVER_DONE);
        }

      private:
        Watch &watch;
};

/* A callee whose calls never return; what has begun and what was given up is counted. */
struct Hung {
        uint32_t begun = 0, ended = 0;
};

class HangingCallee final : public Callee::Server
{
      public:
        explicit HangingCallee(Hung &hung) : hung(hung)
        {
        }
        kj::Promise<void> foo(FooContext c) override
        {
                c.allowCancellation();
                hung.begun++;
                return kj::Promise<void>(kj::NEVER_DONE).attach(kj::defer([this]() {
                        hung.ended++;
                }));
        }

      private:
        Hung &hung;
};

capnp::RemotePromise<Conf::EchoCapResults> echo(Conf::Client c, Counter::Client cap)
{
        auto req = c.echoCapRequest();
        req.setCap(kj::mv(cap));
        return req.send();
}

capnp::RemotePromise<Conf::EchoCapLaterResults> echo_later(Conf::Client c, Counter::Client cap,
                                                           uint32_t delay_ms)
{
        auto req = c.echoCapLaterRequest();
        req.setCap(kj::mv(cap));
        req.setDelayMs(delay_ms);
        return req.send();
}

capnp::RemotePromise<Conf::SumAllResults> sum_of(Conf::Client c, Counter::Client one,
                                                 unsigned copies = 1)
{
        auto req = c.sumAllRequest();
        auto list = req.initCaps(copies);

        for (unsigned i = 0; i < copies; i++)
                list.set(i, one);
        return req.send();
}

/* Calls while the reference is away, comes home, and is home: in the order they were made. */
template <typename Echo> void two_hops(Env &env, Link &link, const Watch &watch, Echo &&echoed)
{
        kj::Vector<kj::Promise<void>> calls;
        Counter::Client away = echoed.getCap();
        auto call = [&](uint64_t i) { calls.add(conf::inc_later(away, i).ignoreResult()); };

        call(0);
        call(1);
        conf::null_call(env, link.conf);
        call(2);
        WAIT(echoed);
        for (uint64_t i = 3; i < 60; i++) {
                call(i);
                if (i % 3 == 0)
                        env.sleep(1);
        }
        WAIT(kj::joinPromises(calls.releaseAsArray()));
        CHECK_EQ(watch.order.size(), 60u);
        for (uint64_t i = 0; i < 60; i++)
                CHECK_EQ(watch.order[size_t(i)], i);
        conf::null_call(env, link.conf);
}

template <typename Object> void two_hops_both_ways(Env &env)
{
        Watch now, later;
        auto link = env.connect();

        two_hops(env, *link, now, echo(link->conf, kj::heap<Object>(now)));
        two_hops(env, *link, later, echo_later(link->conf, kj::heap<Object>(later), 40));
}

} // namespace

/* ---- embargoes ---- */

CASE(ref_embargo_over_two_hops)
{
        two_hops_both_ways<conf::LocalCounter>(env);
}

CASE(ref_embargo_over_two_hops_of_what_stays_a_promise)
{
        two_hops_both_ways<Undecided>(env);
}

CASE(ref_embargo_of_a_promise_that_breaks)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        auto echoed = echo(link->conf, kj::mv(paf.promise));
        Counter::Client away = echoed.getCap();
        kj::Vector<kj::Promise<uint64_t>> calls;

        calls.add(conf::inc_later(away, 0));
        conf::null_call(env, link->conf);
        calls.add(conf::inc_later(away, 1));
        WAIT(echoed);
        calls.add(conf::inc_later(away, 2));
        calls.add(conf::inc_later(away, 3));
        paf.fulfiller->reject(KJ_EXCEPTION(FAILED, "it broke"));
        for (auto &call : calls)
                CHECK_EXCEPTION(CAUGHT(call), FAILED, "it broke");
        conf::null_call(env, link->conf);
}

CASE(ref_no_embargo_of_null)
{
        auto link = env.connect();
        conf::drop_held(env, link->conf);
        auto nothing = link->conf.getHeldRequest().send();
        Counter::Client cap = nothing.getCap();
        auto before = conf::inc_later(cap, 1);

        WAIT(nothing);
        auto after = conf::inc_later(cap, 1);
        (void)CAUGHT(before);
        (void)CAUGHT(after);
        conf::null_call(env, link->conf);
}

/* ---- promises of the client's ---- */

CASE(ref_a_call_on_a_promise_that_breaks_later)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        auto sum = sum_of(link->conf, kj::mv(paf.promise));

        env.sleep(30);
        CHECK(!sum.poll(env.scope()));
        paf.fulfiller->reject(KJ_EXCEPTION(FAILED, "it broke"));
        CHECK_EXCEPTION(CAUGHT(sum), FAILED, "it broke");
        conf::null_call(env, link->conf);
}

CASE(ref_a_promise_is_resolved_under_a_call)
{
        Watch watch;
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        auto sum = sum_of(link->conf, kj::mv(paf.promise));

        watch.value = 42;
        conf::null_call(env, link->conf);
        paf.fulfiller->fulfill(counter(watch));
        CHECK_EQ(WAIT(sum).getSum(), 42u);
}

CASE(ref_one_promise_exported_twice)
{
        Watch watch;
        auto link = env.connect();
        {
                auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
                Counter::Client promise(kj::mv(paf.promise));
                auto a = sum_of(link->conf, promise, 2), b = sum_of(link->conf, promise, 2);

                watch.value = 21;
                conf::null_call(env, link->conf);
                paf.fulfiller->fulfill(counter(watch));
                CHECK_EQ(WAIT(a).getSum(), 42u);
                CHECK_EQ(WAIT(b).getSum(), 42u);
        }
        EVENTUALLY((conf::null_call(env, link->conf), watch.gone), 1);
}

CASE(ref_a_promise_that_becomes_a_promise_twice_over)
{
        Watch watch;
        auto link = env.connect();
        auto a = kj::newPromiseAndFulfiller<Counter::Client>();
        auto b = kj::newPromiseAndFulfiller<Counter::Client>();
        auto c = kj::newPromiseAndFulfiller<Counter::Client>();
        Counter::Client away = echo(link->conf, kj::mv(a.promise)).getCap();
        kj::Vector<kj::Promise<uint64_t>> calls;

        for (uint64_t i = 0; i < 30; i++) {
                calls.add(conf::inc_later(away, i));
                if (i == 8)
                        a.fulfiller->fulfill(kj::mv(b.promise));
                if (i == 16)
                        b.fulfiller->fulfill(kj::mv(c.promise));
                if (i == 24)
                        c.fulfiller->fulfill(counter(watch));
                conf::null_call(env, link->conf);
        }
        WAIT(kj::joinPromises(calls.releaseAsArray()));
        for (uint64_t i = 0; i < 30; i++)
                CHECK_EQ(watch.order[size_t(i)], i);
}

CASE_SKIP_REFERENCE(ref_a_promise_resolved_to_its_own_echo,
                    "its server waits for itself, at full speed, and serves nobody any more")
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        Counter::Client away = echo_later(link->conf, kj::mv(paf.promise), 20).getCap();

        paf.fulfiller->fulfill(kj::cp(away));
        env.sleep(60);
        conf::null_call(env, link->conf);
}

CASE(ref_a_promise_resolves_between_making_and_sending)
{
        Watch watch;
        auto link = env.connect();
        Counter::Client away = echo_later(link->conf, counter(watch), 30).getCap();
        auto first = away.incRequest(), second = away.incRequest();

        first.setBy(0);
        second.setBy(1);
        auto a = first.send();
        WAIT(away.whenResolved());
        auto b = second.send();
        auto c = conf::inc_later(away, 2);
        WAIT(a);
        WAIT(b);
        WAIT(c);
        CHECK(watch.order == (std::vector<uint64_t>{0, 1, 2}));
}

/* ---- letting go ---- */

CASE(ref_references_released_while_the_return_is_on_its_way)
{
        auto link = env.connect();
        auto before = conf::live_settled(env, link->conf);

        for (int i = 0; i < 300; i++) {
                auto gone = link->conf.makeCounterRequest().send();

                for (int k = 0; k < i % 5; k++)
                        kj::evalLater([]() {}).wait(env.scope());
                if (i % 3 == 0)
                        env.sleep(0);
        }
        EVENTUALLY(conf::live(env, link->conf), before);
}

CASE(ref_a_canceled_call_releases_its_parameters)
{
        Watch watch;
        auto link = env.connect();
        {
                auto gone = echo_later(link->conf, counter(watch), 100000);

                conf::null_call(env, link->conf);
                CHECK(!watch.gone);
        }
        EVENTUALLY((conf::null_call(env, link->conf), watch.gone), 1);
}

CASE(ref_the_same_reference_sent_twice)
{
        Watch watch;
        auto link = env.connect();
        {
                Counter::Client own = counter(watch);

                watch.value = 21;
                CHECK_EQ(WAIT(sum_of(link->conf, own, 2)).getSum(), 42u);
                auto a = sum_of(link->conf, own), b = sum_of(link->conf, own);
                CHECK_EQ(WAIT(a).getSum(), 21u);
                CHECK_EQ(WAIT(b).getSum(), 21u);
                CHECK(!watch.gone);
        }
        EVENTUALLY((conf::null_call(env, link->conf), watch.gone), 1);
}

CASE(ref_retained_and_released)
{
        Watch watch;
        auto link = env.connect();

        conf::hold(env, link->conf, counter(watch));
        conf::null_call(env, link->conf);
        CHECK(!watch.gone);
        {
                auto home = conf::held(env, link->conf);

                CHECK_EQ(conf::inc(env, home, 1), 1u);
                CHECK_EQ(WAIT(sum_of(link->conf, home)).getSum(), 1u);
        }
        conf::null_call(env, link->conf);
        CHECK(!watch.gone);
        conf::drop_held(env, link->conf);
        EVENTUALLY((conf::null_call(env, link->conf), watch.gone), 1);
}

CASE(ref_a_reference_dropped_under_its_call)
{
        auto link = env.connect();
        kj::Maybe<capnp::RemotePromise<Conf::DelayedAddResults>> sum;
        {
                auto other = link->conf.freshRequest().send().getC();
                auto add = other.delayedAddRequest();

                add.setA(1);
                add.setB(2);
                add.setDelayMs(80);
                sum = add.send();
                conf::null_call(env, link->conf);
        }
        CHECK_EQ(WAIT(KJ_ASSERT_NONNULL(sum)).getSum(), 3);
}

/* ---- streams ---- */

static kj::Promise<void> write(Conf::Client c, size_t len)
{
        auto req = c.writeRequest();

        memset(req.initChunk(unsigned(len)).begin(), 1, len);
        return req.send();
}

CASE(ref_a_stream_through_a_promise_of_ones_own)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Conf::Client>();
        Conf::Client to(kj::mv(paf.promise));
        auto first = write(to, 3000);

        CHECK(!first.poll(env.scope()));
        paf.fulfiller->fulfill(conf::fresh(env, link->conf));
        WAIT(first);
        for (int i = 0; i < 50; i++)
                WAIT(write(to, 3000));
        auto found = WAIT(to.finishStreamRequest().send());
        CHECK_EQ(found.getBytes(), 51u * 3000);
        CHECK_EQ(found.getCalls(), 51u);
}

CASE(ref_a_stream_whose_reference_is_dropped_arrives)
{
        auto link = env.connect();
        kj::Promise<void> a = nullptr, b = nullptr;
        kj::Maybe<capnp::RemotePromise<Conf::FinishStreamResults>> end;
        {
                auto to = link->conf.freshRequest().send().getC();

                a = write(to, 100);
                b = write(to, 100);
                end = to.finishStreamRequest().send();
        }
        auto found = WAIT(KJ_ASSERT_NONNULL(end));
        CHECK_EQ(found.getBytes(), 200u);
        CHECK_EQ(found.getCalls(), 2u);
}

/* ---- tail calls ---- */

CASE(ref_a_tail_call_given_up)
{
        Hung hung;
        auto link = env.connect();
        {
                auto req = link->conf.tailRequest();

                req.setCallee(kj::heap<HangingCallee>(hung));
                auto gone = req.send();
                EVENTUALLY((conf::null_call(env, link->conf), hung.begun), 1);
                CHECK_EQ(hung.ended, 0u);
        }
        EVENTUALLY((conf::null_call(env, link->conf), hung.ended), 1);
}

CASE(ref_a_tail_call_given_up_at_every_moment)
{
        Hung hung;
        auto link = env.connect();

        for (int i = 0; i < 40; i++) {
                {
                        auto req = link->conf.tailRequest();

                        req.setCallee(kj::heap<HangingCallee>(hung));
                        auto gone = req.send();
                        for (int k = 0; k < i; k++)
                                kj::evalLater([]() {}).wait(env.scope());
                        if (i & 1)
                                env.sleep(0);
                }
                conf::null_call(env, link->conf);
                EVENTUALLY((conf::null_call(env, link->conf), hung.begun - hung.ended), 0);
        }
}

CASE(ref_calls_on_a_tail_call_before_and_after)
{
        Watch watch;
        struct Answering final : Callee::Server {
                explicit Answering(Watch &watch) : watch(watch)
                {
                }
                kj::Promise<void> foo(FooContext c) override
                {
                        auto results = c.getResults();

                        results.setI(c.getParams().getI());
                        results.setSelf(counter(watch));
                        return kj::READY_NOW;
                }
                Watch &watch;
        };
        auto link = env.connect();
        auto req = link->conf.tailRequest();

        req.setI(456);
        req.setCallee(kj::heap<Answering>(watch));
        auto sent = req.send();
        auto first = conf::inc_later(sent.getSelf(), 0);
        auto second = conf::inc_later(sent.getSelf(), 1);
        auto answer = WAIT(sent);
        CHECK_EQ(answer.getI(), 456u);
        auto third = conf::inc_later(sent.getSelf(), 2);
        WAIT(first);
        WAIT(second);
        WAIT(third);
        CHECK(watch.order == (std::vector<uint64_t>{0, 1, 2}));
}
