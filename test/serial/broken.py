#!/usr/bin/env python3
"""Messages with bits, pointers and words changed: printed and copied, with the reference's verdict.

Ours is stricter in two ways that are known: what lies outside of the message is refused even where
nothing of it is read (an empty struct or list), and only a list of bits is one of Bool. Where both
read it, they read the same; but what is not UTF-8 in a text we escape, so that it can be read back,
and the reference passes it on.
"""
import random
import re
import struct

from schemas import Schema, render
from seriallib import LOST, Test, capnp, same_text

MUTANTS = 24
WORD = (1 << 64) - 1
test = Test("serial-broken")


def pointer(rand, word):
    """A pointer that is wrong in one part."""
    kind = rand.randrange(5)
    if kind == 0:
        return word ^ rand.randrange(4)
    if kind == 1:
        return word & ~(7 << 32) | rand.randrange(8) << 32
    if kind == 2:
        return word & ~0xffffffff | rand.randrange(-5, 200) << 2 & 0xffffffff | rand.randrange(3)
    if kind == 3:
        return word & 0x7ffffffff | rand.choice([0, 1, 2, 3, 8, 9, 100, 2**29 - 1]) << 35
    return 2 | rand.choice([0, 4]) | rand.randrange(300) << 3 | rand.randrange(12) << 32


def mutant(rand, message):
    """A message with one or some changes behind its segment table."""
    made = bytearray(message)
    begin = (4 + 4 * (struct.unpack_from("<I", message)[0] + 1) + 7) // 8 * 8
    if begin >= len(made):
        return None
    for _ in range(rand.choice([1, 1, 1, 2, 4])):
        at, r = rand.randrange(begin, len(made), 8), rand.random()
        word = struct.unpack_from("<Q", made, at)[0]
        if r < .3:
            word ^= 1 << rand.randrange(64)
        elif r < .7:
            word = pointer(rand, word)
        elif r < .85:
            word = struct.unpack_from("<Q", made, rand.randrange(begin, len(made), 8))[0]
        else:
            word = rand.choice([0, WORD, 0xfffffffc, 1 << 32 | 1 | (2**29 - 1) << 35,
                                1 | 7 << 32 | 1 << 35])
        struct.pack_into("<Q", made, at, word & WORD)
    return bytes(made)


def leads_out(message):
    """Whether a word is a pointer to something without a size, outside of its segment."""
    count = struct.unpack_from("<I", message)[0] + 1
    at = (4 + 4 * count + 7) // 8
    for size in struct.unpack_from(f"<{count}I", message, 4):
        for i, word in enumerate(struct.unpack_from(f"<{size}Q", message, at * 8)):
            offset = ((word >> 2 & 0x3fffffff) ^ 1 << 29) - (1 << 29)
            kind, bits, length = word & 3, word >> 32 & 7, word >> 35
            empty = kind == 0 and word >> 32 == 0 or kind == 1 and (bits == 0 or length == 0)
            if word and empty and not 0 <= i + 1 + offset <= size:
                return True
        at += size
    return False


def unescaped(text):
    """A printed text with the bytes that an escape may stand for."""
    return re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8) & 255]) if len(m[1]) == 3
                  else m[0], text)


def judged(path, name, message, schema):
    """One broken message."""
    good, theirs, complaint = capnp(["decode", "--short", "--quiet", path, name], message)
    code, ours = test.pipe.ask(f"print text {name}", message)
    test.pipe.ask(f"print json {name}", message)
    test.pipe.ask("copy", message)
    if good and code and leads_out(message):
        test.except_for("ours refuses an empty struct or list outside of the message")
        return
    if good and code and b"List(Bool)" in schema:
        test.except_for("ours refuses a list of wider elements as List(Bool)")
        return
    if complaint == LOST:
        test.except_for("0.9.2 prints a list of billions of nothing")
        return
    if code == 0 and not good and b"Found bit list" in complaint and b"List(Void)" in schema:
        # Nothing is read of its elements.
        test.except_for("ours takes a list of bits as List(Void)")
        return
    if code == 0 and not good:
        test.holds(f"{name}: the reference refuses", False, message=message, complaint=complaint)
        return
    test.holds(f"{name}: {code}", code != 0 or same_text(unescaped(ours), unescaped(theirs)),
               message=message, ours=ours, theirs=theirs)


def one(seed):
    """A schema, a message of it, and mutants of that."""
    made, rand = Schema(seed), random.Random(seed)
    schema = made.text()
    path = test.schema("s.capnp", schema)
    if not path:
        return
    segments = rand.choice([[], ["--segment-size=1"], ["--segment-size=5"]])
    text = render(made.value(("struct", 0))).encode()
    good, message, complaint = capnp(["encode", *segments, path, "S0"], text)
    if not test.holds("the reference takes the text", good, text=text, complaint=complaint):
        return
    for broken in (mutant(rand, message) for _ in range(MUTANTS)):
        if broken:
            judged(path, "S0", broken, schema.encode())


test.run(one, 1, 25)
