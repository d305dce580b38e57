#!/usr/bin/env python3
"""session-client: logs in to an instance and does what every client must be able to do, with
pycapnp and nothing of ours but schema/.

The steps, their names and the output are those of ../client-cpp/session-client.c++.

usage: session-client.py HOST:PORT [--user NAME --password PW] [--guest] [--hold HOST:PORT]

The schema is looked for beside this file's repository, or in SESSION_SCHEMA.
"""
import argparse
import asyncio
import gc
import os
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.environ.get("SESSION_SCHEMA", os.path.join(HERE, "..", "..", "..", "..", "schema"))

capnp.remove_import_hook()
rs = capnp.load(os.path.join(SCHEMA, "remote_session.capnp"))
us = capnp.load(os.path.join(SCHEMA, "user_session.capnp"))
chat_schema = capnp.load(os.path.join(SCHEMA, "chat.capnp"))
system_info = capnp.load(os.path.join(SCHEMA, "system_info.capnp"))

WAIT_S = 60
DISABLED = ["oidcDeviceCode", "oidcAuthorizationCodePkce", "passkey", "mtlsClientCert",
            "serviceCredential"]
STALE = "denied.stale-session"


class Failed(Exception):
    """A check that did not hold."""


def check(condition, *what):
    if not condition:
        line = sys._getframe(1).f_lineno
        raise Failed(f"line {line}: {' '.join(map(str, what))}".strip(": "))


async def wait(promise):
    return await asyncio.wait_for(promise, WAIT_S)


def type_id(interface):
    return interface.schema.node.id


def code(e):
    """The code an exception begins with, whatever the libraries on the way put before it."""
    text = e.description.rpartition("remote exception: ")[2]
    return text.split(" ")[0].split(":")[0]


async def refused(promise, expected):
    """The call must be refused with this code; another outcome is a failure."""
    line = sys._getframe(1).f_lineno
    try:
        await wait(promise)
    except capnp.KjException as e:
        if code(e) != expected or "FAILED" not in str(e.type):
            raise Failed(f"line {line}: expected {expected}, got {e.type} {e.description}") from e
        return
    raise Failed(f"line {line}: expected {expected}, but it worked")


# ---- logging in --------------------------------------------------------------------------------

async def connect(address):
    host, port = address.rsplit(":", 1)
    stream = await capnp.AsyncIoStream.create_connection(host=host, port=int(port))
    client = capnp.TwoPartyClient(stream)
    gateway = client.bootstrap().cast_as(rs.RemoteSessionGateway)
    return client, gateway


async def login_anonymous(gateway):
    return (await wait(gateway.anonymous())).session


def flow_start(gateway, kind, account):
    request = {"kind": kind, "selector": {"account": account},
               "source": {"client": "session-client (Python)"}}
    return gateway.start(request=request).flow


async def login_password(o, gateway):
    r = await wait(flow_start(gateway, "password", o.user).next(o.password.encode()))
    check(r.done)
    return r.session


async def cap_set(session):
    return (await wait(session.capSet())).caps


def get_later(caps, name, interface):
    return caps.get(name, type_id(interface))


async def get(caps, name, interface):
    return (await wait(get_later(caps, name, interface))).cap.as_interface(interface)


async def listed(caps, name, interface):
    for e in (await wait(caps.list())).entries:
        if e.name == name:
            check(e.interfaceId == type_id(interface), "interface")
            check(e.leaseExpiresAtMs, "lease")
            check(e.transferPolicy in ("session", "services"), e.transferPolicy)
            return True
    return False


async def motd(info):
    return (await wait(info.motd())).text


# ---- the steps ---------------------------------------------------------------------------------

async def step_auth_methods(o):
    client, gateway = await connect(o.address)
    methods = (await wait(gateway.authMethods())).methods
    enabled = {"password", "publicKey", "anonymous"} | ({"guest"} if o.guest else set())
    check(len(methods) == 9, len(methods))
    check(len({str(m.kind) for m in methods}) == 9, "each kind once")
    for m in methods:
        check(len(m.label), "label")
        check((m.state == "enabled") == (str(m.kind) in enabled), m.kind, m.state)
        check((m.state == "enabled") == (len(m.reason) == 0), m.kind, m.reason)
    del client


async def step_disabled_method(o):
    client, gateway = await connect(o.address)
    for kind in DISABLED:
        await refused(gateway.start(request={"kind": kind}), "denied.method-disabled")
    if not o.guest:
        await refused(gateway.guest(), "denied.method-disabled")
    del client


async def step_anonymous(o):
    client, gateway = await connect(o.address)
    session = await login_anonymous(gateway)
    info = (await wait(session.info())).info
    caps = await cap_set(session)
    check(info.kind == "anonymous" and info.account == "" and info.id, info)
    check(info.expiresAtMs > info.startedAtMs)
    check(await listed(caps, "session", us.UserSession), "session")
    check(await listed(caps, "system_info", system_info.SystemInfo), "system_info")
    check(not await listed(caps, "chat", chat_schema.Chat), "chat")
    check(await motd(await get(caps, "system_info", system_info.SystemInfo)), "motd")
    own = await get(caps, "session", us.UserSession)
    check((await wait(own.info())).info.id == info.id, "id")
    await refused(gateway.anonymous(), "denied.already-bound")
    del client


