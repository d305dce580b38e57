#!/usr/bin/env python3
"""panel-host: lends one surface to a service that composes panes, with pycapnp and nothing of ours but schema/.

The steps, their names and the output are those of ../client-cpp/panel-host.c++.

usage: panel-host.py ADDRESS NAME PASSWORD proof

The schemas are looked for beside this file's repository, or in SESSION_SCHEMA and PANEL_SCHEMA.
"""
import asyncio
import os
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..", "..", "..")
SCHEMA = os.environ.get("SESSION_SCHEMA", os.path.join(TOP, "schema"))
PANEL = os.environ.get("PANEL_SCHEMA", os.path.join(TOP, "test", "ui", "panel.capnp"))

capnp.remove_import_hook()
rs = capnp.load(os.path.join(SCHEMA, "remote_session.capnp"), imports=[SCHEMA])
ui = capnp.load(os.path.join(SCHEMA, "remote_ui.capnp"), imports=[SCHEMA])
panel_schema = capnp.load(PANEL, imports=[SCHEMA])

WAIT_S = 60


class Failed(Exception):
    """A check that did not hold."""


def check(condition, *what):
    if not condition:
        raise Failed(f"line {sys._getframe(1).f_lineno}: {' '.join(map(str, what))}")


async def wait(promise):
    return await asyncio.wait_for(promise, WAIT_S)


class Pane(ui.RemoteUiSurface.Server):
    """Keeps what was patched; answers one poll when a person presses."""

    def __init__(self):
        self.patches, self.persisted, self.shown = 0, 0, []
        self.asked, self.pressed = asyncio.Event(), asyncio.Event()

    async def apply(self, patch, **kwargs):
        check(patch.kind == "updateModel", patch.kind)
        model = patch.payload.model
        counters = model.whole.counters.counters if model.which() == "whole" else model.counters
        self.shown += [c.key for c in counters]
        self.patches += 1
        return self.patches

    async def poll(self, maxEvents, waitMs, **kwargs):
        self.asked.set()
        await self.pressed.wait()
        self.pressed.clear()
        return [ui.UiEvent.new_message(command="make", userInitiated=True, sequence=1)]

    async def persist(self, what, **kwargs):
        self.persisted += 1


class Proof:
    """Each step goes on where the one before it ended."""

    def __init__(self, session, panel):
        self.session, self.panel, self.pane, self.offer = session, panel, Pane(), None

    async def attempt(self, act):
        return (await wait(self.panel.attempt(act, 1))).outcome

    async def until(self, condition):
        for _ in range(WAIT_S * 100):
            if await condition():
                return
            await asyncio.sleep(0.01)
        raise Failed(f"line {sys._getframe(1).f_lineno}: it never came")

    async def lends_a_surface(self):
        self.offer = (await wait(self.session.offerSurface(self.pane, "panel"))).offer

    async def accepts_one_patch(self):
        async def patched():
            return self.pane.patches == 1

        await self.until(patched)
        check(await self.attempt("patch") == "", "the patch")
        check(self.pane.shown == ["clips", "more"], self.pane.shown)

    async def sends_one_event(self):
        async def heard():
            return (await wait(self.panel.events())).byPerson == 1

        await wait(self.pane.asked.wait())
        self.pane.pressed.set()
        await self.until(heard)
        check(list((await wait(self.panel.events())).commands) == ["make"], "the event")

    async def reaches_nothing_else(self):
        for act in ("stray", "open"):
            outcome = await self.attempt(act)
            check(outcome.startswith("a host has lent no such thing"), outcome)

    async def withdraws(self):
        async def nothing():
            state = await wait(self.panel.state())
            return state.open == 0 and state.panes == 0

        await wait(self.offer.withdraw())
        over = await wait(self.offer.ended())
        check((over.end, over.reason) == ("withdrawn", "the host has withdrawn it"), over)
        await self.until(nothing)

    async def cannot_patch(self):
        await self.gone("patch")
        check(self.pane.patches == 2, self.pane.patches)

    async def cannot_reach_chrome(self):
        for act in ("stray", "open", "theme"):
            await self.gone(act)

    async def cannot_persist(self):
        await self.gone("persist")
        check(self.pane.persisted == 0, self.pane.persisted)

    async def gone(self, act):
        outcome = await self.attempt(act)
        check("denied.withdrawn" in outcome, outcome)

    def steps(self):
        return [self.lends_a_surface, self.accepts_one_patch, self.sends_one_event, self.reaches_nothing_else,
                self.withdraws, self.cannot_patch, self.cannot_reach_chrome, self.cannot_persist]


async def run(address, name, password):
    host, port = address.rsplit(":", 1)
    client = capnp.TwoPartyClient(await capnp.AsyncIoStream.create_connection(host=host, port=int(port)))
    gateway = client.bootstrap().cast_as(rs.RemoteSessionGateway)
    flow = gateway.start(request={"kind": "password", "selector": {"account": name}}).flow
    session = (await wait(flow.next(password.encode()))).session
    caps = (await wait(session.capSet())).caps
    got = await wait(caps.get("panel", panel_schema.Panel.schema.node.id))
    proof = Proof(session, got.cap.as_interface(panel_schema.Panel))
    passed = failed = 0
    for step in proof.steps():
        title = step.__name__.replace("_", "-")
        try:
            await step()
        except (Failed, capnp.KjException, asyncio.TimeoutError) as e:
            failed += 1
            print(f"not ok {title} - {e}", flush=True)
        else:
            passed += 1
            print(f"ok {title}", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed


def main(argv):
    if len(argv) != 4 or argv[3] != "proof":
        print(__doc__, file=sys.stderr)
        return 2
    return 1 if asyncio.run(capnp.run(run(*argv[:3]))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
