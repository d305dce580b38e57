"""oplib: an identity provider on this machine that does what a test says, rightly or wrongly.

Why: a real provider cannot be made to lie. This one answers as OpenID Connect has it (discovery,
keys, codes for devices, codes of a browser), counts what it is asked, and lets a test change every
answer and every claim. It checks what a provider has to: the secret, the verifier of PKCE, that a
code is used once.
"""
import base64
import hashlib
import http.server
import json
import os
import threading
import time
import urllib.parse

import tokens
from tokens import b64

CLIENT, SECRET = "capos", "a secret of the client's & more"
SUBJECT = "248289761001"


class Provider:
    """Runs from its making to stop(). What is special is set from outside, at any time."""

    def __init__(self, port=0):
        self.key = tokens.Key("ES256")
        self.others = []  # keys of its set, as objects
        self.asked = {}  # path: how often
        self.claims = {}  # that are added to each ID token; None: left out
        self.description = {}  # the same of what it says of itself
        self.head = {}  # of tokens
        self.answers = {}  # path: what is answered instead: a function of the handler
        self.approved = False  # whoever has typed a device's code has said yes
        self.slow_down = 0  # so often it says that
        self.codes = {}  # of browsers: what was asked for
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self.handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, path):
        return self.asked.get(path, 0)

    def handler(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, **headers):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                provider.serve(self, {})

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                provider.serve(self, dict(urllib.parse.parse_qsl(text)))

        return Handler

    def serve(self, h, form):
        path = urllib.parse.urlsplit(h.path).path
        with self.lock:
            self.asked[path] = self.count(path) + 1
        serve = self.answers.get(path) or {
            "/.well-known/openid-configuration": self.discovery, "/jwks": self.jwks,
            "/device": self.device, "/token": self.token,
            "/authorize": self.authorize}.get(path)
        try:
            if serve:
                serve(h, form)
            else:
                h.answer(404, {})
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has had enough

    # ---- what it answers

    def discovery(self, h, _):
        said = {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
                "device_authorization_endpoint": f"{self.url}/device",
                "id_token_signing_alg_values_supported": ["ES256"],
                "authorization_response_iss_parameter_supported": True, **self.description}
        h.answer(200, {k: v for k, v in said.items() if v is not None})

    def jwks(self, h, _):
        h.answer(200, {"keys": [self.key.jwk, *self.others]})

    def client_is_good(self, h):
        want = ":".join(urllib.parse.quote(t, safe="") for t in (CLIENT, SECRET))
        return h.headers.get("Authorization") == "Basic " + base64.b64encode(want.encode()).decode()

    def device(self, h, form):
        if not self.client_is_good(h) or not form.get("scope", "").startswith("openid"):
            return h.answer(401, {"error": "invalid_client"})
        return h.answer(200, {"device_code": "the-device-code", "user_code": "WDJB-MJHT",
                              "verification_uri": f"{self.url}/activate", "interval": 1,
                              "expires_in": 600})

    def token(self, h, form):
        if not self.client_is_good(h):
            return h.answer(401, {"error": "invalid_client"})
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:device_code":
            if self.slow_down:
                self.slow_down -= 1
                return h.answer(400, {"error": "slow_down"})
            if not self.approved:
                return h.answer(400, {"error": "authorization_pending"})
            return h.answer(200, self.tokens(None))
        with self.lock:
            code = self.codes.pop(form.get("code"), None)
        if not code or code["redirect_uri"] != form.get("redirect_uri") or code["code_challenge"] \
                != b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()):
            return h.answer(400, {"error": "invalid_grant"})
        return h.answer(200, self.tokens(code["nonce"], fresh=code.get("max_age") == "0"))

    def tokens(self, nonce, fresh=False, claims=None):
        access = "an-opaque-access-token"
        now = int(time.time())
        claims = {"iss": self.url, "sub": SUBJECT, "aud": CLIENT, "exp": now + 600, "iat": now,
                  "nonce": nonce, "at_hash": b64(hashlib.sha256(access.encode()).digest()[:16]),
                  "auth_time": now if fresh else None, **(self.claims if claims is None else claims)}
        return {"access_token": access, "token_type": "Bearer", "expires_in": 600,
                "id_token": self.key.token({k: v for k, v in claims.items() if v is not None},
                                           **self.head).decode()}

    # ---- a person with a browser

    def authorize(self, h, _):
        """Whoever opens the page has said yes."""
        url = self.url + h.path
        back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["redirect_uri"]
        h.answer(302, b"", Location=f"{back}?{self.browse(url)}")

    def browse(self, url, **changes):
        """Says yes at an authorization URL; the query of the redirect."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        code = os.urandom(12).hex()
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url, **changes}
        return urllib.parse.urlencode({k: v for k, v in answer.items() if v is not None})
