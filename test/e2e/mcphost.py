"""mcphost: a host of a model, as far as `capos mcp` sees one: it writes lines of JSON and reads such.

Raw, so that each byte is the test's: no library of MCP takes part here. A host speaks by either revision; what comes is
sorted as it arrives, and everything is waited for.
"""
import json
import os
import queue
import subprocess
import threading

import instance
from sessionlib import Failed

WAIT_S = 120
META = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
FORM = {"elicitation": {}}


class Host:
    """A process of `capos mcp`, and its standard input and output."""

    name = "mcphost"  # who it says that it is

    def __init__(self, env, *words, modern=True, caps=None, opened=True, wrapper=()):
        self.modern, self.caps = modern, FORM if caps is None else caps
        self.answer = None  # what the person says: a function of the question, which returns an ElicitResult
        self.last = 0
        self.asked, self.noted, self.stray = [], [], []
        self.came = queue.Queue()
        self.waits = {}
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.process = subprocess.Popen([*wrapper, capos, "mcp", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env)
        self.said = b""
        self.raw = b""
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.read, self.hear)]
        for t in self.threads:
            t.start()
        if not modern and opened:
            self.initialize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends it as a host does; its exit code."""
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            code = self.process.wait(WAIT_S)
        finally:
            self.process.kill()
        for t in self.threads:
            t.join(WAIT_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    # ---- lines

    def hear(self):
        for line in self.process.stderr:
            self.said += line

    def read(self):
        for line in self.process.stdout:
            self.raw += line
            with self.changed:
                self.take(json.loads(line))
                self.changed.notify_all()

    def take(self, m):
        if m.get("jsonrpc") != "2.0":
            self.stray.append(m)
        elif "method" in m and "id" in m:
            self.asked.append(m)
            if self.answer:
                self.send({"jsonrpc": "2.0", "id": m["id"], "result": self.answer(m["params"])})
        elif "method" in m:
            self.noted.append(m)
        elif m.get("id") is not None and m["id"] in self.waits:
            self.waits[m["id"]] = m
        else:
            self.stray.append(m)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, m):
        self.write(json.dumps(m).encode() + b"\n")

    def until(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, WAIT_S):
                raise Failed(f"{what} never came: {self.noted} {self.stray} {self.said.decode()}")
            return condition()

    # ---- requests

    def meta(self):
        return {META + "protocolVersion": MODERN, META + "clientCapabilities": self.caps,
                META + "clientInfo": {"name": self.name, "version": "1"}} if self.modern else {}

    def begin(self, method, params=None, meta=None, number=None):
        """Sends a request; its id."""
        self.last += 1
        number = self.last if number is None else number
        whole = {**(params or {}), "_meta": {**self.meta(), **(meta or {})}}
        if not whole["_meta"]:
            del whole["_meta"]
        with self.changed:
            self.waits[number] = None
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": whole})
        return number

    def end(self, number):
        """Waits for its answer."""
        return self.until(lambda: self.waits[number], f"the answer to {number}")

    def request(self, method, params=None, meta=None):
        """What it results in."""
        m = self.end(self.begin(method, params, meta))
        if "result" not in m:
            raise Failed(f"{method} {params}: {m}")
        return m["result"]

    def error(self, method, params=None, meta=None):
        """The error that it ends with."""
        m = self.end(self.begin(method, params, meta))
        if "error" not in m:
            raise Failed(f"{method} {params}: {m}")
        return m["error"]

    def initialize(self, version=LEGACY):
        result = self.request("initialize", {"protocolVersion": version, "capabilities": self.caps,
                                             "clientInfo": {"name": self.name, "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result

    def cancel(self, number):
        self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})

    # ---- tools

    def tools(self):
        """{name: tool}"""
        return {t["name"]: t for t in self.request("tools/list")["tools"]}

    def call(self, name, arguments=None, meta=None):
        """The result of a call, whatever the client has to be asked for it. Asked as its era does."""
        params = {"name": name, "arguments": arguments or {}}
        result = self.request("tools/call", params, meta)
        if result.get("resultType") == "input_required":
            self.asked.append(result["inputRequests"]["approve"])
            answer = self.answer(result["inputRequests"]["approve"]["params"])
            result = self.request("tools/call", {**params, "requestState": result["requestState"],
                                                 "inputResponses": {"approve": answer}}, meta)
        return result

    def good(self, name, arguments=None, meta=None):
        """What a call returns that has to succeed."""
        result = self.call(name, arguments, meta)
        if result.get("isError") or "structuredContent" not in result:
            raise Failed(f"{name} {arguments}: {result} {self.said.decode()}")
        if json.loads(result["content"][0]["text"]) != result["structuredContent"]:
            raise Failed(f"{name}: the text is another than the content: {result}")
        return result["structuredContent"]

    def bad(self, name, arguments=None, meta=None):
        """The code that a call fails with."""
        result = self.call(name, arguments, meta)
        if not result.get("isError"):
            raise Failed(f"{name} {arguments}: {result}")
        return json.loads(result["content"][0]["text"])["code"]


def yes(word):
    """A person who always answers so."""
    return lambda _: {"action": "accept", "content": {"allow": word}}


def no(_):
    return {"action": "decline"}
