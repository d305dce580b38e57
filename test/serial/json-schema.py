#!/usr/bin/env python3
"""What JSON Schema is printed of a type, and what JSON is printed and parsed, say the same; by a real validator. R51.

Of random schemas, random values: what is printed of them is valid as results and as parameters. Then each is changed in
one place: what is valid as parameters is parsed; what is not is refused, where the parser knows no other way to write
the same (numbers in quotes). No schema says that two members of a root's union are too many, nor how large 64 bits are.

Of all schemas of ours: each struct has a schema that is one, with a root as models' programs take it; or it holds
something of which nothing is known.
"""
import copy
import glob
import json
import os
import re

from jsonschema import Draft202012Validator

from schemas import Schema, render
from seriallib import Test, capnp

MESSAGES, CHANGES = 3, 12
# No integer, and nothing that is parsed as another kind than it is.
WRONG = [True, {"zz": 1}, "zz", 1.5, [{}], 1e300]
UNKNOWN = 266  # CAPNP_E_UNKNOWN
AT_ROOT = {"type", "properties", "additionalProperties", "required", "description", "$defs"}
UNSAID = re.compile(r"\d+:\d+: (\w+: in one union with|.*out of the range of U?Int64)")
ENUMS = """@0xc1f0d5a1b2c3d4e5;
enum E { a @0; b @1; }
struct S { e @0 :E; l @1 :List(E); g :union { x @2 :E; y @3 :Text; } }
struct N { i8 @0 :Int8; i16 @1 :Int16; i32 @2 :Int32; i64 @3 :Int64; u8 @4 :UInt8; u16 @5 :UInt16; u32 @6 :UInt32;
           u64 @7 :UInt64; f32 @8 :Float32; f64 @9 :Float64; d @10 :Data; b @11 :Bool; v @12 :Void; }
"""
# Of a field of N: what it may be, and what it may not.
EDGES = [("i8", -128, -129), ("i8", 127, 128), ("i16", -32768, -32769), ("i16", 32767, 32768),
         ("i32", -2**31, -2**31 - 1), ("i32", 2**31 - 1, 2**31), ("u8", 0, -1), ("u8", 255, 256), ("u16", 65535, 65536),
         ("u32", 2**32 - 1, 2**32), ("i64", "-9223372036854775808", "-"), ("i64", "9223372036854775807", "00"),
         ("u64", "18446744073709551615", "-1"), ("u64", "0", ""), ("f32", 3.4028235e38, 3.5e38),
         ("f32", -3.4028235e38, -3.5e38), ("f32", "NaN", "NAN"), ("f32", "Infinity", "Inf"),
         ("f32", "-Infinity", "+Infinity"), ("f64", 1e308, "x"), ("f64", "NaN", "Na"), ("f64", "Infinity", "infinity"),
         ("f64", "-Infinity", "--Infinity"), ("d", "Zg==", "Zg="), ("d", "Zm8=", "Zm8A="), ("d", "Zm9v", "Z"),
         ("d", "", "="), ("b", True, 1), ("b", False, "false"), ("v", None, False)]
test = Test("serial-json-schema")


def walk(value):
    """A JSON value and all that is in it."""
    yield value
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(v)


def validator(what, name):
    """The validator of a type; None: there is no schema of it."""
    code, text = test.pipe.ask(f"jsonschema {what} {name}")
    if not test.holds(f"{what} of {name}: {code}", code in (0, UNKNOWN)) or code:
        return None
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    test.holds(f"the root of {what} of {name}", not set(schema) - AT_ROOT and schema["type"] == "object"
               and schema["additionalProperties"] is False, schema=text)
    refs = [v["$ref"] for v in walk(schema) if isinstance(v, dict) and isinstance(v.get("$ref"), str)]
    test.holds(f"what {what} of {name} refers to is there",
               all(r.startswith("#/$defs/") and r[8:] in schema["$defs"] for r in refs), schema=text)
    return Draft202012Validator(schema)


# ---- changes ----------------------------------------------------------------------------------


