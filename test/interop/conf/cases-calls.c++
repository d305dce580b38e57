/*
 * cases-calls: plain calls, results of every kind of pointer, inheritance, and the ways a call
 * fails.
 *
 * These are the semantics that need no capability of the client's own; the other two files build
 * on them. Failures of all four types must arrive with their type and reason, because that is all
 * a client in another language can tell apart.
 */
#include "driver.h"

#include <string.h>

using capnp::AnyPointer;

/* ---- values ---- */

CASE(null)
{
        auto link = env.connect();
        null_call(env, link->conf);
}

CASE(add)
{
        auto link = env.connect();
        auto sum = [&](int32_t a, int32_t b) {
                auto req = link->conf.addRequest();
                req.setA(a);
                req.setB(b);
                return WAIT(req.send()).getSum();
        };
        CHECK_EQ(sum(2, 3), 5);
        CHECK_EQ(sum(-7, 3), -4);
        CHECK_EQ(sum(INT32_MAX, INT32_MAX), 2 * int64_t(INT32_MAX));
        CHECK_EQ(sum(INT32_MIN, INT32_MIN), 2 * int64_t(INT32_MIN));
}

static void echo_size(conf::Env &env, Conf::Client conf, size_t size)
{
        auto req = conf.echoRequest();
        auto x = req.initX(size);
        for (size_t i = 0; i < size; i++)
                x[i] = kj::byte(i * 7 + i / 256);
        auto back = WAIT(req.send());
        capnp::Data::Reader got = back.getX();
        CHECK_EQ(got.size(), size);
        for (size_t i = 0; i < size; i++)
                CHECK(got[i] == kj::byte(i * 7 + i / 256));
}

CASE(echo_empty)
{
        echo_size(env, env.connect()->conf, 0);
}

CASE(echo_every_small_size)
{
        auto link = env.connect();
        for (size_t size = 1; size < 70; size++)
                echo_size(env, link->conf, size);
}

CASE(echo_100k)
{
        echo_size(env, env.connect()->conf, 100 * 1024);
}

CASE(echo_3m)
{
        echo_size(env, env.connect()->conf, 3 * 1024 * 1024);
}

CASE(echo_3m_four_at_once)
{
        auto link = env.connect();
        kj::Vector<kj::Promise<size_t>> all;
        for (int i = 0; i < 4; i++) {
                auto req = link->conf.echoRequest();
                memset(req.initX(3 << 20).begin(), i + 1, 3 << 20);
                all.add(req.send().then([i](auto &&r) -> size_t {
                        auto x = r.getX();
                        return x.size() == 3 << 20 && x[0] == i + 1 && x[x.size() - 1] == i + 1;
                }));
        }
        for (size_t ok : WAIT(kj::joinPromises(all.releaseAsArray())))
                CHECK_EQ(ok, size_t(1));
}

/* ---- the object itself, and the bootstrap ---- */

CASE(get_self)
{
        auto link = env.connect();
        auto self = WAIT(link->conf.getSelfRequest().send()).getCap();
        null_call(env, self);
        auto c = make_counter(env, self, 1);
        CHECK_EQ(live(env, self), live(env, link->conf));
}

CASE(bootstrap_twice)
{
        auto link = env.connect();
        auto first = link->entrance->conf();
        auto second = link->entrance->conf();
        null_call(env, first);
        null_call(env, second);
        {
                auto drop = kj::mv(first);
        }
        null_call(env, second);
        null_call(env, link->conf);
}

CASE(bootstrap_100_times)
{
        auto link = env.connect();
        for (int i = 0; i < 100; i++)
                null_call(env, link->entrance->conf());
}

CASE(bootstrap_pipelined)
{
        auto link = env.connect();
        auto boot = link->entrance->conf();
        null_call(env, boot.getSelfRequest().send().getCap());
}

CASE(bootstrap_is_shared_by_connections)
{
        auto a = env.connect();
        auto b = env.connect();
        auto before = live_settled(env, b->conf);
        auto c = make_counter(env, a->conf, 0);
        CHECK_EQ(live(env, b->conf), before + 1);
}

/* ---- inheritance ---- */

CASE(derived_own_and_inherited_methods)
{
        auto link = env.connect();
        auto req = link->conf.getDerivedRequest();
        req.setName("derived");
        auto d = WAIT(req.send()).getD();
        CHECK_EQ(kj::str(WAIT(d.nameRequest().send()).getName()), kj::str("derived"));
        auto by = d.incRequest();
        by.setBy(5);
        CHECK_EQ(WAIT(by.send()).getValue(), 5u);
        CHECK_EQ(get(env, d), 5u);
}

