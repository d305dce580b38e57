"""Random schemas, and random values of them.

A schema has enums, structs with groups and unions in each other, one generic (Box), lists of lists,
and defaults of every kind. A type is a tuple whose first word is its kind:

    ("prim", "Int8")  ("text",)  ("data",)  ("enum", 0)  ("struct", 1)  ("list", type)
    ("box", type)     ("wide", 2): a struct whose first field is WIDE[2], which a list may become

A value is the text that `capnp encode` reads, or, of a struct or group, a list of (member, value),
or, of a list, a Python list in a tuple: ("items", [value, ...]).
"""
import random
import struct

PRIMS = ["Void", "Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
         "Float32", "Float64"]
WIDE = [("prim", "Int8"), ("prim", "Int16"), ("prim", "UInt32"), ("prim", "Float64"), ("text",),
        ("list", ("prim", "Int16"))]
LETTERS = ["a", "b", " ", "z", "0", "\u00e9", "\u2713", "\U0001F600", "\\n", "\\t", '\\"', "\\\\",
           "\\'", "\\a", "{", "[", "/", "<", "#", "\\r", "\\b", "\\f", "\\x01", "\\x7f"]
FLOATS = {"Float32": ["0", "-0.0", "1.5", "inf", "-inf", "nan", "3.4028234e38", "1e-45", "0.1",
                      "1.17549435e-38", "16777217", "123456789"],
          "Float64": ["0", "-0.0", "1.5", "inf", "-inf", "nan", "1.7976931348623157e308", "5e-324",
                      "0.1", "1e21", "1e22", "123456789012345680", "0.30000000000000004"]}
DEPTH_MAX = 5


class Member:
    """A field, group or union. A field has an ordinal and a type, the others have members."""

    def __init__(self, name, kind, members=(), typ=None):
        self.name, self.kind, self.members, self.type = name, kind, list(members), typ
        self.ordinal = self.default = None
        self.was = typ

    def fields(self):
        """The fields in it, itself counting."""
        return [self] if self.kind == "field" else [f for m in self.members for f in m.fields()]