async def step_guest(o):
    client, gateway = await connect(o.address)
    session = (await wait(gateway.guest())).session
    caps = await cap_set(session)
    check((await wait(session.info())).info.kind == "guest", "kind")
    check(await listed(caps, "system_info", system_info.SystemInfo), "system_info")
    check(await motd(await get(caps, "system_info", system_info.SystemInfo)), "motd")
    del client


async def step_password(o):
    client, gateway = await connect(o.address)
    session = await login_password(o, gateway)
    info = (await wait(session.info())).info
    caps = await cap_set(session)
    check(info.kind == "password" and info.account == o.user, info)
    check(await listed(caps, "chat", chat_schema.Chat), "chat")
    check(await motd(await get(caps, "system_info", system_info.SystemInfo)), "motd")
    del client


async def step_wrong_password(o):
    client, gateway = await connect(o.address)
    wrong = flow_start(gateway, "password", o.user)
    nobody = flow_start(gateway, "password", "nobody-of-that-name")
    await refused(wrong.next(b"not the password"), "denied.credentials")
    await refused(nobody.next(o.password.encode()), "denied.credentials")
    await refused(wrong.next(o.password.encode()), "denied.flow")
    del client


async def step_refused(o):
    client, gateway = await connect(o.address)
    caps = await cap_set(await login_anonymous(gateway))
    await refused(get_later(caps, "no-such-thing", system_info.SystemInfo), "denied.unknown-name")
    await refused(get_later(caps, "chat", chat_schema.Chat), "denied.unknown-name")
    await refused(get_later(caps, "system_info", chat_schema.Chat), "denied.wrong-interface")
    check(await motd(await get(caps, "system_info", system_info.SystemInfo)), "motd")
    del client


class Listener(chat_schema.ChatListener.Server):
    """Keeps what it is told: (label, text)."""

    def __init__(self):
        self.said = []

    async def event(self, event, **kwargs):
        if event.which() == "said" and not event.history:
            self.said.append((event.label, event.said))


async def step_chat(o):
    one, gateway_one = await connect(o.address)
    two, gateway_two = await connect(o.address)
    here = Listener()
    chat_one = await get(await cap_set(await login_password(o, gateway_one)), "chat",
                         chat_schema.Chat)
    chat_two = await get(await cap_set(await login_password(o, gateway_two)), "chat",
                         chat_schema.Chat)
    first = await wait(chat_one.join(channel="#python", listener=here))
    second = await wait(chat_two.join(channel="#python", listener=Listener()))
    check(first.label != second.label, first.label)
    for i in range(3):
        await wait(second.membership.send(f"word {i}"))
    for _ in range(500):
        if len(here.said) >= 3:
            break
        await asyncio.sleep(0.01)
    check(here.said == [(second.label, f"word {i}") for i in range(3)], here.said)
    check(len((await wait(first.membership.members())).labels) == 2, "members")
    del one, two


async def step_logout(o):
    client, gateway = await connect(o.address)
    session = await login_password(o, gateway)
    caps = await cap_set(session)
    own = await get(caps, "session", us.UserSession)
    info = await get(caps, "system_info", system_info.SystemInfo)
    talk = await get(caps, "chat", chat_schema.Chat)
    member = (await wait(talk.join(channel="#bye", listener=Listener()))).membership
    await wait(session.logout())
    await refused(session.info(), STALE)
    await refused(session.capSet(), STALE)
    await refused(session.logout(), STALE)
    await refused(caps.list(), STALE)
    await refused(get_later(caps, "system_info", system_info.SystemInfo), STALE)
    await refused(own.info(), STALE)
    await refused(info.motd(), STALE)
    await refused(talk.channels(), STALE)
    await refused(member.members(), STALE)
    await refused(gateway.anonymous(), STALE)
    del client


async def step_pipelined(o):
    client, gateway = await connect(o.hold or o.address)
    caps = gateway.anonymous().session.capSet().caps
    info = get_later(caps, "system_info", system_info.SystemInfo).cap
    check(await motd(info.cast_as(system_info.SystemInfo)), "motd")
    del client


# ---- running them ------------------------------------------------------------------------------

def steps(o):
    """(name, function) of all steps these options allow."""
    chosen = [("auth-methods", step_auth_methods), ("disabled-method", step_disabled_method),
              ("anonymous", step_anonymous), ("refused", step_refused),
              ("pipelined", step_pipelined)]
    if o.guest:
        chosen += [("guest", step_guest)]
    if o.user:
        chosen += [("password", step_password), ("wrong-password", step_wrong_password),
                   ("chat", step_chat), ("logout", step_logout)]
    return chosen


async def run(o):
    passed = failed = 0
    for name, step in steps(o):
        try:
            await step(o)
        except (Failed, OSError, asyncio.TimeoutError, capnp.KjException, AttributeError) as e:
            failed += 1
            print(f"not ok {name} - {type(e).__name__} {e}", flush=True)
        else:
            passed += 1
            print(f"ok {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def main():
    # Cycles of exceptions and frames hold references; collected in any order they end the program.
    gc.disable()
    parser = argparse.ArgumentParser(description="A client of an instance, in Python.")
    parser.add_argument("address")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--guest", action="store_true")
    parser.add_argument("--hold")
    return asyncio.run(capnp.run(run(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
