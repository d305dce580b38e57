/*
 * cases-caps: capabilities: their life, pipelining, promises, and order across a resolution.
 *
 * The order cases are the heart: calls made on one reference arrive in the order they were made,
 * whatever that reference turns out to be in the middle. The reference keeps this promise with
 * embargoes; a server that forgets one passes everything else and fails here.
 */
#include "driver.h"

using conf::inc_later;
using conf::LocalCounter;
using conf::Watch;

/* ---- the life of an object ---- */

CASE(make_counter_inc_get)
{
        auto link = env.connect();
        auto c = make_counter(env, link->conf, 10);
        CHECK_EQ(inc(env, c, 5), 15u);
        CHECK_EQ(get(env, c), 15u);
        auto big = make_counter(env, link->conf, 0xfffffffffffffff0u);
        CHECK_EQ(get(env, big), 0xfffffffffffffff0u);
}

CASE(counters_are_independent)
{
        auto link = env.connect();
        auto a = make_counter(env, link->conf, 1);
        auto b = make_counter(env, link->conf, 100);
        inc(env, a, 1);
        CHECK_EQ(get(env, a), 2u);
        CHECK_EQ(get(env, b), 100u);
}

CASE(release_reaches_zero)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        {
                kj::Vector<Counter::Client> all;
                for (int i = 0; i < 20; i++)
                        all.add(make_counter(env, link->conf, i));
                CHECK_EQ(live(env, link->conf), before + 20);
                all.truncate(5);
                EVENTUALLY(live(env, link->conf), before + 5);
        }
        EVENTUALLY(live(env, link->conf), before);
}

CASE(release_by_disconnect)
{
        auto watcher = env.connect();
        auto before = live_settled(env, watcher->conf);
        auto link = env.connect();
        {
                auto a = make_counter(env, link->conf, 0);
                auto b = make_counter(env, link->conf, 0);
                CHECK_EQ(live(env, watcher->conf), before + 2);
                link = nullptr;
        }
        EVENTUALLY(live(env, watcher->conf), before);
}

CASE(release_of_an_unread_result)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        WAIT(link->conf.makeCounterRequest().send());
        EVENTUALLY(live(env, link->conf), before);
}

CASE(release_of_an_abandoned_call)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        for (int i = 0; i < 50; i++) {
                auto gone = link->conf.makeCounterRequest().send();
        }
        null_call(env, link->conf);
        EVENTUALLY(live(env, link->conf), before);
}

CASE(release_after_many_copies_of_one_reference)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        {
                auto c = make_counter(env, link->conf, 3);
                kj::Vector<Counter::Client> copies;
                for (int i = 0; i < 50; i++) {
                        auto req = link->conf.echoCapRequest();
                        req.setCap(c);
                        copies.add(WAIT(req.send()).getCap());
                }
                inc(env, copies[49], 1);
                CHECK_EQ(get(env, c), 4u);
                CHECK_EQ(live(env, link->conf), before + 1);
        }
        EVENTUALLY(live(env, link->conf), before);
}

CASE(parameters_are_released_after_the_call)
{
        Watch watch;
        auto link = env.connect();
        {
                auto req = link->conf.isNullRequest();
                req.setCap(kj::heap<LocalCounter>(watch));
                CHECK(!WAIT(req.send()).getNull());
        }
        EVENTUALLY(watch.gone, 1);
}

CASE(parameters_are_released_when_the_call_is_cancelled)
{
        Watch watch;
        auto link = env.connect();
        {
                auto req = link->conf.echoCapLaterRequest();
                req.setCap(kj::heap<LocalCounter>(watch));
                req.setDelayMs(300);
                auto gone = req.send();
                null_call(env, link->conf);
        }
        EVENTUALLY(watch.gone, 1);
}

/* ---- pipelining ---- */

CASE(pipeline_on_a_result)
{
        auto link = env.connect();
        auto req = link->conf.makeCounterRequest();
        req.setStart(7);
        CHECK_EQ(WAIT(inc_later(req.send().getC(), 1)), 8u);
}

/* A server lets what it has put into results be called before it returns them. */
CASE(pipeline_on_what_never_returns)
{
        auto link = env.connect();
        auto before = cancelled(env, link->conf);
        auto counters = live(env, link->conf);
        {
                auto req = link->conf.castAs<Eager>().counterRequest();
                req.setStart(5);
                auto call = req.send();
                auto c = call.getC();
                CHECK_EQ(WAIT(inc_later(c, 1)), 6u);
                CHECK_EQ(WAIT(inc_later(c, 1)), 7u);
        }
        EVENTUALLY(cancelled(env, link->conf), before + 1);
        EVENTUALLY(live(env, link->conf), counters);
}

