@0xe3a94d0c6b7f1285;
# Remote sessions: how any Cap'n Proto client logs in to an instance and holds, from then on, exactly
# the live, typed capabilities that policy grants.
#
# The bootstrap object of a connection is a RemoteSessionGateway. One connection carries one session.
#
# What is refused is an RPC exception of type `failed` whose text begins with a stable code,
# `denied.` and the kebab-case name of a RemoteDenial (`denied.unknown-name`). What exceeds a quota is
# `overloaded`, and its text begins with `over-quota.`. A service can forge neither: what it throws
# arrives as `service: …`.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Ui = import "remote_ui.capnp";
using Us = import "user_session.capnp";

$Cxx.namespace("capos");
$Go.package("remotesession");
$Go.import("capos/remotesession");
$Java.package("capos");
$Java.outerClassname("RemoteSessionSchema");

enum RemoteDenial {
  # Why something was refused. The code on the wire is `denied.` and the name with dashes.

  none @0;
  # It was not.

  unknownName @1;
  # The bundle has no capability of this name. What policy hides looks the same.

  wrongInterface @2;
  # The capability exists and has another interface than the caller expects.

  profile @3;
  # The requested profile does not exist for this principal, or is not open to this method.

  staleSession @4;
  # The session has ended: logout, expiry, revocation. The text says which.

  revokedLease @5;
  # This capability was taken from the session by an administrator.

  methodDisabled @6;
  # The instance does not offer this method of authentication.

  credentials @7;
  # The proof does not convince. Unknown account and wrong secret look the same.

  alreadyBound @8;
  # This connection has a session already.

  transfer @9;
  # The capability may not be passed on to where the call would have taken it.

  flow @10;
  # The authentication flow is over: finished, canceled or too late.

  backoff @11;
  # Too many failures: try again later. The text says after how many seconds.

  weakProof @12;
  # A renewal by less than what made the session, or a reconnect over a weaker channel.

  method @13;
  # The capability was granted without this method: RemoteCapEntry.methods says which it has.

  ui @14;
  # The profile does not let this service propose panes.

  withdrawn @15;
  # To a service: the host has taken back what it had lent it, or the session has.
}

enum RemoteAuthKind {
  password @0;
  publicKey @1;
  oidcDeviceCode @2;
  oidcAuthorizationCodePkce @3;
  passkey @4;
  mtlsClientCert @5;
  guest @6;
  anonymous @7;
  serviceCredential @8;
}

enum RemoteAuthState {
  # Whether a method can be used, truthfully.

  enabled @0;
  # It can.

  disabled @1;
  # It can't; RemoteAuthMethod.reason says why. Starting it is `denied.method-disabled`.
}

struct RemoteAuthMethod {
  kind @0 :RemoteAuthKind;

  label @1 :Text;
  # For a person.

  profileHints @2 :List(Text);
  # Profiles that can be asked for by this method.

  interactive @3 :Bool;
  # Whether a person takes part.

  state @4 :RemoteAuthState;
  # Since 0.1, an addition to the original contract.

  reason @5 :Text;
  # Why it is disabled. Empty when it is enabled.

  issuers @6 :List(Text);
  # The identity providers of this instance by name, where the method has some.

  origins @7 :List(Text);
  # Of passkeys: from which pages they are used and registered, as browsers name them. Since 0.1.
}

enum RemoteChannelBinding {
  # What ties a proof by signature to this TLS connection. Since 0.1.

  exporter @0;
  # `tls-exporter`: the proof is worth nothing on any other connection.

  serverKey @1;
  # The server's key alone, for clients whose TLS library cannot tell the exporter: whoever is between with a key of
  # his own is found out. Only for profiles that allow it.
}

struct RemoteAuthStart {
  kind @0 :RemoteAuthKind;

  selector @1 :Us.LoginSelector;
  # Whose session this will be.

