#!/usr/bin/env python3
"""record.py FOLDER: what a browser answers when it makes passkeys and logs in by them.

Starts Debian's Chromium, without a window, with an authenticator of its own making (the protocol of its developer
tools, WebAuthn.addVirtualAuthenticator), on a page of http://localhost:8480, and writes one file for each answer:
ALGORITHM-new (a RegistrationResponseJSON) and ALGORITHM-get (an AuthenticationResponseJSON). All ask by the same
challenge, the bytes 0 to 31, for a user of the handle 100 to 131. They are the corpus of fuzz-passkey and what
daemon/prover/test-prover-passkey.c judges. No test needs Chromium; who records anew needs the package chromium.
"""
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

PORT = 8480
ALGORITHMS = {"es256": -7, "eddsa": -8, "rs256": -257}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"]

SCRIPT = """(async () => {
    const b64 = (b) => btoa(String.fromCharCode(...b)).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=/g, '');
    const bytes = (from) => b64(Uint8Array.from({length: 32}, (_, i) => from + i));
    const challenge = bytes(0);
    const made = await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON({
        rp: {id: 'localhost', name: 'capOS'}, challenge, attestation: ATTESTATION,
        user: {id: bytes(100), name: 'ada', displayName: 'ada'},
        pubKeyCredParams: [{type: 'public-key', alg: ALG}],
        authenticatorSelection: {residentKey: 'required', userVerification: 'required'}})});
    const got = await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON({
        rpId: 'localhost', challenge, userVerification: 'required'})});
    return JSON.stringify({made: made.toJSON(), got: got.toJSON()});
})()"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>passkeys</title>")

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # a connection that the browser gave up


class Browser:
    """Chromium, spoken to over two pipes: JSON, each message ended by a NUL."""

    def __init__(self, profile):
        to, self.out = os.pipe()
        self.inp, back = os.pipe()
        command = ["/usr/bin/chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(["sh", "-c", f'exec "$@" 3<&{to} 4>&{back}', "sh", *command],
                                        pass_fds=(to, back), stderr=subprocess.DEVNULL)
        os.close(to)
        os.close(back)
        self.last, self.rest = 0, b""

    def receive(self):
        while b"\0" not in self.rest:
            got = os.read(self.inp, 65536)
            if not got:
                raise SystemExit("record.py: chromium has gone")
            self.rest += got
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, session=None, **params):
        self.last += 1
        q = {"id": self.last, "method": method, "params": params}
        if session:
            q["sessionId"] = session
        os.write(self.out, json.dumps(q).encode() + b"\0")
        while True:
            m = self.receive()
            if m.get("id") == self.last:
                if "error" in m:
                    raise SystemExit(f"record.py: {method}: {m['error']}")
                return m["result"]

    def wait(self, event):
        while self.receive().get("method") != event:
            pass


def record(b, session, folder, name, alg, attestation):
    options = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True,
               "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    device = b.call("WebAuthn.addVirtualAuthenticator", session, options=options)["authenticatorId"]
    script = SCRIPT.replace("ALG", str(alg)).replace("ATTESTATION", repr(attestation))
    r = b.call("Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True)
    b.call("WebAuthn.removeVirtualAuthenticator", session, authenticatorId=device)
    if "exceptionDetails" in r:
        print(f"{name}: {r['exceptionDetails']['exception'].get('description')}", file=sys.stderr)
        return
    both = json.loads(r["result"]["value"])
    for what, key in (("new", "made"), ("get", "got")):
        with open(os.path.join(folder, f"{name}-{what}"), "w", encoding="utf-8") as f:
            json.dump(both[key], f, separators=(",", ":"))
    print(f"{name}: written")


def main():
    folder = sys.argv[1]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        b = Browser(profile)
        target = b.call("Target.createTarget", url="about:blank")["targetId"]
        session = b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        b.call("Page.enable", session)
        b.call("Page.navigate", session, url=f"http://localhost:{PORT}/")
        b.wait("Page.loadEventFired")
        b.call("WebAuthn.enable", session)
        for name, alg in ALGORITHMS.items():
            record(b, session, folder, name, alg, "none")
        record(b, session, folder, "attested", -7, "direct")
        b.call("Browser.close")
        b.process.wait(30)


if __name__ == "__main__":
    main()