CASE(pipeline_100_calls_in_order)
{
        auto link = env.connect();
        auto c = link->conf.makeCounterRequest().send().getC();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 100; i++)
                all.add(inc_later(c, 1));
        auto values = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (uint64_t i = 0; i < 100; i++)
                CHECK_EQ(values[i], i + 1);
}

CASE(pipeline_100_deep)
{
        auto link = env.connect();
        Conf::Client at = link->conf;
        for (int i = 0; i < 100; i++)
                at = at.getSelfRequest().send().getCap();
        auto req = at.makeCounterRequest();
        req.setStart(5);
        CHECK_EQ(WAIT(inc_later(req.send().getC(), 1)), 6u);
}

CASE(pipelined_capability_as_a_parameter)
{
        auto link = env.connect();
        auto make = link->conf.makeCounterRequest();
        make.setStart(50);
        auto c = make.send().getC();
        auto req = link->conf.echoCapRequest();
        req.setCap(c);
        auto back = req.send().getCap();
        auto first = inc_later(back, 1);
        auto second = inc_later(c, 1);
        auto sum = WAIT(first) + WAIT(second);
        CHECK_EQ(sum, 103u);
        CHECK_EQ(get(env, back), 52u);
}

CASE(pipelined_result_outlives_its_question)
{
        auto link = env.connect();
        Counter::Client c = nullptr;
        {
                auto call = link->conf.makeCounterRequest().send();
                c = call.getC();
        }
        CHECK_EQ(inc(env, c, 1), 1u);
        CHECK_EQ(inc(env, c, 1), 2u);
}

/* ---- promises of the server's ---- */

CASE(promise_cap_returns_at_once)
{
        auto link = env.connect();
        auto c = promise_cap(env, link->conf, 2000);
        auto value = c.getRequest().send(); /* waits for what c becomes */
        null_call(env, link->conf);
        CHECK(!value.poll(env.scope()));
        CHECK_EQ(WAIT(value).getValue(), 100u);
}

CASE(promise_cap_keeps_order_across_its_resolution)
{
        auto link = env.connect();
        auto c = promise_cap(env, link->conf, 100);
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 50; i++)
                all.add(inc_later(c, 1));
        for (int i = 0; i < 50; i++) {
                env.sleep(4);
                all.add(inc_later(c, 1));
        }
        WAIT(c.whenResolved());
        for (int i = 0; i < 20; i++)
                all.add(inc_later(c, 1));
        auto values = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (uint64_t i = 0; i < 120; i++)
                CHECK_EQ(values[i], 101 + i);
}

CASE(promise_cap_pipelined_before_its_return)
{
        auto link = env.connect();
        auto req = link->conf.getPromiseCapRequest();
        req.setDelayMs(50);
        auto c = req.send().getC();
        auto first = inc_later(c, 1);
        auto second = inc_later(c, 1);
        CHECK_EQ(WAIT(first), 101u);
        CHECK_EQ(WAIT(second), 102u);
}

CASE(promise_cap_resolves_for_one_who_waits)
{
        auto link = env.connect();
        auto c = promise_cap(env, link->conf, 50);
        WAIT(c.whenResolved());
        CHECK_EQ(get(env, c), 100u);
}

CASE(promise_cap_dropped_before_it_resolves)
{
        auto link = env.connect();
        for (int i = 0; i < 20; i++)
                promise_cap(env, link->conf, 50);
        env.sleep(150);
        null_call(env, link->conf);
}

CASE(promise_cap_passed_on_before_it_resolves)
{
        auto link = env.connect();
        auto c = promise_cap(env, link->conf, 100);
        auto req = link->conf.echoCapRequest();
        req.setCap(c);
        auto back = WAIT(req.send()).getCap();
        auto first = inc_later(c, 1);
        WAIT(first);
        CHECK_EQ(inc(env, back, 1), 102u);
        CHECK_EQ(get(env, c), 102u);
}

CASE(promise_cap_disconnect_before_it_resolves)
{
        auto watcher = env.connect();
        for (int i = 0; i < 10; i++) {
                auto link = env.connect();
                auto c = promise_cap(env, link->conf, 30);
                auto v = inc_later(c, 1);
                null_call(env, link->conf);
        }
        env.sleep(100);
        null_call(env, watcher->conf);
}

