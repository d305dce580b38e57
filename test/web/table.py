"""table: attacks, a row each, with the answer that each must get; they are tried in the order of their making."""
from bridge import Answer, equal

ROWS = []


def row(answer):
    """An attack, and the words of what it must get."""
    def add(f):
        def run(b):
            got = f(b)
            if isinstance(got, Answer):
                got = got.words
            equal(got, answer, f.__name__)
        run.__name__ = f.__name__
        ROWS.append(run)
        return f
    return add
