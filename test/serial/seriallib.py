"""What the tests of this folder share: our library behind a pipe, the reference's tool, and the count.

A test is a program with a function `one(seed)` that is called for each seed of a range. The range is
fixed in `make test`; with CAPOS_SERIAL_SECONDS it goes on with fresh seeds for as long. What differs
is said with the seed, and the files to look at it again stay in a folder that is named.
"""
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["CAPOS_BUILDDIR"]
CAPNP = os.environ.get("CAPNP", "capnp")
TOLD_MAX = 20
# What is said of the reference when it comes to no end: a few bytes can stand for billions of elements.
LOST = b"it comes to no end"
SEEDS_APART = 1 << 20


def capnp(words, given=b""):
    """Runs the reference's tool: whether it is content, what it printed, what it complained of."""
    try:
        done = subprocess.run([CAPNP, *words], input=given, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return False, b"", LOST
    good = done.returncode == 0 and b"xception" not in done.stderr and b"ERROR" not in done.stderr
    return good, done.stdout, done.stderr


def canonical(message):
    """The canonical form of a message, by the reference; None: it refuses the message."""
    good, out, _ = capnp(["convert", "binary:canonical", "--quiet"], message)
    return out if good else None


def same(ours, theirs):
    """Whether two messages have one canonical form."""
    form = canonical(ours)
    return form is not None and form == canonical(theirs)


class Pipe:
    """serial-pipe.c, and what it answers. One that does not answer is killed, and so has died."""

    ANSWER_S = 120

    def __init__(self, folder):
        self.complaints = open(os.path.join(folder, "stderr"), "w+b")
        self.process = subprocess.Popen([os.path.join(BUILD, "test/serial/serial-pipe")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints)
        signal.signal(signal.SIGALRM, lambda *_: self.process.kill())

    def ask(self, words, given=b""):
        """A request: the code, and the bytes of the answer. It throws when the program has died."""
        signal.alarm(self.ANSWER_S)
        try:
            self.process.stdin.write(f"{words} {len(given)}\n".encode() + given)
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            code, size = map(int, line.split() or (0, 0))
            answer = self.process.stdout.read(size)
        except BrokenPipeError:
            line = b""
        finally:
            signal.alarm(0)
        if not line:
            self.process.wait()
            self.complaints.seek(0)
            raise EOFError(f"serial-pipe died at `{words}`:\n"
                           + self.complaints.read().decode(errors="replace")[:4000])
        return code, answer

    def close(self):
        """Ends the program: whether it went well, leaks counting."""
        self.process.stdin.close()
        return self.process.wait(120) == 0


NUMBER = re.compile(r"-?(?:inf|nan|\d[\d.]*(?:e[-+]?\d+)?)")


def float32(word):
    """The bits of the Float32 that a number is read as."""
    try:
        return struct.pack("<f", float(word))
    except (ValueError, OverflowError):
        return word


def same_text(ours, theirs):
    """Whether two texts say the same.

    Digits of a Float32 may differ as long as they are read as the same number: 0.9.2 writes more
    of them than needed for subnormal ones, and at times one too few to be read back.
    """
    if ours.strip() == theirs.strip():
        return True
    ours, theirs = ours.strip().decode("latin-1"), theirs.strip().decode("latin-1")
    if NUMBER.sub("0", ours) != NUMBER.sub("0", theirs):
        return False
    return all(a == b or ("." in a + b or "e" in a + b) and nearly(a, b)
               for a, b in zip(NUMBER.findall(ours), NUMBER.findall(theirs)))


def nearly(ours, theirs):
    """Whether two numbers are one Float32, or theirs has one digit too few for that.

    That ours has enough of them, of a Float64 too, is seen when our text is read back.
    """
    return float32(ours) == float32(theirs) or \
        abs(float(ours) - float(theirs)) <= 1e-7 * abs(float(ours))


class Test:
    """The loop over the seeds, and the count."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = 0
        self.known = {}
        self.seed = None
        self.folder = tempfile.mkdtemp(prefix=f"{name}-")
        self.pipe = Pipe(self.folder)

    def path(self, name):
        """A file in the folder of this run."""
        return os.path.join(self.folder, name)

    def write(self, name, content):
        """Makes a file in the folder of this run: its path."""
        with open(self.path(name), "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def holds(self, what, good, **files):
        """Counts; of a failure keeps the files."""
        if good:
            self.passed += 1
            return True
        self.failed += 1
        if self.failed <= TOLD_MAX:
            print(f"FAILED: seed {self.seed}: {what}", flush=True)
            for name, content in files.items():
                print("   ", self.write(f"{self.seed}.{self.failed}.{name}", content))
        return False

    def except_for(self, why):
        """Counts a difference that is known, with its reason."""
        self.known[why] = self.known.get(why, 0) + 1

    def schema(self, name, text):
        """Writes a schema and hands it to the library: its path, or None."""
        path = self.write(name, text)
        good, request, complaint = capnp(["compile", "-o-", f"--src-prefix={self.folder}", path])
        if b"issues/344" in complaint:
            self.except_for("the reference refuses a schema that old versions of it compiled wrongly")
            return None
        if not self.holds("the reference takes the schema", good, complaint=complaint, schema=text):
            return None
        code, _ = self.pipe.ask("schema", request)
        return path if self.holds(f"we take the schema: {code}", code == 0, schema=text) else None

    def run(self, one, first, count):
        """Calls one(seed) for all of them; ends the program."""
        seconds = float(os.environ.get("CAPOS_SERIAL_SECONDS", "0"))
        end = time.monotonic() + seconds
        if seconds:
            first, count = time.time_ns() // 1000 % (1 << 40) * SEEDS_APART, SEEDS_APART
        try:
            for self.seed in range(first, first + count):
                if seconds and time.monotonic() > end:
                    break
                one(self.seed)
        except EOFError as died:
            self.holds(str(died), False)
        else:
            self.holds("serial-pipe ends well", self.pipe.close())
        for why, n in sorted(self.known.items()):
            print(f"{n} times: {why}")
        print(f"{self.passed} passed, {self.failed} failed")
        if os.environ.get("CAPOS_TEST_COUNTS"):
            with open(os.environ["CAPOS_TEST_COUNTS"], "a", encoding="utf-8") as counts:
                counts.write(f"{self.name} {self.passed} {self.failed}\n")
        if self.failed:
            print(f"looked at in {self.folder}")
        else:
            shutil.rmtree(self.folder)
        sys.exit(self.failed != 0)