def places(value, path=()):
    """The ways to all values in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in inner:
        yield from places(v, path + (k,))


def look(value, path):
    """What is in a place."""
    for step in path:
        value = value[step]
    return value


def put(value, path, new):
    """A copy with something else in one place."""
    if not path:
        return new
    made = copy.copy(value)
    made[path[0]] = put(value[path[0]], path[1:], new)
    return made


def changed(random, value):
    """The value with one change, which may be none."""
    path = random.choice(list(places(value)))
    old = look(value, path)
    if isinstance(old, dict) and random.random() < .7:
        objects = [v for v in walk(value) if isinstance(v, dict)]
        return put(value, path, {**old, **random.choice(objects + [{"zz": 1}])})
    if isinstance(old, list) and random.random() < .5:
        return put(value, path, old + [random.choice(WRONG)])
    if isinstance(old, str) and random.random() < .5:
        return put(value, path, old[:-1] + random.choice("=A5-"))
    return put(value, path, random.choice(WRONG))


def by_pattern(schema, value):
    """Whether what is wrong with a value is how a string is written."""
    todo = list(schema.iter_errors(value))
    for e in todo:
        todo += e.context
    return any(e.validator == "pattern" for e in todo)


# ---- tests ------------------------------------------------------------------------------------


def compared(random, base64, name, message):
    """What is printed of a message, and changes of it, by the validator and by the parser."""
    results, params = validator(base64 + "results", name), validator(base64 + "params", name)
    text = test.pipe.ask(f"print {base64}json {name}", message)[1]
    value = json.loads(text)
    for what, by in [("results", results), ("parameters", params)]:
        found = [e.message[:200] for e in by.iter_errors(value)]
        test.holds(f"{name} as {what}: {found}", not found, json=text, schema=json.dumps(by.schema))
    for _ in range(CHANGES):
        other = changed(random, value)
        code, said = test.pipe.ask(f"parse bjson {name}", json.dumps(other).encode())
        valid = params.is_valid(other)
        if valid == (code == 0) or (valid and UNSAID.match(said.decode())):
            test.passed += 1
        elif valid or not by_pattern(params, other):
            test.holds(f"{name}: {'' if valid else 'in'}valid, but {code} {said[:200]}", False,
                       json=json.dumps(other), schema=json.dumps(params.schema))


def one(seed):
    """A schema and some messages of it."""
    schema = Schema(seed)
    path = test.schema("s.capnp", schema.text())
    for _ in range(MESSAGES if path else 0):
        name = f"S{schema.random.randrange(schema.count)}"
        text = render(schema.value(("struct", int(name[1:])))).encode()
        good, message, complaint = capnp(["encode", path, name], text)
        if test.holds("the reference takes the text", good, text=text, complaint=complaint):
            compared(schema.random, schema.random.choice(["", "b"]), name, message)
    if seed == 1:
        newer()
        edges()
        ours()


def newer():
    """Enumerants and members of unions that only a newer schema knows: numbers, and nothing."""
    test.schema("enums.capnp", ENUMS)
    message = test.pipe.ask("parse json S", b'{"e": 700, "l": [0, 700], "g": {"x": 7}}')[1]
    value = json.loads(test.pipe.ask("print json S", message)[1])
    test.holds("unknown enumerants are numbers", value == {"e": 700, "l": ["a", 700], "g": {"x": 7}})
    test.holds("which results may have", validator("results", "S").is_valid(value))
    test.holds("but not parameters", not validator("params", "S").is_valid(value))
    test.holds("a union of which no member is known", validator("results", "S").is_valid({"e": "a", "g": {}}))
    test.holds("what is always printed is required", not validator("results", "S").is_valid({"e": "a"}))


def edges():
    """The least and the most of each type."""
    results, params = validator("bresults", "N"), validator("bparams", "N")
    for name, good, bad in EDGES:
        code, message = test.pipe.ask("parse bjson N", json.dumps({name: good}).encode())
        value = json.loads(test.pipe.ask("print bjson N", message)[1]) if code == 0 else {}
        test.holds(f"{name} may be {good}", params.is_valid({name: good}) and results.is_valid(value))
        code, _ = test.pipe.ask("parse bjson N", json.dumps({name: bad}).encode())
        test.holds(f"{name} may not be {bad}", code != 0 and not params.is_valid({name: bad}))


def ours():
    """All structs of the schemas of this tree, each by one of the two ways."""
    folder = os.path.join(os.environ["CAPOS_SRCDIR"], "schema")
    seen = set()
    for file in sorted(glob.glob(f"{folder}/*.capnp")):
        request = capnp(["compile", "-I/usr/include", f"-I{folder}", "-o-", f"--src-prefix={folder}", file])[1]
        code, _ = test.pipe.ask("schema", request)
        test.holds(f"we take {file}: {code}", code == 0)
        for name in test.pipe.ask("structs")[1].decode().split():
            if name not in seen:
                seen.add(name)
                validator("params" if len(seen) % 2 else "bresults", name)


test.run(one, 1, 16)
