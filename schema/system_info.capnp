@0xfa76108ce9a3bdcf;
# What anybody may know about the instance.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("systeminfo");
$Go.import("capos/systeminfo");
$Java.package("capos");
$Java.outerClassname("SystemInfoSchema");

interface SystemInfo {
  # Reads three facts. Grants nothing else, costs nothing but the calls.

  motd @0 () -> (text :Text) $Cm.effect(reads) $Cm.title("Message of the day");
  # The message of the day, as the manifest has it. May be empty. Since 0.1.

  version @1 () -> (text :Text) $Cm.effect(reads);
  # The version of capOS: `0.1.0`. Since 0.1.

  uptime @2 () -> (seconds :UInt64) $Cm.effect(reads);
  # How long this service has been running. Since 0.1.
}
