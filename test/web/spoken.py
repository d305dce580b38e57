"""spoken: what is left of a pane when its looks are taken away, of a terminal's lines and of a browser's accessibility
tree: words. So that the two can be compared.
"""
import re
import sys
import os

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from rig import holds  # noqa: E402

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DRAWN = re.compile(r"[\u2500-\u259f]|\[[#-]+\]")  # lines, curves, and a bar of signs
MOMENT = re.compile(r"\d{4}-(\d\d)-(\d\d) (\d\d):(\d\d)|(\d{1,2}) ([A-Z][a-z]{2,3}), (\d\d):(\d\d)")
WORD = re.compile(r"@\d+|\d\d:\d\d(?::\d\d)?|[+−-]?\d[\d,]*(?:\.\d+)?(?: ?[kMGTP]\b)?|[^\W\d_][^\W_]*")
SIZES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def moment(m):
    if m[1]:
        return f" @{int(m[1])}{m[2]}{m[3]}{m[4]} "
    return f" @{MONTHS.index(m[6][:3]) + 1}{int(m[5]):02}{m[7]}{m[8]} "


def number(text):
    """1204, 1,204, 1.204 k: three digits of it."""
    size = SIZES.get(text[-1], 1)
    digits = re.sub(r"[^\d.-]", "", text.replace("−", "-").rstrip("kMGTP"))
    return f"{float(digits) * size:.3g}"


def words(text):
    """What is compared: words without case, numbers to three digits, moments to the minute."""
    text = MOMENT.sub(moment, DRAWN.sub(" ", re.sub("[\u2066-\u2069]", "", text)))
    out = []
    for w in WORD.findall(text):
        if re.fullmatch(r"\d\d:\d\d:\d\d", w):
            w = w[:5]
        out.append(w.lower() if w[0] == "@" or ":" in w or w[0].isalpha() else number(w))
    return out


def find(text, part, begin):
    """Where a part begins in a list of words, from there on; -1."""
    return next((i for i in range(begin, len(text) - len(part) + 1) if text[i:i + len(part)] == part), -1)


# ---- what a screen reader is told ------------------------------------------------------------------------

PICTURES = {"img", "image", "graphics-document", "graphics-symbol"}  # what is in one is said by its name


def tree_text(node, nodes):
    """The names and values of what is below a node of an accessibility tree, in its order. A meter's number stands in
    words beside it."""
    role, name = (node.get(x, {}).get("value", "") for x in ("role", "name"))
    if role in ("InlineTextBox", "ListMarker", "LineBreak", "StaticText"):
        return [name] if role == "StaticText" else []
    if role in PICTURES and not node.get("ignored"):
        return [name]
    below = [t for i in node.get("childIds", ()) if i in nodes for t in tree_text(nodes[i], nodes)]
    if node.get("ignored") or role == "meter":
        return below
    value = node.get("value", {}).get("value", "")
    return ([name] if name and not below else []) + below + ([str(value)] if value != "" else [])


def accessible(p, selector):
    """What a page says of an element to who cannot see it, when it has come to rest."""
    before = None
    while True:
        held = p.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")["result"]["objectId"]
        place = p.call("DOM.describeNode", objectId=held)["node"]["backendNodeId"]
        nodes = {n["nodeId"]: n for n in p.call("Accessibility.getFullAXTree")["nodes"]}
        mine = [n for n in nodes.values() if n.get("backendDOMNodeId") == place]
        now = "\n".join(t for n in mine[:1] for t in tree_text(n, nodes))
        if now == before:
            return now
        before = now
        p.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")


# ---- what a terminal shows -------------------------------------------------------------------------------

def blocks(text):
    """{title: (what a pane shows, [titles of its commands])} of what `capos ui` has printed; the last of each."""
    command = re.compile(r"> [a-z0-9.-]+(?: \[?[\w.]+=\]?)*  (\S.*)")
    found, lines = {}, []
    for line in text.splitlines():
        m = re.fullmatch(r"\[\d+\] [^:]*: (.*) \(\w+(?:, pinned)?\)", line)
        if m:
            lines = found[m[1]] = []
        elif line.startswith("  "):
            lines.append(line[2:])
        else:
            lines = []
    return {title: ("\n".join(x for x in lines if not command.fullmatch(x)),
                    [m[1] for m in map(command.fullmatch, lines) if m]) for title, lines in found.items()}
