@0xd81f4c6a2e95b037;
# The manifest: everything an instance is made of, in Cap'n Proto text form. A field that is not here is
# refused with its name and place. All quantities have defaults; an empty manifest `()` is valid and
# serves nobody.
#
# A duration is a text with units, `"90s"`, `"1h30m"`: w, d, h, m, s, ms; from a second to 49 days. So is a size,
# `"64KiB"`: GiB, MiB, KiB, B.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("manifest");
$Go.import("capos/manifest");
$Java.package("capos");
$Java.outerClassname("ManifestSchema");

struct UiQuota {
  # What services may do with what a client has lent them for panes: a host, or one surface.

  offers @0 :UInt32 = 8;
  # What is lent by a session at once.

  patchesPerSecond @1 :UInt32 = 20;
  # Calls on what was lent, but for asking for events and closing; of one offer. Twice as many at once.

  patch @2 :Text = "64KiB";
  # How long one of them may be: 1 KiB or more; with 1 KiB around it.

  perSecond @3 :Text = "256KiB";
  # How much all calls of one offer are in a second: 1 KiB or more. Twice as much at once; one patch at the least.

  references @4 :UInt32 = 32;
  # What a service holds by one offer at once: the host, and surfaces that it has opened.
}

struct Quota {
  # What a session may use at once. A call beyond it is refused as `overloaded`; the session goes on. So little that
  # nobody could log in and look around is refused.

  references @0 :UInt32 = 1024;
  # References that the client holds, and references of its own that it has passed on, each: at least 8.

  calls @1 :UInt32 = 2048;
  # Calls that have not returned: at least 8.

  queued @2 :Text = "8MiB";
  # How much of calls and results under way, in each direction: at least 16 KiB.

  message @3 :Text = "8MiB";
  # How long one message may be: 4 KiB or more, and with room for the list of the bundle and for `motd`; for `admin`,
  # 64 KiB.

  callsPerSecond @4 :UInt32 = 0;
  # Calls that are taken in a second: as many at once, and from then on one as soon as the rate allows. What comes faster
  # is not read until then, and not refused. 0: any; else 10 or more, so that who is next waits a tenth of a second.

  sessionsPerAccount @5 :UInt32 = 16;
  # Sessions of one account with this profile.

  ui @6 :UiQuota;
  # Of what is lent to services for panes.
}

enum Transfer {
  session @0;
  # Stays between the client and the service.

  services @1;
  # May be passed to other services of the same session, as an argument of a call.
}

enum Power {
  # What a service hands out that reaches further than itself.

  spawn @0;
  # Starts programs.

  network @1;
  # Speaks to other machines.

  keys @2;
  # Signs or deciphers with keys that are somebody else's.

  credentials @3;
  # Reads or changes what people log in with.

  accounts @4;
  # Reads or changes who may log in.

  storage @5;
  # Reads or writes files beyond a folder of its own.

  debug @6;
  # Looks into processes.

  audit @7;
  # Reads or changes what is recorded.
}

struct Remote {
  # That a service may be handed to clients, and at most how. A service that has none of this is local: no list of a
  # remote session shows it.

  transfer @0 :Transfer = session;
  # What a bundle may allow at most.

  lease @1 :Text;
  # How long a client may have it at most, after logging in or renewing. Empty: as long as its session.
}

struct Grant {
  # One line of a profile's bundle, or of what a service holds of others.

  name @0 :Text;
  # What clients ask for; the name of a service, or `session`, or `admin`: the instance's own capability to manage its
  # accounts, sessions and audit log from elsewhere, for profiles that are `elevated`. Of what a service holds, also
  # `instance` and `trace`: the instance's own, how it stands and what its sessions call.

  facet @1 :Text;
  # Which face of the service; services define their own. Empty: the ordinary one. Those of `admin` are `accounts`,
  # `sessions` and `audit`, of `instance` `metrics` and `audit`; empty: all of it.

  transfer @2 :Transfer = session;
  # Whether the client may pass it on.

  lease @3 :Text;
  # How long the client has it, after logging in or renewing; then it ends alone, and comes back with another login.
  # Empty: as long as the service allows, and its session lasts.

  ui @4 :Bool = false;
  # Whether the service may propose panes for the client's screen, when the client lends it some of that.
}

enum Strength {
  # What a proof of who somebody is is worth: each more than those before it.

  none @0;
  # Nothing was proved.

  token @1;
  # A token that is good wherever it is shown: of a device code, a workload's access token.

  password @2;
  # A secret that is told; of an identity provider's token, one bound to the instance's key alone.

