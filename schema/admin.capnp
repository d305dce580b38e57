@0x9b6d27f3e8c0a514;
# Administration: over a socket in the state directory that only the instance's own user can open, and
# as the capability `admin` of a session whose profile has it (doc/design/admin.md). `capos account`,
# `capos session` and `capos audit` are this interface and nothing else.
#
# From elsewhere, a call that the facet does not have, or that acts on the instance's machine, is
# `unimplemented`; so are auditPath, reloadIdentity, reloadRevocations and reload. What would take from the
# session that asks what it stands on is refused.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("admin");
$Go.import("capos/admin");
$Java.package("capos");
$Java.outerClassname("AdminSchema");

struct Account {
  name @0 :Text;
  profiles @1 :List(Text);
  # In order of preference: the first is taken when none is asked for.

  hasPassword @2 :Bool;
  keys @3 :List(Text);
  # Fingerprints, `SHA256:…`, with the comment behind a space.

  service @4 :Bool;
  # Whether it is a service account: a program's.

  serviceKeys @5 :List(Text);
  # Ids of the keys that it signs assertions with.

  locked @6 :Bool;
  # Nobody gets in.

  lockReason @7 :Text;
  # What the administrator has said; may be empty.

  expiresAtMs @8 :UInt64;
  # From then on (since 1970) nobody gets in; 0: it does not expire.

  lastLoginAtMs @9 :UInt64;
  # When somebody got in last (since 1970); 0: nobody has, as far as is known.

  lastLoginKind @10 :Text;
  # How: the name of a RemoteAuthKind.

  lastLoginFrom @11 :Text;
  # From where: an address, or a user of this machine, `uid:1000`.
}

struct KeyOptions {
  # What something that an account is proved by is restricted to, as by options in sshd's authorized_keys.

  from @0 :Text;
  # Where it is good from: networks as sshd has them, `10.0.0.0/8,2001:db8::7,!10.1.0.0/16`, and `unix` for who comes by
  # a Unix socket. Names are not among them. At most 1,024 bytes; empty: from anywhere.

  expiresAtMs @1 :UInt64;
  # From then on (since 1970) it is not good, and sessions that it has made or renewed last end; 0: it does not expire.

  profile @2 :Text;
  # The one of the account's profiles that it gives; empty: any of them.
}

struct AccountKey {
  id @0 :Text;
  # What it is removed by: `SHA256:…`; of a service account its `kid`.

  fingerprint @1 :Text;
  # What the audit log calls it.

  type @2 :Text;
  # `ssh-ed25519`; of a service account `Ed25519`, `P-256`, `P-384`, `RSA`.

  comment @3 :Text;
  addedAtMs @4 :UInt64;
  # 0: before this was noted.

  usedAtMs @5 :UInt64;
  # When somebody got in or renewed a session by it last; 0: nobody has, as far as is known.

  usedFrom @6 :Text;
  # From where.

  options @7 :KeyOptions;
}

struct Passkey {
  id @0 :Text;
  # `SHA256:…`, of its credential id.

  label @1 :Text;
  algorithm @2 :Text;
  # ES256, EdDSA or RS256.

  aaguid @3 :Text;
  # The make of its authenticator, by its own word: 32 hexadecimal digits and four dashes.

  count @4 :UInt32;
  # How often it has signed, as it said last. Many say 0 always.

  madeAtMs @5 :UInt64;
  usedAtMs @6 :UInt64;
  # 0: never.

  options @7 :KeyOptions;
}

struct LiveSession {
  id @0 :Text;
  account @1 :Text;
  profile @2 :Text;
  kind @3 :Text;
  source @4 :Text;
  startedAtMs @5 :UInt64;
  expiresAtMs @6 :UInt64;
  grants @7 :List(Text);
  # Names of the granted capabilities that have not been revoked.

  droppedAtMs @8 :UInt64;
  # Its connection has ended, and its client may come back until the lease ends; else 0.
}

struct ProviderState {
  # An identity provider, as far as it has been asked.

  name @0 :Text;
  # The manifest's.

  keysAtMs @1 :UInt64;
  # When its keys were fetched (since 1970); 0: there are none. They are good for a day.

  pinned @2 :Bool;
  # Its keys are the manifest's.

  failing @3 :Text;
  # Why the last request to it came to nothing; empty: it did not.
}

struct LedgerUse {
  # Something that many share, and how much of it is in use.

  name @0 :Text;
  # `sessions`; `accounts`, `profiles`: the same, counted by these; `memory`: bytes that sessions may make the instance
  # hold; `flows`: attempts to log in; `provers`, `fetchers`: processes.

