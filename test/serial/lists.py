#!/usr/bin/env python3
"""Lists of every size read as every type, structs that are cut, and numbers without a name.

Every message is made by hand, printed by us and by the reference, and has one verdict and one text:
but that to us List(Bool) is a list of bits alone, and any list one of Void (nothing of it is read).
At the end what would cost a reader much: a few words that say they are millions.
"""
import struct

from seriallib import Test, capnp, same_text

TYPES = ["Void", "Bool", "Int8", "UInt16", "Int32", "UInt64", "Float32", "Float64", "E", "Text",
         "Data", "List(Int8)", "Void1", "Byte1", "Word1", "Text1", "Both"]
SCHEMA = """@0xd4d8e6e2a1b0c3f5;
enum E { a @0; b @1; }
struct Void1 { v @0 :Void; }
struct Byte1 { v @0 :UInt8 = 7; }
struct Word1 { v @0 :Int64 = -1; }
struct Text1 { v @0 :Text = "none"; }
struct Both { v @0 :Int16; p @1 :Text; q @2 :List(Int8); }
struct Union { union { a @0 :Int32; b @1 :Text; c :group { d @2 :Bool; e @3 :Both; } } }
struct Chain {
  next @0 :Chain;
  list @1 :List(Chain);
  voids @2 :List(Void);
  lists @3 :List(List(Void));
}
""" + "\n".join(f"struct L{i} {{ l @0 :List({t}); }}" for i, t in enumerate(TYPES))
test = Test("serial-lists")


def list_pointer(offset, bits, count):
    """A pointer to a list."""
    return 1 | (offset & 0x3fffffff) << 2 | bits << 32 | count << 35


def struct_pointer(offset, words, pointers):
    """A pointer to a struct."""
    return (offset & 0x3fffffff) << 2 | words << 32 | pointers << 48


def message(*words):
    """A message of one segment."""
    return struct.pack(f"<II{len(words)}Q", 0, len(words), *words)


def written():
    """Lists of two elements, of each size, with their names; the root has one pointer to it."""
    root, text = struct_pointer(0, 0, 1), int.from_bytes(b"x\0", "little")
    for bits, width in enumerate([0, 1, 8, 16, 32, 64]):
        content = [1, 1] if width == 64 else [(1 | 1 << width) if width else 0]
        yield f"{width} bits", message(root, list_pointer(0, bits, 2), *content)
    yield "texts", message(root, list_pointer(0, 6, 2), list_pointer(1, 2, 2),
                           list_pointer(0, 2, 2), text)
    yield "nulls", message(root, list_pointer(0, 6, 2), 0, 0)
    for words, pointers in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2)]:
        one = [1] * words + [0] * pointers
        yield f"structs {words}+{pointers}", message(
            root, list_pointer(0, 7, 2 * len(one)), struct_pointer(2, words, pointers), *one, *one)
    yield "none", message(root, list_pointer(0, 2, 0))
    yield "tag too large", message(root, list_pointer(0, 7, 2), struct_pointer(3, 1, 0), 1, 1)
    yield "tag of a list", message(root, list_pointer(0, 7, 2), list_pointer(0, 2, 2), 1, 1)
    yield "a struct", message(root, struct_pointer(0, 1, 0), 1)
    yield "a reference", message(root, 3)
    yield "null", message(root, 0)
    yield "an empty message", message(0)
    yield "far away", message(root, 2 | 5 << 32)
    yield "to itself", message(root, list_pointer(-1, 6, 1))


def structs():
    """Structs of the schema that are cut or longer, and values without names."""
    for words, pointers in [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2), (3, 3)]:
        yield "Both", message(struct_pointer(0, words, pointers), *[5] * words, *[0] * pointers)
    for which in [0, 1, 2, 3, 700, 65535]:
        yield "Union", message(struct_pointer(0, 1, 1), 1 | which << 32, 0)
    for value in [0, 1, 2, 700, 65535]:
        yield f"L{TYPES.index('E')}", message(struct_pointer(0, 0, 1), list_pointer(0, 3, 1), value)


def compared(what, path, name, given):
    """Verdict and text, ours and the reference's."""
    good, theirs, complaint = capnp(["decode", "--short", "--quiet", path, name], given)
    code, ours = test.pipe.ask(f"print text {name}", given)
    test.pipe.ask("copy", given)
    typ = TYPES[int(name[1:])] if name[0] == "L" else name
    if good and code and typ == "Bool":
        test.except_for("ours refuses a list of wider elements as List(Bool)")
        return
    if not good and code == 0 and what.startswith("1 bits") and typ == "Void":
        test.except_for("ours takes a list of bits as List(Void)")
        return
    if test.holds(f"{what}: the reference {good}, we {code}", good == (code == 0), message=given,
                  theirs=theirs, complaint=complaint) and good:
        test.holds(what, same_text(ours, theirs), message=given, ours=ours, theirs=theirs)


def costly():
    """Small messages that say they are large."""
    for bits, count in [(0, 2**29 - 1), (7, 0)]:
        tag = [struct_pointer(2**29 - 1, 0, 0)] if bits == 7 else []
        for field in (1, 2):
            pointers = [0, 0, 0, 0]
            pointers[field] = list_pointer(3 - field, bits, count)
            yield message(struct_pointer(0, 0, 4), *pointers, *tag)
    yield message(struct_pointer(-1, 0, 1))
    yield message(struct_pointer(0, 0, 4), struct_pointer(-2, 0, 4), 0, 0, 0)
    yield struct.pack("<IIQ", 0, 1, 2) + bytes(8)


def one(_):
    """All of it: nothing is random."""
    path = test.schema("s.capnp", SCHEMA)
    for what, given in written():
        for i, t in enumerate(TYPES):
            compared(f"{what} as List({t})", path, f"L{i}", given)
    for name, given in structs():
        compared(name, path, name, given)
    for given in costly():
        for form in ("text", "json", "pjson"):
            code, out = test.pipe.ask(f"print {form} Chain", given)
            test.holds(f"{form}: {code}, {len(out)} bytes", code != 0 and not out, message=given)


test.run(one, 1, 1)
