/*
 * cases-relay: what only a session has: two services at once, capabilities of one that are passed
 * to the other, denials that a service tries to forge, and the end of a session with calls open.
 *
 * The bundle has `conf` and `conf2`, both with the transfer policy `services`: two processes that
 * know nothing of each other. `conf3` is a third one whose capabilities stay in the session.
 */
#include "driver.h"
#include "session.h"

using namespace capos;

namespace
{

using conf::get;
using conf::granted;
using conf::inc;
using conf::inc_later;
using conf::live;
using conf::make_counter;

/* A connection with a session and two services. */
struct Two {
        explicit Two(conf::Env &env)
            : link(env.connect_only()), caps(conf::log_in(env, link->client)),
              one(granted(caps, "conf")), two(granted(caps, "conf2"))
        {
        }

        kj::Own<conf::Wire> link;
        RemoteCapSet::Client caps;
        Conf::Client one, two;
};

Counter::Client echoed(Conf::Client by, Counter::Client c)
{
        auto echo = by.echoCapRequest();
        echo.setCap(c);
        return echo.send().getCap();
}

Counter::Client echoed_later(Conf::Client by, Counter::Client c, uint32_t delay_ms)
{
        auto echo = by.echoCapLaterRequest();
        echo.setCap(c);
        echo.setDelayMs(delay_ms);
        return echo.send().getCap();
}

/* n calls through a reference; they must arrive, and be answered, in the order they were made. */
void ordered(conf::Env &env, int line, Counter::Client c, uint32_t n)
{
        std::vector<kj::Promise<uint64_t>> calls;
        uint64_t before = 0;

        for (uint32_t i = 0; i < n; i++)
                calls.push_back(inc_later(c, 1));
        for (uint32_t i = 0; i < n; i++) {
                uint64_t value = WAIT(calls[i]);
                if (i > 0 && value != before + 1)
                        throw conf::Failed{kj::str("line ", line, ": call ", i, " gave ", value,
                                                   " after ", before)};
                before = value;
        }
}

/* The reason of an exception that crossed one of the membranes. */
void check_service_exception(int line, const kj::Exception &e, kj::Exception::Type type,
                             kj::StringPtr text)
{
        conf::check_exception(line, e, type, kj::str("service: ", text));
}

} // namespace

CASE(relay_100_calls_in_order_through_an_echo_across_two_services)
{
        Two t(env);
        auto mine = t.one.makeCounterRequest();
        auto counter = mine.send().getC();

        /* Nothing has been answered yet: the counter is a promise, and so is what comes back. */
        ordered(env, __LINE__, echoed(t.two, counter), 100);
        CHECK_EQ(get(env, counter), 100u);
}

CASE(relay_100_calls_in_order_while_the_echo_resolves)
{
        Two t(env);
        auto counter = make_counter(env, t.one, 0);
        auto back = echoed_later(t.two, counter, 20);
        std::vector<kj::Promise<uint64_t>> calls;

        for (uint32_t i = 0; i < 50; i++)
                calls.push_back(inc_later(back, 1));
        WAIT(back.whenResolved());
        for (uint32_t i = 0; i < 50; i++)
                calls.push_back(inc_later(back, 1));
        for (uint32_t i = 0; i < 100; i++)
                CHECK_EQ(WAIT(calls[i]), uint64_t(i + 1));
}

CASE(relay_own_object_comes_home_through_two_services)
{
        conf::Watch watch;
        Two t(env);
        Counter::Client own = kj::heap<conf::LocalCounter>(watch);
        auto back = echoed(t.two, echoed(t.one, own));
        std::vector<kj::Promise<uint64_t>> calls;

        for (uint64_t i = 0; i < 100; i++)
                calls.push_back(inc_later(back, i));
        for (auto &c : calls)
                WAIT(c);
        CHECK_ORDER(watch, 100);
}

CASE(relay_service_calls_another_through_the_session)
{
        Two t(env);
        auto sum = t.two.sumAllRequest();
        auto list = sum.initCaps(3);

        list.set(0, make_counter(env, t.one, 5));
        list.set(1, make_counter(env, t.two, 7));
        list.set(2, conf::promise_cap(env, t.one, 20));
        CHECK_EQ(WAIT(sum.send()).getSum(), 112u);
}

