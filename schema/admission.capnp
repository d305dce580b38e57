@0xf2c81d6e07b4a953;
# Worker and session manager. One socket per connection event; the session manager is the server. It
# takes every worker for hijacked: messages of at most 8 segments and 64 KiB, no capabilities and no
# descriptors from this side, and each call only in the states it is legal in.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Rs = import "remote_session.capnp";
using Sc = import "service_control.capnp";
using Us = import "user_session.capnp";

$Cxx.namespace("capos");
$Go.package("admission");
$Go.import("capos/admission");
$Java.package("capos");
$Java.outerClassname("AdmissionSchema");

struct BundleEntry {
  # A capability the session was granted.

  name @0 :Text;
  interfaceId @1 :UInt64;
  services @2 :Bool;
  # Transfer policy: false `session`, true `services`.

  title @3 :Text;
  summary @4 :Text;
  leaseExpiresAtMs @5 :UInt64;
  local @6 :Bool;
  # Served by the worker itself (`session`): there is no socket to open.

  methods @7 :List(Rs.RemoteMethod);
  # Those that it has; empty: all.

  ui @8 :Bool;
  # It may be offered the client's screen.
}

struct Bound {
  # A session, bound to this worker.

  info @0 :Us.SessionInfo;
  bundle @1 :List(BundleEntry);

  auditCalls @2 :Bool;
  # Each call is recorded by itself.
}

struct CallTally {
  # Calls of one method in a window of time; with Bound.auditCalls one call. What was refused: for one reason.

  capability @0 :Text;
  interfaceId @1 :UInt64;
  # 0: of several methods.

  method @2 :UInt16;
  calls @3 :UInt64;
  bytes @4 :UInt64;
  # Of parameters.

  outcome @5 :Text;
  # `ok`: they went to the service; else the code that the worker has refused them with.
}

struct Notice {
  # Something the worker must act upon at once.

  union {
    ended @0 :Text;
    # The session is over; the text goes after `denied.stale-session`.

    revoked @1 :Text;
    # This capability is gone.

    renewed @2 :Bound;
    # The leases are longer.

    traced @4 :Bool;
    # Whether somebody wants to know of each call (`trace`).
  }

  why @3 :Text;
  # Of revoked: why, for people.
}

struct TraceRow {
  # A call that is over, or was refused.

  atMs @0 :UInt64;
  micros @1 :UInt64;
  capability @2 :Text;
  interfaceId @3 :UInt64;
  method @4 :UInt16;
  bytes @5 :UInt64;
  outcome @6 :Text;
}

interface GrantEnd {
  # Carries a socket: the worker's end of a connection to a service, attached as a file descriptor.
}

interface Admission {
  methods @0 () -> (methods :List(Rs.RemoteAuthMethod));
  # Legal before and after binding.

  start @1 (request :Rs.RemoteAuthStart, renewal :Bool) -> (flow :UInt32);
  # Begins a flow. renewal: only after binding, for the session's own account.

  next @2 (flow :UInt32, response :Data)
      -> (step :Rs.RemoteAuthStep, done :Bool, bound :Bound);
  # One step. done with a bound: the proof was good and the worker is bound (or the lease renewed).

  cancel @3 (flow :UInt32) -> ();

  enter @4 (kind :Rs.RemoteAuthKind, requestedProfile :Text, source :Us.LoginSourceMetadata)
      -> (bound :Bound);
  # Guest and anonymous.

  open @5 (name :Text, interfaceId :UInt64) -> (end :GrantEnd, methods :List(Sc.MethodId));
  # A connection to the service behind a grant. Checks name, interface, lease and policy again. end is
  # null when there is nothing to hand over: the worker serves it itself, or has its socket already. methods: those that
  # its object has; empty: all.

  schema @6 (interfaceId :UInt64, at :UInt32) -> (schema :Data, length :UInt32);
  # From this byte on, as much as goes into a message here. length: of all of it.

  renew @7 (proof :Data, durationMs :UInt64) -> (bound :Bound);

  logout @8 () -> (witness :Us.LogWitness);

  watch @9 () -> (notice :Notice);
  # Returns when there is something to act upon. Asking again acknowledges it; a worker that does not
  # within a second is killed.

  report @10 (event :Text, detail :Text, capability :Text, decided :Bool, times :UInt32) -> ();
  # For the audit log, marked `worker-reported`: a transfer denied, a quota exceeded. capability: about whom; what is
  # counted is counted by it. decided: somebody has decided this, so it is a record of its own and not counted. times: how
  # often, of what the worker has counted itself; 0: once.

  secured @11 (exporter :Data, handshake :Data) -> ();
  # The TLS handshake is done: the first call of a connection over TLS, once, and of no other. exporter: its 32 bytes of
  # `tls-exporter`. handshake: its messages up to the client's CertificateVerify, if the client has shown a certificate.
  # The signer has recorded what it signed for this connection before the worker could make this call.

  enrol @12 (key :Data) -> (untilMs :UInt64);
  # RemoteSession.enrol.

  tally @13 (calls :List(CallTally)) -> ();
  # For the audit log, likewise: what calls the client has made. At most 65 rows; about once a minute, and at the end.

  accountSessions @14 () -> (sessions :List(Rs.AccountSession), more :UInt32);
  # RemoteSession.accountSessions.

  endAccountSession @15 (id :Text) -> (ended :UInt32);
  # RemoteSession.endAccountSession.

  passkeyBegin @16 (code :Text) -> (options :Rs.PasskeyOptions);
  # RemoteSessionGateway.passkeyBegin; in a session, without a code, RemoteSession's.

  passkeyAdd @17 (label :Text, response :Text) -> (id :Text);
  # Likewise.

  passkeys @18 () -> (passkeys :List(Rs.AccountPasskey));
  # RemoteSession.passkeys.

  passkeyRemove @19 (id :Text) -> ();
  # RemoteSession.passkeyRemove.

  trace @20 (calls :List(TraceRow), leftOut :UInt32) -> ();
  # While somebody wants to know (Notice.traced): at most 64 rows, five times a second, and how many calls more there were.
}
