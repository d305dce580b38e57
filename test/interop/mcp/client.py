"""PyPI's mcp, which speaks both eras, and finds out or is told which: see driver.mjs for what is read and written."""
import json
import sys

import anyio
import mcp_types as types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

MODES = {"legacy": "legacy", "auto": "auto", "pin": "2026-07-28"}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def wrong(n, kind, code, text):
    say({"n": n, "error": {"kind": kind, "code": code, "text": text}})


def dumped(result):
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


class Driver:
    """The client, and what is under way."""

    def __init__(self, group):
        self.group = group
        self.client = None
        self.running, self.asked, self.answers = {}, {}, {}
        self.at = self.last = 0
        self.ended = self.closed = None

    async def on_asked(self, _context, params):
        self.last += 1
        at, q = key = (self.at, self.last)
        self.asked[key] = anyio.Event()
        say({"event": "asked", "at": at, "q": q, "params": dumped(params)})
        await self.asked[key].wait()
        return types.ElicitResult(**self.answers[key])

    async def on_message(self, message):
        if isinstance(message, Exception):
            say({"event": "trouble", "at": self.at, "text": str(message)})
        elif isinstance(message, types.ToolListChangedNotification):
            say({"event": "changed", "at": self.at})

    # ---- ops

    async def hold(self, config, task_status):
        """The connection, for as long as it lasts."""
        server = StdioServerParameters(command=config["command"], args=config["args"], env=config["env"])
        async with Client(stdio_client(server), mode=MODES[config["mode"]], message_handler=self.on_message,
                          elicitation_callback=self.on_asked if config["asks"] else None) as self.client:
            task_status.started()
            await self.ended.wait()
        self.closed.set()

    async def open(self, m):
        self.at, self.last = m["n"], 0
        self.ended, self.closed = anyio.Event(), anyio.Event()
        await self.group.start(lambda task_status: self.hold(m, task_status))
        return {"version": self.client.protocol_version}

    async def list(self, _):
        return dumped(await self.client.list_tools())

    async def call(self, m):
        async def on_progress(progress, total, message):
            say({"event": "progress", "at": self.at, "of": m["n"], "progress": progress})
        if not m.get("manual"):
            return dumped(await self.client.call_tool(m["name"], m["arguments"], 600, on_progress))
        given = {k: types.ElicitResult(**v) for k, v in m.get("inputResponses", {}).items()}
        return dumped(await self.client.session.call_tool(
            m["name"], m["arguments"], 600, on_progress, input_responses=given or None,
            request_state=m.get("requestState"), allow_input_required=True))

    async def listen(self, _):
        if self.client.protocol_version == MODES["pin"]:
            await self.group.start(self.hear)

    async def hear(self, task_status):
        try:
            async with self.client.listen(tools_list_changed=True) as changes:
                task_status.started()
                async for _ in changes:
                    pass  # on_message has it, too
        except Exception:  # pylint: disable=broad-except
            if not self.ended.is_set():
                raise

    async def close(self, _):
        self.ended.set()
        await self.closed.wait()

    # ---- lines

    async def run(self, m):
        with anyio.CancelScope() as scope:
            self.running[m["n"]] = scope
            try:
                say({"n": m["n"], "ok": await getattr(self, m["op"])(m)})
            except Exception as e:  # pylint: disable=broad-except
                wrong(m["n"], type(e).__name__, getattr(e, "code", None), str(e))
        if scope.cancelled_caught:
            wrong(m["n"], "Cancelled", None, "it was given up")

    async def lines(self):
        async for line in anyio.wrap_file(sys.stdin):
            m = json.loads(line)
            if m["op"] == "answer":
                key = (m["at"], m["q"])
                self.answers[key] = m["result"]
                self.asked[key].set()
            elif m["op"] == "cancel":
                self.running[m["of"]].cancel()
            else:
                self.group.start_soon(self.run, m)
        self.group.cancel_scope.cancel()


async def main():
    async with anyio.create_task_group() as group:
        await Driver(group).lines()


anyio.run(main)
