/*
 * cases-serve: objects of the client's own that the server calls, keeps, gives away and tail-calls.
 *
 * Here the server is a client, too: what it forwards must keep its order, what it drops must reach
 * the object's destructor, and a failure of ours must come back to us unchanged.
 */
#include "driver.h"

using conf::CalleeWatch;
using conf::inc_later;
using conf::LocalCallback;
using conf::LocalCallee;
using conf::LocalCounter;
using conf::Watch;

/* ---- the server calls back ---- */

static Callback::Client squares()
{
        return kj::heap<LocalCallback>([](uint32_t i) { return uint64_t(i) * i; });
}

static kj::Promise<uint64_t> call_back(Conf::Client conf, Callback::Client cb, uint32_t n)
{
        auto req = conf.callBackRequest();
        req.setCb(cb);
        req.setN(n);
        return req.send().then([](auto &&r) { return r.getSum(); });
}

CASE(call_back)
{
        auto link = env.connect();
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 0)), 0u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 1)), 0u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 4)), 14u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 100)), 328350u);
}

CASE(call_back_concurrent)
{
        auto link = env.connect();
        auto cb = squares();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 20; i++)
                all.add(call_back(link->conf, cb, 100));
        for (uint64_t sum : WAIT(kj::joinPromises(all.releaseAsArray())))
                CHECK_EQ(sum, 328350u);
}

CASE(call_back_answered_late)
{
        auto link = env.connect();
        Callback::Client cb = kj::heap<LocalCallback>([&](uint32_t) {
                return env.timer().afterDelay(5 * kj::MILLISECONDS).then([]() -> uint64_t {
                        return 2;
                });
        });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 50)), 100u);
}

CASE(call_back_that_calls_the_server)
{
        auto link = env.connect();
        Callback::Client cb = kj::heap<LocalCallback>([&](uint32_t i) {
                auto req = link->conf.addRequest();
                req.setA(int32_t(i));
                req.setB(1);
                return req.send().then([](auto &&r) { return uint64_t(r.getSum()); });
        });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 30)), 465u);
}

CASE(call_back_that_nests)
{
        auto link = env.connect();
        auto inner = squares();
        Callback::Client cb =
                kj::heap<LocalCallback>([&](uint32_t) { return call_back(link->conf, inner, 4); });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 10)), 140u);
}

CASE(call_back_that_fails)
{
        auto link = env.connect();
        Callback::Client cb = kj::heap<LocalCallback>([](uint32_t i) -> kj::Promise<uint64_t> {
                if (i == 3)
                        return KJ_EXCEPTION(OVERLOADED, "callback number three");
                return uint64_t(1);
        });
        auto e = CAUGHT(call_back(link->conf, cb, 8));
        CHECK_EXCEPTION(e, OVERLOADED, "callback number three");
        null_call(env, link->conf);
}

CASE(call_back_on_null)
{
        auto link = env.connect();
        auto req = link->conf.callBackRequest();
        req.setN(1);
        CAUGHT(req.send());
        null_call(env, link->conf);
}

CASE(call_back_releases_the_callback)
{
        auto link = env.connect();
        bool gone = false;
        auto guard = kj::heap(kj::defer([&]() { gone = true; }));
        Callback::Client cb = kj::heap<LocalCallback>(
                [guard = kj::mv(guard)](uint32_t) -> kj::Promise<uint64_t> { return uint64_t(1); });
        WAIT(call_back(link->conf, kj::mv(cb), 10));
        EVENTUALLY(gone, 1);
}

/* ---- hold ---- */

CASE(hold_and_get_held)
{
        Watch watch;
        auto link = env.connect();
        hold(env, link->conf, kj::heap<LocalCounter>(watch));
        CHECK_EQ(inc(env, held(env, link->conf), 4), 4u);
        CHECK(!watch.gone);
        drop_held(env, link->conf);
        EVENTUALLY(watch.gone, 1);
        CHECK(!WAIT(link->conf.getHeldRequest().send()).hasCap());
}

CASE(hold_keeps_a_counter_alive)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        hold(env, link->conf, make_counter(env, link->conf, 8));
        null_call(env, link->conf);
        CHECK_EQ(live(env, link->conf), before + 1);
        CHECK_EQ(get(env, held(env, link->conf)), 8u);
        drop_held(env, link->conf);
        EVENTUALLY(live(env, link->conf), before);
}

CASE(hold_across_connections)
{
        Watch watch;
        auto a = env.connect();
        auto b = env.connect();
        hold(env, a->conf, kj::heap<LocalCounter>(watch));
        {
                auto seen = held(env, b->conf);
                CHECK_EQ(inc(env, seen, 3), 3u);
                CHECK_EQ(inc(env, seen, 3), 6u);
        }
        drop_held(env, b->conf);
        EVENTUALLY(watch.gone, 1);
}

