"""C text into tokens, comments and directives: as much of a lexer as the rules need."""

import re
from collections import namedtuple

Token = namedtuple("Token", "kind text line")  # kind: word, number, string, op
Comment = namedtuple("Comment", "text line")
Directive = namedtuple("Directive", "name rest line at")  # at: index of the token that follows

PATTERN = re.compile(
    r"""
      (?P<space>[ \t\f\r]+|\\\n)
    | (?P<newline>\n)
    | (?P<comment>/\*.*?\*/|//(?:\\\n|[^\n])*)
    | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|[uUL]?'(?:\\.|[^'\\\n])*')
    | (?P<number>\.?[0-9](?:[eEpP][+-]|[0-9a-zA-Z_.'])*)
    | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<op>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\.\.\.|[-+*/%&|^!=]=|\#\#|.)
    """,
    re.VERBOSE | re.DOTALL,
)
DIRECTIVE = re.compile(r"#[ \t]*([a-z_]*)((?:/\*.*?\*/|\\\n|[^\n])*)", re.DOTALL)


class Source:
    """The tokens of a file outside of directives, its comments and its directives."""

    def __init__(self, text):
        self.tokens = []
        self.comments = []
        self.directives = []
        self._scan(text)
        self._drop_branches()

    def _scan(self, text):
        pos, line, line_start = 0, 1, True
        while pos < len(text):
            if line_start and text[pos] == "#":
                m = DIRECTIVE.match(text, pos)
                self._directive(m, line)
                line += m.group().count("\n")
                pos = m.end()
                continue
            m = PATTERN.match(text, pos)
            kind = m.lastgroup
            if kind == "comment":
                self.comments.append(Comment(m.group(), line))
            elif kind not in ("space", "newline"):
                self.tokens.append(Token(kind, m.group(), line))
                line_start = False
            if kind == "newline":
                line_start = True
            line += m.group().count("\n")
            pos = m.end()

    def _directive(self, m, line):
        rest = re.sub(r"\\\n", " ", m.group(2))
        for c in re.finditer(r"/\*.*?\*/|//.*", rest, re.DOTALL):
            if not rest[: c.start()].count('"') % 2:
                self.comments.append(Comment(c.group(), line))
        rest = re.sub(r"/\*.*?\*/", " ", rest, flags=re.DOTALL)
        self.directives.append(Directive(m.group(1), rest.strip(), line, len(self.tokens)))

    def _drop_branches(self):
        """Leaves out an #else branch when both branches open (or close) the same block."""
        stack, drop = [], []
        for d in self.directives:
            if d.name in ("if", "ifdef", "ifndef"):
                stack.append({"start": d.at, "uneven": False, "from": None})
            elif d.name in ("else", "elif") and stack:
                s = stack[-1]
                if s["from"] is None:
                    s["uneven"] = self._balance(s["start"], d.at) != 0
                    s["from"] = d.at
            elif d.name == "endif" and stack:
                s = stack.pop()
                if s["uneven"]:
                    drop.append((s["from"], d.at))
        if not drop:
            return
        keep = [not any(a <= i < b for a, b in drop) for i in range(len(self.tokens))]
        new_index = [0]
        for k in keep:
            new_index.append(new_index[-1] + k)
        self.tokens = [t for t, k in zip(self.tokens, keep) if k]
        self.directives = [d._replace(at=new_index[d.at]) for d in self.directives]

    def _balance(self, start, end):
        n = 0
        for t in self.tokens[start:end]:
            if t.kind == "op":
                n += (t.text in "({[") - (t.text in ")}]")
        return n
