/*
 * cases-caps: capabilities: their life, pipelining, promises, order across a resolution, tail calls,
 * and objects of the client's own that the server calls, keeps and gives back.
 *
 * The order cases are the heart: calls made on one reference arrive in the order they were made,
 * whatever that reference turns out to be in the middle. The reference keeps this promise with
 * embargoes; a server that forgets one passes everything else and fails here.
 */
#include "driver.h"

using conf::CalleeWatch;
using conf::inc_later;
using conf::LocalCallback;
using conf::LocalCallee;
using conf::LocalCounter;
using conf::Watch;

/* ---- the life of an object ---- */

CASE(make_counter_inc_get) {
        auto link = env.connect();
        auto c = make_counter(env, link->conf, 10);
        CHECK_EQ(inc(env, c, 5), 15u);
        CHECK_EQ(get(env, c), 15u);
        auto big = make_counter(env, link->conf, 0xfffffffffffffff0u);
        CHECK_EQ(get(env, big), 0xfffffffffffffff0u);
}

CASE(counters_are_independent) {
        auto link = env.connect();
        auto a = make_counter(env, link->conf, 1);
        auto b = make_counter(env, link->conf, 100);
        inc(env, a, 1);
        CHECK_EQ(get(env, a), 2u);
        CHECK_EQ(get(env, b), 100u);
}

