#!/usr/bin/env python3
"""hello as a process, as the connector starts it: a socket is its standard input."""
import asyncio
import os
import socket
import subprocess
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
capnp.remove_import_hook()
schema = capnp.load(os.path.join(HERE, "hello.capnp"))


async def greeted(hello):
    assert (await hello.greet("Ada")).text == "Good day, Ada."
    try:
        await hello.greet("x" * 65)
    except capnp.KjException as e:
        assert "64 bytes at most" in e.description, e
    else:
        raise AssertionError("a name that is too long is taken")
    assert (await hello.greet("Grace")).text == "Good day, Grace."
    assert (await hello.count()).mine == 2


async def main():
    ours, its = socket.socketpair()
    with subprocess.Popen([sys.executable, os.path.join(HERE, "hello.py")], stdin=its, stdout=its) as process:
        its.close()
        stream = await capnp.AsyncIoStream.create_connection(sock=ours)
        client = capnp.TwoPartyClient(stream)
        await greeted(client.bootstrap().cast_as(schema.Hello))
        stream.close()  # the caller has gone, and so does the program
        assert await asyncio.to_thread(process.wait, 60) == 0
    print("test-hello: good")


if __name__ == "__main__":
    asyncio.run(capnp.run(main()))
