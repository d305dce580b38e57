/*
 * cases-flow: time and load: cancellation, connections that end with calls open, streaming, calls
 * that overlap, and thousands in flight.
 *
 * What a cancelled or abandoned call leaves behind is asked through a second connection, since
 * that is where a server's leak hurts.
 */
#include "driver.h"

#include <string.h>

/* ---- cancellation ---- */

CASE(cancel_of_a_hanging_call)
{
        auto link = env.connect();
        auto before = cancelled(env, link->conf);
        {
                auto call = link->conf.hangRequest().send();
                null_call(env, link->conf);
                CHECK_EQ(cancelled(env, link->conf), before);
        }
        EVENTUALLY(cancelled(env, link->conf), before + 1);
}

CASE(cancel_of_100_hanging_calls)
{
        auto link = env.connect();
        auto before = cancelled(env, link->conf);
        {
                kj::Vector<kj::Promise<void>> all;
                for (int i = 0; i < 100; i++)
                        all.add(link->conf.hangRequest().send().ignoreResult());
                null_call(env, link->conf);
        }
        EVENTUALLY(cancelled(env, link->conf), before + 100);
}

CASE(cancel_leaves_the_other_calls_alone)
{
        auto link = env.connect();
        auto before = cancelled(env, link->conf);
        auto keep = link->conf.hangRequest().send();
        auto add = link->conf.delayedAddRequest();
        add.setA(1);
        add.setB(2);
        add.setDelayMs(150);
        auto sum = add.send();
        {
                auto gone = link->conf.hangRequest().send();
                null_call(env, link->conf);
        }
        EVENTUALLY(cancelled(env, link->conf), before + 1);
        CHECK_EQ(WAIT(sum).getSum(), 3);
        CHECK_EQ(cancelled(env, link->conf), before + 1);
}

CASE(cancel_of_a_delayed_call)
{
        auto link = env.connect();
        for (int i = 0; i < 50; i++) {
                auto req = link->conf.delayedAddRequest();
                req.setDelayMs(20);
                auto gone = req.send();
        }
        env.sleep(60);
        null_call(env, link->conf);
}

CASE(cancel_races_with_the_return)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        for (int i = 0; i < 300; i++) {
                auto call = link->conf.makeCounterRequest().send();
                auto pipelined = conf::inc_later(call.getC(), 1);
                if (i % 3 == 0)
                        env.sleep(0);
                if (i % 7 == 0)
                        null_call(env, link->conf);
        }
        EVENTUALLY(live(env, link->conf), before);
}

CASE(cancel_of_the_base_of_a_pipelined_call)
{
        auto link = env.connect();
        conf::Watch watch;
        auto own = env.connect();
        auto req = link->conf.echoCapLaterRequest();
        req.setCap(make_counter(env, link->conf, 1));
        req.setDelayMs(50);
        kj::Maybe<capnp::RemotePromise<Conf::EchoCapLaterResults>> base = req.send();
        Counter::Client cap = KJ_ASSERT_NONNULL(base).getCap();
        auto value = conf::inc_later(cap, 1);
        null_call(env, link->conf);
        base = nullptr; /* the pipelined capability still wants the result */
        CHECK_EQ(WAIT(value), 2u);
}

/* ---- the end of a connection ---- */

CASE(disconnect_with_a_call_open)
{
        auto watcher = env.connect();
        auto before = cancelled(env, watcher->conf);
        auto link = env.connect();
        auto call = link->conf.hangRequest().send();
        null_call(env, link->conf);
        link = nullptr;
        EVENTUALLY(cancelled(env, watcher->conf), before + 1);
        CHECK_EXCEPTION(CAUGHT(call), DISCONNECTED, "");
}

CASE(disconnect_with_50_calls_open)
{
        auto watcher = env.connect();
        auto before = cancelled(env, watcher->conf);
        auto link = env.connect();
        kj::Vector<kj::Promise<void>> all;
        for (int i = 0; i < 50; i++)
                all.add(link->conf.hangRequest().send().ignoreResult());
        null_call(env, link->conf);
        link = nullptr;
        EVENTUALLY(cancelled(env, watcher->conf), before + 50);
}

