@0xa7e05b3c914fd862;
# How the session manager talks to a service: over the socket that the service is started with. The
# service is the server, and this is its bootstrap object. One schema, one small program, one manifest
# entry make a service; in C, daemon/kit does all of this.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("servicecontrol");
$Go.import("capos/servicecontrol");
$Java.package("capos");
$Java.outerClassname("ServiceControlSchema");

struct CallerContext {
  # Who is calling, as far as a service may know.

  reference @0 :Data;
  # 16 bytes: an opaque name of the caller, made for this service alone. The same session has an
  # unrelated one at every other service.

  epoch @1 :UInt64;
  # Grows when the instance is started anew; a reference means nothing in another epoch.

  kind @2 :Kind;

  enum Kind {
    session @0;
    # A remote session.

    service @1;
    # Another service of the instance, by the manifest's `grants`. It has one reference, whoever it acts for, and
    # nothing else of it is told: what it may do is its facet's to say.
  }

  pseudonym @3 :Data;
  # 16 bytes that stay the same for one account across sessions and differ between services. Only with
  # a matching disclosure grant in the manifest; empty otherwise. ServiceHost.disclose tells the same.

  origin @4 :Data;
  # 16 bytes: the reference of the session that this one goes on from, if its client has come back
  # after its line had dropped, however often; else the same as reference. So what a service knows a
  # session by outlasts a line. Since 0.2.
}

enum CallerField {
  # What the session manager can tell of a caller; the manifest's Disclosure, same values.

  pseudonym @0;
  # A name of 16 bytes for each account, the same at every login, unrelated to that at other services.

  account @1;
  # The account's name.

  profile @2;
  # What the session was granted by.

  method @3;
  # How it was proved who that is.

  source @4;
  # The address that the connection came from.
}

struct CallerFacts {
  # What was asked for; everything else is empty. A guest and an anonymous session have no account and no pseudonym.

  account @0 :Text;
  # Its name on this instance.

  profile @1 :Text;
  # Its name in the manifest.

  method @2 :Text;
  # The name of a RemoteAuthKind.

  source @3 :Text;
  # As the gateway saw it.

  pseudonym @4 :Data;
  # 16 bytes.
}

interface ServiceHost {
  # The session manager, to one service: the bootstrap object of its side of the control connection.

  disclose @0 (reference :Data, fields :List(CallerField)) -> (caller :CallerFacts);
  # Who a caller is that has a socket to this service now. Every field has to be in the manifest's `disclosure`, or
  # nothing is told. What is told is recorded once for each session and field, and so is what is refused.
  # Errors: denied.disclosure. Since 0.1.

  get @1 (name :Text, interfaceId :UInt64) -> (end :ServiceEnd);
  # What the manifest's `grants` of this service have under a name. One connection of each name at a time: it ends when
  # either service does, when another policy grants it no more or otherwise, or with the control connection.
  # interfaceId: exactly what the other service serves.
  # end: carries the caller's socket, whose other end serves what was granted as its bootstrap object.
  # Errors: denied.unknown-name, denied.wrong-interface; failed: it is open already; of type disconnected: the other
  # service does not run yet; overloaded: try again later. Since 0.2.
}

struct MethodId {
  # A method of an interface.

  interfaceId @0 :UInt64;
  # The interface that declares it: what a call names.

  method @1 :UInt16;
  # Its number there.
}

interface ServiceEnd {
  # Carries a socket: the receiver's end of a new connection, attached as a file descriptor.
}

interface ServiceControl {
  open @0 (context :CallerContext, facet :Text, end :ServiceEnd, methods :List(MethodId)) -> ();
  # Serve a caller on the attached socket: its bootstrap object is the facet's. The caller is gone when
  # the socket is.
  # methods: those that its bootstrap object has for this caller; empty: all. Any other call on it is to be refused with
  # an exception of type failed, `denied.method`: the kit does, for the caller's worker refuses it, too, but may have
  # been taken over. What the object hands out is the service's to decide.

  describe @1 () -> (schema :Data);
  # The schema of what the service offers: a serialized message whose root is schema.capnp's
  # CodeGeneratorRequest with its nodes.
}