CASE(derived_as_counter_and_back)
{
        auto link = env.connect();
        auto req = link->conf.getDerivedRequest();
        req.setName("x");
        Counter::Client c = WAIT(req.send()).getD();
        CHECK_EQ(inc(env, c, 3), 3u);
        auto again = c.castAs<Derived>();
        CHECK_EQ(kj::str(WAIT(again.nameRequest().send()).getName()), kj::str("x"));
        CHECK_EQ(get(env, again), 3u);
}

CASE(derived_pipelined)
{
        auto link = env.connect();
        auto req = link->conf.getDerivedRequest();
        req.setName("pipe");
        auto d = req.send().getD();
        auto name = d.nameRequest().send();
        auto value = conf::inc_later(d, 9);
        CHECK_EQ(kj::str(WAIT(name).getName()), kj::str("pipe"));
        CHECK_EQ(WAIT(value), 9u);
}

CASE(derived_method_on_a_plain_counter)
{
        auto link = env.connect();
        auto c = make_counter(env, link->conf, 0).castAs<Derived>();
        auto e = CAUGHT(c.nameRequest().send());
        CHECK_EXCEPTION(e, UNIMPLEMENTED, "");
        CHECK_EQ(inc(env, c, 1), 1u);
}

/* ---- any pointer, and a struct with a capability ---- */

CASE(echo_any_null)
{
        auto link = env.connect();
        CHECK(WAIT(link->conf.echoAnyRequest().send()).getP().isNull());
}

CASE(echo_any_text)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        req.getP().setAs<capnp::Text>("h\xc3\xa9llo");
        auto back = WAIT(req.send());
        CHECK_EQ(kj::str(back.getP().getAs<capnp::Text>()), kj::str("h\xc3\xa9llo"));
}

CASE(echo_any_struct)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        auto p = req.getP().initAs<Payload>();
        p.setN(77);
        p.setText("inside");
        auto back = WAIT(req.send());
        CHECK_EQ(back.getP().getAs<Payload>().getN(), 77u);
        CHECK_EQ(kj::str(back.getP().getAs<Payload>().getText()), kj::str("inside"));
        CHECK(!back.getP().getAs<Payload>().hasCap());
}

CASE(echo_any_struct_with_capability)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        req.getP().initAs<Payload>().setCap(make_counter(env, link->conf, 40));
        auto back = WAIT(req.send());
        CHECK_EQ(inc(env, back.getP().getAs<Payload>().getCap(), 2), 42u);
}

CASE(echo_any_lists)
{
        auto link = env.connect();
        auto bits = link->conf.echoAnyRequest();
        auto b = bits.getP().initAs<capnp::List<bool>>(19);
        for (unsigned i = 0; i < 19; i++)
                b.set(i, i % 3 == 0);
        auto bits_back = WAIT(bits.send());
        CHECK_EQ(bits_back.getP().getAs<capnp::List<bool>>().size(), 19u);
        CHECK(bits_back.getP().getAs<capnp::List<bool>>()[18]);
        CHECK(!bits_back.getP().getAs<capnp::List<bool>>()[17]);

        auto nested = link->conf.echoAnyRequest();
        auto outer = nested.getP().initAs<capnp::List<capnp::List<capnp::Text>>>(2);
        outer.init(1, 1).set(0, "deep");
        auto back = WAIT(nested.send());
        auto got = back.getP().getAs<capnp::List<capnp::List<capnp::Text>>>();
        CHECK_EQ(got[0].size(), 0u);
        CHECK_EQ(kj::str(got[1][0]), kj::str("deep"));
}

CASE(echo_any_struct_list)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        auto list = req.getP().initAs<capnp::List<Payload>>(50);
        auto c = make_counter(env, link->conf, 7);
        for (unsigned i = 0; i < 50; i++) {
                list[i].setN(i);
                list[i].setText(kj::str("item ", i));
        }
        list[49].setCap(c);
        auto back = WAIT(req.send());
        auto got = back.getP().getAs<capnp::List<Payload>>();
        CHECK_EQ(got.size(), 50u);
        CHECK_EQ(kj::str(got[31].getText()), kj::str("item 31"));
        CHECK(!got[48].hasCap());
        CHECK_EQ(get(env, got[49].getCap()), 7u);
}

CASE(echo_any_capability)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        req.getP().setAs<Counter>(make_counter(env, link->conf, 10));
        auto back = WAIT(req.send());
        CHECK_EQ(inc(env, back.getP().getAs<Counter>(), 1), 11u);
}

