@0xbcc2da2d2e1aed26;
# Diagnostics: what happens in an instance, in panes: its audit log as it grows, how much is called, and each call. It is
# about everybody, so only profiles that are `elevated` have it (doc/design/diagnostics.md).

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Ui = import "remote_ui.capnp";

$Cxx.namespace("capos");
$Go.package("diagnostics");
$Go.import("capos/diagnostics");
$Java.package("capos");
$Java.outerClassname("DiagnosticsSchema");

interface Diagnostics extends(Ui.UiComposer, Cm.CommandSurface) {
  # Grants: to see who calls what, how long it takes and how it ends, and what the audit log says of whom. Nothing of what
  # is called can be seen, and nothing can be changed.
  #
  # What its methods set is this session's own, and holds for all panes that it shows.

  mark @0 (label :Text) -> () $Cm.effect(own);
  # A mark in the chart, at this moment. label: at most 64 bytes. The last eight are kept.

  window @1 (seconds :UInt32) -> () $Cm.effect(own);
  # How much of the chart and of the calls is shown: 10 to 600 seconds. Errors: failed (out of range).

  slow @2 (ms :UInt32) -> () $Cm.effect(own);
  # From when on a call is slow, and shows as such: 1 to 60,000. Errors: failed (out of range).

  compact @3 (on :Bool) -> () $Cm.effect(own);
  # Whether the panes stand close: the density of this service's panes, as long as they are shown.
}