CASE(hold_across_connections_100_calls_in_order)
{
        Watch watch;
        auto a = env.connect();
        auto b = env.connect();
        hold(env, a->conf, kj::heap<LocalCounter>(watch));
        auto seen = b->conf.getHeldRequest().send().getCap();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint64_t i = 0; i < 100; i++)
                all.add(inc_later(seen, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        CHECK_ORDER(watch, 100);
        drop_held(env, a->conf);
}

CASE(hold_outlived_by_another_reference)
{
        Watch watch;
        auto a = env.connect();
        auto b = env.connect();
        hold(env, a->conf, kj::heap<LocalCounter>(watch));
        {
                auto seen = held(env, b->conf);
                drop_held(env, b->conf);
                CHECK_EQ(inc(env, seen, 1), 1u);
                CHECK(!watch.gone);
        }
        EVENTUALLY(watch.gone, 1);
}

CASE(hold_reference_of_the_other_dies_with_its_connection)
{
        Watch watch;
        auto a = env.connect();
        auto b = env.connect();
        hold(env, a->conf, kj::heap<LocalCounter>(watch));
        auto seen = held(env, b->conf);
        drop_held(env, a->conf);
        null_call(env, a->conf);
        CHECK(!watch.gone);
        b = nullptr;
        EVENTUALLY(watch.gone, 1);
}

CASE(hold_whose_owner_disconnects)
{
        Watch watch;
        auto a = env.connect();
        auto b = env.connect();
        hold(env, a->conf, kj::heap<LocalCounter>(watch));
        auto seen = held(env, b->conf);
        inc(env, seen, 1);
        a = nullptr;
        auto value = inc_later(seen, 1);
        CHECK_EXCEPTION(CAUGHT(value), DISCONNECTED, "");
        drop_held(env, b->conf);
        null_call(env, b->conf);
}

CASE(hold_replaces_what_was_held)
{
        Watch first, second;
        auto link = env.connect();
        hold(env, link->conf, kj::heap<LocalCounter>(first));
        hold(env, link->conf, kj::heap<LocalCounter>(second));
        EVENTUALLY(first.gone, 1);
        CHECK(!second.gone);
        drop_held(env, link->conf);
        EVENTUALLY(second.gone, 1);
}

CASE(graph_with_a_cycle_is_freed)
{
        struct Node final : public Counter::Server {
                Node(Counter::Client other, bool &gone) : other(kj::mv(other)), gone(gone)
                {
                }
                ~Node() noexcept(false)
                {
                        gone = true;
                }
                kj::Promise<void> inc(IncContext c) override
                {
                        auto req = other.incRequest();
                        req.setBy(c.getParams().getBy());
                        return c.tailCall(kj::mv(req));
                }
                Counter::Client other;
                bool &gone;
        };
        bool gone = false;
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        hold(env, link->conf, kj::heap<Node>(make_counter(env, link->conf, 60), gone));
        CHECK_EQ(live(env, link->conf), before + 1);
        CHECK_EQ(inc(env, held(env, link->conf), 1), 61u);
        drop_held(env, link->conf);
        EVENTUALLY(gone, 1);
        EVENTUALLY(live(env, link->conf), before);
}

/* ---- tail calls ---- */

static capnp::RemotePromise<FooResult> tail(Conf::Client conf, Callee::Client callee, uint32_t i)
{
        auto req = conf.tailRequest();
        req.setCallee(callee);
        req.setI(i);
        return req.send();
}

CASE(tail_call)
{
        CalleeWatch watch;
        auto link = env.connect();
        auto r = WAIT(tail(link->conf, kj::heap<LocalCallee>(watch), 41));
        CHECK_EQ(r.getI(), 42u);
        CHECK_EQ(watch.calls, 1u);
        CHECK_EQ(inc(env, r.getSelf(), 1), 42u);
}

CASE(tail_call_pipelined)
{
        CalleeWatch watch;
        auto link = env.connect();
        auto call = tail(link->conf, kj::heap<LocalCallee>(watch), 10);
        auto self = call.getSelf();
        auto first = inc_later(self, 1);
        auto second = inc_later(self, 2);
        CHECK_EQ(WAIT(first), 11u);
        CHECK_EQ(WAIT(second), 13u);
        CHECK_EQ(WAIT(call).getI(), 11u);
}

CASE(tail_call_pipelined_keeps_order)
{
        CalleeWatch watch;
        auto link = env.connect();
        auto call = tail(link->conf, kj::heap<LocalCallee>(watch), 0);
        Counter::Client self = call.getSelf();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint64_t i = 0; i < 50; i++)
                all.add(inc_later(self, i));
        WAIT(call);
        for (uint64_t i = 50; i < 100; i++)
                all.add(inc_later(self, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        CHECK_ORDER(watch.counter, 100);
}

CASE(tail_call_that_fails)
{
        CalleeWatch watch;
        watch.fail = true;
        auto link = env.connect();
        auto e = CAUGHT(tail(link->conf, kj::heap<LocalCallee>(watch), 1));
        CHECK_EXCEPTION(e, FAILED, "callee fails");
        null_call(env, link->conf);
}

CASE(tail_call_cancelled_reaches_the_callee)
{
        CalleeWatch watch;
        watch.hang = true;
        auto link = env.connect();
        {
                auto call = tail(link->conf, kj::heap<LocalCallee>(watch), 1);
                EVENTUALLY((null_call(env, link->conf), watch.calls), 1);
        }
        EVENTUALLY((null_call(env, link->conf), watch.cancelled), 1);
}

CASE(tail_call_to_null)
{
        auto link = env.connect();
        CAUGHT(link->conf.tailRequest().send());
        null_call(env, link->conf);
}

CASE(tail_call_across_connections)
{
        CalleeWatch watch;
        auto a = env.connect();
        auto b = env.connect();
        Callee::Client own = kj::heap<LocalCallee>(watch);
        hold(env, b->conf, own.castAs<Counter>());
        auto callee = held(env, a->conf).castAs<Callee>();
        auto call = tail(a->conf, callee, 5);
        auto early = inc_later(call.getSelf(), 1);
        CHECK_EQ(WAIT(early), 6u);
        CHECK_EQ(WAIT(call).getI(), 6u);
        drop_held(env, a->conf);
}

CASE(tail_call_many_at_once)
{
        CalleeWatch watch;
        auto link = env.connect();
        Callee::Client callee = kj::heap<LocalCallee>(watch);
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint32_t i = 0; i < 100; i++)
                all.add(tail(link->conf, callee, i).then([](auto &&r) -> uint64_t {
                        return r.getI();
                }));
        auto values = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (uint64_t i = 0; i < 100; i++)
                CHECK_EQ(values[i], i + 1);
        CHECK_EQ(watch.calls, 100u);
}

/* ---- several capabilities in one message ---- */

CASE(capability_in_both_directions_in_one_call)
{
        Watch watch;
        watch.value = 500;
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        auto list = req.getP().initAs<capnp::List<Payload>>(2);
        list[0].setCap(kj::heap<LocalCounter>(watch));
        list[1].setCap(make_counter(env, link->conf, 600));
        auto back = WAIT(req.send());
        auto got = back.getP().getAs<capnp::List<Payload>>();
        CHECK_EQ(inc(env, got[0].getCap(), 1), 501u);
        CHECK_EQ(inc(env, got[1].getCap(), 1), 601u);
}

CASE(echo_payload_with_own_capability)
{
        Watch watch;
        capnp::CapabilityServerSet<Counter> set;
        auto link = env.connect();
        auto req = link->conf.echoPayloadRequest();
        req.initP().setCap(set.add(kj::heap<LocalCounter>(watch)));
        auto back = WAIT(req.send()).getP().getCap();
        CHECK(WAIT(set.getLocalServer(back)) != nullptr);
}

CASE(sum_all)
{
        auto link = env.connect();
        CHECK_EQ(WAIT(link->conf.sumAllRequest().send()).getSum(), 0u);
        Watch watch;
        watch.value = 1000;
        auto req = link->conf.sumAllRequest();
        auto caps = req.initCaps(6);
        caps.set(0, make_counter(env, link->conf, 1));
        caps.set(2, kj::heap<LocalCounter>(watch));
        auto make = link->conf.makeCounterRequest();
        make.setStart(10);
        caps.set(3, make.send().getC());
        caps.set(5, promise_cap(env, link->conf, 30));
        CHECK_EQ(WAIT(req.send()).getSum(), 1111u); /* 1 and 4 are null */
        EVENTUALLY(watch.gone, 1);
}

CASE(sum_all_of_500)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        {
                auto req = link->conf.sumAllRequest();
                auto caps = req.initCaps(500);
                for (unsigned i = 0; i < 500; i++) {
                        auto make = link->conf.makeCounterRequest();
                        make.setStart(i);
                        caps.set(i, make.send().getC());
                }
                CHECK_EQ(WAIT(req.send()).getSum(), 124750u);
        }
        EVENTUALLY(live(env, link->conf), before);
}

CASE(sum_all_of_one_thing_many_times)
{
        Watch watch;
        watch.value = 2;
        auto link = env.connect();
        {
                Counter::Client own = kj::heap<LocalCounter>(watch);
                auto req = link->conf.sumAllRequest();
                auto caps = req.initCaps(100);
                for (unsigned i = 0; i < 100; i++)
                        caps.set(i, own);
                CHECK_EQ(WAIT(req.send()).getSum(), 200u);
        }
        EVENTUALLY(watch.gone, 1);
}
