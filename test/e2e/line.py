"""line: a line between a client and an instance that can be cut: a proxy, which knows nothing of what it carries. It
cuts both sides, or only the client's, so that the instance still thinks that the old line is there.
"""
import select
import socket
import threading

import instance


class Line:
    """Carries bytes to `upstream`, a socket's address, until it is cut. What comes from the client passes through
    taken(), which may look at it: False: it was the last that is carried."""

    def __init__(self, family, address, upstream):
        self.family, self.upstream = family, upstream
        self.pairs, self.lock, self.over = [], threading.Lock(), False
        self.said = b""
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.address = self.listener.getsockname()
        self.listener.listen()
        self.up = True
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while not self.over:
            if not select.select([self.listener], [], [], 0.05)[0]:
                continue
            near = self.listener.accept()[0]
            far = socket.socket(self.family, socket.SOCK_STREAM)
            try:
                if not self.up:
                    raise OSError("down")
                far.connect(self.upstream)
            except OSError:
                near.close()
                far.close()
                continue
            with self.lock:
                self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far, self.taken), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, lambda _: True), daemon=True).start()

    @staticmethod
    def carry(a, b, taken):
        try:
            while True:
                got = a.recv(1 << 16)
                if not got or not taken(got):
                    break
                b.sendall(got)
        except OSError:
            pass

    def taken(self, got):
        self.said = (self.said + got)[-1 << 16:]
        return True

    def until(self, words):
        """Waits until the client has sent this; what it sent before that counts as well."""
        instance.until(lambda: words in self.said, lambda: f"{words} in {self.said}")

    @staticmethod
    def end(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def cut(self, half=False):
        """Ends what is carried; half: only the client hears of it."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for near, far in pairs:
            if half:
                self.left = getattr(self, "left", []) + [far]
                # Nobody carries to it any more: what comes from it is read and let go.
            self.end(near)
            if not half:
                self.end(far)

    def close(self):
        self.over = True
        self.thread.join(5)
        self.listener.close()
        self.cut()
        for far in getattr(self, "left", []):
            self.end(far)