  requestedProfile @2 :Text;
  # Empty: the first of the account's profiles that the proof is good for.

  clientNonce @3 :Data;
  # At most 64 bytes, part of the proof transcript (doc/protocol/admission.md). May be empty.

  source @4 :Us.LoginSourceMetadata;
  # The client's claims about itself.

  endOthers @5 :Bool;
  # When the proof is good, the account's other sessions end first: for an owner whose sessions are as
  # many as they may be. Not for a renewal. Since 0.1.

  binding @6 :RemoteChannelBinding;
  # Which transcript the proof is made over (doc/protocol/admission.md). Without TLS: `exporter`, which is nothing
  # then. Since 0.1.
}

struct RemoteAuthStep {
  # What a flow wants next.

  prompt @0 :Text;
  # For a person.

  redaction @1 :Bool;
  # The response is a secret: do not echo it.

  url @2 :Text;
  # To be opened in a browser, where the method has one.

  userCode @3 :Text;
  # To be typed there.

  challenge @4 :Data;
  # The single-use nonce that goes into the proof transcript, for methods that have one.

  expiresAtMs @5 :UInt64;
  # When the flow gives up. Milliseconds since 1970.

  relyingParty @6 :Text;
  # For passkey: whose passkeys are wanted, a domain. Since 0.1.
}

struct PasskeyOptions {
  # What a passkey is made by: a WebAuthn client's PublicKeyCredentialCreationOptions (doc/protocol/admission.md).
  # Since 0.1.

  account @0 :Text;
  # Whose it will be.

  relyingParty @1 :Text;
  challenge @2 :Data;
  # Good for one passkeyAdd on this connection.

  user @3 :Data;
  # The user handle.

  known @4 :List(Data);
  # Ids of the account's passkeys, which the authenticator is not to replace.

  attested @5 :Bool;
  # Attestation is wanted.

  untilMs @6 :UInt64;
  # Milliseconds since 1970.
}

interface RemoteSessionGateway {
  # What a connection starts with. Holding it grants nothing but the right to try to log in.

  authMethods @0 () -> (methods :List(RemoteAuthMethod)) $Cm.effect(reads);
  # Every kind of RemoteAuthKind, each with its state. Cost: one call. Since 0.1.

  start @1 (request :RemoteAuthStart) -> (flow :RemoteAuthFlow) $Cm.effect(own);
  # Begins to authenticate. At most four flows of a connection are open at once; the first proof wins.
  # Errors: denied.method-disabled, denied.already-bound, over-quota.flows. Since 0.1.

  guest @2 (requestedProfile :Text, source :Us.LoginSourceMetadata) -> (session :RemoteSession)
      $Cm.effect(own);
  # A session without an account, under the profile policy has set aside for guests.
  # Errors: denied.method-disabled, denied.profile, denied.already-bound. Since 0.1.

  anonymous @3 (requestedProfile :Text, source :Us.LoginSourceMetadata)
      -> (session :RemoteSession) $Cm.effect(own);
  # A session of nobody in particular, likewise. An empty requestedProfile takes the default.
  # Errors: denied.method-disabled, denied.profile, denied.already-bound. Since 0.1.

  passkeyBegin @4 (code :Text) -> (options :PasskeyOptions) $Cm.effect(own);
  # Begins to register a passkey of an account, by a code that its administrator was given (Admin.passkeyCode). Dashes,
  # spaces and the case of letters do not count. A later one on this connection takes its place.
  # Errors: denied.method-disabled, denied.credentials (there is no such code, or no more), denied.already-bound. Since
  # 0.1.

  passkeyAdd @5 (label :Text, response :Text) -> (id :Text) $Cm.effect(own);
  # Registers it, and uses the code up, whatever comes of it. response: a RegistrationResponseJSON. label: for people;
  # may be empty. It is no login. Errors: denied.flow (nothing was begun, or it is over), denied.credentials (the text
  # says what is wrong with it), over-quota.proofs. Since 0.1.
}

