"""browser: Chromium, driven over its debugging pipe by Python's standard library alone.

Why: a driver from a registry would bring more code than all of the page; what is needed here is few commands of one
protocol: JSON texts that end with a NUL, on descriptors 3 and 4. Clicks and keys are real input (Event.isTrusted).
Nothing here waits for a time: each wait is for a state, and its deadline is only there so that a test ends.

The browser has a profile folder of its own, looks nothing up, and is ended by its own process id.
"""
import base64
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib

WAIT_S = 120
FLAGS = ["--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-default-browser-check",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--disable-domain-reliability", "--hide-scrollbars", "--force-color-profile=srgb", "--mute-audio",
         "--font-render-hinting=none", "--disable-lcd-text", "--remote-debugging-pipe"]
KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "Escape": ("", 27), "ArrowDown": ("", 40), "ArrowUp": ("", 38),
        "ArrowLeft": ("", 37), "ArrowRight": ("", 39), " ": (" ", 32)}


class Failed(Exception):
    pass


def crop(png, x, y, width, height):
    """Rows of a PNG of 8 bits a channel, without interlace, as Chromium writes it."""
    wide, _, depth, colour = struct.unpack(">IIBB", png[16:26])
    step = {2: 3, 6: 4}[colour]
    if depth != 8:
        raise Failed(f"a picture of {depth} bits")
    data, at = b"", 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += size + 12
    data = zlib.decompress(data)
    row, rows, stride = bytearray(wide * step), [], wide * step + 1
    for n in range(y + height):
        how, line = data[n * stride], bytearray(data[n * stride + 1:(n + 1) * stride])
        for i, v in enumerate(line):
            left = line[i - step] if i >= step else 0
            up, corner = row[i], row[i - step] if i >= step else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda c: abs(guess - c))
            line[i] = (v + (0, left, up, (left + up) // 2, paeth)[how]) & 255
        row = line
        if n >= y:
            rows.append(bytes(row[x * step:(x + width) * step]))
    return rows


class Browser:
    """One process, and the pages in it."""

    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="capos-browser-")
        down, ours_out = os.pipe()
        ours_in, up = os.pipe()
        extra = ["--no-sandbox"] if os.geteuid() == 0 else []

        def place():
            os.setpgid(0, 0)
            a, b = os.dup(down), os.dup(up)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [shutil.which("chromium") or "chromium", *FLAGS, *extra, *flags, f"--user-data-dir={self.folder}",
             "about:blank"],
            close_fds=False, preexec_fn=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.folder})
        os.close(down)
        os.close(up)
        self.out, self.into = ours_out, ours_in
        self.buffer, self.next_id = b"", 1
        self.answers, self.pages = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        """Ends the processes of this browser, which are one group of their own, and forgets its folder."""
        os.close(self.out)
        os.close(self.into)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, deadline):
        """Takes what has come; one piece at least, or the deadline."""
        ready, _, _ = select.select([self.into], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        data = os.read(self.into, 1 << 20)
        if not data:
            raise Failed("the browser has ended")
        *whole, self.buffer = (self.buffer + data).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].events.append(message)
        return True

    def send(self, method, params=None, session=None):
        number = self.next_id
        self.next_id += 1
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        return number

    def call(self, method, params=None, session=None):
        number = self.send(method, params, session)
        deadline = time.monotonic() + WAIT_S
        while number not in self.answers:
            if not self.read(deadline):
                raise Failed(f"{method}: no answer")
        answer = self.answers.pop(number)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def page(self, width=1360, height=760):
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, target, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.size(width, height)
        return page


