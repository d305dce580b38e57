@0xd06c1d6b0f3f9a51;
# What the tests of lib/ui compose: a desk whose methods cost something of each kind.

using Cm = import "/command.capnp";
using Ui = import "/remote_ui.capnp";

enum Colour {
  red @0;
  green @1;
}

struct Place {
  row @0 :UInt8;
  label @1 :Text;
}

interface Desk extends(Ui.UiComposer) {
  read @0 (count :Int64, deep :Bool) -> (n :UInt32) $Cm.effect(reads);
  own @1 (name :Text, colour :Colour, place :Place) -> () $Cm.effect(own);
  share @2 (text :Text, to :Text) -> () $Cm.effect(shared);
  last @3 (what :Text) -> () $Cm.effect(lasting);
  mute @4 (ratio :Float64) -> ();
  # Says nothing of what it costs.

  hand @5 (thing :Capability) -> () $Cm.effect(reads);
  fail @6 () -> () $Cm.effect(reads);
  many @7 (list :List(Text), data :Data) -> () $Cm.effect(reads);
}

interface Other {
  poke @0 (n :UInt8) -> () $Cm.effect(own);
}
