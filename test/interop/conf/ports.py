"""ports: a port for a server that has to be told one.

Why: a port that the kernel has just given, and that is given back for the server to take, may be somebody's own end of
a connection by then. Below the range that the kernel picks from, nothing takes one by itself.
"""
import random
import socket


def free_port():
    """A loopback port that nobody has."""
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
