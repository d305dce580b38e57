"""heard: what a program that runs on says, line by line, and no line is waited for longer than a deadline.

Why: a line that never comes must fail the case that waits for it, with what came until then, and not hold it until a
lease or the whole run is over. The bytes are taken from the descriptor one by one, so that what is behind a line stays
there for whoever reads next: for another line, or for `communicate()`. Who takes one line so, takes all of them so.
A program whose block has failed is ended with it: nothing else would end it, and the block waits for that.
"""
import os
import select
import signal
import subprocess
import time

DEADLINE_S = 120


class Unheard(OSError):
    """A line that did not come."""


class Program(subprocess.Popen):
    """For a `with`."""

    def __exit__(self, kind, value, trace):
        if kind:
            self.kill()
        super().__exit__(kind, value, trace)


def end_children():
    """Ends what a case has left behind: it would keep this program's output open."""
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children", encoding="ascii") as f:
            for pid in map(int, f.read().split()):
                os.kill(pid, signal.SIGKILL)


def line(stream, seconds=DEADLINE_S, before=""):
    """The next line, with its end; at the end of the stream what there is, or "". before: what came before it."""
    end, got = time.monotonic() + seconds, b""
    waits = select.poll()
    waits.register(stream, select.POLLIN)
    while not got.endswith(b"\n"):
        if not waits.poll(max(0, end - time.monotonic()) * 1000):
            raise Unheard(f"no line within {seconds} s behind {before + got.decode(errors='replace')!r}")
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        got += byte
    return got.decode(errors="replace")


def until(stream, *words, seconds=DEADLINE_S):
    """Lines until one has all these words: that one, and all of them."""
    end, said = time.monotonic() + seconds, ""
    while True:
        one = line(stream, max(0, end - time.monotonic()), said)
        said += one
        if not one.endswith("\n"):
            raise Unheard(f"the end, and no line with {words}: {said!r}")
        if all(word in one for word in words):
            return one, said
