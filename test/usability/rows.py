"""rows: the list that the other files put theirs in."""
ROWS = []


def row(instance=False):
    """A row is called as its function, with dashes. instance: one runs, $A is its address, alice has an account."""
    def add(function):
        ROWS.append((function.__name__.replace("_", "-"), function, instance))
        return function
    return add


def log_in(t, alias="", who="alice", password="correct horse"):
    """As the README does it."""
    t.types(f"capos login {who}@$A{' --as ' + alias if alias else ''}", "Logged in as " + who,
            answers=[(r"^Password of .*:", password)])