  asserted @3;
  # An identity provider's word about this very connection.

  signedKey @4;
  # A private key, for this instance alone (`serverKeyBinding`).

  signed @5;
  # A private key, for this very connection: SSH keys, client certificates, assertions of service accounts.

  touched @6;
  # Likewise, and somebody was there: passkeys, and SSH keys in a security key that was touched.
}

struct Profile {
  # A bundle of capabilities, for how long, and how much of everything.

  name @0 :Text;
  # What `capos account add --profile` and clients call it.

  bundle @1 :List(Grant);
  # The capabilities. Who is in a profile without a service cannot see that it is there.

  lease @2 :Text = "8h";
  # How long a session lasts without renewal: at most 49 days.

  maxLease @3 :Text = "1d";
  # What renewal may ask for at most.

  quota @4 :Quota;
  # What its sessions may use.

  accounts @5 :Bool = true;
  # Whether accounts may be given this profile (guest and anonymous need not be among them).

  serverKeyBinding @6 :Bool = false;
  # Whether a key may prove itself over TLS by the instance's key alone, not by the channel: for clients whose library
  # cannot say more (Python's ssl, kj-tls). Who has the instance's private key could use such a proof elsewhere.

  service @7 :Bool = false;
  # Whether it is for programs: only service accounts may have it, and they may have no other. A person's account never
  # gets it, whatever proves who that is.

  unbound @8 :Bool = false;
  # Whether proofs are good here that are bound to no channel, because whoever makes them cannot know it: a login by
  # device code, a workload's access token. Whoever is told such a proof before the instance is can use it instead.

  auditCalls @9 :Bool = false;
  # Whether each call is recorded by itself: its capability, method and size. At most 200 a second, and 512 at once, go
  # through then. Without it calls are counted: a record a minute for each method.

  local @10 :Bool = false;
  # Whether it is for this machine: for accounts that come over a Unix socket, as the user who runs the instance or as
  # the superuser. Its bundle may have services that are not `remote`. Where there is one, every other has less.

  elevated @11 :Bool = false;
  # Whether its bundle may have services with `powers`.

  methods @12 :List(Text);
  # By which methods one logs in to it, by their names for `capos login --method`: key, password, certificate, passkey,
  # oidc, oidc-device, service. Empty: by each. What it demands holds for a renewal, too.

  atLeast @13 :Strength = none;
  # What the proof is worth at the least, whatever its method.

  from @14 :List(Text);
  # Where its sessions come from: as in `admission.allow`, to logins and renewals alike. At most 256; empty: from anywhere
  # that `admission` lets in.

  maxSessions @15 :UInt32 = 0;
  # Sessions at once with this profile, of whomever. Its accounts share them: one has half of them at most, who comes
  # late finds less than who came first, and whoever has none gets one while there is one. Those of guests give way to
  # accounts', and anonymous ones to both. 0: any number.

  agent @16 :Bool = false;
  # Whether it is for models and other agents: `capos mcp` takes no other session, unless it is told to share a person's.
  # Then `auditCalls` is true and `quota.callsPerSecond` is set, `maxLease` is a day at most; it is neither `elevated` nor
  # `local`, nobody proposes panes to it, and no session is raised from it or to it. Guests may have more.
}

enum Disclosure {
  pseudonym @0;
  # A name of 16 bytes for each account, the same at every login, unrelated to that at other services. It is told with
  # each caller, and when it is asked for.

  account @1;
  # The account's name, when the service asks for it.

  profile @2;
  # The session's profile, likewise.

  method @3;
  # By which method the caller has logged in, likewise.

  source @4;
  # The address that the connection came from, likewise.
}

struct Facet {
  # A face of a service, and which methods of its interface that has.

  name @0 :Text;
  # What bundles call it: one that the service has. Empty: the ordinary one, which a bundle has that names none.

  methods @1 :List(Text);
  # Its methods by name, those of inherited interfaces among them; `Interface.method` where two of them have the name.
  # Empty: all. Any other is refused (`denied.method`), by the service as well. What a method hands out is the service's
  # to decide. At most 256.
}

struct Service {
  # A process that serves one interface.

  name @0 :Text;
  # What bundles and clients call it.

  program @1 :Text;
  # Path, or a bare name that is looked up beside the daemons. None where `connect` is an address.

  arguments @2 :List(Text);
  # What the program is started with.

  interfaceId @3 :UInt64;
  # The interface that it serves: the number at the interface in its schema. Checked at start.

  title @4 :Text;
  # For people, in lists: two or three words.

  summary @5 :Text;
  # For people: a sentence.