interface RemoteAuthFlow {
  # One attempt to authenticate. Dropping it cancels it.

  next @0 (response :Data) -> (step :RemoteAuthStep, done :Bool, session :RemoteSession) $Cm.effect(own);
  # Answers the previous step and gets the next. An empty first response asks what is wanted; the
  # answer may also be given at once.
  #   password:  the response is the password's UTF-8 bytes, and the session comes back.
  #   publicKey: the first response is empty, and step.challenge is the nonce; the second is an SSHSIG
  #              blob (namespace `login@capos`) over the proof transcript, and the session comes back.
  #   passkey:   likewise; the second is an AuthenticationResponseJSON for the transcript's hash.
  #   serviceCredential: the first response is empty, and step.challenge is the nonce; the second is an assertion
  #              (RFC 7523) whose `nonce` is the hash of the proof transcript, and the session comes back.
  #   oidcDeviceCode: the first response is empty; step.url and step.userCode are for a person. The second is empty,
  #              too, and returns when that person has said yes: the session comes back.
  #   oidcAuthorizationCodePkce: the first response is the redirect URI, `http://127.0.0.1:PORT/…`; step.url is to be
  #              opened in a browser. The second is the query that the redirect has brought.
  # A wrong proof ends the flow. Errors: denied.credentials, denied.profile, denied.flow,
  # denied.backoff, denied.already-bound. Since 0.1.

  cancel @1 () -> () $Cm.effect(own);
  # Ends the attempt. Later calls are denied.flow. Since 0.1.
}

struct RemoteMethod {
  # A method of a capability. Since 0.1.

  interfaceId @0 :UInt64;
  # The interface that declares it.

  ordinal @1 :UInt16;
  # Its number there.

  name @2 :Text;
  # Its name, as the manifest has it: `list`, or `Directory.list`.
}

struct RemoteCapEntry {
  # A line of a CapSet.

  name @0 :Text;
  # For RemoteCapSet.get. A convenience, not authority.

  interfaceId @1 :UInt64;
  # The type id of its interface.

  transferPolicy @2 :Text;
  # `session`: may not be passed to a service. `services`: may be passed to other services of this
  # session; calls on it still run in this session and end with it.

  leaseExpiresAtMs @3 :UInt64;
  # When it will be taken back, or was: an administrator has revoked it when that is over and the
  # session is not. Milliseconds since 1970.

  title @4 :Text;
  # For a person. Since 0.1, an addition to the original contract.

  summary @5 :Text;
  # One sentence for a person. Since 0.1.

  methods @6 :List(RemoteMethod);
  # The methods that can be called on what `get` gives; any other is denied.method. Empty: all of its interface, as far
  # as the service has them. Since 0.1.

  ui @7 :Bool;
  # Whether it may be offered a host, or a surface. Since 0.1.
}

struct AccountSession {
  # A session, for the owner of its account.

  id @0 :Text;
  # SessionInfo.id.

  profile @1 :Text;
  # Its profile.

  kind @2 :Text;
  # How it was authenticated: the name of a RemoteAuthKind.

  source @3 :Text;
  # Where its connection came from, as the gateway saw it.

  startedAtMs @4 :UInt64;
  # Milliseconds since 1970.

  expiresAtMs @5 :UInt64;
  # When its lease ends. Milliseconds since 1970.

  droppedAtMs @6 :UInt64;
  # Its connection has ended, and its client may come back until the lease ends; else 0.

  current @7 :Bool;
  # It is the one that asks.
}

struct AccountPasskey {
  # A passkey, for the owner of its account. Since 0.1.

  id @0 :Text;
  # `SHA256:…`, of its credential id.

  label @1 :Text;
  # What it was called when it was registered. For a person.

  madeAtMs @2 :UInt64;
  # Milliseconds since 1970.

