"""Functions of a C file and their measures."""

from dataclasses import dataclass

CLOSER = {"(": ")", "{": "}", "[": "]"}
CONTROL = ("if", "for", "while", "switch")
# What a statement may begin with, so that WORD (...) in front of it must be a macro that loops or branches.
OPENERS = CONTROL + ("do", "return", "break", "continue", "goto")


class Unparsable(Exception):
    """The brackets of a file do not match, or a statement does not end."""

    def __init__(self, line, what):
        super().__init__(what)
        self.line = line


@dataclass
class Function:
    """One function definition: where it is, and its tokens."""

    name: str
    line: int
    end_line: int
    params: int
    start: int  # index of the token after {
    end: int  # index of the }
    nesting: int = 0
    complexity: int = 1

    @property
    def lines(self):
        return self.end_line - self.line + 1


def match(tokens, i):
    """The index of the bracket that closes the one at i."""
    stack = []
    for j in range(i, len(tokens)):
        t = tokens[j]
        if t.kind != "op":
            continue
        if t.text in CLOSER:
            stack.append(CLOSER[t.text])
        elif t.text in (")", "}", "]"):
            if stack.pop() != t.text:
                raise Unparsable(t.line, f"'{t.text}' closes nothing")
            if not stack:
                return j
    raise Unparsable(tokens[i].line, f"'{tokens[i].text}' is never closed")


def is_macro(text):
    return len(text) > 1 and text == text.upper() and text[0].isalpha()


def head_of(tokens, first, brace):
    """(name, parameter count) when tokens[first:brace] is the head of a function, else None."""
    i = first
    groups = []  # (index of the word before, open, close)
    while i < brace:
        t = tokens[i]
        if t.kind == "op" and t.text in CLOSER:
            close = match(tokens, i)
            if t.text == "(" and i > first and tokens[i - 1].kind == "word":
                groups.append((i - 1, i, close))
            i = close
        elif t.kind == "op" and t.text == "=":
            return None
        i += 1

    # What may stand between a parameter list and its body: attributes, and macros for them.
    end = brace
    while end > first:
        last = tokens[end - 1]
        if last.kind == "word" and is_macro(last.text):
            end -= 1
        elif groups and groups[-1][2] == end - 1 and tokens[groups[-1][0]].text == "__attribute__":
            end = groups.pop()[0]
        else:
            break
    if not groups or groups[-1][2] != end - 1:
        return None

    word, open_, close = groups[-1]
    name = tokens[word].text
    inner = tokens[open_ + 1 : close]
    if is_macro(name):
        return f"{name}({' '.join(t.text for t in inner)})", 0
    return name, count_params(inner)


def count_params(inner):
    if not inner or (len(inner) == 1 and inner[0].text == "void"):
        return 0
    depth, n = 0, 1
    for t in inner:
        if t.kind == "op":
            depth += (t.text in CLOSER) - (t.text in (")", "}", "]"))
            n += t.text == "," and depth == 0
    return n


def functions(tokens):
    """All function definitions of a file, measured."""
    found, i, first = [], 0, 0
    while i < len(tokens):
        t = tokens[i]
        if t.kind != "op":
            i += 1
        elif t.text == "{":
            if i > first and tokens[i - 1].kind == "string":  # extern "C" {
                i = first = i + 1
                continue
            close = match(tokens, i)
            head = head_of(tokens, first, i)
            if head:
                f = Function(
                    head[0], tokens[first].line, tokens[close].line, head[1], i + 1, close
                )
                f.complexity = complexity(tokens, f.start, f.end)
                f.nesting = Body(tokens, f.end).measure(f.start)
                found.append(f)
                first = close + 1
            i = close + 1
        elif t.text in ("(", "["):
            i = match(tokens, i) + 1
        elif t.text in (";", "}"):
            i = first = i + 1
        else:
            i += 1
    return found


def complexity(tokens, start, end):
    """McCabe: ways through a function. The labels of one group of cases are one way."""
    n, after_label = 1, False
    i = start
    while i < end:
        t = tokens[i]
        if t.kind == "word" and t.text == "case":
            n += not after_label
            while not (tokens[i].kind == "op" and tokens[i].text == ":") and i < end:
                i += 1
            after_label = True
        elif t.kind == "word" and t.text == "default":
            i += 1
            after_label = True
        else:
            after_label = False
            if t.kind == "word":
                n += t.text in ("if", "for", "while")
            elif t.kind == "op":
                n += t.text in ("&&", "||", "?")
        i += 1
    return n


class Body:
    """Reads the statements of one function body for the depth of their nesting."""

    def __init__(self, tokens, end):
        self.tokens = tokens
        self.end = end
        self.deepest = 0

    def measure(self, i):
        while i < self.end:
            i = self.statement(i, 0)
        return self.deepest

    def is_op(self, i, text):
        return i < self.end and self.tokens[i].kind == "op" and self.tokens[i].text == text

    def is_word(self, i, *texts):
        t = self.tokens[i] if i < self.end else None
        return t is not None and t.kind == "word" and (not texts or t.text in texts)

    def block(self, i, depth):
        """Statements up to the bracket that closes the one at i; the index after it."""
        close = match(self.tokens, i)
        i += 1
        while i < close:
            i = self.statement(i, depth)
        return close + 1

    def inner(self, i, depth):
        """What is controlled by an if or a loop: one level deeper."""
        depth += 1
        self.deepest = max(self.deepest, depth)
        if self.is_op(i, "{"):
            return self.block(i, depth)
        return self.statement(i, depth)

    def statement(self, i, depth):
        if self.is_op(i, "{"):
            return self.inner(i, depth)
        if self.is_word(i, *CONTROL):
            return self.control(i, depth)
        if self.is_word(i, "do"):
            i = self.inner(i + 1, depth)
            return self.expression(i)
        if self.is_word(i, "case", "default"):
            while not self.is_op(i, ":"):
                i += 1
                if i >= self.end:
                    raise Unparsable(self.tokens[self.end].line, "a label without ':'")
            return i + 1
        if self.is_word(i) and self.is_op(i + 1, ":"):
            return i + 2
        if self.is_word(i) and self.is_op(i + 1, "("):
            close = match(self.tokens, i + 1)
            if self.is_op(close + 1, "{") or self.is_word(close + 1, *OPENERS):
                return self.inner(close + 1, depth)
            if is_macro(self.tokens[i].text) and self.is_op(close + 1, "}"):
                return close + 1
        return self.expression(i)

    def control(self, i, depth):
        is_if = self.is_word(i, "if")
        if not self.is_op(i + 1, "("):
            raise Unparsable(self.tokens[i].line, f"'{self.tokens[i].text}' without '('")
        i = self.inner(match(self.tokens, i + 1) + 1, depth)
        if is_if and self.is_word(i, "else"):
            if self.is_word(i + 1, "if"):
                return self.control(i + 1, depth)
            return self.inner(i + 1, depth)
        return i

    def expression(self, i):
        line = self.tokens[i].line if i < self.end else 0
        while i < self.end and not self.is_op(i, ";"):
            t = self.tokens[i]
            if t.kind == "op" and t.text in CLOSER:
                i = match(self.tokens, i)
            i += 1
            if i >= self.end:
                # A macro that needs no semicolon may end a body.
                if self.is_closed(line, i):
                    return i
        return i + 1

    def is_closed(self, line, i):
        if self.tokens[i - 1].text != ")":
            raise Unparsable(line, "a statement without ';'")
        return True