  limit @1 :UInt64;
  # How much there may be in all. 0: any amount.

  used @2 :UInt64;
  # How much there is now.

  most @3 :UInt64;
  # How much there has been at most.
}

struct Identity {
  # Somebody, as an identity provider has him.

  issuer @0 :Text;
  # Its URL.

  subject @1 :Text;
  # What it calls him.
}

interface Admin {
  accountAdd @0 (name :Text, profiles :List(Text), password :Data) -> () $Cm.effect(lasting);
  # Makes an account: 1 to 32 of a-z, 0-9, dot, dash and underscore. An empty password: none yet.
  # Errors: failed (exists, bad name, unknown profile, password shorter than 8 bytes).

  accountRemove @1 (name :Text) -> () $Cm.effect(lasting);
  # Ends its sessions too.

  accountList @2 (after :Text, most :UInt32) -> (accounts :List(Account), next :Text) $Cm.effect(reads);
  # A page of all accounts, in the order of their names: at most `most` (0: any number), and never more than 64 or some
  # 32 KiB. after: empty, or the `next` of the page before. next: empty where there are no more.

  keyAdd @3 (name :Text, key :Text, options :KeyOptions) -> (fingerprint :Text) $Cm.effect(lasting);
  # key: a line as in authorized_keys, without its options.

  keyRemove @4 (name :Text, fingerprint :Text) -> () $Cm.effect(lasting);
  # Ends the sessions it made.

  passwd @5 (name :Text, password :Data) -> () $Cm.effect(lasting) $Cm.title("Set a password");
  # An empty password removes it. Ends the sessions the old one made.

  sessionList @6 (after :Text, most :UInt32) -> (sessions :List(LiveSession), next :Text) $Cm.effect(reads);
  # Likewise of sessions, the oldest first. What begins or ends between two pages may be there or not.

  sessionRevoke @7 (id :Text, cap :Text) -> () $Cm.effect(lasting);
  # Ends a session, or with a cap takes that capability from it. Returns when it has happened. One whose connection has
  # ended is not come back to then, or without that capability.

  status @8 () -> (sessions :UInt32, workers :UInt32, descriptors :UInt32, version :Text,
      address :Text, addresses :List(Text), confinement :Text, layers :List(Text),
      certificateNames :Text, certificateUntilMs :UInt64, revocationsUntilMs :UInt64,
      authoritiesUntilMs :UInt64, providers :List(ProviderState), ledgers :List(LedgerUse)) $Cm.effect(reads);
  # What the session manager holds: for people, and for tests that count what is left. addresses: where clients
  # connect, `capos://HOST:PORT/#sha256:…` for TLS; address: the first of them. confinement: `basic` or `full`, and
  # which layers of `full` there are: paths, namespaces, users. certificateNames, certificateUntilMs (since 1970):
  # what clients are shown over TLS; empty and 0 without it. revocationsUntilMs: when the first of the lists of
  # revocations has to be followed by another; 0: none has to. authoritiesUntilMs: when the first certificate of an
  # authority for client certificates is over; 0: there is none. providers: the manifest's identity providers. ledgers:
  # what is in use of everything that many share.

  auditPath @9 () -> (path :Text) $Cm.effect(reads);
  # Where the audit log is.

  reloadIdentity @10 () -> (fingerprint :Text) $Cm.effect(lasting);
  # Has the instance take the key and the certificate that lie in its state directory now. Sessions and handshakes
  # under way go on; connections that come when this has returned see the new certificate. fingerprint: of the key;
  # empty: nobody comes over TLS, so there is nothing to be done.
  # Errors: failed (what is wrong with the new ones: the old ones stay; or nobody has answered in time), overloaded
  # (another one is under way).

  reloadRevocations @11 () -> (ended :UInt32) $Cm.effect(lasting);
  # Has the instance read the files that its manifest names for client certificates, lists of revocations above all.
  # ended: sessions of certificates that are not good any more; none of them is there when this returns.
  # Errors: failed (the manifest has no rules for certificates; a file that cannot be used, whose place is in the log:
  # what was read before stays; or it takes too long), overloaded (another one is under way).

  serviceAccountAdd @12 (name :Text, profiles :List(Text)) -> () $Cm.effect(lasting);
  # Makes a service account, by profiles that the manifest has for such (`service`). It has no password and no SSH
  # keys; accountRemove removes it, and accountList has it.
  # Errors: failed (exists, bad name, no such profile, or one for people).