  disclosure @6 :List(Disclosure);
  # What the service may learn about its callers.

  state @7 :Bool = false;
  # Whether it gets a directory of its own to keep things in.

  remote @8 :Remote;
  # That it may be handed to clients: `remote = ()`. Without it only a profile that is `local` has it.

  powers @9 :List(Power);
  # What it hands out that reaches further than itself: only for profiles that are `elevated`.

  facets @10 :List(Facet);
  # Its facets. Where there are some, a bundle names one of these or none; else any that the service has. At most 64.
  # With `connect` each names its methods, and there are no others.

  connect @11 :Text;
  # A Cap'n Proto server that knows nothing of the instance, which gets a connection of its own for each caller:
  # `unix:/run/calculator.sock`, `plain:127.0.0.1:4711`, or `stdio`: `program` is started for each caller, and serves on
  # its standard input and output, which are one socket. Its bootstrap object is what is granted. An address is in
  # numbers; one of another machine wants `powers = [network]`, for nothing is encrypted. Empty: `program` is a service
  # of the instance.

  schema @12 :Text;
  # With `connect`: the file that says what it serves, by its absolute path: what `capnp compile -o- FILE.capnp` prints.
  # Read when the service starts.

  grants @13 :List(Grant);
  # What it holds of other services, by name and facet alone: it asks for it when it needs it (`kit_get()`), and calls
  # come there from a caller whose kind is `service`. What is held has no more `powers` than the holder says of itself,
  # and nobody holds in a circle. It is no part of any session. Who holds `trace` says `powers = [debug]`, who holds
  # `instance` `[audit, debug]`. Not with `connect`. At most 64.
}

struct Entry {
  # How people without an account get in. Their profile lasts for an hour at most, has no powers, is not `local`, and
  # no account's profile has less.

  enabled @0 :Bool = false;
  # Whether it is open at all.

  profile @1 :Text;
  # The profile that all who come in this way have.

  maxSessions @2 :UInt32 = 64;
  # Sessions at once that came in this way, not 0. One more takes the place of the oldest of the source that has most.

  maxSessionsPerSource @3 :UInt32 = 0;
  # How many of them one source may have: a user of this machine, an IPv4 address, a /64 of IPv6. 0: all but an
  # eighth.
}

struct CertificateAuthority {
  # Who issues client certificates that are believed, as far as rules say.

  name @0 :Text;
  # What rules call it.

  certificates @1 :Text;
  # Its certificates, PEM. Instead: `file`.

  file @2 :Text;
  # A file with them, by its absolute path. Read when the instance starts, and again by `capos cert crl` and `capos
  # reload`.

  revocations @3 :Text;
  # A file with its lists of revocations (CRL), PEM, by its absolute path. Read as `file` is; sessions that a
  # certificate has made end when it is not good any more by what was read. A list that is out of date lets nobody
  # in.
}

struct CertificateRule {
  # Which certificates are whose. The first rule that a certificate meets counts. A rule wants an authority or pinned
  # keys; where it has both, both must be so, and one of the names, where it has any.

  authority @0 :Text;
  # The name of the authority that must have issued it.

  keys @1 :List(Text);
  # Its key must be one of these: `sha256:` and the base64 of the SHA-256 of its SubjectPublicKeyInfo.

  spiffe @2 :List(Text);
  # Its SPIFFE id must be one of these: `spiffe://example.org/ci`, or all below: `spiffe://example.org/ci/*`.

  dns @3 :List(Text);
  # One of its hosts must be one of these: `build.example.org`, or one label before it: `*.example.org`.

  email @4 :List(Text);
  # One of its mail addresses must be one of these: `ada@example.org`, or all of a host: `*@example.org`.

  account @5 :Text;
  # The account that it logs in to. Instead: `accountFromName`.

  accountFromName @6 :Bool = false;
  # The account is in the name that was met: what is before the @ of a mail address, the first label of a host, the
  # last part of a SPIFFE id.

  profile @7 :Text;
  # The one of the account's profiles that it gives. Empty: any of them.
}

struct Certificates {
  # Which client certificates are believed. Without rules no client is asked for one.

  authorities @0 :List(CertificateAuthority);
  # Who issues them.

  rules @1 :List(CertificateRule);
  # Whose they are.
}

struct SshAuthority {
  # Who may certify SSH keys (`ssh-keygen -s`): a key with a certificate of such an authority logs in to an account
  # that the certificate names as a principal, until the certificate expires.

  name @0 :Text;
  # What the audit log calls it.

  key @1 :Text;
  # Its public key, the line of its .pub file: `ssh-ed25519 AAAA… comment`.

