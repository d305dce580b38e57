#!/usr/bin/env python3
"""tap: stands between a client and `capos mcp`, passes on what they say, and writes it down.

A test can't reach the pipes that a client makes for its server; so the client is told to start this, and this starts
the server. Each line is in FOLDER/TIME.log before it is passed on: a JSON list of who said it, and what. Through the
socket FOLDER/TIME.sock a test puts in what no client would say, {"inject": base64}, or has the next result come with
another content, {"corrupt": CONTENT}. Each such line is answered {} when it is done.

usage: tap.py FOLDER COMMAND...
"""
import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time


class Tap:
    def __init__(self, folder, command):
        base = os.path.join(folder, str(time.monotonic_ns()))
        self.log = open(base + ".log", "a", encoding="utf-8", errors="surrogateescape")
        self.lock = threading.Lock()
        self.corrupt = None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.note("pid", str(self.process.pid))
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(base + ".sock")
        self.socket.listen()

    def note(self, who, line):
        with self.lock:
            self.log.write(json.dumps([who, line]) + "\n")
            self.log.flush()

    def give(self, who, data):
        """To the server; whole lines."""
        self.note(who, data.decode(errors="replace"))
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def hear_client(self):
        for line in sys.stdin.buffer:
            self.give("client", line)
        self.note("end", "")
        self.process.stdin.close()

    def hear_server(self):
        for line in self.process.stdout:
            self.note("server", line.decode(errors="replace"))
            sys.stdout.buffer.write(self.changed(line))
            sys.stdout.buffer.flush()

    def changed(self, line):
        m = json.loads(line)
        if self.corrupt is None or "structuredContent" not in m.get("result", {}):
            return line
        m["result"]["structuredContent"], self.corrupt = self.corrupt, None
        return json.dumps(m).encode() + b"\n"

    def hear_test(self):
        while True:
            with self.socket.accept()[0] as conn, conn.makefile("rwb") as f:
                for line in f:
                    m = json.loads(line)
                    if "inject" in m:
                        self.give("test", base64.b64decode(m["inject"]))
                    else:
                        self.corrupt = m["corrupt"]
                    f.write(b"{}\n")
                    f.flush()

    def run(self):
        for hear in (self.hear_client, self.hear_test):
            threading.Thread(target=hear, daemon=True).start()
        self.hear_server()
        code = self.process.wait()
        self.note("exit", str(code))
        os._exit(code if code >= 0 else 1)  # pylint: disable=protected-access


if __name__ == "__main__":
    Tap(sys.argv[1], sys.argv[2:]).run()
