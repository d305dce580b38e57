@0x8d392348327744f8;
# What an instance tells of itself while it runs: numbers, the audit log as it grows, and the calls of its sessions. The
# session manager serves it to services that the manifest's `grants` give it, `instance` and `trace`; both have powers,
# for they are about everybody (doc/design/diagnostics.md).

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("instance");
$Go.import("capos/instance");
$Java.package("capos");
$Java.outerClassname("InstanceSchema");

struct InstanceMetric {
  # A number.

  name @0 :Text;
  # `sessions`, `workers`, `descriptors`; since the session manager has started: `records` of the audit log, `refusals`
  # among them, `calls` that were traced.

  value @1 :UInt64;
}

struct InstanceRecord {
  # A record of the audit log (doc/protocol/audit.md), without what others have worded: no address, no detail, no claim.

  sequence @0 :UInt64;
  # Its number in the log.

  atMs @1 :UInt64;
  # Since 1970.

  what @2 :Text;
  # attempt, grant, open, revocation, …

  outcome @3 :Text;
  # `ok`, or the code of a denial. `other`: a worker has said something that is no code.

  account @4 :Text;
  # Whose; only where there is a session.

  profile @5 :Text;
  # Likewise.

  session @6 :Text;
  # Its id.

  capability @7 :Text;
  # If there is one of that name.

  times @8 :UInt64;
  # How many more like the one before there were; 0: it is by itself.

  fromWorker @9 :Bool;
  # By the word of a session's worker.
}

interface InstanceView {
  # The capability `instance`. Facets: `metrics` and `audit`, a method each; the empty one has both.

  metrics @0 () -> (atMs :UInt64, metrics :List(InstanceMetric)) $Cm.effect(reads);
  # How it stands. Errors: denied.method.

  audit @1 (after :UInt64, max :UInt16, waitMs :UInt32) -> (records :List(InstanceRecord)) $Cm.effect(reads);
  # The records after this number that are kept, 256 at most: the first of them, as many as `max`, at most 64. Where
  # there are none, waits for one, at most 10,000 ms. Errors: denied.method; overloaded (too many wait already).
}

struct TracedCall {
  # A call of a session's client on a capability of its bundle, or on what came from one: what it was, and nothing of
  # what it carried. It is its worker's word, but for whose it is.

  sequence @0 :UInt64;
  # Grows by one with each call, told or not: a gap is as many that were left out.

  atMs @1 :UInt64;
  # When it was made, since 1970.

  micros @2 :UInt64;
  # Until it came back; 0: it was refused.

  session @3 :Text;
  account @4 :Text;
  # Empty: a session of nobody's.

  profile @5 :Text;
  capability @6 :Text;
  interfaceId @7 :UInt64;
  # 0: of several, or of none that is known.

  methodId @8 :UInt16;
  outcome @9 :Text;
  # `ok`; the code that it was refused by, or cut off (`denied.method`, `denied.revoked-lease`); what its service has
  # failed with: `failed`, `overloaded`, `disconnected`, `unimplemented`; `canceled`: nobody wanted to know.

  bytes @10 :UInt64;
  # Of its parameters.

  method @11 :Text;
  # Its name by the service's schema: `Chat.join`. Empty: not known, or not yet.
}

interface CallTrace {
  # The capability `trace`.

  recent @0 (after :UInt64, max :UInt16, waitMs :UInt32) -> (calls :List(TracedCall), last :UInt64)
      $Cm.effect(reads);
  # The calls after this number that are kept, 1,024 at most: the first of them, as many as `max`, at most 64. Where there
  # are none, waits for one, at most 10,000 ms. Calls are traced from the first time that somebody asks, until ten seconds
  # after the last. last: the number of the latest call, kept or not. Errors: overloaded (too many wait already).
}