CASE(disconnect_after_shutting_down_one_half)
{
        auto watcher = env.connect();
        auto before = cancelled(env, watcher->conf);
        auto link = env.connect();
        auto call = link->conf.hangRequest().send();
        null_call(env, link->conf);
        link->stream->shutdownWrite();
        EVENTUALLY(cancelled(env, watcher->conf), before + 1);
}

CASE(disconnect_while_the_server_calls_back)
{
        auto watcher = env.connect();
        auto link = env.connect();
        uint32_t seen = 0;
        Callback::Client cb = kj::heap<conf::LocalCallback>([&](uint32_t) {
                seen++;
                return kj::Promise<uint64_t>(kj::NEVER_DONE);
        });
        auto req = link->conf.callBackRequest();
        req.setCb(cb);
        req.setN(10);
        auto call = req.send();
        EVENTUALLY((null_call(env, link->conf), seen > 0), 1);
        link = nullptr;
        null_call(env, watcher->conf);
}

CASE(disconnect_while_a_large_answer_is_on_its_way)
{
        auto watcher = env.connect();
        for (int i = 0; i < 5; i++) {
                auto link = env.connect();
                auto req = link->conf.echoRequest();
                req.initX(3 << 20);
                auto call = req.send();
                env.sleep(5);
                link = nullptr;
                null_call(env, watcher->conf);
        }
}

CASE(connect_100_times)
{
        for (int i = 0; i < 100; i++) {
                auto link = env.connect();
                null_call(env, link->conf);
        }
}

CASE(connect_50_at_once)
{
        kj::Vector<kj::Own<conf::Link>> links;
        for (int i = 0; i < 50; i++)
                links.add(env.connect());
        for (auto &link : links)
                null_call(env, link->conf);
        for (auto &link : links)
                CHECK_EQ(get(env, make_counter(env, link->conf, 5)), 5u);
}

CASE(connect_and_say_nothing)
{
        kj::Vector<kj::Own<conf::Link>> idle;
        for (int i = 0; i < 10; i++)
                idle.add(env.connect());
        null_call(env, env.connect()->conf);
}

/* ---- streaming ---- */

static kj::Promise<void> write_chunk(Conf::Client conf, size_t size, kj::byte first)
{
        auto req = conf.writeRequest();
        auto chunk = req.initChunk(size);
        if (size > 0)
                chunk[0] = first;
        return req.send();
}

struct Streamed {
        uint64_t bytes;
        uint32_t calls;
};

static Streamed finish_stream(conf::Env &env, Conf::Client conf)
{
        auto r = WAIT(conf.finishStreamRequest().send());
        return Streamed{r.getBytes(), r.getCalls()};
}

CASE(stream_write_and_finish)
{
        auto link = env.connect();
        auto conf = fresh(env, link->conf);
        WAIT(write_chunk(conf, 100, 1));
        WAIT(write_chunk(conf, 0, 0));
        WAIT(write_chunk(conf, 1000, 2));
        auto s = finish_stream(env, conf);
        CHECK_EQ(s.bytes, 1100u);
        CHECK_EQ(s.calls, 3u);
}

CASE(stream_on_the_bootstrap)
{
        auto link = env.connect();
        finish_stream(env, link->conf);
        auto before = finish_stream(env, link->conf);
        for (int i = 0; i < 10; i++)
                WAIT(write_chunk(link->conf, 10, 1));
        auto s = finish_stream(env, link->conf);
        CHECK_EQ(s.bytes - before.bytes, 100u);
        CHECK_EQ(s.calls - before.calls, 10u);
}

CASE(stream_of_nothing)
{
        auto link = env.connect();
        auto s = finish_stream(env, fresh(env, link->conf));
        CHECK_EQ(s.bytes, 0u);
        CHECK_EQ(s.calls, 0u);
}

CASE(stream_1665_writes_in_flight)
{
        auto link = env.connect();
        auto conf = fresh(env, link->conf);
        kj::Vector<kj::Promise<void>> all;
        for (int i = 0; i < 1665; i++)
                all.add(write_chunk(conf, 100, 1));
        WAIT(kj::joinPromises(all.releaseAsArray()));
        auto s = finish_stream(env, conf);
        CHECK_EQ(s.bytes, 166500u);
        CHECK_EQ(s.calls, 1665u);
}