  profile @2 :Text;
  # The one of the account's profiles that it gives. Empty: any of them.

  revokedSerials @3 :List(UInt64);
  # The serial numbers of certificates that are not good any more (`ssh-keygen -z`).

  revokedIds @4 :List(Text);
  # The names of such (`ssh-keygen -I`), whatever their serial numbers are.
}

enum Attestation {
  # What a new passkey shows of how it was made.

  none @0;
  # Nothing: whoever may register one may do so with any authenticator.

  self @1;
  # That its own key has signed it (format `packed`, no certificates). Browsers pass that on when they are asked for
  # attestation, and few authenticators make it.

  packed @2;
  # That its own key has signed it, or that of a certificate which it shows, as security keys have one of their maker
  # (format `packed`). Who has issued that certificate is not judged.
}

struct Passkeys {
  # Logging in by passkeys (WebAuthn). Without a relying party nobody does.

  relyingParty @0 :Text;
  # For whom they are made, a domain: `example.org`, `localhost`. Another one has none of the passkeys of the first.

  origins @1 :List(Text);
  # From where they are used, as browsers name it: `https://example.org`, `https://login.example.org:8443`: the relying
  # party, or below it; for `localhost` also `http://localhost:8080`. At most 16. A program that is its own browser
  # (`capos login --passkey-command`) names one of these, too.

  attestation @2 :Attestation = none;
  # What a new one has to show.

  aaguids @3 :List(Text);
  # The makes of authenticators that a new one may be of, as they say themselves:
  # `ee882879-721c-4913-9775-3dfcce97072a`. At most 16; empty: any. Browsers leave the make out unless it is attested, so
  # a list wants `attestation`.
}

struct OidcClaim {
  # What a claim of a token must be. Of a list one must be it.

  name @0 :Text;
  # Which one: `email_verified`, `groups`.

  value @1 :Text;
  # Its value as text: `true`, `admins`. A * at its end stands for any rest.
}

struct OidcRule {
  # Whose a token of an issuer is, where nobody has said so by `capos account identity add`.

  claims @0 :List(OidcClaim);
  # All of them must hold.

  account @1 :Text;
  # The account that it logs in to. Instead: `create`.

  create @2 :Bool = false;
  # The account is made at the first login, with `profile`. Nothing but this identity, issuer and subject, logs in to
  # it, until an administrator says otherwise. An instance that has no account makes none.

  profile @3 :Text;
  # The profile that it gives. Of an account that is there: one of its own, and empty means any of them.
}

struct OidcIssuer {
  # An identity provider (OpenID Connect) whose word is taken for who somebody is. An identity is issuer and subject
  # (`iss`, `sub`) and never a mail address.

  name @0 :Text;
  # What clients, the audit log and the names of accounts that are made call it.

  issuer @1 :Text;
  # Its URL, as its tokens have it in `iss`: compared letter by letter. `https://`.

  clientId @2 :Text;
  # Who this instance is there (`client_id`).

  clientSecretFile @3 :Text;
  # A file with this instance's secret there, if it has one: one line, by its absolute path, and closed to others. Read
  # when the instance starts, and by `capos reload`; an empty one ends the start.

  keysFile @4 :Text;
  # A file with its public keys (JSON Web Key Set), by its absolute path. Then none are fetched, and whoever has taken
  # over the process that fetches cannot say what the issuer has said. Read when the instance starts, and by `capos
  # reload`.

  loopback @5 :Bool = false;
  # Whether it may speak `http://` at 127.0.0.1 or [::1], written so: for providers on this machine.

  caFile @6 :Text;
  # A file with the certificates of who vouches for its hosts, PEM, by its absolute path. Empty: the system's.

  scopes @7 :Text = "openid";
  # What is asked for, with spaces between: rules may need `openid groups`. The first is `openid`.

  audience @8 :Text;
  # Who this instance is in access tokens (`aud`), which programs log in by. Empty: none does. They are good for a day at
  # most.

  rules @9 :List(OidcRule);
  # Whose its tokens are. The first rule that is met counts. At most 64, whose claims have 12 KiB together.
}

struct Authentication {
  # The ways in. Accounts are made by `capos account add`, not here.

  password @0 :Bool = true;
  # By an account's password.

  publicKey @1 :Bool = true;
  # By an SSH key of the account.

  guest @2 :Entry;
  # Without an account, as a guest.

  anonymous @3 :Entry;
  # Without an account, as nobody in particular.

  certificates @4 :Certificates;
  # By a client certificate, over TLS.

