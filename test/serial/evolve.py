#!/usr/bin/env python3
"""Random schemas in two versions, messages of each read by both: as the reference reads them.

The later version has more fields, and lists of structs where the earlier one had lists of their
first field. Verdict and text are the reference's, and a copy made by a library that knows neither
version loses nothing.
"""
from schemas import Schema, older, render
from seriallib import Test, capnp, same, same_text

MESSAGES = 4
test = Test("serial-evolve")


def versions(seed):
    """The two schemas of a seed."""
    return {"v1.capnp": older(Schema(seed, evolving=True)),
            "v2.capnp": Schema(seed, evolving=True)}


def written(paths, schemas):
    """Random messages of both versions: who wrote it, which struct, its bytes."""
    made = []
    for name, schema in schemas.items():
        for _ in range(MESSAGES):
            i = schema.random.randrange(schema.count)
            text = render(schema.value(("struct", i))).encode()
            segments = schema.random.choice([[], ["--segment-size=1"]])
            good, message, complaint = capnp(["encode", *segments, paths[name], f"S{i}"], text)
            if test.holds("the reference takes the text", good, text=text, complaint=complaint):
                made.append((name, f"S{i}", message))
    return made


def one(seed):
    """Two versions of a schema, and every message read by both."""
    schemas, paths = versions(seed), {}
    for name, schema in schemas.items():
        paths[name] = test.schema(name, schema.text())
    if None in paths.values():
        return
    messages = written(paths, schemas)
    for name, schema in schemas.items():
        test.schema(name, schema.text())
        for writer, struct, message in messages:
            good, theirs, _ = capnp(["decode", "--short", "--quiet", paths[name], struct], message)
            code, ours = test.pipe.ask(f"print text {struct}", message)
            said = f"{struct} written as {writer} and read as {name}"
            if test.holds(f"{said}: the reference {good}, we {code}", good == (code == 0),
                          message=message) and good:
                test.holds(said, same_text(ours, theirs), ours=ours, theirs=theirs, message=message)
    for _, struct, message in messages:
        code, copy = test.pipe.ask("copy", message)
        test.holds(f"copy of {struct}", code == 0 and same(copy, message),
                   message=message)


test.run(one, 1, 20)