CASE(stream_8_mb_in_64_kb_chunks)
{
        auto link = env.connect();
        auto conf = fresh(env, link->conf);
        for (int i = 0; i < 128; i++)
                WAIT(write_chunk(conf, 64 << 10, 1));
        auto s = finish_stream(env, conf);
        CHECK_EQ(s.bytes, 8u << 20);
        CHECK_EQ(s.calls, 128u);
}

CASE(stream_pipelined_on_fresh)
{
        auto link = env.connect();
        Conf::Client conf = link->conf.freshRequest().send().getC();
        for (int i = 0; i < 20; i++)
                WAIT(write_chunk(conf, 50, 1));
        auto s = finish_stream(env, conf);
        CHECK_EQ(s.bytes, 1000u);
        CHECK_EQ(s.calls, 20u);
}

/* What was sent is not taken back because nobody holds the stream any more. */
CASE(stream_dropped_while_its_answer_waits)
{
        auto link = env.connect();
        auto conf = fresh(env, link->conf);
        {
                auto later = link->conf.echoCapLaterRequest();
                later.setCap(conf.castAs<Counter>());
                later.setDelayMs(100);
                auto promised = later.send().getCap().castAs<Conf>();
                for (int i = 0; i < 5; i++)
                        WAIT(write_chunk(promised, 10, 1));
                for (int i = 0; i < 5; i++)
                        auto dropped = promised.writeRequest().send();
        }
        env.sleep(300);
        auto s = finish_stream(env, conf);
        CHECK_EQ(s.calls, 10u);
}

CASE(stream_of_two_connections)
{
        auto a = env.connect();
        auto b = env.connect();
        auto one = fresh(env, a->conf);
        auto two = fresh(env, b->conf);
        for (int i = 0; i < 50; i++) {
                WAIT(write_chunk(one, 10, 1));
                WAIT(write_chunk(two, 20, 1));
        }
        CHECK_EQ(finish_stream(env, one).bytes, 500u);
        CHECK_EQ(finish_stream(env, two).bytes, 1000u);
}

/* True if the failure of a poison chunk is seen by one of many later writes or by the end. */
static bool poison_is_seen(conf::Env &env, Conf::Client conf)
{
        kj::Maybe<kj::Exception> seen;
        WAIT(write_chunk(conf, 10, 1));
        auto poison = write_chunk(conf, 10, 0xff);
        for (int i = 0; i < 20 && seen == nullptr; i++) {
                seen = kj::runCatchingExceptions(
                        [&]() { WAIT(i == 0 ? kj::mv(poison) : write_chunk(conf, 10, 1)); });
                env.sleep(5);
        }
        if (seen == nullptr)
                seen = kj::runCatchingExceptions([&]() { finish_stream(env, conf); });
        KJ_IF_MAYBE(e, seen) {
                CHECK_EXCEPTION(*e, FAILED, "");
                return true;
        }
        return false;
}

CASE(stream_poison_is_seen)
{
        auto link = env.connect();
        CHECK(poison_is_seen(env, fresh(env, link->conf)));
}

CASE(stream_poison_leaves_other_objects_alone)
{
        auto link = env.connect();
        auto bad = fresh(env, link->conf);
        auto good = fresh(env, link->conf);
        WAIT(write_chunk(good, 10, 1));
        CHECK(poison_is_seen(env, bad));
        WAIT(write_chunk(good, 10, 1));
        CHECK_EQ(finish_stream(env, good).bytes, 20u);
        null_call(env, link->conf);
}

CASE(fresh_is_independent)
{
        auto link = env.connect();
        auto one = fresh(env, link->conf);
        auto two = fresh(env, link->conf);
        WAIT(write_chunk(one, 10, 1));
        CHECK_EQ(finish_stream(env, two).calls, 0u);
        CHECK_EQ(finish_stream(env, one).calls, 1u);
        hold(env, one, make_counter(env, link->conf, 1));
        null_call(env, one);
        null_call(env, two);
        drop_held(env, one);
}

/* ---- overlap and load ---- */

