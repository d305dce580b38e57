@0x91a1968877a8f2c0;
# Commands as data: what a service offers to be done with it, described so that a terminal, a window, a
# browser or an agent can show it, ask for the arguments and run it. A description grants nothing and
# does nothing: to run a command is to call a method of a capability that the session holds, and the
# session's policy judges that call as any other.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";

$Cxx.namespace("capos");
$Go.package("command");
$Go.import("capos/command");
$Java.package("capos");
$Java.outerClassname("CommandSchema");

annotation effect @0xc8a77c2f6d0be391 (method) :CommandEffect;
# What a method does to the world. The command line, forms and the agent runner read it; a method
# without one counts as `lasting`.

annotation title @0xd71f0a52b4c36e88 (method, field, param, enumerant) :Text;
# A label for a person, where the name does not read well.

annotation prose @0xe4b7d1936c50a82f (field) :Void;
# A text in a command's results that is all a person needs to read. A terminal shows it instead of the results; of
# several structs in each other, what the outermost has counts.

struct CommandValue {
  # One value of a cell, a field or an argument.

  union {
    none @0 :Void;
    text @1 :Text;
    int @2 :Int64;
    uint @3 :UInt64;
    number @4 :Float64;
    # Never NaN; infinities only where CommandField.min and max use them.
    flag @5 :Bool;
  }
}

struct CommandBinding {
  # A value for one place among a method's parameters.

  path @0 :Text;
  # Field names with dots between: `count`, `target.name`. At most 4 names.

  value @1 :CommandValue;
}

struct CommandChoice {
  value @0 :CommandValue;
  label @1 :Text;
  # For a person. At most 64 bytes.

  detail @2 :Text;
}

enum CommandFieldKind {
  text @0;
  integer @1;
  number @2;
  flag @3;
  choice @4;
  # One of `choices`; also for enums, where the value is the enumerant's name as text.

  instant @5;
  # Milliseconds since 1970.

  duration @6;
  # Milliseconds.

  bytes @7;
  # A size.
}

struct CommandField {
  # Something to ask a person for. There is no kind for secrets, on purpose.

  path @0 :Text;
  label @1 :Text;
  help @2 :Text;
  kind @3 :CommandFieldKind;
  required @4 :Bool;
  initial @5 :CommandValue;
  choices @6 :List(CommandChoice);
  # For `choice`. Empty: asked for by CommandSurface.complete while a person types.

  min @7 :Float64 = -inf;
  max @8 :Float64 = inf;
  maxBytes @9 :UInt32 = 4096;
  # Of a text.

  lines @10 :UInt8 = 1;
  # Height of a text's box, 1 to 24.
}

enum CommandEffect {
  # What running a command does, by the word of the service. A host may think worse of it, never
  # better.

  reads @0;
  # Changes nothing.

  own @1;
  # Changes what only this session or this account sees.

  shared @2;
  # Others see it.

  lasting @3;
  # Cannot be undone, or acts on the world outside.
}

struct CommandCall {
  # Which method of which capability a command runs.

  capability @0 :Text;
  # Its name in the bundle. Empty: the capability that published the command.

  interfaceId @1 :UInt64;
  methodId @2 :UInt16;
  # The method's ordinal.

  constants @3 :List(CommandBinding);
  # Arguments that nobody is asked for. They are shown to whoever confirms.
}

struct Command {
  id @0 :Text;
  # 1 to 32 of a-z, 0-9, dash and dot; unique in its surface.

  title @1 :Text;
  # A verb and its object. At most 48 bytes.

  summary @2 :Text;
  # One sentence. At most 160 bytes.

  group @3 :Text;
  effect @4 :CommandEffect;
  fields @5 :List(CommandField);
  enabled @6 :Bool = true;
  reason @7 :Text;
  # Why it is not enabled.

  key @8 :Text;
  # A letter the service would like for it. The host assigns keys.

  run :union {
    view @9 :Void;
    # Nothing but an event to the surface it belongs to: changes what is shown, not what is so.

    call @10 :CommandCall;
  }
}

interface CommandSurface {
  # Beside a service's own methods: an interface that has commands extends this one.

  commands @0 (known :UInt64, waitMs :UInt32) -> (revision :UInt64, commands :List(Command)) $effect(reads);
  # All commands there are now: at most 64. With a known revision, returns when there is a newer one or
  # after waitMs (at most 60,000), then with no commands and the same revision. Since 0.2.

  complete @1 (command :Text, path :Text, prefix :Text) -> (choices :List(CommandChoice)) $effect(reads);
  # What a field may be, at most 50. Since 0.2.
}
