@0xd81f4c6a2e95b037;
# The manifest: everything an instance is made of, in Cap'n Proto text form. A field that is not here is
# refused with its name and place. All quantities have defaults; an empty manifest `()` is valid and
# serves nobody.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("manifest");
$Go.import("capos/manifest");
$Java.package("capos");
$Java.outerClassname("ManifestSchema");

struct Quota {
  references @0 :UInt32 = 1024;
  calls @1 :UInt32 = 2048;
  queuedBytes @2 :UInt64 = 8388608;
  messageBytes @3 :UInt64 = 8388608;
  callsPerSecond @4 :UInt32 = 0;
  sessionsPerAccount @5 :UInt32 = 16;
}

enum Transfer {
  session @0;
  services @1;
}

struct Grant {
  # One line of a profile's bundle.

  name @0 :Text;
  # What clients ask for; the name of a service, or `session`.

  facet @1 :Text;
  # Which face of the service; services define their own. Empty: the ordinary one.

  transfer @2 :Transfer = session;
}

struct Profile {
  name @0 :Text;
  bundle @1 :List(Grant);
  leaseMs @2 :UInt64 = 28800000;
  # How long a session lasts without renewal. Eight hours.

  maxLeaseMs @3 :UInt64 = 86400000;
  # What renewal may ask for at most. A day.

  quota @4 :Quota;
  accounts @5 :Bool = true;
  # Whether accounts may be given this profile (guest and anonymous need not be among them).
}

enum Disclosure {
  pseudonym @0;
}

struct Service {
  # A process that serves one interface.

  name @0 :Text;
  program @1 :Text;
  # Path, or a bare name that is looked up beside the daemons.

  arguments @2 :List(Text);
  interfaceId @3 :UInt64;
  title @4 :Text;
  summary @5 :Text;
  disclosure @6 :List(Disclosure);
  # What the service may learn about its callers.

  state @7 :Bool = false;
  # Whether it gets a directory of its own to keep things in.
}

struct Entry {
  # How people without an account get in.

  enabled @0 :Bool = false;
  profile @1 :Text;
  maxSessions @2 :UInt32 = 64;
}

struct Authentication {
  password @0 :Bool = true;
  publicKey @1 :Bool = true;
  guest @2 :Entry;
  anonymous @3 :Entry;
}

enum Confinement {
  basic @0;
  # No new privileges, a system call filter, resource limits, a check of open descriptors.

  full @1;
  # Also namespaces, Landlock and a user of its own.
}

struct Limits {
  connections @0 :UInt32 = 1024;
  # Connections at once, in all.

  unauthenticated @1 :UInt32 = 128;
  # Connections without a session at once; beyond it the oldest of the busiest source is dropped.

  admissionMs @2 :UInt64 = 30000;
  # How long a connection may stay without a session.

  idleWorkers @3 :UInt32 = 2;
  # Workers kept ready.
}

struct Manifest {
  motd @0 :Text = "Welcome to capOS.";
  services @1 :List(Service);
  profiles @2 :List(Profile);
  authentication @3 :Authentication;
  confinement @4 :Confinement = basic;
  limits @5 :Limits;
}