CASE(relay_counter_of_one_held_by_the_other)
{
        Two t(env);
        auto before = live(env, t.one);

        conf::hold(env, t.two, make_counter(env, t.one, 41));
        CHECK_EQ(inc(env, conf::held(env, t.two), 1), 42u);
        CHECK_EQ(live(env, t.one), before + 1);
        conf::drop_held(env, t.two);
        EVENTUALLY(live(env, t.one), before);
}

CASE(relay_held_by_another_service_is_released_with_the_session)
{
        auto watcher = kj::heap<Two>(env);
        auto before = live(env, watcher->one);
        {
                Two t(env);
                conf::hold(env, t.two, make_counter(env, t.one, 1));
                CHECK_EQ(live(env, watcher->one), before + 1);
        }
        EVENTUALLY(live(env, watcher->one), before);
        conf::drop_held(env, watcher->two);
}

CASE(relay_resolve_crosses_a_return)
{
        Two t(env);

        /* The promise resolves before, with, and after the answer that carries it through. */
        for (uint32_t wait_ms : {0u, 1u, 5u, 10u, 20u}) {
                auto promise = conf::promise_cap(env, t.one, 10);
                auto back = echoed_later(t.two, promise, wait_ms);
                auto first = inc_later(back, 1);
                auto second = inc_later(promise, 1);

                CHECK(WAIT(first) >= 101u);
                CHECK(WAIT(second) >= 101u);
                CHECK_EQ(get(env, back), 102u);
        }
}

CASE(relay_broken_promise_through_another_service)
{
        Two t(env);
        auto req = t.one.getBrokenPromiseRequest();

        req.setDelayMs(10);
        req.setReason("it broke");
        auto back = echoed(t.two, req.send().getC());
        auto e = CAUGHT(back.getRequest().send());
        CHECK_EXCEPTION(e, FAILED, "it broke");
}

CASE(relay_tail_call_to_another_service)
{
        conf::CalleeWatch watch;
        Two t(env);
        auto tail = t.two.tailRequest();

        tail.setCallee(kj::heap<conf::LocalCallee>(watch));
        tail.setI(6);
        auto answer = tail.send();
        auto self = answer.getSelf();
        CHECK_EQ(inc(env, self, 1), 7u);
        CHECK_EQ(WAIT(answer).getI(), 7u);
        CHECK_EQ(get(env, echoed(t.one, self)), 7u);
}

CASE(relay_callback_from_both_services_at_once)
{
        Two t(env);
        uint32_t calls = 0;
        Callback::Client own =
                kj::heap<conf::LocalCallback>([&calls](uint32_t i) -> kj::Promise<uint64_t> {
                        calls++;
                        return uint64_t(i);
                });
        auto a = t.one.callBackRequest(), b = t.two.callBackRequest();

        a.setCb(own);
        a.setN(50);
        b.setCb(own);
        b.setN(50);
        auto one = a.send(), two = b.send();
        CHECK_EQ(WAIT(one).getSum(), 1225u);
        CHECK_EQ(WAIT(two).getSum(), 1225u);
        CHECK_EQ(calls, 100u);
}

CASE(relay_exceptions_keep_their_kind_and_say_whose_they_are)
{
        Two t(env);
        const kj::Exception::Type types[] = {
                kj::Exception::Type::FAILED, kj::Exception::Type::OVERLOADED,
                kj::Exception::Type::DISCONNECTED, kj::Exception::Type::UNIMPLEMENTED};

        for (uint16_t i = 0; i < 4; i++) {
                auto fail = t.one.failRequest();
                fail.setType(i);
                fail.setReason("because");
                auto e = CAUGHT(fail.send());
                check_service_exception(__LINE__, e, types[i], "because");
        }
        conf::null_call(env, t.one);
}

CASE(relay_service_can_not_forge_a_denial)
{
        Two t(env);

        for (const char *text : {"denied.unknown-name x", "denied.stale-session: y",
                                 "over-quota.calls", "remote exception: denied.transfer"}) {
                auto fail = t.one.failRequest();
                fail.setReason(text);
                auto e = CAUGHT(fail.send());
                std::string got = e.getDescription().cStr();
                static const std::string prefix = "remote exception: ";

                while (got.compare(0, prefix.size(), prefix) == 0)
                        got.erase(0, prefix.size());
                CHECK_EQ(got.compare(0, 9, "service: "), 0);
        }
}

