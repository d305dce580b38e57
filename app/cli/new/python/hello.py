#!/usr/bin/env python3
"""hello: a service that greets, by pycapnp.

It knows nothing of an instance: it serves whoever is at the other end of its standard input, which is a
socket, and is started for each caller by the instance's connector. What it prints to its standard error
is in the instance's log.
"""
import asyncio
import os
import socket

import capnp

capnp.remove_import_hook()
schema = capnp.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hello.capnp"))
NAME_BYTES = 64


class Hello(schema.Hello.Server):
    def __init__(self):
        self.greeted = 0

    async def greet(self, name, **kwargs):
        if len(name.encode()) > NAME_BYTES:
            raise ValueError("a name has 64 bytes at most")
        self.greeted += 1
        return f"Good day, {name}."

    async def count(self, **kwargs):
        return self.greeted


async def main():
    stream = await capnp.AsyncIoStream.create_connection(sock=socket.socket(fileno=0))
    await capnp.TwoPartyServer(stream, bootstrap=Hello()).on_disconnect()


if __name__ == "__main__":
    asyncio.run(capnp.run(main()))
