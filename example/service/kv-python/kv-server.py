#!/usr/bin/env python3
"""kv in Python, with pycapnp alone: it knows nothing of an instance. A connector puts it behind one
(doc/service-authors.md). See ../kv/kv.capnp for what it does, ../kv/kv.c for the same in C.

usage: kv-server.py unix:PATH FILE      serves at a socket, keeps values in FILE; says "ready" first

The schema is the one in ../kv, or what KV_SCHEMA names.
"""
import asyncio
import os
import sys

import capnp

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS, KEY_BYTES, VALUE_BYTES, ALL_BYTES = 256, 64, 64 * 1024, 1024 * 1024
UNANSWERED = 64

capnp.remove_import_hook()
# What `-> stream` imports comes with the package.
schema = capnp.load(os.environ.get("KV_SCHEMA", os.path.join(HERE, "..", "kv", "kv.capnp")),
                    imports=[os.path.dirname(os.path.dirname(capnp.__file__))])


class Store:
    """What all connections share."""

    def __init__(self, path):
        self.path, self.values, self.timers = path, {}, {}
        self.waits, self.watches, self.tasks = [], {}, set()
        if os.path.exists(path):
            with open(path, "rb") as f, schema.Table.from_bytes(f.read()) as table:
                self.values = {e.key: e.value for e in table.entries}

    def save(self):
        """A new file, brought to the disk, in the old one's place."""
        kept = [(k, v) for k, v in self.values.items() if k not in self.timers]
        table = schema.Table.new_message()
        for entry, (key, value) in zip(table.init("entries", len(kept)), kept):
            entry.key, entry.value = key, value
        with open(self.path + ".new", "wb") as f:
            f.write(table.to_bytes())
            f.flush()
            os.fsync(f.fileno())
        os.replace(self.path + ".new", self.path)

    def set(self, key, value, keep_ms=0):
        rest = sum(len(v.encode()) for k, v in self.values.items() if k != key)
        size = len(value.encode())
        if not 0 < len(key.encode()) <= KEY_BYTES or size > VALUE_BYTES or rest + size > ALL_BYTES or \
                (key not in self.values and len(self.values) == KEYS):
            raise ValueError("too long, or too many")
        if key in self.timers:
            self.timers.pop(key).cancel()
        self.values.pop(key, None)
        if value:
            self.values[key] = value
        if value and keep_ms:
            self.timers[key] = asyncio.get_running_loop().call_later(keep_ms / 1000, self.set, key, "")
        self.save()
        self.changed(key, value)

    def changed(self, key, value):
        for wanted, future in self.waits:
            if wanted == key and not future.done():
                future.set_result(value)
        for told in self.watches.values():
            if key.startswith(told["prefix"]) and told["unanswered"] < UNANSWERED:
                told["unanswered"] += 1
                task = asyncio.ensure_future(self.tell(told, told["watcher"].changed(key=key, value=value)))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    @staticmethod
    async def tell(told, answer):
        try:
            await answer
            told["unanswered"] -= 1
        except capnp.KjException:
            pass  # a watcher that refuses is its own affair

    async def next(self, key, wait_ms):
        mine = (key, asyncio.get_running_loop().create_future())
        self.waits.append(mine)
        try:
            return await asyncio.wait_for(mine[1], wait_ms / 1000)
        except asyncio.TimeoutError:
            raise ValueError("the key was not set in time") from None
        finally:
            self.waits.remove(mine)


class Watch(schema.Watch.Server):
    """Told until its last reference is let go of: then Python's is, too."""

    def __init__(self, store, prefix, watcher):
        self.store = store
        store.watches[id(self)] = {"prefix": prefix, "watcher": watcher, "unanswered": 0}

    def __del__(self):
        del self.store.watches[id(self)]


class Sink(schema.Sink.Server):
    def __init__(self, store, key):
        self.store, self.key, self.parts, self.length = store, key, [], 0

    async def write(self, part, **kwargs):
        self.length += len(part.encode())
        if self.length > VALUE_BYTES:
            raise ValueError("a value has 64 KiB at most")
        self.parts.append(part)

    async def done(self, **kwargs):
        self.store.set(self.key, "".join(self.parts))
        return self.length


class Kv(schema.Kv.Server):
    def __init__(self, store):
        self.store = store

    async def get(self, key, **kwargs):
        if key not in self.store.values:
            raise ValueError("there is no such key")
        return self.store.values[key]

    async def set(self, key, value, keepMs, **kwargs):
        self.store.set(key, value, keepMs)

    async def next(self, key, waitMs, **kwargs):
        return await self.store.next(key, waitMs)

    async def watch(self, prefix, watcher, **kwargs):
        return Watch(self.store, prefix, watcher)

    async def upload(self, key, **kwargs):
        return Sink(self.store, key)


async def main(where, path):
    kv = Kv(Store(path))

    async def serve(stream):
        await capnp.TwoPartyServer(stream, bootstrap=kv).on_disconnect()

    async with await capnp.AsyncIoStream.create_unix_server(serve, where.removeprefix("unix:")) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(capnp.run(main(sys.argv[1], sys.argv[2])))