CASE(relay_service_can_not_forge_one_by_a_broken_promise)
{
        Two t(env);
        auto req = t.one.getBrokenPromiseRequest();

        req.setDelayMs(1);
        req.setReason("denied.revoked-lease z");
        auto broken = req.send().getC();
        auto e = CAUGHT(broken.getRequest().send());
        check_service_exception(__LINE__, e, kj::Exception::Type::FAILED, "denied.revoked-lease");
        auto then = CAUGHT(broken.whenResolved());
        check_service_exception(__LINE__, then, kj::Exception::Type::FAILED,
                                "denied.revoked-lease");
}

CASE(relay_capability_that_stays_in_the_session_is_refused_elsewhere)
{
        Two t(env);
        auto three = granted(t.caps, "conf3");
        auto counter = make_counter(env, three, 3);
        auto hold = t.one.holdRequest();

        hold.setCap(counter);
        auto e = CAUGHT(hold.send());
        CHECK_EXCEPTION(e, FAILED, "denied.transfer");
        CHECK_EQ(get(env, echoed(three, counter)), 3u);
        CHECK_EQ(get(env, counter), 3u);
}

CASE(relay_promise_of_what_stays_in_the_session_is_refused_elsewhere)
{
        Two t(env);
        auto three = granted(t.caps, "conf3");
        auto promise = conf::promise_cap(env, three, 10);
        auto hold = t.one.holdRequest();

        hold.setCap(promise);
        auto e = CAUGHT(hold.send());
        CHECK_EXCEPTION(e, FAILED, "denied.transfer");
}

CASE(relay_answer_not_yet_there_is_refused_elsewhere)
{
        Two t(env);
        auto three = granted(t.caps, "conf3");
        auto make = three.makeCounterRequest();
        auto hold = t.one.holdRequest();

        /*
         * The reference is the pipelined result of a call that has not returned, so nobody knows
         * yet what it will be. It may be taken, but it comes to nothing.
         */
        make.setStart(5);
        hold.setCap(make.send().getC());
        kj::runCatchingExceptions([&]() { WAIT(hold.send()); });
        conf::null_call(env, three);
        auto sum = t.one.sumAllRequest();
        sum.initCaps(1).set(0, conf::held(env, t.one));
        auto e = CAUGHT(sum.send());
        CHECK_EXCEPTION(e, FAILED, "denied.transfer");
}

CASE(relay_reasons_are_cut_and_printable)
{
        Two t(env);
        auto fail = t.one.failRequest();

        fail.setReason(kj::str("a\nb\x1b[2J", kj::repeat('x', 4000)));
        auto e = CAUGHT(fail.send());
        std::string got = e.getDescription().cStr();
        CHECK(got.size() <= 512 + sizeof "remote exception: ");
        CHECK(got.find("service: a?b?[2J") != std::string::npos);
}

CASE(relay_logout_fails_open_calls_and_reaches_the_service)
{
        auto watcher = kj::heap<Two>(env);
        auto cancelled = conf::cancelled(env, watcher->one);
        auto link = env.connect_only();
        auto gateway = link->client.bootstrap().castAs<RemoteSessionGateway>();
        auto session = WAIT(gateway.anonymousRequest().send()).getSession();
        auto caps = WAIT(session.capSetRequest().send()).getCaps();
        auto mine = granted(caps, "conf");
        auto hanging = mine.hangRequest().send();

        conf::null_call(env, mine);
        WAIT(session.logoutRequest().send());
        auto e = CAUGHT(hanging);
        CHECK_EXCEPTION(e, FAILED, "denied.stale-session");
        auto then = CAUGHT(mine.nullRequest().send());
        CHECK_EXCEPTION(then, FAILED, "denied.stale-session");
        EVENTUALLY(conf::cancelled(env, watcher->one), cancelled + 1);
}

CASE(relay_sessions_do_not_see_each_other)
{
        Two a(env), b(env), c(env);
        auto of_a = make_counter(env, a.one, 1);
        auto of_b = make_counter(env, b.one, 2);
        auto of_c = make_counter(env, c.two, 3);

        /* Each reference works where it belongs, whatever the numbers on the wire. */
        CHECK_EQ(get(env, of_a), 1u);
        CHECK_EQ(get(env, of_b), 2u);
        CHECK_EQ(get(env, of_c), 3u);
        a.link = nullptr;
        CHECK_EQ(inc(env, of_b, 1), 3u);
        CHECK_EQ(inc(env, of_c, 1), 4u);
}