  usedAtMs @3 :UInt64;
  # When it was used last, likewise; 0: never.

  current @4 :Bool;
  # The session that asks was made or renewed by it, and ends with it.
}

interface RemoteSession {
  # The session. It lives as long as its connection, not as long as this reference.

  info @0 () -> (info :Us.SessionInfo) $Cm.effect(reads);
  # Errors: denied.stale-session. Since 0.1.

  capSet @1 () -> (caps :RemoteCapSet) $Cm.effect(reads);
  # The granted bundle. Errors: denied.stale-session. Since 0.1.

  renew @2 (proof :Data, requestedDurationMs :UInt64) -> (session :RemoteSession) $Cm.effect(own);
  # Fresh proof for a longer lease: the password, or an SSHSIG blob over the proof transcript with
  # SessionInfo.renewChallenge as its nonce. Never widens the profile; policy caps the duration. This
  # reference ends, the one that comes back replaces it; every other reference stays valid. The proof is worth as
  # much as the one that made the session, or more.
  # Errors: denied.credentials, denied.weak-proof, denied.stale-session. Since 0.1.

  logout @3 () -> (witness :Us.LogWitness) $Cm.effect(own);
  # Ends the session. Every reference that came from it is dead when this returns, and every open call
  # fails with denied.stale-session. The witness is of an account's session only, and of what is on the
  # instance's disk by then: perhaps not yet of this end. Since 0.1.

  reauthenticate @4 (request :RemoteAuthStart) -> (flow :RemoteAuthFlow) $Cm.effect(own);
  # Renewal by a method that takes several steps. The flow's session replaces this reference. Another profile of the
  # account's as requestedProfile raises the session to that, which must have all that this one has, and more: what is
  # open goes on. Errors: as renew, and those of RemoteSessionGateway.start, denied.profile among them;
  # denied.weak-proof already here where the method alone tells.
  # Since 0.1, an addition to the original contract.

  offerUi @5 (host :Ui.RemoteUiHost, service :Text) -> (offer :Ui.RemoteUiOffer) $Cm.effect(own);
  # Lends the service of this name a host, the client's own object, and begins its UiComposer.compose with it. What the
  # service has of it is gone when the offer is withdrawn or dropped, compose has returned, or the session, the capability
  # or `ui` in its profile has ended. At most 8 offers at once.
  # Errors: denied.unknown-name, denied.ui (the profile does not let it propose panes), denied.revoked-lease,
  # denied.transfer (the host is something that the session was given), over-quota.ui-offers, denied.stale-session;
  # `unimplemented`: the service's interface does not extend UiComposer. Since 0.1.

  enrol @6 (key :Data) -> (untilMs :UInt64) $Cm.effect(own);
  # Hands over the public half of an Ed25519 key in SSH's binary form, once, by which the client comes back when its
  # connection has dropped: `start` with publicKey, the account and this session's profile. Good until untilMs, when the
  # lease ends (milliseconds since 1970; a renewal moves it), for nothing else, and gone with logout and revocation.
  # Errors: denied.method-disabled, denied.already-bound, denied.credentials, denied.stale-session. Since 0.1, an
  # addition to the original contract.

  accountSessions @7 () -> (sessions :List(AccountSession), more :UInt32) $Cm.effect(reads);
  # The sessions of this session's account, wherever they are: this one, the others, the youngest first, and those whose
  # client may come back. At most 256 of them; more: how many there are beside. Who has no account has none to see.
  # Errors: denied.profile (without an account), denied.stale-session. Since 0.1, an addition to the original contract.

  endAccountSession @8 (id :Text) -> (ended :UInt32) $Cm.effect(own);
  # Ends another session of the account, and takes from its client what it could come back by; with an empty id all
  # others. None of them is there when this returns, and whoever held one is told why. This one is ended by logout.
  # Errors: denied.unknown-name (the account has no other such session: whether somebody else's has that id is not
  # told), denied.profile (without an account), denied.stale-session. Since 0.1, an addition to the original contract.