class Page:
    """A tab."""

    def __init__(self, browser, target, session):
        self.browser, self.target, self.session, self.events = browser, target, session, []

    def call(self, method, **params):
        return self.browser.call(method, params, self.session)

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    # ---- where it is, and how it looks ----

    def go(self, url):
        self.call("Page.navigate", url=url)

    def reload(self):
        """… and waits for the document that comes in its stead: what is looked for next is not that one's."""
        self.js("window.left = true")
        self.call("Page.reload")
        self.until("!window.left", "another document")

    def back(self):
        """By its history, a moment later: what is being asked goes unanswered with the document."""
        self.js("void setTimeout(() => history.back())")

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def media(self, **features):
        """media(scheme="dark", motion="reduce")"""
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": f"prefers-{ {'scheme': 'color-scheme', 'motion': 'reduced-motion'}.get(k, k)}", "value": v}
            for k, v in features.items()])

    def shot(self, path=None, clip=None):
        more = {"clip": {**clip, "scale": 1}} if clip else {}
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"])
        if path:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)
        return data

    def pixels(self, x, y, width, height):
        """Part of the picture as rows of bytes, when it has come to rest: two in a row are the same."""
        deadline, before = time.monotonic() + WAIT_S, None
        while True:
            rows = crop(self.shot(clip={"x": x, "y": y, "width": width, "height": height}), 0, 0, width, height)
            if rows == before:
                return rows
            if time.monotonic() > deadline:
                raise Failed("the picture does not come to rest")
            before = rows
            self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    # ---- what is there ----

    def js(self, expression):
        """The value of an expression; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise Failed(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return done["result"].get("value")

    def until(self, expression, what="", why=None):
        """Waits until an expression is true, and returns its value. why(): what is said when it is not."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                value = self.js(expression)
            except Failed:
                value = None  # between two documents
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed(f"{what or expression}: not so within {WAIT_S} s; "
                             f"{why() if why else f'the page says {self.text()!r}'}")
            self.browser.read(time.monotonic() + 0.02)

    def text(self, selector="body"):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def there(self, selector):
        return self.until(f"!!document.querySelector({json.dumps(selector)})", selector)

    def says(self, words, selector="body"):
        return self.until(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes("
                          f"{json.dumps(words)})", f"{selector}: {words}")

    def tree(self):
        """The accessibility tree: (role, name) of what is not ignored, in order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n.get("role", {}).get("value", ""), n.get("name", {}).get("value", "")) for n in nodes
                if not n.get("ignored")]

    def requests(self):
        """The addresses of all requests so far, WebSockets among them."""
        found = []
        for e in self.events:
            if e["method"] == "Network.requestWillBeSent":
                found.append(e["params"]["request"]["url"])
            elif e["method"] == "Network.webSocketCreated":
                found.append(e["params"]["url"])
        return found

    def faults(self):
        """What scripts have thrown, and what the browser has refused them."""
        found = []
        for e in self.events:
            if e["method"] == "Runtime.exceptionThrown":
                d = e["params"]["exceptionDetails"]
                found.append(d.get("exception", {}).get("description", d["text"]))
            elif e["method"] == "Log.entryAdded" and e["params"]["entry"]["source"] in ("security", "violation"):
                found.append(e["params"]["entry"]["text"])
        return found

    # ---- what a person does ----

    def click(self, selector):
        """A real click in the middle of an element that can be seen and used, and has come to rest. One of which no
        click has come, since the page was drawn anew between press and release, is made again."""
        deadline = time.monotonic() + WAIT_S
        while True:
            self.release(self.press(selector))
            try:
                if self.js("window.pressed === undefined || !!window.clicked"):
                    return  # or this is another document, to which it has led
            except Failed:
                return  # between both
            if time.monotonic() > deadline:
                raise Failed(f"{selector}: no click comes of being pressed")

    def press(self, selector):
        """The first half of a click; what it returns is where. What has moved away under it just then is pressed anew,
        and what was met in its stead is let go of elsewhere."""
        deadline = time.monotonic() + WAIT_S
        while True:
            at = self.aim(selector)
            self.mouse("mousePressed", at)
            if self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}), met = window.pressed; "
                       "return !!e && !!met && (e.contains(met) || met.contains(e)); })()"):
                return at
            self.mouse("mouseReleased", {"x": 0, "y": 0})
            if time.monotonic() > deadline:
                raise Failed(f"{selector} is never where it is pressed")

    def aim(self, selector):
        quoted = json.dumps(selector)
        self.call("Page.bringToFront")
        return self.until(f"""(async () => {{
            const e = document.querySelector({quoted});
            if (!e || e.disabled) return null;
            e.scrollIntoView({{block: "center", inline: "center", behavior: "instant"}});
            const before = JSON.stringify(e.getBoundingClientRect());
            for (let i = 0; i < 3; i++)
                await new Promise((done) => requestAnimationFrame(done));
            if (!e.isConnected || JSON.stringify(e.getBoundingClientRect()) !== before) return null;
            const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
            const top = document.elementFromPoint(x, y);
            if (!top || !(e.contains(top) || top.contains(e)) || !r.width) return null;
            window.pressed = window.clicked = null;
            addEventListener("mousedown", (d) => window.pressed = d.target, {{capture: true, once: true}});
            addEventListener("click", (d) => window.clicked = d.target, {{capture: true, once: true}});
            return {{x, y}};
        }})()""", f"{selector} can be clicked")

    def release(self, at):
        self.mouse("mouseReleased", at)

    def mouse(self, kind, at):
        self.call("Input.dispatchMouseEvent", type=kind, x=at["x"], y=at["y"], button="left", clickCount=1)

    def key(self, name, ctrl=False):
        text, code = KEYS.get(name, (name, ord(name.upper()[0])))
        base = {"key": name, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0,
                "code": name if len(name) > 1 else f"Key{name.upper()}"}
        text = {"text": text} if text and not ctrl else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **base, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **base)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def fill(self, selector, text):
        self.click(selector)
        self.until(f"document.activeElement === document.querySelector({json.dumps(selector)})",
                   f"{selector} has the focus")
        self.js("document.activeElement.select?.()")
        self.type(text)

    def choose(self, selector, value):
        """An option of a select, as the keyboard would choose it, as soon as there is one that can be."""
        self.until(f"[...document.querySelector({json.dumps(selector)})?.options ?? []].some((o) => "
                   f"!o.disabled && o.value === {json.dumps(value)})", f"{selector}: {value}")
        self.js(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};
            e.dispatchEvent(new Event("input", {{bubbles: true}}));
            e.dispatchEvent(new Event("change", {{bubbles: true}})); }})()""")

    def authenticator(self, verified=True):
        """A virtual authenticator: passkeys without a person's finger."""
        self.call("WebAuthn.enable")
        return self.call("WebAuthn.addVirtualAuthenticator", options={
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": verified, "automaticPresenceSimulation": True})["authenticatorId"]
