"""grid in Python: the Conf server and the driver of grid.md, on pycapnp.

usage: grid.py serve HOST:PORT | drive HOST:PORT [CASE...]     (GRID_SCHEMA names the folder of conf.capnp)
"""
import asyncio
import os
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.environ.get("GRID_SCHEMA") or os.path.join(HERE, "..", "..", "..", "peers")
# stream.capnp is a file of the reference implementation; Debian has it there.
conf = capnp.load(os.path.join(SCHEMA, "conf.capnp"), imports=["/usr/include"])
CASE_S = 20
KINDS = ("FAILED", "OVERLOADED", "DISCONNECTED", "UNIMPLEMENTED")


class Count:
    live = 0
    canceled = 0


# ---- the server -----------------------------------------------------------------------------


class Counter(conf.Derived.Server):
    """A Counter or, with a name, a Derived."""

    def __init__(self, value=0, made=False, name=""):
        self.value = value
        self.made = made
        self.label = name
        self.seen = []
        Count.live += made

    def __del__(self):
        Count.live -= self.made

    async def inc_context(self, context):
        self.seen.append(context.params.by)
        self.value += context.params.by
        context.results.value = self.value

    async def get_context(self, context):
        context.results.value = self.value

    async def name_context(self, context):
        context.results.name = self.label


class Breaker(conf.Conf.Server):
    """Fails later: what a promise to be broken is pipelined on."""

    def __init__(self, reason):
        self.reason = reason

    async def echoCapLater_context(self, context):
        await asyncio.sleep(context.params.delayMs / 1000)
        raise RuntimeError(self.reason)


class Conf(conf.Conf.Server):
    def __init__(self):
        self.held = None
        self.bytes = self.calls = 0
        self.poison = False

    async def null_context(self, context):
        pass

    async def add_context(self, context):
        context.results.sum = context.params.a + context.params.b

    async def delayedAdd_context(self, context):
        await asyncio.sleep(context.params.delayMs / 1000)
        context.results.sum = context.params.a + context.params.b

    async def echo_context(self, context):
        context.results.x = context.params.x

    async def getSelf_context(self, context):
        context.results.cap = self

    async def makeCounter_context(self, context):
        context.results.c = Counter(context.params.start, True)

    async def liveCounters_context(self, context):
        context.results.n = Count.live

    async def echoCap_context(self, context):
        if context.params._has("cap"):
            context.results.cap = context.params.cap

    async def echoCapLater_context(self, context):
        await asyncio.sleep(context.params.delayMs / 1000)
        if context.params._has("cap"):
            context.results.cap = context.params.cap

    async def callBack_context(self, context):
        total = 0
        for i in range(context.params.n):
            total += (await context.params.cb.call(i)).v
        context.results.sum = total

    async def hold_context(self, context):
        self.held = context.params.cap

    async def getHeld_context(self, context):
        if self.held is not None:
            context.results.cap = self.held

    async def dropHeld_context(self, context):
        self.held = None

    async def getPromiseCap_context(self, context):
        # The result of a call of our own that has not returned is a promise.
        me = conf.Conf._new_client(self)
        context.results.c = me.echoCapLater(Counter(100, True), context.params.delayMs).cap

    async def getBrokenPromise_context(self, context):
        breaker = conf.Conf._new_client(Breaker(context.params.reason))
        context.results.c = breaker.echoCapLater(Counter(), context.params.delayMs).cap

    async def tail_context(self, context):
        request = context.params.callee.foo_request()
        request.i = context.params.i
        await context.tail_call(request)

    async def fail_context(self, context):
        raise capnp.KjException(message=context.params.reason, type=KINDS[context.params.type])

    async def hang_context(self, context):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            Count.canceled += 1

    async def cancelCount_context(self, context):
        context.results.n = Count.canceled

    async def write_context(self, context):
        chunk = context.params.chunk
        self.poison = self.poison or chunk[:1] == b"\xff"
        if self.poison:
            raise RuntimeError("poison")
        self.bytes += len(chunk)
        self.calls += 1

    async def finishStream_context(self, context):
        if self.poison:
            raise RuntimeError("poison")
        context.results.bytes, context.results.calls = self.bytes, self.calls
        self.bytes = self.calls = 0

    async def sumAll_context(self, context):
        context.results.sum = sum([(await c.get()).value for c in context.params.caps])

    async def getDerived_context(self, context):
        context.results.d = Counter(name=context.params.name)

    async def echoAny_context(self, context):
        context.results.p = context.params.p

    async def echoPayload_context(self, context):
        context.results.p = context.params.p

    async def isNull_context(self, context):
        context.results.null = not context.params._has("cap")

    async def fresh_context(self, context):
        context.results.c = Conf()