CASE(echo_any_the_bootstrap_itself)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        req.getP().setAs<Conf>(link->conf);
        auto back = req.send();
        null_call(env, WAIT(back).getP().getAs<Conf>());
}

CASE(echo_any_large_lists)
{
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        auto n = req.getP().initAs<capnp::List<uint64_t>>(200000);
        for (unsigned i = 0; i < n.size(); i++)
                n.set(i, i * uint64_t(i));
        auto back = WAIT(req.send());
        auto got = back.getP().getAs<capnp::List<uint64_t>>();
        CHECK_EQ(got.size(), 200000u);
        CHECK_EQ(got[199999], 199999 * uint64_t(199999));

        auto texts = link->conf.echoAnyRequest();
        auto t = texts.getP().initAs<capnp::List<capnp::Text>>(20000);
        for (unsigned i = 0; i < t.size(); i++)
                t.set(i, kj::str("text ", i));
        auto texts_back = WAIT(texts.send());
        CHECK_EQ(kj::str(texts_back.getP().getAs<capnp::List<capnp::Text>>()[19999]),
                 kj::str("text 19999"));
}

CASE(echo_any_deep_but_legal)
{
        using Pointers = capnp::List<AnyPointer>;
        auto link = env.connect();
        auto req = link->conf.echoAnyRequest();
        AnyPointer::Builder at = req.getP();
        for (int i = 0; i < 30; i++)
                at = at.initAsAnyList(capnp::ElementSize::POINTER, 1).as<Pointers>()[0];
        at.setAs<capnp::Text>("bottom");
        auto back = WAIT(req.send());
        AnyPointer::Reader got = back.getP();
        for (int i = 0; i < 30; i++)
                got = got.getAs<capnp::AnyList>().as<Pointers>()[0];
        CHECK_EQ(kj::str(got.getAs<capnp::Text>()), kj::str("bottom"));
}

CASE(echo_payload_null)
{
        auto link = env.connect();
        auto back = WAIT(link->conf.echoPayloadRequest().send());
        CHECK(!back.hasP() || (back.getP().getN() == 0 && !back.getP().hasCap()));
}

CASE(echo_payload_with_server_capability)
{
        auto link = env.connect();
        auto req = link->conf.echoPayloadRequest();
        req.initP().setN(5);
        req.getP().setText("t");
        req.getP().setCap(make_counter(env, link->conf, 20));
        auto back = WAIT(req.send());
        CHECK_EQ(back.getP().getN(), 5u);
        CHECK_EQ(kj::str(back.getP().getText()), kj::str("t"));
        CHECK_EQ(inc(env, back.getP().getCap(), 1), 21u);
}

CASE(echo_payload_pipelined_through_its_struct)
{
        auto link = env.connect();
        auto req = link->conf.echoPayloadRequest();
        req.initP().setCap(make_counter(env, link->conf, 30));
        auto value = conf::inc_later(req.send().getP().getCap(), 3);
        CHECK_EQ(WAIT(value), 33u);
}

CASE(is_null)
{
        auto link = env.connect();
        CHECK(WAIT(link->conf.isNullRequest().send()).getNull());
        auto req = link->conf.isNullRequest();
        req.setCap(make_counter(env, link->conf, 0));
        CHECK(!WAIT(req.send()).getNull());
        conf::Watch watch;
        auto own = link->conf.isNullRequest();
        own.setCap(kj::heap<conf::LocalCounter>(watch));
        CHECK(!WAIT(own.send()).getNull());
        EVENTUALLY(watch.gone, 1);
}

/* ---- failures ---- */

static kj::Exception fail_with(conf::Env &env, Conf::Client conf, uint16_t type,
                               kj::StringPtr reason)
{
        auto req = conf.failRequest();
        req.setType(type);
        req.setReason(reason);
        return CAUGHT(req.send());
}

CASE(fail_failed)
{
        auto e = fail_with(env, env.connect()->conf, 0, "first reason");
        CHECK_EXCEPTION(e, FAILED, "first reason");
}

CASE(fail_overloaded)
{
        auto e = fail_with(env, env.connect()->conf, 1, "too much");
        CHECK_EXCEPTION(e, OVERLOADED, "too much");
}

CASE(fail_disconnected)
{
        auto link = env.connect();
        auto e = fail_with(env, link->conf, 2, "gone away");
        CHECK_EXCEPTION(e, DISCONNECTED, "gone away");
        null_call(env, link->conf); /* only the exception says so */
}

