#!/usr/bin/env python3
"""tls-client: one login with pycapnp, over TLS or a Unix socket, and nothing of ours but schema/ and
doc/protocol/admission.md.

usage: tls-client.py ssl|pyopenssl ADDRESS CERTIFICATE METHOD ACCOUNT SECRET

tls-run.py says what is what. The schema is looked for in SESSION_SCHEMA.
"""
import asyncio
import os
import ssl
import sys

import capnp

import channel as ch

SCHEMA = os.environ["SESSION_SCHEMA"]

capnp.remove_import_hook()
rs = capnp.load(os.path.join(SCHEMA, "remote_session.capnp"))
system_info = capnp.load(os.path.join(SCHEMA, "system_info.capnp"))


class Context(ssl.SSLContext):
    """Keeps the connection it made: pycapnp's stream hides it."""

    made = None

    def wrap_bio(self, *arguments, **options):
        self.made = super().wrap_bio(*arguments, **options)
        return self.made


async def connect(library, address, certificate):
    """(stream, channel) of a new connection."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        return await capnp.AsyncIoStream.create_unix_connection(path=place), ch.Channel("unix")
    host, port = place.rsplit(":", 1)
    if library == "pyopenssl":
        sock, channel = ch.connect_pyopenssl((host, int(port)), certificate)
        return await capnp.AsyncIoStream.create_connection(sock=sock), channel
    context = ch.ssl_context(certificate, Context)
    stream = await capnp.AsyncIoStream.create_connection(host=host, port=int(port), ssl=context,
                                                         server_hostname="localhost")
    return stream, ch.ssl_channel(context.made)


async def login(library, address, certificate, method, account, secret):
    stream, channel = await connect(library, address, certificate)
    client = capnp.TwoPartyClient(stream)
    gateway = client.bootstrap().cast_as(rs.RemoteSessionGateway)
    request = {"kind": "password" if method == "password" else "publicKey",
               "selector": {"account": account}}
    if method.startswith("tls-key"):
        request["binding"] = "serverKey"
    flow = gateway.start(request=request).flow
    response = secret.encode()
    if method != "password":
        nonce = (await flow.next(b"")).step.challenge
        response = ch.proof(channel, method, secret, nonce, account)
    session = (await flow.next(response)).session
    info = (await session.info()).info
    got = session.capSet().caps.get("system_info", system_info.SystemInfo.schema.node.id)
    motd = (await got.cap.cast_as(system_info.SystemInfo).motd()).text
    return f"{info.account} {info.kind} {motd}"


async def run(words):
    try:
        said = await asyncio.wait_for(login(*words), ch.WAIT_S)
    except Exception as e:  # of pycapnp, ssl or pyOpenSSL: why it did not work is the answer
        print(f"{type(e).__name__} {e}")
        return 1
    print(said)
    return 0


def main(words):
    if len(words) != 6:
        print(__doc__, file=sys.stderr)
        return 2
    if words[0] == "ssl" and words[1].startswith("tls:") and words[3].startswith("key"):
        if not ch.has_exporter():
            print("cannot: ssl has no call for tls-exporter")
            return 3
    return asyncio.run(capnp.run(run(words)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