async def serve(address):
    host, port = address.rsplit(":", 1)
    root = Conf()

    async def connected(stream):
        await capnp.TwoPartyServer(stream, bootstrap=root).on_disconnect()

    server = await capnp.AsyncIoStream.create_server(connected, host, port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


# ---- the driver -----------------------------------------------------------------------------


class Env:
    """What a case has: a connection of its own."""

    def __init__(self, address):
        self.address = address

    async def connect(self):
        host, port = self.address.rsplit(":", 1)
        client = capnp.TwoPartyClient(await capnp.AsyncIoStream.create_connection(host, port))
        return client, client.bootstrap().cast_as(conf.Conf)


def want(is_so, what):
    if not is_so:
        raise AssertionError(what)


async def order(counter, first, n):
    """n calls at once; what they return is looked at."""
    for i, sent in enumerate([counter.inc(1) for _ in range(n)]):
        value = (await sent).value
        want(value == first + i + 1, f"call {i} returned {value}")


async def null(e):
    await e.root.null()


async def add(e):
    want((await e.root.add(2**31 - 1, 2**31 - 1)).sum == 2**32 - 2, "another sum")


async def echo(e):
    x = bytes(range(250)) * 400
    want((await e.root.echo(x)).x == x, "something else came back")


async def get_self(e):
    await e.root.getSelf().cap.null()


async def counter_alone(e):
    c = (await e.root.makeCounter(5)).c
    want((await c.inc(3)).value == 8, "not 8")
    want((await c.get()).value == 8, "get is not 8")


async def pipeline(e):
    want((await e.root.makeCounter(41).c.inc(1)).value == 42, "not 42")


async def pipeline_100(e):
    await order(e.root.makeCounter(0).c, 0, 100)


async def derived(e):
    d = e.root.getDerived("d").d
    want((await d.name()).name == "d", "another name")
    want((await d.inc(4)).value == 4, "not 4")


async def own_comes_home(e):
    own = Counter()
    home = (await e.root.echoCap(own)).cap
    await home.inc(0)
    want(own.seen == [0], f"it has seen {own.seen}")


async def embargo(e, delay_ms):
    """Calls before and after the reference has come home; the object must see them in order."""
    own = Counter()
    promise = e.root.echoCapLater(own, delay_ms) if delay_ms else e.root.echoCap(own)
    cap = promise.cap
    sent = [cap.inc(i) for i in range(50)]
    await promise
    sent += [cap.inc(i) for i in range(50, 100)]
    for call in sent:
        await call
    want(own.seen == list(range(100)), f"arrived as {own.seen}")


class Squares(conf.Callback.Server):
    async def call_context(self, context):
        context.results.v = context.params.i ** 2


async def call_back(e):
    want((await e.root.callBack(Squares(), 10)).sum == 285, "another sum")


async def hold(e):
    await e.root.hold((await e.root.makeCounter(7)).c)
    want((await e.root.getHeld().cap.inc(1)).value == 8, "not 8")
    await e.root.dropHeld()


async def is_null(e):
    want((await e.root.isNull()).null, "nothing is something")


async def promise_cap(e):
    c = (await e.root.getPromiseCap(50)).c
    await order(c, 100, 50)
    await order(c, 150, 50)


async def broken(e):
    c = (await e.root.getBrokenPromise(50, "broken on purpose")).c
    try:
        await c.inc(1)
    except capnp.KjException as x:
        want("broken on purpose" in str(x), str(x))
        return
    want(False, "a broken promise answers")


class Callee(conf.Callee.Server):
    async def foo_context(self, context):
        context.results.i = context.params.i + 1
        context.results.self = Counter(9)


async def tail(e):
    want((await e.root.tail(Callee(), 3)).i == 4, "not 4")


async def fail(e, kind):
    try:
        await e.root.fail(kind, "on purpose")
    except capnp.KjException as x:
        want(x.type == KINDS[kind] and "on purpose" in str(x), f"{x.type}: {x}")
        return
    except AttributeError as x:  # what pycapnp makes of `unimplemented`
        want(kind == 3 and "on purpose" in str(x), str(x))
        return
    want(False, "it succeeds")


async def cancel(e):
    before = (await e.root.cancelCount()).n
    hanging = e.root.hang()
    await e.root.null()
    hanging.cancel()
    while (await e.root.cancelCount()).n != before + 1:
        await asyncio.sleep(0.01)


async def stream(e):
    c = e.root.fresh().c
    for _ in range(100):
        await c.write(bytes(1000))
    found = await c.finishStream()
    want((found.bytes, found.calls) == (100000, 100), "not all of it arrived")


async def sum_all(e):
    request = e.root.sumAll_request()
    caps = request.init("caps", 2)
    caps[0] = (await e.root.makeCounter(5)).c
    caps[1] = conf.Counter._new_client(Counter(6))
    want((await request.send()).sum == 11, "not 11")


async def release(e):
    for _ in range(100):  # what the cases before held
        before = (await e.root.liveCounters()).n
        if not before:
            break
        await asyncio.sleep(0.02)
    c = (await e.root.makeCounter(1)).c
    await c.inc(1)
    want((await e.root.liveCounters()).n == before + 1, "it is not counted")
    del c
    while (await e.root.liveCounters()).n != before:
        await asyncio.sleep(0.01)


async def two(e):
    _, other = await e.connect()
    a, b = e.root.makeCounter(10).c, other.makeCounter(20).c
    want((await a.inc(1)).value == 11 and (await b.inc(1)).value == 21, "mixed")


async def disconnect(e):
    c = (await e.root.makeCounter(1)).c
    await c.inc(1)
    e.client.close()
    try:
        await c.inc(1)
    except capnp.KjException:
        return
    want(False, "a call without a connection succeeds")


CASES = (
    ("null", null),
    ("add", add),
    ("echo-100k", echo),
    ("get-self", get_self),
    ("make-counter-inc-get", counter_alone),
    ("pipeline-on-a-result", pipeline),
    ("pipeline-100-calls-in-order", pipeline_100),
    ("derived-own-and-inherited-methods", derived),
    ("echo-cap-own-comes-home", own_comes_home),
    ("embargo-order-without-delay", lambda e: embargo(e, 0)),
    ("embargo-order-after-a-delay", lambda e: embargo(e, 50)),
    ("call-back", call_back),
    ("hold-and-get-held", hold),
    ("is-null", is_null),
    ("promise-cap-keeps-order-across-its-resolution", promise_cap),
    ("broken-promise-fails-the-calls-made-before", broken),
    ("tail-call", tail),
    ("fail-failed", lambda e: fail(e, 0)),
    ("fail-overloaded", lambda e: fail(e, 1)),
    ("fail-disconnected", lambda e: fail(e, 2)),
    ("fail-unimplemented", lambda e: fail(e, 3)),
    ("cancel-of-a-hanging-call", cancel),
    ("stream-write-and-finish", stream),
    ("sum-all", sum_all),
    ("release-reaches-zero", release),
    ("two-connections-do-not-mix", two),
    ("disconnect-breaks-the-references", disconnect),
)


async def attempt(address, run):
    e = Env(address)
    e.client, e.root = await e.connect()
    await run(e)


async def drive(address, *only):
    failed = 0
    for name, run in CASES:
        if only and name not in only:
            continue
        try:
            await asyncio.wait_for(attempt(address, run), CASE_S)
            print(f"ok {name}", flush=True)
        except asyncio.TimeoutError:
            failed += 1
            print(f"not ok {name} - no end", flush=True)
        except Exception as x:  # whatever a case meets is what is to be told
            failed += 1
            why = " ".join(str(x).split())[:200]
            print(f"not ok {name} - {type(x).__name__}: {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("serve", "drive"):
        sys.exit(__doc__)
    work = serve(sys.argv[2]) if sys.argv[1] == "serve" else drive(*sys.argv[2:])
    sys.exit(asyncio.run(capnp.run(work)))
