@0x8d51c7b2e04f93a6;
# Between `capos mcp` and what its user decides by, `capos approve`, `capos mcp revoke`, `capos web`: a socket of the
# user's own.

using Cxx = import "/cxx.capnp";

$Cxx.namespace("capos");

enum DeskAnswer {
  no @0;
  once @1;
  # This very call.

  minutes @2;
  # The tool, whatever its arguments, for ten minutes.

  session @3;
  # Likewise, until the session ends.
}

enum DeskPlace {
  # Where a person is asked.

  terminal @0;
  page @1;
}

struct DeskCall {
  # A call that waits for somebody.

  number @0 :UInt32;
  tool @1 :Text;
  question @2 :Text;
  # Exactly what would be called: capability and method, effect, and on a line of their own the arguments. The words of
  # a model and of a service.

  waitsMs @3 :UInt64;
}

struct DeskApproval {
  tool @0 :Text;
  callsLeft @1 :UInt32;
  # 0: any number.

  leftMs @2 :UInt64;
  # 0: until the session ends.

  exact @3 :Bool;
  # For one call alone.

  by @4 :Text;
}

interface AgentDesk {
  # The bootstrap object of the socket.

  waiting @0 () -> (client :Text, session :Text, calls :List(DeskCall));
  # client: who the host of the model says that it is.

  decide @1 (number :UInt32, answer :DeskAnswer, place :DeskPlace) -> ();
  # Fails where that does not wait any more.

  approvals @2 () -> (approvals :List(DeskApproval));

  revoke @3 (tools :Text) -> (ended :UInt32, calls :UInt32);
  # Ends approvals of tools that a pattern fits, `*` for any characters, and the calls that run by one.
}