CASE(fail_unimplemented)
{
        auto e = fail_with(env, env.connect()->conf, 3, "not here");
        CHECK_EXCEPTION(e, UNIMPLEMENTED, "not here");
}

CASE(fail_reasons_of_every_length)
{
        auto link = env.connect();
        fail_with(env, link->conf, 0, "");
        for (size_t n : {1, 7, 8, 9, 255, 4000}) {
                auto why = kj::heapString(n);
                memset(why.begin(), 'r', n);
                auto e = fail_with(env, link->conf, 1, why);
                CHECK_EXCEPTION(e, OVERLOADED, why);
        }
        auto e = fail_with(env, link->conf, 0, "gr\xc3\xbc\xc3\x9f dich \xe2\x98\x83");
        CHECK_EXCEPTION(e, FAILED, "gr\xc3\xbc\xc3\x9f dich \xe2\x98\x83");
}

CASE(fail_many_times_and_go_on)
{
        auto link = env.connect();
        for (uint16_t i = 0; i < 200; i++)
                fail_with(env, link->conf, i % 4, "again");
        null_call(env, link->conf);
}

CASE(unimplemented_method)
{
        auto link = env.connect();
        auto e = CAUGHT(link->conf.typelessRequest(capnp::typeId<Conf>(), 999, nullptr).send());
        CHECK_EXCEPTION(e, UNIMPLEMENTED, "");
        null_call(env, link->conf);
}

CASE(unimplemented_interface)
{
        auto link = env.connect();
        auto e = CAUGHT(link->conf.castAs<Callback>().callRequest().send());
        CHECK_EXCEPTION(e, UNIMPLEMENTED, "");
        null_call(env, link->conf);
}

CASE(unknown_interface_id)
{
        auto link = env.connect();
        for (uint64_t id : {uint64_t(0), uint64_t(0xdeadbeefdeadbeef), ~uint64_t(0)}) {
                auto e = CAUGHT(link->conf.typelessRequest(id, 0, nullptr).send());
                CHECK_EXCEPTION(e, UNIMPLEMENTED, "");
        }
        null_call(env, link->conf);
}

CASE(unimplemented_releases_its_parameters)
{
        conf::Watch watch;
        auto link = env.connect();
        {
                auto req = link->conf.typelessRequest(capnp::typeId<Conf>(), 999, nullptr);
                req.initAs<Payload>().setCap(kj::heap<conf::LocalCounter>(watch));
                auto e = CAUGHT(req.send());
                CHECK_EXCEPTION(e, UNIMPLEMENTED, "");
        }
        EVENTUALLY(watch.gone, 1);
}

CASE(call_on_null_result)
{
        auto link = env.connect();
        drop_held(env, link->conf);
        auto pipelined = link->conf.getHeldRequest().send().getCap();
        auto value = conf::inc_later(pipelined, 1);
        CAUGHT(value);
        CHECK(!WAIT(link->conf.getHeldRequest().send()).hasCap());
        null_call(env, link->conf);
}

CASE(pipeline_on_a_failed_base)
{
        conf::CalleeWatch watch;
        watch.fail = true;
        auto link = env.connect();
        auto req = link->conf.tailRequest();
        req.setCallee(kj::heap<conf::LocalCallee>(watch));
        auto base = req.send();
        auto value = conf::inc_later(base.getSelf(), 1);
        CHECK_EXCEPTION(CAUGHT(value), FAILED, "callee fails");
        CHECK_EXCEPTION(CAUGHT(base), FAILED, "callee fails");
}

CASE(pipeline_on_an_unimplemented_base)
{
        auto link = env.connect();
        auto base = link->conf.castAs<Callee>().fooRequest().send();
        auto value = conf::inc_later(base.getSelf(), 1);
        CHECK_EXCEPTION(CAUGHT(value), UNIMPLEMENTED, "");
        CAUGHT(base);
        null_call(env, link->conf);
}

CASE(pipeline_on_a_failed_base_three_deep)
{
        auto link = env.connect();
        auto base = link->conf.castAs<Callee>().fooRequest().send();
        auto req = link->conf.echoCapRequest();
        req.setCap(base.getSelf());
        auto second = req.send();
        auto again = link->conf.echoCapRequest();
        again.setCap(second.getCap());
        auto value = conf::inc_later(again.send().getCap(), 1);
        CHECK_EXCEPTION(CAUGHT(value), UNIMPLEMENTED, "");
        null_call(env, link->conf);
}
