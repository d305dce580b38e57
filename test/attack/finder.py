"""finder: looks for secrets in the memory of processes, in files, and in what is left of a process.

Why: whoever takes over a process, or finds a dump or a disk, gets what lies there, whether it is
still of use to anybody or not. A text is planted by a test, or is a private key of which each form
is known in which a program may hold it; and is then searched for, everywhere.

Memory of others is the superuser's to read.
"""
import base64
import ctypes
import os
import re
import signal

import instance
from sessionlib import Failed

CHUNK = 1 << 20
OVERLAP = 96  # longer than all that is searched for
NEEDLE = 24  # bytes of a text whose beginning may have been overwritten


# ---- what is searched for ----------------------------------------------------------------------

def secret(name):
    """A text that is nowhere else, and long enough not to be overwritten by chance."""
    return f"planted-{name}-{os.urandom(12).hex()}"


def needle(text):
    """What is left of a planted text when its beginning was overwritten, as by an allocator's own
    pointers; of any other all of it."""
    return text.encode()[-NEEDLE:] if text.startswith("planted-") else text.encode()


def key_needles(path):
    """{form: bytes} of the P-256 key in a PEM file: each is a part that tells it. The digits of PEM
    that are made of the private number alone, whose line may end among them."""
    with open(path, encoding="ascii") as f:
        digits = "".join(line.strip() for line in f if not line.startswith("-"))
    der = base64.b64decode(digits)
    at = der.find(b"\x02\x01\x01\x04\x20") + 5
    if at < 5:
        raise Failed(f"{path} is no P-256 key")
    number, (first, last) = der[at:at + 32], (-(-at // 3) * 4, (at + 32) // 3 * 4)
    lines = [digits[max(i, first):min(i + 64, last)] for i in range(0, len(digits), 64)]
    found = {f"PEM {i}": line.encode() for i, line in enumerate(lines) if len(line) >= 16}
    found.update({"big-endian": number[8:], "little-endian": number[::-1][8:]})
    return found


# ---- memory ------------------------------------------------------------------------------------

def regions(pid):
    """The readable pieces of a process's memory."""
    for line in instance.read_proc(pid, "maps").splitlines():
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
        if m and "[v" not in line:
            yield int(m.group(1), 16), int(m.group(2), 16)


def memory_has(pid, needles):
    """Which of the texts are in a process's memory; none, where it has ended."""
    found = set()
    try:
        f = open(f"/proc/{pid}/mem", "rb", 0)
    except (FileNotFoundError, ProcessLookupError):
        return found
    with f:
        for begin, end in regions(pid):
            before = b""
            for at in range(begin, end, CHUNK):
                try:
                    f.seek(at)
                    part = f.read(min(CHUNK, end - at))
                except (OSError, ValueError):
                    break
                text = before + part
                found |= {n for n in needles if n in text}
                before = text[-OVERLAP:]
    return found


# ---- files -------------------------------------------------------------------------------------

def files_have(folder, needles):
    """Which of the texts are in files, and in which."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if not os.path.isfile(path) or os.path.islink(path):
                continue
            with open(path, "rb") as f:
                text = f.read()
            for n in needles:
                if n in text:
                    found.setdefault(n, set()).add(name)
    return found


# ---- arguments ---------------------------------------------------------------------------------

def arguments():
    """Of every process of the machine, as `ps` shows them."""
    return "".join(instance.read_proc(pid, "cmdline") for pid in os.listdir("/proc")
                   if pid.isdigit())


# ---- all of it ---------------------------------------------------------------------------------

class Search:
    """Everything of an instance at one moment: that of its making, for the needles that it is given
    then, which are all looked for at once."""

    def __init__(self, target, agents=(), needles=()):
        self.target = target
        processes = dict(target.tree())
        processes.update({pid: "agent" for pid in agents if instance.state(pid)})
        # First those whose end is near: a worker without a session has a deadline.
        self.processes = dict(sorted(processes.items(), key=lambda x: x[1] != "capos-worker"))
        self.arguments = arguments().encode(errors="replace")
        self.found = {}
        self.look(set(needles))

    def look(self, needles):
        """Where each of these is is known afterwards."""
        self.found.update({n: [] for n in needles})
        for pid, name in self.processes.items():
            for n in memory_has(pid, needles):
                self.found[n].append(name)
        for n, names in files_have(self.target.state, needles).items():
            self.found[n] += sorted(names)
        log = self.target.log_text().encode()
        for n in needles:
            self.found[n] += [name for name, text in (("log", log), ("ps", self.arguments))
                              if n in text]

    def places(self, *needles):
        """Where one of these is: names of processes and files."""
        self.look(set(needles) - set(self.found))
        return [place for n in needles for place in self.found[n]]


# ---- what a command leaves ---------------------------------------------------------------------

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT = 0x40, 6
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(what, pid, data):
    if libc.ptrace(what, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def child_traced(words):
    """A process that waits at its first instruction for whoever traces it."""
    pid = os.fork()
    if pid == 0:
        try:
            out = os.open(os.devnull, os.O_WRONLY)
            os.dup2(out, 1)
            os.dup2(out, 2)
            ptrace(PTRACE_TRACEME, 0, None)
            os.execv(words[0], words)
        finally:
            os._exit(127)
    return pid


def left_at_exit(words, needles):
    """Runs a command; what of these is in its memory when it has said all and ends."""
    pid, found, started = child_traced(words), None, False
    while True:
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            break
        stop = os.WSTOPSIG(status)
        if stop == signal.SIGTRAP and not started:
            ptrace(PTRACE_SETOPTIONS, pid, PTRACE_O_TRACEEXIT)
            started, stop = True, 0
        elif status >> 8 == signal.SIGTRAP | PTRACE_EVENT_EXIT << 8:
            found, stop = memory_has(pid, needles), 0
        ptrace(PTRACE_CONT, pid, stop)
    if status or found is None:
        raise Failed(f"{words}: ended with status {status}, looked at: {found is not None}")
    return found