static kj::Promise<int64_t> delayed_add(Conf::Client conf, int32_t a, int32_t b, uint32_t ms)
{
        auto req = conf.delayedAddRequest();
        req.setA(a);
        req.setB(b);
        req.setDelayMs(ms);
        return req.send().then([](auto &&r) { return r.getSum(); });
}

CASE(delayed_add_takes_its_time)
{
        auto link = env.connect();
        auto start = kj::systemCoarseMonotonicClock().now();
        CHECK_EQ(WAIT(delayed_add(link->conf, -5, 2, 200)), -3);
        CHECK(kj::systemCoarseMonotonicClock().now() - start > 180 * kj::MILLISECONDS);
}

CASE(delayed_adds_overlap)
{
        auto link = env.connect();
        auto slow = delayed_add(link->conf, 1, 2, 2000);
        auto quick = delayed_add(link->conf, 3, 4, 200);
        CHECK_EQ(WAIT(quick), 7);
        CHECK(!slow.poll(env.scope()));
        CHECK_EQ(WAIT(slow), 3);
}

CASE(delayed_add_does_not_hold_up_others)
{
        auto link = env.connect();
        auto slow = delayed_add(link->conf, 1, 2, 2000);
        null_call(env, link->conf);
        CHECK(!slow.poll(env.scope()));
        CHECK_EQ(WAIT(slow), 3);
}

CASE(answers_come_in_any_order)
{
        auto link = env.connect();
        kj::Vector<kj::Promise<int64_t>> all;
        for (int i = 0; i < 100; i++)
                all.add(delayed_add(link->conf, i, 1, uint32_t(100 - i) * 3));
        auto sums = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (int i = 0; i < 100; i++)
                CHECK_EQ(sums[size_t(i)], i + 1);
}

CASE(null_5000_in_flight)
{
        auto link = env.connect();
        kj::Vector<kj::Promise<void>> all;
        for (int i = 0; i < 5000; i++)
                all.add(link->conf.nullRequest().send().ignoreResult());
        WAIT(kj::joinPromises(all.releaseAsArray()));
}

CASE(delayed_5000_in_flight)
{
        auto link = env.connect();
        kj::Vector<kj::Promise<int64_t>> all;
        for (int i = 0; i < 5000; i++)
                all.add(delayed_add(link->conf, i, i, 100));
        auto sums = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (int i = 0; i < 5000; i++)
                CHECK_EQ(sums[size_t(i)], 2 * i);
}

CASE(echo_1665_in_flight)
{
        auto link = env.connect();
        kj::Vector<kj::Promise<size_t>> all;
        for (int i = 0; i < 1665; i++) {
                auto req = link->conf.echoRequest();
                memset(req.initX(1000).begin(), i & 0xff, 1000);
                all.add(req.send().then([i](auto &&r) -> size_t {
                        return r.getX().size() == 1000 && r.getX()[999] == kj::byte(i);
                }));
        }
        for (size_t ok : WAIT(kj::joinPromises(all.releaseAsArray())))
                CHECK_EQ(ok, size_t(1));
}

CASE(counters_5000_and_gone)
{
        auto link = env.connect();
        auto before = live_settled(env, link->conf);
        {
                kj::Vector<Counter::Client> all;
                for (int i = 0; i < 5000; i++)
                        all.add(link->conf.makeCounterRequest().send().getC());
                CHECK_EQ(live(env, link->conf), before + 5000);
                CHECK_EQ(inc(env, all[4999], 1), 1u);
        }
        EVENTUALLY(live(env, link->conf), before);
}

CASE(two_connections_do_not_mix)
{
        auto a = env.connect();
        auto b = env.connect();
        kj::Vector<kj::Promise<int64_t>> all;
        for (int i = 0; i < 200; i++) {
                all.add(delayed_add(a->conf, i, 0, 5));
                all.add(delayed_add(b->conf, -i, 0, 5));
        }
        auto sums = WAIT(kj::joinPromises(all.releaseAsArray()));
        for (int i = 0; i < 200; i++) {
                CHECK_EQ(sums[size_t(2 * i)], i);
                CHECK_EQ(sums[size_t(2 * i + 1)], -i);
        }
}