  serviceKeyAdd @13 (name :Text, key :Text, id :Text, options :KeyOptions) -> (id :Text) $Cm.effect(lasting);
  # Lets a service account log in by tokens that a key has signed (doc/protocol/admission.md). key: the public key, PEM
  # or a JSON Web Key. id: what tokens call it (`kid`); empty: the key's own, or else its thumbprint (RFC 7638). Several
  # keys are good at once, so that a new one can be handed out before the old one is removed.
  # Errors: failed (no such service account, no key of a kind that is taken, its id or itself is there already, eight
  # are there).

  serviceKeyRemove @14 (name :Text, id :Text) -> () $Cm.effect(lasting);
  # Ends the sessions it made.

  passkeyBegin @15 (name :Text) -> (challenge :Data, relyingParty :Text, user :Data, known :List(Data),
      attested :Bool, untilMs :UInt64) $Cm.effect(own);
  # Begins to register a passkey: what its creation options are made of (doc/protocol/admission.md). The challenge is
  # good for one passkeyAdd of this account, until untilMs; a later one of the account replaces it. known: ids of the
  # account's passkeys, which the authenticator is not to replace. attested: attestation is wanted.
  # Errors: failed (no such account, or passkeys are switched off).

  passkeyAdd @16 (name :Text, label :Text, response :Text, options :KeyOptions) -> (id :Text)
      $Cm.effect(lasting);
  # response: a RegistrationResponseJSON. label: for people; may be empty.
  # Errors: failed (nothing was begun, or it is over; what is wrong with it; the account has it, or has too many).

  passkeyList @17 (name :Text) -> (passkeys :List(Passkey)) $Cm.effect(reads);
  # Errors: failed (no such account).

  passkeyRemove @18 (name :Text, id :Text) -> () $Cm.effect(lasting);
  # Ends the sessions it made.

  identityAdd @19 (name :Text, issuer :Text, subject :Text) -> () $Cm.effect(lasting);
  # Has an account log in by an identity provider: issuer is its name in the manifest, or its URL; subject is what it
  # calls the account's owner (`sub`). An identity is one account's, and comes before the provider's rules.
  # Errors: failed (no such account or provider; it is somebody's already).

  identityList @20 (name :Text) -> (identities :List(Identity)) $Cm.effect(reads);
  # Errors: failed (no such account).

  identityRemove @21 (name :Text, issuer :Text, subject :Text) -> () $Cm.effect(lasting);
  # Ends the sessions it made.

  accountLock @22 (name :Text, reason :Text) -> () $Cm.effect(lasting);
  # Nobody gets into the account any more, by whatever he proves, and whoever tries is told what somebody without a
  # proof is. It keeps all it has, also over a restart. Ends its sessions, and what its clients could come back by.
  # reason: for other administrators, at most 120 bytes; may be empty.
  # Errors: failed (no such account).

  accountUnlock @23 (name :Text) -> () $Cm.effect(lasting);
  # Errors: failed (no such account).

  accountExpire @24 (name :Text, atMs :UInt64) -> () $Cm.effect(lasting);
  # From then on (since 1970; 0: never) it is with the account as if it were locked, but for what the audit log says. No
  # session of the account lasts longer, and no renewal makes one do so; those that are there end with that reason.
  # Errors: failed (no such account).

  reload @25 () -> (faults :Text) $Cm.effect(lasting);
  # Has the instance read its manifest again, and live by it (doc/design/broker.md). faults: what is wrong with it, a
  # line each, as in the instance's log; nothing has changed then. Empty: it counts when this returns, and what it
  # grants no more is gone.
  # Errors: failed (it takes too long), overloaded (another one is under way).

  keyList @26 (name :Text) -> (keys :List(AccountKey)) $Cm.effect(reads);
  # Its SSH keys, or those of a service account.
  # Errors: failed (no such account).

  auditRead @27 (segment :UInt32, at :UInt64) -> (lines :Data, segment :UInt32, next :UInt64, sealed :Bool)
      $Cm.effect(reads);
  # A piece of the audit log: whole lines of a segment (doc/protocol/audit.md), from the byte `at` on, where a line
  # begins; at most 32 KiB. segment: its number, from 1 on; 0: the one that is written. Its number comes back. next: the
  # byte to go on from. No lines: there are no more, and if it is sealed, the next segment goes on.
  # Errors: failed (no such segment).

  passkeyCode @28 (name :Text, options :KeyOptions) -> (code :Text, untilMs :UInt64) $Cm.effect(lasting);
  # A code by which the account's owner registers one passkey himself (RemoteSessionGateway.passkeyBegin), in the page of
  # `capos web`: once, until untilMs, ten minutes from now. A later one of the account takes its place. It is in no file
  # and no record. options: what the passkey is restricted to.
  # Errors: failed (no such account, or passkeys are switched off).
}