  sshAuthorities @5 :List(SshAuthority);
  # By an SSH key that is not the account's, but certified by one of these. Needs `publicKey`. At most 16, and with all
  # that they have revoked less than 32 KiB: eight bytes for a serial number.

  passkeys @6 :Passkeys;
  # By a passkey of the account: a key in a phone, a computer or a security key, by a WebAuthn client.

  oidc @7 :List(OidcIssuer);
  # By an identity provider: in a browser of one's own, or by a code that is typed into another. At most 16.

  revokedKeys @8 :Text;
  # A file of SSH keys that are not believed any more, whoever has them, as sshd's RevokedKeys: at most 64 KiB, which
  # nobody but its owner may write. A line each: a public key, `ssh-ed25519 AAAA... comment`, or a fingerprint, as
  # `ssh-keygen -l` shows it; what begins with `#` is a comment. Neither such a key is taken nor what it has certified.
  # The file is read at the start and by `capos reload`, which ends sessions that rest on such a key, too; one with
  # another line is refused, and nothing changes.

  revokedFingerprints @9 :List(Text);
  # The same without a file: `SHA256:` and 43 letters. Those of the file are added to it.

  passwordMemory @10 :Text = "64MiB";
  # How much memory a guess at a password costs, from 8MiB to 64MiB: what whoever has stolen the accounts must spend, and
  # what a proof takes here, as often as proofs run at once. Less is for machines that have little. A password keeps what
  # it was set with; where some have other costs than others, the time of a refusal may tell which accounts there are.
}

enum Confinement {
  basic @0;
  # No new privileges, a system call filter, resource limits, a check of open descriptors.

  full @1;
  # Also, each demanded: Landlock, namespaces without a network or files, and, where the superuser starts the
  # instance, a user of its own for each process.
}

enum Exposed {
  # What must hold before clients from elsewhere are let in (a listener that is not on loopback).

  demandFull @0;
  # Confinement `full`, whole.

  acceptBasic @1;
  # Whatever layers of it this machine has: for a container that lacks some. Said at every start.
}

struct Limits {
  # How much the instance takes upon itself.

  connections @0 :UInt32 = 1024;
  # Connections with a session at once. When there are more, anonymous sessions end first, then guests'; one of an
  # account never does. Accounts' are shared by where they come from: a user of this machine, or an address, has half of
  # them at most, and less where others are there and half is used.

  unauthenticated @1 :UInt32 = 128;
  # Connections without a session at once, beside those; beyond it the oldest of the busiest source is dropped.

  admission @2 :Text = "30s";
  # How long a connection may stay without a session.

  idleWorkers @3 :UInt32 = 2;
  # Workers kept ready.

  unauthenticatedPerSource @4 :UInt32 = 0;
  # Connections without a session of one source. 0: all but an eighth.

  memory @5 :Text;
  # How much sessions together may make the instance hold, as `"4GiB"`. Each takes, from its login to its end, what its
  # profile's quota allows it: twice `queued`, and `message`; one of each profile has to fit. Accounts share it, one has
  # half of it at most, or one session, and whoever has no account gives way. Empty: any amount.

  person @6 :Text = "10m";
  # How long somebody is waited for who has something to do while he logs in: at an identity provider, on another device,
  # with a passkey. Meanwhile the time of `admission` stands still. At most 10 minutes; a passkey's code has its own time.
}

struct Addresses {
  # Where connections may come from: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`, and `unix` for who comes by a Unix
  # socket. An IPv4 address is the same in whichever way it is written; `::/0` is IPv6 alone. At most 256 of each.

  allow @0 :List(Text);
  # From there alone. Empty: from anywhere.

  deny @1 :List(Text);
  # Not from there, whatever else is said.
}

struct Manifest {
  motd @0 :Text = "Welcome to capOS.";
  # The message of the day, which `system_info` tells. At most 16 KiB.

  services @1 :List(Service);
  # The processes that do the work.

  profiles @2 :List(Profile);
  # Who may use which of them.

  authentication @3 :Authentication;
  # How people get in.

  confinement @4 :Confinement = basic;
  # How strictly every process is confined. What `full` needs and cannot have here ends the start, unless `exposed`
  # says otherwise.

  limits @5 :Limits;
  # Of the instance as a whole.

  exposed @6 :Exposed = demandFull;
  # What a listener that others can reach demands.

  firstUser @7 :UInt32 = 1823014912;
  # In confinement `full`, of the superuser's instance: the first of the user numbers that its processes get, one
  # for each of the daemons and each service. They must belong to nobody else.

  admission @8 :Addresses;
  # Who is spoken to at all. Others' connections are closed before a word is said.
}
