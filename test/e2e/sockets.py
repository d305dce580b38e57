#!/usr/bin/env python3
"""sockets: a session's socket to a service is there while something uses it, and no longer.

Why: a session that looked at a service once should not hold a descriptor of it until it ends. What
counts as use: a reference that came from there, a call under way, an object of the client's that
the service holds. What is counted are the sockets that the session manager has a duplicate of.
"""
import sys
import time

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct, w

SCRIPT = "e2e-sockets"
LISTENER_ID = 7


def let_go(ref):
    """Releases a reference, and what it has been resolved to."""
    peer = ref.peer
    for m in [m for m in peer.others if m.tag == w.RESOLVE]:
        if m.body.uint(0, 32) == ref.number and m.body.uint(32, 16) == 0:
            peer.others.remove(m)
            to = m.body.ptr(0)
            if to.uint(0, 16) in (w.SENDER_HOSTED, w.SENDER_PROMISE):
                peer.send(w.release(to.uint(32, 32), 1))
    ref.release()


def answer_calls(peer):
    """Returns from what the server has called."""
    for m in [m for m in peer.others if m.tag == w.CALL]:
        peer.others.remove(m)
        peer.send(w.ret_results(m.question_id, Struct(b"", [])))


class Sockets:
    def __init__(self, run):
        self.run = run

    def count(self):
        admin = self.run.admin()
        try:
            return admin.status()["descriptors"]
        finally:
            admin.close()

    def becomes(self, n):
        instance.until(lambda: self.count() == n, f"{n} sockets")

    def client(self):
        self.becomes(0)
        return self.run.login()

    def last_reference(self):
        peer, session, caps = self.client()
        first = s.get(caps, "system_info", s.SYSTEM_INFO)
        s.motd(first)
        second = s.get(caps, "system_info", s.SYSTEM_INFO)
        s.motd(second)
        self.becomes(1)
        let_go(first)
        s.motd(second)
        time.sleep(0.3)
        self.becomes(1)
        let_go(second)
        self.becomes(0)
        session.call(0)
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))
        self.becomes(1)
        peer.close()
        self.becomes(0)

    def what_came_from_it(self):
        """An object that the service has made, and one of the client's that it holds."""
        peer, session, caps = self.client()
        chat = s.get(caps, "chat", s.CHAT)
        member, _ = s.join(chat, "#sockets", LISTENER_ID)
        let_go(chat)
        time.sleep(0.3)
        self.becomes(1)
        member.call(1)
        let_go(member)
        for _ in range(100):
            session.call(0)
            answer_calls(peer)
            if not self.count():
                break
            time.sleep(0.05)
        self.becomes(0)
        peer.close()

    def again_and_again(self):
        """Letting go and getting cross each other in every way that happens."""
        peer, _, caps = self.client()
        for i in range(300):
            info = s.get(caps, "system_info", s.SYSTEM_INFO)
            if i % 3:
                s.motd(info)
            let_go(info)
            if i % 50 == 0:
                time.sleep(0.05)
        peer.close()
        self.becomes(0)

    def revoked(self):
        peer, session, caps = self.client()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        s.motd(info)
        admin = self.run.admin()
        admin.revoke(s.text(session.call(0).content.ptr(0).ptr(0)), "system_info")
        admin.close()
        for call in (lambda: s.motd(info), lambda: s.get(caps, "system_info", s.SYSTEM_INFO)):
            try:
                call()
            except Refused as e:
                if e.code != "denied.revoked-lease":
                    raise
            else:
                raise Failed("a revoked capability works")
        self.becomes(0)
        peer.close()


def main():
    try:
        with instance.Instance(instance.manifest()) as run:
            t = Sockets(run)
            cases = [t.last_reference, t.what_came_from_it, t.again_and_again, t.revoked]
            return instance.run_cases(SCRIPT, [(f.__name__, f) for f in cases])
    except (Failed, Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