static Counter::Client broken_cap(conf::Env &env, Conf::Client conf, uint32_t delay_ms)
{
        auto req = conf.getBrokenPromiseRequest();
        req.setDelayMs(delay_ms);
        req.setReason("it broke");
        return WAIT(req.send()).getC();
}

CASE(broken_promise_fails_the_calls_made_before)
{
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 100);
        auto value = inc_later(c, 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "it broke");
}

CASE(broken_promise_fails_the_calls_made_after)
{
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 20);
        CHECK_EXCEPTION(CAUGHT(c.whenResolved()), FAILED, "it broke");
        auto value = inc_later(c, 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "it broke");
        null_call(env, link->conf);
}

CASE(broken_promise_pipelined_before_its_return)
{
        auto link = env.connect();
        auto req = link->conf.getBrokenPromiseRequest();
        req.setReason("broke early");
        auto value = inc_later(req.send().getC(), 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "broke early");
}

CASE(broken_promise_as_a_parameter)
{
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 50);
        auto req = link->conf.sumAllRequest();
        req.initCaps(1).set(0, c);
        CHECK_EXCEPTION(CAUGHT(req.send()), FAILED, "it broke");
}

/* ---- objects of the client's own that come home ---- */

CASE(echo_cap_null)
{
        auto link = env.connect();
        CHECK(!WAIT(link->conf.echoCapRequest().send()).hasCap());
}

CASE(echo_cap_of_the_server)
{
        auto link = env.connect();
        auto c = make_counter(env, link->conf, 1);
        auto req = link->conf.echoCapRequest();
        req.setCap(c);
        auto back = WAIT(req.send()).getCap();
        inc(env, c, 1);
        CHECK_EQ(inc(env, back, 1), 3u);
}

CASE(echo_cap_own_comes_home)
{
        Watch watch;
        capnp::CapabilityServerSet<Counter> set;
        auto link = env.connect();
        Counter::Client own = set.add(kj::heap<LocalCounter>(watch));
        auto req = link->conf.echoCapRequest();
        req.setCap(own);
        auto back = WAIT(req.send()).getCap();
        CHECK_EQ(inc(env, back, 5), 5u);
        CHECK(WAIT(set.getLocalServer(back)) != nullptr);
        link = nullptr; /* a direct reference needs no connection */
        CHECK_EQ(inc(env, back, 5), 10u);
}

CASE(echo_cap_later_own_comes_home)
{
        Watch watch;
        capnp::CapabilityServerSet<Counter> set;
        auto link = env.connect();
        Counter::Client own = set.add(kj::heap<LocalCounter>(watch));
        auto req = link->conf.echoCapLaterRequest();
        req.setCap(own);
        req.setDelayMs(50);
        auto call = req.send();
        Counter::Client back = call.getCap();
        auto first = inc_later(back, 0);
        WAIT(call);
        WAIT(first);
        WAIT(back.whenResolved());
        CHECK(WAIT(set.getLocalServer(back)) != nullptr);
}