  offerSurface @9 (surface :Ui.RemoteUiSurface, service :Text) -> (offer :Ui.RemoteUiOffer) $Cm.effect(own);
  # The same with one pane, which the host has made, and nothing else: UiComposer.draw. Since 0.1, an addition to the
  # original contract.

  passkeyBegin @10 () -> (options :PasskeyOptions) $Cm.effect(own);
  # Begins to register a passkey of the session's account, by the proof that the session rests on: the account's own
  # password, key or passkey, shown within the last five minutes, and worth enough for each profile that the passkey would
  # give. What that proof is restricted to, the passkey will be.
  # Errors: denied.method-disabled, denied.profile (without an account), denied.weak-proof (renew first, or ask for a
  # code: the text says which), denied.stale-session. Since 0.1, an addition to the original contract.

  passkeyAdd @11 (label :Text, response :Text) -> (id :Text) $Cm.effect(own);
  # Registers it: as RemoteSessionGateway.passkeyAdd. Since 0.1, an addition to the original contract.

  passkeys @12 () -> (passkeys :List(AccountPasskey)) $Cm.effect(reads);
  # Those of the session's account, the oldest first.
  # Errors: denied.profile (without an account), denied.stale-session. Since 0.1, an addition to the original contract.

  passkeyRemove @13 (id :Text) -> () $Cm.effect(lasting);
  # Takes one away, and ends the sessions that it has made: this one, too, if it is one of them, and then this fails with
  # denied.stale-session. By the proof that the session rests on: as passkeyBegin, and not restricted to a profile.
  # Errors: denied.unknown-name (the account has none such), denied.weak-proof (the text says what is wanted),
  # denied.profile (without an account), denied.stale-session. Since 0.1, an addition to the original contract.

  reportUi @14 (service :Text, report :Ui.UiReport) -> () $Cm.effect(own);
  # RemoteUiOffer.report about a service to which nothing is lent: that it was told no, that it may always or never show
  # panes. Errors: denied.unknown-name, denied.stale-session. Since 0.1, an addition to the original contract.
}

interface RemoteCapSet {
  # The bundle: what this session was granted, by name.

  list @0 () -> (entries :List(RemoteCapEntry)) $Cm.effect(reads);
  # Errors: denied.stale-session. Since 0.1.

  get @1 (name :Text, expectedInterfaceId :UInt64) -> (cap :Capability) $Cm.effect(reads);
  # A live reference. Pipelining through `cap` works in every language, because it is declared as a
  # capability. Errors: denied.unknown-name, denied.wrong-interface, denied.revoked-lease,
  # denied.stale-session. Since 0.1.

  schema @2 (interfaceId :UInt64, at :UInt32, most :UInt32) -> (schema :Data, length :UInt32) $Cm.effect(reads);
  # The schema of an interface that is in the bundle, and of all it mentions: a serialized message
  # whose root is schema.capnp's CodeGeneratorRequest with its nodes. length: its bytes.
  # most: 0, all of it at once, which fails with over-quota.bytes where it is longer than the session's messages may be.
  # Else a part, the bytes from `at` on, at most so many, and fewer where no more would get through: whoever wants all
  # asks again at what he has, until he has `length`. An instance that leaves length 0 has sent all.
  # Errors: denied.unknown-name, denied.stale-session. Since 0.1; at, most and length are an addition to the original
  # contract.

  changed @3 (since :UInt64) -> (now :UInt64) $Cm.effect(reads);
  # Returns when what `list` says is not what it was at `since`: at once with 0, and whenever it was changed already; else
  # when a capability was taken back or given, or a lease is another. now: what to ask with next. At most 4 wait in a
  # session. Errors: over-quota.calls (that many wait), denied.stale-session (when the session ends, too). Since 0.1, an
  # addition to the original contract.
}
