@0xb8f1c0d27a5e4391;
# Who a session is, as far as its holder may know. The capability `session` of every bundle is a
# UserSession; it is served by the session's own worker, so asking costs no other process anything.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("usersession");
$Go.import("capos/usersession");
$Java.package("capos");
$Java.outerClassname("UserSessionSchema");

struct LoginSelector {
  # Which account is meant.

  account @0 :Text;
  # The account's name on this instance. Empty where the method itself says who it is.

  issuer @1 :Text;
  # Which identity provider, by its name on this instance (RemoteAuthMethod.issuers). Empty: the first.
}

struct LoginSourceMetadata {
  # What a client says about itself. It is recorded as a claim, next to what the gateway has seen, and
  # decides nothing.

  client @0 :Text;
  # Name and version of the program.

  host @1 :Text;
  # Name of the machine it says it runs on.

  note @2 :Text;
  # Anything a person would like to find in the audit log later. At most 128 bytes are kept.
}

struct SessionUiQuota {
  # What services may do with what a client has lent them (`remote_ui.capnp`; requirement R56). `over-quota.ui-…`

  offers @0 :UInt32 = 8;
  # What is lent at once: `ui-offers`.

  patchesPerSecond @1 :UInt32 = 20;
  # Calls of one offer but `poll` and `close`, twice as many at once: `ui-patches`.

  patchBytes @2 :UInt64 = 65536;
  # Size of one call, with 1 KiB around it: `ui-patch`.

  bytesPerSecond @3 :UInt64 = 262144;
  # Of all calls of one offer, twice as much at once: `ui-traffic`.

  references @4 :UInt32 = 32;
  # That a service holds by one offer: `ui-references`.
}

struct SessionQuota {
  # The session's bounds (requirement R35). Whatever exceeds one fails by itself, as `overloaded`.

  references @0 :UInt32;
  # References the session may hold, each way.

  calls @1 :UInt32;
  # Calls in flight.

  queuedBytes @2 :UInt64;
  # Bytes queued toward a service, and toward the client.

  messageBytes @3 :UInt64;
  # Size of one message.

  callsPerSecond @4 :UInt32;
  # How many calls are taken in a second. More wait where they are, in order; none is refused for it. 0: any.

  ui @5 :SessionUiQuota;
  # Of what is lent to services for panes. Since 0.1.
}

struct QuotaUse {
  # How near a session has come to one of its bounds.

  name @0 :Text;
  # Which one. What the client holds or has under way: `references`, `calls`, `held-bytes` (kept for its calls and
  # references), `queued-bytes` (results that it has not read). `own-references`: references of its own that the
  # session holds. Between the client and all services, both ways: `calls-across`, `bytes-across`. `message-bytes`: one
  # message; `message-segments`, `message-nesting`, `message-traversal`: likewise, its segments, pointers in a row, and
  # bytes that are looked at, of which only the limit is said. `calls-per-second`: calls of which not as much time has
  # passed as the rate wants. `ui-offers`: of `RemoteSession.offerUi` and `offerSurface`. `sessions`: of its account, as
  # of the login or the last renewal.

  limit @1 :UInt64;
  # How much there may be. 0: any.

  used @2 :UInt64;
  # How much there is now, this call among it.

  most @3 :UInt64;
  # How much there has been at most.
}

struct LogWitness {
  # How far the instance's audit log has got, for whoever wants to hold the instance to it: a log that its operator
  # writes anew has another hash there.

  records @0 :UInt64;
  # So many there were. 0: the instance does not say.

  hash @1 :Data;
  # That of the last of them.
}

struct SessionInfo {
  # A session, for its holder. Nothing in it opens anything: to know a session is not to have it.

  id @0 :Text;
  # A name for administrators to talk about the session by. Not a credential.

  account @1 :Text;
  # The account; empty for anonymous and guest sessions.

  profile @2 :Text;
  # The profile that decided what the session was granted.

  kind @3 :Text;
  # How the session was authenticated: the name of a RemoteAuthKind.

  startedAtMs @4 :UInt64;
  # Milliseconds since 1970.

  expiresAtMs @5 :UInt64;
  # When the lease ends if it is not renewed. Milliseconds since 1970.

  renewChallenge @6 :Data;
  # What a proof for RemoteSession.renew must be made over. Good for one renewal; a new SessionInfo
  # has a new one. Empty when the session can't be renewed this way.

  quota @7 :SessionQuota;
  # What the session may use.

  transport @8 :Text;
  # `plain` or `tls`.

  source @9 :Text;
  # The address the connection came from, as the gateway saw it.

  serverKeyHash @10 :Data;
  # Hash of the instance's key; part of every proof. Empty without TLS.

  witness @11 :LogWitness;
  # When the session began, or was renewed last. Sessions of accounts only. Since 0.1.

  use @12 :List(QuotaUse);
  # How much of its quotas the session uses. Since 0.1.

  lastLoginAtMs @13 :UInt64;
  # When somebody logged in to the account before this session was made. Milliseconds since 1970. 0: nobody has, as far
  # as is known. Sessions of accounts only. Since 0.1.

  lastLoginKind @14 :Text;
  # How: the name of a RemoteAuthKind.

  lastLoginFrom @15 :Text;
  # From where: an address, or a user of the instance's machine.

  agent @16 :Bool;
  # Its profile is for models and other agents. Since 0.2.
}

interface UserSession {
  # The session, to itself. Grants nothing.

  info @0 () -> (info :SessionInfo) $Cm.effect(reads);
  # What RemoteSession.info says. Cost: one call. Since 0.1.
}