/* One hundred calls through a reference that turns out, half-way, to be an object of ours. */
static void embargo_order(conf::Env &env, uint32_t delay_ms, bool large)
{
        Watch watch;
        auto link = env.connect();
        auto req = link->conf.echoCapLaterRequest();
        req.setCap(kj::heap<LocalCounter>(watch));
        req.setDelayMs(delay_ms);
        auto call = req.send();
        Counter::Client back = call.getCap();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint64_t i = 0; i < 50; i++)
                all.add(inc_later(back, i));
        if (large) {
                auto echo = link->conf.echoRequest();
                echo.initX(1 << 20);
                all.add(echo.send().then([](auto &&) -> uint64_t { return 0; }));
        }
        WAIT(call);
        for (uint64_t i = 50; i < 100; i++)
                all.add(inc_later(back, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        CHECK_ORDER(watch, 100);
}

CASE(embargo_order_after_a_delay)
{
        embargo_order(env, 100, false);
}

CASE(embargo_order_without_delay)
{
        embargo_order(env, 0, false);
}

CASE(embargo_order_behind_a_large_answer)
{
        embargo_order(env, 20, true);
}

CASE(embargo_order_undelayed_echo_cap)
{
        Watch watch;
        auto link = env.connect();
        auto req = link->conf.echoCapRequest();
        req.setCap(kj::heap<LocalCounter>(watch));
        auto call = req.send();
        Counter::Client back = call.getCap();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint64_t i = 0; i < 50; i++)
                all.add(inc_later(back, i));
        WAIT(call);
        for (uint64_t i = 50; i < 100; i++)
                all.add(inc_later(back, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        CHECK_ORDER(watch, 100);
}

CASE(embargo_order_of_several_references_at_once)
{
        Watch watch[8];
        auto link = env.connect();
        kj::Vector<kj::Promise<uint64_t>> all;
        kj::Vector<Counter::Client> backs;
        kj::Vector<kj::Promise<void>> calls;
        for (uint32_t k = 0; k < 8; k++) {
                auto req = link->conf.echoCapLaterRequest();
                req.setCap(kj::heap<LocalCounter>(watch[k]));
                req.setDelayMs(10 * k);
                auto call = req.send();
                backs.add(call.getCap());
                calls.add(call.ignoreResult());
        }
        for (uint64_t i = 0; i < 30; i++)
                for (auto &back : backs)
                        all.add(inc_later(back, i));
        WAIT(kj::joinPromises(calls.releaseAsArray()));
        for (uint64_t i = 30; i < 60; i++)
                for (auto &back : backs)
                        all.add(inc_later(back, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        for (auto &w : watch)
                CHECK_ORDER(w, 60);
}

CASE(embargo_of_a_null_result)
{
        auto link = env.connect();
        auto req = link->conf.echoCapLaterRequest();
        req.setDelayMs(30);
        auto call = req.send();
        Counter::Client back = call.getCap();
        auto before = inc_later(back, 1);
        WAIT(call);
        auto after = inc_later(back, 2);
        CAUGHT(before);
        CAUGHT(after);
        null_call(env, link->conf);
}

/* ---- promises of the client's ---- */

CASE(client_promise_resolves_to_an_own_object)
{
        Watch watch;
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        Counter::Client promise = kj::mv(paf.promise);
        auto req = link->conf.sumAllRequest();
        req.initCaps(1).set(0, promise);
        auto sum = req.send();
        env.sleep(50);
        watch.value = 12;
        paf.fulfiller->fulfill(kj::heap<LocalCounter>(watch));
        CHECK_EQ(WAIT(sum).getSum(), 12u);
}

CASE(client_promise_resolves_to_the_servers_object)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        Counter::Client promise = kj::mv(paf.promise);
        auto c = make_counter(env, link->conf, 31);
        auto req = link->conf.sumAllRequest();
        req.initCaps(1).set(0, promise);
        auto sum = req.send();
        env.sleep(30);
        paf.fulfiller->fulfill(kj::cp(c));
        CHECK_EQ(WAIT(sum).getSum(), 31u);
}

CASE(client_promise_held_by_the_server_keeps_order)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        Counter::Client promise = kj::mv(paf.promise);
        auto c = make_counter(env, link->conf, 0);
        hold(env, link->conf, promise);
        auto other = env.connect();
        auto back = held(env, other->conf);
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 30; i++)
                all.add(inc_later(back, 1));
        null_call(env, other->conf);
        paf.fulfiller->fulfill(kj::cp(c));
        for (int i = 0; i < 30; i++) {
                env.sleep(1);
                all.add(inc_later(back, 1));
        }
        auto values = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (uint64_t i = 0; i < 60; i++)
                CHECK_EQ(values[i], i + 1);
        drop_held(env, link->conf);
}

CASE(client_promise_is_broken)
{
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        auto req = link->conf.sumAllRequest();
        req.initCaps(1).set(0, kj::mv(paf.promise));
        auto sum = req.send();
        env.sleep(30);
        paf.fulfiller->reject(KJ_EXCEPTION(FAILED, "client broke it"));
        CHECK_EXCEPTION(CAUGHT(sum), FAILED, "client broke it");
        null_call(env, link->conf);
}

CASE(client_promise_echoed_before_it_resolves)
{
        Watch watch;
        auto link = env.connect();
        auto paf = kj::newPromiseAndFulfiller<Counter::Client>();
        auto req = link->conf.echoCapRequest();
        req.setCap(kj::mv(paf.promise));
        auto call = req.send();
        Counter::Client back = call.getCap();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (uint64_t i = 0; i < 20; i++)
                all.add(inc_later(back, i));
        WAIT(call);
        for (uint64_t i = 20; i < 40; i++)
                all.add(inc_later(back, i));
        paf.fulfiller->fulfill(kj::heap<LocalCounter>(watch));
        for (uint64_t i = 40; i < 60; i++)
                all.add(inc_later(back, i));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        CHECK_ORDER(watch, 60);
}