CASE(release_reaches_zero) {
        auto link = env.connect();
        auto before = live(env, link->conf);
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

CASE(release_by_disconnect) {
        auto watcher = env.connect();
        auto before = live(env, watcher->conf);
        auto link = env.connect();
        {
                auto a = make_counter(env, link->conf, 0);
                auto b = make_counter(env, link->conf, 0);
                CHECK_EQ(live(env, watcher->conf), before + 2);
                link = nullptr;
        }
        EVENTUALLY(live(env, watcher->conf), before);
}

CASE(release_of_an_unread_result) {
        auto link = env.connect();
        auto before = live(env, link->conf);
        WAIT(link->conf.makeCounterRequest().send());
        EVENTUALLY(live(env, link->conf), before);
}

CASE(release_of_an_abandoned_call) {
        auto link = env.connect();
        auto before = live(env, link->conf);
        for (int i = 0; i < 50; i++) {
                auto gone = link->conf.makeCounterRequest().send();
        }
        null_call(env, link->conf);
        EVENTUALLY(live(env, link->conf), before);
}

CASE(release_after_many_copies_of_one_reference) {
        auto link = env.connect();
        auto before = live(env, link->conf);
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

CASE(parameters_are_released_after_the_call) {
        Watch watch;
        auto link = env.connect();
        {
                auto req = link->conf.isNullRequest();
                req.setCap(kj::heap<LocalCounter>(watch));
                CHECK(!WAIT(req.send()).getNull());
        }
        EVENTUALLY(watch.gone, 1);
}

CASE(parameters_are_released_when_the_call_is_cancelled) {
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

CASE(pipeline_on_a_result) {
        auto link = env.connect();
        auto req = link->conf.makeCounterRequest();
        req.setStart(7);
        CHECK_EQ(WAIT(inc_later(req.send().getC(), 1)), 8u);
}

CASE(pipeline_100_calls_in_order) {
        auto link = env.connect();
        auto c = link->conf.makeCounterRequest().send().getC();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 100; i++)
                all.add(inc_later(c, 1));
        auto values = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (uint64_t i = 0; i < 100; i++)
                CHECK_EQ(values[i], i + 1);
}

CASE(pipeline_100_deep) {
        auto link = env.connect();
        Conf::Client at = link->conf;
        for (int i = 0; i < 100; i++)
                at = at.getSelfRequest().send().getCap();
        auto req = at.makeCounterRequest();
        req.setStart(5);
        CHECK_EQ(WAIT(inc_later(req.send().getC(), 1)), 6u);
}

CASE(pipelined_capability_as_a_parameter) {
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

CASE(pipelined_result_outlives_its_question) {
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

static Counter::Client promise_cap(conf::Env &env, Conf::Client conf, uint32_t delay_ms) {
        auto req = conf.getPromiseCapRequest();
        req.setDelayMs(delay_ms);
        return WAIT(req.send()).getC();
}

CASE(promise_cap_returns_at_once) {
        auto link = env.connect();
        auto start = kj::systemCoarseMonotonicClock().now();
        auto c = promise_cap(env, link->conf, 1500);
        CHECK(kj::systemCoarseMonotonicClock().now() - start < 1 * kj::SECONDS);
        CHECK_EQ(get(env, c), 100u);
        CHECK(kj::systemCoarseMonotonicClock().now() - start > 1400 * kj::MILLISECONDS);
}

CASE(promise_cap_keeps_order_across_its_resolution) {
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

CASE(promise_cap_pipelined_before_its_return) {
        auto link = env.connect();
        auto req = link->conf.getPromiseCapRequest();
        req.setDelayMs(50);
        auto c = req.send().getC();
        auto first = inc_later(c, 1);
        auto second = inc_later(c, 1);
        CHECK_EQ(WAIT(first), 101u);
        CHECK_EQ(WAIT(second), 102u);
}

CASE(promise_cap_resolves_for_one_who_waits) {
        auto link = env.connect();
        auto c = promise_cap(env, link->conf, 50);
        WAIT(c.whenResolved());
        CHECK_EQ(get(env, c), 100u);
}

CASE(promise_cap_dropped_before_it_resolves) {
        auto link = env.connect();
        for (int i = 0; i < 20; i++)
                promise_cap(env, link->conf, 50);
        env.sleep(150);
        null_call(env, link->conf);
}

CASE(promise_cap_passed_on_before_it_resolves) {
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

CASE(promise_cap_disconnect_before_it_resolves) {
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

static Counter::Client broken_cap(conf::Env &env, Conf::Client conf, uint32_t delay_ms) {
        auto req = conf.getBrokenPromiseRequest();
        req.setDelayMs(delay_ms);
        req.setReason("it broke");
        return WAIT(req.send()).getC();
}

CASE(broken_promise_fails_the_calls_made_before) {
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 100);
        auto value = inc_later(c, 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "it broke");
}

CASE(broken_promise_fails_the_calls_made_after) {
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 20);
        CHECK_EXCEPTION(CAUGHT(c.whenResolved()), FAILED, "it broke");
        auto value = inc_later(c, 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "it broke");
        null_call(env, link->conf);
}

CASE(broken_promise_pipelined_before_its_return) {
        auto link = env.connect();
        auto req = link->conf.getBrokenPromiseRequest();
        req.setReason("broke early");
        auto value = inc_later(req.send().getC(), 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "broke early");
}

CASE(broken_promise_as_a_parameter) {
        auto link = env.connect();
        auto c = broken_cap(env, link->conf, 50);
        auto req = link->conf.sumAllRequest();
        req.initCaps(1).set(0, c);
        CHECK_EXCEPTION(CAUGHT(req.send()), FAILED, "it broke");
}

/* ---- objects of the client's own that come home ---- */

CASE(echo_cap_null) {
        auto link = env.connect();
        CHECK(!WAIT(link->conf.echoCapRequest().send()).hasCap());
}

CASE(echo_cap_of_the_server) {
        auto link = env.connect();
        auto c = make_counter(env, link->conf, 1);
        auto req = link->conf.echoCapRequest();
        req.setCap(c);
        auto back = WAIT(req.send()).getCap();
        inc(env, c, 1);
        CHECK_EQ(inc(env, back, 1), 3u);
}

CASE(echo_cap_own_comes_home) {
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

CASE(echo_cap_later_own_comes_home) {
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
static void embargo_order(conf::Env &env, uint32_t delay_ms, bool large) {
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

CASE(embargo_order_after_a_delay) {
        embargo_order(env, 100, false);
}

CASE(embargo_order_without_delay) {
        embargo_order(env, 0, false);
}

CASE(embargo_order_behind_a_large_answer) {
        embargo_order(env, 20, true);
}

CASE(embargo_order_undelayed_echo_cap) {
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

CASE(embargo_order_of_several_references_at_once) {
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

CASE(embargo_of_a_null_result) {
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

CASE(client_promise_resolves_to_an_own_object) {
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

CASE(client_promise_resolves_to_the_servers_object) {
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

CASE(client_promise_held_by_the_server_keeps_order) {
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

CASE(client_promise_is_broken) {
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

CASE(client_promise_echoed_before_it_resolves) {
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

/* ---- the server calls back ---- */

static Callback::Client squares() {
        return kj::heap<LocalCallback>([](uint32_t i) { return uint64_t(i) * i; });
}

static kj::Promise<uint64_t> call_back(Conf::Client conf, Callback::Client cb, uint32_t n) {
        auto req = conf.callBackRequest();
        req.setCb(cb);
        req.setN(n);
        return req.send().then([](auto &&r) { return r.getSum(); });
}

CASE(call_back) {
        auto link = env.connect();
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 0)), 0u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 1)), 0u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 4)), 14u);
        CHECK_EQ(WAIT(call_back(link->conf, squares(), 100)), 328350u);
}

CASE(call_back_concurrent) {
        auto link = env.connect();
        auto cb = squares();
        kj::Vector<kj::Promise<uint64_t>> all;
        for (int i = 0; i < 20; i++)
                all.add(call_back(link->conf, cb, 100));
        for (uint64_t sum : WAIT(kj::joinPromises(all.releaseAsArray())))
                CHECK_EQ(sum, 328350u);
}

CASE(call_back_answered_late) {
        auto link = env.connect();
        Callback::Client cb = kj::heap<LocalCallback>([&](uint32_t) {
                return env.timer().afterDelay(5 * kj::MILLISECONDS).then([]() -> uint64_t {
                        return 2;
                });
        });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 50)), 100u);
}

CASE(call_back_that_calls_the_server) {
        auto link = env.connect();
        Callback::Client cb = kj::heap<LocalCallback>([&](uint32_t i) {
                auto req = link->conf.addRequest();
                req.setA(int32_t(i));
                req.setB(1);
                return req.send().then([](auto &&r) { return uint64_t(r.getSum()); });
        });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 30)), 465u);
}

CASE(call_back_that_nests) {
        auto link = env.connect();
        auto inner = squares();
        Callback::Client cb = kj::heap<LocalCallback>(
                [&](uint32_t) { return call_back(link->conf, inner, 4); });
        CHECK_EQ(WAIT(call_back(link->conf, cb, 10)), 140u);
}

CASE(call_back_that_fails) {
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

CASE(call_back_on_null) {
        auto link = env.connect();
        auto req = link->conf.callBackRequest();
        req.setN(1);
        CAUGHT(req.send());
        null_call(env, link->conf);
}

CASE(call_back_releases_the_callback) {
        auto link = env.connect();
        bool gone = false;
        auto guard = kj::heap(kj::defer([&]() { gone = true; }));
        Callback::Client cb = kj::heap<LocalCallback>(
                [guard = kj::mv(guard)](uint32_t) -> kj::Promise<uint64_t> { return uint64_t(1); });
        WAIT(call_back(link->conf, kj::mv(cb), 10));
        EVENTUALLY(gone, 1);
}

/* ---- hold ---- */

CASE(hold_and_get_held) {
        Watch watch;
        auto link = env.connect();
        hold(env, link->conf, kj::heap<LocalCounter>(watch));
        CHECK_EQ(inc(env, held(env, link->conf), 4), 4u);
        CHECK(!watch.gone);
        drop_held(env, link->conf);
        EVENTUALLY(watch.gone, 1);
        CHECK(!WAIT(link->conf.getHeldRequest().send()).hasCap());
}

CASE(hold_keeps_a_counter_alive) {
        auto link = env.connect();
        auto before = live(env, link->conf);
        hold(env, link->conf, make_counter(env, link->conf, 8));
        null_call(env, link->conf);
        CHECK_EQ(live(env, link->conf), before + 1);
        CHECK_EQ(get(env, held(env, link->conf)), 8u);
        drop_held(env, link->conf);
        EVENTUALLY(live(env, link->conf), before);
}

CASE(hold_across_connections) {
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

CASE(hold_across_connections_100_calls_in_order) {
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

CASE(hold_outlived_by_another_reference) {
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

CASE(hold_reference_of_the_other_dies_with_its_connection) {
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

CASE(hold_whose_owner_disconnects) {
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

CASE(hold_replaces_what_was_held) {
        Watch first, second;
        auto link = env.connect();
        hold(env, link->conf, kj::heap<LocalCounter>(first));
        hold(env, link->conf, kj::heap<LocalCounter>(second));
        EVENTUALLY(first.gone, 1);
        CHECK(!second.gone);
        drop_held(env, link->conf);
        EVENTUALLY(second.gone, 1);
}

CASE(graph_with_a_cycle_is_freed) {
        struct Node final : public Counter::Server {
                Node(Counter::Client other, bool &gone) : other(kj::mv(other)), gone(gone) {}
                ~Node() noexcept(false) { gone = true; }
                kj::Promise<void> inc(IncContext c) override {
                        auto req = other.incRequest();
                        req.setBy(c.getParams().getBy());
                        return c.tailCall(kj::mv(req));
                }
                Counter::Client other;
                bool &gone;
        };
        bool gone = false;
        auto link = env.connect();
        auto before = live(env, link->conf);
        hold(env, link->conf,
             kj::heap<Node>(make_counter(env, link->conf, 60), gone));
        CHECK_EQ(live(env, link->conf), before + 1);
        CHECK_EQ(inc(env, held(env, link->conf), 1), 61u);
        drop_held(env, link->conf);
        EVENTUALLY(gone, 1);
        EVENTUALLY(live(env, link->conf), before);
}

/* ---- tail calls ---- */

static capnp::RemotePromise<FooResult> tail(Conf::Client conf, Callee::Client callee, uint32_t i) {
        auto req = conf.tailRequest();
        req.setCallee(callee);
        req.setI(i);
        return req.send();
}

CASE(tail_call) {
        CalleeWatch watch;
        auto link = env.connect();
        auto r = WAIT(tail(link->conf, kj::heap<LocalCallee>(watch), 41));
        CHECK_EQ(r.getI(), 42u);
        CHECK_EQ(watch.calls, 1u);
        CHECK_EQ(inc(env, r.getSelf(), 1), 42u);
}

CASE(tail_call_pipelined) {
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

CASE(tail_call_pipelined_keeps_order) {
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

CASE(tail_call_that_fails) {
        CalleeWatch watch;
        watch.fail = true;
        auto link = env.connect();
        auto e = CAUGHT(tail(link->conf, kj::heap<LocalCallee>(watch), 1));
        CHECK_EXCEPTION(e, FAILED, "callee fails");
        null_call(env, link->conf);
}

CASE(tail_call_cancelled_reaches_the_callee) {
        CalleeWatch watch;
        watch.hang = true;
        auto link = env.connect();
        {
                auto call = tail(link->conf, kj::heap<LocalCallee>(watch), 1);
                EVENTUALLY((null_call(env, link->conf), watch.calls), 1);
        }
        EVENTUALLY((null_call(env, link->conf), watch.cancelled), 1);
}

CASE(tail_call_to_null) {
        auto link = env.connect();
        CAUGHT(link->conf.tailRequest().send());
        null_call(env, link->conf);
}

CASE(tail_call_across_connections) {
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

CASE(tail_call_many_at_once) {
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

CASE(capability_in_both_directions_in_one_call) {
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

CASE(echo_payload_with_own_capability) {
        Watch watch;
        capnp::CapabilityServerSet<Counter> set;
        auto link = env.connect();
        auto req = link->conf.echoPayloadRequest();
        req.initP().setCap(set.add(kj::heap<LocalCounter>(watch)));
        auto back = WAIT(req.send()).getP().getCap();
        CHECK(WAIT(set.getLocalServer(back)) != nullptr);
}

CASE(sum_all) {
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

CASE(sum_all_of_500) {
        auto link = env.connect();
        auto before = live(env, link->conf);
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

CASE(sum_all_of_one_thing_many_times) {
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