class Schema:
    """One random schema. `simple`: only what a C program is made for by generated.py."""

    def __init__(self, seed, simple=False, evolving=False):
        self.random = random.Random(seed)
        self.simple, self.evolving = simple, evolving
        self.enums = [self.random.randrange(1, 6) for _ in range(2)]
        self.count = self.random.randrange(2, 6)
        self.structs = [self.struct() for _ in range(self.count)]
        self.defaults()

    # ---- types --------------------------------------------------------------------------------

    def type(self, depth=0, pointer=False):
        """A random type; pointer: one that can stand for a type parameter."""
        r = self.random.random()
        if r < .42 and not pointer:
            return ("prim", self.random.choice(PRIMS))
        if r < .62:
            return self.random.choice([("text",), ("data",)])
        if r < .70 and not pointer:
            return ("enum", self.random.randrange(2))
        if r < .80:
            return ("struct", self.random.randrange(self.count))
        if r < .86 and not self.simple:
            return ("box", self.type(3, True))
        if r < .90 and self.evolving and not pointer:
            return ("list", ("wide", self.random.randrange(len(WIDE))))
        if depth < 3:
            return ("list", self.type(depth + 1))
        return ("text",)

    def members(self, count, depth, prefix):
        """Random members: of a struct, group or union."""
        made = []
        for i in range(count):
            name, r = f"{prefix}f{i}x", self.random.random()
            if depth < 2 and r < .12:
                inner = self.members(self.random.randrange(1, 4), depth + 1, prefix + "g")
                made.append(Member(name, "group", inner))
            elif depth < 2 and r < .22:
                inner = self.members(self.random.randrange(2, 5), depth + 1, prefix + "u")
                made.append(Member(name, "union", inner))
            else:
                made.append(Member(name, "field", typ=self.type()))
        return made

    def struct(self):
        """The members of a struct; an unnamed union is one without a name."""
        made = self.members(self.random.randrange(1, 9), 0, "")
        if self.random.random() < .4:
            made.append(Member("", "union", self.members(self.random.randrange(2, 6), 1, "n")))
        fields = [f for m in made for f in m.fields()]
        self.random.shuffle(fields)
        for i, f in enumerate(fields):
            f.ordinal = i
        return made

    def defaults(self):
        """Gives every third field a default of its own."""
        for f in (f for s in self.structs for m in s for f in m.fields()):
            if f.type[0] == "box" or self.evolving or self.random.random() > .3:
                continue
            if self.simple and f.type[0] in ("struct", "list"):
                continue
            f.default = render(self.value(f.type, DEPTH_MAX - 1))

    # ---- values -------------------------------------------------------------------------------

    def prim(self, name):
        """A random number, as text."""
        pick = self.random.choice
        if name in ("Void", "Bool"):
            return "void" if name == "Void" else pick(["true", "false"])
        if name in FLOATS:
            form = "<f" if name == "Float32" else "<d"
            bits = self.random.randbytes(struct.calcsize(form))
            v = struct.unpack(form, bits)[0]
            if self.random.random() < .4 or v != v or v in (float("inf"), -float("inf")):
                return pick(FLOATS[name])
            return repr(v).replace("e+", "e")
        bits = int(name.strip("UInt"))
        low, high = (0, 2**bits - 1) if name[0] == "U" else (-2**(bits - 1), 2**(bits - 1) - 1)
        return str(pick([0, 1, low, high, self.random.randrange(low, high + 1)]))

    def value(self, t, depth=0):
        """A random value of a type."""
        kind, pick = t[0], self.random.choice
        if kind == "prim":
            return self.prim(t[1])
        if kind == "text":
            letters = LETTERS[:5] if self.simple else LETTERS
            return '"' + "".join(pick(letters) for _ in range(pick([0, 1, 3, 7, 8, 9, 30]))) + '"'
        if kind == "data":
            data = self.random.randbytes(pick([0, 1, 2, 7, 8, 9, 40])).hex(" ")
            return f'0x"{data}"' if data else '""'
        if kind == "enum":
            return f"e{t[1]}v{self.random.randrange(self.enums[t[1]])}"
        if kind == "box":
            return f"(value = {render(self.value(t[1], depth + 1))})" if pick([0, 1, 1]) else "()"
        if kind == "wide":
            return f"(v = {render(self.value(WIDE[t[1]], depth + 1))}, x = \"more\", y = 77)"
        if kind == "list":
            count = 0 if depth >= DEPTH_MAX else pick([0, 1, 2, 3, 5, 9] if depth < 2 else [0, 1, 2])
            return ("items", [self.value(t[1], depth + 1) for _ in range(count)])
        return self.body(self.structs[t[1]], depth + 1)

    def body(self, members, depth):
        """A random value of a struct or a group."""
        made = []
        for m in members if depth <= DEPTH_MAX else []:
            deep = m.kind != "field" or m.type[0] in ("struct", "list", "box")
            if self.random.random() < (.85 if depth < 3 else .15 if deep else .5):
                made += self.chosen(m, depth) if m.kind == "union" and not m.name else \
                    [(m, self.member_value(m, depth))]
        return made

    def chosen(self, union, depth):
        """One member of a union, with a value."""
        m = self.random.choice(union.members)
        return [(m, self.member_value(m, depth))]

    def member_value(self, m, depth):
        """A random value of a member."""
        if m.kind == "field":
            return self.value(m.type, depth)
        return self.body(m.members, depth) if m.kind == "group" else self.chosen(m, depth)

    # ---- as a schema --------------------------------------------------------------------------

    def defaulted(self):
        """Whether a group or union has a pointer with a default, or one that is made by choosing it."""
        return any(f.default is not None and f.type[0] in ("text", "data", "list", "struct")
                   or m.kind == "union" and f.type[0] == "struct"
                   for s in self.structs for m in s if m.kind != "field" for f in m.fields())

    def type_name(self, t):
        """As it is written in a schema."""
        return {"prim": lambda: t[1], "text": lambda: "Text", "data": lambda: "Data",
                "enum": lambda: f"E{t[1]}", "struct": lambda: f"S{t[1]}",
                "wide": lambda: f"W{t[1]}", "list": lambda: f"List({self.type_name(t[1])})",
                "box": lambda: f"Box({self.type_name(t[1])})"}[t[0]]()

    def members_text(self, members):
        """Members, as they are written in a schema."""
        lines = []
        for m in members:
            if m.kind == "field":
                default = f" = {m.default}" if m.default is not None else ""
                lines.append(f"{m.name} @{m.ordinal} :{self.type_name(m.type)}{default};")
            else:
                head = f"{m.name} :{m.kind}" if m.name else m.kind
                lines.append(f"{head} {{\n{self.members_text(m.members)}\n}}")
        return "\n".join(lines)

    def text(self):
        """The schema as a file."""
        parts = [f"@0x{1 << 63 | self.random.getrandbits(62):016x};"]
        for i, count in enumerate(self.enums):
            names = " ".join(f"e{i}v{k} @{k};" for k in range(count))
            parts.append(f"enum E{i} {{ {names} }}")
        parts.append("struct Box(T) { value @0 :T; }")
        for i, t in enumerate(WIDE):
            parts.append(f"struct W{i} {{ v @0 :{self.type_name(t)}; x @1 :Text; y @2 :Int64; }}")
        for i, members in enumerate(self.structs):
            parts.append(f"struct S{i} {{\n{self.members_text(members)}\n}}")
        return "\n".join(parts) + "\n"


def older(schema):
    """Makes a schema its own earlier version: later fields are gone, lists of structs are narrow."""
    for i, members in enumerate(schema.structs):
        count = sum(len(m.fields()) for m in members)
        for keep in [schema.random.randrange(1, count + 1), count]:
            kept = [k for k in (cut(m, keep) for m in members) if k]
            if kept and all(whole(k) for k in kept):
                break
        schema.structs[i] = kept
    return schema


def cut(m, keep):
    """A member without the fields that came later; None: nothing is left."""
    if m.kind == "field":
        made = Member(m.name, "field", typ=narrow(m.type))
        made.ordinal, made.default = m.ordinal, m.default
        return made if m.ordinal < keep else None
    inner = [k for k in (cut(k, keep) for k in m.members) if k]
    return Member(m.name, m.kind, inner) if inner else None


def whole(m):
    """Whether all unions in a member have a choice."""
    return m.kind == "field" or (m.kind == "group" or len(m.members) > 1) and \
        all(whole(k) for k in m.members)


def narrow(t):
    """A type before its lists became lists of structs."""
    if t[0] == "list":
        return ("list", WIDE[t[1][1]] if t[1][0] == "wide" else narrow(t[1]))
    return t


def render(value):
    """A value as `capnp encode` reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return "[" + ", ".join(render(v) for v in value[1]) + "]"
    return "(" + ", ".join(f"{m.name} = {render(v)}" for m, v in value) + ")"
