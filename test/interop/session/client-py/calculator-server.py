#!/usr/bin/env python3
"""calculator-server: ../../connector/calculator-server.c++ by pycapnp, which knows nothing of the instance either.

usage: calculator-server.py unix:PATH | HOST:PORT     says "ready PORT" when it listens
       calculator-server.py -                         serves on its standard input, a socket

The schema is looked for beside this file's repository, or is CALCULATOR_SCHEMA.
"""
import asyncio
import os
import socket
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.environ.get("CALCULATOR_SCHEMA",
                        os.path.join(HERE, "..", "..", "connector", "calculator.capnp"))

capnp.remove_import_hook()
schema = capnp.load(SCHEMA)


class Value(schema.Calculator.Value.Server):
    def __init__(self, value):
        self.value = value

    async def read(self, **kwargs):
        return self.value


async def evaluate(expression, given=None):
    which = expression.which()
    if which == "literal":
        return expression.literal
    if which == "previousResult":
        return (await expression.previousResult.read()).value
    if which == "parameter":
        if given is None or expression.parameter >= len(given):
            raise ValueError("no such parameter")
        return given[expression.parameter]
    numbers = await asyncio.gather(*(evaluate(p, given) for p in expression.call.params))
    return (await expression.call.function.call(list(numbers))).value


class Function(schema.Calculator.Function.Server):
    def __init__(self, count, body):
        self.count, self.body = count, body.as_builder()

    async def call(self, params, **kwargs):
        if len(params) != self.count:
            raise ValueError("wrong number of parameters")
        return await evaluate(self.body, list(params))


class Operator(schema.Calculator.Function.Server):
    def __init__(self, op):
        self.op = op

    async def call(self, params, **kwargs):
        if len(params) != 2:
            raise ValueError("wrong number of parameters")
        a, b = params
        return {"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a / b if b else 0.0}[str(self.op)]


class Calculator(schema.Calculator.Server):
    async def evaluate(self, expression, **kwargs):
        return Value(await evaluate(expression))

    async def defFunction(self, paramCount, body, **kwargs):
        return Function(paramCount, body)

    async def getOperator(self, op, **kwargs):
        return Operator(op)


async def serve(stream):
    await capnp.TwoPartyServer(stream, bootstrap=Calculator()).on_disconnect()


async def main(where):
    if where == "-":
        await serve(await capnp.AsyncIoStream.create_connection(sock=socket.socket(fileno=0)))
        return
    if where.startswith("unix:"):
        server = await capnp.AsyncIoStream.create_unix_server(serve, where[5:])
    else:
        host, port = where.rsplit(":", 1)
        server = await capnp.AsyncIoStream.create_server(serve, host, port)
    print("ready", 0 if where.startswith("unix:") else server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(capnp.run(main(sys.argv[1])))
